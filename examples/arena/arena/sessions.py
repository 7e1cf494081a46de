"""Connections of players: JSON lines over TCP, numbered in both directions.

Each message carries ``n``, which counts from 1 for each direction of each connection, so
that either side sees at once what was lost, doubled or overtaken.

=============  ====================================================================
to the server  ``{"n", "join"}`` first; ``{"n", "move", "fire", "with"}`` orders;
               ``{"n", "bye": {"sent", "received"}}`` as the answer to "over"
to the player  ``{"n", "welcome"}`` first; ``{"n", "tick", "hits", ...}`` each tick;
               ``{"n", "over"}`` when the match is over;
               ``{"n", "bye": {"sent", "received"}}`` as the last one
=============  ====================================================================
"""

import asyncio
import json
from dataclasses import dataclass

SLOW_READER = 1 << 20  # bytes that may wait for a player before it is thrown out


@dataclass
class Traffic:
    """Totals over all sessions; `lost` is what one side sent and the other never saw."""

    accepted: int = 0
    farewells: int = 0
    broken: int = 0
    received: int = 0
    sent: int = 0
    lost: int = 0
    out_of_order: int = 0
    nonsense: int = 0


class Session:
    """One connection."""

    def __init__(self, world, reader, writer):
        self.world = world
        self.reader = reader
        self.writer = writer
        self.player = None
        self.obey = None  # the player's bound method, held as long as the session lives
        self.received = 0
        self.last = 0  # the number of the latest message
        self.sent = 0
        self.out_of_order = 0
        self.nonsense = 0
        self.claims = None  # what the player says it sent and received

    def send(self, body):
        """Send the JSON object `body` (bytes) with the next number put into it."""
        if self.writer.transport.get_write_buffer_size() > SLOW_READER:
            self.writer.transport.abort()
            return
        self.sent += 1
        self.writer.write(b'{"n":%d,%b\n' % (self.sent, body[1:]))

    async def run(self):
        """Serve until the player said good-bye or the connection broke."""
        async for line in self.reader:
            message = json.loads(line)
            self.received += 1
            self.out_of_order += message["n"] != self.last + 1
            self.last = message["n"]
            if self.obey is None:
                self.meet(str(message["join"]))
            elif "bye" in message:
                self.claims = message["bye"]
                self.part()
                await self.writer.drain()
                return
            else:
                self.nonsense += not self.obey(message)

    def meet(self, name):
        """Make a player of that name."""
        self.player = self.world.join(name, self.send)
        self.obey = self.player.obey
        self.send(b'{"welcome":%d}' % self.player.ident)

    def part(self):
        """Say the last word: what was sent, this message included, and received."""
        self.world.leave(self.player)
        self.send(b'{"bye":{"sent":%d,"received":%d}}' % (self.sent + 1, self.received))


class Sessions:
    """All connections, and the totals of those that are over."""

    def __init__(self, world):
        self.world = world
        self.open = {}
        self.traffic = Traffic()

    async def serve(self, reader, writer):
        """Callback of asyncio.start_server."""
        session = Session(self.world, reader, writer)
        self.open[session] = asyncio.current_task()
        self.traffic.accepted += 1
        try:
            await session.run()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # counted as broken below, because there was no good-bye
        except (ValueError, KeyError, TypeError) as error:
            print(f"arena: {session.player}: not our protocol: {error!r}", flush=True)
        finally:
            del self.open[session]
            if session.player is not None:
                self.world.leave(session.player)
            self.count(session)
            writer.close()

    def count(self, session):
        """Add a finished session to the totals."""
        traffic = self.traffic
        traffic.received += session.received
        traffic.sent += session.sent
        traffic.out_of_order += session.out_of_order
        traffic.nonsense += session.nonsense
        if session.claims is None:
            traffic.broken += 1
            return
        traffic.farewells += 1
        traffic.lost += abs(session.claims["sent"] - session.received)
        # The good-bye that was sent since is not in the player's count yet.
        traffic.lost += abs(session.sent - 1 - session.claims["received"])

    def over(self):
        """End the match: no more ticks for anyone, each player may say good-bye."""
        for session in self.open:
            if session.player is not None:
                self.world.leave(session.player)
                session.send(b'{"over":true}')
        return len(self.open)
