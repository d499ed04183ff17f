"""``python -m sandbox``: serve until interrupted."""

import argparse
import asyncio
import ipaddress
import os
import sys

from sandbox.server import DEFAULT_PORT, Sandbox

EXIT_CANNOT_LISTEN = 2


def main() -> int:
    """Run the server and return the exit status."""
    options = _parse_arguments()
    try:
        asyncio.run(_serve(options.host, options.port))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        print(f"Cannot listen on {options.host}:{options.port}: {reason}.", file=sys.stderr)
        return EXIT_CANNOT_LISTEN
    except KeyboardInterrupt:
        pass
    return 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free port")
    parser.add_argument(
        "--public",
        action="store_true",
        help="allow an address that other machines can reach; nothing here checks a password",
    )
    options = parser.parse_args()
    if not options.public and not _is_loopback(options.host):
        parser.error(f"{options.host} is not a loopback address; --public allows it")
    return options


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _serve(host: str, port: int) -> None:
    async with Sandbox(host=host, port=port) as sandbox:
        print(f"Open {sandbox.url} in a browser. Interrupt (Ctrl+C) to stop.", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
