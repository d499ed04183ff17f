"""The command line: ``imagine`` draws, ``models`` tells what there is to draw with."""
