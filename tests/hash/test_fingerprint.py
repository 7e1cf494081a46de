"""`resoul.fingerprint()`: build and updates in force."""

import hashlib

import pytest

import resoul

PROGRAM = """
m = live.module("m", "X = 1\\ndef f(): return 1\\ndef g(): return 1\\n")
print(resoul.fingerprint())
first = live.update("m", "X = 1\\ndef f(): return 2\\ndef g(): return 1\\n")
print(resoul.fingerprint())
second = live.update("m", "X = 1\\ndef f(): return 2\\ndef g(): return 2\\n")
print(resoul.fingerprint())
"""


def test_equal_in_processes_that_did_the_same(program):
    first, second = program(PROGRAM), program(PROGRAM)
    assert first == second
    build, *others = first.split()
    assert len(build) == 8
    assert len({build, *others}) == 3
    assert [other.partition("+")[0] for other in others] == [build, build]
    assert [len(other) for other in others] == [17, 17]


def test_the_build_is_the_source_of_the_main_program(program, tmp_path):
    out = program("print(resoul.fingerprint())\n")
    source = (tmp_path / "program.py").read_bytes()
    assert out.strip() == hashlib.sha256(source).hexdigest()[:8]


def test_the_source_as_it_was_at_the_start(program, tmp_path):
    out = program(
        """
        before = resoul.fingerprint()
        with open(__file__, "a") as file:
            file.write("# edited")
        print(before == resoul.fingerprint())
        """
    )
    assert out == "True\n"


def test_a_build_that_is_named(program):
    out = program("print(resoul.fingerprint())", env={"RESOUL_BUILD": "2.4.1"})
    assert out == "2.4.1\n"
    out = program(
        "resoul.configure(build='mine')\nprint(resoul.fingerprint())",
        env={"RESOUL_BUILD": "2.4.1"},
    )
    assert out == "mine\n"


@pytest.mark.parametrize("wrong", ["", "a b", "a+b", "a\n"])
def test_builds_that_can_not_be(wrong):
    with pytest.raises(ValueError, match="build"):
        resoul.configure(build=wrong)
    with pytest.raises(TypeError, match="build"):
        resoul.configure(build=5)


@pytest.fixture
def m(live):
    return live.module("m", source(1))


def source(n, x=1):
    return f"X = {x}\nOTHER = [{n}]\ndef f(): return {n}\n"


def test_what_was_undone_does_not_count(live, m):
    before = resoul.fingerprint()
    update = live.update("m", source(2))
    after = resoul.fingerprint()
    assert after != before
    undo = update.undo()
    assert resoul.fingerprint() == before
    again = undo.undo()
    assert resoul.fingerprint() == after
    again.undo()
    assert resoul.fingerprint() == before


def test_in_the_middle_and_redone_it_has_its_place(live, m):
    live.module("n", "def g(): return 1\n")
    before = resoul.fingerprint()
    first = live.update("m", source(2))
    second = live.update("n", "def g(): return 2\n")
    both = resoul.fingerprint()
    undo = first.undo()
    only_second = resoul.fingerprint()
    assert len({before, both, only_second}) == 3
    undo.undo()
    assert resoul.fingerprint() == both
    first.undo()
    second.undo()
    assert resoul.fingerprint() == before


def test_what_is_undone_in_part_is_neither(live, m):
    before = resoul.fingerprint()
    update = live.update("m", source(2, x=2), data="take")
    after = resoul.fingerprint()
    m.X = 7
    update.undo(conflicts="keep")
    assert resoul.fingerprint() not in {before, after}


def test_updates_that_changed_nothing_or_failed_do_not_count(live, m):
    before = resoul.fingerprint()
    live.reload("m")
    with pytest.raises(resoul.PrepareError):
        live.update("m", source(2) + "1 / 0\n")
    assert resoul.fingerprint() == before


def test_more_than_the_history_keeps(program):
    source = """
        resoul.configure(history={history})
        live.module("m", "def f(): return 0\\n")
        for n in range(1, 5):
            live.update("m", f"def f(): return {{n}}\\n")
        print(resoul.fingerprint())
        """
    out = {program(source.format(history=n)).strip()[8:] for n in (0, 2, 10)}
    assert len(out) == 1
    assert out.pop().startswith("+")


def test_hotfixes_and_prepared_updates_count(live, m):
    before = resoul.fingerprint()
    fix = resoul.hotfix(source="import m\nm.X = 5\n", name="fix")
    fixed = resoul.fingerprint()
    live.edit("m", source(2))
    with resoul.prepare("m") as ready:
        assert resoul.fingerprint() == fixed
        ready.commit()
    committed = resoul.fingerprint()
    assert len({before, fixed, committed}) == 3
    ready.undo()
    assert resoul.fingerprint() == fixed
    fix.undo()
    assert resoul.fingerprint() == before
