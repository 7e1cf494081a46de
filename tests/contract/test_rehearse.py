"""Updates that are made in a child process, to find out what they would do."""

import gc
import logging
import os
import signal
import sys
import threading
import warnings

import pytest
from livefolder import Machinery, actions, text

import resoul
from resoul._rehearse import ChildError

V1 = """
    NUMBER, LIST = 1, [1]
    def f(): return 1
    class C:
        def m(self): return 1
    """
V2 = """
    NUMBER, LIST = 2, [2]
    def f(): return 2
    def added(): return f()
    class C:
        def m(self): return 2
    """


@pytest.fixture
def m(live):
    m = live.module("m", V1)
    live.edit("m", V2)
    return m


@pytest.fixture(autouse=True)
def nothing_left():
    """No child, no open file, no change of the machinery."""
    files = (
        set(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else None
    )
    machinery = Machinery()
    yield
    machinery.check()
    if files is not None:
        assert set(os.listdir("/proc/self/fd")) == files
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def told(update):
    return [(c.qualname, c.kind, c.action, c.reason, c.lineno) for c in update.changes]


def failure(*modules, **options):
    """What the rehearsal raises; the program is as it was."""
    before = {name: dict(vars(sys.modules[name])) for name in modules}
    with pytest.raises(resoul.UpdateError) as caught:
        resoul.check(modules, rehearse=True, **options)
    assert {name: dict(vars(sys.modules[name])) for name in modules} == before
    return caught.value


# -- what it tells -------------------------------------------------------------
def test_it_tells_what_a_reload_would_do(live, m):
    before = dict(vars(m))
    options = {"take": "m.NUMBER"}
    rehearsed = resoul.check("m", rehearse=True, **options)
    assert type(rehearsed) is resoul.Update
    assert rehearsed.state == "rehearsed"
    assert bool(rehearsed)
    assert dict(vars(m)) == before
    assert (m.f(), m.C().m()) == (1, 1)
    made = live.reload("m", **options)
    assert m.f() == 2
    assert rehearsed.changes == made.changes
    assert rehearsed.warnings == made.warnings
    assert rehearsed.modules == made.modules
    assert type(rehearsed.changes[0]) is resoul.Change
    assert rehearsed.pause_ns > 0


def test_lagging_frames_and_warnings(live):
    source = """
        def gen():
            yield 1
            yield {}
        def gone(): pass
        """
    m = live.module("m", source.format(2))
    running = m.gen()
    next(running)
    live.edit("m", source.format(3).replace("gone", "come"))
    kept = [lambda: 1]
    m.kept = kept
    update = resoul.check("m", rehearse=True)
    assert [(g.module, g.qualname, g.count) for g in update.lagging] == [
        ("m", "gen", 1)
    ]
    assert isinstance(update.lagging[0].places, tuple)
    assert actions(update, "gone") == {"stays"}
    assert list(running) == [2]
    assert update.to_dict()["lagging"][0]["qualname"] == "gen"


def test_long_reports(live):
    names = [f"function_{i}" for i in range(3000)]
    live.module("m", "".join(f"def {name}(): return 1\n" for name in names))
    live.edit("m", "".join(f"def {name}(): return 2\n" for name in names))
    assert len(resoul.check("m", rehearse=True, timeout=60).changes) == 3000


def test_nothing_changed(live, m):
    live.edit("m", V1)
    update = resoul.check("m", rehearse=True)
    assert not update
    assert str(update).startswith("reload of m (rehearsed): ")


def test_no_modules():
    assert resoul.check([], rehearse=True).state == "rehearsed"


def test_hooks_run_in_the_child_only(live):
    log = live.module("log", "LOG = []\n")
    source = """
        import log
        log.LOG.append("body")
        def __before_reload__(_): log.LOG.append("before")
        def __after_reload__(_): assert log.LOG == ["body", "body", "before"]
        """
    live.module("m", source)
    resoul.check("m", rehearse=True)
    assert log.LOG == ["body"]


# -- what goes wrong -----------------------------------------------------------
def test_an_exception(live, m):
    live.edit("m", "def g(): raise ValueError('no \\udc80')\n\ng()\n")
    error = failure("m")
    assert type(error) is resoul.PrepareError
    with pytest.raises(resoul.PrepareError) as caught:
        live.reload("m")
    assert str(error) == str(caught.value)
    assert isinstance(error.__cause__, ChildError)
    assert "in g" in str(error.__cause__)
    assert "ValueError: no" in str(error.__cause__)


@pytest.mark.parametrize(
    "body", ["while True: pass\n", "import time; time.sleep(60)\n"]
)
@pytest.mark.parametrize("beside", [False, True], ids=["main thread", "other thread"])
def test_a_body_that_takes_too_long(live, m, body, beside):
    live.edit("m", body)
    errors = []

    def attempt():
        errors.append(failure("m", timeout=0.2))

    if beside:
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
    else:
        attempt()
    assert "was still running after 0.2 s" in str(errors[0])
    assert "m.py:1: TimeoutError" in str(errors[0])


@pytest.mark.parametrize("what", ["KeyboardInterrupt", "SystemExit", "GeneratorExit"])
def test_whatever_is_raised(live, m, what):
    live.edit("m", f"raise {what}\n")
    error = failure("m")
    assert type(error) is resoul.PrepareError
    assert what in str(error)


def test_a_refusal(live, m):
    live.edit("m", text(V2).replace("class C:", "class C(int):"))
    error = failure("m")
    assert type(error) is resoul.RefusedError
    with pytest.raises(resoul.RefusedError) as caught:
        live.reload("m")
    assert error.reasons == caught.value.reasons
    assert type(error.reasons[0]) is resoul.Reason
    assert str(error) == str(caught.value)


def test_an_after_hook_that_raises(live, m):
    live.edit("m", text(V2) + "def __after_reload__(_): 1 / 0\n")
    error = failure("m")
    assert type(error) is resoul.UpdateError
    assert "hook raised ZeroDivisionError" in str(error)


@pytest.mark.parametrize(
    ("body", "ending"),
    [
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", "by SIGSEGV"),
        ("import os\nos.abort()\n", "by SIGABRT"),
        ("import os, signal\nos.kill(os.getpid(), 9)\n", "by SIGKILL"),
        ("import os\nos._exit(3)\n", "ended itself with exit code 3"),
    ],
)
def test_a_crash(live, m, body, ending):
    live.edit("m", "import faulthandler\nfaulthandler.disable()\n" + body)
    error = failure("m")
    assert type(error) is resoul.PrepareError
    assert str(error).startswith("the process that rehearsed m ")
    assert str(error).endswith(ending)


def test_a_child_that_hangs(live, m, monkeypatch):
    monkeypatch.setattr("resoul._rehearse._GRACE", 0.3)
    live.edit(
        "m",
        """
        import signal, time
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
        while True:
            try:
                while True: time.sleep(100)
            except BaseException:
                pass
        """,
    )
    error = failure("m", timeout=0.1)
    assert str(error) == (
        "the process that rehearsed m was still at it after 0.5 s: killed"
    )


def test_no_time_limit(live, m):
    assert resoul.check("m", rehearse=True, timeout=None).state == "rehearsed"


# -- this process --------------------------------------------------------------
def test_nothing_is_printed_twice_and_atexit_functions_dont_run(program):
    out = program(
        """
        import atexit
        atexit.register(print, "end")
        print("pending", end=" ")
        log = open(sys.argv[1] + "/log", "w")
        log.write("written once")
        live.module("m", "def f(): return 1\\n")
        live.edit("m", "import atexit\\natexit.register(print, 'more')\\n")
        print(resoul.check("m", rehearse=True).state)
        log.close()
        print(open(log.name).read())
    """,
        env={"PYTHONUNBUFFERED": ""},
    )
    assert out == "pending rehearsed\nwritten once\nend\n"


def test_without_a_place_to_print(m, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", open(os.devnull, "w"))  # noqa: SIM115
    sys.stderr.close()
    assert resoul.check("m", rehearse=True).state == "rehearsed"


def test_with_threads_and_without_warnings(m):
    stop = threading.Event()

    def work():
        while not stop.is_set():
            m.f()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(5):
                assert resoul.check("m", rehearse=True).state == "rehearsed"
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert m.f() == 1


def test_a_process_that_the_child_leaves(live, m):
    """It has the pipe, too, as long as it lives."""
    read, write = os.pipe()
    live.edit(
        "m",
        f"""
        import os
        if os.fork() == 0:
            os.close({write})
            os.read({read}, 1)
            os._exit(0)
        os._exit(4)
        """,
    )
    try:
        assert str(failure("m")).endswith("exit code 4")
    finally:
        os.close(write)
        os.close(read)


def test_who_ignores_children(live, m):
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert resoul.check("m", rehearse=True).state == "rehearsed"
        live.edit("m", "import os\nos._exit(1)\n")
        assert "ended" in str(failure("m"))
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_what_is_prepared_stays_so(live):
    core = live.module("core", "LIST = []\n")
    m = live.module("m", "import core\ndef f(): return 1\n")
    live.edit("m", "import core\ncore.LIST.append(1)\ndef f(): return 2\n")
    waiting = resoul.prepare("m")
    assert core.LIST == [1]
    live.edit("m", "import core\ndef f():\n    return 2\nassert core.LIST == []\n")
    assert resoul.check("m", rehearse=True).state == "rehearsed"
    assert core.LIST == [1]
    waiting.commit()
    assert (m.f(), core.LIST) == (2, [1])


def test_not_inside_of_an_update(live):
    source = """
        import resoul
        try:
            resoul.check("m", rehearse=True)
        except resoul.UpdateError as error:
            told = str(error)
        """
    m = live.module("m", "")
    live.edit("m", source)
    live.reload("m")
    assert "can't rehearse" in m.told


def test_many(m):
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(20):
        resoul.check("m", rehearse=True)
    gc.collect()
    assert len(gc.get_objects()) - before < 100


def test_logs_and_audit_events(live, m, caplog, program):
    with caplog.at_level(logging.INFO, "resoul"):
        resoul.check("m", rehearse=True)
        live.edit("m", "1 / 0")
        failure("m")
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("reload of m (rehearsed): ")
    assert second.startswith("rehearsal of the reload of m was not made: preparing m")
    out = program("""
        events = []
        sys.addaudithook(lambda e, a: events.append((e, *a)) if e[:6] == "resoul" else 0)
        live.module("m", "X = 1\\n")
        resoul.check("m", rehearse=True)
        print(events)
    """)
    assert out == "[('resoul.check', ('m',))]\n"
