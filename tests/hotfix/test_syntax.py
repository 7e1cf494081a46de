"""A snippet with probes does what it says: whatever syntax it is written in."""

import sys

import pytest
from livefolder import text

import resoul

CASES = {
    "generator": """
        def count(n):
            got = yield "first"
            state[got] = n
            yield from range(n)
        g = count(2)
        out = [next(g), g.send("key"), *g, dict(state)]
        """,
    "async": """
        import asyncio

        class Manager:
            async def __aenter__(self):
                state["entered"] = 1
                return self
            async def __aexit__(self, *error):
                self.left = error

        async def numbers():
            for i in range(3):
                await asyncio.sleep(0)
                yield i

        async def main():
            async with Manager() as state["manager"]:
                found = [i async for i in numbers() if await check(i)]
            async for state["last"] in numbers():
                pass
            return found

        async def check(i):
            return i != 1

        out = asyncio.run(main()), state["last"], state.pop("manager").left
        """,
    "comprehension targets": """
        out = [0 for state["x"] in range(3)], state["x"]
        box.value = 0
        out += ([box.value for box.value in "ab"], {k: v for k, (v, *_) in {1: "xy"}.items()})
        """,
    "walrus": """
        if (n := len(state)) == 0 and (state["n"] := 0 if False else n) is not None:
            pass
        out = n
        """.replace('(state["n"] := 0 if False else n)', "(m := n)"),
    "walrus in a comprehension": """
        out = [last := i for i in range(4)], last, any((hit := x) > 2 for x in [1, 3]), hit
        """,
    "match": """
        class Point:
            __match_args__ = ("x", "y")
            def __init__(self, x, y):
                self.x, self.y = x, y
        def look(value):
            match value:
                case Point(x=0) as p if p.y > len(state):
                    return "on axis", p.y
                case {"a": [first, *rest], **others}:
                    return first, rest, others
                case [1, _, 3] | (1 | 2):
                    return "or"
                case str() | box.value:
                    return "str"
                case _:
                    return None
        box.value = 77
        out = [look(v) for v in
               (Point(0, 3), {"a": [1, 2, 3], "b": 0}, [1, 5, 3], 2, "s", 77, None)]
        """,
    "star expressions": """
        first, *state["middle"], box.last = range(5)
        out = [first, *state["middle"], box.last, *{**{"a": 1}, "b": 2}]
        def take(*args, **kwargs):
            return args, kwargs
        out.append(take(*out, *[1], **{"x": 1}, **state))
        [*box.all] = out[:2]
        out.append(box.all)
        """,
    "f-strings": """
        width, value = 8, {"a": 1.5}
        out = [f"{value['a']:>{width}.{len('ab')}f}|{3!r:.3}|{(lambda x: x * 2)(3)}",
               f"{value.setdefault('b', 2)=}"]
        """,
    "lambda": """
        add = lambda a, *b, c=len("abc"), **d: (a, b, c, d)
        state["f"] = lambda: (yield 5)
        out = add(1, 2, x=3), list(state.pop("f")()), (lambda: box.__setattr__("z", 1))(), box.z
        """,
    "nested functions": """
        def outer(n):
            total = 0
            def inner(k):
                nonlocal total
                total += k
                def innermost():
                    nonlocal n
                    n *= 2
                    box.seen = n, total
                    return box.seen
                return innermost
            return inner
        step = outer(3)
        out = step(1)(), step(5)(), box.seen
        """,
    "decorators": """
        def tag(name, *more, **named):
            def decorate(thing):
                state.setdefault(name, []).append((thing.__name__, more, named))
                return thing
            return decorate
        @tag("functions", 1, x=2)
        @tag("functions")
        def function(): pass
        @tag("classes")
        class Class:
            @tag("methods")
            @staticmethod
            def method(): return "static"
        out = Class.method(), dict(state)
        """,
    "type statement": """
        type Pair[T] = tuple[T, len("ab")]
        type Lazy = Pair[Lazy]
        out = Pair.__name__, Pair[int].__args__, str(Pair.__value__)
        """,
    "generic class": """
        class Box[T: (int, str), *Ts, **P]:
            x: T
            def get[U](self, u: U) -> tuple[T, U]:
                return self, u
        class Sub[V](Box[V, int, [str]], metaclass=type):
            pass
        out = Box.__type_params__[0].__name__, Sub.__orig_bases__[0].__origin__ is Box
        out += Sub().get(1)[1], Box.get.__type_params__[0].__name__
        """,
    "generic function": """
        def first[T: int](x: list[T], default: T = len("a")) -> T:
            return x[0] if x else default
        out = first([]), first([5]), first.__type_params__[0].__bound__
        """,
    "global, nonlocal, del": """
        a = b = 1
        def f():
            global a, c
            a, c = 2, 3
            del a
        f()
        state["x"], state["y"] = 1, 2
        del state["x"], b
        box.gone = 1
        del box.gone, (state["y"])
        out = c, dict(state), hasattr(box, "gone"), "a" in globals()
        del c
        """,
    "from __future__": '''
        """Doc of the snippet."""
        from __future__ import annotations
        def f(x: not_defined) -> neither: return x
        class C:
            y: nowhere = 1
        out = f.__annotations__, C.__annotations__
        ''',
    "docstrings": '''
        """Of the snippet."""
        def f():
            """Of f."""
        class C:
            """Of C."""
            def m(self):
                "Of m."
        out = f.__doc__, C.__doc__, C.m.__doc__
        ''',
    "annotations": """
        def f(a: int, *b: str, c: "later" = 1) -> None: pass
        class C:
            x: int
            y: str = "y"
        box.typed: int = 5
        state["k"]: int = 6
        out = f.__annotations__, C.__annotations__, box.typed, state
        """,
    "private names": """
        class Player:
            __shared = []
            def __init__(self):
                self.__hp = 5
                self.__bag = [1]
            def hit(self, other, __n=1):
                other.__hp -= __n
                self.__bag += [2]
                del other.__hp
                Player.__shared.append(1)
                return vars(self), vars(other)
        class _:
            def hide(self): self.__x = 1
        class __Odd:
            def hide(self): self.__x = 1; return self
        out = Player().hit(Player()), vars(__Odd().hide()), Player._Player__shared
        """,
    "augmented assignments": """
        class Slots:
            __slots__ = ("items",)
        slots = Slots()
        slots.items = [1]
        held = slots.items
        n = 1; n += 1; n **= 3; n //= 2; n -= 1; n <<= 2; n |= 1; n ^= 8; n %= 7; n @= Matrix() if False else Any()
        items = alias = [1]
        items += [2]
        items *= 2
        slots.items += [2]
        table = {"a": [1], ("t", 1): {1}, 5: "s"}
        a = table["a"]
        table["a"] += [2]
        table["t", 1] |= {2}
        table[5] += "t"
        def key(): state["calls"] = state.get("calls", 0) + 1; return "a"
        def get(): state["gets"] = state.get("gets", 0) + 1; return table
        get()[key()] += [3]
        items[1:3] = "xy"
        items[::2] += []
        items[-1] *= 2
        box.deep = {"x": [[0]]}
        box.deep["x"][0][0] += 5
        box.deep["x"][0] += [6]
        out = n, items, alias is items, held is slots.items, table, a, dict(state), box.deep
        """.replace("Matrix() if False else Any()", "Any()").replace(
        "n = 1;", "Any = type('Any', (), {'__rmatmul__': lambda self, n: n});n = 1;"
    ),
    "augmented in a class body": """
        class C:
            items = [1]
            items += [2]
            table = {"k": [1]}
            table["k"] += [2]
            table[str("k")] += [3]
            n = 1
            n += 1
        out = sorted(x for x in vars(C).items() if x[0][:2] != "__" and x[0] != "__firstlineno__")
        """,
    "augmented in generators": """
        def g():
            box.n += yield box.n
            state["k"] += yield state["k"]
            x = 1
            x += (yield x)
            yield x, box.n, state["k"]
        box.n, state["k"] = 1, [1]
        it = g()
        out = next(it), it.send(5), it.send([2]), it.send(7)
        """,
    "augmented recursion": """
        def f(n):
            state[n] = [n]
            state[f(n - 1) if n else 0] += [n]
            return n
        out = f(5), dict(state)
        """,
    "targets": """
        (a, (state["t"], [box.u, *rest])), b = (1, (2, [3, 4, 5])), 6
        for box.i, state["j"] in [(1, 2), (3, 4)]:
            pass
        else:
            state["else"] = True
        import contextlib
        with contextlib.nullcontext(5) as box.w, contextlib.nullcontext((6, 7)) as (x, state["w"]):
            pass
        out = a, state, box.u, rest, b, box.i, box.w, x
        """,
    "try": """
        def f(error):
            try:
                if error:
                    raise error
                box.ok = 1
            except (ValueError, KeyError) as caught:
                state["caught"] = str(caught)
                return "caught"
            except* OSError if False else ():
                pass
            else:
                return "else"
            finally:
                state.setdefault("finally", []).append(1)
                g = lambda: box.ok
                g()
        """.replace(
        """            except* OSError if False else ():
                pass
""",
        "",
    )
    + """
        out = f(None), f(ValueError("v")), state
        try:
            raise ExceptionGroup("g", [OSError(1), TypeError(2)])
        except* OSError as group:
            state["group"] = len(group.exceptions)
        except* TypeError:
            state["types"] = 1
        try:
            undefined_name
        except NameError:
            state["name"] = 1
        """,
    "loops": """
        i = 0
        while (i := i + 1) < 10:
            if i == 3: continue
            if i == 6: break
            state[i] = i
        else:
            state["never"] = 1
        out = i, dict(state)
        """,
    "super": """
        class A:
            def m(self, n): return ["A", n]
        class B(A):
            def m(self, n):
                super().m(n).append(1)
                return [__class__.__name__, *super().m(n + 1)]
            @classmethod
            def make(cls): return super().__new__(cls)
        out = B().m(1), type(B.make()).__name__
        """,
    "builtins about frames": """
        x = 1
        def f(a):
            b = 2
            return sorted(locals()), eval("a + b"), len(vars())
        exec("y = x + 1")
        out = f(1), sorted(set(dir(box)) & {"__class__"})
        """,
    "conditional expressions and calls of calls": """
        def f(): return lambda: {"k": [1]}
        f()()["k"].append(2)
        (state if len(state) == 0 else box.x)["z"] = 3
        (state or {}).update(y=1)
        out = f()()["k"], state, (not state) or box
        out = out[:2]
        """,
    "constants": """
        import math
        assert 1 < 2 < 3, "no"
        out = (1, 2, "x" "y", b"z", ..., None, 1_0.5e3, 0x1f, 1j, -1), [1, 2][1], "abc"[::-1]
        """,
    "a text that looks like a probe": r"""
        out = ["\x01resoul probe 0", "\x01resoul probe 3x", "\x01"]
        """,
}

T_STRINGS = """
name = "x"
template = t"{name!r:>{len('abc')}} and {state.setdefault('k', 1)}"
out = template.strings, [(i.value, i.expression, i.format_spec) for i in template.interpolations]
"""
if sys.version_info >= (3, 14):
    CASES["t-strings"] = T_STRINGS


def picture(value):
    """Without addresses: of classes and functions the name only."""
    if isinstance(value, dict):
        return {str(key): picture(v) for key, v in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [picture(v) for v in value]
    if isinstance(value, type) or hasattr(value, "__qualname__"):
        return value.__name__
    if type(value).__repr__ is object.__repr__:
        return type(value).__name__
    return value


SETUP = "class Holder: pass\nbox = Holder()\nstate = {}\n"


def expected(source):
    names = {"__name__": "__hotfix__"}
    exec(SETUP, names)
    exec(compile(text(source), "<plain>", "exec", dont_inherit=True), names)
    return picture(names["out"]), picture(names["state"]), picture(vars(names["box"]))


@pytest.mark.parametrize("inside", [None, "holder"])
@pytest.mark.parametrize("name", CASES)
def test_it_does_what_it_says(live, name, inside):
    source = text(CASES[name])
    wanted = expected(source)
    holder = live.module("holder", SETUP)
    imports = "from holder import box, state"
    if source.startswith('"""') or "__future__" in source:
        doc, _, rest = source.partition("from __future__ import annotations\n")
        source = (
            f"{doc}from __future__ import annotations\n{imports}\n{rest}"
            if rest
            else f'"""Of the snippet."""\n{imports}\n{source}'
        )
    else:
        source = f"{imports}\n{source}"
    if inside and ("global a, c" in source or "exec(" in source):
        pytest.skip("names of the snippet are no globals of its functions")
    resoul.hotfix(source=f"{source}\nimport holder\nholder.out = out\n", inside=inside)
    got = picture(holder.out), picture(holder.state), picture(vars(holder.box))
    assert got == wanted


@pytest.mark.parametrize("inside", [None, "holder"])
@pytest.mark.parametrize("name", CASES)
def test_and_is_taken_back(live, name, inside):
    source = text(CASES[name])
    holder = live.module("holder", SETUP)
    before = list(vars(holder).items())
    imports = "from holder import box, state\n"
    if "from __future__" in source:
        source = source.replace("annotations\n", "annotations\n" + imports, 1)
    else:
        source = imports + source
    with pytest.raises(resoul.PrepareError) as error:
        resoul.hotfix(source=f"{source}\nraise LookupError\n", inside=inside)
    if not (inside and "global a, c" in source):
        assert isinstance(error.value.__cause__, LookupError)
    assert list(vars(holder).items()) == before
    assert holder.state == {}
    assert vars(holder.box) == {}
    assert holder.Holder.__subclasses__() == []
