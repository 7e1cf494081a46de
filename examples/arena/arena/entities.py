"""The base classes of everything that stands in a room."""

import math
from typing import NamedTuple


class Wound(NamedTuple):
    """What a hit did, and the edition of the rule (Fighter.hurt) that decided it."""

    dealt: float
    fatal: bool
    rules: int


class Entity:
    """Something with a number and a place."""

    def __init__(self, ident, x, y):
        self.ident = ident
        self.x = x
        self.y = y

    def distance_to(self, other):
        """Metres from here to `other`."""
        return math.hypot(self.x - other.x, self.y - other.y)

    def describe(self):
        """Return what may be told about it; subclasses add to what super() says."""
        return {"ident": self.ident, "place": [round(self.x, 1), round(self.y, 1)]}


class Fighter(Entity):
    """An entity that can be hurt."""

    full_health = 100.0

    def __init__(self, ident, x, y, armour):
        super().__init__(ident, x, y)
        self.armour = armour
        self.health = self.full_health

    def hurt(self, amount):
        """Take `amount` of damage; return what came of it."""
        self.health -= amount
        return Wound(amount, self.health <= 0, 1)

    def revive(self):
        """Stand up again after a fatal wound."""
        self.health = self.full_health

    def describe(self):
        return super().describe() | {"health": round(self.health, 1)}
