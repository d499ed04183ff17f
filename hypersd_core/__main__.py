"""``python -m hypersd_core``: draw without Discord, and look at what there is to draw with."""

import argparse
import sys

from hypersd_core.commands import imagine, models
from hypersd_core.errors import HyperSDError
from hypersd_core.settings import Settings


def main() -> int:
    """Return 0, or 2 after one sentence on standard error when something cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m hypersd_core", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    imagine.add_parser(commands)
    models.add_parser(commands)
    args = parser.parse_args()
    try:
        return int(args.run(args, Settings.read()))
    except HyperSDError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
