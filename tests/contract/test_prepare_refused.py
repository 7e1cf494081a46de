"""What must not happen between preparing an update and committing it."""

import sys

import pytest
from livefolder import reasons, text

import resoul

V1 = """
    NUMBER, LIST = 1, [1]
    def f(): return 1
    def factory():
        def inner(): return 1
        return inner
    class C:
        tag = 1
        def m(self): return 1
    """
V2 = """
    NUMBER, LIST = 2, [2]
    def f(): return 2
    def added(): return f(), C().m()
    def factory():
        def inner(): return 2
        return inner
    class C:
        tag = 2
        def m(self): return 2
    class Sub(C): pass
    """


@pytest.fixture
def m(live):
    m = live.module("m", V1)
    live.edit("m", V2)
    return m


def is_old(m):
    return (m.f(), m.C().m(), hasattr(m, "added"), hasattr(m, "Sub")) == (
        *(1, 1),
        *(False, False),
    )


def is_new(m):
    return (m.f(), m.C().m(), m.added(), m.Sub.__base__) == (2, 2, (2, 2), m.C)


def is_refused(update, *expected):
    """Committing it is refused, with RSL403 and these (module, qualname)."""
    with pytest.raises(resoul.RefusedError) as caught:
        update.commit()
    assert reasons(caught.value) == {("RSL403", *place) for place in expected}
    assert update.state == "failed"
    assert update.changes == []
    with pytest.raises(resoul.UpdateError, match="committing it has failed"):
        update.commit()


@pytest.mark.refuses("RSL403")
def test_the_module_was_updated(live, m):
    first, second = resoul.prepare("m"), resoul.prepare("m")
    second.commit()
    is_refused(first, ("m", ""))
    assert is_new(m)
    resoul.prepare("m").commit()


@pytest.mark.parametrize(
    "statement", ["import lib", "from lib import K", "from lib import *"]
)
def test_a_module_that_it_imports_was_updated(live, statement):
    live.module("lib", "K = 1\n")
    m = live.module("m", f"{statement}\ndef f(): return 1\n")
    live.edit("m", f"{statement}\ndef f(): return 2\n")
    update = resoul.prepare("m")
    live.update("lib", "K = 2\n", data="take")
    is_refused(update, ("m", ""))
    assert m.f() == 1


def test_a_package_whose_submodule_it_imports_was_updated(live):
    live.module("pkg.__init__", "")
    live.module("pkg.lib", "K = 1\n")
    live.module("pkg.m", "from . import lib\nfrom .lib import K\n")
    update = resoul.prepare("pkg.m")
    live.update("pkg.lib", "K = 2\n", data="take")
    is_refused(update, ("pkg.m", ""))


def test_names_that_mean_something_else(m):
    update = resoul.prepare("m")
    m.f, m.LIST, m.C.m = lambda: 7, [], lambda self: 7
    is_refused(update, ("m", "f"), ("m", "LIST"), ("m", "C.m"))
    assert (m.f(), m.LIST, m.C().m()) == (7, [], 7)
    assert not hasattr(m, "added")


def test_another_module_of_that_name(live, m):
    update = resoul.prepare("m")
    del sys.modules["m"]
    other = live.load("m")
    is_refused(update, ("m", ""))
    assert is_old(m)
    assert is_new(other)


def test_a_refusal_that_only_a_later_plan_finds(live, m):
    live.edit("m", text(V1).replace("tag = 1", "tag = 1\n    __slots__ = ()"))
    m = live.load("m")
    live.edit("m", V2)
    update = resoul.prepare("m")

    class Late(m.C, int):
        pass

    update.commit()
    assert Late().m() == 2
