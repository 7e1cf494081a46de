"""The weapons and their numbers.

Reloading: a game server keeps its data by default, which is right for scores and
rosters.  This table is no state, though: nobody writes to it while the game runs, and a
balance change that is kept out is no balance change.  So the module says for itself
that the table follows the source.  The alternative, ``take=["arena.weapons.WEAPONS"]``
at each reload, has to be remembered by whoever is on duty that night.
"""

from dataclasses import dataclass
from enum import Enum

_reload_data = {"WEAPONS"}


class Weapon(Enum):
    """What a fighter can hold.  Players keep members of it, so members must stay."""

    PISTOL = "pistol"
    SHOTGUN = "shotgun"
    RIFLE = "rifle"


@dataclass(frozen=True)
class Stats:
    """A row of the table.  `table` is the edition of the table that it belongs to."""

    damage: float
    reach: float  # metres
    table: int


WEAPONS = {
    Weapon.PISTOL: Stats(damage=12.0, reach=30.0, table=1),
    Weapon.SHOTGUN: Stats(damage=28.0, reach=12.0, table=1),
    Weapon.RIFLE: Stats(damage=18.0, reach=80.0, table=1),
}
