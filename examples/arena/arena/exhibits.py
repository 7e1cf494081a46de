"""Things that a sceptic holds on to while the server is updated.

The references are taken once, when the first question comes in, the way programs take
them: names imported, a bound method, a callback in a list, a class in a dict, a closure
that threads run.  `identities` then says for each whether it is still the very object
that the module has under that name; `samples` calls some of them; `fingerprint` lists
the identity of everything that the package's modules and classes contain.
"""

import gc
import sys
import types
from functools import partial

from . import combat, entities, events, formula, players, rooms, timing, weapons
from .formula import damage
from .sentries import Sentry
from .shots import Shot
from .weapons import WEAPONS, Weapon


class Exhibits:
    """Takes its references when it is made; at least one player must be there."""

    def __init__(self, world, session):
        self.world = world
        self.session = session
        self.player = session.player
        self.formulas = {"damage": damage}
        self.classes = {"player": players.Player, "fighter": entities.Fighter}
        self.at_ten_metres = partial(damage, distance=10.0, armour=6.0)
        self.describe = self.player.describe
        self.sentry = Sentry(0)
        self.blow = self.sentry.hurt
        self.callback = events.HANDLERS["kill"][0]
        self.default = players.Player.threat.__defaults__[0]
        self.member = Weapon.SHOTGUN
        self.resolve = world.combat.resolve
        self.roster = players.ROSTER

    def pairs(self):
        """Yield (what it is, the held object, the one that the program has now)."""
        player = self.player
        yield "function imported by name", combat.damage, formula.damage
        yield "function in a dict", self.formulas["damage"], formula.damage
        yield "function in a partial", self.at_ten_metres.func, formula.damage
        yield "function as a default argument", self.default, formula.damage
        yield "method bound to a player", self.describe.__func__, type(player).describe
        yield "method bound to a sentry", self.blow.__func__, entities.Fighter.hurt
        yield "method held by a session", self.session.obey.__func__, type(player).obey
        yield "callback in the registry", self.callback, players.award
        yield "closure run by pool threads", self.resolve, self.world.combat.resolve
        yield "class in a dict", self.classes["player"], players.Player
        yield "class of a player", type(player), players.Player
        yield "base class", self.classes["fighter"], entities.Fighter
        yield "base of a class elsewhere", Sentry.__mro__[1], entities.Fighter
        yield "Enum member", self.member, weapons.Weapon.SHOTGUN
        yield "key of the table", [*WEAPONS][1], weapons.Weapon.SHOTGUN
        yield "table imported by name", combat.WEAPONS, weapons.WEAPONS
        yield "player in the roster", player, players.ROSTER.get(player.ident)
        yield "roster imported by name", rooms.ROSTER, players.ROSTER

    def identities(self):
        """Return [what, id of the held object, id of the program's] for each."""
        return [[what, id(held), id(now)] for what, held, now in self.pairs()]

    def samples(self):
        """Return {what is tried: what came out}, through held references only."""
        return {
            "pistol, 20 m, armour 6": tried(self.pistol),
            "pistol, 10 m, by the partial": tried(self.pistol_near),
            "pistol, 10 m, by a default argument": tried(self.pistol_default),
            "pistol, 20 m, by an imported name": tried(self.card),
            "shotgun, 10 m, by a pool thread": tried(self.shotgun),
            "20 points to a sentry, by a bound method": tried(self.hit),
            "weapons": tried(lambda: " ".join(weapon.name for weapon in Weapon)),
            "what player 1 tells of itself": tried(lambda: " ".join(self.describe())),
            "classes of player 1": tried(self.ancestry),
            "callbacks for a kill": tried(lambda: str(len(events.HANDLERS["kill"]))),
            "a victim, after the callback": tried(self.kill),
        }

    def pistol(self):
        """The function in a dict, with a row of the table that was imported by name."""
        amount, edition = self.formulas["damage"](WEAPONS[Weapon.PISTOL], 20.0, 6.0)
        return f"{amount:.1f} (formula {edition})"

    def pistol_near(self):
        """The function in a partial."""
        amount, edition = self.at_ten_metres(WEAPONS[Weapon.PISTOL])
        return f"{amount:.1f} (formula {edition})"

    def pistol_default(self):
        """The function in the default argument of a method."""
        holder = types.SimpleNamespace(weapon=Weapon.PISTOL)
        return f"{players.Player.threat(holder, 10.0):.1f}"

    def card(self):
        """The function that another module imported by name."""
        amount, edition = self.world.combat.preview(Weapon.PISTOL, 20.0, 6.0)
        return f"{amount:.1f} (formula {edition})"

    def shotgun(self):
        """The closure that the pool's threads run."""
        shot = Shot(0, 0, self.member, 10.0, 6.0)
        hit = self.world.combat.pool.submit(self.resolve, [shot]).result()[0]
        return f"{hit.amount:.1f} (formula {hit.formula}, table {hit.table})"

    def hit(self):
        """A bound method; its class is in a module that is never edited."""
        self.sentry.shield = 50.0
        wound = self.blow(20.0)
        return f"{wound.dealt:.1f} (rules {wound.rules})"

    def kill(self):
        """The callback in the registry."""
        victim = Sentry(0)
        victim.health, victim.shield = -1.0, 10.0
        self.callback(self.sentry, victim)
        return f"{victim.health:.0f} health, {victim.shield:.0f} shield"

    def ancestry(self):
        """The classes of an object that was made before any update."""
        return " < ".join(cls.__name__ for cls in type(self.player).__mro__[:-1])

    def fingerprint(self):
        """Return {path: identity} of all that an update could touch."""
        marks = {
            "gc": gc.isenabled(),
            "meta_path": [id(finder) for finder in sys.meta_path],
            "handlers": [id(one) for one in events.HANDLERS["kill"]],
            "rows": [[id(key), id(row)] for key, row in WEAPONS.items()],
            "players": [[key, id(one)] for key, one in players.ROSTER.items()],
            "tallies": list(timing.TALLIES),
            "subclasses": [id(one) for one in entities.Entity.__subclasses__()],
        }
        prefix = __package__ + "."
        for name, module in sorted(sys.modules.items()):
            if name.startswith(prefix):
                marks[name] = id(module)
                mark_namespace(marks, name, vars(module), module.__name__)
        return marks


def tried(sample):
    """Return what `sample()` returns, or the exception as text."""
    try:
        return sample()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def mark_namespace(marks, path, namespace, module):
    """Add the identities of what `namespace` contains to `marks`."""
    for name, value in list(namespace.items()):
        if name == "__builtins__":
            continue
        here = f"{path}.{name}"
        marks[here] = id(value)
        if isinstance(value, types.FunctionType):
            marks[here + "()"] = function_marks(value)
        elif isinstance(value, type) and value.__module__ == module:
            marks[here + "<"] = [id(base) for base in value.__bases__]
            mark_namespace(marks, here, vars(value), module)


def function_marks(function):
    """Identities of the parts of a function and of those that it wraps."""
    marks = []
    while function is not None:
        cells = function.__closure__ or ()
        marks += [id(function.__code__), id(function.__defaults__)]
        marks += [id(cell.cell_contents) for cell in cells]
        function = vars(function).get("__wrapped__")
    return marks
