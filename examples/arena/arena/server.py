"""Puts the parts of the server together, starts and stops them."""

import asyncio
import json
import signal

from .admin import Admin
from .auditor import Auditor
from .sessions import Sessions
from .ticker import Ticker
from .world import World

LOCAL = "127.0.0.1"


class Server:
    """The whole server; `run` returns when an operator or SIGTERM stopped it."""

    def __init__(self, token):
        self.world = World()
        self.sessions = Sessions(self.world)
        self.ticker = Ticker(self.world.tick)
        self.auditor = Auditor()
        self.admin = Admin(self, token)

    async def run(self, host, port):
        """Serve; print the ports as one JSON line when players may come."""
        players = await asyncio.start_server(
            self.sessions.serve, host, port, backlog=1024
        )
        admin = await asyncio.start_server(self.admin.serve, LOCAL, 0)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.ticker.stop)
        self.auditor.thread.start()
        ports = {"port": port_of(players), "admin": port_of(admin)}
        print(json.dumps(ports), flush=True)
        try:
            await self.ticker.run()
        finally:
            players.close()
            admin.close()
            self.auditor.close()
            self.world.close()


def port_of(server):
    """The port that the system picked."""
    return server.sockets[0].getsockname()[1]
