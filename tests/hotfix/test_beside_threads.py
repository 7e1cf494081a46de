"""What a failing snippet changed goes back while other threads are at work."""

import textwrap
import threading

import pytest
from test_raises import CHANGES, filled, picture

import resoul

__all__ = ["filled"]  # a fixture


@pytest.fixture
def busy():
    """Another thread that uses the processor, and has nothing to do with it."""
    stop = threading.Event()

    def work():
        while not stop.is_set():
            sum(range(50))

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


def test_everything_is_as_before(filled, other, fix, busy):
    before = picture(filled, other)
    source = "import time\ntime.sleep(0.02)\n" + textwrap.dedent(CHANGES) + "\n1 / 0"
    with pytest.raises(resoul.PrepareError) as error:
        fix(source)
    assert picture(filled, other) == before
    assert "RSL608" not in "".join(getattr(error.value, "__notes__", ()))


def test_what_another_thread_did_to_the_same_list_stays(player, fix):
    player.go, player.done = threading.Event(), threading.Event()

    def write():
        player.go.wait()
        player.NAMES.append("of the other thread")
        player.done.set()

    thread = threading.Thread(target=write)
    thread.start()
    with pytest.raises(resoul.PrepareError) as error:
        fix(
            """
            import player

            class Own:
                pass

            player.NAMES.append("mine")
            player.NAMES.append(Own())
            player.NAMES.append(lambda: Own)
            player.go.set()
            player.done.wait()
            player.NAMES.insert(0, "mine, too")
            1 / 0
            """
        )
    thread.join()
    assert "of the other thread" in player.NAMES
    assert {type(name) for name in player.NAMES} == {str}
    assert "mine" not in player.NAMES or "RSL608" in "".join(error.value.__notes__)
