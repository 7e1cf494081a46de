"""Functions of every kind."""

import dataclasses

from .data import Data
from .decorators import Decorator
from .feature import Edit, Feature, Use, indent, other


@dataclasses.dataclass(frozen=True)
class Param:
    name: str
    default: str = ""
    star: str = ""  # "*rest" or "**named" instead of a name

    def text(self):
        return self.star or self.name + (f"={self.default}" if self.default else "")


def signature(params):
    return ", ".join(one.text() for one in params)


def returned(params):
    """What a body returns of its parameters."""
    return "".join(f", {one.name or one.star.lstrip('*')}" for one in params)


def arguments(params):
    """Two ways to call: with what must be given, and with everything."""
    few, full, keywords = [], [], False
    for number, one in enumerate(params, 1):
        if one.star:
            keywords = True
            continue
        given = f"{one.name}={number}" if keywords else str(number)
        full.append(given)
        if not one.default:
            few.append(given)
    return ", ".join(few), ", ".join(full)


def changed_params(rng, params, defaults):
    """Another signature: a default changed, a parameter added, removed or made a keyword."""
    n = str(rng.randint(1, 99))
    choices = [(Param("x"),), (Param("x"), Param("y", n)), (Param("x"), Param("", star="*rest"), Param("k", n)),
               (Param("a", "1"), Param("", star="**named")), (), (Param("a"), Param("b"))]  # fmt: skip
    if defaults:
        choices += [(Param("x"), Param("z", rng.choice(defaults)))] * 2
    return rng.choice([one for one in choices if one != params])


KINDS = ("plain", "generator", "coroutine", "stream")


def define(kind, name, params, value, generic=False, result=""):
    """Text of a function of a kind that returns (or yields) `value`."""
    start = "async def" if kind in ("coroutine", "stream") else "def"
    end = (
        f"yield {value}\nyield 0\n"
        if kind in ("generator", "stream")
        else f"return {value}\n"
    )
    return (
        f"{start} {name}{'[T]' * generic}({params}){f' -> {result}' if result else ''}:\n",
        end,
    )


@dataclasses.dataclass(frozen=True)
class Function(Feature):
    kind: str = "plain"
    params: tuple = (Param("x"),)
    number: int = 1
    doc: str = ""
    reads: tuple = ()  # global names that the body returns too
    decorators: tuple = ()
    inner: int = 0  # a constant of a nested function that the body calls
    generic: bool = False
    result: str = ""
    attribute: int = 0  # f.mark = ...

    @property
    def needs(self):
        loose = {one.default for one in self.params if one.default.isidentifier()}
        decorators = {one.partition("(")[0] for one in self.decorators}
        return frozenset(
            loose | set(self.reads) | {one for one in decorators if "." not in one}
        )

    def text(self):
        value = f'"{self.name}", {self.number}{returned(self.params)}'
        value += "".join(f", {one}" for one in self.reads) + ", inner(0)" * bool(
            self.inner
        )
        head, end = define(
            self.kind,
            self.name,
            signature(self.params),
            value,
            self.generic,
            self.result,
        )
        body = f'"""{self.doc}"""\n' if self.doc else ""
        body += f"def inner(v):\n    return v, {self.inner}\n\n" if self.inner else ""
        mark = f"\n\n{self.name}.mark = {self.attribute}\n" if self.attribute else ""
        return (
            "".join(f"@{one}\n" for one in self.decorators)
            + head
            + indent(body + end)
            + mark
        )

    def edits(self, rng, names):
        defaults = [one.name for one in names.before if can_be_default(one)]
        found = [
            Edit("function body", self.but(number=other(rng, self.number))),
            Edit(
                "function signature",
                self.but(params=changed_params(rng, self.params, defaults)),
            ),
            Edit("docstring", self.but(doc=f"about {rng.randint(1, 99)}")),
            Edit("nested function", self.but(inner=other(rng, self.inner))),
            Edit("type parameters", self.but(generic=not self.generic)),
            Edit(
                "annotations",
                self.but(result=rng.choice(["int", "'Later'", "list[int]"])),
            ),
            Edit("function attribute", self.but(attribute=other(rng, self.attribute))),
        ]
        if not self.caches():
            found.append(
                Edit(
                    "function kind",
                    self.but(kind=rng.choice([k for k in KINDS if k != self.kind])),
                )
            )
        uses = [use for one in names.of(Decorator) for use in one.applied(rng)]
        uses = [one for one in uses if one not in self.decorators]
        if self.kind == "plain" and not any(
            one.default in ("[]", "{}") for one in self.params
        ):
            uses += ["functools.lru_cache(maxsize=8)", "functools.cache"]
        if uses:
            found.append(
                Edit(
                    "decorator added",
                    self.but(decorators=(rng.choice(uses), *self.decorators)),
                )
            )
        if self.decorators:
            found.append(
                Edit("decorator removed", self.but(decorators=self.decorators[1:]))
            )
            changed = [one for one in uses if one != self.decorators[0]]
            if changed:
                found.append(
                    Edit(
                        "decorator changed",
                        self.but(
                            decorators=(rng.choice(changed), *self.decorators[1:])
                        ),
                    )
                )
        return found

    def caches(self):
        return any(one.startswith("functools.") for one in self.decorators)

    def shape(self):
        """What object the name means: a function, or whatever the outermost decorator makes."""
        first = self.decorators[0] if self.decorators else ""
        return first if first.startswith(("functools.", "Wrapper")) else "function"

    def uses(self):
        found = [Use(f"call(M.{self.name}, {args})") for args in arguments(self.params)]
        return [
            *found,
            Use(f"str(inspect.signature(M.{self.name}))"),
            Use(f"doc(M.{self.name})"),
        ]

    def holds(self):
        name = f"M.{self.name}"
        found = {
            "function": name,
            "imported": f"holder.M_{self.name}",
            "partial": f"partial({name})",
            "default": f"(lambda *a, f={name}: f(*a))",
            "closure": f"(lambda f: lambda *a, **k: f(*a, **k))({name})",
            "callbacks": f"[{name}, {{'one': {name}}}]",
            "key": f"{{{name}: 'found'}}",
            "weak": f"weakref.ref({name})",
        }
        if not self.shape().startswith("Wrapper"):  # no function: nothing binds it
            found["method"] = f"type('Holder', (), {{'run': {name}}})().run"
        if self.shape() == "function" and self.decorators:
            found["wrapped"] = f"getattr({name}, '__wrapped__', {name})"
        if (
            self.kind == "generator"
            and not self.decorators
            and arguments(self.params)[0] in ("", "1")
        ):
            found["suspended"] = f"suspend({name}, {arguments(self.params)[0]})"
        return found

    def held_uses(self, key):
        few, full = arguments(self.params)
        name = f"M.{self.name}"
        return {
            "function": [
                Use(f"call(H, {full})"),
                Use("D(H)"),
                Use(f"H is {name}", "=bool True"),
            ],
            "imported": [
                Use(f"holder.M_{self.name} is {name}", "=bool True"),
                Use(f"call(H, {few})"),
            ],
            "callbacks": [
                Use(f"call(H[0], {full})"),
                Use(f"H[1]['one'] is {name}", "=bool True"),
            ],
            "default": [Use(f"call(H, {few})")] if "=" not in few else [],
            "key": [Use(f"H[{name}]", "=str 'found'")],
            "weak": [Use(f"H() is {name}", "=bool True")],
            "method": [Use("call(H)")] if self.params and few else [],
        }.get(key, [Use(f"call(H, {args})") for args in (few, full)])

    def held_after(self, history, key):
        if not all(isinstance(one, Function) for one in history):
            return []
        if key == "suspended":
            return [Use("rest(H)", "=str '[0]'")]
        if key == "wrapped" and len({one.decorators for one in (*history, self)}) > 1:
            return []
        chain = (*history, self)
        other = len({one.decorators for one in chain}) > 1
        if len({one.shape() for one in chain}) > 1 or (
            other and self.shape() != "function"
        ):
            return self.after_other_kind(key)
        if self.shape().startswith("Wrapper"):
            return [
                use
                for use in self.held_uses(key)
                if use.expect == "fresh" and "D(" not in use.text
            ]
        return self.held_uses(key)

    def after_other_kind(self, key):
        """The object that is held may go on as it was, if that is reported."""
        calm = not self.reads and not any(
            one.default.isidentifier() for one in self.params
        )
        uses = [
            one.text
            for one in self.held_uses(key)
            if one.expect == "fresh" and "D(" not in one.text
        ]
        return [Use(text, "either" if calm else "any") for text in uses]

    def members(self):
        return {self.name: "must", f"{self.name}.mark": "may"}

    def touches(self, rng):
        return (
            [("function", f"H.runtime = {rng.randint(1, 9)}")]
            if self.shape() == "function"
            else []
        )


def can_be_default(feature):
    from .classes import Class

    return isinstance(feature, (Function, Class)) or (
        isinstance(feature, Data)
        and feature.kind in ("sentinel", "lock", "dict", "int")
    )


def make_function(rng, names):
    reads = tuple(
        one.name
        for one in rng.sample(names.of(Data), min(1, len(names.of(Data))))
        if one.kind in ("int", "dict", "list", "sentinel")
    )
    defaults = [one.name for one in names.before if can_be_default(one)]
    uses = [use for one in names.of(Decorator) for use in one.applied(rng)]
    kind = rng.choice(["plain", "plain", "plain", *KINDS])
    if kind == "plain":
        uses += ["functools.lru_cache(maxsize=8)"]
    decorators = tuple(rng.sample(uses, min(len(uses), rng.choice([0, 0, 1, 1, 2]))))
    return Function(name=names.new("f"), kind=kind, params=changed_params(rng, None, defaults), number=rng.randint(1, 99),
                    reads=reads, decorators=decorators, doc=rng.choice(["", "said"]))  # fmt: skip


MAKERS = [make_function]
