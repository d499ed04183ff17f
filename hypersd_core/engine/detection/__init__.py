"""What a file is, told by its header: kind, family, layout. No torch."""
