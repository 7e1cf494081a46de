"""Fix 1044: headshots.  It forgot to import something."""

from arena import formula
from arena.timing import timed

original = formula.damage


@timed
def damage(row, distance, armour):
    """Return the damage of one shot and the edition of this formula."""
    amount, _ = original(row, distance, armour)
    return amount * (2 if random.random() < 0.1 else 1), 6


formula.damage = damage
