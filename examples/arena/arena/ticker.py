"""Twenty ticks a second, and a safe point between two of them."""

import asyncio
import sys
import traceback
from collections import deque
from typing import NamedTuple


class Beat(NamedTuple):
    """How punctual a tick was, in seconds."""

    tick: int
    late: float
    took: float
    after_update: bool  # an update ran between the tick before and this one


class Ticker:
    """Calls `tick(number)` at a fixed rate, and errands in between.

    An errand is a function that wants the world at rest: it runs in the event loop's
    thread after one tick is complete (the pool's jobs of that tick included) and before
    the next one begins.  Ticks are due at fixed times, so what an errand takes of the
    pause between ticks costs nobody anything; what it takes beyond makes the next tick
    late, and that is measured.
    """

    def __init__(self, tick, rate=20):
        self.tick = tick
        self.period = 1 / rate
        self.number = 0
        self.failed = 0
        self.beats: list[Beat] = []
        self.errands = deque()
        self.updated = False
        self.stopping = False

    def between_ticks(self, errand):
        """Have `errand()` called at the next safe point; return a future of it."""
        future = asyncio.get_running_loop().create_future()
        self.errands.append((errand, future))
        return future

    async def run(self):
        """Tick until `stop` was called."""
        clock = asyncio.get_running_loop().time
        due = clock()
        while not self.stopping:
            due += self.period
            await asyncio.sleep(due - clock())
            began = clock()
            self.number += 1
            await self.tick_safely()
            beat = Beat(self.number, began - due, clock() - began, self.updated)
            self.beats.append(beat)
            self.updated = False
            self.run_errands()

    async def tick_safely(self):
        """Tick.  A tick that fails is logged and counted; the game goes on."""
        try:
            await self.tick(self.number)
        except Exception:
            self.failed += 1
            print(f"arena: tick {self.number} failed", file=sys.stderr)
            traceback.print_exc()

    def run_errands(self):
        """The safe point."""
        while self.errands:
            errand, future = self.errands.popleft()
            try:
                result = errand()
            except Exception as error:
                if not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(result)

    def stop(self):
        """Let `run` return after the tick that is going on."""
        self.stopping = True
