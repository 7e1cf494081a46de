"""hotfix(rehearse=True) and check(hotfix=): in a child process first."""

import os
import sys
import threading

import pytest
from livefolder import actions, codes

import resoul

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")

GOOD = """
    import player

    def heal(n):
        return ("new heal", n)

    player.heal = heal
    player.DAMAGE = 3
"""


def test_applied_if_the_child_went_through(player, other, fix):
    update = fix(GOOD, rehearse=True)
    assert other.heal(1) == ("new heal", 1)
    assert update.state == "committed"
    assert not update.warnings


def test_check_shows_what_would_change(player, other, tmp_path):
    path = tmp_path / "fix_7.py"
    path.write_text("import player\nplayer.DAMAGE = 3\nplayer.heal = lambda n: n\n")
    update = resoul.check(hotfix=path)
    assert update.state == "rehearsed"
    assert actions(update, "heal") == {"updated"}
    assert actions(update, "DAMAGE") == {"rebound"}
    assert player.DAMAGE == 10
    assert other.heal(1) == ("old heal", 1)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("raise ValueError('no')", "ValueError: no"),
        ("import os; os.abort()", "ended by SIGABRT"),
        ("import os; os._exit(3)", "exit code 3"),
        ("while True: pass", "still running after"),
        ("player.x = lambda: unbound", "RSL741"),
    ],
)
def test_what_fails_in_the_child_changes_nothing(player, other, fix, line, words):
    before = dict(vars(player))
    with pytest.raises(resoul.UpdateError, match=words):
        fix(GOOD + "    " + line, rehearse=True, timeout=0.5)
    assert vars(player) == before
    assert other.heal(1) == ("old heal", 1)


def test_the_hotfix_is_applied_once(player, fix):
    fix("import player\nplayer.DAMAGE += 1\n", rehearse=True)
    assert player.DAMAGE == 11


@pytest.mark.refuses("RSL621")
def test_what_it_does_outside_is_told(player, fix, tmp_path):
    target = tmp_path / "written"
    writes = f"import player\nopen({str(target)!r}, 'w').close()\n"
    path = tmp_path / "fix.py"
    path.write_text(writes)
    update = resoul.check(hotfix=path)
    assert [notice.code for notice in update.warnings] == ["RSL621"]
    assert str(target) in update.warnings[0].message
    applied = fix(writes, rehearse=True)
    assert [notice.code for notice in applied.warnings] == ["RSL621"]
    with pytest.raises(resoul.PrepareError) as error:
        fix(writes + "1 / 0\n", rehearse=True)
    assert any(str(target) in note for note in error.value.__notes__)


def test_strict_refuses_what_is_done_outside(player, fix, tmp_path):
    path = tmp_path / "fix.py"
    path.write_text(
        f"import player\nplayer.DAMAGE = 3\nopen({str(tmp_path / 'x')!r}, 'w').close()\n"
    )
    with pytest.raises(resoul.RefusedError) as refused:
        resoul.hotfix(path, rehearse=True, strict=True)
    assert codes(refused.value) == {"RSL621"}
    assert "Without strict=True" in str(refused.value)
    with pytest.raises(resoul.RefusedError):
        resoul.check(hotfix=path, strict=True)
    assert player.DAMAGE == 10


def test_threads_and_files_that_are_left_are_named(player, fix, tmp_path):
    target = tmp_path / "left"
    with pytest.raises(resoul.PrepareError) as error:
        fix(
            f"""
            import threading
            stop = threading.Event()
            threading.Thread(target=stop.wait, name="leftover", daemon=True).start()
            import player
            player.stop = stop
            file = open({str(target)!r}, "w")
            1 / 0
            """
        )
    for thread in threading.enumerate():
        if thread.name == "leftover":
            frame = sys._current_frames()[thread.ident]
            while "self" not in frame.f_locals or not hasattr(
                frame.f_locals["self"], "set"
            ):
                frame = frame.f_back
            frame.f_locals["self"].set()
            thread.join()
    notes = "\n".join(error.value.__notes__)
    assert "the thread 'leftover' was started" in notes
    if os.path.isdir("/proc/self/fd"):
        assert str(target) in notes


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"path": "x.py", "source": "1"},
        {"source": b"1"},
        {"source": "1", "name": 1},
        {"source": "1", "name": ""},
        {"source": "1", "name": "<x>"},
        {"source": "1", "inside": 3},
        {"source": "1", "inside": "no_such_module"},
        {"source": "1", "rehearse": "yes"},
        {"source": "1", "timeout": 0},
        {"source": "1", "strict": 1},
    ],
)
def test_arguments_that_can_not_be(arguments):
    with pytest.raises((TypeError, ValueError)):
        resoul.hotfix(**arguments)


def test_check_takes_no_options_of_a_reload(tmp_path):
    with pytest.raises(TypeError, match="hotfix="):
        resoul.check("player", hotfix=tmp_path / "x.py")
    with pytest.raises(TypeError, match="hotfix="):
        resoul.check(hotfix=tmp_path / "x.py", data="keep")


def test_a_file_that_can_not_be_read(tmp_path):
    with pytest.raises(resoul.PrepareError, match=r"nowhere\.py"):
        resoul.hotfix(tmp_path / "nowhere.py")
    (tmp_path / "bad.py").write_bytes(b"# coding: latin-9\nx = '\xff'\n\x00")
    with pytest.raises(resoul.PrepareError):
        resoul.hotfix(tmp_path / "bad.py")
    (tmp_path / "worse.py").write_bytes(b"x = '\xff'\n")
    with pytest.raises(resoul.PrepareError, match="can't be read"):
        resoul.hotfix(tmp_path / "worse.py")
    (tmp_path / "syntax.py").write_text("x = (\n")
    with pytest.raises(resoul.PrepareError, match=r"<hotfix syntax@.*>:1"):
        resoul.hotfix(tmp_path / "syntax.py")


def test_a_module_that_may_not_be_updated(fix):
    import json

    with pytest.raises(resoul.RefusedError, match="RSL102"):
        fix("import json\njson.dumps = lambda value: 'hijacked'\n")
    assert json.dumps([1]) == "[1]"
