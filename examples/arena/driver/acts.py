"""The acts: what is edited and reloaded, or handed in as a hotfix; what should come of it.

An act is data; `play` plays any of them.  The editions that are expected afterwards are
(formula, table, rules): literals in the functions `damage` and `Fighter.hurt` and in
each row of the table, see the server's source.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from .edits import Edit


class Editions(NamedTuple):
    """Which code and which table made a hit."""

    formula: int
    table: int
    rules: int


@dataclass(frozen=True)
class Act:
    """One update, and what is expected of it.

    It is a reload of `modules` after `edits`; or a hotfix with the snippet `fix`, a file in
    the folder fixes; or it undoes the act of the name `undoes`, which changed `modules`.

    A broken one raises `error`, with `cause`: the exception in which the new code ended,
    or the code of a refusal; `place` is the file and the line that are named for it.
    `samples` are the answers that the server's exhibits give afterwards, worked out by
    hand from the new source; those that are not named are expected to be what they were:
    before this act, or before the act that was undone.
    """

    name: str
    title: str
    editions: Editions
    edits: tuple[Edit, ...] = ()
    modules: tuple[str, ...] = ()
    fix: str = ""
    undoes: str = ""
    error: str = "PrepareError"
    cause: str = ""
    place: tuple[str, int] = ("", 0)
    samples: dict[str, str] = field(default_factory=dict)

    @property
    def broken(self):
        """Whether the update is expected to fail."""
        return bool(self.cause)

    @property
    def kind(self):
        """What the server calls it."""
        return "hotfix" if self.fix else "undo" if self.undoes else "reload"


FIRST = Editions(formula=1, table=1, rules=1)

BALANCE = Act(
    name="1",
    title="a balance change: a table of data, and a formula that others imported",
    edits=(
        Edit(
            "weapons.py",
            (
                (
                    "PISTOL: Stats(damage=12.0, reach=30.0, table=1)",
                    "PISTOL: Stats(damage=14.0, reach=30.0, table=2)",
                ),
                (
                    "SHOTGUN: Stats(damage=28.0, reach=12.0, table=1)",
                    "SHOTGUN: Stats(damage=26.0, reach=15.0, table=2)",
                ),
                ("reach=80.0, table=1", "reach=80.0, table=2"),
            ),
        ),
        Edit(
            "formula.py",
            (
                ("        return 0.0, 1\n", "        return 0.0, 2\n"),
                (
                    "    return max(1.0, row.damage - armour / 2), 1\n",
                    "    falloff = 1 - distance / (2 * row.reach)\n"
                    "    return max(1.0, row.damage * falloff - armour / 2), 2\n",
                ),
                (
                    "            amount = round(amount * scale, 1)\n",
                    "            if shot.distance < 2:\n"
                    "                amount *= 2  # point-blank\n"
                    "            amount = round(amount * scale, 1)\n",
                ),
            ),
        ),
    ),
    modules=("arena.weapons", "arena.formula"),
    editions=Editions(formula=2, table=2, rules=1),
    samples={
        "pistol, 20 m, armour 6": "6.3 (formula 2)",
        "pistol, 10 m, by the partial": "8.7 (formula 2)",
        "pistol, 10 m, by a default argument": "8.7",
        "pistol, 20 m, by an imported name": "6.3 (formula 2)",
        "shotgun, 10 m, by a pool thread": "14.3 (formula 2, table 2)",
    },
)

CONTENT = Act(
    name="2",
    title="three modules at once: an Enum member, a base class, a method",
    edits=(
        Edit(
            "weapons.py",
            (
                (
                    '    RIFLE = "rifle"\n',
                    '    RIFLE = "rifle"\n    RAILGUN = "railgun"\n',
                ),
                (
                    "    reach: float  # metres\n    table: int\n",
                    "    reach: float  # metres\n    table: int\n    pierce: float = 0.0\n",
                ),
                ("reach=30.0, table=2", "reach=30.0, table=3"),
                ("reach=15.0, table=2", "reach=15.0, table=3"),
                (
                    "reach=80.0, table=2),\n",
                    "reach=80.0, table=3),\n    Weapon.RAILGUN: "
                    "Stats(damage=30.0, reach=60.0, table=3, pierce=0.8),\n",
                ),
            ),
        ),
        Edit(
            "entities.py",
            (
                (
                    "class Fighter(Entity):\n",
                    "class Shielded(Entity):\n"
                    '    """An entity with a shield that wears off."""\n'
                    "\n"
                    "    # In the class, so that those who are here already have one.\n"
                    "    shield = 50.0\n"
                    "\n"
                    "    def soften(self, amount):\n"
                    '        """Let the shield take half; return what is left."""\n'
                    "        taken = min(self.shield, amount / 2)\n"
                    "        self.shield -= taken\n"
                    "        return amount - taken\n"
                    "\n"
                    "    def describe(self):\n"
                    '        return super().describe() | {"shield": self.shield}\n'
                    "\n\n"
                    "class Fighter(Shielded):\n",
                ),
                (
                    "        self.health -= amount\n"
                    "        return Wound(amount, self.health <= 0, 1)\n",
                    "        amount = self.soften(amount)\n"
                    "        self.health -= amount\n"
                    "        return Wound(amount, self.health <= 0, 2)\n",
                ),
            ),
        ),
        Edit(
            "players.py",
            (
                (
                    '{"name": self.name, "score": self.score}\n',
                    "{\n"
                    '            "name": self.name,\n'
                    '            "score": self.score,\n'
                    '            "title": self.title(),\n'
                    "        }\n"
                    "\n"
                    "    def title(self):\n"
                    '        """What the others call it."""\n'
                    '        return "ace" if self.score >= 10 else "rookie"\n',
                ),
            ),
        ),
    ),
    modules=("arena.weapons", "arena.entities", "arena.players"),
    editions=Editions(formula=2, table=3, rules=2),
    samples={
        "shotgun, 10 m, by a pool thread": "14.3 (formula 2, table 3)",
        "20 points to a sentry, by a bound method": "10.0 (rules 2)",
        "weapons": "PISTOL SHOTGUN RIFLE RAILGUN",
        "what player 1 tells of itself": "ident place shield health name score title",
        "classes of player 1": "Player < Fighter < Shielded < Entity",
    },
)

THREE_AGAIN = ("arena.weapons", "arena.formula", "arena.players")

RAISES = Act(
    name="3a",
    title="a broken edit: the third module of three raises",
    edits=(
        Edit(
            "weapons.py",
            (
                ("reach=30.0, table=3", "reach=35.0, table=4"),
                ("reach=15.0, table=3", "reach=15.0, table=4"),
                ("reach=80.0, table=3", "reach=80.0, table=4"),
                ("reach=60.0, table=3", "reach=60.0, table=4"),
            ),
        ),
        Edit(
            "formula.py",
            (
                ("        return 0.0, 2\n", "        return 0.0, 3\n"),
                (
                    "falloff - armour / 2), 2\n",
                    "falloff - armour * (1 - row.pierce) / 2), 3\n",
                ),
            ),
        ),
        Edit(
            "players.py",
            (
                (
                    "\n\nclass Player(Fighter):\n",
                    'TITLES = {0: "rookie", 5: "regular", 20: "ace"}\n'
                    "STEPS = sorted(TITEL, reverse=True)\n"
                    "\n\nclass Player(Fighter):\n",
                ),
                (
                    '        return "ace" if self.score >= 10 else "rookie"\n',
                    "        step = next(step for step in STEPS if step <= self.score)\n"
                    "        return TITLES[step]\n",
                ),
            ),
        ),
    ),
    modules=THREE_AGAIN,
    editions=CONTENT.editions,
    cause="NameError",
    place=("players.py", 13),
)

NO_SYNTAX = Act(
    name="3b",
    title="a broken repair: now the third module does not even compile",
    edits=(
        Edit(
            "players.py",
            (("sorted(TITEL, reverse=True)", "sorted(TITLES, reverse=True"),),
        ),
    ),
    modules=THREE_AGAIN,
    editions=CONTENT.editions,
    cause="SyntaxError",
    place=("players.py", 13),
)

REPAIRED = Act(
    name="4",
    title="repaired and applied",
    edits=(
        Edit(
            "players.py",
            (("sorted(TITLES, reverse=True", "sorted(TITLES, reverse=True)"),),
        ),
    ),
    modules=THREE_AGAIN,
    editions=Editions(formula=3, table=4, rules=2),
    samples={
        "pistol, 20 m, armour 6": "7.0 (formula 3)",
        "pistol, 10 m, by the partial": "9.0 (formula 3)",
        "pistol, 10 m, by a default argument": "9.0",
        "pistol, 20 m, by an imported name": "7.0 (formula 3)",
        "shotgun, 10 m, by a pool thread": "14.3 (formula 3, table 4)",
    },
)

FIX = Act(
    name="5a",
    title="a hotfix: players die too fast",
    fix="fix_1042.py",
    editions=Editions(formula=4, table=4, rules=3),
    samples={
        "pistol, 20 m, armour 6": "5.0 (formula 4)",
        "pistol, 10 m, by the partial": "6.6 (formula 4)",
        "pistol, 10 m, by a default argument": "6.6",
        "pistol, 20 m, by an imported name": "5.0 (formula 4)",
        "shotgun, 10 m, by a pool thread": "10.9 (formula 4, table 4)",
        "20 points to a sentry, by a bound method": "8.0 (rules 3)",
        "a victim, after the callback": "100 health, 50 shield",
    },
)

FIX_RAISES = Act(
    name="5b",
    title="a broken hotfix: it changes what it can get hold of, then it raises",
    fix="fix_1043.py",
    editions=FIX.editions,
    cause="NameError",
    place=("fix_1043", 35),
)

FIX_UNBOUND = Act(
    name="5c",
    title="a hotfix whose code reads a name that nobody binds",
    fix="fix_1044.py",
    editions=FIX.editions,
    error="RefusedError",
    cause="RSL741",
    place=("fix_1044", 13),
)

UNDONE = Act(
    name="5d",
    title="undo of the fix in act 5a",
    undoes="5a",
    modules=("arena.formula", "arena.entities", "arena.players"),
    editions=REPAIRED.editions,
)

RELOADS = (BALANCE, CONTENT, RAISES, NO_SYNTAX, REPAIRED)
HOTFIXES = (FIX, FIX_RAISES, FIX_UNBOUND, UNDONE)
ACTS = RELOADS + HOTFIXES
