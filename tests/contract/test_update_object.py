"""What an update tells: print, to_dict, truth, times, lagging frames, logs, audit."""

import json
import logging

import pytest
from livefolder import actions

import resoul

OLD = """\
import lib
LIMIT = 1
TABLE = {"a": 1}
def f(): return "old"
def moved(): return 1
def gone(): return 1
class K:
    tag = 1
    def m(self): return "old"
    class Inner:
        def deep(self): return "old"
chosen = lib.one
"""
NEW = """\
import lib
LIMIT = 2
TABLE = {"a": 2}
ADDED = 3

def f(): return "new"
def moved(): return 1
class K:
    tag = 2
    def m(self): return "new"
    class Inner:
        def deep(self): return "new"
chosen = lib.two
"""
LIB = "def one(): return 1\ndef two(): return 2\n"


@pytest.fixture
def update(live):
    live.module("lib", LIB)
    live.module("m", OLD)
    return live.update("m", NEW, take=["m.TABLE"])


def test_every_change_is_listed_once(update):
    found = [(c.qualname, c.kind, c.action) for c in update.changes]
    assert sorted(found) == sorted(set(found))
    assert {
        ("LIMIT", "data", "kept"),
        ("TABLE", "data", "taken"),
        ("ADDED", "data", "added"),
        ("f", "function", "updated"),
        ("moved", "function", "moved"),
        ("gone", "function", "stays"),
        ("K.tag", "data", "kept"),
        ("K.m", "function", "updated"),
        ("K.Inner.deep", "function", "updated"),
        ("chosen", "binding", "rebound"),
    } <= set(found)
    assert {c.module for c in update.changes} == {"m"}


def test_changes_say_where(update, live):
    where = {c.qualname: c.lineno for c in update.changes}
    assert (where["f"], where["K.m"], where["K.Inner.deep"]) == (6, 10, 12)
    assert {c.filename for c in update.changes} == {str(live.path("m"))}


def test_kinds_and_actions_are_from_the_fixed_lists(update):
    assert {c.kind for c in update.changes} <= {
        "function",
        "class",
        "data",
        "binding",
        "module",
    }
    assert {c.action for c in update.changes} <= {
        *("updated", "added", "rebound", "taken", "kept", "deleted", "stays", "moved"),
    }
    for change in update.changes:
        assert isinstance(change.reason, str)
        if change.action in ("kept", "stays"):
            assert change.reason


def test_fields_of_an_update(update):
    assert update.kind == "reload"
    assert update.modules == ("m",)
    assert isinstance(update.changes, list)
    assert isinstance(update.warnings, list)
    assert isinstance(update.lagging, list)
    assert bool(update) is True


def test_times_are_measured(update):
    for name in ("prepare_ns", "plan_ns", "pause_ns", "blocked_ns"):
        value = getattr(update, name)
        assert type(value) is int
        assert 0 < value < 10_000_000_000, name
    assert update.pause_ns <= update.blocked_ns


def test_print_is_a_tree(update, capsys):
    print(update)
    lines = capsys.readouterr().out.splitlines()
    assert "m" in lines[0]
    named = [
        line
        for line in lines
        if line.lstrip("│├└─ ").startswith(("f ", "K", "m ", "deep"))
    ]
    assert len(named) >= 4
    depth = {
        line.lstrip("│├└─ ").split()[0]: len(line) - len(line.lstrip("│├└─ "))
        for line in lines
        if line.strip()
    }
    assert depth["K"] < depth["Inner"] < depth["deep"]
    assert depth["f"] == depth["K"]
    text = "\n".join(lines)
    for word in ("updated", "added", "kept", "rebound", "taken", "stays", "moved"):
        assert word in text
    assert "new" not in text.replace("new source", ""), "no code in it"


def test_to_dict_is_json(update):
    data = json.loads(json.dumps(update.to_dict()))
    assert data["kind"] == "reload"
    assert data["modules"] == ["m"]
    assert len(data["changes"]) == len(update.changes)
    change = next(c for c in data["changes"] if c["qualname"] == "f")
    assert change == {
        "module": "m",
        "qualname": "f",
        "kind": "function",
        "action": "updated",
        "reason": change["reason"],
        "filename": change["filename"],
        "lineno": 6,
    }
    assert {
        "warnings",
        "lagging",
        "prepare_ns",
        "plan_ns",
        "pause_ns",
        "blocked_ns",
    } <= set(data)


def test_repr_is_one_line(update):
    assert "\n" not in repr(update)
    assert "m" in repr(update)


@pytest.mark.parametrize(
    ("old", "new", "truth"),
    [
        ("X = 1\n", "X = 1\n", False),
        ("X = 1\n", "X = 2\n", False),
        ("X = 1\nY = 1\n", "X = 1\n", False),
        ("def f(): pass\n", "\n\ndef f(): pass\n", False),
        ("X = 1\n", "X = 1\nY = 1\n", True),
        ("def f(): pass\n", "def f(): return 1\n", True),
        ("class K: pass\n", "class K:\n    x = 1\n", True),
        ("class K: pass\n", "class K:\n    'Doc.'\n", True),
        ("class A: pass\nclass K: pass\n", "class A: pass\nclass K(A): pass\n", True),
        ("'Old.'\n", "'New.'\n", True),
        ("import json as j\n", "import logging as j\n", True),
        ("# old\n", "# new\n", False),
    ],
)
def test_truth(live, old, new, truth):
    live.module("m", old)
    assert bool(live.update("m", new)) is truth


def test_lagging_frames_are_grouped_by_function(live):
    source = """
        def gen():
            yield "old"
            yield "old"
        async def co(aw):
            await aw
            return "old"
        class K:
            def gen(self):
                yield "old"
                yield "old"
        def quiet():
            yield 1
        """
    m = live.module("m", source)
    generators = [m.gen() for _ in range(3)]
    for generator in generators:
        next(generator)
    next(generators[2])
    unstarted = m.gen()
    method = m.K().gen()
    next(method)
    quiet = m.quiet()
    next(quiet)
    update = live.update("m", source.replace("old", "new"))
    groups = {(group.module, group.qualname): group for group in update.lagging}
    assert set(groups) == {("m", "gen"), ("m", "K.gen")}
    assert groups["m", "gen"].count in (3, 4), "an unstarted generator may count"
    file = str(live.path("m"))
    assert set(groups["m", "gen"].places) >= {f"{file}:2", f"{file}:3"}
    assert groups["m", "K.gen"].count == 1
    assert groups["m", "K.gen"].places == (f"{file}:9",)
    assert [list(g) for g in generators] == [["old"], ["old"], []]
    assert list(unstarted) == ["old", "old"]
    assert "gen" in str(update)
    json.dumps(update.to_dict())


def test_no_lagging_frames(live):
    m = live.module("m", "def f(): yield 'old'\n")
    list(m.f())
    assert live.update("m", "def f(): yield 'new'\n").lagging == []


def test_a_running_function_lags(live):
    m = live.module(
        "m", "def f(act):\n    return act()\ndef g(act):\n    return f(act)\n"
    )
    update = m.g(
        lambda: live.update(
            "m", "def f(act):\n    return 5\ndef g(act):\n    return 6\n"
        )
    )
    assert {(g.qualname, g.count) for g in update.lagging} == {("f", 1), ("g", 1)}


def test_warnings_are_listed_and_logged(live, caplog):
    source = "def make():\n    def inner(x): return x\n    return inner\n"
    m = live.module("m", source)
    held = m.make()
    with caplog.at_level(logging.DEBUG, logger="resoul"):
        update = live.update("m", source.replace("inner(x)", "inner(x, y)"))
    assert held(1) == 1
    (notice,) = update.warnings
    assert notice.code.startswith("RSL6")
    assert any(
        notice.code in r.getMessage()
        for r in caplog.records
        if r.levelno == logging.WARNING
    )
    assert notice.code in str(update)
    assert update.to_dict()["warnings"][0]["code"] == notice.code
    assert {r.name for r in caplog.records} == {"resoul"}


def test_failures_are_logged(live, caplog):
    live.module("m", "x = 1\n")
    with (
        caplog.at_level(logging.DEBUG, logger="resoul"),
        pytest.raises(resoul.PrepareError),
    ):
        live.update("m", "1 / 0\n")
    assert any(
        r.levelno >= logging.WARNING and "m" in r.getMessage() for r in caplog.records
    )


def test_audit_event(program):
    out = program(
        """
        live.module("m", "def f(): return 'old'\\n")
        seen = []
        sys.addaudithook(lambda event, args: seen.append(args) if event == "resoul.reload" else None)
        live.update("m", "def f(): return 'new'\\n")
        print(len(seen), "m" in str(seen[0]))
        """
    )
    assert out == "1 True\n"


def test_an_audit_hook_may_veto(program):
    out = program(
        """
        m = live.module("m", "def f(): return 'old'\\n")
        def veto(event, args):
            if event == "resoul.reload": raise PermissionError("no")
        sys.addaudithook(veto)
        try: live.update("m", "def f(): return 'new'\\n")
        except PermissionError: print(m.f())
        """
    )
    assert out == "old\n"


def test_a_long_list_of_modules_is_told(live):
    names = [f"m{n}" for n in range(20)]
    for name in names:
        live.module(name, "def f(): return 'old'\n")
        live.edit(name, "def f(): return 'new'\n")
    update = live.reload(*names)
    assert sorted(update.modules) == sorted(names)
    assert all(actions(update, "f", module=name) == {"updated"} for name in names)
    assert all(name in str(update) for name in names)
