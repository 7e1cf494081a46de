"""One instant: a thread sees all old or all new. Two updates, imports, forks, threads."""

import functools
import operator
import sys
import threading

import pytest

import resoul

# A version of everything, for functions that one call in C reads together.
STATE = """\
_reload_all_data = True
A = {v}
B = [{v}]
C = {{"v": {v}}}
class K:
    _reload_all_data = True
    a = {v}
    def m(self, x={v}): return {v}, x
    @property
    def p(self): return {v}
class L(K):
    _reload_all_data = True
    b = {v}
    def m(self, x={v}): return {v}, x
    def both(self): return super().m(), self.m()
def f(x={v}): return {v}, x
def g(*, k={v}): return {v}, k
def many{parameters}: return {v}, {result}
def f_and_g(): return f(), g(), A
D = {v}
"""
ARITY = {0: ("()", "0"), 1: ("(x=1, *rest, k=1)", "k")}


def state(version):
    parameters, result = ARITY[version % 2]
    return STATE.format(v=version, parameters=parameters, result=result)


NAMES = operator.attrgetter(
    "A", "D", "K.a", "L.b", "f.__defaults__", "g.__kwdefaults__", "K.m.__defaults__",
    "L.m.__defaults__", "f.__code__.co_consts", "K.p.fget.__code__.co_consts",
)  # fmt: skip


def snapshot_of(m):
    """A function that reads many names, and contents of containers, at one instant.

    No bytecode runs between the first and the last of these calls of C functions, so
    no other thread does.
    """
    calls = [functools.partial(NAMES, m), m.B.copy, m.C.copy]
    return lambda: tuple(map(operator.call, calls))


def versions(value):
    """All version numbers in what a snapshot or a call returned."""
    if isinstance(value, int):
        return {value}
    if isinstance(value, dict):
        return versions(tuple(value.values()))
    if isinstance(value, tuple | list):
        return set().union(*map(versions, value)) if value else set()
    return set()


class Readers:
    """Threads that read without pause until told to stop."""

    def __init__(self, count, read):
        self.errors, self.seen, self.reads = [], set(), 0
        self._stop, self._read = threading.Event(), read
        self._running = threading.Barrier(count + 1)
        self._threads = [threading.Thread(target=self._run) for _ in range(count)]

    def _run(self):
        self._running.wait()
        while not self._stop.is_set():
            try:
                found = self._read()
                if len(found) != 1:
                    self.errors.append(found)
                self.seen |= found
                self.reads += 1
            except BaseException as error:
                self.errors.append(repr(error))
                return

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        self._running.wait()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def often():
    """Threads change places often, so that a half commit would be seen."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.timeout(300)
def test_eight_threads_against_500_updates(live, often):
    m = live.module("m", state(0))
    read = snapshot_of(m)
    with Readers(8, lambda: versions(read())) as readers:
        for version in range(1, 501):
            live.update("m", state(version))
    assert readers.errors == []
    assert len(readers.seen) > 1
    assert versions(read()) == {500}


@pytest.mark.timeout(300)
def test_calls_against_200_updates(live, often):
    m = live.module("m", state(0))
    k = m.L()

    def read():
        for call in (m.f, m.g, k.m):
            found = versions(call())
            if len(found) != 1:
                return found
        version, arity = m.many()
        return {version % 2, arity} if version % 2 != arity else {0}

    with Readers(4, read) as readers:
        for version in range(2, 202):
            live.update("m", state(version))
    assert readers.errors == []


@pytest.mark.timeout(300)
def test_two_modules_are_exchanged_together(live, often):
    source = (
        "import {other}\n_reload_all_data = True\nV = {v}\ndef f(x={v}): return x\n"
    )
    live.write("a", source.format(other="b", v=0))
    live.write("b", source.format(other="a", v=0))
    a, b = live.load("a"), live.load("b")
    both = operator.itemgetter("a", "b")
    read = operator.attrgetter(
        "V", "f.__defaults__", "b.V", "b.f.__defaults__", "b.a.V"
    )
    with Readers(8, lambda: versions(read(a))) as readers:
        for version in range(1, 151):
            live.edit("a", source.format(other="b", v=version))
            live.edit("b", source.format(other="a", v=version))
            live.reload("a", "b")
    assert readers.errors == []
    assert both(sys.modules) == (a, b)
    assert len(readers.seen) > 1


def test_threads_never_see_the_scratch_module(live):
    """While a body runs, imports of other threads get the live module."""
    lib = live.module(
        "lib", "import threading\nBODY, ASKED = threading.Event(), threading.Event()\n"
    )
    m = live.module("m", "X = 'live'\ndef f(): return 'live'\n")
    found = []

    def ask():
        import importlib

        lib.BODY.wait()
        import m as imported
        from m import X, f

        found.extend([imported is m, importlib.import_module("m") is m])
        found.extend([sys.modules["m"] is m, X == "live", f() == "live"])
        found.extend(["m" in sys.modules, dict(sys.modules)["m"] is m])
        lib.ASKED.set()

    thread = threading.Thread(target=ask)
    thread.start()
    live.update(
        "m",
        "import lib\nX = 'new'\ndef f(): return 'new'\nlib.BODY.set()\nlib.ASKED.wait()\n",
    )
    thread.join()
    assert found == [True] * 7
    assert m.f() == "new"


def test_threads_see_no_donor_class(live):
    lib = live.module(
        "lib",
        "import threading\nBODY, ASKED = threading.Event(), threading.Event()\nclass Base: pass\n",
    )
    m = live.module("m", "import lib\nclass K(lib.Base): pass\n")
    found = []

    def ask():
        lib.BODY.wait()
        found.append(lib.Base.__subclasses__())
        lib.ASKED.set()

    thread = threading.Thread(target=ask)
    thread.start()
    live.update(
        "m", "import lib\nclass K(lib.Base): x = 1\nlib.BODY.set()\nlib.ASKED.wait()\n"
    )
    thread.join()
    assert found == [[m.K]]


def test_another_thread_imports_while_a_body_runs(live):
    lib = live.module(
        "lib", "import threading\nBODY, DONE = threading.Event(), threading.Event()\n"
    )
    live.write("fresh", "import lib\nVALUE = 1\n")
    live.module("m", "")
    found = []

    def load():
        lib.BODY.wait()
        import fresh

        found.append((fresh.VALUE, fresh is sys.modules["fresh"]))
        lib.DONE.set()

    thread = threading.Thread(target=load)
    thread.start()
    live.update("m", "import lib\nlib.BODY.set()\nlib.DONE.wait()\n")
    thread.join()
    assert found == [(1, True)]
    assert sys.modules["fresh"].VALUE == 1


def test_the_second_update_waits_for_the_first(live):
    lib = live.module(
        "lib",
        "import threading\nLOG = []\nIN, GO, ASKED = (threading.Event() for _ in range(3))\n",
    )
    for name in "ab":
        live.module(name, "")
    live.edit(
        "a",
        "import lib\nlib.LOG.append('a in')\nlib.IN.set()\nlib.GO.wait()\nlib.LOG.append('a out')\n",
    )
    live.edit("b", "import lib\nlib.LOG.append('b')\n")
    updates = []

    def first():
        updates.append(live.reload("a"))

    def second():
        lib.IN.wait()
        lib.ASKED.set()
        updates.append(live.reload("b"))

    threads = [threading.Thread(target=t) for t in (first, second)]
    for thread in threads:
        thread.start()
    lib.ASKED.wait()
    threads[1].join(0.2)
    assert threads[1].is_alive(), "it waits"
    lib.GO.set()
    for thread in threads:
        thread.join()
    assert lib.LOG == ["a in", "a out", "b"]
    assert [u.modules for u in updates] == [("a",), ("b",)]


@pytest.mark.timeout(300)
def test_many_threads_update_at_once(live):
    names = [f"m{n}" for n in range(4)]
    modules = [live.module(name, "def f(): return 0\n") for name in names]
    errors = []

    def work(name):
        try:
            for version in range(1, 26):
                live.edit(name, f"def f(): return {version}\n")
                live.reload(name)
        except BaseException as error:
            errors.append(repr(error))

    threads = [threading.Thread(target=work, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [m.f() for m in modules] == [25] * 4


def test_waiting_for_another_update_can_be_interrupted(program):
    out = program(
        """
        import builtins, os, signal, threading
        builtins.running, builtins.go = threading.Event(), threading.Event()
        live.module("a", "")
        live.module("b", "")
        live.edit("a", "running.set()\\ngo.wait()\\n")
        thread = threading.Thread(target=live.reload, args=["a"])
        thread.start()
        running.wait()
        threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT]).start()
        try: live.reload("b")
        except KeyboardInterrupt: print("interrupted")
        go.set()
        thread.join()
        live.reload("b")
        """
    )
    assert out == "interrupted\n"


def test_reload_from_a_module_body(live):
    m = live.module("m", "X = 1\n")
    live.module("other", "")
    body = """
        import resoul
        errors = []
        for name in ("m", "other"):
            try: resoul.reload([name])
            except resoul.UpdateError as error: errors.append((type(error), str(error)))
        """
    live.update("m", body)
    assert len(m.errors) == 2
    for kind, message in m.errors:
        assert kind is resoul.UpdateError
        assert "running" in message


def test_an_uncaught_reload_in_a_module_body(live):
    live.module("m", "X = 1\n")
    with pytest.raises(resoul.PrepareError) as failed:
        live.update("m", "import resoul\nresoul.reload(['m'])\n")
    assert isinstance(failed.value.__cause__, resoul.UpdateError)
    live.update("m", "def f(): return 'new'\n")
    assert live.load("m").f() == "new"


def test_reload_inside_an_import_never_waits(live):
    """A thread that is inside an import doesn't wait for the update lock."""
    lib = live.module(
        "lib",
        "import threading\nIN, GO = threading.Event(), threading.Event()\nERRORS = []\n",
    )
    live.module("m", "")
    live.write(
        "importing",
        """
        import lib, resoul
        try: resoul.reload("m")
        except resoul.UpdateError as error: lib.ERRORS.append(str(error))
        """,
    )

    def imports():
        lib.IN.wait()
        import importing  # noqa: F401

        lib.GO.set()

    thread = threading.Thread(target=imports)
    thread.start()
    live.update("m", "import lib\nlib.IN.set()\nassert lib.GO.wait(20)\n")
    thread.join()
    assert len(lib.ERRORS) == 1
    assert "import" in lib.ERRORS[0]


FORK = """
    import gc, os, threading, builtins
    m = live.module("m", "def f(): return 'old'\\n")
    other = live.module("other", "def f(): return 'old'\\n")

    def child(write):
        "Abandoned the update: the machinery is as it was, and updates work."
        try:
            assert type(sys.modules) is dict, type(sys.modules)
            assert sys.modules["m"] is m
            assert gc.isenabled()
            assert m.f() == "old", m.f()
            live.edit("other", "def f(): return 'child'\\n")
            resoul.reload(["other"])
            assert other.f() == "child"
            os.write(write, b"fine")
        except BaseException as error:
            os.write(write, repr(error).encode())
        finally:
            os._exit(0)

    def fork():
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0: child(write)
        os.close(write)
        said = os.read(read, 1000)
        os.waitpid(pid, 0)
        return said.decode()

    builtins.fork = fork
    """


def test_fork_in_a_body(program):
    out = program(
        FORK
        + """
    live.update("m", "SAID = fork()\\ndef f(): return 'new'\\n")
    print(m.SAID, m.f(), other.f(), type(sys.modules).__name__)
    """
    )
    assert out == "fine new old dict\n"


def test_fork_in_another_thread_while_preparing(program):
    out = program(
        FORK
        + """
    builtins.BODY, builtins.DONE, said = threading.Event(), threading.Event(), []
    def forking():
        BODY.wait()
        said.append(fork())
        DONE.set()
    thread = threading.Thread(target=forking)
    thread.start()
    live.update("m", "BODY.set()\\nDONE.wait()\\ndef f(): return 'new'\\n")
    thread.join()
    print(*said, m.f(), other.f(), type(sys.modules).__name__)
    """
    )
    assert out == "fine new old dict\n"


def test_subprocess_while_preparing(live):
    m = live.module("m", "")
    live.update(
        "m",
        "import subprocess, sys\nOUT = subprocess.check_output([sys.executable, '-c', 'print(5)'])\n",
    )
    assert m.OUT == b"5\n"


def test_a_thread_started_by_the_body_goes_on(live):
    lib = live.module(
        "lib",
        "import threading\nSTOP, LOG = threading.Event(), []\nSEEN = threading.Event()\n",
    )
    m = live.module("m", "X = 'old'\ndef helper(): return X\n")
    live.update(
        "m",
        """
        import lib, threading
        X = "new"
        def helper(): return X
        def run():
            while not lib.STOP.wait(0.001):
                lib.LOG.append((X, helper()))
                lib.SEEN.set()
        THREAD = threading.Thread(target=run)
        THREAD.start()
        """,
        data="take",
    )
    try:
        lib.SEEN.clear()
        assert lib.SEEN.wait(10)
        assert m.THREAD.is_alive()
        assert set(lib.LOG) == {("new", "new")}
    finally:
        lib.STOP.set()
        m.THREAD.join()


def test_updates_from_another_thread_than_main(live):
    m = live.module(
        "m", "def f(): return 'old'\nclass K:\n    def f(self): return 'old'\n"
    )
    k = m.K()
    live.edit("m", "def f(): return 'new'\nclass K:\n    def f(self): return 'new'\n")
    thread = threading.Thread(target=live.reload, args=["m"])
    thread.start()
    thread.join()
    assert (m.f(), k.f()) == ("new", "new")


def test_other_threads_run_while_a_body_is_executed(live):
    lib = live.module(
        "lib", "import threading\nTICK, BODY = threading.Event(), threading.Event()\n"
    )
    live.module("m", "def f(): return 'old'\n")
    ticks = []

    def tick():
        lib.BODY.wait()
        for _ in range(1000):
            ticks.append(1)
        lib.TICK.set()

    thread = threading.Thread(target=tick)
    thread.start()
    update = live.update(
        "m",
        "import lib\nlib.BODY.set()\nassert lib.TICK.wait(20)\ndef f(): return 'new'\n",
    )
    thread.join()
    assert len(ticks) == 1000
    assert update.blocked_ns < update.prepare_ns
