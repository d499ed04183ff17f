"""Files to a loaded model: found and checked by names and shapes first, then read."""
