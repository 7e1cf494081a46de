"""Tracebacks, inspect, linecache, pdb, coverage and monitoring show the new source."""

import dis
import inspect
import io
import linecache
import os
import pdb
import sys
import traceback

import pytest
from livefolder import text

OLD = """\
def f():
    raise ValueError("old line")
class K:
    def m(self):
        return "old method"
"""
NEW = """\
# a comment that moves everything

def f():
    x = "new line above"
    raise ValueError("new line")

class K:
    "A doc string."

    def m(self):
        return "new method"
"""


def test_traceback(live):
    m = live.module("m", OLD)
    with pytest.raises(ValueError, match="old") as old:
        m.f()
    assert "old line" in "".join(traceback.format_exception(old.value))
    live.update("m", NEW)
    with pytest.raises(ValueError, match="new") as new:
        m.f()
    (frame,) = traceback.extract_tb(new.value.__traceback__)[-1:]
    assert (frame.filename, frame.lineno, frame.name) == (m.__file__, 5, "f")
    assert frame.line == 'raise ValueError("new line")'


def test_inspect_and_linecache(live):
    m = live.module("m", OLD)
    assert "old line" in inspect.getsource(m.f)
    assert "old method" in inspect.getsource(m.K)
    live.update("m", NEW)
    assert inspect.getsource(m.f) == "".join(NEW.splitlines(keepends=True)[2:5])
    assert inspect.getsource(m.K) == "".join(NEW.splitlines(keepends=True)[6:])
    assert inspect.getsource(m.K.m).strip().endswith('return "new method"')
    assert inspect.getsource(m) == NEW
    assert linecache.getline(m.__file__, 5).strip() == 'raise ValueError("new line")'
    assert inspect.getsourcelines(m.K.m)[1] == 10
    assert inspect.getdoc(m.K) == "A doc string."
    assert inspect.getmodule(m.f) is m


def test_source_of_the_same_size_and_time(live):
    """linecache tells files apart by size and time: that is not enough."""
    path = live.write("m", "def f(): return 'v1'\n")
    stamp = path.stat().st_mtime_ns
    m = live.load("m")
    assert "v1" in inspect.getsource(m.f)
    for version in ("v2", "v3"):
        live.edit("m", f"def f(): return '{version}'\n")
        os.utime(path, ns=(stamp, stamp))
        live.reload("m")
        assert version in inspect.getsource(m.f)


def test_decorated_and_nested_functions(live):
    source = """
        import functools
        def deco(fn):
            @functools.wraps(fn)
            def wrapper(): return "old wrapper", fn()
            return wrapper
        @deco
        def f(): return "old f"
        def make():
            def inner(): return "old inner"
            return inner
        """
    m = live.module("m", source)
    inner = m.make()
    live.update("m", "# moved\n" + text(source).replace("old", "new"))
    assert "new f" in inspect.getsource(m.f)
    assert "new inner" in inspect.getsource(inner)
    assert "new wrapper" in "".join(inspect.getsourcelines(m.f.__code__)[0])


def test_frames_that_still_run_old_code_keep_their_own_line_numbers(live):
    m = live.module("m", "def f(act):\n    act()\n    raise ValueError\n")
    with pytest.raises(ValueError) as caught:
        m.f(lambda: live.update("m", "# a\n# b\n# c\ndef f(act): pass\n"))
    assert traceback.extract_tb(caught.value.__traceback__)[-1].lineno == 3


def test_pdb_steps_through_the_new_source(live):
    m = live.module("m", OLD)
    inspect.getsource(m.f)
    live.update("m", NEW)
    commands = io.StringIO("step\nlist\nnext\nreturn\nquit\n")
    out = io.StringIO()
    debugger = pdb.Pdb(stdin=commands, stdout=out, nosigint=True, readrc=False)
    debugger.use_rawinput = False
    trace = sys.gettrace()
    try:
        debugger.runcall(m.K().m)
    finally:
        sys.settrace(trace)
    assert 'return "new method"' in out.getvalue()
    assert "old" not in out.getvalue()


def test_pdb_breakpoint_by_function_and_line(live):
    m = live.module("m", OLD)
    live.update("m", NEW)
    out = io.StringIO()
    debugger = pdb.Pdb(
        stdin=io.StringIO("continue\nquit\n"), stdout=out, readrc=False, nosigint=True
    )
    debugger.use_rawinput = False
    assert debugger.set_break(m.__file__, 11) is None
    trace = sys.gettrace()
    try:
        debugger.runcall(lambda: m.K().m())
    finally:
        debugger.clear_all_breaks()
        sys.settrace(trace)
    assert f"{m.__file__}(11)m()" in out.getvalue()


def test_coverage_counts_lines_of_the_new_source(program, tmp_path):
    pytest.importorskip("coverage")
    out = program(
        """
        import coverage
        cov = coverage.Coverage(data_file=None, include=[sys.argv[1] + "/*"], config_file=False)
        cov.start()
        m = live.module("m", "def f():\\n    return 'old'\\n")
        m.f()
        live.update("m", "# moved\\n\\ndef f():\\n    if True:\\n        return 'new'\\n    return 'never'\\n")
        m.f()
        cov.stop()
        _, statements, _, missing, _ = cov.analysis2(m.__file__)
        print(statements, missing)
        """,
        env={"COVERAGE_PROCESS_START": ""},
    )
    assert out in ("[3, 4, 5, 6] [6]\n", "[3, 4, 5] []\n")


def test_settrace_and_setprofile_see_the_new_code(live):
    m = live.module("m", OLD)
    live.update("m", NEW)
    lines = []

    def trace(frame, event, argument):
        if frame.f_code.co_filename == m.__file__:
            lines.append((event, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        m.K().m()
    finally:
        sys.settrace(before)
    assert lines == [("call", 10), ("line", 11), ("return", 11)]


@pytest.fixture
def monitoring():
    tool = sys.monitoring.PROFILER_ID
    sys.monitoring.use_tool_id(tool, "test")
    yield sys.monitoring, tool
    for event in (sys.monitoring.events.LINE, sys.monitoring.events.PY_START):
        sys.monitoring.register_callback(tool, event, None)
    sys.monitoring.set_events(tool, 0)
    sys.monitoring.free_tool_id(tool)


def test_local_monitoring_events_go_on_in_the_new_code(live, monitoring):
    monitor, tool = monitoring
    source = "def f():\n    x = 'old'\n    return x\nclass K:\n    def m(self):\n        return 'old'\n"
    m = live.module("m", source)
    seen = []
    monitor.register_callback(
        tool, monitor.events.LINE, lambda code, line: seen.append(line)
    )
    for function in (m.f, m.K.m):
        monitor.set_local_events(tool, function.__code__, monitor.events.LINE)
    m.f()
    assert seen == [2, 3]
    live.update("m", "# moved\n" + source.replace("old", "new"))
    seen.clear()
    m.f()
    m.K().m()
    assert seen == [3, 4, 7]
    assert monitor.get_local_events(tool, m.f.__code__) == monitor.events.LINE


def test_global_monitoring_events(live, monitoring):
    monitor, tool = monitoring
    m = live.module("m", OLD)
    started = []
    monitor.register_callback(
        tool,
        monitor.events.PY_START,
        lambda code, offset: started.append((code.co_filename, code.co_name)),
    )
    monitor.set_events(tool, monitor.events.PY_START)
    live.update("m", NEW)
    started.clear()
    m.K().m()
    assert (m.__file__, "m") in started


def test_disassembly_and_signature_show_the_new_code(live):
    m = live.module("m", "def f(a): return 'old'\n")
    inspect.signature(m.f)
    live.update("m", "def f(a, *, b=1): return 'new', b\n")
    assert str(inspect.signature(m.f)) == "(a, *, b=1)"
    assert "new" in dis.Bytecode(m.f).dis() or "new" in str(m.f.__code__.co_consts)


def test_warnings_show_the_new_line(live, recwarn):
    m = live.module("m", "import warnings\ndef f(): warnings.warn('old')\n")
    m.f()
    live.update("m", "import warnings\n\n\ndef f():\n    warnings.warn('new')\n")
    m.f()
    shown = [(str(w.message), w.lineno) for w in recwarn if w.filename == m.__file__]
    assert shown == [("old", 2), ("new", 5)]


def test_doctest_and_help(live):
    import doctest
    import pydoc

    m = live.module(
        "m", 'def f():\n    """\n    >>> f()\n    1\n    """\n    return 1\n'
    )
    assert doctest.testmod(m).failed == 0
    live.update(
        "m", 'def f():\n    """New.\n\n    >>> f()\n    2\n    """\n    return 2\n'
    )
    assert doctest.testmod(m) == (0, 1)
    assert "New." in pydoc.render_doc(m.f)
