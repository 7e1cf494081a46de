"""`resoul.instances()`: live instances, found in one pass."""

import abc
import collections
import enum
import gc
import types
from dataclasses import dataclass
from typing import NamedTuple

import pytest

import resoul


class Base:
    pass


class Child(Base):
    pass


class Slotted(Base):
    __slots__ = ("a",)


class Meta(type):
    def __instancecheck__(cls, op):
        raise AssertionError("asked")

    def __subclasscheck__(cls, op):
        raise AssertionError("asked")

    def __subclasses__(cls):
        raise AssertionError("asked")


class Hostile(metaclass=Meta):
    @property
    def __class__(self):
        raise AssertionError("asked")

    def __eq__(self, other):
        raise AssertionError("asked")

    def __hash__(self):
        raise AssertionError("asked")

    def __getattribute__(self, name):
        raise AssertionError("asked")


def ids(found):
    return sorted(map(id, found))


def test_all_of_them_and_each_once():
    made = [Base(), Child(), Slotted(), Base()]
    gc.collect()
    assert ids(resoul.instances(Base)) == ids(made)
    assert ids(resoul.instances(Child)) == [id(made[1])]
    assert ids(resoul.instances(Slotted)) == [id(made[2])]


def test_none_is_an_empty_list():
    gc.collect()
    assert resoul.instances(Base) == []


def test_those_that_nothing_but_a_cycle_holds_are_alive_until_collected():
    gc.collect()
    gc.disable()
    try:
        one = Base()
        one.me = one
        del one
        assert len(resoul.instances(Base)) == 1
    finally:
        gc.enable()
    gc.collect()
    assert resoul.instances(Base) == []


def test_the_list_is_the_only_new_reference():
    one = Base()
    found = resoul.instances(Base)
    assert found[0] is one
    assert type(found) is list
    del found
    assert [r for r in gc.get_referrers(one) if type(r) is list] == []


def test_no_user_code_runs():
    one = Hostile()
    (found,) = [op for op in resoul.instances(Hostile) if op is one]
    assert type(found) is Hostile


def test_one_that_pretends_to_be_another_class_is_no_instance():
    class Pretender:
        @property
        def __class__(self):
            return Base

    pretender = Pretender()
    assert isinstance(pretender, Base)
    gc.collect()
    assert resoul.instances(Base) == []


def test_registered_classes_are_not_asked():
    class Abstract(abc.ABC):
        @abc.abstractmethod
        def method(self): ...

    class Other:
        pass

    Abstract.register(Other)
    kept = Other()
    assert isinstance(kept, Abstract)
    assert resoul.instances(Abstract) == []


def test_in_containers_of_all_kinds_and_in_frames():
    def generator(local):
        yield 1
        yield local

    running = generator(Base())
    next(running)
    made = collections.deque([Base()])
    mapping = types.MappingProxyType({"k": Base()})
    (lambda held: None)(local := Base())
    assert len(resoul.instances(Base)) == 4
    assert (len(made), len(mapping), type(local)) == (1, 1, Base)


def test_classes_of_the_usual_makers():
    @dataclass(slots=True)
    class Point:
        x: int

    class Pair(NamedTuple):
        a: int
        b: int

    class Colour(enum.Enum):
        RED = 1
        BLUE = 2

    class Names(dict):
        pass

    class Number(int):
        pass

    for cls, made in (
        (Point, [Point(1)]),
        (Pair, [Pair(1, 2), Pair(3, 4)]),
        (Colour, list(Colour)),
        (Names, [Names(a=1), Names()]),
        (Number, [Number(7)]),
    ):
        gc.collect()  # it lets go of plain tuples and dicts that hold no objects
        assert ids(resoul.instances(cls)) == ids(made)


def test_a_metaclass_has_its_classes():
    assert resoul.instances(Meta) == [Hostile]


def test_built_in_classes_that_are_tracked():
    made = [collections.OrderedDict(a=1), bytearray(b"x"), [1]]
    assert any(op is made[0] for op in resoul.instances(collections.OrderedDict))
    found = resoul.instances(list)
    assert any(op is made for op in found)
    assert not any(op is found for op in found)


class Bare:
    __slots__ = ()


class BareNumber(int):
    __slots__ = ()


class BareTuple(tuple):
    __slots__ = ()


@pytest.mark.parametrize(
    ("cls", "named"),
    [
        (int, "int"),
        (str, "str"),
        (dict, "dict"),
        (tuple, "tuple"),
        (types.FrameType, "frame"),
        (types.CodeType, "code"),
        (type, "type"),
        (object, "object"),
    ],
)
def test_those_that_could_be_missed_are_refused(cls, named):
    with pytest.raises(resoul.UpdateError, match="garbage collector") as caught:
        resoul.instances(cls)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("cls", "arguments"), [(Bare, ()), (BareNumber, (7,)), (BareTuple, ((1, 2),))]
)
def test_those_without_attributes_and_slots_are_found(cls, arguments):
    made = [cls(*arguments)]
    gc.collect()
    assert ids(resoul.instances(cls)) == ids(made)


@pytest.mark.parametrize("wrong", [5, "Base", None, list[int], int | str, 1.5])
def test_what_is_no_class_is_a_type_error(wrong):
    with pytest.raises(TypeError, match="class"):
        resoul.instances(wrong)


def test_frozen_objects_are_found(program):
    out = program(
        """
        import gc
        class C: pass
        class S: __slots__ = ("a",)
        held, local = [C(), S()], (lambda: [C()])()
        gc.collect()
        gc.freeze()
        later = C()
        print(len(resoul.instances(C)), len(resoul.instances(S)), gc.get_freeze_count() > 0)
        """
    )
    assert out == "3 1 True\n"


def test_old_instances_of_a_class_that_was_updated(live):
    m = live.module("m", "class C:\n    def f(self): return 1\n")
    old = m.C()
    live.update("m", "class C:\n    def f(self): return 2\n")
    new = m.C()
    assert ids(resoul.instances(m.C)) == ids([old, new])
