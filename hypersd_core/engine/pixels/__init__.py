"""Pictures around the UNet: larger, in tiles, with borders that meet."""
