"""Whoever holds what new code made of a definition holds the live one afterwards."""

import collections
import gc
from types import FunctionType

import pytest
from livefolder import census, codes

import resoul

OLD = "class K:\n    def m(self): return 'old'\ndef fn(): return 'old'\n"
NEW = """\
import collections, dataclasses, functools, itertools, operator, types, typing, weakref
class K:
    def m(self): return 'new'
    @classmethod
    def c(cls): return cls
def fn(): return 'new'
"""

# expression of the new source -> what has to be true afterwards
HOLDERS = {
    "weakref.ref(K)": "x() is m.K",
    "weakref.ref(fn)": "x() is m.fn",
    "weakref.ref(K, print)": "x() is m.K",
    "weakref.proxy(K)": "x.__name__ == 'K' and x.m is m.K.m",
    "weakref.WeakSet([K, fn])": "m.K in x and m.fn in x and len(x) == 2",
    "weakref.WeakKeyDictionary({K: 1})": "x[m.K] == 1",
    "weakref.WeakValueDictionary({'k': K})": "x['k'] is m.K",
    "{K: 'x', 'y': 2, fn: 3}": "list(x) == [m.K, 'y', m.fn] and x[m.fn] == 3",
    "{'k': K, 1: fn}": "x['k'] is m.K and x[1] is m.fn",
    "{(K, 1): 'x', ((K, 2), 3): 'y'}": "x[m.K, 1] == 'x' and x[(m.K, 2), 3] == 'y'",
    "{(K, 1)}": "(m.K, 1) in x",
    "{frozenset([K]): 1, frozenset([(K, fn)]): 2}": (
        "x[frozenset([m.K])] == 1 and x[frozenset([(m.K, m.fn)])] == 2"
    ),
    "{K, fn, 1}": "x == {m.K, m.fn, 1} and m.K in x",
    "frozenset([K, 1])": "m.K in x and hash(x) == hash(frozenset([m.K, 1]))",
    "{frozenset(range(50)) | {K}}": "frozenset(range(50)) | {m.K} in x",
    "(K, [fn])": "x == (m.K, [m.fn]) and hash(x[:1]) == hash((m.K,))",
    "collections.namedtuple('P', 'a b')(K, fn)": "x.a is m.K and x.b is m.fn",
    "collections.deque([1, K])": "x[1] is m.K",
    "collections.deque([K], 1)": "x[0] is m.K and x.maxlen == 1",
    "collections.defaultdict(K, a=K)": "x.default_factory is m.K and x['a'] is m.K",
    "collections.OrderedDict([(K, 1), ('a', K), (fn, 2)])": (
        "list(x.items()) == [(m.K, 1), ('a', m.K), (m.fn, 2)]"
        " and x.popitem()[0] is m.fn and x.popitem(last=False)[0] is m.K"
    ),
    "collections.Counter([K])": "x[m.K] == 1",
    "collections.ChainMap({'a': K})": "x['a'] is m.K",
    "functools.partial(K)": "x.func is m.K",
    "functools.partial(fn, K, k=K)": (
        "x.func is m.fn and x.args == (m.K,) and x.keywords['k'] is m.K"
    ),
    "list[K]": "x.__args__ == (m.K,) and x == list[m.K]",
    "typing.Optional[K]": "m.K in x.__args__",
    "K | None": "m.K in x.__args__ and x == m.K | None",
    "types.SimpleNamespace(k=K)": "x.k is m.K",
    "types.MappingProxyType({'a': K})": "x['a'] is m.K",
    "types.MappingProxyType(vars(K))": "'m' in x and x['m'] is vars(m.K)['m']",
    "property(fn)": "x.fget is m.fn",
    "classmethod(fn)": "x.__func__ is m.fn",
    "ValueError(K)": "x.args[0] is m.K",
    "iter([K])": "next(x) is m.K",
    "itertools.repeat(K)": "next(x) is m.K",
    "map(fn, [])": "x.__reduce__()[1][0] is m.fn",
    "operator.methodcaller('m', K)": "x.__reduce__()[1][1] is m.K",
    "K.c": "x() is m.K and x.__self__ is m.K",
    "K().m": "type(x.__self__) is m.K and x.__func__ is m.K.m",
    "super(K, K())": "x.__thisclass__ is m.K and x.__self_class__ is m.K",
    "types.CellType(K)": "x.cell_contents is m.K",
    "globals()": "x is vars(m)",
    "{'g': globals()}": "x['g'] is vars(m)",
    "(lambda k=K, *, f=fn: (k, f))": "x() == (m.K, m.fn)",
    "(lambda k: (lambda: k))(K)": "x() is m.K",
    "(lambda: K)": "x() is m.K and x.__globals__ is vars(m)",
    "[K, [K], {'a': [K]}]": "x == [m.K, [m.K], {'a': [m.K]}]",
    "type('Sub', (K,), {})": "x.__bases__ == (m.K,) and x().m() == 'new'",
    "type('Sub', (K,), {})()": "isinstance(x, m.K) and type(x).__mro__[1] is m.K",
    "type('Slots', (), {'__slots__': 'k'})": "x.__slots__ == 'k'",
    "functools.lru_cache(lambda: K)": "x() is m.K",
    "functools.singledispatch(fn).register(K, fn)": "x is m.fn",
}


def check(holder, m, x):
    assert eval(HOLDERS[holder], {"m": m, "x": x, "collections": collections})


@pytest.mark.parametrize("holder", HOLDERS)
def test_of_new_code(live, holder):
    m = live.module("m", OLD)
    K = m.K
    update = live.update("m", f"{NEW}x = {holder}\n")
    assert not update.warnings
    assert m.K is K
    check(holder, m, m.x)
    # a second time, taken in place of the first
    live.update("m", f"{NEW}x = {holder}\n", data="take")
    check(holder, m, m.x)
    del m.x, update
    assert census("m")["m", "class", "K"] == 1


def test_hash_of_new_code_decides(live):
    m = live.module("m", "class K: pass\nclass Key: pass\n")
    live.update(
        "m",
        """
        import dataclasses
        class K: pass
        def part(key): return key.c
        class Key:
            def __init__(self, c): self.c = c
            def __hash__(self): return hash(part(self)) ^ 5
            def __eq__(self, other): return part(self) is part(other)
        @dataclasses.dataclass(frozen=True)
        class Frozen:
            c: type
        table = {Key(K): "key", Frozen(K): "frozen", Frozen((K, 1)): "nested"}
        group = {Key(K), Frozen(K)}
        """,
    )
    assert m.table[m.Key(m.K)] == "key"
    assert m.table[m.Frozen(m.K)] == "frozen"
    assert m.table[m.Frozen((m.K, 1))] == "nested"
    assert m.Key(m.K) in m.group and m.Frozen(m.K) in m.group
    assert type(next(iter(m.table))) is m.Key


LIB = """
import collections
LIST, DICT, SET, DEQUE = [], {}, set(), collections.deque()
ORDERED = collections.OrderedDict()
class Register:
    slot = None
    def __len__(self): return 0
class Slots:
    __slots__ = "a",
SLOTS = Slots()
INSTANCE = Register()
class Key:
    def __init__(self, n): self.n = n
    def __hash__(self): return hash(self.n)
    def __eq__(self, other): return self.n == other.n
"""


def test_registers_of_other_modules(live):
    lib = live.module("lib", LIB)
    source = """
        import lib
        class K:
            def m(self): return 'old'
        def fn(*a): return 'old'
        lib.LIST.append(fn); lib.LIST.append(K)
        lib.DICT["fn"] = fn; lib.DICT[K] = 1; lib.DICT[lib.Key(1)] = K
        lib.SET.add(fn); lib.SET.add(K)
        lib.DEQUE.append(fn)
        lib.ORDERED["fn"] = fn
        lib.Register.slot = fn
        lib.Register.__len__ = fn
        lib.SLOTS.a = K
        lib.INSTANCE.attribute = K
        """
    m = live.module("m", source)
    K, fn = m.K, m.fn
    lib.LIST.insert(1, "between")
    update = live.update("m", source.replace("old", "new"))
    assert not update.warnings
    assert (m.K, m.fn) == (K, fn)
    assert [fn, "between", K] == lib.LIST
    assert lib.DICT["fn"] is fn and lib.DICT[K] == 1 and lib.DICT[lib.Key(1)] is K
    assert set(lib.DICT) == {"fn", K, lib.Key(1)}
    assert {fn, K} == lib.SET
    assert list(lib.DEQUE) == [fn, fn]  # it ran twice
    assert list(lib.ORDERED.items()) == [("fn", fn)]
    assert lib.Register.slot is fn and vars(lib.Register)["__len__"] is fn
    assert lib.SLOTS.a is K and lib.INSTANCE.attribute is K
    assert census("m")["m", "function", "fn"] == 1
    assert census("m")["m", "class", "K"] == 1


def test_instances_in_registers_of_other_modules(live):
    lib = live.module("lib", LIB)
    m = live.module("m", "class K:\n    def m(self): return 'old'\n")
    live.update(
        "m",
        """
        import lib
        class K:
            def m(self): return 'new'
        class Sub(K): pass
        lib.LIST += [K(), Sub(), K().m, Sub]
        """,
    )
    k, sub, bound, Sub = lib.LIST
    assert type(k) is m.K and type(sub) is m.Sub is Sub and bound() == "new"
    assert Sub.__bases__ == (m.K,) and isinstance(sub, m.K)
    assert m.K.__subclasses__() == [Sub]


def test_metaclass_of_a_new_class(live):
    m = live.module("m", "class Meta(type):\n    def f(cls): return 'old'\n")
    meta = m.Meta
    live.update(
        "m",
        "class Meta(type):\n    def f(cls): return 'new'\nclass New(metaclass=Meta): pass\n",
    )
    assert type(m.New) is meta and m.New.f() == "new"


def test_a_refused_update_leaves_registers_alone(live):
    lib = live.module("lib", LIB)
    m = live.module("m", "def fn(): return 'old'\nclass S:\n    __slots__ = 'a'\n")
    with pytest.raises(resoul.RefusedError):
        live.update(
            "m",
            "import lib\ndef fn(): return 'new'\nclass S:\n    __slots__ = 'a', 'b'\n"
            "lib.LIST.append(fn)\nclass Sub(S): pass\n",
        )
    assert lib.LIST == [] and m.fn() == "old" and m.S.__subclasses__() == []


HIDE = """
import ctypes
def hide(thing):
    "Keep a reference where nobody can see it, as an extension module may."
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
    return thing
"""


def functions(module, qualname):
    return [
        f
        for f in gc.get_objects()
        if type(f) is FunctionType
        and (f.__module__, f.__qualname__) == (module, qualname)
    ]


def test_a_hidden_function_is_updated_with_its_definition(live):
    live.module("lib", HIDE)
    m = live.module("hidden", "def fn(): return 'oldest'\n")
    update = live.update("hidden", "import lib\ndef fn(): return 'old'\nlib.hide(fn)\n")
    (notice,) = update.warnings
    assert (notice.code, notice.module, notice.qualname) == ("RSL601", "hidden", "fn")
    (copy,) = [f for f in functions("hidden", "fn") if f is not m.fn]
    assert copy() == "old" and copy.__globals__ is vars(m)
    update = live.update("hidden", "def fn(a=2, *rest): return 'new', a, rest\n")
    assert [(n.code, n.qualname) for n in update.warnings] == [("RSL612", "lib")]
    assert copy() == m.fn() == ("new", 2, ()) and copy(1, 3) == ("new", 1, (3,))


def test_a_hidden_class_is_refused(live):
    live.module("lib", HIDE)
    m = live.module("hidden_class", "class K: x = 'old'\n")
    with pytest.raises(resoul.RefusedError) as caught:
        live.update("hidden_class", "import lib\nclass K: x = 'new'\nlib.hide(K)\n")
    assert codes(caught.value) == {"RSL206"}
    assert m.K.x == "old"


def test_suspended_frames(live):
    m = live.module("suspended", "class K: pass\n")
    update = live.update(
        "suspended",
        """
        class K: pass
        def g(k=K):
            local = k
            yield
            yield k, local, (lambda: k)()
        async def c(k=K):
            async def inner(k):
                await Pause()
                return k
            got = await inner(k)
            return k, got
        class Pause:
            def __await__(self): yield
        x = g(); next(x)
        y = c(); y.send(None)
        """,
    )
    assert not update.warnings
    assert next(m.x) == (m.K, m.K, m.K)
    with pytest.raises(StopIteration) as end:
        m.y.send(None)
    assert end.value.value == (m.K, m.K)


@pytest.mark.parametrize("when", ["before", "between", "after", "in class", "many"])
def test_a_collection_while_the_body_runs(live, when):
    m = live.module("m", OLD)
    K = m.K
    collect = dict.fromkeys(("before", "between", "after", "in class", "many"), "")
    collect[when] = "gc.collect()"
    live.update(
        "m",
        f"""
        import gc, weakref
        {collect["before"]}
        class Cycle: pass
        class K:
            def m(self): return 'new'
            {collect["in class"] or "pass"}
        table = {{K: [K], (K, 1): K}}
        kept = [K(), weakref.ref(K)]
        {collect["between"]}
        def fn(k=K): return 'new', k
        c = Cycle(); c.c = c; gone = weakref.ref(c); del c
        {"for _ in range(3): x = [K]; gc.collect(_)" if when == "many" else ""}
        {collect["after"]}
        seen = gone() is None
        """,
    )
    assert m.K is K and m.K().m() == "new" and m.fn() == ("new", K)
    assert m.table == {K: [K], (K, 1): K} and type(m.kept[0]) is K and m.kept[1]() is K
    assert m.seen == (when in ("after", "many"))
    assert census("m")["m", "class", "K"] == 1
    assert gc.isenabled() and not any(
        getattr(c, "__name__", "") == "_resoul_collection" for c in gc.callbacks
    )


def test_threads_that_build_tuples(live, program):
    """A tuple that somebody builds can't have a second owner."""
    out = program(
        """
        import sys, threading, time
        sys.setswitchinterval(1e-5)
        source = "def f(): return {}\\nclass K: pass\\nx = [K for _ in range(100)]\\n"
        m = live.module("m", source.format(0))
        stop, errors = False, []
        def build():
            try:
                while not stop:
                    assert tuple(i for i in range(37)) == tuple(range(37))
                    assert tuple([(i, [i]) for i in range(11)])[10] == (10, [10])
            except BaseException as error:
                errors.append(repr(error))
        threads = [threading.Thread(target=build) for _ in range(3)]
        for t in threads: t.start()
        for i in range(60):
            live.update("m", source.format(i))
            assert m.f() == i
        stop = True
        for t in threads: t.join()
        print(errors)
        """
    )
    assert out == "[]\n"
