"""A fix that fails too often undoes itself."""

import logging
import sys
import threading
import time

import pytest
from livefolder import text

import resoul

monitoring = sys.monitoring

MODULE = """
LOG = []
def fire(n): return "old"
def walk(n): return "old"
def call(n): return fire(n)
class Player:
    def hit(self, n): return "old"
"""

FAILING = """
import m
def fire(n):
    if n: raise ValueError(n)
    return "new"
m.fire = fire
"""


def tools():
    return [monitoring.get_tool(n) for n in range(6)]


@pytest.fixture(autouse=True)
def all_is_given_back():
    before = tools()
    yield
    wait_until(lambda: tools() == before)
    assert [monitoring.get_events(n) for n in range(6) if before[n]] == [
        monitoring.get_events(n) for n in range(6) if before[n]
    ]


@pytest.fixture
def m(live):
    return live.module("m", MODULE)


def fix(source=FAILING, probation=60, **options):
    return resoul.hotfix(
        source=text(source), name="fix", probation=probation, **options
    )


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def fail(function, *arguments):
    with pytest.raises(ValueError) as caught:
        function(*arguments)
    return caught.value


def test_at_the_limit_it_undoes_itself(m, caplog):
    update = fix(max_errors=3)
    assert update.probation == "running"
    assert m.fire(0) == "new"
    for n in (1, 2):
        fail(m.fire, n)
    assert update.state == "committed"
    assert m.fire(0) == "new"
    fail(m.fire, 3)
    wait_until(lambda: update.state == "undone")
    assert m.fire(0) == "old"
    assert update.probation == "failed: ValueError: 3, 3 errors"
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.name == "resoul"
    assert "fix@" in record.getMessage()
    assert record.exc_info[1].args == (3,)
    assert "in fire" in caplog.text
    assert [u.probation for u in resoul.history() if u.id == update.id] == [
        update.probation
    ]
    assert "failed: ValueError" in str(resoul.history())
    assert "failed: ValueError" in str(update)
    assert update.to_dict()["probation"] == update.probation


def test_one_error_is_one_error(m):
    update = fix(max_errors=1)
    fail(m.fire, 1)
    wait_until(lambda: update.state == "undone")
    assert update.probation == "failed: ValueError: 1, 1 error"


def test_it_passes_when_the_time_is_up(m):
    before = tools()
    update = fix(probation=0.05, max_errors=2)
    assert tools() != before
    fail(m.fire, 1)
    wait_until(lambda: update.probation == "passed")
    assert tools() == before
    for n in range(1, 5):
        fail(m.fire, n)
    assert (update.state, m.fire(0)) == ("committed", "new")


NESTED = """
import m
def inner(n): raise ValueError(n)
def fire(n): return inner(n)
def call(n):
    try:
        return fire(n)
    finally:
        m.LOG.append(n)
class Player:
    def hit(self, n):
        return [m.call(x) for x in [n]]
m.fire, m.call, m.Player.hit = fire, call, Player.hit
"""


def test_an_exception_that_passes_several_frames_counts_once(m):
    update = fix(NESTED, max_errors=4)
    for n in range(3):
        fail(m.Player().hit, n)
    time.sleep(0.05)
    assert (update.state, update.probation) == ("committed", "running")
    fail(m.Player().hit, 3)
    wait_until(lambda: update.state == "undone")


def test_an_exception_object_that_is_raised_again_counts_again(m):
    update = fix(
        """
        import m
        ERROR = ValueError("same")
        def fire(n): raise ERROR
        m.fire = fire
        """,
        max_errors=4,
    )
    for _ in range(3):
        fail(m.fire, 1)
    assert update.state == "committed"
    fail(m.fire, 1)
    wait_until(lambda: update.state == "undone")


@pytest.mark.parametrize(
    "error",
    [
        "StopIteration",
        "StopAsyncIteration",
        "GeneratorExit",
        "KeyboardInterrupt",
        "SystemExit",
        "__import__('asyncio').CancelledError",
    ],
)
def test_what_is_no_error_does_not_count(m, error):
    update = fix(f"import m\ndef fire(n): raise {error}\nm.fire = fire\n", max_errors=1)
    for n in range(3):
        with pytest.raises(BaseException):  # noqa: B017
            m.fire(n)
    time.sleep(0.05)
    assert update.probation == "running"
    update.undo()


def test_exceptions_that_are_caught_inside_do_not_count(m):
    update = fix(
        """
        import m
        def fire(n):
            try: raise ValueError
            except ValueError: return "new"
        m.fire = fire
        """,
        max_errors=1,
    )
    assert [m.fire(n) for n in range(5)] == ["new"] * 5
    assert update.probation == "running"
    update.undo()
    assert update.probation == "undone"


def test_exceptions_of_other_code_do_not_count(m, live):
    update = fix(max_errors=1)
    other = live.module("other", "def f(): raise ValueError\n")
    for _ in range(5):
        fail(other.f)
    assert (update.state, update.probation) == ("committed", "running")
    update.undo()


def test_what_comes_through_the_new_code_counts(m, live):
    live.module("other", "def f(): raise ValueError\n")
    update = fix(
        "import m, other\ndef fire(n): other.f()\nm.fire = fire\n", max_errors=2
    )
    for _ in range(2):
        fail(m.fire, 1)
    wait_until(lambda: update.state == "undone")


@pytest.mark.parametrize(
    ("source", "call"),
    [
        (
            "def fire(n):\n    def nested(): raise ValueError\n    return nested\nm.fire = fire",
            "m.fire(0)()",
        ),
        ("def fire(n): return lambda: 1 / 0\nm.fire = fire", "m.fire(0)()"),
        (
            "def fire(n):\n    yield 1\n    raise ValueError\nm.fire = fire",
            "list(m.fire(0))",
        ),
        (
            "class K:\n    def f(self): raise ValueError\nm.fire = lambda n: K().f()",
            "m.fire(0)",
        ),
        ("def hit(self, n): raise ValueError\nm.Player.hit = hit", "m.Player().hit(0)"),
        (
            "class Player:\n    def hit(self, n): super().hit()\nm.Player = Player",
            "m.Player().hit(0)",
        ),
        (
            "@__import__('functools').cache\ndef fire(n): raise ValueError\nm.fire = fire",
            "m.fire(0)",
        ),
    ],
)
def test_all_of_the_new_code_counts(m, source, call):
    update = fix("import m\n" + source + "\n", max_errors=2)
    for _ in range(2):
        with pytest.raises((ValueError, ZeroDivisionError, AttributeError)):
            eval(call, {"m": m})
    wait_until(lambda: update.state == "undone")


def test_in_threads(m):
    update = fix(max_errors=40)
    threads = [
        threading.Thread(target=lambda: [fail(m.fire, n) for n in range(1, 9)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert update.probation == "running"
    for n in range(1, 9):
        fail(m.fire, n)
    wait_until(lambda: update.state == "undone")
    assert update.probation.endswith("40 errors")


def test_what_the_program_changed_since_stays(m):
    update = fix(FAILING + "m.SETTING = 1\nm.LOG = [5]\n", max_errors=1)
    m.SETTING = 2
    fail(m.fire, 1)
    wait_until(lambda: update.state == "undone")
    assert (m.SETTING, m.fire(0)) == (2, "old")


def test_an_update_that_is_no_longer_in_the_history(m, live, caplog):
    before = resoul.configure()
    update = fix(max_errors=1)
    resoul.configure(history=0)
    try:
        fail(m.fire, 1)
        wait_until(lambda: "could not be undone" in caplog.text)
    finally:
        resoul.configure(history=before.history)
    assert "could not be undone: " in update.probation
    assert "history" in update.probation
    assert m.fire(0) == "new"


def test_without_a_free_tool_nothing_is_applied(m):
    taken = [n for n in range(6) if monitoring.get_tool(n) is None]
    for n in taken:
        monitoring.use_tool_id(n, f"test {n}")
    try:
        with pytest.raises(resoul.UpdateError, match=r"test 4.*nothing was applied"):
            fix()
        assert m.fire(0) == "old"
    finally:
        for n in taken:
            monitoring.free_tool_id(n)
    fix().undo()


def test_a_fix_that_is_not_applied_gives_the_tool_back(m):
    before = tools()
    with pytest.raises(resoul.PrepareError):
        fix("1 / 0\n")
    assert tools() == before


def test_three_at_the_same_time(m):
    updates = [
        fix(
            f"import m\ndef fire(n): raise ValueError({n})\nm.fire = fire\n",
            max_errors=1,
        )
        for n in range(3)
    ]
    fail(m.fire, 1)
    wait_until(lambda: updates[2].state == "undone")
    assert [u.probation for u in updates[:2]] == ["running"] * 2
    assert fail(m.fire, 1).args == (1,)
    wait_until(lambda: updates[1].state == "undone")
    updates[0].undo()


WRAPPING = """
import m
inner = m.fire
def fire(n): return ("wrapped", inner(n))
m.fire = fire
"""


@pytest.mark.parametrize("probation", [None, 60])
def test_below_a_later_fix_it_goes_with_that(m, probation):
    """What it put under a later fix is not left to live when that one goes."""
    first = fix(max_errors=1)
    second = fix(WRAPPING, probation=probation, max_errors=2)
    fail(m.fire, 1)
    wait_until(lambda: first.state == "undone")
    wait_until(lambda: "kept, as changed later: m.fire" in first.probation)
    assert (m.fire(0), second.state) == (("wrapped", "new"), "committed")
    if probation is None:
        second.undo()
    else:
        fail(m.fire, 2)
        wait_until(lambda: second.state == "undone")
    wait_until(lambda: m.fire(0) == "old")


def test_a_later_fix_that_is_not_undone_keeps_what_is_below(m):
    first = fix(max_errors=1)
    second = fix(WRAPPING, probation=None)
    third = fix("import m\nm.LOG = [1]\n", probation=None)
    fail(m.fire, 1)
    wait_until(lambda: first.state == "undone")
    third.undo()
    assert (m.fire(0), second.state) == (("wrapped", "new"), "committed")


def test_without_functions_there_is_nothing_to_watch(m):
    before = tools()
    update = fix("import m\nm.LOG = []\n")
    assert update.probation == "passed: no function runs code of it"
    assert tools() == before


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"probation": 0}, ValueError),
        ({"probation": -1}, ValueError),
        ({"probation": float("nan")}, ValueError),
        ({"probation": float("inf")}, ValueError),
        ({"probation": "60"}, TypeError),
        ({"probation": True}, TypeError),
        ({"max_errors": 0}, ValueError),
        ({"max_errors": 2.5}, TypeError),
        ({"max_errors": True}, TypeError),
    ],
)
def test_arguments(m, options, kind):
    with pytest.raises(kind, match=next(iter(options))):
        fix(**options)
    assert m.fire(0) == "old"


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork")
def test_in_the_child_of_a_fork(program):
    out = program(
        """
        import os, sys, time
        m = live.module("m", "def fire(n): return 'old'\\n")
        update = resoul.hotfix(source="import m\\ndef fire(n): 1 / n\\nm.fire = fire\\n", probation=0.5, max_errors=2)
        child = os.fork()
        if not child:
            for _ in range(2):
                try: m.fire(0)
                except ZeroDivisionError: pass
            while update.state != "undone": time.sleep(0.01)
            os._exit(7 if m.fire(0) == "old" else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), update.state, update.probation)
        child = os.fork()
        if not child:
            while update.probation != "passed": time.sleep(0.01)
            os._exit(0 if sys.monitoring.get_tool(4) is None else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """
    )
    assert out == "7 committed running\n0\n"


def test_no_exception_is_kept_alive(m):
    import gc
    import weakref

    class Held:
        pass

    update = fix(
        "import m\ndef fire(held): raise ValueError\nm.fire = fire\n", max_errors=3
    )
    held = Held()
    ref = weakref.ref(held)
    fail(m.fire, held)
    del held
    gc.collect()
    assert ref() is None
    update.undo()


def no_threads(monkeypatch, times):
    """The next threads of probations can't be started."""
    real = threading.Thread.start
    left = [times]

    def start(self):
        if self.name.startswith("resoul") and left[0] > 0:
            left[0] -= 1
            raise RuntimeError("can't start new thread")
        real(self)

    monkeypatch.setattr(threading.Thread, "start", start)


def test_the_fix_stands_though_no_thread_waits_for_its_end(m, monkeypatch):
    before = tools()
    no_threads(monkeypatch, 1)
    update = fix(probation=0.05)
    assert (m.fire(0), update.probation) == ("new", "running")
    time.sleep(0.1)
    fail(m.fire, 1)
    wait_until(lambda: update.probation == "passed")
    assert tools() == before
    update.undo()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_undo_that_no_thread_makes_is_tried_again(m, monkeypatch):
    update = fix(max_errors=2)
    no_threads(monkeypatch, 2)
    for _ in range(3):
        assert update.state == "committed"
        fail(m.fire, 1)
    fail(m.fire, 1) if update.probation == "running" else None
    wait_until(lambda: update.state == "undone")
    assert m.fire(0) == "old"
