"""Those who are connected, and what they are told to do."""

from .entities import Fighter
from .events import on
from .formula import damage
from .shots import Shot
from .weapons import WEAPONS, Weapon

ROSTER: dict[int, "Player"] = {}  # state: everybody who plays right now

STEP = 3.0  # metres that a player can walk in one order


class Player(Fighter):
    """A fighter that follows the orders which come in over its connection."""

    def __init__(self, ident, name, x, y):
        super().__init__(ident, x, y, armour=4.0 + ident % 5)
        self.name = name
        self.score = 0
        self.trophies = {}  # weapon -> the latest whom it beat, by number
        self.weapon = Weapon.PISTOL
        self.trigger = None  # the number of whom to shoot at in the next tick

    def obey(self, order):
        """Take an order from the network; return whether it made sense."""
        try:
            if "move" in order:
                self.walk(*order["move"])
            if "fire" in order:
                self.trigger = int(order["fire"])
                self.weapon = Weapon[order["with"]]
        except (KeyError, TypeError, ValueError):
            return False
        return True

    def walk(self, dx, dy):
        """Go up to STEP metres in each direction."""
        self.x += max(-STEP, min(STEP, float(dx)))
        self.y += max(-STEP, min(STEP, float(dy)))

    def shot(self):
        """Return the Shot that was ordered since the last tick, or None."""
        target = ROSTER.get(self.trigger)
        self.trigger = None
        if target is None or target is self:
            return None
        distance = self.distance_to(target)
        return Shot(self.ident, target.ident, self.weapon, distance, target.armour)

    def threat(self, distance, formula=damage):
        """How much the weapon in hand would do to an average player."""
        return formula(WEAPONS[self.weapon], distance, 6.0)[0]

    def describe(self):
        return super().describe() | {"name": self.name, "score": self.score}


@on("kill")
def award(shooter, victim):
    """A kill is a point for the shooter, if it is a player, and a new start."""
    if isinstance(shooter, Player):
        shooter.score += 1
        beaten = shooter.trophies.setdefault(shooter.weapon.name, [])
        beaten.append(victim.ident)
        del beaten[:-3]
    victim.revive()
