"""Undo in the middle of a stack, of an undo, of parts; and beside what the program does."""

import collections
import gc
import linecache
import sys
import traceback
import weakref

import pytest
from livefolder import census

import resoul


def test_lines_and_annotations_are_no_conflict(live):
    source = '"doc {0}"\nX: int = {0}\ndef f(x: "{0}"): return {0}\nclass C:\n    y: int = 1\n'
    source += "    def g(self): return {1}\n"
    m = live.module("m", source.format(1, 1))
    live.edit("m", "# a line more\n" + source.format(2, 1))
    first = resoul.reload("m")
    live.edit("m", "# two\n# more\n\n" + source.format(2, 2))
    second = resoul.reload("m")
    first.undo()
    assert (m.X, m.f(0), m.C().g()) == (1, 1, 2)
    second.undo()
    assert (m.X, m.f(0), m.C().g()) == (1, 1, 1)


def test_what_the_source_still_says_is_pending(live):
    m = live.module("m", "X = 1\ndef f(): return 1\ndef g(): return 1\n")
    live.edit("m", "X = 2\ndef f(): return 2\ndef g(): return 1\n")
    first = resoul.reload("m")
    live.edit("m", "X = 2\ndef f(): return 2\ndef g(): return 2\n")
    resoul.reload("m")
    undone = first.undo()
    assert (m.X, m.f(), m.g()) == (1, 1, 2)
    assert {(c.qualname, c.reason) for c in resoul.changed("m")} == {
        ("X", f"{first.id} was undone"),
        ("f", f"{first.id} was undone"),
    }
    assert not resoul.reload("m")
    assert m.f() == 1
    undone.undo()
    assert (m.X, m.f(), m.g()) == (2, 2, 2)
    assert resoul.changed("m") == []
    undone = first.undo()
    live.edit("m", "X = 2\ndef f(): return 3\ndef g(): return 2\n")
    resoul.reload("m", take="m.X")
    assert (m.X, m.f()) == (2, 3)
    assert resoul.changed("m") == []


def test_a_stack_in_every_order(live):
    names = "abc"
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]):
        versions = dict.fromkeys(names, 1)

        def source(versions=versions):
            return "".join(f"def {n}(): return {v}\n" for n, v in versions.items())

        m = live.module("m", source())
        updates = []
        for name in names:
            versions[name] = 2
            live.edit("m", source())
            updates.append(resoul.reload("m"))
        for number in order:
            updates[number].undo()
            versions[names[number]] = 1
            assert {n: getattr(m, n)() for n in names} == versions
        assert resoul.reload("m")
        del sys.modules["m"]


def test_who_is_in_the_way_after_an_undo(live):
    """An undo brought back what another one had put there: that is named, not the undo."""
    m = live.module("m", "def f(): return 0\n")
    updates = []
    for number in range(1, 4):
        live.edit("m", f"def f(): return {number}\n")
        updates.append(resoul.reload("m"))
    first, second, third = updates

    def named(update):
        with pytest.raises(resoul.ConflictError) as caught:
            update.undo()
        return [conflict.by for conflict in caught.value.conflicts]

    assert named(first) == [third.id]
    undone = third.undo()
    assert named(first) == [second.id]
    undone.undo()
    assert named(first) == [third.id]
    third.undo()
    second.undo()
    assert m.f() == 1
    m.f.__code__ = (lambda: 5).__code__
    assert named(first) == [""]


def test_tracebacks_show_what_lives(live):
    m = live.module("m", "def f():\n    return 1 / 0  # old\n")
    live.edit("m", "\n\n\ndef f():\n    return 1 / 0  # new\n")
    update = resoul.reload("m")

    def shown():
        try:
            m.f()
        except ZeroDivisionError as error:
            return traceback.format_exception(error)[-2]

    assert "# new" in shown()
    undone = update.undo()
    assert "line 2" in shown()
    assert "# old" in shown()
    undone.undo()
    assert "# new" in shown()
    linecache.clearcache()


def test_dicts_and_sets_go_back_beside_what_the_program_did(live):
    first = "_reload_all_data = True\nT = {'a': 1, 'b': 2, 'c': 3}\nS = {'x', 'y'}\n"
    m = live.module("m", first)
    live.edit(
        "m", "_reload_all_data = True\nT = {'a': 9, 'c': 3, 'd': 4}\nS = {'y', 'z'}\n"
    )
    update = resoul.reload("m")
    m.T["program"] = 1
    m.S.add("program")
    update.undo()
    assert list(m.T.items()) == [("a", 1), ("b", 2), ("c", 3), ("program", 1)]
    assert {"x", "y", "program"} == m.S


def test_a_key_that_the_program_changed_is_a_conflict(live):
    m = live.module("m", "_reload_all_data = True\nT, L = {'a': 1, 'b': 2}, [1]\n")
    live.edit("m", "_reload_all_data = True\nT, L = {'a': 9, 'b': 8}, [2]\n")
    update = resoul.reload("m")
    m.T["a"] = 7
    m.L.append(3)
    with pytest.raises(resoul.ConflictError) as caught:
        update.undo()
    assert sorted(c.qualname for c in caught.value.conflicts) == ["L", "T['a']"]
    update.undo(conflicts="keep")
    assert (m.T, m.L) == ({"a": 7, "b": 2}, [2, 3])


def test_equal_atoms_are_no_conflict(live):
    m = live.module("m", "X = 'a'\n")
    live.edit("m", "X = 100_000\n")
    update = resoul.reload("m", data="take")
    m.X = int("100000")
    update.undo()
    assert m.X == "a"


def test_order_of_what_effects_deleted(live):
    m = live.module("m", "a = 1\nb = 2\nc = 3\nd = 4\n")
    order = [n for n in vars(m) if n in "abcd"]
    live.edit("m", "a = 1\nb = 2\nc = 3\nd = 4\ndel b, c\n")
    update = resoul.reload("m")
    assert [n for n in vars(m) if n in "abcd"] == ["a", "d"]
    update.undo()
    assert [n for n in vars(m) if n in "abcd"] == order


def test_instances_that_effects_changed(live):
    lib = live.module(
        "lib",
        """
        import collections
        class Plain:
            def set(self, value): self.x = value
        class Slots:
            __slots__ = ("x",)
            def set(self, value): self.x = value
        P, S, Q, B = Plain(), Slots(), collections.deque([1]), bytearray(b"1")
        P.x = 1
        """,
    )
    m = live.module("m", "import lib\nfrom lib import P, S, Q, B\n")
    live.edit(
        "m",
        "import lib\nfrom lib import P, S, Q, B\nP.set(2)\nS.set(2)\nQ.append(2)\nB[:] = b'22'\n",
    )
    update = resoul.reload("m")
    assert (lib.P.x, lib.S.x, list(lib.Q), lib.B) == (2, 2, [1, 2], b"22")
    undone = update.undo()
    assert (lib.P.x, list(lib.Q), lib.B) == (1, [1], b"1")
    assert not hasattr(lib.S, "x")
    undone.undo()
    assert (lib.P.x, lib.S.x, list(lib.Q), lib.B) == (2, 2, [1, 2], b"22")
    assert m.P is lib.P


def test_ordered_dicts_and_keys_with_code(live):
    lib = live.module(
        "lib",
        """
        import collections, enum
        class K(enum.Enum):
            A = 1
            B = 2
        O = collections.OrderedDict(a=1, b=2)
        D = collections.defaultdict(int, {K.A: 1})
        """,
    )
    m = live.module("m", "from lib import O, D, K\n")
    live.edit("m", "from lib import O, D, K\nO['c'] = 3\nO['a'] = 9\nD[K.B] = 2\n")
    update = resoul.reload("m")
    assert (list(lib.O.items())[-1], lib.D) == (("c", 3), {lib.K.A: 1, lib.K.B: 2})
    undone = update.undo()
    assert list(lib.O.items()) == [("a", 1), ("b", 2)]
    assert list(reversed(lib.O)) == ["b", "a"]
    assert lib.D == {lib.K.A: 1}
    undone.undo()
    assert list(lib.O.items()) == [("a", 9), ("b", 2), ("c", 3)]
    assert type(m.O) is collections.OrderedDict


def test_abstract_classes_forget_registrations(live):
    source = "import abc\nclass A(abc.ABC): pass\nclass B: pass\nclass C: pass\n"
    m = live.module("m", source + "A.register(B)\n")
    live.edit(
        "m",
        source.replace("pass\nclass B", "x = 1\nclass B")
        + "A.register(B)\nA.register(C)\n",
    )
    update = resoul.reload("m", execute="all")
    assert issubclass(m.C, m.A)
    update.undo()
    assert issubclass(m.B, m.A)
    assert not issubclass(m.C, m.A)


def test_frames_lag_after_an_undo(live):
    m = live.module("m", "def f(go):\n    yield 1\n    yield 'old'\n")
    live.edit("m", "def f(go):\n    yield 2\n    yield 'new'\n")
    update = resoul.reload("m")
    generator = m.f(None)
    assert next(generator) == 2
    undone = update.undo()
    assert [(g.module, g.qualname, g.count) for g in undone.lagging] == [("m", "f", 1)]
    assert next(generator) == "new"
    assert list(m.f(None)) == [1, "old"]


def test_breakpoints_move_back(live):
    monitoring = sys.monitoring
    m = live.module("m", "def f():\n    return 1\n")
    live.edit("m", "def f():\n    return 2\n")
    old = m.f.__code__
    update = resoul.reload("m")
    tool = monitoring.DEBUGGER_ID
    monitoring.use_tool_id(tool, "test")
    try:
        monitoring.set_local_events(tool, m.f.__code__, monitoring.events.LINE)
        update.undo()
        assert m.f.__code__ is old
        assert monitoring.get_local_events(tool, old) == monitoring.events.LINE
    finally:
        monitoring.set_local_events(tool, old, 0)
        monitoring.free_tool_id(tool)


def test_a_thousand_rounds_do_not_grow(live):
    m = live.module("m", "class C:\n    def f(self): return 1\nX = 1\n")
    live.edit("m", "class C:\n    def f(self): return 2\nX = 2\ndef g(): return 2\n")
    counts = []
    for i in range(1000):
        resoul.reload("m").undo()
        if i % 100 == 99:
            gc.collect()
            counts.append((len(gc.get_objects()), sum(census("m").values())))
    assert m.C().f() == 1
    assert counts[-1][1] == counts[0][1]
    assert counts[-1][0] - counts[1][0] < 50
    assert len(resoul.history()) == 20


def test_references_of_the_history_are_explained(live):
    """Updates whose functions the history holds need no walk, and refuse nothing."""
    source = "class C:\n    def f(self): return {0}\ndef g():\n    def h(): return {0}\n    return h\n"
    m = live.module("m", source.format(0))
    inner = m.g()
    for i in range(1, 25):
        live.edit("m", source.format(i))
        update = resoul.reload("m", execute="all" if i % 2 else "changed")
        assert update.warnings == []
        assert (m.C().f(), m.g()(), inner()) == (i, i, i)
    for i in range(23, 14, -1):
        resoul.undo()
        assert (m.C().f(), m.g()(), inner()) == (i, i, i)


def test_a_dropped_entry_is_free_though_its_update_lives(live):
    m = live.module("m", "def f(): return 1\n")
    live.edit("m", "def f(): return 2\n")
    old = weakref.ref(m.f.__code__)
    update = resoul.reload("m")
    m.UPDATE = update
    assert old() is not None
    resoul.configure(history=0)
    gc.collect()
    assert old() is None
    with pytest.raises(resoul.UpdateError, match="not in the history"):
        update.undo()
