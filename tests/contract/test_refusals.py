"""Every code that a refusal or a warning can carry, and all reasons at once."""

import gc
import re
from pathlib import Path

import pytest
from livefolder import codes, reasons, warned

import resoul

ROOT = Path(__file__).parents[2]

# Codes that no test can bring about in a build for this interpreter, and why.
NOT_HERE = {
    "RSL501": "needs a CPython that this build doesn't know",
    "RSL502": "needs a free-threaded build",
}


def codes_in(*folders):
    found = set()
    for folder in folders:
        for path in folder.rglob("*"):
            if path.suffix in (".c", ".h", ".py", ".pyi", ".md"):
                found |= set(re.findall(r"RSL\d{3}", path.read_text()))
    return found


def codes_shown():
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for marks in re.findall(r"mark\.refuses\(([^)]*)\)", path.read_text()):
            found |= set(re.findall(r"RSL\d{3}", marks))
    return found


def test_every_code_of_the_engine_is_shown_by_a_test():
    made = codes_in(ROOT / "src")
    assert made - codes_shown() - set(NOT_HERE) == set()
    assert codes_shown() - made == set()


def test_every_code_has_a_section_in_the_limits():
    limits = (ROOT / "docs" / "limits.md").read_text()
    sections = set(re.findall(r"^#+ .*?(RSL\d{3})", limits, flags=re.MULTILINE))
    assert sections == codes_in(ROOT / "src")


def refused(live, name, source, **options):
    """What a refused update says; asserts that nothing changed."""
    module = live.load(name)
    before = dict(vars(module))
    with pytest.raises(resoul.RefusedError) as caught:
        live.update(name, source, **options)
    assert dict(vars(module)) == before
    return caught.value


def test_a_reason_says_all_that_is_needed(live):
    m = live.module("m", "\nclass K:\n    __slots__ = ('a',)\n")
    error = refused(live, "m", "# a\n\n\nclass K:\n    __slots__ = ('a', 'b')\n")
    (reason,) = error.reasons
    assert (reason.code, reason.module, reason.qualname) == ("RSL201", "m", "K")
    assert (reason.filename, reason.lineno) == (m.__file__, 4)
    assert reason.found
    assert reason.todo
    for part in ("RSL201", "m.K", f"{m.__file__}:4", reason.found, reason.todo):
        assert part in str(error)
    assert isinstance(error, resoul.UpdateError)
    assert error.__cause__ is None


def test_all_reasons_at_once_over_modules(live):
    old = {
        "a": "class K:\n    __slots__ = ('x',)\nclass L: pass\n",
        "b": "from typing import NamedTuple\nimport enum\n"
        "class P(NamedTuple):\n    x: int\nclass E(enum.IntEnum):\n    A = 1\n    B = 2\n",
        "c": "B = bytearray(b'a')\nclass D(dict): pass\n",
    }
    new = {
        "a": "class K:\n    __slots__ = ('y',)\nclass L(dict): pass\n",
        "b": old["b"].replace("x: int", "x: int\n    y: int").replace("= 1", "= 9"),
        "c": "B = bytearray(b'bc')\nclass D(list): pass\n",
    }
    for name, source in old.items():
        live.module(name, source)
    view = memoryview(live.load("c").B)
    for name, source in new.items():
        live.edit(name, source)
    with pytest.raises(resoul.RefusedError) as caught:
        live.reload("a", "b", "c", data="take", take=["a.NOPE"], delete=["nope.X"])
    view.release()
    found = {(c, m, (q or "").split(".")[0]) for c, m, q in reasons(caught.value)}
    assert {
        ("RSL201", "a", "K"),
        ("RSL201", "a", "L"),
        ("RSL204", "b", "P"),
        ("RSL205", "b", "E"),
        ("RSL301", "c", "B"),
        ("RSL201", "c", "D"),
    } <= found
    assert codes(caught.value) >= {"RSL105"}
    assert len([c for c, _, _ in found if c == "RSL105"]) >= 1
    for reason in caught.value.reasons:
        assert reason.code in str(caught.value)


@pytest.mark.refuses("RSL101", "RSL102", "RSL103")
def test_all_reasons_at_once_for_what_is_asked_for(live):
    live.module("m", "x = 1\n")
    with pytest.raises(resoul.RefusedError) as caught:
        live.reload("nope1", "m", "json", "nope2")
    assert {(c, m) for c, m, _ in reasons(caught.value)} == {
        ("RSL101", "nope1"),
        ("RSL101", "nope2"),
        ("RSL102", "json"),
    }


LAYOUTS = {
    "slot added": (
        "class K:\n    __slots__ = ('a',)",
        "class K:\n    __slots__ = ('a', 'b')",
    ),
    "slot removed": (
        "class K:\n    __slots__ = ('a', 'b')",
        "class K:\n    __slots__ = ('a',)",
    ),
    "slot renamed": (
        "class K:\n    __slots__ = ('a',)",
        "class K:\n    __slots__ = ('b',)",
    ),
    "slots appear": ("class K: pass", "class K:\n    __slots__ = ('a',)"),
    "slots vanish": ("class K:\n    __slots__ = ('a',)", "class K: pass"),
    "dict appears": (
        "class K:\n    __slots__ = ()",
        "class K:\n    __slots__ = ('__dict__',)",
    ),
    "solid base added": ("class K: pass", "class K(dict): pass"),
    "solid base removed": ("class K(list): pass", "class K: pass"),
    "solid base changed": ("class K(list): pass", "class K(dict): pass"),
    "int": ("class K(int): pass", "class K(str): pass"),
    "exception": ("class K: pass", "class K(Exception): pass"),
    "exception with fields": ("class K(Exception): pass", "class K(OSError): pass"),
}


@pytest.mark.refuses("RSL201", "RSL203")
@pytest.mark.parametrize("kind", LAYOUTS)
def test_layout_of_a_class(live, kind):
    old, new = LAYOUTS[kind]
    m = live.module("m", old + "\n")
    instance = m.K()
    error = refused(live, "m", new + "\n")
    assert codes(error) <= {"RSL201", "RSL203"}
    assert {q for _, _, q in reasons(error)} == {"K"}
    assert type(instance) is m.K


@pytest.mark.refuses("RSL203")
def test_bases_that_would_break_a_subclass_elsewhere(live):
    source = "class A: pass\nclass B: pass\nclass K(A): pass\n"
    m = live.module("m", source)
    user = live.module("user", "import m\nclass U(m.B, m.K): pass\n")
    error = refused(
        live,
        "m",
        source.replace("K(A)", "K(A, B)")
        .replace("A: pass\nclass B: pass", "A: pass\nclass B(A): pass")
        .replace("K(A, B)", "K(B)"),
    )
    assert user.U.__mro__[1:3] == (m.B, m.K)
    assert codes(error) == {"RSL203"}


@pytest.mark.refuses("RSL202")
def test_a_metaclass_that_lays_out_classes_otherwise(live):
    pytest.importorskip("ctypes")
    source = (
        "import ctypes\nclass Meta(type(ctypes.Structure)): pass\nclass K{}: pass\n"
    )
    m = live.module("m", source.format(""))
    if m.Meta.__basicsize__ == type.__basicsize__:
        pytest.skip("not on this version")
    error = refused(live, "m", source.format("(metaclass=Meta)"))
    assert codes(error) == {"RSL202"}


HOLD = """\
import ctypes
def hold(thing):
    "Keep a reference where nobody can see it, as an extension module may do."
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
    return thing
"""


@pytest.mark.refuses("RSL206")
def test_something_holds_a_donor_class_for_good(live):
    live.module("lib", HOLD)
    m = live.module("m", "class K: pass\n")
    k = m.K
    error = refused(live, "m", "import lib\nclass K:\n    x = 1\nlib.hold(K)\n")
    assert {(c, mod, q) for c, mod, q in reasons(error)} == {("RSL206", "m", "K")}
    live.update("m", "class K:\n    x = 2\n")
    assert m.K is k


@pytest.mark.refuses("RSL601")
def test_something_holds_a_donor_function(live):
    lib = live.module("lib", HOLD + "HELD = []\n")
    m = live.module("m", "def f(): return 'old'\n")
    source = "import lib, weakref\ndef f(): return 'v1'\nlib.hold(f)\nlib.ID = id(f)\n"
    update = live.update("m", source)
    assert warned(update, "f") == {"RSL601"}
    donor = next(o for o in gc.get_objects() if id(o) == lib.ID)
    assert donor is not m.f
    assert donor() == m.f() == "v1"
    live.update("m", "def f(x=2): return 'v2', x\n")
    assert donor() == m.f() == ("v2", 2), (
        "updated together with its definition from now on"
    )
    live.update("m", "def f(): return 'v3'\n")
    assert donor() == m.f() == "v3"


@pytest.mark.refuses("RSL602")
def test_something_holds_data_that_was_made_again(live):
    live.module("lib", HOLD)
    m = live.module("m", "NAMES = []\n")
    names = m.NAMES
    update = live.update("m", "import lib\nNAMES = []\nlib.hold(NAMES)\n")
    assert m.NAMES is names
    assert {n.code for n in update.warnings} == {"RSL602"}


@pytest.mark.refuses("RSL603")
def test_a_nested_function_that_does_not_fit(live):
    source = "def make():\n    def inner(x): return x\n    return inner\n"
    m = live.module("m", source)
    held = m.make()
    update = live.update(
        "m", source.replace("inner(x): return x", "inner(x, y): return x")
    )
    assert warned(update, "make.<locals>.inner") == {"RSL603"}
    (notice,) = update.warnings
    assert (notice.module, notice.filename, notice.lineno) == ("m", m.__file__, 2)
    assert notice.message
    assert held(1) == 1


@pytest.mark.refuses("RSL604")
def test_a_nested_function_that_nobody_can_match(live):
    m = live.module("m", "def make(): return [lambda: 1, lambda: 2]\n")
    held = m.make()
    update = live.update("m", "def make(): return [lambda: 3]\n")
    assert warned(update, "make.<locals>.<lambda>") == {"RSL604"}
    assert [f() for f in held] == [1, 2]


@pytest.mark.refuses("RSL605")
def test_something_holds_what_became_another_kind_of_object(live):
    lib = live.module("lib", HOLD)
    m = live.module("m", "def f(): return 'old'\n")
    lib.hold(m.f)
    update = live.update("m", "class f: pass\n")
    assert isinstance(m.f, type)
    assert warned(update, "f") == {"RSL605"}
    assert {n.module for n in update.warnings} == {"m"}


@pytest.mark.refuses("RSL606")
def test_an_extension_module_that_was_imported_for_the_first_time_stays(program):
    out = program(
        """
        m = live.module("m", "def f(): return 'old'\\n")
        name = next(n for n in ("_testcapi", "_ctypes_test", "_xxtestfuzz", "audioop", "ossaudiodev", "_queue", "mmap", "readline")
                    if n not in sys.modules and n not in sys.builtin_module_names)
        import importlib.util
        assert importlib.util.find_spec(name).origin.endswith(".so"), name
        live.write("fresh", "")
        try: live.update("m", f"import fresh\\nimport {name}\\nraise ValueError\\n")
        except resoul.PrepareError as error:
            notes = getattr(error, "__notes__", [])
            print(name in sys.modules, "fresh" in sys.modules, m.f(), any("RSL606" in n for n in notes))
        """
    )
    assert out == "True False old True\n"


@pytest.mark.refuses("RSL607")
def test_class_keywords_that_reach_nobody(live):
    live.module(
        "lib", "class Base:\n    def __init_subclass__(cls, tag=None): cls.tag = tag\n"
    )
    m = live.module("m", "import lib\nclass K(lib.Base, tag=1): pass\n")
    update = live.update("m", "import lib\nclass K(lib.Base, tag=2): pass\n")
    assert warned(update, "K") == {"RSL607"}
    assert m.K.tag == 1


@pytest.mark.refuses("RSL608")
def test_what_can_not_be_taken_back_is_told(live):
    lib = live.module("lib", HOLD + "BYTES = bytearray(b'abc')\n")
    m = live.module("m", "def f(): return 'old'\n")
    with pytest.raises(resoul.PrepareError) as failed:
        live.update(
            "m",
            """
            import lib
            lib.BYTES.extend(b"more")
            lib.hold(memoryview(lib.BYTES))
            raise ValueError
            """,
        )
    assert m.f() == "old"
    assert lib.BYTES == b"abcmore", "it can't be resized any more"
    assert any("RSL608" in note for note in failed.value.__notes__)


@pytest.mark.refuses("RSL609")
def test_a_body_that_rebinds_sys_modules(program):
    out = program(
        """
        m = live.module("m", "def f(): return 'old'\\n")
        update = live.update("m", "import sys\\nsys.modules = dict(sys.modules)\\ndef f(): return 'new'\\n")
        print(m.f(), [n.code for n in update.warnings], type(sys.modules).__name__)
        """
    )
    assert out == "new ['RSL609'] dict\n"


@pytest.mark.refuses("RSL402")
def test_a_body_that_freezes_the_heap(program):
    out = program(
        """
        import gc
        m = live.module("m", "def f(): return 'old'\\n")
        try: live.update("m", "import gc\\ndef f(): return 'new'\\ngc.freeze()\\n")
        except resoul.RefusedError as error:
            print([r.code for r in error.reasons], m.f())
        gc.unfreeze()
        live.update("m", "def f(): return 'new'\\n")
        print(m.f())
        """
    )
    assert out == "['RSL402'] old\nnew\n"


@pytest.mark.refuses("RSL401")
def test_a_before_hook_that_refuses(live):
    m = live.module(
        "m", "def __before_reload__(update): raise ValueError('not now')\nX = 1\n"
    )
    with pytest.raises(resoul.RefusedError, match="not now") as caught:
        live.update("m", "X = 2\nY = 3\n", data="take")
    (reason,) = caught.value.reasons
    assert (reason.code, reason.module) == ("RSL401", "m")
    assert isinstance(caught.value.__cause__, ValueError)
    assert m.X == 1
    assert not hasattr(m, "Y")


def test_a_refused_update_can_be_tried_again(live):
    m = live.module(
        "m", "class K:\n    __slots__ = ('a',)\n    def f(self): return 'old'\n"
    )
    k = m.K()
    for _ in range(3):
        refused(
            live,
            "m",
            "class K:\n    __slots__ = ('b',)\n    def f(self): return 'new'\n",
        )
        assert k.f() == "old"
    live.update(
        "m", "class K:\n    __slots__ = ('a',)\n    def f(self): return 'new'\n"
    )
    assert k.f() == "new"


def test_errors_are_a_family():
    assert issubclass(resoul.PrepareError, resoul.UpdateError)
    assert issubclass(resoul.RefusedError, resoul.UpdateError)
    assert issubclass(resoul.UpdateError, Exception)
    assert not issubclass(resoul.RefusedError, resoul.PrepareError)
