"""``python -m arena``: run the server until an operator or SIGTERM stops it."""

import argparse
import asyncio
import os
import sys

from .server import LOCAL, Server


def main():
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="arena", description=__doc__)
    parser.add_argument("--host", default=LOCAL)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    options = parser.parse_args()
    token = os.environ.pop("ARENA_ADMIN_TOKEN", "")
    if not token:
        sys.exit("arena: set ARENA_ADMIN_TOKEN to a secret of your choice")
    asyncio.run(serve(options, token))


async def serve(options, token):
    """Make the server where its event loop runs, then run it."""
    await Server(token).run(options.host, options.port)


if __name__ == "__main__":
    main()
