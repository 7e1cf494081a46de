"""Lines that change in place: whoever runs the code goes on, and tells the new lines."""

import ast
import cProfile
import dis
import inspect
import linecache
import pstats
import sys
import threading
import traceback
from types import CodeType

import pytest

from resoul import _engine

SOURCE = """
    import sys
    def f(x):
        if x:
            y = 1
        else:
            y = 2
        return y
    def gen():
        yield 1
        yield 2
    def outer():
        def inner(n):
            return [n
                    for _ in range(2)]
        return inner
    def wait(entered, leave):
        entered.set()
        leave.wait(10)
        return sys._getframe().f_lineno
    def fail():
        raise ValueError
    class C:
        def m(self):
            return lambda: 3
    def make():
        class Local:
            pass
        return Local
    """

shift = _engine._shift_lines


def nested(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from nested(constant)


def picture(code):
    """All that code says of lines."""
    return [
        (
            c.co_firstlineno,
            list(c.co_lines()),
            list(c.co_positions()),
            list(dis.findlinestarts(c)),
        )
        for c in nested(code)
    ]


def moved(pictures, by):
    def line(n):
        return None if n is None else n + by

    return [
        (
            first + by,
            [(a, b, line(n)) for a, b, n in lines],
            [(line(a), line(b), c, d) for a, b, c, d in positions],
            [(offset, line(n)) for offset, n in starts],
        )
        for first, lines, positions, starts in pictures
    ]


@pytest.fixture
def m(live):
    return live.module("m", SOURCE)


@pytest.mark.parametrize("by", [1, -1, 1000])
def test_all_that_code_says_of_lines(m, by):
    for function in (m.f, m.gen, m.outer, m.C.m):
        code, before = function.__code__, picture(function.__code__)
        assert shift(function, by)
        assert function.__code__ is code
        assert picture(code) == moved(before, by)
        assert shift(function, -by)
        assert picture(code) == before


def test_it_is_what_the_compiler_says(live, m):
    live.edit("m", "# one\n# two\n" + live.path("m").read_text())
    path = live.path("m")
    there = compile(path.read_text(), str(path), "exec")
    for code in there.co_consts:
        if isinstance(code, CodeType) and code.co_name in ("f", "gen", "outer"):
            live_code = getattr(m, code.co_name).__code__
            assert hash(live_code) != hash(code)
            assert shift(live_code, 2)
            assert live_code == code
            assert hash(live_code) == hash(code)
            assert picture(live_code) == picture(code)


def test_undo(m):
    before = picture(m.outer.__code__)
    seen = []
    inner = m.outer()
    assert shift(m.outer, 5, lambda: seen.append(picture(m.outer.__code__)) or True)
    assert seen == [moved(before, 5)]
    assert picture(m.outer.__code__) == before
    assert picture(inner.__code__) == before[1:]


def test_code_that_is_nested_twice_moves_once(m):
    inner = next(c for c in m.outer.__code__.co_consts if isinstance(c, CodeType))
    code = m.outer.__code__.replace(co_consts=(*m.outer.__code__.co_consts, inner))
    line = inner.co_firstlineno
    assert shift(code, 3)
    assert inner.co_firstlineno == line + 3


def test_nothing_moves_above_the_file(m):
    before = picture(m.f.__code__)
    with pytest.raises(SystemError, match="line 2 moved by -10"):
        shift(m.f, -10)
    assert picture(m.f.__code__) == before


def test_a_commit_that_fails_moves_nothing(m):
    before = picture(m.outer.__code__)
    _engine._fail_after(1)
    try:
        with pytest.raises(MemoryError):
            shift(m.outer, 3)
    finally:
        _engine._fail_after(-1)
    assert picture(m.outer.__code__) == before


# -- classes -------------------------------------------------------------------
@pytest.mark.skipif(sys.version_info < (3, 13), reason="classes know no line")
def test_line_of_a_class(m):
    line = m.C.__firstlineno__
    assert shift(m.C, 2)
    assert (m.C.__firstlineno__, vars(m.C)["__firstlineno__"]) == (line + 2, line + 2)
    assert shift(m.C, 4, lambda: m.C.__firstlineno__ == line + 6)
    assert m.C.__firstlineno__ == line + 2


def test_a_line_of_a_class_that_is_not_the_compilers(live):
    m = live.module("m", "class C:\n    __firstlineno__ = 'mine'\nclass D: pass\n")
    assert shift(m.C, 2)
    assert m.C.__firstlineno__ == "mine"
    if sys.version_info < (3, 13):
        assert shift(m.D, 2)
        assert not hasattr(m.D, "__firstlineno__")


def test_functions_that_make_classes(m):
    """Since 3.13 the body of a class stores its line as a constant."""
    before = picture(m.make.__code__)
    possible = sys.version_info < (3, 13)
    assert shift(m.make, 2) is possible
    assert picture(m.make.__code__) == moved(before, 2 if possible else 0)


def test_bodies_of_classes_that_have_run(live):
    source = """
        class Plain:
            class Inner:
                def m(self): pass
        class Generic[T]:
            def m(self): pass
        class Maker:
            def make(self):
                class Local[T]: pass
        """
    m = live.module("m", source)
    path = live.path("m")
    module = compile(path.read_text(), str(path), "exec")
    codes = [code for code in module.co_consts if isinstance(code, CodeType)]
    fixed = sys.version_info >= (3, 13)
    assert [shift(code, 1) for code in codes] == [True, True, not fixed]
    assert m.Plain.Inner.m.__code__.co_firstlineno == 3


# -- what runs -----------------------------------------------------------------
def test_suspended_generators(m):
    g = m.gen()
    next(g)
    line = g.gi_frame.f_lineno
    assert shift(m.gen, 10)
    assert g.gi_frame.f_lineno == line + 10
    assert next(g) == 2
    assert g.gi_frame.f_lineno == line + 11


def test_closures_that_are_alive(m):
    inner = m.outer()
    inner(1)
    line = inner.__code__.co_firstlineno
    assert shift(m.outer, 7)
    assert inner.__code__.co_firstlineno == line + 7
    assert inner(5) == [5, 5]
    assert m.outer().__code__ is inner.__code__


def test_threads_that_run_it(m):
    entered, leave, lines = threading.Event(), threading.Event(), []
    thread = threading.Thread(target=lambda: lines.append(m.wait(entered, leave)))
    thread.start()
    assert entered.wait(10)
    first = m.wait.__code__.co_firstlineno
    assert shift(m.wait, 20)
    frame = sys._current_frames()[thread.ident]
    while frame.f_code is not m.wait.__code__:
        frame = frame.f_back
    assert frame.f_lineno == first + 20 + 2
    leave.set()
    thread.join()
    assert lines == [first + 20 + 3]


def test_threads_that_never_stop(m):
    stop, done = threading.Event(), []

    def work():
        turns = 0
        while not stop.is_set() or not turns:
            assert (m.f(0), m.f(1), list(m.gen())) == (2, 1, [1, 2])
            assert m.outer()(turns) == [turns, turns]
            turns += 1
        done.append(turns)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    before = picture(m.f.__code__)
    for by in [1, 2, 500, -503] * 50:
        for function in (m.f, m.gen, m.outer):
            assert shift(function, by)
    stop.set()
    for thread in threads:
        thread.join()
    assert len(done) == 3
    assert picture(m.f.__code__) == before


def test_tracebacks(m):
    first = m.fail.__code__.co_firstlineno
    with pytest.raises(ValueError) as caught:
        m.fail()
    assert shift(m.fail, 3)
    with pytest.raises(ValueError) as after:
        m.fail()
    assert after.traceback[-1].lineno + 1 == first + 1 + 3
    # one that was raised before tells the new line, unless it was asked for the old one
    lines = [line for _, line in traceback.walk_tb(caught.value.__traceback__)]
    assert lines[-1] in (first + 1, first + 1 + 3)


def test_getsource(live, m):
    before = inspect.getsource(m.f), inspect.getsource(m.C.m)
    live.edit("m", "# one\n# two\n" + live.path("m").read_text())
    linecache.checkcache()
    assert shift(m.f, 2)
    assert shift(m.C.m, 2)
    assert shift(m.C, 2)
    assert (inspect.getsource(m.f), inspect.getsource(m.C.m)) == before
    assert inspect.getsource(m.C).startswith("class C:")


# -- tools that watch ----------------------------------------------------------
def trace_lines(function, *arguments):
    lines = []

    def tracer(frame, event, _):
        if frame.f_code is function.__code__:
            lines.append((event, frame.f_lineno))
        return tracer

    sys.settrace(tracer)
    try:
        function(*arguments)
    finally:
        sys.settrace(None)
    return lines


def by_line(events, by):
    return [(event, line + by) for event, line in events]


def test_settrace(m):
    before = trace_lines(m.f, 0)
    assert len(before) == 5
    assert shift(m.f, 100)
    assert trace_lines(m.f, 0) == by_line(before, 100)
    assert shift(m.f, -100)
    assert trace_lines(m.f, 0) == before


def test_settrace_while_it_runs(m):
    """The frame is being traced when its lines change; far, so that deltas overflow."""
    events = []

    def tracer(frame, event, _):
        if frame.f_code is not m.f.__code__:
            return None
        events.append((event, frame.f_lineno))
        if len(events) == 2:
            assert shift(m.f, 3000)
        return tracer

    before = trace_lines(m.f, 0)
    sys.settrace(tracer)
    try:
        m.f(0)
    finally:
        sys.settrace(None)
    assert events == before[:2] + by_line(before[2:], 3000)


@pytest.fixture
def tool():
    monitoring = sys.monitoring
    monitoring.use_tool_id(3, "test")
    yield 3
    monitoring.set_events(3, 0)
    for event in (monitoring.events.LINE, monitoring.events.PY_START):
        monitoring.register_callback(3, event, None)
    monitoring.free_tool_id(3)


@pytest.mark.parametrize("local", [True, False])
def test_monitoring_of_lines(m, tool, local):
    monitoring, code = sys.monitoring, m.f.__code__
    lines = []

    def on_line(where, line):
        if where is code:
            lines.append(line)

    def run():
        del lines[:]
        m.f(0)
        m.f(1)
        return list(lines)

    monitoring.register_callback(tool, monitoring.events.LINE, on_line)
    if local:
        monitoring.set_local_events(tool, code, monitoring.events.LINE)
    else:
        monitoring.set_events(tool, monitoring.events.LINE)
    before = run()
    assert len(before) == 6
    for by in (1, 40, 5000, -5041):
        start = run()
        assert shift(m.f, by)
        assert run() == [line + by for line in start]
    assert run() == before
    # what one tool left behind is right for the next one, too
    assert shift(m.f, 9)
    assert trace_lines(m.f, 0)[1:4:2] == [
        ("line", before[0] + 9),
        ("line", before[2] + 9),
    ]
    monitoring.set_local_events(tool, code, 0)


def test_monitoring_that_is_switched_on_later(m, tool):
    monitoring, lines = sys.monitoring, []
    assert shift(m.f, 30)
    first = m.f.__code__.co_firstlineno
    monitoring.register_callback(
        tool, monitoring.events.LINE, lambda _, line: lines.append(line)
    )
    monitoring.set_local_events(tool, m.f.__code__, monitoring.events.LINE)
    m.f(1)
    monitoring.set_local_events(tool, m.f.__code__, 0)
    assert lines == [first + 1, first + 2, first + 5]


def test_lines_that_were_disabled_stay_so(m, tool):
    monitoring, lines = sys.monitoring, []

    def once(_, line):
        lines.append(line)
        return monitoring.DISABLE

    monitoring.register_callback(tool, monitoring.events.LINE, once)
    monitoring.set_local_events(tool, m.f.__code__, monitoring.events.LINE)
    m.f(1)
    seen = list(lines)
    assert shift(m.f, 30)
    m.f(1)
    assert lines == seen
    m.f(0)
    # the other branch, and perhaps its own copy of the last line
    new = lines[len(seen) :]
    assert new[0] == seen[0] + 3 + 30
    assert new[1:] in ([], [seen[-1] + 30])
    monitoring.set_local_events(tool, m.f.__code__, 0)


def test_profilers_know_code_by_its_identity(m):
    profile = cProfile.Profile()
    profile.runcall(m.f, 1)
    assert shift(m.f, 30)
    profile.runcall(m.f, 1)
    found = {
        place: calls
        for place, (calls, *_) in pstats.Stats(profile).stats.items()
        if place[2] == "f"
    }
    assert found == {
        (m.f.__code__.co_filename, m.f.__code__.co_firstlineno, "f"): 2,
    }


def test_breakpoints_follow_lines_not_code(program):
    """A breakpoint is a line of a file: it means what is on that line now."""
    out = program("""
        import bdb
        source = "def f():\\n    x = 1\\n    return x\\n"
        m = live.module("m", source)
        class Debugger(bdb.Bdb):
            seen = []
            def user_line(self, frame):
                if self.get_breaks(frame.f_code.co_filename, frame.f_lineno):
                    self.seen.append(frame.f_lineno)
                self.set_continue()
        debugger = Debugger()
        live.edit("m", "#\\n#\\n" + source)
        assert debugger.set_break(m.__file__, 4) is None
        debugger.runcall(m.f)
        assert debugger.seen == []
        resoul._engine._shift_lines(m.f, 2)
        debugger.runcall(m.f)
        print(debugger.seen)
    """)
    assert out == "[4]\n"


# -- code as a key -------------------------------------------------------------
def test_code_in_dicts(m):
    """The hash of code includes its first line: such a dict has to be asked anew."""
    code = m.f.__code__
    holder = {code: "old place"}
    assert shift(m.f, 1)
    assert code not in holder
    assert shift(m.f, -1)
    assert holder[code] == "old place"


def test_equal_code_has_equal_hashes(m):
    """Also where a tuple of constants has cached its own hash (3.14)."""
    code = m.outer.__code__
    hash(code)
    assert shift(code, 4)
    tree = ast.parse(inspect.getsource(sys.modules["m"]))
    ast.increment_lineno(tree, 4)
    fresh = next(
        c
        for c in compile(tree, code.co_filename, "exec").co_consts
        if isinstance(c, CodeType) and c.co_name == "outer"
    )
    assert fresh == code
    assert hash(fresh) == hash(code)
