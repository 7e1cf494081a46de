"""Every operation of a commit fails once: the program is as it was, and nothing leaks."""

import gc
import weakref

import pytest
from livefolder import census

import resoul
from resoul import _engine

V1 = """
import enum, functools, collections
from dataclasses import dataclass
_reload_all_data = True
NUMBER, LIST, TABLE, SET = 1, [1], {"a": 1}, {1}
BYTES, QUEUE = bytearray(b"1"), collections.deque([1])
class Color(enum.Enum):
    RED = 1
    GREEN = 2
@dataclass
class Point:
    x: int
class Base1:
    def who(self): return "base1"
class Base2:
    def who(self): return "base2"
class Child(Base1):
    limit = 1
    _reload_all_data = True
    @property
    def p(self): return 1
    def gone(self): return 1
    def m(self, x=1): return 1, x, super().who()
def factory():
    n = 1
    def inner(): return n
    return inner
@functools.lru_cache
def cached(x): return 1, x
@functools.singledispatch
def show(x): return 1
def f(x=1): return 1, x
"""

V2 = """
import enum, functools, collections
from dataclasses import dataclass
_reload_all_data = True
NUMBER, LIST, TABLE, SET = 2, [2, 2], {"a": 2, "b": 2}, {2}
BYTES, QUEUE = bytearray(b"22"), collections.deque([2, 2])
class Color(enum.Enum):
    RED = 5
    GREEN = 2
    BLUE = 3
@dataclass
class Point:
    x: int
    y: int = 2
class Base1:
    def who(self): return "base1 2"
class Base2:
    def who(self): return "base2 2"
class Child(Base2):
    limit = 2
    _del_func = True
    _reload_all_data = True
    @property
    def p(self): return 2
    @p.setter
    def p(self, value): pass
    def __len__(self): return 2
    def m(self, x=2, *rest): return 2, x, super().who()
def factory():
    n = 2
    m = 2
    def inner(): return n + m
    return inner
@functools.lru_cache
def cached(x): return 2, x
@functools.singledispatch
def show(x): return 2
@show.register
def _(x: int): return 22
def f(x=2, *, y=2): return 2, x, y
def added(): return Child
_del_func = True
"""

pytestmark = pytest.mark.skipif(
    not hasattr(_engine, "_fail_after"), reason="only test builds can fail on demand"
)


@pytest.fixture
def fail_after():
    yield _engine._fail_after
    _engine._fail_after(-1)


def picture(m):
    """Identities and behaviour: what a failed commit must not change."""
    child = m.Child()
    names = {n: id(v) for n, v in vars(m).items() if n != "__builtins__"}
    classes = {
        c.__name__: ({n: id(v) for n, v in vars(c).items()}, c.__bases__, c.__mro__)
        for c in (m.Color, m.Point, m.Base1, m.Base2, m.Child)
    }
    functions = [
        tuple(
            id(getattr(f, f"__{a}__"))
            for a in ("code", "defaults", "closure", "globals")
        )
        for f in (m.f, m.factory, m.Child.m, m.cached.__wrapped__, m.show.__wrapped__)
    ]
    data = [
        list(m.LIST),
        dict(m.TABLE),
        set(m.SET),
        bytes(m.BYTES),
        list(m.QUEUE),
        m.NUMBER,
    ]
    behaviour = [
        m.f(), child.m(), child.p, m.cached(1), m.show(1), m.show("x"), repr(m.Point(1)),
        [(c.name, c.value) for c in m.Color], hasattr(child, "__len__"), child.limit,
        hasattr(child, "gone"),
    ]  # fmt: skip
    return names, classes, functions, data, behaviour


def test_each_operation_fails_once(live, fail_after):
    m = live.module("m", V1)
    closure, instance, red = m.factory(), m.Child(), m.Color.RED
    user = live.module(
        "user", "from m import NUMBER, f, Child\nclass Sub(Child): pass\n"
    )
    before, counts = picture(m), census("m")
    live.edit("m", V2)
    failed = 0
    while True:
        fail_after(failed)
        try:
            live.reload("m")
        except (resoul.UpdateError, RuntimeError, MemoryError):
            assert picture(m) == before, failed
            assert closure() == 1
            assert user.NUMBER == 1
            assert type(instance).m is m.Child.m
            assert user.Sub.__mro__[1:3] == (m.Child, m.Base1)
            failed += 1
        else:
            break
    assert failed > 30
    assert m.f() == (2, 2, 2)
    assert m.factory()() == 4
    assert closure() == 1  # it never captured `m`: it stays, and is reported (RSL603)
    assert m.Color.RED is red
    assert red.value == 5
    assert user.NUMBER == 2
    assert len(user.Sub()) == 2
    counts_after = census("m")
    extra = {k: n for k, n in counts_after.items() if n > counts.get(k, 0) and n > 1}
    assert extra == {("m", "function", "Child.p"): 2}  # getter and setter


def test_a_failed_commit_keeps_nothing(live, fail_after):
    m = live.module("m", "class K: pass\nK1 = [K()]\ndef f(): return 1\n")
    live.edit("m", "class K: pass\nclass New: pass\nN = New()\ndef f(): return 2\n")
    fail_after(0)
    with pytest.raises((resoul.UpdateError, RuntimeError, MemoryError)):
        live.reload("m")
    gc.collect()
    assert not [
        c
        for c in object.__subclasses__()
        if c.__name__ == "New" and c.__module__ == "m"
    ]
    fail_after(-1)
    live.reload("m")
    ref = weakref.ref(m.New)
    assert ref() is m.New
    assert m.f() == 2


def test_what_cannot_be_taken_back_ends_all_updates(program):
    out = program(
        """
        from resoul import _engine
        m = live.module("m", "def f(): return 1\\ndef g(): return 1\\n")
        live.edit("m", "def f(): return 2\\ndef g(): return 2\\n")
        _engine._fail_after(-3)
        for _ in range(2):
            try: live.reload("m")
            except resoul.UpdateError as error:
                print(type(error).__name__, type(error.__cause__).__name__, "restart" in str(error))
            _engine._fail_after(-1)
        """
    )
    assert out == "UpdateError MemoryError True\n" * 2
