"""Fighters that the server plays itself, one in each room."""

from .entities import Fighter
from .shots import Shot
from .weapons import Weapon


class Sentry(Fighter):
    """Shoots at the members of its room in turn, once a second."""

    def __init__(self, ident, x=0.0, y=0.0, patience=20):
        super().__init__(ident, x, y, armour=12.0)
        self.patience = patience

    def shot(self, tick, members):
        """Return the Shot of this tick, or None."""
        if tick % self.patience or not members:
            return None
        target = members[tick // self.patience % len(members)]
        distance = self.distance_to(target)
        return Shot(self.ident, target.ident, Weapon.RIFLE, distance, target.armour)

    def describe(self):
        return super().describe() | {"sentry": True}
