"""What the standard library wraps around functions, and functions without a name of their own."""

import dataclasses

from .feature import Edit, Feature, Use, other


@dataclasses.dataclass(frozen=True)
class Dispatch(Feature):
    """A singledispatch function; its implementations are all called `_`."""

    number: int
    cases: tuple  # (type, number)

    def text(self):
        lines = [
            f"@functools.singledispatch\ndef {self.name}(x):\n    return {self.number}, x\n"
        ]
        for kind, number in self.cases:
            lines.append(
                f"\n\n@{self.name}.register\ndef _(x: {kind}):\n    return '{kind}', {number}, x\n"
            )
        return "".join(lines)

    @property
    def binds(self):
        return frozenset({self.name} | ({"_"} if self.cases else set()))

    def edits(self, rng, names):
        free = [
            kind
            for kind in ("int", "str", "list", "dict", "float")
            if kind not in dict(self.cases)
        ]
        found = [
            Edit("dispatch default body", self.but(number=other(rng, self.number)))
        ]
        for at, (kind, number) in enumerate(self.cases):
            changed = (
                *self.cases[:at],
                (kind, other(rng, number)),
                *self.cases[at + 1 :],
            )
            found.append(Edit("dispatch case body", self.but(cases=changed)))
        if free:
            found.append(
                Edit(
                    "dispatch case added",
                    self.but(
                        cases=(*self.cases, (rng.choice(free), rng.randint(1, 99)))
                    ),
                )
            )
        return found

    def uses(self):
        return [Use(f"M.{self.name}({value})") for value in VALUES.values()]

    def uses_after(self, history):
        # what was registered once and is gone from the source goes on or not
        was = {kind for one in history if one for kind, _ in one.cases}
        loose = {VALUES[kind] for kind in was - set(dict(self.cases))}
        return [
            Use(f"M.{self.name}({value})", "any" if value in loose else "fresh")
            for value in VALUES.values()
        ]

    def holds(self):
        return {
            "function": f"M.{self.name}",
            "imported": f"holder.M_{self.name}",
            "case": f"M.{self.name}.dispatch(int)",
        }

    def held_uses(self, key):
        if key == "case":
            return [Use("H(1)")]
        held = "H" if key == "function" else f"holder.M_{self.name}"
        found = [Use(f"{held}({VALUES[kind]})") for kind, _ in self.cases]
        return [*found, Use(f"{held} is M.{self.name}", "=bool True")]

    def held_after(self, history, key):
        chain = [*history, self]
        if not all(isinstance(one, Dispatch) for one in chain):
            return []
        if key == "case" and len({"int" in dict(one.cases) for one in chain}) > 1:
            return []
        return self.held_uses(key)

    def loose(self, old):
        return {f"{self.name}", "_"}


VALUES = {
    "int": "1",
    "str": "'s'",
    "list": "[2]",
    "dict": "{3: 4}",
    "float": "5.5",
    "object": "None",
}


@dataclasses.dataclass(frozen=True)
class Manager(Feature):
    """A contextmanager."""

    number: int

    def text(self):
        return f"@contextlib.contextmanager\ndef {self.name}(x=1):\n    yield {self.number}, x\n"

    def edits(self, rng, names):
        return [Edit("contextmanager body", self.but(number=other(rng, self.number)))]

    def uses(self):
        return [Use(f"entered(M.{self.name}(3))")]

    def holds(self):
        return {
            "function": f"M.{self.name}",
            "imported": f"holder.M_{self.name}",
            "inside": f"inside(M.{self.name}(5))",
        }

    def held_uses(self, key):
        if key == "inside":
            return [Use("H.gen.gi_frame is not None")]
        held = "H" if key == "function" else f"holder.M_{self.name}"
        return [
            Use(f"entered({held}(4))"),
            Use(f"{held} is M.{self.name}", "=bool True"),
        ]


@dataclasses.dataclass(frozen=True)
class Lambdas(Feature):
    """Functions without a name in a container that is data."""

    numbers: tuple
    style: str = "dict"
    captured: bool = False

    def text(self):
        items = [
            f"lambda x: ({number}, x, '{place}')"
            for place, number in enumerate(self.numbers)
        ]
        if self.style == "dict":
            lines = "".join(
                f"    'at{place}': {item},\n" for place, item in enumerate(items)
            )
            return f"{self.name} = {{\n{lines}}}\n"
        return f"{self.name} = [{', '.join(items)}]\n"

    def edits(self, rng, names):
        at = rng.randrange(len(self.numbers))
        changed = (
            *self.numbers[:at],
            other(rng, self.numbers[at]),
            *self.numbers[at + 1 :],
        )
        return [Edit("lambda in container", self.but(numbers=changed))]

    def places(self):
        return [
            f"['at{place}']" if self.style == "dict" else f"[{place}]"
            for place in range(len(self.numbers))
        ]

    def uses(self):
        return [Use(f"M.{self.name}{place}(1)", "either") for place in self.places()]

    def holds(self):
        return {
            "object": f"M.{self.name}",
            **{f"one {place}": f"M.{self.name}{place}" for place in self.places()},
        }

    def held_uses(self, key):
        if key == "object":
            return [Use(f"H is M.{self.name}", "any")]
        return [Use("H(1)", "either")]

    def loose(self, old):
        return {self.name}


@dataclasses.dataclass(frozen=True)
class Bound(Feature):
    """`P = functools.partial(f, ...)` of a function of the module."""

    target: str

    @property
    def needs(self):
        return frozenset({self.target})

    def text(self):
        return f"{self.name} = functools.partial({self.target})\n"

    def uses(self):
        return [
            Use(f"attempt(M.{self.name}) == attempt(M.{self.target})"),
            Use(f"M.{self.name}.func is M.{self.target}", "=bool True"),
        ]

    def holds(self):
        return {"object": f"M.{self.name}"}

    def held_uses(self, key):
        return [Use(f"attempt(H) == attempt(M.{self.target})")]


def make_dispatch(rng, names):
    if names.of(Dispatch):
        return None
    kinds = rng.sample(["int", "str", "list", "dict"], rng.randint(0, 3))
    return Dispatch(
        name=names.new("dispatch"),
        number=rng.randint(1, 99),
        cases=tuple((kind, rng.randint(1, 99)) for kind in kinds),
    )


def make_manager(rng, names):
    return Manager(name=names.new("manage"), number=rng.randint(1, 99))


def make_lambdas(rng, names):
    numbers = tuple(rng.randint(1, 99) for _ in range(rng.randint(1, 3)))
    return Lambdas(
        name=names.new("Table"), numbers=numbers, style=rng.choice(["dict", "list"])
    )


def make_bound(rng, names):
    from .functions import Function

    found = names.pick(rng, Function)
    return (
        Bound(name=names.new("bound"), target=found.name)
        if found and found.shape() == "function"
        else None
    )


MAKERS = [make_dispatch, make_manager, make_lambdas, make_bound]
