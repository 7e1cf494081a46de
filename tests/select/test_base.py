"""base=: the caller says what the old source was."""

import os
import sys
from types import ModuleType

import pytest
from livefolder import codes, text
from test_known import Base, known_text, load_by, unrecorded

import resoul
from resoul import _engine

pytestmark = pytest.mark.whole_bodies

OLD = """
X = 1
def f(): return 1
def gone(): return 2
class C:
    def g(self): return 3
REMOVED = 4
"""
NEW = """
X = 2
def f(): return 10
class C:
    def g(self): return 30
"""


def attached_late(live, source=OLD):
    module = unrecorded(live, "m", source)
    module.RUN_TIME = 5
    live.edit("m", NEW)
    return module


def stays(update):
    """Data that the new source doesn't have, and why it stays."""
    return {
        change.qualname: change.reason
        for change in update.changes
        if (change.kind, change.action) == ("data", "stays")
    }


def test_without_it_nobody_knows_what_is_gone(live):
    attached_late(live)
    doubt = "not in the source: put there at run time, or gone from it"
    assert stays(live.reload("m")) == {"REMOVED": doubt, "RUN_TIME": doubt}


@pytest.mark.parametrize(
    "kind", ["text", "bytes", "str path", "path", "dict", "module"]
)
def test_ways_to_give_it(live, tmp_path, kind):
    m = attached_late(live)
    file = tmp_path / "old.py"
    file.write_text(text(OLD))
    base = {
        "text": text(OLD),
        "bytes": text(OLD).encode(),
        "str path": str(file),
        "path": file,
        "dict": {"m": file},
        "module": {m: text(OLD)},
    }[kind]
    update = live.reload("m", base=base)
    assert m.f() == 10
    assert m.C().g() == 30
    assert stays(update) == {"REMOVED": "gone from the source, and still lives"}


def test_bytes_are_decoded_as_a_file_is(live):
    old = b"# coding: latin-1\ndef f(): return '\xe9'\n"
    unrecorded(live, "m", old)
    live.edit("m", "def f(): return 'e'\n")
    live.reload("m", base=old)
    assert sys.modules["m"].f() == "e"
    with pytest.raises(resoul.RefusedError):
        live.reload("m", base=old.replace(b"latin-1", b"koi8-r"))


def test_it_is_known_from_then_on(live):
    attached_late(live)
    assert known_text("m") is None
    with pytest.raises(resoul.PrepareError):
        live.update("m", "1/0", base=text(OLD))
    assert known_text("m") == text(OLD)
    live.update("m", NEW)
    assert known_text("m") == text(NEW)


def test_it_may_repeat_what_is_known(live):
    live.module("m", OLD)
    assert live.update("m", NEW, base=text(OLD))
    assert not live.reload("m", base=text(NEW))


@pytest.mark.refuses("RSL107")
@pytest.mark.parametrize(
    ("change", "name", "line"),
    [
        (("return 1", "return 5"), "f", 2),
        (("return 3", "return 5"), "C.g", 5),
        (("X = 1", "X = 1\n\n"), "f", 4),
        (("def gone(): return 2", "def gone(a): return 2"), "gone", 3),
    ],
)
def test_a_function_differs(live, change, name, line):
    m = attached_late(live)
    wrong = text(OLD).replace(*change)
    with pytest.raises(resoul.RefusedError) as refused:
        live.reload("m", base=wrong)
    (reason,) = refused.value.reasons
    assert (reason.code, reason.module) == ("RSL107", "m")
    assert (reason.qualname, reason.lineno) == (name, line)
    assert m.f() == 1
    assert known_text("m") is None


@pytest.mark.refuses("RSL107")
def test_a_decorated_function_differs(live):
    source = """
        import functools
        def passing(func):
            @functools.wraps(func)
            def wrapper(*args): return func(*args)
            return wrapper
        @passing
        def f(): return 1
        class C:
            @property
            def p(self): return 2
    """
    attached_late(live, source)
    for old, name in (("return 1", "f"), ("return 2", "C.p")):
        with pytest.raises(resoul.RefusedError) as refused:
            live.reload("m", base=text(source).replace(old, "return 5"))
        assert [reason.qualname for reason in refused.value.reasons] == [name]
    assert live.reload("m", base=text(source))


def test_a_function_that_was_replaced_says_nothing(live):
    m = attached_late(live)
    m.f = len
    m.gone = lambda: 3
    assert live.reload("m", base=text(OLD).replace("return 1", "return 5"))


@pytest.mark.refuses("RSL107")
def test_known_statements_differ(live):
    live.module("m", OLD)
    live.edit("m", NEW)
    with pytest.raises(resoul.RefusedError) as refused:
        live.reload("m", base=text(OLD).replace("X = 1", "X = 7"))
    (reason,) = refused.value.reasons
    assert (reason.code, reason.qualname) == ("RSL107", "")
    assert known_text("m") == text(OLD)


@pytest.mark.refuses("RSL107")
@pytest.mark.parametrize(
    "wrong", ["def f(:\n", b"# coding: nonsense\n", b"\xff\n", "\0\n"]
)
def test_it_does_not_compile(live, wrong):
    attached_late(live)
    with pytest.raises(resoul.RefusedError, match="does not compile") as refused:
        live.reload("m", base=wrong)
    assert codes(refused.value) == {"RSL107"}


@pytest.mark.refuses("RSL107")
def test_of_a_module_that_takes_no_part(live):
    live.module("m", OLD)
    live.module("n", "Y = 1")
    with pytest.raises(resoul.RefusedError) as refused:
        live.reload("m", base={"m": text(OLD), "n": b"Y = 1", "nowhere": b""})
    assert [(r.code, r.module) for r in refused.value.reasons] == [
        ("RSL107", "n"),
        ("RSL107", "nowhere"),
    ]


@pytest.mark.refuses("RSL107")
def test_a_loader_without_source(live):
    class Runs(Base):
        def exec_module(self, module):
            exec(self.get_data(self.path), vars(module))

    load_by(live, Runs, "m", OLD)
    with pytest.raises(resoul.RefusedError) as refused:
        live.reload("m", base=text(OLD))
    assert codes(refused.value) == {"RSL107"}
    assert not live.reload("m").changes


def test_a_loader_that_compiles_itself(live):
    class Shouts(Base):
        def source_to_code(self, data, *more, **options):
            data = bytes(data).replace(b"hello", b"HELLO")
            return super().source_to_code(data, *more, **options)

    load_by(live, Shouts, "m", "def f(): return 'hello'\n")
    live.edit("m", "def f(): return 'hello you'\n")
    with pytest.raises(resoul.RefusedError):
        live.reload("m", base=b"def f(): return 'hello?'\n")
    live.reload("m", base=b"def f(): return 'hello'\n")
    assert sys.modules["m"].f() == "HELLO you"


def test_names_that_were_deleted_on_purpose(live):
    m = attached_late(live)
    live.reload("m", base=text(OLD), delete="m.gone")
    assert not hasattr(m, "gone")


class Path(os.PathLike):
    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return str(self.path)


def test_any_path(live, tmp_path):
    attached_late(live)
    (tmp_path / "old.py").write_text(text(OLD))
    assert live.reload("m", base=Path(tmp_path / "old.py"))


@pytest.mark.parametrize(
    ("base", "error"),
    [
        (3, TypeError),
        (["X = 1\n"], TypeError),
        (bytearray(b""), TypeError),
        ({3: b""}, TypeError),
        ({"m": 3}, TypeError),
        ({"m": None}, TypeError),
        ("", ValueError),
        ("no such file.py", FileNotFoundError),
        ({"m": "no such file.py"}, FileNotFoundError),
    ],
)
def test_wrong_values(live, base, error):
    m = live.module("m", OLD)
    live.edit("m", NEW)
    with pytest.raises(error):
        live.reload("m", base=base)
    assert m.f() == 1


def test_one_source_for_several_modules(live):
    live.module("m", OLD)
    live.module("n", OLD)
    with pytest.raises(ValueError, match="exactly one module"):
        live.reload("m", "n", base=text(OLD))
    with pytest.raises(ValueError, match="exactly one module"):
        live.reload(base=text(OLD))


def test_the_engine_takes_a_dict_only(live):
    live.module("m", OLD)
    with pytest.raises(TypeError, match="base must be a dict"):
        _engine.reload(
            ["m"],
            update=resoul.Update("reload"),
            allowed=lambda name, module: True,
            data=lambda name: "keep",
            execute="all",
            take=frozenset(),
            delete=frozenset(),
            timeout=0.0,
            strict=False,
            base=[],
        )


def test_a_module_whose_name_is_no_str(live):
    live.module("m", OLD)
    nameless = ModuleType("x")
    nameless.__name__ = 3
    with pytest.raises(TypeError, match="keys"):
        live.reload("m", base={nameless: b""})
