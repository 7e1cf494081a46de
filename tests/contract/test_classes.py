"""Classes stay the same object and get new contents."""

import copy
import pickle
import weakref

import pytest
from livefolder import actions, no_donors_left, text


def test_identity_instances_and_held_methods(live):
    source = """
        class K:
            def m(self): return "old"
            def gone(self): return "gone"
        """
    m = live.module("m", source)
    k, cls, unbound = m.K(), m.K, m.K.m
    bound = k.m
    with no_donors_left("m"):
        update = live.update(
            "m",
            """
            class K:
                def m(self): return "new"
                def added(self): return "added"
            """,
        )
    assert m.K is cls
    assert (k.m(), bound(), unbound(k), k.added()) == ("new", "new", "new", "added")
    assert (m.K.m, k.gone()) == (unbound, "gone")
    assert actions(update, "K.m") == {"updated"}
    assert actions(update, "K.added") == {"added"}
    assert actions(update, "K.gone") == {"stays"}


def test_removed_methods_go_with_del_func(live):
    m = live.module(
        "m", "class K:\n    x = 1\n    def a(self): pass\n    def b(self): pass\n"
    )
    k = m.K()
    update = live.update("m", "class K:\n    _del_func = True\n    def a(self): pass\n")
    assert not hasattr(k, "b")
    assert hasattr(k, "a")
    assert k.x == 1
    assert actions(update, "K.b") == {"deleted"}


def test_del_func_of_a_class_speaks_for_its_scope_only(live):
    m = live.module("m", "class K:\n    def a(self): pass\ndef f(): return 'f'\n")
    live.update("m", "class K:\n    _del_func = True\n")
    assert not hasattr(m.K, "a")
    assert m.f() == "f"


def test_super_and_class_mean_the_live_class(live):
    source = """
        class Base:
            def who(self): return "base old"
        class K(Base):
            def who(self): return "old", super().who(), __class__
            @classmethod
            def make(cls): return "old", super().__new__(cls), __class__
        """
    m = live.module("m", source)
    user = live.module(
        "user", "import m\nclass Sub(m.K):\n    def who(self): return super().who()\n"
    )
    k, sub = m.K(), user.Sub()
    live.update("m", source.replace("old", "new"))
    assert k.who() == sub.who() == ("new", "base new", m.K)
    word, made, cls = m.K.make()
    assert (word, type(made), cls) == ("new", m.K, m.K)


def test_super_appears_in_a_method_of_an_old_class(live):
    m = live.module("m", "class A:\n    def f(self): return 'A'\nclass K(A): pass\n")
    k = m.K()
    live.update(
        "m",
        """
        class A:
            def f(self): return "A"
        class K(A):
            def f(self): return "K", super().f()
            g = lambda self: (__class__, super().f())
        """,
    )
    assert k.f() == ("K", "A")
    assert k.g() == (m.K, "A")


def test_name_mangling(live):
    source = """
        class K:
            def __init__(self): self.__secret = "secret"
            def __hidden(self): return "old", self.__secret
            def f(self): return self.__hidden()
        """
    m = live.module("m", source)
    k = m.K()
    live.update("m", source.replace('"old"', '"new"'))
    assert k.f() == ("new", "secret")


def test_isinstance_issubclass_except_and_match(live):
    source = """
        class Error(Exception):
            def show(self): return "old"
        class K: pass
        def fail(): raise Error("x")
        """
    m = live.module("m", source)
    user = live.module(
        "user",
        """
        from m import Error, K
        import m
        def caught():
            try: m.fail()
            except Error as error: return error.show()
        def matched(x):
            match x:
                case K(): return "matched"
        """,
    )
    k, error, cls = m.K(), m.Error("old instance"), m.K
    live.update("m", source.replace("old", "new"))
    assert user.caught() == "new"
    assert user.matched(k) == user.matched(m.K()) == "matched"
    assert isinstance(k, m.K)
    assert isinstance(m.K(), cls)
    assert issubclass(m.Error, Exception)
    assert error.show() == "new"


def test_an_exception_in_flight(live):
    source = "class Error(Exception):\n    def show(self): return 'old'\n"
    m = live.module("m", source)
    with pytest.raises(m.Error) as caught:
        try:
            raise m.Error
        finally:
            live.update("m", source.replace("old", "new"))
    assert caught.value.show() == "new"


def test_pickle_copy_weakrefs_and_keys(live):
    source = """
        class K:
            def __init__(self, x): self.x = x
            def show(self): return "old", self.x
        """
    m = live.module("m", source)
    pickled = pickle.dumps([m.K, m.K(1)])
    reference, table = weakref.ref(m.K), {m.K: "value"}
    weak = weakref.WeakKeyDictionary({m.K: "value"})
    live.update("m", source.replace("old", "new"))
    cls, instance = pickle.loads(pickled)
    assert cls is m.K
    assert instance.show() == ("new", 1)
    assert pickle.loads(pickle.dumps(instance)).show() == ("new", 1)
    assert copy.deepcopy(instance).show() == ("new", 1)
    assert reference() is m.K
    assert (table[m.K], weak[m.K]) == ("value", "value")


def test_doc_annotations_and_match_args_follow(live):
    m = live.module(
        "m",
        """
        class K:
            "Old."
            __match_args__ = ("a",)
            x: int
            def __init__(self): self.a, self.b = "a", "b"
        """,
    )
    k = m.K()

    def first(x):
        match x:
            case m.K(value):
                return value

    assert {first(k) for _ in range(50)} == {"a"}
    assert m.K.__annotations__ == {"x": int}
    live.update(
        "m",
        """
        class New: pass
        class K:
            "New."
            __match_args__ = ("b",)
            local = New
            x: local
            y: New
            def __init__(self): self.a, self.b = "a", "b"
        """,
    )
    assert m.K.__doc__ == "New."
    assert {first(k) for _ in range(50)} == {"b"}
    assert m.K.__annotations__ == {"x": m.New, "y": m.New}


def test_doc_and_annotations_can_go(live):
    m = live.module("m", "class K:\n    'Doc.'\n    x: int\n")
    live.update("m", "class K:\n    pass\n")
    assert m.K.__doc__ is None
    assert m.K.__annotations__ == {}


def test_descriptors_follow_and_know_their_owner(live):
    source = """
        class Field:
            def __init__(self, tag): self.tag = tag
            def __set_name__(self, owner, name): self.owner, self.name = owner, name
            def __get__(self, instance, owner): return self if instance is None else (self.tag, self.name)
        class K:
            a = Field("old")
        """
    m = live.module("m", source)
    k = m.K()
    added = "    b = Field('added')\n"
    live.update("m", text(source).replace('"old"', '"new"') + added)
    assert (k.a, k.b) == (("new", "a"), ("added", "b"))
    assert (m.K.a.owner, m.K.b.owner) == (m.K, m.K)
    assert type(m.K.a) is m.Field


def test_slots_that_did_not_change(live):
    source = """
        class K:
            __slots__ = ("a", "b", "__weakref__")
            def __init__(self): self.a, self.b = 1, 2
            def show(self): return "old", self.a, self.b
        class Sub(K):
            __slots__ = ("c",)
        """
    m = live.module("m", source)
    k, sub = m.K(), m.Sub()
    sub.c = 3
    member = m.K.a
    live.update("m", source.replace("old", "new"))
    assert k.show() == sub.show() == ("new", 1, 2)
    assert (sub.c, m.K().a) == (3, 1)
    assert m.K.a is member
    assert member.__get__(k) == 1
    weakref.ref(k)
    with pytest.raises(AttributeError):
        k.other = 1


def test_nested_classes(live):
    source = """
        class Outer:
            class Inner:
                def f(self): return "old", __class__
                class Innermost:
                    def f(self): return "old"
        """
    m = live.module("m", source)
    inner, innermost = m.Outer.Inner(), m.Outer.Inner.Innermost()
    classes = (m.Outer, m.Outer.Inner, m.Outer.Inner.Innermost)
    live.update("m", source.replace("old", "new"))
    assert classes == (m.Outer, m.Outer.Inner, m.Outer.Inner.Innermost)
    assert inner.f() == ("new", m.Outer.Inner)
    assert innermost.f() == "new"


def test_class_made_by_a_call_of_type(live):
    source = """
        def m(self): return "old"
        K = type("K", (), {"m": m, "tag": "old"})
        """
    m = live.module("m", source)
    k, cls = m.K(), m.K
    live.update("m", source.replace('return "old"', 'return "new"'))
    assert m.K is cls
    assert k.m() == "new"


def test_class_decorator_runs_and_what_it_registers_is_the_live_class(live):
    lib = live.module(
        "lib",
        """
        TABLE, LIST = {}, []
        def register(cls):
            TABLE[cls.__name__] = cls
            LIST.append(cls)
            cls.registered = True
            return cls
        """,
    )
    source = "import lib\n@lib.register\nclass K:\n    def f(self): return 'old'\n"
    m = live.module("m", source)
    with no_donors_left("m"):
        live.update("m", source.replace("old", "new"))
    assert {"K": m.K} == lib.TABLE
    assert [m.K] == lib.LIST
    assert lib.TABLE["K"]().f() == "new"


def test_class_decorator_that_wraps_methods(live):
    source = """
        import functools
        def loud(cls):
            original = cls.f
            @functools.wraps(original)
            def f(self): return original(self).upper()
            cls.f = f
            return cls
        @loud
        class K:
            def f(self): return "old"
        """
    m = live.module("m", source)
    k, bound = m.K(), m.K().f
    live.update("m", source.replace('"old"', '"new"'))
    assert k.f() == bound() == "NEW"


def test_init_subclass_is_not_fired_again_and_new_code_counts(live):
    lib = live.module(
        "lib",
        """
        SEEN = []
        class Base:
            count = 0
            def __init_subclass__(cls, **keywords):
                Base.count += 1
                SEEN.append((cls, keywords))
        """,
    )
    m = live.module("m", "import lib\nclass K(lib.Base, tag=1): pass\n")
    live.update(
        "m",
        "import lib\nclass K(lib.Base, tag=1):\n    def f(self): pass\nclass New(lib.Base): pass\n",
    )
    assert [(m.K, {"tag": 1}), (m.New, {})] == lib.SEEN
    assert lib.Base.count == 2
    assert lib.Base.__subclasses__() == [m.K, m.New]


def test_init_subclass_and_class_getitem_follow(live):
    source = """
        class Base:
            def __init_subclass__(cls): cls.tag = "old"
            def __class_getitem__(cls, item): return "old", item
        """
    m = live.module("m", source)
    live.update("m", source.replace("old", "new"))
    assert m.Base[1] == ("new", 1)
    assert type("Sub", (m.Base,), {}).tag == "new"


def test_generic_classes(live):
    source = """
        from typing import Generic, TypeVar
        T = TypeVar("T")
        class Box(Generic[T]):
            def get(self) -> T: return "old"
        class Pair[A, B]:
            def get(self) -> A: return "old"
        """
    m = live.module("m", source)
    box, pair = m.Box[int], m.Pair[int, str]
    instance = pair()
    live.update("m", source.replace("old", "new").replace("[A, B]", "[A, B, C]"))
    assert (box().get(), instance.get()) == ("new", "new")
    assert m.Box[int] == box
    assert box.__origin__ is m.Box
    assert [p.__name__ for p in m.Pair.__type_params__] == ["A", "B", "C"]
    assert m.Pair[int, str, bytes].__args__ == (int, str, bytes)


def test_plain_class_becomes_generic(live):
    m = live.module("m", "class Box:\n    def get(self): return 'old'\n")
    box = m.Box()
    live.update(
        "m",
        """
        from typing import Generic, TypeVar
        T = TypeVar("T")
        class Box(Generic[T]):
            def get(self): return "new"
        """,
    )
    assert box.get() == "new"
    assert m.Box[int]().get() == "new"
    live.update("m", "class Box:\n    def get(self): return 'newer'\n")
    assert box.get() == m.Box().get() == "newer"


@pytest.mark.parametrize("slots", ["()", "('a',)", "('a', '__weakref__')"])
def test_slots_stay_when_a_class_becomes_generic(live, slots):
    plain = (
        f"class Box:\n    __slots__ = {slots}\n"
        "    def get(self): return 'old', getattr(self, 'a', None)\n"
    )
    m = live.module("m", plain)
    box = m.Box()
    value = None
    if slots != "()":
        box.a = value = object()
    live.update(
        "m",
        "from typing import Generic, TypeVar\nT = TypeVar('T')\n"
        + plain.replace("Box", "Box(Generic[T])"),
    )
    assert box.get() == ("old", value)
    live.update("m", plain.replace("old", "new"))
    assert box.get() == ("new", value)


def test_instances_made_while_preparing_are_of_the_live_class(live):
    source = """
        class K:
            def f(self): return "old"
        FIRST = K()
        """
    m = live.module("m", source)
    first, cls = m.FIRST, m.K
    added = "SECOND = K()\nMANY = [K() for _ in range(100)]\n"
    live.update("m", text(source).replace("old", "new") + added)
    assert m.FIRST is first
    assert {type(o) for o in (m.FIRST, m.SECOND, *m.MANY)} == {cls}
    assert m.SECOND.f() == first.f() == "new"


def test_attributes_that_the_program_put_on_a_class_stay(live):
    m = live.module("m", "class K:\n    def f(self): return 'old'\n")
    m.K.cache = {}
    m.K.helper = helper = lambda self: "helper"
    cache = m.K.cache
    update = live.update(
        "m", "class K:\n    _del_func = True\n    def f(self): return 'new'\n"
    )
    assert m.K.cache is cache
    assert m.K.__dict__["helper"] is helper
    assert actions(update, "K.cache") == set()


def test_two_classes_that_refer_to_each_other(live):
    source = """
        class A:
            def other(self): return B, "old"
        class B(A):
            partner = A
            def other(self): return super().other(), self.partner
        """
    m = live.module("m", source)
    b = m.B()
    live.update("m", source.replace("old", "new"))
    assert b.other() == ((m.B, "new"), m.A)
    assert m.B.partner is m.A


def test_static_attributes_and_first_line(live):
    import inspect

    m = live.module("m", "class K:\n    def f(self): self.a = 1\n")
    live.update("m", "\n\nclass K:\n    def f(self): self.b = 1\n")
    assert inspect.getsource(m.K) == "class K:\n    def f(self): self.b = 1\n"
    fresh = live.module("fresh", "\n\nclass K:\n    def f(self): self.b = 1\n")
    for name in ("__firstlineno__", "__static_attributes__"):
        assert getattr(m.K, name, None) == getattr(fresh.K, name, None)


def test_class_in_a_registry_keyed_by_class(live):
    lib = live.module("lib", "HANDLERS = {}\nSEEN = set()\n")
    source = """
        import lib
        class Event:
            def f(self): return "old"
        def handle(event): return "old"
        lib.HANDLERS[Event] = handle
        lib.SEEN.add(Event)
        """
    m = live.module("m", source)
    live.update("m", source.replace("old", "new"))
    assert {m.Event: m.handle} == lib.HANDLERS
    assert {m.Event} == lib.SEEN


def test_class_keeps_its_contents_when_nothing_changed(live):
    source = """
        import functools
        class K:
            "Doc."
            limit = 10
            table = {}
            def f(self): return super().__repr__()
            @functools.cached_property
            def c(self): return 1
            @property
            def p(self): return 1
            @classmethod
            def make(cls): return cls()
        """
    m = live.module("m", source)
    before = dict(vars(m.K))
    assert not live.reload("m")
    after = dict(vars(m.K))
    assert before.keys() == after.keys()
    assert m.K.table is before["table"]


def test_names_in_a_class_body_that_mean_its_methods(live):
    source = """
        class K:
            def a(self): return "a old"
            def b(self): return "b old"
            c = __call__ = a
        """
    m = live.module("m", source)
    k = m.K()
    assert k() == "a old"
    live.update("m", source.replace("= a", "= b").replace("old", "new"))
    assert (k(), k.c(), k.a(), k.b()) == ("b new", "b new", "a new", "b new")


def test_a_property_goes_with_del_func(live):
    m = live.module("m", "class K:\n    @property\n    def x(self): return 'old'\n")
    k = m.K()
    live.update("m", "class K:\n    _del_func = True\n    def f(self): self.x = 1\n")
    k.f()
    assert k.x == 1


def test_super_in_nested_functions_and_local_classes(live):
    source = """
        class A:
            def f(self): return "A old"
        class B(A):
            def f(self):
                def inner(): return super(B, self).f(), __class__
                return inner
            @staticmethod
            def make():
                class C(A):
                    def f(self): return "C old", super().f()
                return C
        """
    m = live.module("m", source)
    inner, c = m.B().f(), m.B.make()()
    live.update("m", source.replace("old", "new"))
    assert inner() == ("A new", m.B)
    assert c.f() == ("C new", "A new")


def test_classes_and_functions_that_the_body_makes_with_exec(live):
    made = "class K:\n    def f(self): return 'old'\ndef g(): return 'old'\n"
    source = f"exec({made!r})\n"
    m = live.module("m", source)
    k, g = m.K(), m.g
    live.update("m", source.replace("old", "new"))
    assert (k.f(), g()) == ("new", "new")
    assert type(k) is m.K
