"""What fits the device, what stays loaded, and where weights rest."""
