"""Dataclasses: fields and everything that is generated from them follow the source."""

import dataclasses
import gc
import pickle

import pytest
from livefolder import codes, no_donors_left

import resoul

POINT = """\
from dataclasses import dataclass, field
@dataclass
class Point:
    x: int
    y: int = 2
    def norm(self): return "old", self.x
"""


def test_fields_and_generated_methods_follow(live):
    m = live.module("m", POINT)
    p, cls = m.Point(1), m.Point
    init, text = p.__init__, p.__repr__
    with no_donors_left("m"):
        live.update("m", POINT.replace("y: int = 2", "y: int = 5\n    z: str = 'z'"))
    assert m.Point is cls
    assert m.Point(1) == m.Point(1, 5, "z")
    assert [f.name for f in dataclasses.fields(m.Point)] == ["x", "y", "z"]
    assert repr(p) == text() == "Point(x=1, y=2, z='z')"
    assert dataclasses.asdict(p) == {"x": 1, "y": 2, "z": "z"}
    assert dataclasses.replace(p, x=3) == m.Point(3, 2, "z")
    assert m.Point.__match_args__ == ("x", "y", "z")
    init(7, 8, "nine")
    assert (p.x, p.y, p.z) == (7, 8, "nine")
    assert m.Point.y == 5, "the default of a field is part of a definition"


def test_field_removed(live):
    m = live.module("m", POINT)
    p = m.Point(1, 2)
    live.update("m", POINT.replace("    y: int = 2\n", ""))
    assert repr(p) == "Point(x=1)"
    assert p == m.Point(1)
    with pytest.raises(TypeError):
        m.Point(1, 2)
    assert p.y == 2, "the data of old instances stays"
    assert not hasattr(m.Point(1), "y")


def test_fields_reordered(live):
    m = live.module("m", POINT.replace("= 2", ""))
    p = m.Point(1, 2)
    live.update("m", POINT.replace("x: int\n    y: int = 2", "y: int\n    x: int"))
    assert repr(p) == "Point(y=2, x=1)"
    assert (m.Point(1, 2).y, m.Point(1, 2).x) == (1, 2)


def test_options_change(live):
    m = live.module("m", POINT)
    p = m.Point(1)
    with pytest.raises(TypeError):
        hash(p)
    live.update("m", POINT.replace("@dataclass", "@dataclass(frozen=True, order=True)"))
    assert hash(p) == hash(m.Point(1))
    assert p < m.Point(2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        p.x = 2
    live.update("m", POINT.replace("@dataclass", "@dataclass(eq=False)"))
    assert p != m.Point(1)
    p.x = 3
    assert p.x == 3
    live.update("m", POINT)
    assert p == m.Point(3)
    with pytest.raises(TypeError):
        hash(p)


def test_plain_class_becomes_a_dataclass_and_back(live):
    plain = (
        "class P:\n    def __init__(self): self.x = 1\n    def f(self): return 'old'\n"
    )
    m = live.module("m", plain)
    p = m.P()
    live.update(
        "m", "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int = 0\n"
    )
    assert repr(p) == "P(x=1)"
    assert m.P(1) == p
    live.update("m", plain)
    assert m.P().x == 1
    assert "object at" in repr(p)


def test_default_factory_and_kw_only_and_init_var(live):
    m = live.module("m", POINT)
    live.update(
        "m",
        """
        from dataclasses import dataclass, field, InitVar, KW_ONLY
        def tags(): return ["tag"]
        @dataclass
        class Point:
            x: int
            seed: InitVar[int]
            _: KW_ONLY
            tags: list = field(default_factory=tags)
            hidden: int = field(default=3, repr=False)
            def __post_init__(self, seed): self.tags.append(seed)
        """,
    )
    p = m.Point(1, 9, hidden=4)
    assert repr(p) == "Point(x=1, tags=['tag', 9])"
    with pytest.raises(TypeError):
        m.Point(1, 2, 3)
    live_factory = {f.name: f for f in dataclasses.fields(p)}["tags"].default_factory
    assert live_factory is m.tags


def test_slots_that_did_not_change(live):
    source = POINT.replace("@dataclass", "@dataclass(slots=True)")
    m = live.module("m", source)
    p, cls = m.Point(1), m.Point
    with no_donors_left("m"):
        live.update("m", source.replace("old", "new").replace("= 2", "= 5"))
    assert m.Point is cls
    assert p.norm() == ("new", 1)
    assert (p.y, m.Point(1).y) == (2, 5)
    assert not hasattr(p, "__dict__")


def test_slots_and_frozen_and_super(live):
    source = """\
from dataclasses import dataclass
class Base:
    __slots__ = ()
    def who(self): return "base"
@dataclass(slots=True, frozen=True, weakref_slot=True)
class Point(Base):
    x: int
    @property
    def double(self): return "old", 2 * self.x
"""
    m = live.module("m", source)
    p = m.Point(1)
    pickled = pickle.dumps(p)
    live.update("m", source.replace('"old"', '"new"').replace('"base"', '"new base"'))
    assert (p.double, p.who()) == (("new", 2), "new base")
    assert pickle.loads(pickled) == p


@pytest.mark.refuses("RSL201")
@pytest.mark.parametrize(
    "new", ["x: int\n    z: int", "x: int\n    y: int = 2\n    z: int = 3"]
)
def test_slots_that_change_are_refused(live, new):
    source = POINT.replace("@dataclass", "@dataclass(slots=True)")
    m = live.module("m", source)
    p = m.Point(1)
    with pytest.raises(resoul.RefusedError) as refused:
        live.update(
            "m", source.replace("x: int\n    y: int = 2", new).replace("old", "new")
        )
    assert codes(refused.value) == {"RSL201"}
    assert p.norm() == ("old", 1)
    assert repr(p) == "Point(x=1, y=2)"


def test_inheritance_over_modules(live):
    live.module(
        "base", "from dataclasses import dataclass\n@dataclass\nclass B:\n    a: int\n"
    )
    user = live.module(
        "user",
        "from dataclasses import dataclass\nimport base\n@dataclass\nclass K(base.B):\n    b: int = 2\n",
    )
    k = user.K(1)
    live.edit(
        "base",
        "from dataclasses import dataclass\n@dataclass\nclass B:\n    a: int\n    c: int = 3\n",
    )
    live.reload("base", "user")
    assert repr(user.K(1)) == "K(a=1, c=3, b=2)"
    assert repr(k) == "K(a=1, c=3, b=2)"


def test_string_annotations(live):
    source = """\
from __future__ import annotations
from dataclasses import dataclass
@dataclass
class P:
    a: int
"""
    m = live.module("m", source)
    live.update(
        "m",
        source.replace("import dataclass", "import dataclass\nimport typing as t")
        + "    b: t.ClassVar[int] = 3\n",
    )
    assert [f.name for f in dataclasses.fields(m.P)] == ["a"]
    assert m.P.b == 3


def test_make_dataclass(live):
    source = "import dataclasses\nP = dataclasses.make_dataclass('P', ['x'])\n"
    m = live.module("m", source)
    p = m.P(1)
    live.update("m", source.replace("['x']", "['x', ('y', int, 2)]"))
    assert m.P(1).y == 2
    assert isinstance(m.P(1), type(m.P(1)))
    assert p.x == 1


def test_sentinel_default_of_a_field(live):
    source = """\
from dataclasses import dataclass, field
MISSING = object()
@dataclass
class P:
    x: object = MISSING
    y: object = field(default_factory=lambda: MISSING)
    def missing(self): return self.x is MISSING and self.y is MISSING
"""
    m = live.module("m", source)
    p, sentinel = m.P(), m.MISSING
    live.update("m", source + "    z: int = 1\n")
    assert m.MISSING is sentinel
    assert p.missing()
    assert m.P().missing()
    assert dataclasses.fields(m.P)[0].default is sentinel


def test_dataclass_that_did_not_change(live):
    m = live.module("m", POINT)
    assert not live.reload("m")
    assert m.Point(1) == m.Point(1, 2)


BASES = """
class Base:
    made = []
    def __init_subclass__(cls, **keywords): Base.made.append((cls.__qualname__, keywords))
class Quiet: pass
"""
WITH_SLOTS = """
import base
from dataclasses import dataclass
class Young:
    seen = []
    def __init_subclass__(cls, **keywords):
        Young.seen.append(cls.__name__)
        super().__init_subclass__(**keywords)
@dataclass(slots=True)
class A(base.Base, word="x"):
    x: int = 1
    def get(self): return self.x
@dataclass(slots=True)
class B(Young, base.Quiet, base.Base):
    x: int = 1
@dataclass(slots=True)
class C(base.Quiet):
    x: int = 1
"""


def test_the_class_with_slots_is_made_quietly_too(live):
    base = live.module("base", BASES)
    m = live.module("m", WITH_SLOTS)
    instance = m.A()
    base.Base.made.clear()
    for value in (2, 3):
        update = live.update("m", WITH_SLOTS.replace("= 1", f"= {value}"))
        assert base.Base.made == []
        assert m.Young.seen == ["B", "B"]
        assert m.A.__mro__ == (m.A, base.Base, object)
        assert m.B.__mro__ == (m.B, m.Young, base.Quiet, base.Base, object)
        assert [cls for cls in base.Quiet.__subclasses__() if cls is m.B or cls is m.C]
        assert m.A().x == m.B().x == m.C().x == value
        assert instance.x == m.A.get(instance) == 1
        assert type(instance) is m.A
        assert {n.code for n in update.warnings} <= {"RSL607"}
    gc.collect()
    assert set(base.Base.__subclasses__()) == {m.A, m.B}
    assert set(base.Quiet.__subclasses__()) == {m.B, m.C}


def test_what_a_body_sees_while_it_runs(live):
    base = live.module("base", BASES + "SEEN = []\n")
    source = WITH_SLOTS + (
        "base.SEEN.append((len(base.Base.__subclasses__()), A.__mro__[1:]))\n"
        "base.SEEN.append([n for c in (A, B, C) for n in vars(c) if not n.isidentifier()])\n"
    )
    live.module("m", source)
    gc.collect()  # CPython shows the first classes until then
    live.update("m", source + "X = 1\n")
    assert base.SEEN[2:] == [(2, (base.Base, object)), []]


def test_a_decorator_that_copies_and_keeps_both(live):
    base = live.module("base", BASES + "COPIES = []\n")
    source = """
import base
def copied(cls):
    names = {n: v for n, v in vars(cls).items() if n not in ("__dict__", "__weakref__")}
    base.COPIES.append(type(cls)(cls.__name__ + "Copy", cls.__bases__, names))
    return cls
@copied
class A(base.Base): x = 1
"""
    m = live.module("m", source)
    base.Base.made.clear()
    live.update("m", source.replace("x = 1", "x = 2; y = 1"))
    assert base.Base.made == []
    assert [c.__name__ for c in base.COPIES] == ["ACopy", "ACopy"]
    assert set(base.Base.__subclasses__()) == {m.A, *base.COPIES}
    assert "y" in vars(base.COPIES[1])
    assert [
        n for c in (m.A, *base.COPIES) for n in vars(c) if not n.isidentifier()
    ] == []
