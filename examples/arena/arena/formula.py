"""How much a shot hurts.

The edition of the formula is a literal inside the function, not a global of the module:
so it can be neither newer nor older than the code around it, and a hit tells for sure
which code made it.
"""

from .shots import Hit
from .timing import timed
from .weapons import WEAPONS


@timed
def damage(row, distance, armour):
    """Return the damage of one shot and the edition of this formula."""
    if distance > row.reach:
        return 0.0, 1
    return max(1.0, row.damage - armour / 2), 1


def make_resolver(scale):
    """Return the function that the pool's threads call; `scale` is the difficulty."""

    def resolve(shots):
        hits = []
        for shot in shots:
            row = WEAPONS[shot.weapon]
            amount, edition = damage(row, shot.distance, shot.armour)
            amount = round(amount * scale, 1)
            hits.append(
                Hit(shot.shooter, shot.target, shot.weapon, amount, edition, row.table)
            )
        return hits

    return resolve
