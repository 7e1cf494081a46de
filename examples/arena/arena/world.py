"""All rooms, and what happens in a tick."""

import random

from . import ladder
from .combat import Combat
from .events import emit
from .players import ROSTER, Player
from .rooms import Room

ROOM_SIZE = 10
LADDER_EVERY = 5  # ticks


class World:
    """The state of the game.  Only the event loop's thread touches it."""

    def __init__(self):
        self.combat = Combat()
        self.rooms = []
        self.joined = 0
        self.best = ""
        self.ladder_job = None
        self.dice = random.Random(1)

    def join(self, name, send):
        """Make a player, put it into the first room with a free place."""
        self.joined += 1
        place = self.dice.uniform(0, 25), self.dice.uniform(0, 25)
        player = Player(self.joined, name, *place)
        ROSTER[player.ident] = player
        self.room_for_one().enter(player, send)
        return player

    def room_for_one(self):
        """Return a room that is not full."""
        for room in self.rooms:
            if len(room.members) < ROOM_SIZE:
                return room
        self.rooms.append(Room(len(self.rooms)))
        return self.rooms[-1]

    def leave(self, player):
        """Forget `player`; twice is once."""
        ROSTER.pop(player.ident, None)
        for room in self.rooms:
            room.leave(player)

    async def tick(self, number):
        """Collect shots, resolve them in the pool, apply the hits, tell everybody."""
        shots = [(room, shot) for room in self.rooms for shot in room.shots(number)]
        where = {shot.shooter: room for room, shot in shots}
        for hit in await self.combat.fire([shot for _, shot in shots]):
            where[hit.shooter].apply(hit, emit)
        self.consult_ladder(number)
        for room in self.rooms:
            room.broadcast(number, self.best)

    def consult_ladder(self, number):
        """Fetch the ladder's answer if there is one; ask again every few ticks."""
        if self.ladder_job is not None and self.ladder_job.done():
            self.best = self.ladder_job.result()
            self.ladder_job = None
        if self.ladder_job is None and number % LADDER_EVERY == 0:
            self.ladder_job = self.combat.pool.submit(ladder.best_weapon)

    def close(self):
        """Stop the threads."""
        self.combat.close()
