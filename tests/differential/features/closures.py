"""Factories of closures, and lambdas."""

import dataclasses
import itertools

from .feature import Edit, Feature, Use, indent, other
from .functions import KINDS, define


@dataclasses.dataclass(frozen=True)
class Factory(Feature):
    """Makes closures: what they capture and what they do changes."""

    number: int = 1
    captures: tuple = ("a",)  # of a, b, c
    state: bool = False  # counts with nonlocal
    kind: str = "plain"
    default: int = 0  # of the inner function's second parameter

    def text(self):
        value = (
            f"{self.number}, x"
            + "".join(f", {one}" for one in self.captures)
            + ", count" * self.state
            + ", y" * bool(self.default)
        )
        head, end = define(
            self.kind,
            "inner",
            "x" + (f", y={self.default}" if self.default else ""),
            value,
        )
        count = "nonlocal count\ncount += 0\n" if self.state else ""
        body = (
            "b = a + 100\nc = a + 200\n"
            + "count = 0\n" * self.state
            + "\n"
            + head
            + indent(count + end)
            + "\nreturn inner\n"
        )
        return f"def {self.name}(a):\n" + indent(body)

    def edits(self, rng, names):
        captures = tuple(sorted(rng.sample("abc", rng.randint(0, 3))))
        found = [Edit("closure body", self.but(number=other(rng, self.number)))]
        if captures != self.captures:
            found.append(Edit("closure captures", self.but(captures=captures)))
        found.append(
            Edit(
                "closure kind",
                self.but(kind=rng.choice([k for k in KINDS if k != self.kind])),
            )
        )
        found.append(
            Edit("closure default", self.but(default=other(rng, self.default)))
        )
        return found

    def uses(self):
        return [Use(f"call(M.{self.name}(1), 2)"), Use(f"D(M.{self.name}(1))")]

    def holds(self):
        return {
            "closure": f"M.{self.name}(7)",
            "in dict": f"{{'f': M.{self.name}(8)}}",
            "weak": f"kept(M.{self.name}(9))",
        }

    def held_uses(self, key):
        held = {"closure": "H", "in dict": "H['f']", "weak": "H()"}[key]
        return [Use(f"call({held}, 2)")]

    def held_after(self, history, key):
        chain = (*history, self)
        if not all(isinstance(one, Factory) for one in chain):
            return []
        expect = "fresh"
        had = set(history[0].captures)
        for old, new in itertools.pairwise(chain):
            if not set(new.captures) <= had:
                expect = (
                    "old"
                    if expect == "fresh" and new is self and old is history[0]
                    else "either"
                )
            elif old.default != new.default or old.state != new.state:
                expect = "either"
            had &= set(new.captures) if expect == "fresh" else had
        return [Use(use.text, expect) for use in self.held_uses(key)]


@dataclasses.dataclass(frozen=True)
class Lambda(Feature):
    """`L = lambda x: ...`"""

    number: int = 1

    def text(self):
        return f"{self.name} = lambda x, k={self.number + 1}: ({self.number}, x, k)\n"

    def edits(self, rng, names):
        return [Edit("lambda", self.but(number=other(rng, self.number)))]

    def uses(self):
        return [Use(f"call(M.{self.name}, 1)")]

    def holds(self):
        return {"lambda": f"M.{self.name}", "imported": f"holder.M_{self.name}"}

    def held_uses(self, key):
        return [Use("call(H, 1)"), Use(f"H is M.{self.name}", "=bool True")]


def make_factory(rng, names):
    return Factory(name=names.new("make"), number=rng.randint(1, 99), captures=tuple(sorted(rng.sample("abc", rng.randint(0, 3)))),
                   state=rng.random() < 0.3)  # fmt: skip


def make_lambda(rng, names):
    return Lambda(name=names.new("L"), number=rng.randint(1, 99))


MAKERS = [make_factory, make_lambda]
