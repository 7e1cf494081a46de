"""What must not happen between preparing an update and committing it."""

import sys

import pytest
from livefolder import reasons, text
from waiting import V1, V2, is_new, is_old

import resoul


@pytest.fixture
def m(live):
    m = live.module("m", V1)
    live.edit("m", V2)
    return m


def is_refused(update, *expected):
    """Committing it is refused, with RSL403 and these (module, qualname)."""
    with pytest.raises(resoul.RefusedError) as caught:
        update.commit()
    assert reasons(caught.value) == {("RSL403", *place) for place in expected}
    assert len(caught.value.reasons) == len(expected)
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


# -- what was selected ---------------------------------------------------------
SOURCE = """
    STAYS = 5
    class Box:
        limit = {0}
        def m(self): return {0}
    def f(): return {0}
    NUMBER = {0}
    TABLE = {{"a": [{0}]}}
    LOG = []
    LOG.append({0})
    """
CHANGED = {"execute": "changed", "data": "merge"}


@pytest.fixture
def selected(live):
    m = live.module("m", SOURCE.format(1))
    live.edit("m", SOURCE.format(2))
    return m


def seen(m):
    return m.NUMBER, m.TABLE, m.Box.limit, m.Box().m(), m.f()


def test_what_changed_runs_once_and_data_is_merged(selected):
    m, table = selected, selected.TABLE
    update = resoul.prepare("m", **CHANGED)
    assert seen(m) == (1, {"a": [1]}, 1, 1, 1)
    m.STAYS = 7
    assert m.LOG == [1]
    update.commit()
    assert seen(m) == (2, {"a": [2]}, 2, 2, 2)
    assert m.TABLE is table
    assert (m.STAYS, m.LOG) == (7, [1, 2])


@pytest.mark.parametrize(
    ("change", "qualname"),
    [
        (lambda m: setattr(m, "NUMBER", 100), "NUMBER"),
        (lambda m: m.TABLE["a"].append(7), "TABLE"),
        (lambda m: setattr(m.Box, "limit", 100), "Box.limit"),
        (lambda m: setattr(m, "f", lambda: 7), "f"),
        (lambda m: setattr(m.Box, "m", lambda self: 7), "Box.m"),
    ],
    ids=["number", "table", "attribute", "function", "method"],
)
def test_what_the_program_changed_meanwhile(selected, change, qualname):
    update = resoul.prepare("m", **CHANGED)
    change(selected)
    is_refused(update, ("m", qualname))
    assert selected.LOG == [1]


def test_data_that_is_taken_whatever_it_is(selected):
    update = resoul.prepare("m", take="m.NUMBER", **CHANGED)
    selected.NUMBER = 100
    update.commit()
    assert selected.NUMBER == 2


def test_effects_that_fail(live, selected):
    m = selected
    live.edit("m", SOURCE.format(2).replace("LOG.append(2)", "LOG.append(1 / 0)"))
    update = resoul.prepare("m", **CHANGED)
    with pytest.raises(resoul.PrepareError, match=r"m\.py:9: ZeroDivisionError"):
        update.commit()
    assert seen(m) == (1, {"a": [1]}, 1, 1, 1)
    assert m.LOG == [1]


def test_a_rehearsal(selected):
    update = resoul.check("m", rehearse=True, **CHANGED)
    assert {"NUMBER", "TABLE", "Box.limit", "Box.m", "f"} <= {
        change.qualname for change in update.changes
    }
    assert (selected.NUMBER, selected.LOG) == (1, [1])
