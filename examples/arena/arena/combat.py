"""Resolves shots in a thread pool."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from .formula import damage, make_resolver
from .weapons import WEAPONS


class Combat:
    """Owns the pool, and for all its life the one closure that its threads run."""

    def __init__(self, threads=2, scale=1.0):
        self.threads = threads
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="combat")
        self.resolve = make_resolver(scale)

    async def fire(self, shots):
        """Return the Hits of `shots`, which the pool's threads share out."""
        loop = asyncio.get_running_loop()
        parts = [shots[start :: self.threads] for start in range(self.threads)]
        jobs = [
            loop.run_in_executor(self.pool, self.resolve, part)
            for part in parts
            if part
        ]
        return [hit for part in await asyncio.gather(*jobs) for hit in part]

    def preview(self, weapon, distance, armour):
        """What a shot would do, for the weapon cards of the user interface."""
        return damage(WEAPONS[weapon], distance, armour)

    def close(self):
        """Let the threads finish and go."""
        self.pool.shutdown(wait=True, cancel_futures=True)
