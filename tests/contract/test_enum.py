"""Enums: members keep their identity, the members themselves follow the source."""

import enum
import pickle

import pytest
from livefolder import actions, codes

import resoul

COLOR = """\
import enum
class Color(enum.Enum):
    RED = 1
    GREEN = 2
    def show(self): return "old", self.name
"""


def same_enum(live, fresh):
    """Everything that can be asked of an Enum, without the identity of members."""
    return {
        "members": {n: m.value for n, m in fresh.__members__.items()},
        "names": [m.name for m in fresh],
    } == {
        "members": {n: m.value for n, m in live.__members__.items()},
        "names": [m.name for m in live],
    }


def test_members_keep_their_identity_and_follow_the_methods(live):
    m = live.module("m", COLOR)
    user = live.module("user", "from m import Color\nRED = Color.RED\n")
    cls, red, by_member = m.Color, m.Color.RED, {m.Color.RED: "red"}
    pickled = pickle.dumps(red)
    live.update("m", COLOR.replace("old", "new"))
    assert m.Color is cls
    assert m.Color.RED is red is user.RED
    assert red.show() == ("new", "RED")
    assert m.Color(1) is m.Color["RED"] is pickle.loads(pickled) is red
    assert by_member[m.Color.RED] == "red"
    assert isinstance(red, m.Color)


def test_member_added(live):
    m = live.module("m", COLOR)
    red, green = m.Color
    update = live.update("m", COLOR.replace("RED", "BLUE = 3\n    RED"))
    blue = m.Color.BLUE
    assert list(m.Color) == [blue, red, green], "in the order of the new source"
    assert m.Color(3) is m.Color["BLUE"] is blue
    assert type(blue) is m.Color
    assert blue in m.Color
    assert (blue.name, blue.value, blue.show()) == ("BLUE", 3, ("old", "BLUE"))
    assert len(m.Color) == 3
    assert pickle.loads(pickle.dumps(blue)) is blue
    assert actions(update, "Color.BLUE") == {"added"}


def test_member_removed(live):
    m = live.module("m", COLOR)
    red, green = m.Color
    live.update("m", COLOR.replace("    GREEN = 2\n", ""))
    assert list(m.Color) == [red]
    assert not hasattr(m.Color, "GREEN")
    with pytest.raises(ValueError, match="2"):
        m.Color(2)
    with pytest.raises(KeyError):
        m.Color["GREEN"]
    assert (green.name, green.value) == ("GREEN", 2), "a held member still lives"
    assert green.show() == ("old", "GREEN")


def test_value_changed(live):
    m = live.module("m", COLOR)
    red = m.Color.RED
    live.update("m", COLOR.replace("RED = 1", "RED = 'r'"))
    assert m.Color.RED is red is m.Color("r")
    assert red.value == "r"
    with pytest.raises(ValueError, match="1"):
        m.Color(1)


def test_values_exchanged(live):
    m = live.module("m", COLOR)
    red, green = m.Color
    live.update("m", COLOR.replace("1", "3").replace("2", "1").replace("3", "2"))
    assert (red.value, green.value) == (2, 1)
    assert (m.Color(2), m.Color(1)) == (red, green)
    assert [red, green] == [m.Color.RED, m.Color.GREEN]


def test_member_renamed_becomes_another(live):
    m = live.module("m", COLOR)
    live.update("m", COLOR.replace("GREEN", "BLUE"))
    assert m.Color(2) is m.Color.BLUE
    assert m.Color.BLUE.name == "BLUE"
    assert "GREEN" not in m.Color.__members__


def test_alias_added_and_removed(live):
    m = live.module("m", COLOR)
    red = m.Color.RED
    live.update("m", COLOR.replace("GREEN = 2", "GREEN = 2\n    ROUGE = 1"))
    assert m.Color.ROUGE is red is m.Color["ROUGE"]
    assert list(m.Color.__members__) == ["RED", "GREEN", "ROUGE"]
    assert len(m.Color) == 2
    live.update("m", COLOR)
    assert list(m.Color.__members__) == ["RED", "GREEN"]


def test_member_becomes_an_alias(live):
    m = live.module("m", COLOR)
    live.update("m", COLOR.replace("GREEN = 2", "GREEN = 1"))
    assert m.Color.GREEN is m.Color.RED
    assert len(m.Color) == 1


def test_auto_values_and_unhashable_values(live):
    source = """\
import enum
class E(enum.Enum):
    A = enum.auto()
    B = [1, 2]
"""
    m = live.module("m", source)
    a, b = m.E
    live.update(
        "m", source.replace("B =", "C = enum.auto()\n    B =").replace("2]", "3]")
    )
    assert (a, b) == (m.E.A, m.E.B)
    assert m.E([1, 3]) is b
    assert m.E(2) is m.E.C
    with pytest.raises(ValueError, match="1, 2"):
        m.E([1, 2])


def test_init_missing_and_attributes_of_members(live):
    source = """\
import enum
class Planet(enum.Enum):
    EARTH = (1, 2)
    def __init__(self, mass, radius): self.mass, self.radius = mass, radius
    @classmethod
    def _missing_(cls, value): return cls.EARTH
"""
    m = live.module("m", source)
    earth = m.Planet.EARTH
    live.update("m", source.replace("(1, 2)", "(3, 4)") + "    MARS = (5, 6)\n")
    assert m.Planet.EARTH is earth
    assert (earth.value, earth.mass, earth.radius) == ((3, 4), 3, 4)
    assert (m.Planet.MARS.mass, m.Planet("?")) == (5, earth)


def test_flags(live):
    source = """\
import enum
class Perm(enum.Flag):
    R = 1
    W = 2
    RW = 3
    def show(self): return "old", self.value
"""
    m = live.module("m", source)
    r, w, both, nothing = m.Perm.R, m.Perm.W, m.Perm.R | m.Perm.W, m.Perm(0)
    live.update("m", source.replace("old", "new").replace("RW", "X = 4\n    RW"))
    assert (r, w, both) == (m.Perm.R, m.Perm.W, m.Perm.RW)
    assert r | w is both
    assert [p.show() for p in (r, both, nothing)] == [("new", n) for n in (1, 3, 0)]
    assert (m.Perm.R | m.Perm.X).value == 5
    assert list(m.Perm(7)) == [r, w, m.Perm.X]
    assert (~r).value == 6
    assert m.Perm(7) & w is w


def test_pseudo_members_that_are_held(live):
    source = "import enum\nclass P(enum.Flag):\n    A = 1\n    B = 2\n"
    m = live.module("m", source)
    combined = m.P.A | m.P.B
    live.update("m", source + "    C = 4\n    def f(self): return 'new'\n")
    assert m.P.A | m.P.B is combined
    assert combined.f() == "new"
    assert list(combined) == [m.P.A, m.P.B]


PAYLOAD = {
    "IntEnum": ("(enum.IntEnum)", "1", "2"),
    "IntFlag": ("(enum.IntFlag)", "1", "2"),
    "StrEnum": ("(enum.StrEnum)", "'a'", "'b'"),
    "str mixin": ("(str, enum.Enum)", "'a'", "'b'"),
    "float mixin": ("(float, enum.Enum)", "1.5", "2.5"),
}


@pytest.mark.refuses("RSL205")
@pytest.mark.parametrize("kind", PAYLOAD)
def test_a_changed_payload_is_refused(live, kind):
    bases, old, new = PAYLOAD[kind]
    source = f"import enum\nclass E{bases}:\n    A = {old}\n"
    m = live.module("m", source)
    a = m.E.A
    with pytest.raises(resoul.RefusedError) as refused:
        live.update("m", source.replace(f"A = {old}", f"A = {new}"))
    (reason,) = refused.value.reasons
    assert (reason.code, reason.module) == ("RSL205", "m")
    assert reason.qualname in ("E", "E.A")
    assert list(m.E) == [a]
    assert m.E(eval(old)) is a


@pytest.mark.parametrize("kind", PAYLOAD)
def test_members_with_a_payload_that_did_not_change(live, kind):
    bases, old, new = PAYLOAD[kind]
    source = f"import enum\nclass E{bases}:\n    A = {old}\n"
    m = live.module("m", source)
    a = m.E.A
    live.update(
        "m", source + f"    B = {new}\n    def f(self): return 'new', self.value\n"
    )
    assert m.E.A is a
    assert a == eval(old)
    assert (a.f(), m.E.B.f()) == (("new", eval(old)), ("new", eval(new)))
    assert m.E(eval(new)) is m.E.B
    assert list(m.E) == [a, m.E.B]


def test_functional_api(live):
    m = live.module("m", "import enum\nE = enum.Enum('E', 'A B')\n")
    cls, a = m.E, m.E.A
    live.update("m", "import enum\nE = enum.Enum('E', 'A B C')\n")
    assert m.E is cls
    assert m.E.A is a
    assert m.E(3) is m.E.C


def test_nested_enum_and_enum_used_in_the_module(live):
    source = """\
import enum
class Unit:
    class State(enum.Enum):
        IDLE = 1
        BUSY = 2
    DEFAULT = State.IDLE
    def __init__(self, state=State.IDLE): self.state = state
    def idle(self): return self.state is Unit.State.IDLE
"""
    m = live.module("m", source)
    unit, idle = m.Unit(), m.Unit.State.IDLE
    live.update("m", source + "    def other(self): return self.idle()\n")
    assert m.Unit.State.IDLE is idle is m.Unit.DEFAULT
    assert m.Unit.__init__.__defaults__ == (idle,)
    assert m.Unit.__init__.__defaults__[0] is idle
    assert unit.other()
    assert m.Unit().idle()


def test_enum_base_without_members(live):
    source = """\
import enum
class Base(enum.Enum):
    def show(self): return "old", self.name
class E(Base):
    A = 1
"""
    m = live.module("m", source)
    user = live.module("user", "import m\nclass F(m.Base):\n    X = 1\n")
    live.update("m", source.replace("old", "new") + "    B = 2\n")
    assert m.E.A.show() == ("new", "A")
    assert user.F.X.show() == ("new", "X")
    assert [e.name for e in m.E] == ["A", "B"]
    assert issubclass(m.E, m.Base)


def test_enum_becomes_like_a_fresh_one(live):
    source = """\
import enum
@enum.unique
class E(enum.Enum):
    "Old."
    _ignore_ = ["temporary"]
    temporary = 0
    A = 1
    B = 2
    constant = enum.nonmember(5)
    @property
    def p(self): return "old"
"""
    new = source.replace("old", "new").replace("Old", "New").replace("B = 2", "D = 4")
    m = live.module("m", source)
    live.update("m", new)
    fresh = live.module("fresh", new)
    assert same_enum(m.E, fresh.E)
    assert m.E.__doc__ == "New."
    assert m.E.A.p == m.E.D.p == "new"
    assert m.E.constant == 5
    assert not hasattr(m.E, "temporary")
    assert set(vars(m.E)) == set(vars(fresh.E))


def test_global_enum(live):
    source = "import enum\n@enum.global_enum\nclass E(enum.Enum):\n    AA = 1\n"
    m = live.module("m", source)
    aa = m.AA
    live.update("m", source + "    BB = 2\n")
    assert m.AA is aa is m.E.AA
    assert m.BB is m.E.BB


def test_match_statement_on_members(live):
    m = live.module("m", COLOR)
    user = live.module(
        "user",
        """
        import m
        def name(color):
            match color:
                case m.Color.RED: return "red"
                case _: return "other"
        """,
    )
    red = m.Color.RED
    assert {user.name(red) for _ in range(50)} == {"red"}
    live.update("m", COLOR.replace("RED = 1", "BLUE = 9\n    RED = 5"))
    assert {user.name(red) for _ in range(50)} == {"red"}
    assert user.name(m.Color.BLUE) == "other"


def test_enum_in_an_update_that_is_undone_by_a_failure(live):
    m = live.module("m", COLOR)
    before = dict(vars(m.Color))
    members = dict(m.Color.__members__)
    with pytest.raises(resoul.PrepareError):
        live.update("m", COLOR + "    BLUE = 3\nraise ValueError\n")
    assert dict(vars(m.Color)) == before
    assert dict(m.Color.__members__) == members
    assert isinstance(m.Color, enum.EnumType)


def test_all_reasons_of_one_enum(live):
    source = "import enum\nclass E(enum.IntEnum):\n    A = 1\n    B = 2\n"
    live.module("m", source)
    with pytest.raises(resoul.RefusedError) as refused:
        live.update("m", source.replace("= 1", "= 10").replace("= 2", "= 20"))
    assert codes(refused.value) == {"RSL205"}


def test_a_mixed_in_class_is_no_payload(live):
    source = """\
import dataclasses, enum
@dataclasses.dataclass(frozen=True)
class D:
    x: int
    def f(self): return "old", self.x
class E(D, enum.Enum):
    A = 1
"""
    m = live.module("m", source)
    a = m.E.A
    live.update("m", source.replace("old", "new") + "    B = 2\n")
    assert m.E.A is a
    assert (a.f(), m.E.B.f()) == (("new", 1), ("new", 2))
    assert m.E(m.D(2)) is m.E.B
    live.update("m", source.replace("old", "newer").replace("A = 1", "A = 5"))
    assert m.E.A is a
    assert a.f() == ("newer", 5)


def test_generated_values(live):
    source = """\
import enum
class E(enum.Enum):
    @staticmethod
    def _generate_next_value_(name, start, count, last): return name.lower()
    A = enum.auto()
"""
    m = live.module("m", source)
    a = m.E.A
    live.update("m", source + "    B = enum.auto()\n")
    assert (a.value, m.E.B.value) == ("a", "b")
    assert m.E("a") is a
    live.update("m", source.replace("lower", "upper"))
    assert (m.E.A, a.value) == (a, "A")
