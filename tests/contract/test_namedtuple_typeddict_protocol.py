"""Classes that typing and collections make."""

import pickle
import typing

import pytest
from livefolder import codes, text

import resoul

POINT = """\
from typing import NamedTuple
class Point(NamedTuple):
    x: int
    y: int = 2
    def show(self): return "old", self.x
"""


def test_namedtuple_with_the_same_fields(live):
    m = live.module("m", POINT)
    p, cls = m.Point(1), m.Point
    pickled = pickle.dumps(p)
    live.update(
        "m",
        POINT.replace("old", "new").replace("= 2", "= 5")
        + "    def more(self): return self.y\n",
    )
    assert m.Point is cls
    assert (p.show(), p.more()) == (("new", 1), 2)
    assert m.Point(1) == (1, 5)
    assert m.Point._field_defaults == {"y": 5}
    assert isinstance(m.Point(1), cls)
    assert pickle.loads(pickled) == p
    assert p._replace(x=3) == (3, 2)
    assert m.Point._make([1, 2]) == p


@pytest.mark.refuses("RSL204")
@pytest.mark.parametrize(
    "fields",
    [
        "x: int\n    y: int = 2\n    z: int = 3",
        "x: int",
        "x: int\n    z: int = 2",
        "y: int\n    x: int = 2",
    ],
    ids=["added", "removed", "renamed", "reordered"],
)
def test_namedtuple_fields_changed(live, fields):
    m = live.module("m", POINT)
    p = m.Point(1)
    with pytest.raises(resoul.RefusedError) as refused:
        live.update(
            "m", POINT.replace("x: int\n    y: int = 2", fields).replace("old", "new")
        )
    (reason,) = refused.value.reasons
    assert (reason.code, reason.module, reason.qualname) == ("RSL204", "m", "Point")
    assert (p.x, p.y, p._fields) == (1, 2, ("x", "y"))
    assert p.show() == ("old", 1)


def test_collections_namedtuple(live):
    source = """
        from collections import namedtuple
        P = namedtuple("P", "x y")
        class Q(namedtuple("Q", "a b")):
            def f(self): return "old", self.a
        """
    m = live.module("m", source)
    p, q, cls = m.P(1, 2), m.Q(1, 2), m.P
    live.update("m", source.replace("old", "new"))
    assert m.P is cls
    assert type(m.P(1, 2)) is type(p)
    assert q.f() == m.Q(1, 2).f() == ("new", 1)
    assert isinstance(q, m.Q)


@pytest.mark.refuses("RSL204")
def test_collections_namedtuple_fields_changed(live):
    m = live.module(
        "m", "from collections import namedtuple\nP = namedtuple('P', 'x y')\n"
    )
    with pytest.raises(resoul.RefusedError) as refused:
        live.update(
            "m", "from collections import namedtuple\nP = namedtuple('P', 'x y z')\n"
        )
    assert codes(refused.value) == {"RSL204"}
    assert m.P(1, 2)._fields == ("x", "y")


def test_typed_dict(live):
    source = """
        from typing import TypedDict
        class T(TypedDict, total=False):
            a: int
        """
    m = live.module("m", source)
    cls = m.T
    live.update(
        "m",
        """
        from typing import TypedDict, Required
        class New: pass
        class T(TypedDict, total=False):
            a: Required[str]
            b: New
        """,
    )
    assert m.T is cls
    assert typing.get_type_hints(m.T) == {"a": str, "b": m.New}
    assert m.T.__required_keys__ == {"a"}
    assert m.T.__optional_keys__ == {"b"}
    assert m.T(a="x") == {"a": "x"}


def test_runtime_checkable_protocol(live):
    source = """
        from typing import Protocol, runtime_checkable
        @runtime_checkable
        class Runs(Protocol):
            def run(self): ...
        """
    m = live.module("m", source)
    user = live.module(
        "user",
        """
        class Runner:
            def run(self): pass
        class Stopper(Runner):
            def stop(self): pass
        """,
    )

    def ask():
        kinds = (user.Runner, user.Stopper)
        asked = {
            (isinstance(k(), m.Runs), issubclass(k, m.Runs)) for k in kinds[:1] * 50
        }
        return asked, isinstance(kinds[1](), m.Runs)

    assert ask() == ({(True, True)}, True)
    live.update("m", text(source) + "    def stop(self): ...\n")
    assert ask() == ({(False, False)}, True)
    live.update("m", source)
    assert ask() == ({(True, True)}, True)


def test_protocol_with_generic_and_explicit_subclass(live):
    source = """
        from typing import Protocol
        class Source[T](Protocol):
            def get(self) -> T: ...
            def describe(self): return "old"
        class Impl(Source[int]):
            def get(self): return 1
        """
    m = live.module("m", source)
    impl = m.Impl()
    live.update("m", source.replace("old", "new"))
    assert impl.describe() == "new"
    assert m.Impl.__mro__[1] is m.Source


def test_new_type_type_var_and_aliases(live):
    source = """
        from typing import NewType, TypeVar, Optional, Union
        class K: pass
        UserId = NewType("UserId", int)
        T = TypeVar("T", bound=K)
        Maybe = Optional[K]
        Either = Union[K, int]
        Modern = K | None
        def f(x: Maybe, y: T) -> UserId: return "old"
        """
    m = live.module("m", source)
    k = m.K
    live.update("m", source.replace("old", "new").replace("pass", "x = 1"), data="take")
    assert m.K is k
    assert typing.get_args(m.Maybe) == (k, type(None))
    assert typing.get_args(m.Either) == (k, int)
    assert typing.get_args(m.Modern) == (k, type(None))
    assert m.T.__bound__ is k
    hint = typing.get_type_hints(m.f)["x"]
    assert typing.get_args(hint) == (k, type(None))
