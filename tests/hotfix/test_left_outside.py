"""What a failing snippet leaves outside of Python's objects is named; asking is cheap."""

import os
import socket
import threading

import pytest

import resoul
from resoul import _engine

needs_proc = pytest.mark.skipif(
    not os.path.isdir("/proc/self/fd"), reason="descriptors are listed by /proc only"
)


def notes_of(error):
    notes = getattr(error.value, "__notes__", ())
    return [note for note in notes if note.startswith("not taken back")]


@needs_proc
def test_descriptors_that_stay_open_are_named(player, fix, tmp_path):
    path = tmp_path / "log, \N{SNOWMAN}.txt"
    with pytest.raises(resoul.PrepareError) as error:
        fix(
            f"""
            import os, socket
            os.open({str(path)!r}, os.O_CREAT | os.O_WRONLY)
            socket.socket().detach()
            open(__import__("sys").executable, "rb").close()
            1 / 0
            """
        )
    file, other = sorted(notes_of(error), key=lambda note: str(path) not in note)
    assert f"{path} (file descriptor " in file
    assert file.endswith("was opened")
    assert "socket:[" in other
    for note in file, other:
        os.close(int(note.split("descriptor ")[1].split(")")[0]))


@needs_proc
def test_a_number_that_is_reused_is_told(player, fix, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    number = os.open(first, os.O_CREAT | os.O_RDONLY)
    try:
        with pytest.raises(resoul.PrepareError) as error:
            fix(
                f"""
                import os
                os.close({number})
                again = os.open({str(second)!r}, os.O_CREAT | os.O_RDONLY)
                assert again == {number}, again
                1 / 0
                """
            )
    finally:
        os.close(number)
    assert [str(second) in note for note in notes_of(error)] == [True]


def test_a_thread_that_was_started_is_named(player, fix):
    player.go = threading.Event()
    try:
        with pytest.raises(resoul.PrepareError) as error:
            fix(
                """
                import player, threading
                threading.Thread(target=player.go.wait, name="straggler").start()
                1 / 0
                """
            )
    finally:
        player.go.set()
    assert [note for note in notes_of(error) if "'straggler'" in note]


def test_nothing_left_is_nothing_said(player, fix):
    with pytest.raises(resoul.PrepareError) as error:
        fix("open(__import__('os').devnull).close()\n1 / 0")
    assert not notes_of(error)


@needs_proc
def test_thousands_of_descriptors():
    held = []
    try:
        for _ in range(150):  # of a limit of 1024, often
            held += socket.socketpair()
        found = _engine.descriptors()
        numbers = {int(each.rsplit(" ", 1)[1].rstrip(")")) for each in found}
        assert numbers >= {each.fileno() for each in held}
        assert len(numbers) == len(found)
        for number in numbers:  # that of the listing itself is none of them
            os.fstat(number)
    finally:
        for each in held:
            each.close()


def test_a_hotfix_asks_the_file_system_of_no_module_again(player, fix, monkeypatch):
    """Beside a busy thread each system call costs a switch interval."""
    fix("import player\nplayer.DAMAGE = 11")

    def refuse(path, *args, **kwargs):
        raise AssertionError(path)

    for name in ("lstat", "stat", "readlink", "listdir", "scandir"):
        monkeypatch.setattr(os, name, refuse)
    fix("import player\nplayer.DAMAGE = 12")
    monkeypatch.undo()
    assert player.DAMAGE == 12
