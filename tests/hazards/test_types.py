"""Hazards 7, 10 to 13, 20, 21, 26 and 28: what classes keep of what they were (see conditions.py)."""

from conditions import HOT, VERSION, not_on_this_version

# ---- 7: caches of a class whose descriptors change ----


def test_hazard_07_a_property_gets_another_getter(program):
    source = """\
def first(self): return "first"
def second(self): return "second"
class A:
    p = property({0})
    q = property(lambda self: "{0} lambda")
    s = staticmethod({0})
"""
    out = program(
        f"""
        m = live.module("m", {source.format("first")!r})
        a = m.A()
        class Sub(m.A): pass
        sub = Sub()
        def hot(n):
            for _ in range(n): result = a.p, a.q, sub.p, a.s(a), m.A.s(a)
            return result
        hot({HOT})
        live.update("m", {source.format("second")!r})
        junk = [lambda self: "junk" for _ in range(1000)]
        print(hot(1) == hot({HOT}), *hot(1))
        """
    )
    assert out == "True second second lambda second second second\n"


def test_hazard_07_class_attributes_read_by_hot_code(program):
    source = "class A:\n    x = 'old'\n    def read(self): return self.x, A.x\n"
    out = program(
        f"""
        source = {source!r}
        m = live.module("m", source)
        a, A = m.A(), m.A
        def hot(n):
            for _ in range(n): result = a.x, A.x, *a.read()
            return result
        hot({HOT})
        live.update("m", source.replace("old", "new"), data="take")
        print(*hot(1), *hot({HOT}))
        """
    )
    assert out.split() == ["new"] * 8


# ---- 10: descriptors of slots stay with their class ----


def test_hazard_10_slots_of_old_instances(program):
    source = """\
class K:
    __slots__ = ("a", "b", "__dict__", "__weakref__")
    def __init__(self): self.a, self.b = 1, 2
    def f(self): return "{}", self.a, self.b
class Plain:
    def __init__(self): self.x = 1
    def f(self): return "{}", self.__dict__
"""
    out = program(
        f"""
        import weakref
        m = live.module("m", {source.format("old", "old")!r})
        k, plain = m.K(), m.Plain()
        live.update("m", {source.format("new", "new")!r}, data="take")
        k.b = 3
        k.other = 4
        print(k.a, k.b, k.f(), k.__dict__, plain.__dict__, plain.f(), m.K().f())
        weakref.ref(k), weakref.ref(plain)
        """
    )
    assert out == (
        "1 3 ('new', 1, 3) {'other': 4} {'x': 1} ('new', {'x': 1}) ('new', 1, 2)\n"
    )


def test_hazard_10_a_slot_that_the_program_deleted(program):
    source = """\
class K:
    __slots__ = ("a", "b")
    def f(self): return "{}", self.b
"""
    out = program(
        f"""
        m = live.module("m", {source.format("old")!r})
        k = m.K()
        k.a, k.b = 1, 2
        del m.K.a
        live.update("m", {source.format("new")!r}, data="take")
        try: k.a
        except AttributeError: print(k.f())
        """
    )
    assert out == "('new', 2)\n"


# ---- 11, 12: cells of a class body ----


def test_hazard_11_super_in_a_new_method(program):
    source = """\
class Base:
    def f(self): return "base {0}"
class K(Base):
    def f(self): return "{0}", super().f(), __class__.__name__
    @classmethod
    def c(cls): return __class__ is cls
"""
    out = program(
        f"""
        m = live.module("m", {source.format("old")!r})
        k = m.K()
        live.update("m", {source.format("new")!r})
        print(k.f(), m.K.c(), m.K().f() == k.f())
        """
    )
    assert out == "('new', 'base new', 'K') True True\n"


def test_hazard_12_annotations_that_read_the_class_namespace(program):
    if VERSION < (3, 14):
        not_on_this_version()
    source = """\
class T{0}: pass
class K:
    local = T{0}
    x: local
    y: T{0}
    z: list[local]
    def f(self, a: local, b: T{0}) -> local: ...
"""
    out = program(
        f"""
        import gc
        m = live.module("m", {source.format(1)!r})
        live.update("m", {source.format(2)!r}, data="take")
        gc.collect()
        junk = [dict.fromkeys(["local", str(n)]) for n in range(20000)]
        T = m.T2
        print(m.K.__annotations__ == {{"x": T, "y": T, "z": list[T]}})
        print(m.K.f.__annotations__ == {{"a": T, "b": T, "return": T}})
        """
    )
    assert out == "True\nTrue\n"


# ---- 13: operators live in slots of the type ----


def test_hazard_13_operators_added_changed_and_removed(program):
    old = """\
class K:
    def __add__(self, other): return "old"
    def __iter__(self): return iter("old")
    def __bool__(self): return False
"""
    new = """\
class K:
    _del_func = True
    def __add__(self, other): return "new"
    __iter__ = None
    def __len__(self): return 7
    def __call__(self): return "called"
    def __eq__(self, other): return other == 5
    def __hash__(self): return 7
    def __getitem__(self, i): return i
    def __getattr__(self, name): return "got " + name
    def __contains__(self, x): return True
"""
    out = program(
        f"""
        m = live.module("m", {old!r})
        class Sub(m.K): pass
        class Own(Sub):
            def __len__(self): return 99
        objects = [m.K(), Sub(), Own()]
        PROBES = dict(
            add=lambda o: o + 1, iter=iter, bool=bool, len=len, call=lambda o: o(), eq=lambda o: o == 5,
            hash=hash, item=lambda o: o[3], attr=lambda o: o.zork, contains=lambda o: 3 in o)
        for o in objects: attempt_all(dict(add=PROBES["add"], bool=bool, len=len), o, times=100)
        live.update("m", {new!r})
        for o in objects:
            found = attempt_all(PROBES, o, times=100)
            found["iter"] = found["iter"] is TypeError
            print(found == dict(add="new", iter=True, bool=True, len=99 if type(o) is Own else 7, call="called",
                eq=True, hash=7, item=3, attr="got zork", contains=True), found)
        """
    )
    assert [line.split()[0] for line in out.splitlines()] == ["True"] * 3, out


# ---- 20: a class has a limited number of versions ----


def test_hazard_20_a_class_stays_cacheable(program):
    if VERSION < (3, 13):
        not_on_this_version()
    out = program(
        """
        import dis
        def source(n): return f"class K:\\n    _reload_all_data = True\\n    x = {n}\\n    def m(self): return self.x\\n"
        m = live.module("m", source(0))
        class Sub(m.K): pass
        objects = m.K(), Sub()
        for n in range(1, 1101):
            live.update("m", source(n))
            for o in objects: assert (o.x, o.m(), type(o).x) == (n, n, n)
        def site(o):
            for _ in range(200):
                o.x
                o.m()
        for o in objects:
            site.__code__ = site.__code__.replace()
            for _ in range(20): site(o)
            print(*[i.opname for i in dis.get_instructions(site, adaptive=True) if i.opname.startswith("LOAD_ATTR")])
        """
    )
    assert "LOAD_ATTR" not in out.split(), out
    assert len(out.split()) == 4


# ---- 21: a metaclass is changed below CPython's caches ----


def test_hazard_21_a_class_gets_a_metaclass(program):
    source = """\
class Meta(type):
    def __call__(cls): return "called"
    @property
    def x(cls): return "of Meta"
    def __getattribute__(cls, name):
        return "any" if name == "y" else super().__getattribute__(name)
class K{}:
    x = "of K"
    y = "of K"
"""
    out = program(
        f"""
        m = live.module("m", {source.format("")!r})
        K = m.K
        def hot(n):
            for _ in range(n): result = K(), K.x, K.y
            return result
        print(type(hot({HOT})[0]) is K, hot(1)[1:])
        live.update("m", {source.format("(metaclass=Meta)")!r})
        print(hot(1), hot({HOT}), type(K) is m.Meta)
        live.update("m", {source.format("")!r})
        print(type(hot(1)[0]) is K, type(hot({HOT})[0]) is K, hot(1)[1:], type(K) is type)
        """
    )
    assert out.splitlines() == [
        "True ('of K', 'of K')",
        "('called', 'of Meta', 'any') ('called', 'of Meta', 'any') True",
        "True True ('of K', 'of K') True",
    ]


# ---- 26: fields of a NamedTuple ----


def test_hazard_26_a_field_is_added_to_a_named_tuple(program):
    out = program(
        """
        source = "from typing import NamedTuple\\nclass P(NamedTuple):\\n    a: int\\n    def f(self): return 'old'\\n"
        m = live.module("m", source)
        p = m.P(5)
        try: live.update("m", source.replace("a: int", "a: int\\n    b: int = 2").replace("old", "new"))
        except resoul.RefusedError as error: print([r.code for r in error.reasons])
        print(p, p.f(), p._asdict(), m.P(1))
        """
    )
    assert out == "['RSL204']\nP(a=5) old {'a': 5} P(a=1)\n"


# ---- 28: the order of subclasses ----


def test_hazard_28_the_order_of_subclasses(program):
    source = """\
import lib
class Mixin: pass
class A(lib.Base): pass
class B(lib.Base{}): pass
class C(B): pass
class D(lib.Base): pass
"""
    out = program(
        f"""
        lib = live.module("lib", "class Base: pass\\n")
        m = live.module("m", {source.format("")!r})
        class E(lib.Base): pass
        order = lib.Base.__subclasses__()
        assert order == [m.A, m.B, m.D, E]
        live.update("m", {source.format(", Mixin")!r})
        print(lib.Base.__subclasses__() == order, m.Mixin.__subclasses__() == [m.B], m.B.__subclasses__() == [m.C])
        live.update("m", {source.format("")!r})
        print(lib.Base.__subclasses__() == order, m.Mixin.__subclasses__())
        live.update("m", {source.format("")!r}.replace("D(lib.Base): pass", "D(lib.Base):\\n    def f(self): pass"))
        print(lib.Base.__subclasses__() == order, m.D.f.__name__)
        """
    )
    assert out == "True True True\nTrue []\nTrue f\n"
