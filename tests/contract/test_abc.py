"""Abstract base classes."""

import _abc
import abc
import collections.abc
import gc

import pytest
from livefolder import no_donors_left, text

BASE = """\
import abc
class Base(abc.ABC):
    @abc.abstractmethod
    def f(self): "f"
    def g(self): return "old"
"""


def test_abstract_methods_follow_in_the_class_and_its_subclasses(live):
    m = live.module("m", BASE)
    user = live.module(
        "user",
        """
        import m
        class Part(m.Base): pass
        class Whole(m.Base):
            def f(self): return "whole", self.g()
        class Deep(Whole): pass
        """,
    )
    whole, deep = user.Whole(), user.Deep()
    live.update(
        "m",
        BASE.replace("old", "new") + "    @abc.abstractmethod\n    def h(self): 'h'\n",
    )
    assert m.Base.__abstractmethods__ == {"f", "h"}
    assert user.Part.__abstractmethods__ == {"f", "h"}
    assert user.Whole.__abstractmethods__ == user.Deep.__abstractmethods__ == {"h"}
    for cls in (m.Base, user.Part, user.Whole, user.Deep):
        with pytest.raises(TypeError, match="abstract"):
            cls()
    assert whole.f() == deep.f() == ("whole", "new")
    live.update(
        "m", BASE.replace("    @abc.abstractmethod\n", "") + "    _del_func = True\n"
    )
    assert m.Base.__abstractmethods__ == frozenset()
    assert [type(cls()) for cls in (m.Base, user.Part, user.Whole)] == [
        m.Base,
        user.Part,
        user.Whole,
    ]


def test_virtual_subclasses_stay(live):
    m = live.module("m", BASE)
    user = live.module("user", "import m\n@m.Base.register\nclass Virtual: pass\n")
    assert isinstance(user.Virtual(), m.Base)
    assert not isinstance(3, m.Base)
    live.update("m", BASE.replace("old", "new"))
    assert isinstance(user.Virtual(), m.Base)
    assert issubclass(user.Virtual, m.Base)
    assert not isinstance(3, m.Base)
    m.Base.register(int)
    assert isinstance(3, m.Base)


def test_virtual_subclasses_of_the_new_source(live):
    m = live.module("m", BASE)
    assert not isinstance("", m.Base)
    live.update("m", BASE + "Base.register(str)\nclass Own: pass\nBase.register(Own)\n")
    assert isinstance("", m.Base)
    assert isinstance(m.Own(), m.Base)


def test_subclasshook_follows_although_answers_were_cached(live):
    source = """
        import abc
        class Sized(abc.ABC):
            @classmethod
            def __subclasshook__(cls, other): return hasattr(other, "old")
        """
    m = live.module("m", source)
    user = live.module("user", "class Old: old = 1\nclass New: new = 1\n")
    assert isinstance(user.Old(), m.Sized)
    assert not isinstance(user.New(), m.Sized)
    live.update("m", source.replace('"old"', '"new"'))
    assert isinstance(user.New(), m.Sized)
    assert not isinstance(user.Old(), m.Sized)


def test_plain_class_becomes_abstract_and_back(live):
    m = live.module("m", "class Base:\n    def f(self): return 'old'\n")
    instance = m.Base()
    live.update("m", BASE)
    assert isinstance(instance, abc.ABC)
    with pytest.raises(TypeError, match="abstract"):
        m.Base()
    live.update("m", "class Base:\n    def f(self): return 'plain'\n")
    assert m.Base().f() == instance.f() == "plain"
    assert type(m.Base) is type


def test_collections_abc_subclass(live):
    source = """
        from collections.abc import Sequence
        class Numbers(Sequence):
            def __len__(self): return 3
            def __getitem__(self, i):
                if i < 3: return i
                raise IndexError
        """
    m = live.module("m", source)
    numbers = m.Numbers()
    assert list(numbers) == [0, 1, 2]
    live.update("m", source.replace("3", "5"))
    assert list(numbers) == list(range(5))
    assert 4 in numbers
    assert list(reversed(numbers)) == [4, 3, 2, 1, 0]
    assert isinstance(numbers, collections.abc.Sequence)

    def first(x):
        match x:
            case [one, *_]:
                return one

    assert first(numbers) == 0


def test_implementation_in_the_same_module(live):
    source = BASE + "class Impl(Base):\n    def f(self): return 'impl', super().g()\n"
    m = live.module("m", source)
    impl = m.Impl()
    with no_donors_left("m"):
        live.update("m", source.replace("old", "new"))
    assert impl.f() == ("impl", "new")
    assert m.Base.__subclasses__() == [m.Impl]
    assert isinstance(impl, m.Base)


def test_abstract_property_and_classmethod(live):
    source = """
        import abc
        class Base(abc.ABC):
            @property
            @abc.abstractmethod
            def p(self): ...
        """
    m = live.module("m", source)
    added = "    @classmethod\n    @abc.abstractmethod\n    def c(cls): ...\n"
    live.update("m", text(source) + added)
    assert m.Base.__abstractmethods__ == {"p", "c"}
    made = type(m.Base)("Made", (m.Base,), {"p": 1, "c": 2})
    assert made().p == 1


@pytest.mark.parametrize("before", [True, False], ids=["again", "new"])
def test_registered_with_a_class_of_another_module(live, before):
    lib = live.module("lib", "import abc\nclass A(abc.ABC): pass\n")
    source = "import lib\nclass K: x = 1\n"
    registered = source + "lib.A.register(K)\nassert issubclass(K, lib.A)\n"
    m = live.module("m", registered if before else source)
    instance = m.K()
    assert isinstance(instance, lib.A) is before
    for number in (2, 3):
        live.update("m", registered.replace("1", str(number)))
        gc.collect()
        assert isinstance(instance, lib.A)
        assert not issubclass(int, lib.A)
    assert {ref() for ref in _abc._get_dump(lib.A)[0]} == {m.K}
