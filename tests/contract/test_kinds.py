"""A definition that becomes another kind of object: its holders follow, or it is reported."""

import ctypes
import functools
import itertools
import weakref

import pytest
from livefolder import warned


@pytest.fixture
def hold():
    """Keeps a reference where nobody can see it, as an extension module may do."""
    held = []

    def keep(thing):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
        held.append(weakref.ref(thing))

    yield keep
    for thing in held:
        ctypes.pythonapi.Py_DecRef(ctypes.py_object(thing()))


WRAPPER = """\
import functools
class Wrapper:
    def __init__(self, fn):
        functools.update_wrapper(self, fn)
        self.fn = fn
    def __call__(self, *args): return "W", self.fn(*args)
def deco(fn):
    @functools.wraps(fn)
    def wrapper(*args): return "D", fn(*args)
    return wrapper
"""
DECORATED = {
    "plain": "def f(x): return x, VERSION\n",
    "class": "@Wrapper\ndef f(x): return x, VERSION\n",
    "cache": "@functools.cache\ndef f(x): return x, VERSION\n",
    "wraps": "@deco\ndef f(x): return x, VERSION\n",
    "class, wraps": "@Wrapper\n@deco\ndef f(x): return x, VERSION\n",
    "wraps, class": "@deco\n@Wrapper\ndef f(x): return x, VERSION\n",
}


@pytest.mark.parametrize("before, after", list(itertools.permutations(DECORATED, 2)))
def test_holders_follow_to_other_decorators_and_back(live, before, after):
    def source(which, version):
        return WRAPPER + DECORATED[which].replace("VERSION", str(version))

    m = live.module("m", source(before, 1))
    holders = {
        "list": [m.f],
        "key": {m.f: "found"},
        "closure": (lambda f: lambda x: f(x))(m.f),
        "partial": functools.partial(m.f),
        "default": eval("lambda x, f=f: f(x)", {"f": m.f}),
    }
    for which, version in ((after, 2), (before, 3)):
        update = live.update("m", source(which, version))
        assert warned(update, "f") == set()
        assert holders["list"] == [m.f]
        assert list(holders["key"]) == [m.f]
        assert holders["key"][m.f] == "found"
        for key in ("closure", "partial", "default"):
            assert holders[key](1) == m.f(1), key
        assert str(version) in str(m.f(1))
        again = live.update("m", "#\n" + source(which, version))
        assert not again
        assert holders["list"] == [m.f]


def test_a_decorated_function_that_c_code_holds_is_reported(live, hold):
    m = live.module("m", WRAPPER + "def f(x): return x\n")
    hold(m.f)
    update = live.update("m", WRAPPER + "@Wrapper\ndef f(x): return x\n")
    assert m.f(1) == ("W", 1)
    assert warned(update, "f") == {"RSL605"}


@pytest.mark.parametrize("new", ["class f: pass\n", "class f:\n    a = 1\n"])
@pytest.mark.parametrize("params", ["", "x"])
def test_nothing_is_reported_if_nothing_holds_what_became_a_class(live, new, params):
    m = live.module("m", f"def f({params}): return 'old'\n")
    update = live.update("m", new)
    assert isinstance(m.f, type)
    assert update.warnings == []


def test_a_function_never_gets_the_body_of_a_class(live, hold):
    m = live.module("m", "def f(): return 'old'\n")
    f = weakref.ref(m.f)
    hold(m.f)
    live.update("m", "class f:\n    a = 1\n")
    assert f()() == "old"


def test_a_descriptor_that_remembers_its_class_is_no_reason_to_refuse(live):
    source = """
        class Field:
            def __init__(self, n): self.n = n
            def __set_name__(self, owner, name): self.owner = owner
            def __get__(self, instance, owner=None): return self.n
        class K:
            a = Field({})
        """
    m = live.module("m", source.format(1))
    k = m.K
    update = live.update("m", source.format(2))
    assert m.K is k
    assert k.__dict__["a"].owner is k
    assert update.warnings == []
