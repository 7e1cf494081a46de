"""Where the body makes again what the program keeps, new code means the kept one."""

import gc
import logging

import pytest
from livefolder import no_donors_left

SOURCE = """\
import contextvars, dataclasses, enum, functools, logging, threading, typing
MISSING = object()
LOCK = threading.RLock()
LOG = logging.getLogger(__name__)
VAR = contextvars.ContextVar("VAR", default=0)
TABLE = {"sword": 10}
NAMES = ["ann"]
PAIR = (MISSING, [])

class Config:
    instance = None
    def __new__(cls):
        if cls.instance is None: cls.instance = super().__new__(cls)
        return cls.instance

class Service:
    missing = MISSING
    table = {"nested": TABLE, "list": [NAMES]}
    def __init__(self, table=TABLE): self.table = table
    @property
    def p(self, table=TABLE): return table

SERVICE = Service()
CONFIG = Config()

def get(x=MISSING): return "old", x is MISSING
def lock(*, lock=LOCK): return lock
def var(v=VAR, log=LOG): return v, log
def table(t=TABLE, n=NAMES, s=SERVICE, p=PAIR): return t, n, s, p

def close_over(table, missing):
    def inner(): return table, missing
    return inner
inner = close_over(TABLE, MISSING)

with_partial = functools.partial(get, MISSING)

@dataclasses.dataclass
class Item:
    x: object = MISSING
    z: list = dataclasses.field(default_factory=lambda t=TABLE: t)

def decorated(fn, registry=NAMES):
    @functools.wraps(fn)
    def wrapper(*args): return registry, MISSING, fn(*args)
    return wrapper

@decorated
def f(x=MISSING): return x is MISSING
"""
NEW = (
    SOURCE.replace('"old"', '"new"')
    + """
ADDED = {"missing": MISSING, "inner": [TABLE, (LOCK, SERVICE)], "service": SERVICE}
class Added:
    missing = MISSING
    def f(self, t=TABLE): return t
class Holder:
    __slots__ = ("table",)
    def __init__(self): self.table = TABLE
HOLDER = Holder()
OTHER = Service()
BOUND = SERVICE.__init__
CLOSED = close_over(NAMES, SERVICE)
SETS = [{LOCK}, frozenset([MISSING])]
KEYED = {MISSING: "missing", (MISSING, 1): "pair"}
GENERATOR = (x for x in [TABLE])
"""
)


@pytest.fixture
def m(live):
    m = live.module("m", SOURCE)
    user = live.module(
        "user", "from m import MISSING, get\ndef ask(): return get(MISSING)\n"
    )
    kept = dict(vars(m))
    update = live.update("m", NEW)
    assert update.warnings == []
    names = [
        "MISSING",
        "LOCK",
        "LOG",
        "VAR",
        "TABLE",
        "NAMES",
        "PAIR",
        "SERVICE",
        "CONFIG",
        "with_partial",
    ]
    for name in names:
        assert vars(m)[name] is kept[name], name
    m.user = user
    return m


def test_default_arguments(m):
    assert m.get() == m.get(m.MISSING) == m.user.ask() == ("new", True)
    assert m.lock() is m.LOCK
    assert m.var() == (m.VAR, m.LOG)
    found = m.table()
    expected = (m.TABLE, m.NAMES, m.SERVICE, m.PAIR)
    assert all(a is b for a, b in zip(found, expected, strict=True))


def test_class_attributes_and_their_methods(m):
    assert m.Service.missing is m.Added.missing is m.MISSING
    assert m.Service.__init__.__defaults__[0] is m.TABLE
    assert m.Service.p.fget.__defaults__[0] is m.TABLE
    assert m.Added().f() is m.TABLE


def test_closures(m):
    assert m.inner()[0] is m.TABLE
    assert m.inner()[1] is m.MISSING
    assert m.CLOSED()[0] is m.NAMES
    assert m.CLOSED()[1] is m.SERVICE


def test_containers_and_instances(m):
    assert m.ADDED["missing"] is m.MISSING
    assert m.ADDED["inner"][0] is m.TABLE
    assert m.ADDED["inner"][1][0] is m.LOCK
    assert m.ADDED["inner"][1][1] is m.SERVICE
    assert m.HOLDER.table is m.TABLE
    assert type(m.HOLDER) is m.Holder
    assert m.OTHER.table is m.TABLE
    assert m.BOUND.__self__ is m.SERVICE
    assert m.LOCK in m.SETS[0]
    assert m.MISSING in m.SETS[1]
    assert m.KEYED[m.MISSING] == "missing"
    assert m.KEYED[m.MISSING, 1] == "pair"
    assert next(m.GENERATOR) is m.TABLE


@pytest.mark.parametrize(
    "shared", ["(MISSING, 1)", "frozenset([MISSING])", "{1: MISSING}"]
)
@pytest.mark.parametrize("nested", ["{}", "({}, 2)", "[{}]"])
def test_a_container_that_the_collector_does_not_track_has_two_holders(
    live, shared, nested
):
    source = "MISSING = object()\ndef get(x=MISSING): return 'old', x is MISSING\n"
    m = live.module("m", source)
    kept = m.MISSING
    live.update(
        "m",
        source.replace("old", "new")
        + f"SHARED = {nested.format(shared)}\n"
        + "def first(x=SHARED): return x\ndef second(x=SHARED): return x\n",
    )
    assert m.MISSING is kept
    assert m.get() == m.get(kept) == ("new", True)
    assert m.first() is m.second() is m.SHARED
    inner = {"{}": m.SHARED}.get(nested) or m.SHARED[0]
    assert kept in (inner.values() if isinstance(inner, dict) else inner)


def test_dataclass_fields(m):
    item = m.Item()
    assert item.x is m.MISSING
    assert item.z is m.TABLE


def test_decorated_functions(m):
    registry, missing, inner = m.f()
    assert registry is m.NAMES
    assert missing is m.MISSING
    assert inner is True


def test_singletons_and_loggers(m):
    assert m.Config() is m.CONFIG
    assert logging.getLogger("m") is m.LOG


def test_partial(m):
    assert m.with_partial() == ("new", True)


def test_sentinel_of_another_module_in_the_same_update(live):
    live.module("base", "MISSING = object()\n")
    source = (
        "from base import MISSING\ndef get(x=MISSING): return 'old', x is MISSING\n"
    )
    user = live.module("user", source)
    base = live.load("base")
    sentinel = base.MISSING
    live.edit("base", "MISSING = object()\nX = 1\n")
    live.edit("user", source.replace("old", "new"))
    live.reload("user", "base")
    assert base.MISSING is user.MISSING is sentinel
    assert user.get() == user.get(sentinel) == ("new", True)


def test_what_is_taken_is_not_mapped_to_the_old_value(live):
    source = "X = object()\ndef f(x=X): return x is X\n"
    m = live.module("m", source)
    old = m.X
    live.update("m", source, data="take")
    assert m.X is not old
    assert m.f()


def test_a_container_that_takes_new_contents_is_the_one_that_new_code_means(live):
    source = "T = {'old': 1}\ndef f(t=T): return t\n"
    m = live.module("m", source)
    held = m.T
    live.update("m", source.replace("old", "new"), data="take")
    assert m.T is held is m.f()
    assert held == {"new": 1}


def test_shared_constants_are_no_captured_objects(live):
    source = "A, B, C, D = None, (), 1, ''\ndef f(a=None, b=(), c=1, d=''): return a, b, c, d\n"
    m = live.module("m", source)
    m.A = m.B = m.C = m.D = "changed by the program"
    live.update(
        "m", source.replace("return a", "return 0, a") + "E = [None, (), 1, '']\n"
    )
    assert m.f() == (0, None, (), 1, "")
    assert m.E == [None, (), 1, ""]


def test_registrations_of_the_body_are_not_doubled(live):
    lib = live.module(
        "lib",
        "LIST, TABLE, METHODS = [], {}, []\ndef on(f):\n    LIST.append(f)\n    return f\n",
    )
    source = """\
import lib
class Service:
    def handle(self): return "old"
SERVICE = Service()
@lib.on
def f(): return "old"
lib.TABLE["f"] = f
lib.TABLE["class"] = Service
lib.LIST.append(Service)
lib.METHODS.append(SERVICE.handle)
"""
    m = live.module("m", source)
    live.update("m", source.replace("old", "new") + "@lib.on\ndef g(): return 'g'\n")
    assert [m.f, m.Service, m.g] == lib.LIST
    assert {"f": m.f, "class": m.Service} == lib.TABLE
    assert lib.METHODS[-1].__self__ is m.SERVICE
    assert [f() for f in lib.METHODS] == ["new"] * len(lib.METHODS)


WEAK = {
    "WeakSet": ("weakref.WeakSet()", "lib.R.add(K); lib.R.add(f)", lambda r: set(r)),
    "WeakKeyDictionary": (
        "weakref.WeakKeyDictionary()",
        "lib.R[K] = 'K'; lib.R[f] = 'f'",
        lambda r: set(r),
    ),
    "WeakValueDictionary": (
        "weakref.WeakValueDictionary()",
        "lib.R['K'] = K; lib.R['f'] = f",
        lambda r: set(r.values()),
    ),
    "list of references": (
        "[]",
        "lib.R += [weakref.ref(K), weakref.ref(f)]",
        lambda r: {reference() for reference in r},
    ),
    "dict of references": (
        "{}",
        "lib.R[weakref.ref(K)] = lib.R[weakref.ref(f)] = 1",
        lambda r: {reference() for reference in r},
    ),
}


@pytest.mark.parametrize("kind", WEAK)
def test_weak_registrations_in_other_modules(live, kind):
    container, registration, content = WEAK[kind]
    lib = live.module("lib", f"import weakref\nR = {container}\n")
    source = (
        "import lib, weakref\nclass K:\n    def g(self): return 'old'\n"
        f"def f(): return 'old'\n{registration}\n"
    )
    m = live.module("m", source)
    for word in ("new", "newer"):
        live.update("m", source.replace("old", word))
        gc.collect()
        assert content(lib.R) == {m.K, m.f}
        assert len(lib.R) == 2, "a registration that ran again is no second one"


def test_weak_methods_and_proxies_in_other_modules(live):
    lib = live.module("lib", "import weakref\nMETHODS, PROXIES = [], []\n")
    source = """\
import lib, weakref
class K:
    word = "old"
    def g(self): return "old"
INSTANCE = K()
lib.METHODS.append(weakref.WeakMethod(INSTANCE.g))
lib.PROXIES.append(weakref.proxy(K))
weakref.finalize(K, lib.PROXIES.append, "K died")
"""
    m = live.module("m", source)
    for word in ("new", "newer"):
        live.update("m", source.replace("old", word), take=["m.K.word"])
        gc.collect()
        assert {method()() for method in lib.METHODS} == {word}
        assert {method().__self__ for method in lib.METHODS} == {m.INSTANCE}
        assert {proxy.word for proxy in lib.PROXIES} == {word}


COMPOUND = {
    "set of tuples": ("set()", "lib.R.add((K, f))"),
    "set of frozensets": ("set()", "lib.R.add(frozenset([K, f]))"),
    "dict by tuple": ("{}", "lib.R[K, f] = f"),
    "dict by nested tuple": ("{}", "lib.R[(K, (f, 1)), 2] = K"),
}


@pytest.mark.parametrize("kind", COMPOUND)
def test_compound_registrations_in_other_modules(live, kind):
    container, registration = COMPOUND[kind]
    lib = live.module("lib", f"R = {container}\n")
    source = f"import lib\nclass K: x = 1\ndef f(): return 'old'\n{registration}\n"
    live.module("m", source)
    before = lib.R.copy()
    for word in ("new", "newer"):
        live.update("m", source.replace("old", word))
        assert len(lib.R) == 1
        assert before == lib.R
        assert all(key in lib.R for key in before)


HELD = """\
import lib, functools
class K:
    x = 1
    def g(self): return "old"
def f(): return "old"
lib.SLOTS.k = K
lib.INSTANCE.f = f
lib.WithMeta.k = K
lib.Meta.f = f
lib.PARTIAL = functools.partial(f, K)
lib.TUPLE = (K, [f], {"k": K()})
lib.BOUND = K().g
lib.GENERATOR = (x for x in [K, f])
lib.ITERATOR = iter([K])
lib.CLOSURE = lib.close_over(K, f)
lib.INSTANCES.append(K())
lib.BY_INSTANCE[K()] = 1
"""


@pytest.mark.without_history
def test_everything_that_another_module_can_hold(live):
    lib = live.module(
        "lib",
        """
        class Slots:
            __slots__ = ("k",)
        class Plain: pass
        class Meta(type): pass
        class WithMeta(metaclass=Meta): pass
        SLOTS, INSTANCE, INSTANCES, BY_INSTANCE = Slots(), Plain(), [], {}
        def close_over(*values):
            return lambda: values
        """,
    )
    m = live.module("m", HELD)
    with no_donors_left("m"):
        live.update("m", HELD.replace("old", "new"))
    assert (lib.SLOTS.k, lib.INSTANCE.f) == (m.K, m.f)
    assert (lib.WithMeta.k, lib.Meta.f) == (m.K, m.f)
    assert (lib.PARTIAL.func, lib.PARTIAL.args) == (m.f, (m.K,))
    assert lib.TUPLE[:2] == (m.K, [m.f])
    assert type(lib.TUPLE[2]["k"]) is type(lib.BOUND.__self__) is m.K
    assert lib.BOUND() == "new"
    assert list(lib.GENERATOR) == [m.K, m.f]
    assert list(lib.ITERATOR) == [m.K]
    assert lib.CLOSURE() == (m.K, m.f)
    assert {type(k) for k in (*lib.INSTANCES, *lib.BY_INSTANCE)} == {m.K}
    assert {k.g() for k in (*lib.INSTANCES, *lib.BY_INSTANCE)} == {"new"}


SENTINEL = """\
import ctypes, contextvars, lib
MISSING = object()
def get(x=MISSING): return "old", x is MISSING
"""
KEPT_BY = {
    "C code": ("ctypes.pythonapi.Py_IncRef(ctypes.py_object(MISSING))", {"RSL602"}),
    "a context": ("V = contextvars.ContextVar('V')\nV.set(MISSING)", {"RSL602"}),
    "a list of another module": ("lib.LIST.append(MISSING)", set()),
    "a value of another module": ("lib.TABLE['x'] = MISSING", set()),
    "a key of another module": ("lib.TABLE[MISSING] = 1", set()),
    "a set of another module": ("lib.SET.add(MISSING)", set()),
    "an attribute of another module": ("lib.MISSING = MISSING", set()),
    "an attribute of an instance": ("lib.OBJECT.x = MISSING", set()),
}
HOLDER = """\
class Plain: pass
LIST, TABLE, SET, OBJECT = [], {}, set(), Plain()
FOREIGN, MISSING = object(), None
"""


@pytest.mark.parametrize("kind", KEPT_BY)
def test_a_sentinel_that_something_else_keeps(live, kind):
    lib = live.module("lib", HOLDER)
    kept, codes = KEPT_BY[kind]
    m = live.module("m", f"{SENTINEL}{kept}\n")
    sentinel = m.MISSING
    for word in ("new", "newer"):
        update = live.update("m", f"{SENTINEL}{kept}\n".replace("old", word))
        assert m.MISSING is sentinel
        assert m.get() == m.get(sentinel) == (word, True)
        assert {n.code for n in update.warnings} == codes
    assert lib.LIST in ([], [sentinel])
    assert lib.SET in (set(), {sentinel})
    assert lib.TABLE in ({}, {"x": sentinel}, {sentinel: 1})
    assert lib.MISSING in (None, sentinel)
    assert vars(lib.OBJECT) in ({}, {"x": sentinel})


@pytest.mark.parametrize("where", ["key", (1, "key")])
def test_a_sentinel_of_another_module_is_nobodys_second_one(live, where):
    lib = live.module("lib", HOLDER)
    m = live.module("m", SENTINEL)
    foreign = lib.TABLE[where] = object()
    del lib.FOREIGN
    sentinel = m.MISSING
    source = SENTINEL.replace("object()", f"lib.TABLE[{where!r}]").replace("old", "new")
    for extra in ("", "lib.LIST.append(MISSING)\n", "X = 1\n"):
        live.update("m", source + extra)
        assert {where: foreign} == lib.TABLE
        assert m.MISSING in (sentinel, foreign)
    assert [foreign] == lib.LIST
