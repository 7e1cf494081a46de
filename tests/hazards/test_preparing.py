"""Hazards 9, 14 to 16, 19, 22 and 23: bodies that run, and others meanwhile (see conditions.py)."""

import pytest
from conditions import VERSION, not_on_this_version

# ---- 9: frames that borrow the scratch namespace ----

JUNK = """\
import gc
gc.collect()
junk = [{"X": n, "helper": n, "len": n, "lib": n, "out": n} for n in range(20000)]
"""


@pytest.mark.parametrize("kind", ["generator", "coroutine", "async generator"])
def test_hazard_09_a_generator_of_the_body(program, kind):
    source = {
        "generator": "def g():\n    while True: yield X, helper(), len([X])\nIT = g()\nnext(IT)\n",
        "coroutine": "import types\n@types.coroutine\ndef wait(): yield X, helper(), len([X])\n"
        "async def c():\n    while True: await wait(); yielded = X\nIT = c()\nIT.send(None)\n",
        "async generator": "async def ag():\n    while True: yield X, helper(), len([X])\n"
        "def pump(a):\n    try: a.__anext__().send(None)\n    except StopIteration as s: return s.value\n"
        "AG = ag()\npump(AG)\n",
    }[kind]
    step = {
        "generator": "next(m.IT)",
        "coroutine": "m.IT.send(None)",
        "async generator": "m.pump(m.AG)",
    }[kind]
    out = program(
        f"""
        m = live.module("m", "")
        live.update("m", "X = 'new'\\ndef helper(): return X\\n" + {source!r})
        {JUNK.replace(chr(10), chr(10) + " " * 8)}
        print({step}, {step})
        live.update("m", "X = 'new'\\n")
        del junk
        {JUNK.replace(chr(10), chr(10) + " " * 8)}
        print({step})
        """
    )
    assert out == "('new', 'new', 1) ('new', 'new', 1)\n('new', 'new', 1)\n"


def test_hazard_09_a_thread_of_the_body(program):
    out = program(
        f"""
        import threading
        lib = live.module("lib", "import threading\\nGO, TICK, SEEN, STOP = threading.Event(), threading.Event(), [], []\\n")
        m = live.module("m", "")
        live.update("m", '''
        import lib, threading
        X = "new"
        def helper(): return X
        def run():
            while not lib.STOP:
                lib.GO.wait()
                lib.GO.clear()
                lib.SEEN.append((X, helper(), len([X])))
                lib.TICK.set()
        THREAD = threading.Thread(target=run)
        THREAD.start()
        ''')
        def tick():
            lib.TICK.clear()
            lib.GO.set()
            if not lib.TICK.wait(10): print("the thread died")
        {JUNK.replace(chr(10), chr(10) + " " * 8)}
        tick()
        live.update("m", "X = 'new'\\n")
        del junk
        {JUNK.replace(chr(10), chr(10) + " " * 8)}
        tick()
        lib.STOP.append(1)
        tick()
        m.THREAD.join()
        print(set(lib.SEEN))
        """
    )
    assert out == "{('new', 'new', 1)}\n"


# ---- 14: the body must not run in the live namespace ----


def test_hazard_14_a_thread_reads_while_the_body_runs(program):
    out = program(
        """
        import threading
        lib = live.module("lib", "import threading\\nBODY, READ = threading.Event(), threading.Event()\\n")
        m = live.module("m", "_reload_all_data = True\\nA = B = 1\\ndef f(x): return A, B\\ndef g(): return f(1)\\n")
        found = []
        def read():
            lib.BODY.wait()
            found.append((m.A, m.B, m.g()))
            lib.READ.set()
        thread = threading.Thread(target=read)
        thread.start()
        live.update("m", '''
        import lib
        _reload_all_data = True
        A = 2
        def f(x, y): return A, B
        lib.BODY.set()
        assert lib.READ.wait(10)
        B = 2
        def g(): return f(1, 2)
        ''')
        thread.join()
        print(found, m.A, m.B, m.g())
        """
    )
    assert out == "[(1, 1, (1, 1))] 2 2 (2, 2)\n"


def test_hazard_14_a_failing_body_loses_no_writes_of_threads(program):
    out = program(
        """
        import threading
        lib = live.module("lib", "import threading\\nBODY, WROTE = threading.Event(), threading.Event()\\n")
        m = live.module("m", "N = 0\\ndef bump():\\n    global N\\n    N += 1\\n")
        def write():
            lib.BODY.wait()
            for _ in range(1000): m.bump()
            lib.WROTE.set()
        thread = threading.Thread(target=write)
        thread.start()
        try:
            live.update("m", '''
        import lib
        N = 0
        def bump(wrong): 1 / 0
        lib.BODY.set()
        assert lib.WROTE.wait(10)
        raise ValueError
        ''')
        except resoul.PrepareError: print(m.N)
        thread.join()
        """
    )
    assert out == "1000\n"


# ---- 15: who looks up sys.modules[__name__] ----


def test_hazard_15_dataclasses_typing_and_enum_look_up_their_module(program):
    new = """\
from __future__ import annotations
import dataclasses, enum, sys, typing
import typing as t
class New: pass
@dataclasses.dataclass
class D:
    a: int
    b: t.ClassVar[int] = 3
class K:
    x: New
HINTS = typing.get_type_hints(K)
@enum.global_enum
class E(enum.Enum):
    MEMBER = 1
sys.modules[__name__].VIA_SYS_MODULES = 1
SAME = sys.modules[__name__].__dict__ is globals()
"""
    out = program(
        f"""
        import dataclasses
        m = live.module("m", "")
        before = dict(vars(m))
        try: live.update("m", {new!r} + "raise ValueError\\n")
        except resoul.PrepareError as error: print(repr(error.__cause__))
        print({{n for n, v in vars(m).items() if before.get(n) is not v}})
        live.update("m", {new!r})
        print([f.name for f in dataclasses.fields(m.D)], m.HINTS == {{"x": m.New}}, m.MEMBER is m.E.MEMBER, m.VIA_SYS_MODULES, m.SAME)
        """
    )
    assert out == "ValueError()\nset()\n['a'] True True 1 True\n"


# ---- 16: hooks of live bases ----


def test_hazard_16_init_subclass_of_a_live_base(program):
    out = program(
        """
        lib = live.module("lib", '''
        class Base:
            names, by_name = [], {}
            def __init_subclass__(cls, **keywords):
                super().__init_subclass__()
                Base.names.append(cls.__name__)
                Base.by_name[cls.__name__] = cls
        ''')
        source = "import lib\\nclass K(lib.Base):\\n    def f(self): return 'old'\\n"
        m = live.module("m", source)
        K, seen = m.K, []
        lib.Base.look = lambda: seen.append(lib.Base.__subclasses__())
        live.update("m", source.replace("old", "new") + "lib.Base.look()\\n")
        print(lib.Base.names, lib.Base.by_name["K"] is K, lib.Base.__subclasses__() == [K], seen == [[K]], K().f())
        """
    )
    assert out == "['K'] True True True new\n"


# ---- 19: a garbage collection while preparing ----


@pytest.mark.parametrize(
    "collect", ["gc.collect()", "gc.collect(0)", "gc.collect(1)", "automatic"]
)
def test_hazard_19_a_collection_while_the_body_runs(program, collect):
    # "automatic": the body lets the collector run by itself, at every few allocations
    source = """\
import gc
class K: x = 1
def f(): return {}
"""
    between = (
        "gc.enable()\nOLD = gc.get_threshold()\ngc.set_threshold(10, 2, 2)\n"
        "MANY = [[n] for n in range(5000)]\ngc.set_threshold(*OLD)\n"
        if collect == "automatic"
        else collect + "\n"
    )
    filled = f"""\
A = [K, f, (K, f), {{"k": K, "f": f}}, K()]
NESTED = [[[K]], [K] * 2]
class Holder: pass
H = Holder()
H.k, H.f = K, f
{between}
B = [K, f, (K, f), {{"k": K, "f": f}}, K()]
class L(K): pass
{between}
C = [L, lambda k=K: k]
"""
    out = program(
        f"""
        m = live.module("m", {source.format(1)!r})
        K, f = m.K, m.f
        live.update("m", {source.format(2) + filled!r})
        assert (m.K, m.f) == (K, f)
        for held in (m.A, m.B):
            assert held[:3] == [K, f, (K, f)] and held[3] == {{"k": K, "f": f}} and type(held[4]) is K, held
        assert m.NESTED == [[[K]], [K, K]]
        assert (m.H.k, m.H.f) == (K, f)
        assert m.L.__bases__ == (K,) and m.C[1]() is K
        assert f() == 2
        found = census("m")
        print(found["m", "class", "K"], found["m", "function", "f"])
        """
    )
    assert out == "1 1\n"


# ---- 22, 23: imports of C code and lazy imports ----


def test_hazard_22_c_code_imports_while_the_body_runs(program):
    out = program(
        """
        import sys
        for name in ("_strptime", "decimal", "_pydecimal", "pickle"): sys.modules.pop(name, None)
        m = live.module("m", "")
        live.update("m", '''
        import time, datetime, io
        class K: pass
        def parse(): return time.strptime("2020", "%Y").tm_year, datetime.datetime.strptime("2021", "%Y").year
        PARSED = parse()
        TEXT = io.TextIOWrapper(io.BytesIO(b"x"), encoding="utf-16-le").encoding
        def late():
            import _strptime, sys
            sys.modules.pop("_strptime")
            return time.strptime("2022", "%Y").tm_year
        ''')
        print(m.PARSED, m.parse(), m.late())
        """
    )
    assert out == "(2020, 2021) (2020, 2021) 2022\n"


def test_hazard_22_a_thread_of_the_body_imports(program):
    """It has the builtins of the update, whose hook forwards what is not its own."""
    out = program(
        """
        m = live.module("m", "")
        live.write("fresh", "VALUE = 5\\n")
        live.write("later", "VALUE = 6\\n")
        live.update("m", '''
        import threading, time
        GO, SEEN = threading.Event(), []
        def run():
            import fresh
            class Local: value = fresh.VALUE
            SEEN.append((Local.value, time.strptime("2020", "%Y").tm_year))
        def run_later():
            GO.wait()
            import later
            SEEN.append(later.VALUE)
        def g():
            while True:
                import later
                yield later.VALUE
        IT = g()
        LATER = threading.Thread(target=run_later)
        LATER.start()
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        ''')
        m.GO.set()
        m.LATER.join()
        print(m.SEEN, next(m.IT), next(m.IT))
        """
    )
    assert out == "[(5, 2020), 6] 6 6\n"


def test_hazard_23_lazy_imports(program):
    if VERSION < (3, 15):
        not_on_this_version()
    out = program(
        """
        live.write("pkg.__init__", "")
        live.write("pkg.b", "val = 'old'\\n")
        m, b = live.module("m", ""), live.load("pkg.b")
        live.edit("pkg.b", "_reload_all_data = True\\nval = 'new'\\n")
        live.edit("m", '''
        lazy from pkg import b
        lazy import json
        lazy from string import Template
        from pkg import b as eager
        def f(): return b.val, eager.val
        def g(): return json.dumps(1), Template("x").template
        SEEN = f()
        ''')
        live.reload("m", "pkg.b")
        import gc
        gc.collect()
        junk = [dict(json=n, b=n, Template=n) for n in range(20000)]
        print(m.SEEN, m.f(), m.g(), m.b is b, m.eager is b)
        """
    )
    assert out == "('new', 'new') ('new', 'new') ('1', 'x') True True\n"
