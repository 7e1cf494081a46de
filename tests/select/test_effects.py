"""Statements that run after the commit: in live namespaces, and all or nothing."""

import collections
import gc
import sys
import threading
import time
import weakref

import pytest
from livefolder import Machinery, no_donors_left, text

import resoul
from resoul import _engine

V1 = """
    NUMBER = 1
    def f(): return 1
    class C:
        def m(self): return 1
    """
V2 = """
    _reload_all_data = True
    NUMBER = 2
    def f(): return 2
    def added(): return f()
    class C:
        def m(self): return 2
    """


@pytest.fixture
def effects(live, monkeypatch):
    """Give a module statements that run after its next updates."""
    codes = {}
    monkeypatch.setattr(_engine, "_effects", codes, raising=False)

    def give(**sources):
        codes.clear()
        for name, source in sources.items():
            codes[name] = compile(text(source), str(live.path(name)), "exec")

    return give


@pytest.fixture
def m(live):
    m = live.module("m", V1)
    live.edit("m", V2)
    return m


def is_old(m):
    return (m.NUMBER, m.f(), m.C().m(), hasattr(m, "added")) == (1, 1, 1, False)


def is_new(m):
    return (m.NUMBER, m.f(), m.C().m(), m.added()) == (2, 2, 2, 2)


# -- what they see -------------------------------------------------------------
def test_they_run_in_the_live_namespace_after_the_commit(live, m, effects):
    f = m.f
    effects(
        m="""
        SEEN = f(), NUMBER, C().m(), added(), __name__
        def made(): return f
        class Made: pass
        """
    )
    live.reload("m")
    assert m.SEEN == (2, 2, 2, 2, "m")
    assert m.made.__globals__ is vars(m)
    assert m.made() is f
    assert (m.Made.__module__, m.Made.__qualname__) == ("m", "Made")
    assert is_new(m)


def test_in_the_order_of_the_modules(live, effects):
    log = live.module("log", "LOG = []\n")
    for name, imports in (("b", "import log"), ("a", "import log, b")):
        live.module(name, imports + "\n")
    effects(
        a="log.LOG.append((__name__, log.LOG[-1:]))",
        b="log.LOG.append((__name__, log.LOG[-1:]))",
    )
    update = live.reload("a", "b")
    assert update.modules == ("b", "a")
    assert log.LOG == [("b", []), ("a", [("b", [])])]


def test_before_the_hooks_that_run_after(live, m, effects):
    m.LOG = []
    live.edit("m", text(V2) + "def __after_reload__(_): LOG.append('hook')\n")
    effects(m="LOG.append('effect')")
    live.reload("m")
    assert m.LOG == ["effect", "hook"]


def test_generators_that_they_start_are_not_lagging(live, m, effects):
    effects(
        m="""
        def gen():
            yield 1
            yield 2
        RUNNING = gen()
        next(RUNNING)
        """
    )
    assert live.reload("m").lagging == []
    assert list(m.RUNNING) == [2]


def test_the_collector_is_as_it_was(live, m, effects):
    effects(
        m="""
        import gc
        STATE = gc.isenabled(), gc.get_threshold()
        """
    )
    live.reload("m")
    assert (True, gc.get_threshold()) == m.STATE


def test_what_they_do_to_the_collector_stays(live, m, effects):
    effects(m="import gc; gc.disable(); gc.set_threshold(123, 4, 5)")
    before = gc.get_threshold()
    try:
        live.reload("m")
        assert not gc.isenabled()
        assert gc.get_threshold()[:2] == (123, 4)
    finally:
        gc.enable()
        gc.set_threshold(*before)


def test_nothing_is_kept(live, m, effects):
    effects(
        m="""
        class Made: pass
        BOX = [Made()]
        """
    )
    with no_donors_left("m"):
        live.reload("m")
    gone = weakref.ref(m.BOX[0])
    m.BOX.clear()
    gc.collect()
    assert gone() is None
    del m.Made


# -- an exception in one -------------------------------------------------------
def test_an_exception_undoes_the_update(live, m, effects):
    f, c = m.f, m.C
    before = dict(vars(m))
    effects(
        m="""
        EXTRA = 1

        raise ValueError("no")
        """
    )
    with no_donors_left("m"), pytest.raises(resoul.PrepareError) as caught:
        live.reload("m")
    assert is_old(m)
    assert (m.f, m.C) == (f, c)
    assert dict(vars(m)) == before
    assert list(vars(m)) == list(before)
    assert repr(caught.value.__cause__) == "ValueError('no')"
    assert str(caught.value) == (
        f"running changed statements of m failed at {live.path('m')}:3: "
        "ValueError: no; the update was undone"
    )
    effects()
    live.reload("m")
    assert is_new(m)


@pytest.mark.parametrize("what", ["KeyboardInterrupt", "SystemExit", "GeneratorExit"])
def test_whatever_is_raised(live, m, effects, what):
    effects(m=f"raise {what}")
    with pytest.raises(resoul.PrepareError) as caught:
        live.reload("m")
    assert type(caught.value.__cause__).__name__ == what
    assert is_old(m)


def test_the_place_may_be_in_a_function(live, m, effects):
    live.edit("m", text(V2) + "def fail():\n    raise ValueError\n")
    effects(m="fail()")
    with pytest.raises(resoul.PrepareError, match=r"m\.py:8: ValueError; the update"):
        live.reload("m")
    assert is_old(m)


HOLDERS = """
    from collections import OrderedDict, deque
    NUMBER, TABLE, LIST, SET, QUEUE = 1, {"a": 1, "b": 2}, [1], {1}, deque([1], 5)
    BYTES, ORDERED = bytearray(b"1"), OrderedDict(a=1, b=2)
    class Box:
        limit = 1
        members = []
        def __init__(self): self.items, self.n = [1], 1
    class Slots:
        __slots__ = ("n",)
    BOX, SLOTS = Box(), Slots()
    SLOTS.n = 1
    """
CHANGE = """
    {0}NUMBER = 2
    {0}NEW = 3
    {0}TABLE["c"] = 3; del {0}TABLE["a"]
    {0}LIST += [2, 3]; {0}LIST.insert(0, 0)
    {0}SET |= {{2, 3}}; {0}SET.discard(1)
    {0}QUEUE.append(2); {0}QUEUE.appendleft(0)
    {0}BYTES.extend(b"234")
    {0}ORDERED.move_to_end("a"); {0}ORDERED["c"] = 3
    {0}Box.limit = 2
    {0}Box.extra = 2
    {0}Box.members.append(1)
    {0}BOX.items.append(2); {0}BOX.n = 2; {0}BOX.new = 3
    {0}SLOTS.n = 2
    del {0}Slots
    """


def picture(module):
    return (
        list(vars(module)),
        *(module.NUMBER, list(module.TABLE.items()), list(module.LIST)),
        *(set(module.SET), list(module.QUEUE), bytes(module.BYTES)),
        *(list(module.ORDERED.items()), dict(vars(module.BOX)), module.SLOTS.n),
        *(list(module.BOX.items), dict(vars(module.Box)), list(module.Box.members)),
        [id(value) for value in vars(module).values()],
    )


@pytest.mark.parametrize("fails", [False, True])
def test_what_all_of_them_changed_is_as_before(live, effects, fails):
    b = live.module("b", HOLDERS)
    a = live.module("a", "import b\n" + text(HOLDERS))
    live.edit("a", "import b\n")
    before = picture(a), picture(b)
    change = text(CHANGE.format("")) + text(CHANGE.format("b."))
    effects(a=change + "1 / 0\n" * fails)
    if fails:
        with pytest.raises(resoul.PrepareError):
            live.reload("a")
        assert (picture(a), picture(b)) == before
        return
    live.reload("a")
    for module in (a, b):
        assert ([0, 1, 2, 3], {2, 3}) == (module.LIST, module.SET)
        assert (list(module.QUEUE), module.BYTES) == ([0, 1, 2], b"1234")
        assert (module.TABLE, list(module.ORDERED)) == (
            {"b": 2, "c": 3},
            ["b", "a", "c"],
        )
        assert (module.Box.limit, module.Box.members, module.BOX.n) == (2, [1], 2)
        assert not hasattr(module, "Slots")


def test_through_functions_and_imports(live, m, effects):
    core = live.module(
        "core",
        """
        REGISTRY = []
        _COUNT = 0
        def register(function):
            global _COUNT
            _COUNT += 1
            REGISTRY.append(function)
            return function
        """,
    )
    effects(
        m="""
        import core
        @core.register
        def route(): pass
        core.register(f)
        assert core._COUNT == len(core.REGISTRY) == 2
        core.missing
        """
    )
    with pytest.raises(resoul.PrepareError):
        live.reload("m")
    assert (core.REGISTRY, core._COUNT) == ([], 0)
    assert not hasattr(m, "core")
    assert is_old(m)


def test_what_bodies_had_changed_is_as_before_too(live, effects):
    """The bodies' record lives until the effects have run."""
    core = live.module("core", "LIST, TABLE = ['old'], {'old': 1}\n")
    m = live.module("m", "import core\nX = 1\n")
    live.edit(
        "m",
        """
        import core, brandnew
        core.LIST.append("body")
        core.TABLE["body"] = 1
        def f(): pass
        """,
    )
    live.write("brandnew", "")
    effects(
        m="""
        assert (core.LIST, core.TABLE) == (["old", "body"], {"old": 1, "body": 1})
        core.LIST.append("effect")
        core.TABLE["effect"] = core.TABLE.pop("body")
        1 / 0
        """
    )
    with pytest.raises(resoul.PrepareError):
        live.reload("m")
    assert (core.LIST, core.TABLE) == (["old"], {"old": 1})
    assert not hasattr(m, "f")
    assert "brandnew" not in sys.modules


def test_in_one_module_it_undoes_all(live, effects):
    for name in ("a", "b", "c"):
        live.module(name, "def f(): return 1\nLIST = []\n")
        live.edit(name, "def f(): return 2\nLIST = []\n")
    effects(a="LIST.append(1)", b="LIST.append(1); 1 / 0", c="LIST.append(1)")
    with pytest.raises(resoul.PrepareError, match="statements of b failed"):
        live.reload("a", "b", "c")
    for name in ("a", "b", "c"):
        assert (sys.modules[name].f(), sys.modules[name].LIST) == (1, [])


def test_a_hook_that_raises_takes_them_back(live, m, effects):
    m.LIST = []
    live.edit("m", text(V2) + "def __after_reload__(_): 1 / 0\n")
    effects(m="LIST.append(1)\nMORE = 1")
    with pytest.raises(resoul.UpdateError, match="hook raised ZeroDivisionError"):
        live.reload("m")
    assert m.LIST == []
    assert not hasattr(m, "MORE")
    assert is_old(m)


def test_hooks_of_a_failed_update_are_told(live, effects):
    hooks = """
        LOG = []
        def __before_reload__(_): LOG.append(("before", f()))
        def __after_reload__(_): LOG.append(("after", f()))
        def __reload_failed__(_): LOG.append(("failed", f()))
        """
    m = live.module("m", text(hooks) + "def f(): return 1\n")
    live.edit("m", text(hooks) + "def f(): return 2\n")
    effects(m="LOG.append('effect'); 1 / 0")
    with pytest.raises(resoul.PrepareError):
        live.reload("m")
    assert m.LOG == [("before", 1), ("failed", 1)]


def test_the_collector_is_put_back(live, m, effects):
    live.edit("m", "import gc\ngc.set_threshold(77)\ngc.disable()\n" + text(V2))
    effects(m="gc.set_threshold(88); 1 / 0")
    before = gc.isenabled(), gc.get_threshold()
    with pytest.raises(resoul.PrepareError):
        live.reload("m")
    assert (gc.isenabled(), gc.get_threshold()) == before


def test_known_sources_are_those_that_live(live, effects):
    """Closures of the old source find their new code by the source that lives."""
    source = """
        def factory():
            def inner(): return "{0}"
            def other(): return "other"
            return inner
        """
    m = live.module("m", source.format(1))
    inner = m.factory()
    live.edit("m", source.format(2).replace("other", "another"))
    effects(m="1 / 0")
    with pytest.raises(resoul.PrepareError):
        live.reload("m")
    assert inner() == "1"
    effects()
    live.update("m", source.format(3))
    assert inner() == "3"


# -- other threads -------------------------------------------------------------
@pytest.fixture
def busy():
    """Another thread that works all the time, on data of its own."""
    stop, mine = threading.Event(), []
    turns = [0]

    def work():
        while not stop.is_set():
            mine.append(len(mine))
            if len(mine) > 1000:
                mine.clear()
            turns[0] += 1

    thread = threading.Thread(target=work)
    thread.start()
    yield turns
    stop.set()
    thread.join()


def test_taken_back_while_threads_work(live, m, effects, busy):
    m.LIST, m.SET, m.TABLE, m.QUEUE = [1], {1}, {1: 1}, collections.deque([1])
    m.WAIT = lambda: wait_for(busy)
    effects(
        m="""
        def made(): pass
        WAIT()
        for holder in (LIST.append, SET.add, QUEUE.append):
            for value in (added, made, f, "some text"):
                holder(value)
        TABLE[2] = added
        TABLE[1] = object()
        1 / 0
        """
    )
    with pytest.raises(resoul.PrepareError):
        live.reload("m")
    assert (m.LIST, m.SET, m.TABLE, list(m.QUEUE)) == ([1], {1}, {1: 1}, [1])
    assert is_old(m)


def wait_for(turns):
    start = turns[0]
    while turns[0] < start + 3:
        time.sleep(0.0005)


def test_what_other_threads_did_meanwhile_stays(live, m, effects):
    m.TABLE, m.go, m.done = {}, threading.Event(), threading.Event()

    def work():
        m.go.wait(10)
        m.TABLE["theirs"] = 1
        m.done.set()

    thread = threading.Thread(target=work)
    thread.start()
    effects(
        m="""
        TABLE["mine"] = 1
        go.set()
        done.wait(10)
        1 / 0
        """
    )
    with pytest.raises(resoul.PrepareError):
        live.reload("m")
    thread.join()
    assert m.TABLE == {"theirs": 1}


# -- the time limit ------------------------------------------------------------
@pytest.mark.parametrize("beside", [False, True], ids=["main thread", "other thread"])
def test_they_may_not_run_for_ever(live, m, effects, beside):
    m.LIST = []
    effects(
        m="""
        while True:
            LIST[:] = [1]
        """
    )
    caught = []

    def run():
        try:
            live.reload("m", timeout=0.2)
        except resoul.PrepareError as error:
            caught.append(error)

    if beside:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    else:
        run()
    (error,) = caught
    assert isinstance(error.__cause__, TimeoutError)
    assert "a statement was still running after 0.2 s" in str(error)
    assert "m.py:" in str(error)
    assert m.LIST == []
    assert is_old(m)


@pytest.mark.parametrize("beside", [False, True], ids=["main thread", "other thread"])
def test_an_import_is_never_interrupted(live, m, effects, beside):
    live.write(
        "slow",
        """
        import time
        end = time.monotonic() + 0.5
        while time.monotonic() < end: pass
        COMPLETE = True
        """,
    )
    effects(
        m="""
        import slow
        while True: pass
        """
    )
    caught = []

    def run():
        try:
            live.reload("m", timeout=0.1)
        except resoul.PrepareError as error:
            caught.append(error)

    if beside:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    else:
        run()
    (error,) = caught
    assert isinstance(error.__cause__, TimeoutError)
    assert sys.modules["slow"].COMPLETE
    assert is_old(m)


# -- fork, and what is left ----------------------------------------------------
def test_a_child_that_an_effect_forks_has_the_update(program):
    out = program("""
        import os
        m = live.module("m", "LIST = []\\ndef f(): return 1\\n")
        live.edit("m", "LIST = []\\ndef f(): return 2\\n")
        resoul._engine._effects = {"m": compile('''
        import os
        LIST.append(1)
        child = os.fork()
        LIST.append(2)
        '''.replace("        ", ""), "m.py", "exec")}
        live.reload("m")
        machinery = Machinery()
        if m.child == 0:
            assert (m.f(), m.LIST) == (2, [1, 2])
            resoul._engine._effects = {}
            live.update("m", "LIST = []\\ndef f(): return 3\\n")
            assert m.f() == 3
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(m.child, 0)[1]) == 7
        assert (m.f(), m.LIST) == (2, [1, 2])
        machinery.check()
        print("fine")
    """)
    assert out == "fine\n"


@pytest.mark.parametrize("fails", [False, True])
def test_no_traces(live, m, effects, fails):
    """Also dict watchers, of which CPython has eight, come back."""
    machinery = Machinery()
    effects(m="LIST = [1]\nfor i in LIST: pass\n" + "1 / 0\n" * fails)
    for _ in range(12):
        if fails:
            with pytest.raises(resoul.PrepareError):
                live.reload("m")
        else:
            live.reload("m")
    machinery.check()


def test_memory_does_not_grow(live, m, effects):
    effects(m="class Made: pass\nLIST = [Made()]\n1 / 0\n")

    def attempt():
        with pytest.raises(resoul.PrepareError):
            live.reload("m")

    attempt()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(20):
        attempt()
    gc.collect()
    assert len(gc.get_objects()) - before < 100


def test_a_statement_that_uses_an_import(live):
    source = "import collections\nD = collections.deque()\nD.append(collections.{})"
    m = live.module("m", source.format("deque"))
    d = m.D
    live.edit("m", source.format("Counter"))
    live.reload("m", execute="changed")
    assert m.D is d
    assert list(d) == [collections.deque, collections.Counter]
