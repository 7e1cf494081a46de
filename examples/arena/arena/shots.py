"""What goes into the thread pool and what comes out of it."""

from typing import Any, NamedTuple


class Shot(NamedTuple):
    """A trigger that was pulled; everything that the formula has to know."""

    shooter: int
    target: int
    weapon: Any  # a weapons.Weapon
    distance: float
    armour: float


class Hit(NamedTuple):
    """A shot with its damage, and the editions of formula and table that made it."""

    shooter: int
    target: int
    weapon: Any
    amount: float
    formula: int
    table: int
