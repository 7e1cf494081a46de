"""Decorators of functions."""

import dataclasses
import itertools

from .feature import Edit, Feature, Use, indent, other


@dataclasses.dataclass(frozen=True)
class Decorator(Feature):
    """style: wraps, bare (no wraps), arguments, class (an object that is called), register (gives back the function)"""

    style: str
    number: int = 1
    captured: int = 0  # a variable of the decorator that the wrapper reads

    def text(self):
        return {
            "wraps": self.wrapping("@functools.wraps(fn)\n"),
            "bare": self.wrapping(""),
            "arguments": f"def {self.name}(amount):\n" + indent(self.wrapping("@functools.wraps(fn)\n", "decorate", ", amount") + "return decorate\n"),
            "class": f"class {self.name}:\n"
            "    def __init__(self, fn):\n        functools.update_wrapper(self, fn)\n        self.fn = fn\n\n"
            f"    def __call__(self, *args, **kwargs):\n        return {self.number}, self.fn(*args, **kwargs)\n",
            "register": f"{self.name}_all = []\n\n\ndef {self.name}(fn):\n    {self.name}_all.append(fn)\n    return fn\n",
        }[self.style]  # fmt: skip

    def wrapping(self, wraps, name="", extra=""):
        captured = f"captured = {self.captured}\n\n" if self.captured else ""
        extra += ", captured" if self.captured else ""
        wrapper = f"def wrapper(*args, **kwargs):\n    return {self.number}{extra}, fn(*args, **kwargs)\n\nreturn wrapper\n"
        return f"def {name or self.name}(fn):\n" + indent(captured + wraps + wrapper)

    @property
    def binds(self):
        return frozenset(
            {self.name, f"{self.name}_all"} if self.style == "register" else {self.name}
        )

    def applied(self, rng):
        return [
            f"{self.name}({rng.randint(1, 9)})"
            if self.style == "arguments"
            else self.name
        ]

    def edits(self, rng, names):
        if self.style == "register":
            return []
        found = [Edit("wrapper body", self.but(number=other(rng, self.number)))]
        if self.style != "class":
            found.append(
                Edit(
                    "wrapper captures",
                    self.but(captured=0 if self.captured else rng.randint(1, 99)),
                )
            )
        return found

    def loose(self, old):
        # What registered functions a kept list holds is the business of registry_uses.
        return {f"{self.name}_all"} if self.style == "register" else set()

    def uses(self):
        if self.style == "register":
            return [
                Use(
                    f"len(M.{self.name}_all) - len(set(map(id, M.{self.name}_all)))",
                    "=int 0",
                )
            ]
        return []

    def holds(self):
        if self.style in ("wraps", "bare"):
            return {"applied": f"M.{self.name}(plain)"}
        return {}

    def held_uses(self, key):
        return [Use("call(H, 5)")]

    def held_after(self, history, key):
        chain = (*history, self)
        if not all(isinstance(one, Decorator) for one in chain):
            return []
        if len({one.captured for one in chain if one.captured}) > 1:
            return [Use("call(H, 5)", "any")]  # a closure keeps what it captured
        if any(
            new.captured and not old.captured for old, new in itertools.pairwise(chain)
        ):
            return [Use("call(H, 5)", "either")]
        return self.held_uses(key)


def make_decorator(rng, names):
    style = rng.choice(["wraps", "wraps", "bare", "arguments", "class", "register"])
    return Decorator(name=names.new("Wrapper" if style == "class" else "deco"), style=style, number=rng.randint(1, 99),
                     captured=rng.choice([0, 5]) if style in ("wraps", "bare", "arguments") else 0)  # fmt: skip


MAKERS = [make_decorator]
