"""``python -m hypersd_core``: draw without Discord, and look at what there is to draw with."""

import argparse
import io
import logging
import os
import sys

from hypersd_core.commands import imagine, models
from hypersd_core.errors import HyperSDError
from hypersd_core.settings import Settings

EXIT_REFUSED, EXIT_STOPPED = 2, 130


def main() -> int:
    """Return 0, or 2 after one sentence on standard error when something cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m hypersd_core", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    imagine.add_parser(commands)
    models.add_parser(commands)
    args = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)  # what matters here is printed by the commands
    _print_what_the_terminal_cannot_show_as_questions()
    try:
        return int(args.run(args, Settings.read()))
    except HyperSDError as error:
        print(error, file=sys.stderr)
        return EXIT_REFUSED
    except KeyboardInterrupt:
        return EXIT_STOPPED
    except BrokenPipeError:  # whoever read the list has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _print_what_the_terminal_cannot_show_as_questions() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
