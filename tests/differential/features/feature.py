"""What a feature is: a piece of a module that knows its text and what to try on it.

Features are frozen dataclasses of plain values; an edit is a `replace()` of some of them.  In all expressions `M` stands
for the module and `H` for a held reference; script.py fills them in.
"""

import dataclasses
import itertools


@dataclasses.dataclass(frozen=True)
class Use:
    """An expression to try, and what it must give after an update.

    expect: "fresh"   what the fresh process gives
            "old"     what it gave before the update
            "either"  one of these; old only if the update reports the definition (rule 7 and changes of kind)
            "any"     whatever, without crashing
            "=text"   exactly this
    """

    text: str
    expect: str = "fresh"


@dataclasses.dataclass(frozen=True)
class Edit:
    kind: str
    new: object  # the feature afterwards; None removes it
    refusals: tuple = ()  # codes with which an engine may refuse it


@dataclasses.dataclass(frozen=True)
class Datum:
    """A name, or attribute of a class, that falls under the data policy."""

    path: str  # N or C1.limit
    value: str  # expression, evaluated in the module
    kind: str  # name of the type: a container keeps its identity
    policy: str | None = None  # what a class body says about itself
    written: str = ""  # what stands between the name and the value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Feature:
    name: str

    @property
    def needs(self):
        """Names of the module that have to be bound before this feature runs."""
        return frozenset()

    @property
    def refers(self):
        """(module, name) pairs of other modules that must not go away."""
        return frozenset()

    @property
    def binds(self):
        return frozenset({self.name})

    def text(self):
        raise NotImplementedError

    def edits(self, rng, names):
        """Edits that could be made; `names` tells what is bound before this feature (see Names)."""
        return []

    def uses(self):
        """Expressions to try through the module."""
        return []

    def uses_after(self, history):
        """The same after updates from the versions in `history` (None where it wasn't there)."""
        return self.uses()

    def holds(self):
        """key -> expression that takes a reference."""
        return {}

    def held_uses(self, key):
        """Expressions to try on the reference `H` that was taken under this key."""
        return []

    def held_after(self, history, key):
        """The same after updates from the versions in `history`; here an edit says what a holder may expect."""
        return (
            self.held_uses(key)
            if all(type(one) is type(self) for one in history)
            else []
        )

    def touches(self, rng):
        """(key, statement) pairs that change the state of held objects."""
        return []

    def mutations(self, rng):
        """(path, statement, new value) triples that change live data."""
        return []

    def data(self):
        return []

    def members(self):
        """Paths below the module -> "must" or "may" live on when new source no longer has them."""
        return dict.fromkeys(self.binds, "must")

    def loose(self, old):
        """Paths whose description may differ from a fresh process's after an update from `old`."""
        return set()

    def but(self, **changes):
        return dataclasses.replace(self, **changes)


class Names:
    """Features bound before one, by what they can be used for; features of modules that may be imported; new names."""

    def __init__(self, before, counter, elsewhere=None):
        self.before = list(before)
        self.counter = counter
        self.modules = elsewhere or {}

    def of(self, *kinds):
        return [one for one in self.before if isinstance(one, kinds)]

    def pick(self, rng, *kinds):
        found = self.of(*kinds)
        return rng.choice(found) if found else None

    def elsewhere(self, rng):
        return rng.choice(list(self.modules)) if self.modules else None

    def importable(self, module):
        from .classes import Class
        from .data import Data
        from .functions import Function

        return [
            one
            for one in self.modules.get(module, ())
            if isinstance(one, (Function, Class, Data))
        ]

    def new(self, prefix):
        return f"{prefix}{next(self.counter)}"


def counter(start=1):
    return itertools.count(start)


def other(rng, value, low=1, high=99):
    """A number that isn't `value`."""
    found = rng.randint(low, high)
    return found if found != value else found + 1


def indent(text, by="    "):
    return "".join(
        by + line if line.strip() else line for line in text.splitlines(keepends=True)
    )
