"""Whatever raises while preparing: the program is as it was."""

import contextlib
import gc
import inspect
import linecache
import logging
import queue  # noqa: F401  so that no body imports it first
import socket  # noqa: F401
import sys
import threading
import time
import traceback

import pytest
from livefolder import Machinery, census, codes

import resoul

NAMES = [f"part{n}" for n in range(5)]

PART = """\
import lib
VERSION = 1
STATE = {{"n": 1}}
LIST = [1]
def f(x=VERSION): return x, VERSION
def make(n):
    def inner(): return n, VERSION
    return inner
INNER = make({n})
class K(lib.Base):
    tag = VERSION
    def f(self): return VERSION, super().f()
    @property
    def p(self): return VERSION
class E(lib.Enum):
    A = VERSION
"""

LIB = """\
from enum import Enum
from collections import deque
class Base:
    attribute = 1
    subclasses = []
    def __init_subclass__(cls): Base.subclasses.append(cls.__qualname__)
    def f(self): return "base"
class Config:
    level = 0
class Slots:
    __slots__ = ("level",)
CONFIG, SLOTS = Config(), Slots()
SLOTS.level = 0
PLUGINS, TABLE, SEEN, QUEUE = ["a", "b"], {"a": 1, "b": 2, "c": 3}, {"a"}, deque("ab")
X = 1
"""


class Five:
    """Five modules, and everything about them that an update could change."""

    def __init__(self, live):
        self.live = live
        self.lib = live.module("lib", LIB)
        self.modules = [live.module(n, PART.format(n=i)) for i, n in enumerate(NAMES)]
        self.modules.append(self.lib)
        self.instances = [m.K() for m in self.modules[:-1]]
        for m in self.modules[:-1]:
            m.LIST.append(2)
        self.before = self.snapshot()
        self.census = census(*NAMES, "lib")

    def snapshot(self):
        return {
            "modules": dict(sys.modules),
            "contents": [self.contents(vars(m)) for m in self.modules],
            "gc": (gc.isenabled(), gc.get_threshold()),
            "meta path": list(sys.meta_path),
            "subclasses": self.lib.Base.__subclasses__(),
            "behaviour": [(m.f(), m.INNER()) for m in self.modules[:-1]],
            "instances": [(k.f(), k.p) for k in self.instances],
            "names": list(threading.enumerate()),
            "slots": self.lib.SLOTS.level,
        }

    def contents(self, namespace, depth=0):
        """Identities all the way down: names, class dicts, containers, functions."""
        found = {}
        for name, value in namespace.items():
            if name in ("__builtins__", "__annotations_cache__"):
                continue
            found[name] = (id(value), *self.inside(value, depth))
        return found

    def inside(self, value, depth):
        kind = type(value)
        if kind in (list, set, dict, bytearray):
            return (repr(value),)
        if kind is type(self.contents.__func__):
            return tuple(
                id(getattr(value, f"__{n}__"))
                for n in ("code", "defaults", "closure", "globals", "doc")
            )
        if (
            isinstance(value, type)
            and value.__module__ in (*NAMES, "lib")
            and depth < 3
        ):
            return (self.contents(vars(value), depth + 1), value.__bases__)
        if kind.__module__ == "lib" and hasattr(value, "__dict__"):
            return (repr(vars(value)),)
        return ()

    def edit(self, broken=None, where=2):
        for i, name in enumerate(NAMES):
            source = PART.format(n=i).replace("VERSION = 1", "VERSION = 2")
            if broken is not None and i == where:
                source += broken
            self.live.edit(name, source)

    def check_untouched(self):
        assert self.snapshot() == self.before
        assert census(*NAMES, "lib") <= self.census

    def check_next_try(self):
        self.edit()
        self.live.reload(*NAMES, data="take")
        assert [m.f() for m in self.modules[:-1]] == [(2, 2)] * 5
        assert [k.f() for k in self.instances] == [(2, "base")] * 5
        assert [m.LIST for m in self.modules[:-1]] == [[1]] * 5


@pytest.fixture
def unlogged(monkeypatch):
    """Keep exceptions, and so frames and donors, out of pytest's log records."""
    monkeypatch.setattr(logging.getLogger("resoul"), "disabled", True)


@pytest.fixture
def five(live, unlogged):
    return Five(live)


BROKEN = {
    "syntax error": ("def broken(:\n", SyntaxError),
    "indentation": ("  x = 1\n", IndentationError),
    "exception": ("raise LookupError('of the body')\n", LookupError),
    "late exception": (
        "class L(K): pass\nL()\nx = [f, K, L]\n1 / 0\n",
        ZeroDivisionError,
    ),
    "KeyboardInterrupt": ("raise KeyboardInterrupt\n", KeyboardInterrupt),
    "SystemExit": ("import sys\nsys.exit(3)\n", SystemExit),
    "GeneratorExit": ("raise GeneratorExit\n", GeneratorExit),
    "import of what does not exist": ("import does_not_exist\n", ModuleNotFoundError),
    "import of a name that does not exist": ("from lib import nope\n", ImportError),
    "NameError": ("does_not_exist\n", NameError),
    "class body": ("class N:\n    x = 1\n    raise KeyError(1)\n", KeyError),
    "decorator": ("@(lambda f: 1 / 0)\ndef g(): pass\n", ZeroDivisionError),
    "set name": (
        "class D:\n    def __set_name__(self, o, n): raise KeyError(n)\nclass N:\n    d = D()\n",
        (KeyError, RuntimeError),
    ),
    "recursion": ("def r(): return r()\nr()\n", RecursionError),
    "memory": ("x = bytearray(1 << 60)\n", (MemoryError, OverflowError)),
    "stop iteration": ("next(iter(()))\n", StopIteration),
    "exception group": ("raise ExceptionGroup('g', [ValueError()])\n", ExceptionGroup),
    "in a nested call": ("def g(): h()\ndef h(): raise ValueError\ng()\n", ValueError),
    "exception with a bad str": (
        "class Bad(Exception):\n    def __str__(self): raise ValueError\nraise Bad\n",
        Exception,
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_third_of_five_modules(five, kind):
    source, cause = BROKEN[kind]
    five.edit(source)
    with pytest.raises(resoul.PrepareError) as failed:
        five.live.reload(*NAMES, data="take")
    assert isinstance(failed.value.__cause__, cause)
    assert "part2" in str(failed.value)
    del failed
    five.check_untouched()
    five.check_next_try()


@pytest.mark.parametrize("where", range(5))
def test_any_of_five_modules(five, where):
    five.edit("raise ValueError\n", where)
    with pytest.raises(resoul.PrepareError):
        five.live.reload(*reversed(NAMES))
    five.check_untouched()


def test_a_missing_file(five):
    five.edit()
    five.live.path("part2").unlink()
    with pytest.raises(resoul.RefusedError) as refused:
        five.live.reload(*NAMES)
    assert codes(refused.value) == {"RSL104"}
    five.check_untouched()


def test_a_refused_module(five):
    five.edit("class K(dict): pass\n")
    with pytest.raises(resoul.RefusedError):
        five.live.reload(*NAMES, data="take")
    five.check_untouched()
    five.check_next_try()


def test_an_unreadable_syntax_error_stops_before_anything_runs(five):
    five.edit("def broken(:\n", where=4)
    five.live.edit("part0", "import lib\nlib.RAN = True\n")
    with pytest.raises(resoul.PrepareError):
        five.live.reload(*NAMES)
    assert not hasattr(five.lib, "RAN")
    five.check_untouched()


def test_the_cause_shows_the_new_source(live):
    live.module("m", "def f(): pass\n")
    with pytest.raises(resoul.PrepareError) as failed:
        live.update(
            "m", "x = 1\ndef helper():\n    raise ValueError('new line')\n\nhelper()\n"
        )
    cause = failed.value.__cause__
    text = "".join(traceback.format_exception(cause))
    assert "raise ValueError('new line')" in text
    assert "helper()" in text
    assert f'File "{live.path("m")}", line 5, in <module>' in text
    assert "line 3, in helper" in text
    assert traceback.extract_tb(cause.__traceback__)[-1].lineno == 3


def test_the_message_names_module_file_and_line(live):
    live.module("m", "x = 1\n")
    with pytest.raises(resoul.PrepareError) as failed:
        live.update("m", "x = 1\ny = 2\n1 / 0\n")
    message = str(failed.value)
    assert "m" in message
    assert f"{live.path('m')}:3" in message
    with pytest.raises(resoul.PrepareError) as failed:
        live.update("m", "x = 1\ny = (\n")
    assert f"{live.path('m')}:2" in str(failed.value)


def test_linecache_of_a_failed_update_is_not_left_stale(live):
    m = live.module("m", "def f():\n    raise ValueError('old line')\n")
    with pytest.raises(resoul.PrepareError):
        live.update("m", "x = 1\nraise ValueError('new line')\n")
    live.edit("m", "def f():\n    raise ValueError('third line')\n")
    live.reload("m")
    with pytest.raises(ValueError, match="third line") as caught:
        m.f()
    assert "third line" in "".join(traceback.format_exception(caught.value))
    assert linecache.getline(m.__file__, 2).strip() == "raise ValueError('third line')"


EFFECTS = {
    "list append": "lib.PLUGINS.append('x')",
    "list clear": "lib.PLUGINS.clear()",
    "list sort and slice": "lib.PLUGINS[:0] = 'zyx'; lib.PLUGINS.sort()",
    "dict set": "lib.TABLE['x'] = 1",
    "dict overwrite": "lib.TABLE['a'] = 'changed'",
    "dict delete": "del lib.TABLE['a']",
    "dict clear and update": "lib.TABLE.clear(); lib.TABLE.update(x=1)",
    "set add and discard": "lib.SEEN.add('x'); lib.SEEN.discard('a')",
    "deque": "lib.QUEUE.appendleft('x'); lib.QUEUE.pop()",
    "module attribute": "lib.X = 'changed'; lib.NEW = 1",
    "module attribute deleted": "del lib.X",
    "class attribute": "lib.Base.attribute = 'changed'; lib.Base.new = 1",
    "class special method": "lib.Base.__len__ = lambda self: 3",
    "class attribute deleted": "del lib.Base.attribute",
    "instance attribute": "lib.CONFIG.level = 3; lib.CONFIG.new = 1",
    "slot": "lib.SLOTS.level = 3",
    "own module": "import sys; setattr(sys.modules[__name__], 'VERSION', 77)",
    "by name": "from lib import PLUGINS, TABLE as T; PLUGINS.append(1); T['x'] = 1",
    "in a function": "def effect(): lib.PLUGINS.append(1)\neffect()",
    "in a class body": "class C:\n    lib.PLUGINS.append(1)\n    lib.TABLE['x'] = 1",
    "subclass": "class Registered(lib.Base): pass",
    "extend and nested": "lib.PLUGINS.extend([lib.TABLE]); lib.TABLE['l'] = lib.PLUGINS",
}


@pytest.mark.timeout(0)  # no timer thread: lists are put back exactly if no other works
@pytest.mark.parametrize("effect", EFFECTS)
def test_effects_are_taken_back(five, effect):
    five.edit(EFFECTS[effect] + "\nraise ValueError\n")
    with pytest.raises(resoul.PrepareError):
        five.live.reload(*NAMES)
    five.check_untouched()


@pytest.mark.parametrize("effect", EFFECTS)
def test_effects_are_taken_back_by_a_refusal_too(five, effect):
    five.edit(EFFECTS[effect] + "\n")
    five.live.edit("part4", PART.format(n=4) + "class K(dict): pass\n")
    with pytest.raises(resoul.RefusedError):
        five.live.reload(*NAMES)
    five.check_untouched()


def test_what_another_thread_writes_meanwhile_stays(live):
    lib = live.module(
        "lib",
        "import threading\nLIST, TABLE = [], {}\nGO, DONE = threading.Event(), threading.Event()\n",
    )
    live.module("m", "")

    def write():
        lib.GO.wait()
        lib.TABLE["of the thread"] = 1
        lib.DONE.set()

    thread = threading.Thread(target=write)
    thread.start()
    with pytest.raises(resoul.PrepareError):
        live.update(
            "m",
            "import lib\nlib.TABLE['of the body'] = 1\nlib.GO.set()\nlib.DONE.wait()\nraise ValueError\n",
        )
    thread.join()
    assert lib.TABLE == {"of the thread": 1}


def test_modules_imported_for_the_first_time_are_gone(live):
    live.write("pkg.__init__", "")
    live.write("pkg.fresh", "VALUE = 1\n")
    live.write("alone", "from pkg import fresh\n")
    live.module("m", "x = 1\n")
    pkg = live.load("pkg")
    before = dict(sys.modules)
    with pytest.raises(resoul.PrepareError):
        live.update("m", "import alone, pkg.fresh\nraise ValueError\n")
    assert dict(sys.modules) == before
    assert not hasattr(pkg, "fresh")
    live.update("m", "import alone, pkg.fresh\ndef f(): return pkg.fresh.VALUE\n")
    assert live.load("m").f() == 1


@pytest.mark.parametrize(
    "refusal", ["class K(dict): pass\n", "def __before_reload__(update): pass\n"]
)
def test_first_time_imports_of_a_refused_update_are_gone(live, refusal):
    live.write("fresh", "")
    live.module("m", "class K: pass\ndef __before_reload__(update): raise ValueError\n")
    with pytest.raises(resoul.RefusedError):
        live.update("m", "import fresh\n" + refusal)
    assert "fresh" not in sys.modules
    assert not hasattr(live.load("m"), "fresh")


def test_an_update_near_the_recursion_limit(live):
    """All of it or nothing, however little stack is left."""
    source = """
        class K:
            def f(self): return {0}
        class L(K):
            def f(self): return super().f()
        def g(): return {0}
        """
    m = live.module("m", source.format(0))
    instance, made = m.L(), []

    def deep(levels, version):
        if levels:
            return deep(levels - 1, version)
        return live.update("m", source.format(version))

    room = sys.getrecursionlimit() - len(inspect.stack())
    current = 0
    for version, left in enumerate([5, 10, 15, 20, 30, 40, 60, 90, 150, 300], 1):
        with contextlib.suppress(RecursionError, resoul.UpdateError):
            deep(room - left, version)
            made.append(left)
            current = version
        assert (m.g(), instance.f()) == (current, current), left
    assert 300 in made


def test_a_failing_first_time_import(live):
    live.write("bad", "import json\nraise ValueError('bad')\n")
    m = live.module("m", "def f(): return 'old'\n")
    before = dict(sys.modules)
    with pytest.raises(resoul.PrepareError) as failed:
        live.update("m", "import bad\n")
    assert isinstance(failed.value.__cause__, ValueError)
    assert {n for n in sys.modules if n not in before} <= {"json"}
    assert m.f() == "old"


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize(
    "body", ["", "import gc\ngc.collect()\n", "raise ValueError\n"]
)
def test_gc_state_is_as_it_was(live, enabled, body):
    live.module("m", "x = 1\n")
    threshold = gc.get_threshold()
    if not enabled:
        gc.disable()
    gc.set_threshold(123, 7, 5)
    try:
        now = gc.get_threshold()
        with contextlib.suppress(resoul.PrepareError):
            live.update("m", body)
        assert gc.isenabled() == enabled
        assert gc.get_threshold() == now
    finally:
        gc.set_threshold(*threshold)
        gc.enable()


HANGS = {
    "loop": "while True: pass\n",
    "sleep": "import time\ntime.sleep(1000)\n",
    "sleep in a function": "import time\ndef f(): time.sleep(1000)\nf()\n",
    "lock": "import threading\nl = threading.Lock()\nl.acquire()\nl.acquire()\n",
    "event": "import threading\nthreading.Event().wait()\n",
    "queue": "import queue\nqueue.Queue().get()\n",
    "socket": "import socket\na, b = socket.socketpair()\na.recv(1)\n",
    "pipe": "import os\nr, w = os.pipe()\nos.read(r, 1)\n",
    # CPython 3.12 takes what interrupts a loop for raised by the instruction before it:
    # a loop right behind the `try` would land in its `except` for ever.
    "swallowed once": "import time\ntry: time.sleep(1000)\nexcept BaseException: pass\nx = 1\nwhile True: pass\n",
    "generator": "def g():\n    while True: yield\nfor _ in g(): pass\n",
}


@pytest.mark.parametrize("kind", HANGS)
def test_a_body_that_hangs_in_the_main_thread(five, kind):
    five.edit(HANGS[kind])
    assert threading.current_thread() is threading.main_thread()
    start = time.monotonic()
    with pytest.raises(resoul.PrepareError) as failed:
        five.live.reload(*NAMES, timeout=0.5)
    assert 0.4 < time.monotonic() - start < 10
    assert isinstance(failed.value.__cause__, TimeoutError)
    assert "0.5" in str(failed.value)
    del failed
    five.check_untouched()
    five.check_next_try()


def test_a_body_that_hangs_in_another_thread(five):
    five.edit("while True: pass\n")
    found = []

    def reload():
        try:
            five.live.reload(*NAMES, timeout=0.3)
        except resoul.PrepareError as error:
            found.append(type(error.__cause__))

    thread = threading.Thread(target=reload)
    thread.start()
    thread.join()
    assert found == [TimeoutError]
    five.check_untouched()
    five.check_next_try()


def test_an_interrupt_from_outside_while_preparing(program):
    """Ctrl-C in the main thread while a body runs: nothing has changed."""
    out = program(
        """
        import os, signal, threading, builtins
        m = live.module("m", "def f(): return 'old'\\n")
        builtins.running = threading.Event()
        def interrupt():
            running.wait()
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=interrupt).start()
        machinery = Machinery()
        try:
            live.update("m", "running.set()\\nwhile True: pass\\ndef f(): return 'new'\\n")
        except resoul.PrepareError as error:
            print(type(error.__cause__).__name__, m.f())
        machinery.check()
        live.update("m", "def f(): return 'new'\\n")
        print(m.f())
        """
    )
    assert out == "KeyboardInterrupt old\nnew\n"


def test_a_failure_keeps_trace_and_profile_functions(live):
    machinery = Machinery()
    live.module("m", "x = 1\n")
    calls = []

    def profile(frame, event, argument):
        if frame.f_code.co_filename == str(live.path("m")):
            calls.append(event)

    sys.setprofile(profile)
    try:
        with contextlib.suppress(resoul.PrepareError):
            live.update("m", "def f(): pass\nf()\nraise ValueError\n")
        assert sys.getprofile() is profile
    finally:
        sys.setprofile(None)
    assert "call" in calls
    machinery.check()


def test_a_failure_in_a_thread_while_others_use_the_modules(five):
    five.edit("1 / 0\n")
    stop, wrong, ran = threading.Event(), [], threading.Event()

    def use():
        while not stop.is_set():
            found = [m.f() for m in five.modules[:-1]]
            if found != [(1, 1)] * 5:
                wrong.append(found)
            ran.set()

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    ran.wait()
    for _ in range(50):
        with pytest.raises(resoul.PrepareError):
            five.live.reload(*NAMES, data="take")
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    five.check_untouched()


def test_donors_of_a_failed_update_die(live, unlogged):
    source = "class K:\n    def m(self): return super().m\nclass L(K): pass\ndef f(): return K\nx = [K, f, L()]\n"
    live.module("m", source)
    before = census("m")
    for _ in range(20):
        with pytest.raises(resoul.PrepareError):
            live.update("m", source + "1 / 0\n")
    assert census("m") <= before
    assert live.load("m").K.__subclasses__() == [live.load("m").L]
