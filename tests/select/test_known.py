"""The source that is live: text, code and the code objects in it."""

import gc
import importlib.util
import logging
import os
import py_compile
import sys
import zipfile
from types import CodeType, ModuleType

import pytest
from livefolder import text

import resoul
from resoul import _engine

pytestmark = pytest.mark.whole_bodies

SOURCE = """
import os
X = 1
def f():
    return [n for n in (1, 2)]
class C:
    y = 2
    def g(self):
        return lambda: 3
"""


def known_text(name):
    return _engine._known(name)[0]


def known_code(name):
    return _engine._known(name)[1]


def nested(code):
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def unrecorded(live, name, source):
    """A module as it is if it was imported before resoul."""
    path = live.write(name, source)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
    return module


# ---- recorded with an import ----------------------------------------------------


def test_import(live):
    m = live.module("m", SOURCE)
    live.edit("m", "X = 2")
    found, code, pieces = _engine._known("m")
    assert found == text(SOURCE)
    assert nested(code)[0] is m.f.__code__
    assert [piece.co_name for piece in pieces] == ["f", "C"]
    assert pieces[0] is m.f.__code__
    assert known_text("m") == text(SOURCE)  # decoded and checked: once more


@pytest.mark.parametrize(
    "data",
    [
        b"# coding: latin-1\nX = '\xe9'\n",
        b"\xef\xbb\xbfX = 1\r\ndef f():\r\n    pass\r\n",
        b"X = 1\rY = '''\r'''\r",
        b"",
        b"# nothing",
    ],
)
def test_text_is_decoded(live, data):
    live.module("m", data)
    live.edit("m", "Z = 3")
    assert known_text("m") == importlib.util.decode_source(data)


def test_a_package(live):
    live.module("p.__init__", SOURCE)
    live.edit("p.__init__", "")
    assert known_text("p") == text(SOURCE)


def test_what_the_body_itself_changes_is_no_matter(live):
    source = """
        with open(__file__, "w") as file:
            file.write("X = 3")
    """
    live.module("m", source)
    assert live.path("m").read_text() == "X = 3"
    assert known_text("m") == text(source)


def test_an_old_pyc_of_the_same_size_and_second(live, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = live.write("m", "X = 1\ndef f(): pass\n")
    os.utime(path, (1_000_000, 1_000_000))
    py_compile.compile(str(path))
    live.write("m", "X = 2\ndef f(): pass\n")
    os.utime(path, (1_000_000, 1_000_000))
    m = live.load("m")
    assert m.X == 1, "CPython would not have run the new source"
    assert known_text("m") is None
    assert nested(known_code("m"))[0] is m.f.__code__
    live.write("m", "X = 1\ndef f(): pass\n")
    assert known_text("m") == "X = 1\ndef f(): pass\n"


def test_a_pyc_that_fits(live, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    py_compile.compile(str(live.write("m", SOURCE)))
    live.load("m")
    live.edit("m", "")
    assert known_text("m") == text(SOURCE)


def test_a_pyc_alone(live):
    path = live.write("m", "X = 1\ndef f(): pass\n")
    py_compile.compile(str(path), cfile=str(path.with_suffix(".pyc")))
    path.unlink()
    m = live.load("m")
    assert known_text("m") is None
    assert nested(known_code("m"))[0] is m.f.__code__


def test_imported_anew(live):
    live.module("m", "X = 1")
    del sys.modules["m"]
    live.module("m", "X = 2\n")
    live.edit("m", "X = 3")
    assert known_text("m") == "X = 2\n"


def test_another_module_of_the_same_name(live):
    live.module("m", "X = 1")
    other = ModuleType("m")
    other.__file__ = str(live.path("m"))
    sys.modules["m"] = other
    assert known_text("m") is None  # nothing that lives says what it came from


def test_zip(live, tmp_path):
    archive = tmp_path / "modules.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("zipped.py", text(SOURCE))
    sys.path.insert(0, str(archive))
    try:
        module = importlib.import_module("zipped")
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr("zipped.py", "X = 2222")
        found, code, _ = _engine._known("zipped")
        assert found == text(SOURCE)
        assert nested(code)[0] is module.f.__code__
        assert resoul.reload("zipped", data="take")
        assert module.X == 2222
        assert known_text("zipped") == "X = 2222"
    finally:
        sys.path.remove(str(archive))
        del sys.modules["zipped"]


def test_main(program):
    program(
        """
        from resoul import _engine
        import pathlib
        path = pathlib.Path(__file__)
        before = path.read_text()
        X = 1
        def f(): return X
        assert _engine._known("__main__")[0] == before
        path.write_text(before + "# comment")
        assert _engine._known("__main__")[0] == before
        """
    )


# ---- loaders of other kinds -----------------------------------------------------


def load_by(live, loader_type, name, source):
    path = live.write(name, source)
    loader = loader_type(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


Base = importlib.machinery.SourceFileLoader


def test_a_loader_that_runs_modules_itself(live):
    class Runs(Base):
        def exec_module(self, module):
            exec(self.get_data(self.path), vars(module))

    load_by(live, Runs, "m", "X = 1")
    assert _engine._known("m") == (None, None, ())


def test_a_loader_that_compiles_itself(live):
    class Shouts(Base):
        def source_to_code(self, data, *more, **options):
            data = bytes(data).replace(b"hello", b"HELLO")
            return super().source_to_code(data, *more, **options)

    m = load_by(live, Shouts, "m", "def f(): return 'hello'\n")
    live.edit("m", "def f(): return 'hello you'\n")
    assert known_text("m") == "def f(): return 'hello'\n"
    live.reload("m")
    assert m.f() == "HELLO you"
    live.edit("m", "")
    assert known_text("m") == "def f(): return 'hello you'\n"


def test_a_loader_whose_source_can_be_read_once_only(live):
    class Once(Base):
        reads = 0

        def get_data(self, path):
            type(self).reads += path.endswith(".py")  # not of the .pyc
            if type(self).reads == 2:
                raise ValueError("no more")
            return super().get_data(path)

    load_by(live, Once, "m", "X = 1\n")
    assert Once.reads == 2
    live.edit("m", "X = 2\n")
    assert known_text("m") is None


def test_an_interruption_while_recording_is_the_imports(live):
    class Interrupted(Base):
        reads = 0

        def get_data(self, path):
            type(self).reads += path.endswith(".py")  # not of the .pyc
            if type(self).reads == 2:
                raise KeyboardInterrupt
            return super().get_data(path)

    with pytest.raises(KeyboardInterrupt):
        load_by(live, Interrupted, "m", "X = 1\n")


# ---- updates --------------------------------------------------------------------


def test_an_update_is_known(live):
    m = live.module("m", SOURCE)
    second = SOURCE.replace("1, 2", "1, 2, 3")
    live.update("m", second)
    live.edit("m", "")
    found, code, pieces = _engine._known("m")
    assert found == text(second)
    assert nested(code)[0] is m.f.__code__
    assert nested(code)[0] is pieces[0]


def test_a_failed_update_changes_no_knowledge(live):
    live.module("m", SOURCE)
    with pytest.raises(resoul.PrepareError):
        live.update("m", "1/0")
    assert known_text("m") == text(SOURCE)


def test_an_update_that_a_hook_takes_back_changes_no_knowledge(live):
    live.module("m", SOURCE)
    with pytest.raises(resoul.UpdateError, match="undone"):
        live.update("m", "X = 1\ndef __after_reload__(update): 1/0\n")
    assert known_text("m") == text(SOURCE)


def test_a_loader_that_comes_to_run_modules_itself(live, monkeypatch):
    # or the cache file would tell what the functions that stay were compiled from
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    m = live.module("m", SOURCE)

    class Runs(Base):
        def exec_module(self, module):
            exec(self.get_data(self.path), vars(module))

    m.__spec__.loader = m.__loader__ = Runs("m", m.__file__)
    live.update("m", "X = 3")
    assert _engine._known("m") == (None, None, ())


def test_the_text_that_was_compiled_is_the_text_that_is_remembered(live):
    class Changing(Base):
        reads = 0

        def get_data(self, path):
            type(self).reads += path.endswith(".py")
            return f"def f(): return {type(self).reads}\n".encode()

    m = load_by(live, Changing, "m", "")
    assert (m.f(), Changing.reads) == (1, 2)
    live.reload("m")
    assert (m.f(), Changing.reads) == (3, 3)
    assert known_text("m") == "def f(): return 3\n"


# ---- nothing was recorded -------------------------------------------------------


def test_an_unchanged_file(live):
    m = unrecorded(live, "m", SOURCE)
    found, code, pieces = _engine._known("m")
    assert found == text(SOURCE)
    assert nested(code)[0] is m.f.__code__
    assert set(pieces) == {m.f.__code__, m.C.g.__code__}
    live.edit("m", "X = 2")
    assert known_text("m") == text(SOURCE), "it was known already"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(1, 2)", "(1, 3)"),
        ("X = 1", "X = 2"),
        ("X = 1", "X = True"),
        ("X = 1", "Z = 1"),
        ("y = 2", "y = 3"),
        ("lambda: 3", "lambda: 4"),
        ("import os", "import os\n"),
        ("import os", "import ("),
    ],
)
def test_a_changed_file(live, old, new):
    unrecorded(live, "m", SOURCE)
    live.edit("m", SOURCE.replace(old, new))
    assert known_text("m") is None


def test_nothing_that_could_be_compared(live):
    unrecorded(live, "m", "import os\nprint(end='')\n")
    assert known_text("m") is None


def test_literals_are_enough(live):
    unrecorded(
        live, "m", "X = {'a': [1, -2.0, None, (b'', ...)]}\nY: int = 3\nZ: int\n"
    )
    assert known_text("m") is not None


def test_names_that_are_bound_twice(live):
    source = """
        import functools
        from typing import overload
        X = 1
        X = 2
        @overload
        def f(a: int): ...
        @overload
        def f(a: str): ...
        def f(a): return a
        if X:
            def g(): return 1
        else:
            def g(): return 2
        class C:
            @property
            def p(self): return 1
            @p.setter
            def p(self, value): pass
            @staticmethod
            def s(): return 1
        @functools.wraps(g)
        def h(): return 3
        def k[T](a: T) -> T: return a
        from enum import Enum
        class E(Enum):
            A = 1
    """
    unrecorded(live, "m", source)
    assert known_text("m") == text(source)
    live.edit("m", source.replace("def s(): return 1", "def s(): return 2"))
    unrecorded(live, "m2", source)
    live.edit("m2", source.replace("-> T: return a", "-> T: return T"))
    assert known_text("m2") is None


def test_a_wrapped_function_that_is_another(live):
    unrecorded(live, "m", "class C:\n    @staticmethod\n    def s(): return 1\n")
    live.edit("m", "class C:\n    @staticmethod\n    def s(): return 2\n")
    assert known_text("m") is None


def test_a_pyc_contradicts(live, monkeypatch):
    source = "import os\nN = len('a')\ndef f(): pass\n"
    m = unrecorded(live, "m", source)
    py_compile.compile(m.__file__)
    assert known_text("m") == source
    m2 = unrecorded(live, "m2", source)
    py_compile.compile(m2.__file__)
    live.edit("m2", source.replace("'a'", "'b'"))
    found, code, _ = _engine._known("m2")
    assert found is None
    assert nested(code)[0] is m2.f.__code__


# ---- after updates that take parts ----------------------------------------------


def test_parts(live):
    m = live.module("m", SOURCE)
    second = text(SOURCE).replace("X = 1", "X = 5")
    pieces = _engine._known("m")[2]
    _engine._known_remember("m", second, pieces)
    live.edit("m", "")
    found, code, same = _engine._known("m")
    assert found == second
    assert same is pieces
    assert nested(code)[0] is m.f.__code__
    assert nested(code)[1] is pieces[1]
    assert 5 in code.co_consts or sys.version_info >= (3, 14)
    namespace = {}
    exec(code, namespace)
    assert namespace["X"] == 5
    live.edit("m", second.replace("1, 2", "3, 4"))
    live.reload("m")
    assert m.f() == [3, 4]
    assert nested(known_code("m"))[0] is m.f.__code__


def test_graft_at_any_depth():
    source = (
        "class A:\n  class B:\n    def f(self): return 1\n    def g(self): return 2\n"
    )
    code = compile(source, "x", "exec")
    other = compile(source, "x", "exec")
    f, g = nested(nested(nested(other)[0])[0])
    grafted = _engine._graft(code, (f,))
    assert grafted == code
    assert nested(nested(nested(grafted)[0])[0])[0] is f
    assert nested(nested(nested(grafted)[0])[0])[1] is not g
    assert _engine._graft(code, ()) is code
    moved = nested(compile("\n" + source, "x", "exec"))[0]
    assert _engine._graft(code, (moved,)) is code


# ---- nothing is left ------------------------------------------------------------


def test_asking_again_and_again_leaves_nothing(live, caplog):
    caplog.set_level(logging.CRITICAL, "resoul")  # records are kept
    m = live.module("m", SOURCE)
    live.module("n", SOURCE)
    live.update("n", SOURCE.replace("X = 1", "X = 2"))
    live.edit("m", SOURCE.replace("X = 1", "X = 3"))
    source = text(SOURCE).encode()
    late = unrecorded(live, "late", SOURCE)
    live.edit("late", SOURCE.replace("X = 1", "X = 3"))

    def ask():
        assert known_text("m") == text(SOURCE)
        assert known_text("n")
        assert known_text("late") is None
        assert _engine.changed_sources(lambda name, module: module in (m, late))
        with pytest.raises(resoul.RefusedError):
            resoul.reload("late", base=source.replace(b"1, 2", b"1, 3"))
        with pytest.raises(resoul.RefusedError):
            resoul.reload("late", base=b"(\n")
        _engine._known_remember("n", text(SOURCE), ())
        live.edit("n", SOURCE.replace("X = 1", f"X = {ask.calls}"))
        resoul.reload("n", base=text(SOURCE))
        ask.calls += 1

    ask.calls = 1000
    growth = []  # less and less, while CPython's own caches fill
    for _ in range(6):
        gc.collect()
        before = sys.getallocatedblocks()
        for _ in range(100):
            ask()
        gc.collect()
        growth.append(sys.getallocatedblocks() - before)
    assert min(growth) < 50, growth
