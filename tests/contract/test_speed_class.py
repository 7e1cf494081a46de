"""Updated functions specialise like fresh ones: the interpreter's own opcodes say so."""

import dis
import sys
import types

import pytest

OLD = """\
LIMIT = 5
def callee(x): return "old"
def with_default(x, y=2): return "old"
def caller(x): return callee(x), with_default(x)
def globals_(): return LIMIT, callee
class K:
    __slots__ = ("a",)
    def __init__(self, a): self.a = a
    def method(self, x): return "old"
    def outer(self, x): return self.method(x), self.p, self[x]
    @property
    def p(self): return "old"
    def __getitem__(self, i): return "old"
class D:
    tag = 1
    def __init__(self, a): self.a = a; self.b = a
    def read(self): return self.a, self.b, self.tag
    @classmethod
    def c(cls): return "old"
    @staticmethod
    def s(): return "old"
def gen(n):
    for i in range(n): yield i
def make(n):
    def inner(x): return "old", n
    return inner
"""
NEW = (
    OLD.replace('"old"', '"new", LIMIT')
    .replace("self.b = a", "self.b = 2 * a")
    .replace("yield i", "yield i + 1")
)

SITES = """
def calls(m):
    for i in range(100):
        m.callee(i)
        m.with_default(i)
        m.caller(i)
        m.globals_()
def makes(m):
    for i in range(100):
        m.K(i)
        m.D(i)
def methods(k, d):
    for i in range(100):
        k.method(i)
        k.outer(i)
        k.p
        k[i]
        d.read()
        d.c()
        d.s()
        d.tag
def loops(m):
    for i in range(100):
        for j in m.gen(3): pass
def inner(f):
    for i in range(100):
        f(i)
"""


def sites():
    namespace = {}
    exec(SITES, namespace)
    return types.SimpleNamespace(**namespace)


# Where the interpreter enters and leaves the optimiser depends on counters, not on us.
IGNORED = {
    "ENTER_EXECUTOR",
    "JUMP_BACKWARD",
    "JUMP_BACKWARD_JIT",
    "JUMP_BACKWARD_NO_JIT",
}


def opcodes(function):
    return [
        i.opname
        for i in dis.get_instructions(function.__code__, adaptive=True)
        if i.opname not in IGNORED
    ]


def specialised(m, k, d, closure):
    """The opcodes that everything becomes after a warm-up, in callers and callees."""
    site = sites()
    for _ in range(10):
        site.calls(m)
        site.makes(m)
        site.methods(k, d)
        site.loops(m)
        site.inner(closure)
    functions = [
        *(site.calls, site.makes, site.methods, site.loops, site.inner),
        *(m.callee, m.with_default, m.caller, m.globals_, m.gen, closure),
        *(m.K.__init__, m.K.method, m.K.outer, m.K.p.fget, m.K.__getitem__),
        *(m.D.__init__, m.D.read, m.D.c.__func__, m.D.s),
    ]
    return [(f.__qualname__, opcodes(f)) for f in functions]


def warm(m):
    return specialised(m, m.K(1), m.D(1), m.make(1))


def compare(updated, fresh):
    different = [(a, b) for a, b in zip(updated, fresh, strict=True) if a != b]
    assert different == []


@pytest.mark.parametrize("times", [1, 3, 7])
@pytest.mark.parametrize("hot", [True, False])
def test_updated_functions_and_their_callers(live, times, hot):
    m = live.module("m", OLD)
    k, d, closure = m.K(1), m.D(1), m.make(1)
    for n in range(times):
        if hot:
            specialised(m, k, d, closure)
        live.update("m", (NEW, OLD)[n % 2])
    fresh = live.module("fresh", NEW)
    compare(specialised(m, m.K(1), m.D(1), closure), warm(fresh))
    assert m.callee(1) == ("new", 5)


def test_something_is_specialised_at_all(live):
    m = live.module("m", OLD)
    names = {name for _, code in warm(m) for name in code}
    assert any(name.startswith("CALL_PY") for name in names)
    assert "LOAD_ATTR_PROPERTY" in names
    assert any(name.startswith("LOAD_ATTR_METHOD") for name in names)


def test_call_sites_that_were_hot_before_the_update_specialise_again(live):
    m = live.module("m", OLD)
    site = sites()
    for _ in range(20):
        site.calls(m)
    live.update("m", NEW)
    for _ in range(200):
        site.calls(m)
    fresh_site, fresh = sites(), live.module("fresh", NEW)
    for _ in range(200):
        fresh_site.calls(fresh)
    assert opcodes(site.calls) == opcodes(fresh_site.calls)


def test_other_functions_stay_specialised(live):
    """An update of one module doesn't slow down the rest of the program."""
    live.module("m", OLD)
    other = live.module("other", OLD)
    before = warm(other)
    site = sites()
    for _ in range(10):
        site.calls(other)
    code = opcodes(site.calls)
    live.update("m", NEW)
    site.calls(other)
    assert opcodes(site.calls) == code
    compare(warm(other), before)


def test_functions_whose_defaults_or_closure_changed(live):
    old = "def make(a):\n    def f(x, y=1): return a, x, y\n    return f\nf = make(1)\n"
    new = "def make(a, b=2):\n    def f(x, y=3): return b, a, x, y\n    return f\nf = make(1)\n"
    m = live.module("m", old)
    site = sites()
    site.inner(m.f)
    live.update("m", new)
    site, fresh_site, fresh = sites(), sites(), live.module("fresh", new)
    for _ in range(20):
        site.inner(m.f)
        fresh_site.inner(fresh.f)
    assert opcodes(site.inner) == opcodes(fresh_site.inner)
    assert opcodes(m.f) == opcodes(fresh.f)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="not on this version")
def test_classes_stay_cacheable_after_1100_updates(live):
    source = "class D:\n    x = 1\n    def read(self): return self.x\n    def f{n}(self): pass\n"
    m = live.module("m", source.format(n=0))
    d = m.D()
    for n in range(1100):
        live.edit("m", source.format(n=n % 2))
        live.reload("m")
        d.read()
        m.D.x = n
        d.read()
    fresh = live.module("fresh", source.format(n=1)).D()

    def reads(d):
        for _ in range(200):
            d.read()

    namespace = types.FunctionType(reads.__code__.replace(), {})
    other = types.FunctionType(reads.__code__.replace(), {})
    for _ in range(10):
        namespace(d)
        other(fresh)
    assert opcodes(namespace) == opcodes(other)
    assert opcodes(m.D.read) == opcodes(type(fresh).read)
