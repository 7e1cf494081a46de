"""Snippets that nobody should write: applied, refused or taken back, never a crash."""

import gc
import os
import sys
import threading
import time

import pytest
from livefolder import text

import resoul
from resoul import _engine


@pytest.fixture
def m(live):
    return live.module(
        "m",
        """
        import abc, collections, dataclasses, enum

        class Color(enum.Enum):
            RED = 1
            GREEN = 2
            def show(self): return "old", self.value

        class Number(enum.IntEnum):
            ONE = 1

        @dataclasses.dataclass
        class Point:
            x: int
            def where(self): return "old", self.x

        class Shape(abc.ABC):
            @abc.abstractmethod
            def area(self): ...

        class Square(Shape):
            def area(self): return 1

        class Slotted:
            __slots__ = ("a",)

        class Meta(type):
            def __setattr__(cls, name, value):
                super().__setattr__(name, ("set", value))

        class Managed(metaclass=Meta):
            x = 1
            def f(self): return "old"

        Pair = collections.namedtuple("Pair", "a b")

        def f(n=0): return ("old", n)
        def g(): yield 1; yield 2
        def make(n):
            def inner(): return n
            return inner
        def other(n=0): return ("other", n)

        point, square, red, managed = Point(1), Square(), Color.RED, Managed()
        held, kept = f, make(5)
        DATA = {"a": 1}
        """,
    )


def same(m, before):
    assert list(vars(m).items()) == before
    assert m.held() == ("old", 0)
    assert m.DATA == {"a": 1}


# -- nothing, too much, and what is no source -------------------------------------------


@pytest.mark.parametrize(
    "source", ["", "\n\n", "# only\n# comments\n", '"""Doc."""', "pass"]
)
@pytest.mark.parametrize("inside", [None, "m"])
def test_nothing(m, source, inside):
    before = list(vars(m).items())
    update = resoul.hotfix(source=source, inside=inside)
    assert not update.changes
    same(m, before)


@pytest.mark.parametrize("inside", [None, "m"])
def test_five_thousand_lines(m, inside):
    lines = ["import m"]
    for n in range(2500):
        lines += [f"def f{n}(x): return x + {n}", f"m.f{n} = f{n}"]
    update = resoul.hotfix(source="\n".join(lines), inside=inside)
    assert len(update.changes) == 2500
    assert m.f2499(1) == 2500
    update = resoul.hotfix(source="\n".join(lines).replace("x +", "x -"), inside=inside)
    assert m.f2499(1) == -2498


def test_deep(m):
    before = list(vars(m).items())
    deep = "1" + " + 1" * 100
    resoul.hotfix(source=f"import m\nm.DEEP = {deep}\ndel m.DEEP")
    for source in ("(" * 5000 + ")" * 5000, "m.x" + ".y" * 20000 + " = 1"):
        with pytest.raises(resoul.PrepareError):
            resoul.hotfix(source=source)
    same(m, before)


@pytest.mark.parametrize(
    "source",
    [
        "return 1", "yield 1", "await x", "x = (yield)", "break", "nonlocal x", "def f(:",
        "import m\n  m.x = 1", "m.x = 1\n\x00", "'\ud800'", "f() = 1", "del f()", "None = 1",
        "__debug__ = 1", "async def f(): yield from g()", "class C: return 1",
        "from __future__ import nothing", "x = 1\nfrom __future__ import annotations",
        "def f(): from m import *", "*a = 1", "x: int: int", "match 1:\n case x: 1\n case y: 2",
    ],
)  # fmt: skip
@pytest.mark.parametrize("inside", [None, "m"])
def test_syntax_errors(m, source, inside):
    before = list(vars(m).items())
    with pytest.raises(resoul.PrepareError) as error:
        resoul.hotfix(source=source, inside=inside)
    assert isinstance(error.value.__cause__, (SyntaxError, ValueError))
    same(m, before)


def test_files(m, tmp_path):
    path = tmp_path / "fix.py"
    path.write_bytes(
        "# coding: latin-1\nimport m\nm.WORD = 'gr\xfc\xdfe'\n".encode("latin-1")
    )
    resoul.hotfix(path)
    assert m.WORD == "gr\xfc\xdfe"
    path.write_bytes(b"\xef\xbb\xbfimport m\r\nm.WORD = 'bom'\r\n")
    resoul.hotfix(path)
    assert m.WORD == "bom"
    for content in (
        b"import m\nm.WORD = '\xff'\n",
        b"# coding: nothing\n",
        b"m.WORD = 1\x00",
    ):
        path.write_bytes(content)
        with pytest.raises(resoul.PrepareError):
            resoul.hotfix(path)
    with pytest.raises(resoul.PrepareError):
        resoul.hotfix(tmp_path)
    odd = os.fsencode(tmp_path) + b"/\xff\xfe.py"
    with open(odd, "wb") as file:
        file.write(b"import m\nm.WORD = __file__\n")
    resoul.hotfix(odd)
    assert m.WORD.startswith("<hotfix \udcff\udcfe@")
    with pytest.raises(ValueError, match="printable"):
        resoul.hotfix(odd, name="\udcff")


# -- updates in updates -----------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        "resoul.hotfix(source='import m; m.DATA[\"a\"] = 2')",
        "resoul.reload(['m'])",
        "resoul.prepare(['m'])",
        "resoul.undo()",
        "resoul.check(['m'], rehearse=True)",
    ],
)
def test_updates_in_updates(m, live, call):
    live.edit("m", "x = 1\n")
    before = list(vars(m).items())
    with pytest.raises(resoul.PrepareError) as error:
        resoul.hotfix(source=f"import m, resoul\nm.NEW = 1\nm.DATA['b'] = 1\n{call}")
    assert isinstance(error.value.__cause__, resoul.UpdateError)
    same(m, before)


def test_questions_are_answered_inside(m):
    resoul.hotfix(
        source="import m, resoul\nm.n = len(resoul.history()), len(resoul.instances(m.Point))"
    )
    assert m.n[1] == 1


# -- the interpreter --------------------------------------------------------------------


def test_the_collector(m):
    resoul.hotfix(
        source="import gc, m\ndef f(n=0): return 'new'\ngc.collect()\nm.f = f\ngc.collect()"
    )
    assert m.held() == "new"


def test_the_collector_and_an_error(m):
    before = list(vars(m).items())
    with pytest.raises(resoul.PrepareError):
        resoul.hotfix(
            source="""
import gc, m
class Born(m.Point): pass
m.f = lambda: 1
m.DATA["b"] = [Born]
gc.collect()
1 / 0
"""
        )
    same(m, before)
    assert m.Point.__subclasses__() == []


def test_freezing(program):
    """In a process of its own: what CPython 3.12 freezes as it starts would be thawed."""
    out = program(
        """
        m = live.module("m", "X = 1\\ndef f(): return 'old'\\n")
        before = list(vars(m).items())
        try:
            resoul.hotfix(
                source="import gc, m\\ndef f(n=0): return 'new'\\nm.f = f\\ngc.freeze()"
            )
        except resoul.RefusedError as error:
            print({reason.code for reason in error.reasons})
        print(list(vars(m).items()) == before, m.f())
        """
    )
    assert out == "{'RSL402'}\nTrue old\n"


def test_the_switch_of_the_collector(m):
    try:
        resoul.hotfix(source="import gc\ngc.disable()")
        assert not gc.isenabled()
    finally:
        gc.enable()
    with pytest.raises(resoul.PrepareError):
        resoul.hotfix(source="import gc\ngc.disable()\ngc.set_threshold(5)\n1/0")
    assert gc.isenabled()


def test_hanging(m):
    before = list(vars(m).items())
    start = time.monotonic()
    with pytest.raises(resoul.PrepareError) as error:
        resoul.hotfix(source="import m\nm.NEW = 1\nwhile True: pass", timeout=0.3)
    assert isinstance(error.value.__cause__, TimeoutError)
    assert time.monotonic() - start < 20
    same(m, before)


def test_threads(m):
    """They may go on with the snippet's code while its probes are taken out of it."""
    resoul.hotfix(
        source="""
import m, threading
go, ready = threading.Event(), threading.Event()
def work(data, results):
    ready.set()
    while not go.wait(0.001):
        data["n"] = data.get("n", 0) + 1
        results[:] = [data["n"]]
    data["end"] = sorted(data)
    results.append("done")
m.results = []
m.go, m.thread = go, threading.Thread(target=work, args=({}, m.results))
m.thread.start()
ready.wait()
m.work = work
"""
    )
    resoul.hotfix(source="import m\ndef f(n=0): return 'new'\nm.f = f")
    m.go.set()
    m.thread.join()
    assert m.results[-1] == "done"
    assert m.held() == "new"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)
def test_forking(m):
    """The child abandons it; the parent goes on."""
    resoul.hotfix(
        source="""
import m, os
ours, theirs = os.pipe()
def f(n=0): return "new"
m.f = f
m.DATA["b"] = 2
child = os.fork()
if child == 0:
    try:
        os.write(theirs, repr((m.held(), m.DATA)).encode())
    finally:
        os._exit(0)
m.told = os.read(ours, 1000).decode()
m.status = os.waitpid(child, 0)[1]
os.close(ours); os.close(theirs)
"""
    )
    assert m.status == 0
    assert m.held() == "new"
    assert m.DATA == {"a": 1, "b": 2}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.skipif(
    "libasan" in os.environ.get("LD_PRELOAD", ""),
    reason="a lock of the sanitizer's allocator stays taken if a thread (that of "
    "timeout=) allocates while another one forks",
)
def test_a_child_that_comes_out_of_the_snippet(program):
    out = program(
        """
        import os, types
        m = live.module("m", "def f(): return 'old'\\nDATA = {}\\n")
        held = m.f
        try:
            resoul.hotfix(source='''
        import m, os
        def f(): return "new"
        m.f = f
        m.child = os.fork()
        '''.replace("        ", ""))
        except resoul.UpdateError as error:
            print("child", error, held(), flush=True)
            resoul.hotfix(source="import m\\nm.DATA['x'] = 1")
            print("child", m.DATA, flush=True)
            os._exit(0)
        os.waitpid(m.child, 0)
        print("parent", held())
        """
    )
    assert out.splitlines()[-1] == "parent new"
    assert out.splitlines()[0].startswith("child this process was forked off")
    assert out.splitlines()[0].endswith(" old")
    assert "child {'x': 1}" in out


def test_sys_modules(m):
    before, modules = list(vars(m).items()), dict(sys.modules)
    with pytest.raises(resoul.PrepareError):
        resoul.hotfix(
            source="""
import sys, types, m
sys.modules["made_up"] = types.ModuleType("made_up")
sys.modules["m"] = types.ModuleType("m")
del sys.modules["colorsys" if "colorsys" in sys.modules else "json"]
sys.modules.pop("tokenize", None)
import made_up
made_up.x = 1
1 / 0
"""
        )
    assert dict(sys.modules) == modules
    assert list(sys.modules) == list(modules)
    same(m, before)


def test_imports_that_fail(m, live):
    live.write("pack.__init__", "import pack.one\nimport m\nm.DATA['pack'] = 1\n")
    live.write("pack.one", "x = 1\n")
    live.write("pack.bad", "import pack.two\nimport m\nm.DATA['bad'] = 1\n1 / 0\n")
    live.write("pack.two", "y = 1\n")
    before, modules = list(vars(m).items()), dict(sys.modules)
    for source in (
        "import pack.one, m\nm.NEW = 1\nm.DATA['b'] = 1\nimport pack.bad",
        "import m\nm.DATA['b'] = 1\nfrom pack import one, two\nraise SystemExit",
        "import nothing_of_that_name",
    ):
        with pytest.raises(resoul.PrepareError):
            resoul.hotfix(source=source)
        assert dict(sys.modules) == modules
        assert "b" not in m.DATA
        m.DATA.pop("pack", None)  # what first-time imports do is theirs
        m.DATA.pop("bad", None)
        same(m, before)
    resoul.hotfix(source="import pack.two, m\nm.y = pack.two.y")
    assert m.y == 1
    assert sys.modules["pack"].two is sys.modules["pack.two"]


@pytest.mark.parametrize("what", ["sys", "builtins", "__main__", "m"])
def test_inside_odd_modules(m, what):
    resoul.hotfix(source="import m\nm.answer = 42", inside=what)
    assert m.answer == 42


def test_inside_a_module_that_nobody_has(m):
    import types

    module = types.ModuleType("m.nowhere")
    module.value = 7
    resoul.hotfix(source="import m\nm.answer = value", inside=module)
    assert m.answer == 7
    del module.__dict__["__name__"]
    resoul.hotfix(source="import m\nm.answer = value + 1", inside=module)
    assert m.answer == 8
    for what in ("no.module", "", None.__class__):
        with pytest.raises((ValueError, TypeError)):
            resoul.hotfix(source="1", inside=what)


def test_names_of_the_engine(m):
    """Whatever is called like what the engine makes."""
    resoul.hotfix(
        source="""
import m
def __hotfix_body__():
    def f(n=0): return "new"
    return f
class __hotfix__: pass
__name__ = "other"
m.f = __hotfix_body__()
"""
    )
    assert m.held() == "new"


def test_builtins_of_the_snippet(m):
    resoul.hotfix(source="import m\n__builtins__ = {}\nm.x = 1")
    assert m.x == 1


# -- kinds of objects that are replaced ---------------------------------------------------


def test_an_enum(m):
    resoul.hotfix(
        source="""
import enum, m
class Color(enum.Enum):
    RED = 1
    GREEN = 2
    BLUE = 3
    def show(self): return "new", self.value
m.Color = Color
"""
    )
    assert m.Color.RED is m.red
    assert m.red.show() == ("new", 1)
    assert m.Color(3).name == "BLUE"
    with pytest.raises(resoul.RefusedError):
        resoul.hotfix(
            source="import enum, m\nclass Number(enum.IntEnum):\n    ONE = 5\nm.Number = Number"
        )
    assert m.Number.ONE == 1


def test_a_dataclass(m):
    resoul.hotfix(
        source="""
import dataclasses, m
@dataclasses.dataclass
class Point:
    x: int
    y: int = 2
    def where(self): return "new", self.x, self.y
m.Point = Point
"""
    )
    assert m.point.where() == ("new", 1, 2)
    assert repr(m.Point(5)).endswith("Point(x=5, y=2)")


def test_an_abstract_class(m):
    resoul.hotfix(
        source="""
import abc, m
class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...
    @abc.abstractmethod
    def name(self): ...
m.Shape = Shape
"""
    )
    assert isinstance(m.square, m.Shape)
    with pytest.raises(TypeError, match="name"):
        m.Square()


def test_layouts(m):
    m.slotted = m.Slotted()
    m.slotted.a = 1
    with pytest.raises(resoul.RefusedError):
        resoul.hotfix(
            source="import m\nclass Slotted:\n    __slots__ = ('a', 'b')\nm.Slotted = Slotted"
        )
    assert m.slotted.a == 1
    assert type(m.slotted) is m.Slotted


def test_metaclasses(m):
    resoul.hotfix(
        source="import m\ndef f(self): return 'new'\nm.Managed.f = f\nm.Managed.x = 5"
    )
    assert vars(m.Managed)["x"] == ("set", 5)
    with pytest.raises(resoul.RefusedError, match="RSL201"):
        resoul.hotfix(source="import m\nclass Pair: pass\nm.Pair = Pair")


@pytest.mark.parametrize(
    ("definition", "result"),
    [
        ("def f(n=0):\n    yield n", [3]),
        ("async def f(n=0):\n    return n", 3),
        ("async def f(n=0):\n    yield n", None),
        ("f = lambda n=0: ('lambda', n)", ("lambda", 3)),
        ("import functools\n@functools.lru_cache\ndef f(n=0): return ('cached', n)", ("cached", 3)),
        ("import functools\ndef g(a, n=0): return a, n\nf = functools.partial(g, 1)", (1, 3)),
        ("class f:\n    def __new__(cls, n=0): return ('class', n)", None),
        ("class C:\n    def __call__(self, n=0): return ('called', n)\nf = C()", ("called", 3)),
        ("f = m.other", ("other", 3)),
        ("f = len", None),
        ("f = None", None),
        ("x = y = 1\ndef make():\n    a, b = 1, 2\n    def f(n=0): return a, b, n\n    return f\nf = make()", (1, 2, 3)),
    ],
)  # fmt: skip
def test_kinds(m, definition, result):
    """Function -> another kind, held under two names."""
    import asyncio
    import inspect

    resoul.hotfix(source=f"import m\n{definition}\nm.f = f\n")
    if result is not None:
        for function in (m.f, m.held):
            got = function(3)
            if inspect.isgenerator(got):
                got = list(got)
            elif inspect.iscoroutine(got):
                got = asyncio.run(got)
            assert got == result or (function is m.held and m.held(3) == ("old", 3))


def test_free_variables(m):
    """A closure that is alive keeps its cells."""
    resoul.hotfix(
        source="""
import m
def make(n):
    more = 10
    def inner(): return n, more
    return inner
m.make = make
"""
    )
    assert m.make(1)() == (1, 10)
    assert m.kept() in (5, (5, 10))
    resoul.hotfix(
        source="""
import m
extra = "x"
def outer():
    secret = "cell"
    def f(n=0): return secret, n
    return f
m.kept = outer()
"""
    )
    assert m.kept(1) == ("cell", 1)


# -- what runs meanwhile --------------------------------------------------------------------


def test_functions_that_run(m):
    started, go, results = threading.Event(), threading.Event(), []
    m.started, m.go = started, go
    exec(
        text("""
        def busy(n):
            started.set()
            go.wait()
            return "old", n, len(results)
        results = []
        """),
        vars(m),
    )
    busy = m.busy
    thread = threading.Thread(target=lambda: results.append(busy(1)))
    thread.start()
    started.wait()
    update = resoul.hotfix(
        source="import m\ndef busy(n):\n    return 'new', n\nm.busy = busy"
    )
    assert any("busy" in str(lag) for lag in update.lagging)
    assert busy(2) == ("new", 2)
    go.set()
    thread.join()
    assert results == [("old", 1, 0)]


def test_suspended_generators_and_coroutines(m):
    exec(
        text("""
        def numbers():
            yield "old", 1
            yield "old", 2
        async def work():
            await pause()
            return "old"
        class pause:
            def __await__(self):
                yield "paused"
        """),
        vars(m),
    )
    numbers, work = m.numbers(), m.work()
    next(numbers)
    assert work.send(None) == "paused"
    resoul.hotfix(
        source="""
import m
def numbers():
    return ["new"]
async def work():
    return "new"
m.numbers, m.work = numbers, work
"""
    )
    assert list(numbers) == [("old", 2)]
    assert m.numbers() == ["new"]
    with pytest.raises(StopIteration) as end:
        work.send(None)
    assert end.value.value == "old"
    with pytest.raises(StopIteration) as end:
        m.work().send(None)
    assert end.value.value == "new"


def test_a_generator_of_the_snippet_goes_on(m):
    """With probes, which do nothing any more."""
    resoul.hotfix(
        source="""
import m
def numbers():
    for n in range(3):
        m.DATA["n"] = n
        m.DATA.setdefault("l", []).append(n)
        yield n
m.it = numbers()
next(m.it)
"""
    )
    assert list(m.it) == [1, 2]
    assert m.DATA == {"a": 1, "n": 2, "l": [0, 1, 2]}


def test_a_snippet_that_replaces_what_calls_it(m):
    exec(
        "def apply(source):\n    import resoul\n    resoul.hotfix(source=source)\n    return 'old'",
        vars(m),
    )
    source = "import m\ndef apply(source): return 'new'\nm.apply = apply"
    assert m.apply(source) == "old"
    assert m.apply(source) == "new"


def test_probes_are_nobodys(m):
    """Whoever finds one can't do anything with it."""
    resoul.hotfix(
        source="""
import m, sys
def f(n=0):
    m.DATA[n] = n
    return sys._getframe().f_code.co_consts
m.probes = [c for c in f() if type(c).__name__ == "Probe"]
m.f = f
"""
    )
    assert m.probes
    assert not [c for c in m.f() if type(c).__name__ == "Probe"]
    for probe in m.probes:
        assert probe @ 5 == 5
        with pytest.raises(TypeError):
            5 @ probe
        with pytest.raises(TypeError):
            type(probe)()
        assert "Probe" in repr(probe)
    assert not hasattr(_engine, "Probe")
