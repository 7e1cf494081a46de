"""The operator's connection: JSON lines, on the loopback interface only.

The first line must be ``{"token": ...}``, with what the environment variable
ARENA_ADMIN_TOKEN said when the server was started: on a shared machine the loopback
interface alone guards nothing.  Each further line is ``{"do": command, ...}`` and gets
one line as its answer.

Every command, `reload`, `hotfix` and `undo` first of all, is an errand of the ticker: it runs in the event
loop's thread between two ticks.  resoul would not need that.  An update is one instant
for all threads whenever it comes.  But a tick takes longer than an instant: it awaits
jobs in the thread pool, and an update that came in the middle would let one half of a
tick's hits be worked out by the old formula and the other half by the new one.  Where
one unit of work ends and the next begins, only the program knows, so the program picks
the moment.  A thread of its own would gain nothing either: the bulk of an update is
running Python code, which wants the same GIL.
"""

import ipaddress
import json
import secrets
from dataclasses import asdict

from . import reloading
from .contents import live_state
from .exhibits import Exhibits


class Admin:
    """Serves operators.  `server` is a server.Server."""

    def __init__(self, server, token):
        self.server = server
        self.token = token
        self.exhibits = None
        self.commands = {
            "reload": self.reload,
            "hotfix": self.hotfix,
            "undo": self.undo,
            "look": self.look,
            "totals": self.totals,
            "over": self.over,
            "stop": self.stop,
        }

    async def serve(self, reader, writer):
        """Callback of asyncio.start_server."""
        try:
            if await self.trusted(reader, writer):
                async for line in reader:
                    answer = await self.obey(json.loads(line))
                    writer.write(json.dumps(answer).encode() + b"\n")
                    await writer.drain()
                    if answer.get("stopping"):
                        self.server.ticker.stop()
        except (ConnectionError, ValueError) as error:
            print(f"arena: admin connection: {error!r}", flush=True)
        finally:
            writer.close()

    async def trusted(self, reader, writer):
        """Whether this is a local process that knows the token."""
        if not ipaddress.ip_address(writer.get_extra_info("peername")[0]).is_loopback:
            return False
        given = str(json.loads(await reader.readline() or b"{}").get("token", ""))
        return secrets.compare_digest(given.encode(), self.token.encode())

    async def obey(self, order):
        """Run a command at the ticker's next safe point; return its answer."""
        name = order.pop("do", None)
        command = self.commands.get(name)
        if command is None:
            known = ", ".join(sorted(self.commands))
            return {"error": f"unknown command {name!r}, there are: {known}"}
        try:
            return await self.server.ticker.between_ticks(lambda: command(**order))
        except Exception as error:  # an operator's mistake must not stop the game
            return {"error": f"{name}: {type(error).__name__}: {error}"}

    def reload(self, modules, engine="resoul"):
        """Update `modules` from their source files."""
        return self.update("reload", modules, engine)

    def hotfix(self, path, engine="resoul", compare=False):
        """Run the snippet in the file `path`.

        If `compare`, the answer has the contents of the live state right before and after
        it, too: in the same errand, so that the game has changed nothing in between.
        """
        if not compare:
            return self.update("hotfix", path, engine)
        world = self.server.world
        before = live_state(world)
        answer = self.update("hotfix", path, engine)
        return answer | {"contents": [before, live_state(world)]}

    def undo(self, modules, engine="resoul"):
        """Take back the latest update, which concerned `modules`."""
        return self.update("undo", modules, engine)

    def update(self, kind, what, engine):
        """Return what came of it, see reloading, and the time that another thread had
        to wait for its turn meanwhile."""
        self.server.ticker.updated = True
        auditor = self.server.auditor
        with auditor.watching(snippet=kind == "hotfix"):
            answer = reloading.update(kind, what, engine)
        return answer | {"waited_ns": auditor.waited[True]}

    def look(self):
        """Return identities, samples and the fingerprint, see exhibits."""
        if self.exhibits is None:
            first = min(self.server.sessions.open, key=lambda one: one.player.ident)
            self.exhibits = Exhibits(self.server.world, first)
        return {
            "identities": self.exhibits.identities(),
            "samples": self.exhibits.samples(),
            "fingerprint": self.exhibits.fingerprint(),
            "tick": self.server.ticker.number,
            "connections": len(self.server.sessions.open),
        }

    def totals(self):
        """Return traffic, punctuality and what the auditor saw."""
        return {
            "traffic": asdict(self.server.sessions.traffic),
            "open": len(self.server.sessions.open),
            "beats": [list(beat) for beat in self.server.ticker.beats],
            "failed_ticks": self.server.ticker.failed,
            "period": self.server.ticker.period,
            "auditor": self.server.auditor.report(),
        }

    def over(self):
        """End the match; players say good-bye on their own time."""
        return {"told": self.server.sessions.over()}

    def stop(self):
        """Shut the server down when this answer is on its way."""
        return {"stopping": True}
