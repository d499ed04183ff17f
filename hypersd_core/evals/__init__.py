"""Quality and speed, measured: programs that print a table, then one JSON line."""
