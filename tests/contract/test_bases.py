"""Classes get other bases, and subclasses anywhere follow."""

import pytest
from livefolder import codes, text

import resoul


def attempt(probe, target):
    try:
        return probe(target)
    except Exception as error:
        return type(error)


def test_subclasses_in_other_modules(live):
    source = """
        class Base:
            def inherited(self): return "old"
            def overridden(self): return "old base"
        """
    m = live.module("m", source)
    user = live.module(
        "user",
        """
        from m import Base
        class Sub(Base):
            def overridden(self): return "sub", super().overridden()
        class SubSub(Sub): pass
        """,
    )
    sub = user.SubSub()
    added = "    def added(self): return 'added'\n"
    live.update("m", text(source).replace("old", "new") + added)
    assert sub.inherited() == "new"
    assert sub.added() == "added"
    assert sub.overridden() == ("sub", "new base")
    assert m.Base.__subclasses__() == [user.Sub]
    assert user.SubSub.__mro__ == (user.SubSub, user.Sub, m.Base, object)


BASES = """\
class A:
    def who(self): return "A"
class B:
    def who(self): return "B"
class Mixin:
    def mixed(self): return "mixed"
"""


@pytest.mark.parametrize(
    ("old", "new", "who"),
    [
        ("(A)", "(B)", "B"),
        ("", "(B)", "B"),
        ("(A)", "(A, Mixin)", "A"),
        ("(A, Mixin)", "(A)", "A"),
        ("(A, B)", "(B, A)", "B"),
        ("(Mixin, A)", "(B)", "B"),
        ("", "(Mixin, B)", "B"),
    ],
)
def test_bases_change(live, old, new, who):
    body = ":\n    def k(self): return 'k'\n"
    m = live.module("m", BASES + f"class K{old}{body}")
    user = live.module("user", "import m\nclass Sub(m.K): pass\n")
    k, sub = m.K(), user.Sub()
    for o in (k, sub) * 30:
        attempt(lambda o: o.who(), o)
    live.update("m", BASES + f"class K{new}{body}")
    fresh = live.module("fresh", BASES + f"class K{new}{body}")
    assert [c.__name__ for c in m.K.__mro__] == [c.__name__ for c in fresh.K.__mro__]
    assert [c.__name__ for c in m.K.__bases__] == [
        c.__name__ for c in fresh.K.__bases__
    ]
    assert user.Sub.__mro__[1:] == m.K.__mro__
    assert {k.who(), sub.who(), m.K().who()} == {who}
    for base in (m.A, m.B, m.Mixin):
        assert isinstance(k, base) == issubclass(fresh.K, getattr(fresh, base.__name__))
        assert (m.K in base.__subclasses__()) == (base in m.K.__bases__)


def test_bases_go(live):
    m = live.module("m", BASES + "class K(A): pass\n")
    k = m.K()
    live.update("m", BASES + "class K: pass\n")
    assert m.K.__bases__ == (object,)
    assert not isinstance(k, m.A)
    assert not hasattr(k, "who")
    assert m.A.__subclasses__() == []


def test_new_base_class_is_new_too(live):
    m = live.module("m", "class K:\n    def f(self): return 'K'\n")
    k = m.K()
    live.update(
        "m",
        """
        class Base:
            def f(self): return "base"
        class K(Base):
            def f(self): return "K", super().f()
        """,
    )
    assert k.f() == ("K", "base")
    assert m.K.__bases__ == (m.Base,)
    assert m.Base.__subclasses__() == [m.K]


def test_base_in_another_module_of_the_same_update(live):
    base = "class Base:\n    def f(self): return 'old base'\n"
    m = live.module("base", base)
    user = live.module(
        "user",
        "from base import Base\nclass K(Base):\n    def f(self): return 'old', super().f()\n",
    )
    k = user.K()
    live.edit(
        "base", base.replace("old", "new") + "    def extra(self): return 'extra'\n"
    )
    live.edit(
        "user",
        "from base import Base\nclass K(Base):\n    def f(self): return 'new', super().f(), self.extra()\n",
    )
    live.reload("user", "base")
    assert k.f() == ("new", "new base", "extra")
    assert user.K.__bases__ == (m.Base,)
    assert m.Base.__subclasses__() == [user.K]


def test_inherited_exception_group_dict_list_and_tuple_classes(live):
    source = """
        class D(dict):
            def f(self): return "old", len(self)
        class L(list):
            def f(self): return "old", len(self)
        class T(tuple):
            def f(self): return "old", len(self)
        class I(int):
            def f(self): return "old", int(self)
        class S(str):
            def f(self): return "old", str(self)
        """
    m = live.module("m", source)
    held = [m.D(a=1), m.L([1]), m.T((1,)), m.I(1), m.S("x")]
    live.update("m", source.replace("old", "new"))
    assert [o.f() for o in held] == [("new", 1)] * 4 + [("new", "x")]


def test_base_and_subclass_exchange_their_places(live):
    """B(A) becomes A(B): all of it, or a refusal that changes nothing."""
    old = "class A:\n    def a(self): return 'A'\nclass B(A):\n    def b(self): return 'B'\n"
    new = "class B:\n    def b(self): return 'B'\nclass A(B):\n    def a(self): return 'A'\n"
    m = live.module("m", old)
    a, b = m.A, m.B
    try:
        live.update("m", new)
    except resoul.RefusedError as error:
        assert codes(error) == {"RSL203"}
        assert (a.__bases__, b.__bases__) == ((object,), (a,))
    else:
        assert (a.__bases__, b.__bases__) == ((b,), (object,))
        assert (a().b(), a.__mro__) == ("B", (a, b, object))


def test_an_exception_gets_another_base(live):
    m = live.module("m", "class E(Exception): pass\n")
    error = m.E()
    live.update("m", "class E(ValueError): pass\n")
    with pytest.raises(ValueError):
        raise error
    assert issubclass(m.E, ValueError)
