"""A hotfix fails at each of its steps: the program is as it was, and the next one succeeds."""

import pytest
from livefolder import text

import resoul
from resoul import _engine

SOURCE = """
    import collections, functools

    class A:
        level = 1
        def __init__(self): self.x, self.bag = 1, [1]
        def f(self): return "old"
        @property
        def p(self): return "old p"
        @staticmethod
        def s(): return "old s"
    class B(A): pass
    def heal(n): return ("old heal", n)
    @functools.lru_cache
    def cached(n): return "old", n
    TABLE = {"gun": {"damage": 1}, "bow": 2}
    LIST, SET, QUEUE = [1, 2], {1}, collections.deque([1])
    a = A()
    def start(): pass
"""

FIX = """
import functools, m
m.start()
original = m.heal
def heal(n): return ("new", original(n))
m.heal = heal
def f(self): return "new"
m.A.f = f
old_p, old_s, old_c = m.A.p, vars(m.A)["s"], m.cached
@property
def p(self): return "new p", old_p.fget(self)
m.A.p = p
m.A.s = staticmethod(lambda: ("new s", old_s()))
@functools.lru_cache
def cached(n): return "new", old_c(n)
m.cached = cached
m.A.level += 1
class B(m.A):
    def g(self): return 1
m.B = B
m.TABLE["gun"]["damage"] += 6
m.TABLE["new"] = []
del m.TABLE["bow"]
m.LIST.append(3); m.SET.add(5); m.QUEUE.rotate(); m.a.bag += [2]; m.a.x = 5; m.a.new = 1
m.NEW = 1
"""

PICTURE = """
def picture(m, user):
    return (
        [(k, id(v)) for k, v in vars(m).items() if k not in ("__builtins__", "start")],
        [(k, id(v)) for k, v in vars(m.A).items()], list(vars(m.B)),
        list(m.TABLE.items()), dict(m.TABLE["gun"]), list(m.LIST), set(m.SET),
        list(m.QUEUE), list(m.a.bag), list(vars(m.a).items()), user.heal(1), user.b(),
        m.a.p, m.A.s(), m.cached(1), m.A.__subclasses__(),
    )
"""


@pytest.mark.skipif(
    not hasattr(_engine, "_fail_after"), reason="only test builds can fail on demand"
)
def test_each_operation_of_the_commit(live):
    m = live.module("m", SOURCE)
    user = live.module("user", "from m import heal, A, LIST\nb = A().f\n")
    names = {}
    exec(PICTURE, names)
    picture = names["picture"]
    before = picture(m, user)
    failed = 0
    try:
        while True:
            _engine._fail_after(failed)
            try:
                resoul.hotfix(source=FIX)
            except (resoul.UpdateError, RuntimeError, MemoryError):
                assert picture(m, user) == before, failed
                failed += 1
            else:
                break
    finally:
        _engine._fail_after(-1)
    assert failed > 5
    assert user.heal(1) == ("new", ("old heal", 1))
    assert m.TABLE == {"gun": {"damage": 7}, "new": []}
    resoul.undo()
    assert picture(m, user) == before


def test_each_allocation(program):
    """From the first line of the snippet on; in a child each, so that nothing adds up.

    Where CPython makes a function and there is no memory, it gives back a reference to
    the code that it doesn't own (3.12 to 3.13.0): code objects get some more.
    """
    pytest.importorskip("_testcapi")
    out = program(
        f"""
        import ctypes, gc, logging, os, types
        import _testcapi
        logging.disable(logging.CRITICAL)
        m = live.module("m", {text(SOURCE)!r})
        user = live.module("user", "from m import heal, A, LIST\\nb = A().f\\n")
        exec({PICTURE!r})
        FIX = {FIX!r}

        def keep(code):
            for _ in range(3): ctypes.pythonapi.Py_IncRef(ctypes.py_object(code))
            for constant in code.co_consts:
                if isinstance(constant, types.CodeType): keep(constant)

        def arm(n):
            def start():
                keep(sys._getframe(1).f_code)
                _testcapi.set_nomemory(n, n + 1)
            return start

        # more frames, which need memory to be looked at, than allocations between two tries
        def deep(depth):
            if depth: deep(depth - 1)
            else: resoul.hotfix(source=FIX)

        def attempt(n):
            m.start = arm(n)
            try:
                deep(20)
            except (resoul.UpdateError, MemoryError) as error:
                return error
            finally:
                _testcapi.remove_mem_hooks()
                m.start = lambda: None

        # what is imported and cached at first
        try: resoul.hotfix(source=FIX + "1 / 0\\n")
        except resoul.PrepareError: pass
        resoul.hotfix(source=FIX)
        resoul.undo()
        for function in [o for o in gc.get_objects() if isinstance(o, types.FunctionType)]:
            keep(function.__code__)
        before = picture(m, user)

        def child(n):
            error = attempt(n)
            if error is None or "new" in user.heal(1):  # and perhaps could not be told
                return "applied" if m.NEW == 1 and m.A.level == 2 else "half"
            del error
            if picture(m, user) != before: return "changed"
            gc.collect()
            if attempt(1 << 30) is not None: return "not again"
            resoul.undo()
            return "as before" if picture(m, user) == before else "not undone"

        os.environ["PYTHONUNBUFFERED"] = "1"
        results, n = {{}}, 0
        while results.get("applied", 0) < 10:
            ours, theirs = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                word = child(n)
                os.write(theirs, word.encode())
                os._exit(0)
            os.close(theirs)
            word = os.read(ours, 100).decode()
            os.close(ours)
            status = os.waitpid(pid, 0)[1]
            word = word if status == 0 else f"crash {{status}}"
            results[word] = results.get(word, 0) + 1
            if word not in ("as before", "applied"): print(n, word)
            n += 11
        print(sorted(results), results["as before"] > 20)
        """
    )
    assert out == "['applied', 'as before'] True\n"


def test_no_memory_to_note_one_more_function(program):
    """The list of functions grows, and the next allocation fails."""
    pytest.importorskip("_testcapi")
    out = program(
        """
        import logging
        import _testcapi
        logging.disable(logging.CRITICAL)
        m = live.module("m", "FS = [eval('lambda: 0') for _ in range(40)]\\nstart = print")

        def attempt(first, n):
            fix = (
                f"import m\\nfor f in m.FS[:{first}]: f.__defaults__ = (1,)\\n"
                f"m.start()\\nm.FS[{first}].__defaults__ = (2,)\\n"
            )
            m.start = lambda: _testcapi.set_nomemory(n, n + 1)
            try:
                resoul.hotfix(source=fix)
            except (resoul.UpdateError, MemoryError):
                return False
            finally:
                _testcapi.remove_mem_hooks()
            resoul.undo()
            return True

        left, failed = 0, 0
        for first in (0, 15, 16, 32):
            for n in range(40):
                failed += not attempt(first, n)
                left += any(f.__defaults__ for f in m.FS)
        print(left, failed > 20)
        """
    )
    assert out == "0 True\n"
