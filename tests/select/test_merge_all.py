"""execute="all", data="merge": the whole body runs, and data that the program did not change
follows its source."""

import pytest

import resoul


def run_all(module, **options):
    options.setdefault("data", "merge")
    return resoul.reload(module, execute="all", **options)


def actions(update):
    return {(c.qualname, c.action) for c in update.changes}


def pending():
    return {c.qualname for c in resoul.changed() if c.action == "pending"}


def edited(live, *replacements):
    """The source of m, with each (old, new) replaced."""
    source = SOURCE
    for old, new in replacements:
        assert source.count(old) == 1
        source = source.replace(old, new)
    live.edit("m", source)


SOURCE = """\
LIMIT = 10
TABLE = {"a": 1}

def f():
    return 1

class C:
    rate = 5
    names = ["a"]
    made = len("four")

    def m(self):
        return 1

    class Inner:
        depth = 1

class D:
    rate = 50

    def m(self):
        return 1
"""


def test_data_that_nobody_changed_follows_its_source(live):
    m = live.module("m", SOURCE)
    table, names = m.TABLE, m.C.names
    edited(
        live,
        ("LIMIT = 10", "LIMIT = 11"),
        ('{"a": 1}', '{"b": 2}'),
        ("rate = 5\n", "rate = 6\n"),
        ('["a"]', '["b", "c"]'),
        ("depth = 1", "depth = 2"),
    )
    update = run_all(m)
    assert (m.LIMIT, m.C.rate, m.C.Inner.depth, m.D.rate) == (11, 6, 2, 50)
    assert m.TABLE is table
    assert table == {"b": 2}
    assert m.C.names is names
    assert names == ["b", "c"]
    taken = {"LIMIT", "TABLE", "C.rate", "C.names", "C.Inner.depth"}
    assert {(name, "taken") for name in taken} <= actions(update)
    assert pending() == set()


def test_data_that_the_program_changed_stays_and_is_pending(live):
    m = live.module("m", SOURCE)
    m.LIMIT, m.C.rate, m.C.Inner.depth = 0, 0, 0
    m.C.names.append("z")
    edited(
        live,
        ("LIMIT = 10", "LIMIT = 11"),
        ("rate = 5\n", "rate = 6\n"),
        ('["a"]', '["b", "c"]'),
        ("depth = 1", "depth = 2"),
        ("rate = 50", "rate = 60"),
    )
    update = run_all(m)
    assert (m.LIMIT, m.C.rate, m.C.Inner.depth, m.D.rate) == (0, 0, 0, 60)
    assert m.C.names == ["a", "z"]
    waiting = {"LIMIT", "C.rate", "C.names", "C.Inner.depth"}
    assert {(name, "pending") for name in waiting} <= actions(update)
    assert pending() == waiting


def test_unchanged_statements_leave_what_the_program_changed(live):
    m = live.module("m", SOURCE)
    m.LIMIT, m.C.rate, m.D.rate = 0, 0, 0
    m.TABLE["z"] = 26
    m.C.names.append("z")
    names = m.C.names
    c = m.C()
    edited(live, ("return 1\n\n    class", "return 2\n\n    class"))
    update = run_all(m)
    assert c.m() == 2
    assert (m.LIMIT, m.C.rate, m.D.rate) == (0, 0, 0)
    assert m.TABLE == {"a": 1, "z": 26}
    assert m.C.names is names
    assert names == ["a", "z"]
    assert "pending" not in {action for _, action in actions(update)}
    assert pending() == set()


def test_take_names_data_of_a_class(live):
    m = live.module("m", SOURCE)
    m.C.rate = m.D.rate = 0
    edited(live, ("rate = 5\n", "rate = 6\n"), ("rate = 50", "rate = 60"))
    run_all(m, take=["m.C.rate"])
    assert (m.C.rate, m.D.rate) == (6, 0)
    assert pending() == {"D.rate"}
    run_all(m, take=["m.D.rate"])
    assert m.D.rate == 60
    assert pending() == set()


def test_what_is_pending_waits_while_its_statement_stays(live):
    m = live.module("m", SOURCE)
    m.C.rate = 0
    edited(live, ("rate = 5\n", "rate = 6\n"))
    run_all(m)
    # The class changes, its assignment does not; then nothing of the class changes.
    edited(
        live,
        ("rate = 5\n", "rate = 6\n"),
        ("return 1\n\n    class", "return 2\n\n    class"),
    )
    run_all(m)
    assert pending() == {"C.rate"}
    run_all(m)
    assert (m.C.rate, pending()) == (0, {"C.rate"})


def test_a_pending_change_that_is_taken_back_is_over(live):
    m = live.module("m", SOURCE)
    m.C.rate = m.LIMIT = 0
    edited(live, ("LIMIT = 10", "LIMIT = 11"), ("rate = 5\n", "rate = 6\n"))
    run_all(m)
    assert pending() == {"C.rate", "LIMIT"}
    edited(live)
    run_all(m)
    assert (m.C.rate, m.LIMIT, pending()) == (0, 0, set())


def test_a_class_that_goes_takes_what_was_pending_with_it(live):
    m = live.module("m", SOURCE)
    m.D.rate = m.LIMIT = 0
    edited(live, ("LIMIT = 10", "LIMIT = 11"), ("rate = 50", "rate = 60"))
    run_all(m)
    assert pending() == {"D.rate", "LIMIT"}
    edited(live, ("LIMIT = 10\n", ""), ("    rate = 50\n", ""))
    run_all(m)
    assert pending() == set()


def test_nobody_can_tell_what_an_expression_gave(live):
    m = live.module("m", SOURCE)
    edited(live, ('len("four")', 'len("seven")'))
    update = run_all(m)
    assert m.C.made == 4
    assert ("C.made", "pending") in actions(update)
    assert pending() == {"C.made"}


def test_settings_of_a_class_come_first(live):
    m = live.module("m", SOURCE)
    m.C.rate = 0
    edited(
        live,
        ("rate = 5\n", '_reload_data = ["rate"]\n    rate = 6\n'),
        ('["a"]', '["b"]'),
    )
    run_all(m)
    assert (m.C.rate, m.C.names) == (6, ["a"])
    assert pending() == {"C.names"}


@pytest.mark.parametrize("accessor", ["@property", "@classmethod", "@staticmethod"])
def test_accessors_beside_data(live, accessor):
    source = f"class C:\n    table = [1]\n    {accessor}\n    def p(self=None):\n        return 1\n"
    m = live.module("m", source)
    table = m.C.table
    table.append(9)
    own = vars(m.C)["p"]
    live.edit("m", source.replace("return 1", "return 2"))
    run_all(m)
    assert vars(m.C)["p"] is own
    found = m.C().p if accessor == "@property" else m.C.p()
    assert found == 2
    assert m.C.table is table
    assert table == [1, 9]


def test_names_that_are_written_in_two_ways(live):
    """The parser reads both as one identifier (NFKC)."""
    m = live.module("m", "class \ufb01sh:\n    rate = 1\n\nX = 1\n")
    live.edit("m", "class \ufb01sh:\n    rate = 2\n\nX = 1\n")
    run_all(m)
    assert m.fish.rate == 2


def test_a_class_that_is_defined_twice(live):
    source = "X = 1\nclass C:\n    rate = 1\nfirst = C\nclass C:\n    rate = 20\n"
    m = live.module("m", source)
    live.edit("m", source.replace("20", "30"))
    run_all(m)
    assert m.C.rate == 30


def test_definitions_are_not_parsed_unless_data_differs(live, monkeypatch):
    m = live.module("m", SOURCE)
    edited(
        live,
        ("LIMIT = 10", "LIMIT = 11"),
        ("def f():\n    return 1", "def f():\n    return 2"),
        ("return 1\n\n    class", "return 2\n\n    class"),
        ("rate = 50", "rate = 60"),
    )
    parsed = parsed_during(monkeypatch, lambda: run_all(m))
    assert (m.LIMIT, m.f(), m.C().m(), m.D.rate) == (11, 2, 2, 60)
    assert any("class D" in text for text in parsed)
    assert any("LIMIT" in text for text in parsed)
    assert not any("def f" in text for text in parsed)


def parsed_during(monkeypatch, action):
    """What the parser was asked to make a tree of."""
    import ast
    import builtins

    texts, real = [], builtins.compile

    def spy(source, filename, mode, flags=0, *args, **options):
        if flags & ast.PyCF_ONLY_AST:
            texts.append(source if isinstance(source, str) else bytes(source).decode())
        return real(source, filename, mode, flags, *args, **options)

    monkeypatch.setattr(builtins, "compile", spy)
    try:
        action()
    finally:
        monkeypatch.undo()
    return texts
