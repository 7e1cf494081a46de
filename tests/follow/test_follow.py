"""`resoul.follow()`: a folder of fixes as the state that is wanted."""

import itertools
import logging
import os
import threading
import time

import pytest
from livefolder import text

import resoul

MODULE = "A = B = 1\ndef f(): return 0\ndef g(): return 0\n"


@pytest.fixture
def m(live):
    before = resoul.configure()
    resoul.configure(history=100)
    yield live.module("m", MODULE)
    while any(u.kind != "undo" and u.state == "committed" for u in resoul.history()):
        resoul.undo(conflicts="keep")
    resoul.configure(history=before.history)


class Folder:
    """A folder into which files are renamed."""

    def __init__(self, path):
        self.path = path
        path.mkdir(mode=0o755)
        self.count = 0

    def put(self, name, source, mode=0o644, age=100):
        self.count += 1
        new = self.path / f".new{self.count}"
        new.write_text(text(source))
        new.chmod(mode)
        os.utime(new, (time.time() - age,) * 2)
        new.rename(self.path / name)
        return self.path / name

    def fix(self, name, function="f", value=1, extra=""):
        return self.put(
            name,
            f"import m\ndef {function}(): return {value}\nm.{function} = {function}\n{extra}",
        )


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "fixes")


def rows(follower):
    return {s.name: s for s in follower.status()}


def states(follower):
    return {s.name: s.state for s in follower.status()}


def follow(folder, **options):
    return resoul.follow(folder.path, **{"interval": None, **options})


def polls(follower, n=2):
    for _ in range(n):
        follower.poll()


def test_what_is_there_is_applied_at_the_start_in_the_order_of_names(m, folder):
    for name in ("20.py", "10.py", "30.py"):
        folder.put(name, f"import m\nm.LOG = getattr(m, 'LOG', []) + ['{name}']\n")
    follower = follow(folder)
    assert m.LOG == ["10.py", "20.py", "30.py"]
    assert states(follower) == {
        "10.py": "applied",
        "20.py": "applied",
        "30.py": "applied",
    }
    assert all(s.id.startswith(s.name[:2] + "@") for s in follower.status())


def test_one_that_appears_is_applied(m, folder):
    follower = follow(folder)
    assert follower.status() == []
    folder.fix("10.py")
    polls(follower)
    assert m.f() == 1
    assert states(follower) == {"10.py": "applied"}


def test_one_that_is_removed_is_undone(m, folder):
    path = folder.fix("10.py", extra="m.A = 7\n")
    follower = follow(folder)
    assert (m.f(), m.A) == (1, 7)
    path.unlink()
    follower.poll()
    assert (m.f(), m.A, follower.status()) == (0, 1, [])


def test_one_that_is_replaced_is_undone_and_applied_anew(m, folder):
    folder.fix("10.py", extra="m.NEW = m.A = 7\n")
    follower = follow(folder)
    folder.fix("10.py", value=2)
    polls(follower)
    assert (m.f(), m.A, hasattr(m, "NEW")) == (2, 1, False)
    assert states(follower) == {"10.py": "applied"}


def test_one_that_is_replaced_twice_between_two_looks(m, folder):
    """The second one may get the inode of the first."""
    folder.fix("10.py")
    follower = follow(folder)
    for value in range(2, 12):
        folder.fix("10.py", value=-value)
        folder.fix("10.py", value=value)
        polls(follower)
        assert (m.f(), states(follower)) == (value, {"10.py": "applied"})


def test_no_descriptors_are_left(m, folder):
    def count():
        return len(os.listdir("/proc/self/fd"))

    before = count()
    folder.fix("10.py")
    (folder.path / "20.py").mkdir()
    with follow(folder) as follower:
        folder.fix("10.py", value=2)
        polls(follower, 5)
        assert count() <= before + 1
    assert count() == before


def test_in_the_middle_of_others(m, folder):
    folder.fix("10.py", "f", 1)
    folder.fix("20.py", "g", 1)
    follower = follow(folder)
    folder.fix("10.py", "f", 2)
    polls(follower)
    assert (m.f(), m.g()) == (2, 1)
    (folder.path / "10.py").unlink()
    follower.poll()
    assert (m.f(), m.g()) == (0, 1)


def test_conflicts_are_reported_and_stay(m, folder, caplog):
    path = folder.fix("10.py", extra="m.A = 7\n")
    follower = follow(folder)
    m.A = 8
    path.unlink()
    polls(follower, 3)
    row = rows(follower)["10.py"]
    assert (row.state, m.f(), m.A) == ("stays", 1, 8)
    assert "could not be undone" in row.reason
    assert (
        len([r for r in caplog.records if "could not be undone" in r.getMessage()]) == 1
    )
    folder.fix("10.py", extra="m.A = 7\n")
    polls(follower)
    assert rows(follower)["10.py"].state == "applied"
    folder.fix("10.py", value=2)
    polls(follower)
    row = rows(follower)["10.py"]
    assert (row.state, m.f()) == ("stays", 1)
    assert "its new version is not applied" in row.reason


def test_a_new_one_before_others_that_touch_the_same_comes_before_them(m, folder):
    folder.fix("20.py", value=20)
    folder.fix("30.py", "g", 30)
    follower = follow(folder)
    folder.fix("10.py", value=10)
    polls(follower)
    assert (m.f(), m.g()) == (20, 30)
    (folder.path / "20.py").unlink()
    follower.poll()
    assert m.f() == 10
    (folder.path / "10.py").unlink()
    follower.poll()
    assert m.f() == 0


WRAP = "import m\ninner = m.f\ndef outer(): return {0!r}, inner()\nm.f = outer\n"


@pytest.fixture
def stack(m, folder):
    """Three fixes, each of which wraps the one before."""
    for name in "abc":
        folder.put(f"{name}.py", WRAP.format(name))
    follower = follow(folder)
    assert m.f() == ("c", ("b", ("a", 0)))
    return follower


def test_one_below_others_is_undone_and_they_stay(m, folder, stack):
    (folder.path / "a.py").unlink()
    stack.poll()
    assert m.f() == ("c", ("b", 0))
    assert states(stack) == {"b.py": "applied", "c.py": "applied"}
    (folder.path / "c.py").unlink()
    stack.poll()
    assert m.f() == ("b", 0)


def test_one_below_others_is_replaced(m, folder, stack):
    folder.put("a.py", WRAP.format("A"))
    polls(stack)
    assert m.f() == ("c", ("b", ("A", 0)))
    assert set(states(stack).values()) == {"applied"}


@pytest.mark.parametrize("name", ["a.py", "b.py", "c.py"])
def test_one_of_a_stack_that_becomes_broken(m, folder, stack, name):
    folder.put(name, BROKEN)
    polls(stack)
    expected = 0
    for other in "abc":
        expected = (other, expected) if other != name[0] else expected
    assert m.f() == expected
    assert [n for n, state in states(stack).items() if state == "failed"] == [name]


def test_all_of_a_stack_are_replaced_at_once(m, folder, stack):
    for name in "abc":
        folder.put(f"{name}.py", WRAP.format(name.upper()))
    polls(stack)
    assert m.f() == ("C", ("B", ("A", 0)))
    assert set(states(stack).values()) == {"applied"}


def test_all_of_a_stack_are_removed_at_once(m, folder, stack, caplog):
    for path in folder.path.iterdir():
        path.unlink()
    stack.poll()
    assert (m.f(), stack.status()) == (0, [])
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


def test_what_somebody_else_put_on_top_is_left_alone(m, folder, stack):
    resoul.hotfix(source=WRAP.format("else"), name="else")
    before = m.f()
    (folder.path / "a.py").unlink()
    folder.put("b.py", WRAP.format("B"))
    polls(stack)
    assert m.f() == before
    assert states(stack) == {"a.py": "stays", "b.py": "stays", "c.py": "applied"}
    assert "else@" in rows(stack)["b.py"].reason


def test_one_of_a_stack_that_the_program_holds(m, folder, stack):
    """What is on top comes back, though what is below could not be undone."""
    folder.put("a.py", WRAP.format("a") + "m.A = 7\n")
    polls(stack)
    m.A = 8
    (folder.path / "a.py").unlink()
    stack.poll()
    assert m.f() == ("c", ("b", ("a", 0)))
    assert states(stack) == {"a.py": "stays", "b.py": "applied", "c.py": "applied"}


def test_without_a_history_they_stay(m, folder):
    resoul.configure(history=0)
    path = folder.fix("10.py")
    follower = follow(folder)
    path.unlink()
    follower.poll()
    assert (rows(follower)["10.py"].state, m.f()) == ("stays", 1)
    m.f.__code__ = (lambda: 0).__code__


BROKEN = "import m\nm.f = lambda: 1 / 0\nraise ValueError('broken')\n"


def test_one_that_fails_is_left_out_and_the_rest_follows(m, folder, caplog):
    folder.fix("10.py")
    folder.put("20.py", BROKEN)
    folder.fix("30.py", "g")
    follower = follow(folder)
    assert (m.f(), m.g()) == (1, 1)
    assert states(follower) == {
        "10.py": "applied",
        "20.py": "failed",
        "30.py": "applied",
    }
    assert "ValueError: broken" in rows(follower)["20.py"].reason
    polls(follower, 3)
    told = [r for r in caplog.records if "20.py: failed" in r.getMessage()]
    assert [r.levelno for r in told] == [logging.WARNING]
    folder.put("20.py", "import m\nm.A = 5\n")
    polls(follower)
    assert (m.A, rows(follower)["20.py"].state) == (5, "applied")


def test_it_is_tried_again_only_when_it_changes(m, folder):
    m.TRIES = itertools.count()
    folder.put("10.py", "import m\nnext(m.TRIES)\n1 / 0\n")
    follower = follow(folder)
    polls(follower, 5)
    assert next(m.TRIES) == 1


def test_or_the_rest_waits(m, folder):
    folder.fix("10.py")
    folder.put("20.py", BROKEN)
    folder.fix("30.py", "g")
    follower = follow(folder, on_error="stop")
    assert (m.f(), m.g()) == (1, 0)
    assert states(follower)["30.py"] == "waiting"
    assert "20.py" in rows(follower)["30.py"].reason
    (folder.path / "20.py").unlink()
    polls(follower)
    assert m.g() == 1


def test_superseded_ones_are_skipped_and_reported(m, live, folder):
    base = resoul.source_hash(m.f)
    source = (
        f"# resoul: replaces m.f@{base[:6]}\nimport m\ndef f(): return 5\nm.f = f\n"
    )
    live.update("m", MODULE.replace("f(): return 0", "f(): return 5"))
    folder.put("10.py", source)
    follower = follow(folder)
    row = rows(follower)["10.py"]
    assert (row.state, row.id) == ("superseded", None)
    assert "contains the fix" in row.reason
    folder.put("20.py", source.replace("return 5", "return 6"))
    polls(follower)
    assert rows(follower)["20.py"].state == "failed"
    assert "RSL721" in rows(follower)["20.py"].reason


@pytest.mark.parametrize(
    "name",
    [
        ".hidden.py",
        "fix.py.tmp",
        "fix.py~",
        "#fix.py",
        "~fix.py",
        "fix.txt",
        ".fix.py.Xa81",
    ],
)
def test_other_names_are_skipped(m, folder, name):
    folder.put(name, "import m\nm.A = 5\n")
    assert follow(folder).status() == []
    assert m.A == 1


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_files_that_others_may_write_are_left_out(m, folder, mode):
    path = folder.fix("10.py")
    path.chmod(mode)
    follower = follow(folder)
    row = rows(follower)["10.py"]
    assert (row.state, m.f()) == ("left out", 0)
    assert f"{mode:o}" in row.reason
    path.chmod(0o644)
    polls(follower)
    assert m.f() == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_files_and_folders_of_others_are_left_out(m, folder, caplog):
    path = folder.fix("10.py")
    os.chown(path, 12345, -1)
    follower = follow(folder)
    assert (rows(follower)["10.py"].state, m.f()) == ("left out", 0)
    assert "12345" in rows(follower)["10.py"].reason
    os.chown(path, 0, -1)
    os.chown(folder.path, 12345, -1)
    polls(follower)
    assert m.f() == 0
    assert "nothing is applied or undone" in caplog.text
    os.chown(folder.path, 0, -1)
    polls(follower)
    assert m.f() == 1


def test_a_folder_that_others_may_write_is_not_followed(m, folder, caplog):
    folder.fix("10.py")
    folder.path.chmod(0o777)
    follower = follow(folder)
    assert (follower.status(), m.f()) == ([], 0)
    assert "others may write to it" in caplog.text
    folder.path.chmod(0o755)
    polls(follower)
    assert m.f() == 1


def test_links_and_folders_are_left_out(m, folder, tmp_path):
    (tmp_path / "elsewhere.py").write_text("import m\nm.A = 5\n")
    (folder.path / "10.py").symlink_to(tmp_path / "elsewhere.py")
    (folder.path / "20.py").mkdir()
    os.mkfifo(folder.path / "30.py", 0o644)
    follower = follow(folder)
    assert states(follower) == dict.fromkeys(("10.py", "20.py", "30.py"), "left out")
    assert "link" in rows(follower)["10.py"].reason
    assert m.A == 1


def test_a_folder_that_is_gone_undoes_nothing(m, folder, caplog):
    folder.fix("10.py")
    follower = follow(folder)
    folder.path.rename(folder.path.with_name("away"))
    polls(follower, 3)
    assert (m.f(), states(follower)) == (1, {"10.py": "applied"})
    assert len([r for r in caplog.records if "No such file" in r.getMessage()]) == 1
    folder.path.with_name("away").rename(folder.path)
    polls(follower)
    assert m.f() == 1


def test_young_files_are_taken_at_the_second_look(m, folder):
    folder.put("10.py", "import m\nm.A = 5\n", age=0)
    follower = follow(folder)
    assert (m.A, states(follower)) == (1, {"10.py": "waiting"})
    follower.poll()
    assert m.A == 5


def test_a_file_that_goes_on_changing_waits(m, folder):
    follower = follow(folder)
    for n in range(3):
        folder.put("10.py", f"import m\nm.A = {n + 5}\n")
        follower.poll()
        assert m.A == 1
    follower.poll()
    assert m.A == 7


def has_leases(path):
    from resoul import _leases

    with (
        open(path, "rb") as reading,
        open(path, "ab"),
        _leases.reading(reading.fileno()) as alone,
    ):
        return not alone


def test_a_file_that_is_open_for_writing_waits(m, folder):
    path = folder.fix("10.py")
    if not has_leases(path):
        pytest.skip("no leases here")
    with open(path, "ab"):
        follower = follow(folder)
        polls(follower, 3)
        row = rows(follower)["10.py"]
        assert (row.state, m.f()) == ("waiting", 0)
        assert "open for writing" in row.reason
    follower.poll()
    assert m.f() == 1


def test_writers_are_not_kept_out(m, folder):
    path = folder.fix("10.py")
    follow(folder)
    with open(path, "ab") as file:
        file.write(b"\n")


def test_a_file_that_is_written_to_in_place(m, folder):
    path = folder.fix("10.py")
    follower = follow(folder)
    with open(path, "a") as file:
        file.write("m.A = 5\n")
    polls(follower, 3)
    row = rows(follower)["10.py"]
    assert (row.state, m.A, m.f()) == ("changed in place", 1, 1)
    assert "rename" in row.reason
    folder.fix("10.py", value=2)
    polls(follower)
    assert (m.f(), rows(follower)["10.py"].state) == (2, "applied")


def test_one_that_is_touched_or_copied_anew_is_the_same(m, folder):
    path = folder.fix("10.py")
    follower = follow(folder)
    ids = [s.id for s in follower.status()]
    before = len(resoul.history())
    os.utime(path)
    polls(follower, 3)
    folder.fix("10.py")
    polls(follower, 3)
    assert [s.id for s in follower.status()] == ids
    assert states(follower) == {"10.py": "applied"}
    assert len(resoul.history()) == before


@pytest.mark.parametrize(
    "source", [b"\xff\xfe", b"def f(:\n", b"# coding: nonsense\n", b"\x00"]
)
def test_files_that_are_no_source(m, folder, source):
    path = folder.fix("10.py")
    path.write_bytes(source)
    os.utime(path, (time.time() - 100,) * 2)
    follower = follow(folder)
    assert states(follower) == {"10.py": "failed"}


def test_undone_by_hand_it_is_gone_until_it_changes(m, folder):
    folder.fix("10.py")
    follower = follow(folder)
    resoul.undo()
    polls(follower, 3)
    assert m.f() == 0
    (folder.path / "10.py").unlink()
    follower.poll()
    assert follower.status() == []


def test_what_the_history_forgot_stays(m, folder, caplog):
    resoul.configure(history=1)
    first = folder.fix("10.py")
    folder.fix("20.py", "g")
    follower = follow(folder)
    assert "history" in caplog.text
    first.unlink()
    follower.poll()
    assert (rows(follower)["10.py"].state, m.f()) == ("stays", 1)


def wait_until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_the_thread(m, folder):
    path = folder.fix("10.py")
    with follow(folder, interval=0.02) as follower:
        assert m.f() == 1
        (thread,) = [t for t in threading.enumerate() if t.name == "resoul follow"]
        assert thread.daemon
        folder.fix("20.py", "g", 5)
        wait_until(lambda: m.g() == 5)
        path.unlink()
        wait_until(lambda: m.f() == 0)
        assert states(follower) == {"20.py": "applied"}
    assert not thread.is_alive()
    assert m.g() == 5
    follower.stop()
    follower.poll()


def test_without_an_interval_there_is_no_thread(m, folder):
    with follow(folder):
        assert not [t for t in threading.enumerate() if t.name == "resoul follow"]


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"interval": 0}, ValueError),
        ({"interval": -1}, ValueError),
        ({"interval": float("nan")}, ValueError),
        ({"interval": "1"}, TypeError),
        ({"interval": True}, TypeError),
        ({"on_error": "ignore"}, ValueError),
    ],
)
def test_arguments(folder, options, kind):
    with pytest.raises(kind, match=next(iter(options))):
        follow(folder, **options)


def test_a_restarted_server_comes_up_with_its_fixes(program, folder):
    folder.fix("10.py", value=1)
    folder.fix("20.py", "g", 2, extra="m.A = 5\n")
    source = f"""
    m = live.module("m", {MODULE!r})
    follower = resoul.follow({str(folder.path)!r})
    print(m.f(), m.g(), m.A, [s.state for s in follower.status()], resoul.fingerprint())
    """
    first, second = program(source), program(source)
    assert first == second
    assert first.startswith("1 2 5 ['applied', 'applied']")


def test_rsync(m, folder, tmp_path):
    import shutil
    import subprocess

    if shutil.which("rsync") is None:
        pytest.skip("no rsync here")
    source = tmp_path / "source"
    source.mkdir()
    (source / "10.py").write_text("import m\ndef f(): return 1\nm.f = f\n")

    def sync():
        subprocess.run(
            [
                "rsync",
                "-rt",
                "--delete",
                "--chmod=F644",
                f"{source}/",
                f"{folder.path}/",
            ],
            check=True,
        )
        polls(follower)

    follower = follow(folder)
    sync()
    assert m.f() == 1
    (source / "10.py").write_text("import m\ndef f(): return 22\nm.f = f\n")
    sync()
    assert m.f() == 22
    (source / "10.py").unlink()
    sync()
    assert (m.f(), follower.status()) == (0, [])


def test_one_whose_header_can_not_be_told_is_left_out(m, live, folder):
    live.write("late", "1 / 0\n")
    folder.put("10.py", "# resoul: replaces late.f@0000\n")
    folder.fix("20.py")
    follower = follow(folder)
    assert states(follower) == {"10.py": "failed", "20.py": "applied"}
    assert "ZeroDivisionError" in rows(follower)["10.py"].reason
    assert m.f() == 1


def test_whatever_is_raised_the_others_follow(m, folder, monkeypatch):
    real = resoul._hotfix.hotfix

    def hotfix(*, source, name):
        if name == "10":
            raise RuntimeError("can't start new thread")
        return real(source=source, name=name)

    monkeypatch.setattr(resoul._hotfix, "hotfix", hotfix)
    folder.fix("10.py")
    folder.fix("20.py", "g")
    follower = follow(folder)
    assert states(follower) == {"10.py": "failed", "20.py": "applied"}
    assert rows(follower)["10.py"].reason == "RuntimeError: can't start new thread"


def test_a_fix_may_ask_and_stop_the_follower(m, folder):
    follower = m.follower = follow(folder)
    folder.fix(
        "10.py", extra="m.seen = m.follower.status()[0].state\nm.follower.stop()\n"
    )
    folder.fix("20.py", extra="m.follower.poll()\n")
    polls(follower)
    assert (m.seen, m.f()) == ("waiting", 1)
    row = rows(follower)["20.py"]
    assert row.state == "failed"
    assert "called by a fix" in row.reason


def test_an_applied_one_that_can_not_be_read_is_applied(m, folder, monkeypatch):
    folder.fix("10.py")
    follower = follow(folder)

    def no_more(*_, **__):
        raise OSError(24, "Too many open files")

    folder.fix("10.py", value=2)
    with monkeypatch.context() as patch:
        patch.setattr(type(follower), "_taken", no_more)
        follower.poll()
    row = rows(follower)["10.py"]
    assert (row.state, row.reason) == (
        "applied",
        "it can't be read: Too many open files",
    )
    polls(follower)
    assert m.f() == 2
