"""Watchers are taken for the time of a hotfix; and what is known of their gaps."""

import contextlib
import sys
import threading
from collections import OrderedDict

import pytest
from watchers import free

import resoul

KINDS = ("Dict", "Type", "Func")


@pytest.mark.parametrize(
    "source",
    [
        "import m\nm.f = lambda: 2\nm.T['a'] = 2",
        "import m\nm.T['a'] = 2\n1 / 0",
        "raise KeyboardInterrupt",
        "import m\nm.f = lambda: unbound_name",
        "def f(:",
        "import resoul\nresoul.hotfix(source='1')",
        "import m\nm.used = m.free()",
    ],
)
def test_ids_are_given_back(live, source):
    m = live.module("m", "T = {'a': 1}\ndef f(): return 1\n")
    m.free = lambda: [free(kind) for kind in KINDS]
    before = m.free()
    for _ in range(3):
        with contextlib.suppress(resoul.UpdateError):
            resoul.hotfix(source=source)
        assert m.free() == before
    if hasattr(m, "used"):
        assert 0 < sum(before) - sum(m.used) <= 2


@pytest.fixture
def m(live):
    return live.module(
        "m",
        """
        class Plain:
            def __init__(self):
                self.a, self.b, self.c = 1, 2, 3

        class Sized:
            def __len__(self): return 5
            def __call__(self): return "called"

        class Empty: pass

        plain, sized = Plain(), Sized()
        vars(plain)
        EMPTY, FULL = {}, {"x": 1, "y": 2}
        """,
    )


def fails(source):
    with pytest.raises(resoul.PrepareError):
        resoul.hotfix(source=f"import m\n{source}\n1 / 0\n")


def test_a_dict_over_inline_values_is_silent(m):
    """3.13.0: stores into the __dict__ of an instance, or beside it, tell no watcher."""
    fails("d = m.plain.__dict__\nd['a'] = 5\nm.plain.b = 6\ndel d['c']\nd['d'] = 7")
    assert list(vars(m.plain).items()) == [("a", 1), ("b", 2), ("c", 3)]


def test_additions_that_are_told_as_modifications(m):
    """3.12.1: the first store of a key that instances share; there is no old value."""
    fails(
        "p = m.Plain.__new__(m.Plain)\nm.Plain.made = p\nvars(p)\np.b = 1\nd = vars(p)\nd['a'] = 2"
    )
    assert not hasattr(m.Plain, "made")
    m.bare = m.Plain.__new__(m.Plain)
    vars(m.bare)
    fails("m.bare.b = 1\nvars(m.bare)['a'] = 2")
    assert vars(m.bare) == {}


def test_slots_of_classes_follow(m):
    """A class's dict is rolled back through the class: len() and () know it at once."""
    fails(
        "m.Empty.__len__ = lambda self: 1\nm.Empty.__call__ = lambda self: 2\n"
        "del m.Sized.__len__\nm.Sized.__call__ = None\nassert len(m.Empty()) == 1"
    )
    with pytest.raises(TypeError):
        len(m.Empty())
    with pytest.raises(TypeError):
        m.Empty()()
    assert len(m.sized) == 5
    assert m.sized() == "called"
    assert list(vars(m.Sized)) == [*dict.fromkeys(vars(m.Sized))]


def test_order(m):
    names, keys = list(vars(m)), list(m.FULL)
    fails("x = m.FULL.pop('x')\nm.FULL['x'] = x\ndel m.plain\nm.plain = 1\nm.Z = 1")
    assert list(vars(m)) == names
    assert list(m.FULL) == keys


def test_an_empty_dict_that_becomes_a_copy(m):
    """One event for all: CLONED."""
    fails("m.EMPTY.update(m.FULL)\nm.EMPTY['z'] = 1")
    assert m.EMPTY == {}
    assert m.FULL == {"x": 1, "y": 2}


def test_a_dict_that_is_cleared(m):
    """One event for all: CLEARED."""
    fails("m.FULL.clear()\nm.FULL['new'] = 1\nm.EMPTY |= m.FULL\nm.FULL.clear()")
    assert list(m.FULL.items()) == [("x", 1), ("y", 2)]
    assert m.EMPTY == {}


def test_the_same_object_again_is_no_write(m):
    update = resoul.hotfix(source="import m\nm.FULL = m.FULL\nm.plain = m.plain")
    assert not update.changes


def test_an_ordered_dict_is_half_changed_when_it_tells(m):
    m.ordered = OrderedDict(a=1, b=2, c=3)
    m.ordered.move_to_end("a")
    fails(
        "m.ordered.move_to_end('b')\ndel m.ordered['c']\nm.ordered['d'] = 1\n"
        "m.ordered.clear()\nm.ordered.update(m.FULL)"
    )
    assert list(m.ordered.items()) == [("b", 2), ("c", 3), ("a", 1)]
    assert m.ordered.popitem() == ("a", 1)


@pytest.mark.parametrize("inline", [True, False])
def test_stores_of_other_threads_stay(m, inline):
    """The watcher hears of them, too."""
    m.go, m.done = threading.Event(), threading.Event()
    if not inline:
        m.plain.__dict__ = dict(vars(m.plain))

    def work():
        m.go.wait()
        m.THEIRS = 1
        m.FULL["theirs"] = 1
        m.Plain.theirs = 1
        m.done.set()

    thread = threading.Thread(target=work)
    thread.start()
    fails(
        "m.FULL['ours'] = 1\ndel m.FULL['x']\nm.OURS = 1\nm.Plain.ours = 1\n"
        "m.go.set()\nm.done.wait()\nm.FULL['later'] = 1"
    )
    thread.join()
    assert m.THEIRS == m.Plain.theirs == 1
    assert m.FULL == {"x": 1, "y": 2, "theirs": 1}
    assert not hasattr(m, "OURS")
    assert not hasattr(m.Plain, "ours")


def test_dicts_that_die_meanwhile(m):
    fails(
        "for n in range(100):\n    d = {n: [n]}\n    m.T = d\n    d[n] += [1]\n    del m.T, d"
    )
    assert not hasattr(m, "T")


@pytest.mark.skipif(sys.version_info < (3, 13), reason="nothing is specialised for it")
def test_specialised_code_sees_what_was_taken_back(m):
    exec(
        "def hot():\n    total = 0\n    for _ in range(5000):\n        total += plain.a + VALUE\n"
        "    return total\nVALUE = 1\n",
        vars(m),
    )
    assert m.hot() == 10000
    fails("m.VALUE = 5\nm.plain.a = 7\nassert m.hot() == 60000")
    assert m.hot() == 10000
    resoul.hotfix(source="import m\nm.VALUE = 5\nm.plain.a = 7")
    assert m.hot() == 60000
    resoul.undo()
    assert m.hot() == 10000
