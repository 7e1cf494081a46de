"""Warnings that save a night: what an update leaves, and its author may not expect."""

import pytest

import resoul


def codes(update):
    return [(w.code, w.qualname, w.lineno) for w in update.warnings]


@pytest.mark.refuses("RSL612")
@pytest.mark.parametrize("execute", ["changed", "all"])
def test_what_is_removed_and_still_lives(live, execute):
    m = live.module(
        "m",
        """
        import os
        X = 1
        def f(): pass
        class C:
            K = 1
            def m(self): pass
        """,
    )
    live.edit("m", "class C:\n    pass")
    checked = resoul.check(m)
    update = resoul.reload(m, execute=execute)
    assert sorted(checked.warnings) == sorted(update.warnings)
    assert sorted(codes(update)) == [
        ("RSL612", "C.K", 5),
        ("RSL612", "C.m", 6),
        ("RSL612", "X", 2),
        ("RSL612", "f", 3),
        ("RSL612", "os", 1),
    ]
    assert {w.filename for w in update.warnings} == {m.__file__}
    assert m.f and m.C.m
    live.edit("m", "class C:\n    pass\nY = 1")
    if execute == "changed":
        assert codes(resoul.reload(m)) == []


def test_what_is_removed_as_asked_for_is_no_surprise(live):
    m = live.module("m", "X = 1\ndef f(): pass\nY = 1")
    live.edit("m", "_del_func = True\nY = 1")
    checked = resoul.check(m, delete=["m.X"])
    assert codes(checked) == []
    update = resoul.reload(m, delete=["m.X"])
    assert codes(update) == []
    assert not hasattr(m, "f")
    assert not hasattr(m, "X")


INIT = """
class B:
    def __init__(self):
        self.base = 1
class C(B):
    default = None
    def __init__(self):
        super().__init__()
        self.a = 1
    def get(self): return self.a, self.b
"""
MORE = INIT.replace("self.a = 1", "self.a = 1; self.base = 2; self.default = 3")
MORE = MORE.replace("self.default = 3", "self.default = 3\n        self.b = 4")


@pytest.mark.refuses("RSL613")
@pytest.mark.parametrize("execute", ["changed", "all"])
def test_init_assigns_what_live_instances_lack(live, execute):
    m = live.module("m", INIT)
    instance = m.C()
    live.edit("m", MORE)
    update = resoul.reload(m, execute=execute)
    assert codes(update) == [("RSL613", "C.__init__", 9)]
    assert "lack: b;" in update.warnings[0].message
    with pytest.raises(AttributeError):
        instance.get()
    assert m.C().get() == (1, 4)


def test_init_of_a_class_that_had_none(live):
    m = live.module("m", "class C:\n    def get(self): return 1")
    instance = m.C()
    text = "class C:\n    def __init__(this): this.x = 1\n    def get(self): return 1"
    live.edit("m", text)
    assert codes(resoul.reload(m)) == [("RSL613", "C.__init__", 2)]
    assert instance.get() == 1


def test_instances_of_subclasses_lack_it_too(live):
    m = live.module("m", INIT)
    instance = m.C()
    live.edit("m", INIT.replace("self.base = 1", "self.base = self.more = 1"))
    assert codes(resoul.reload(m)) == [("RSL613", "B.__init__", 3)]
    assert not hasattr(instance, "more")


@pytest.mark.parametrize(
    "text",
    [INIT, INIT.replace("class C(B):", "class C(B):\n    __slots__ = ('a', 'b')")],
)
def test_without_instances_nothing_is_said_of_them(live, text):
    m = live.module("m", text)
    m.C()
    live.edit("m", text.replace("self.a = 1", "self.a = self.b = 1"))
    assert codes(resoul.reload(m)) == []
    assert m.C().get() == (1, 1)


def test_a_default_in_the_new_class_serves_them(live):
    m = live.module("m", INIT)
    instance = m.C()
    live.edit("m", MORE.replace("default = None", "default = None\n    b = 7"))
    assert codes(resoul.reload(m)) == []
    assert instance.get() == (1, 7)


ROUTES = """
import inspect
ROUTES = []
def route(path):
    def add(f):
        ROUTES.append((path, inspect.signature(f), f))
        return f
    return add
@route("/a")
def a(x: int): return 1
class C:
    @staticmethod
    def s(x): return 1
    @property
    def p(self): return 1
"""


@pytest.mark.refuses("RSL614")
@pytest.mark.parametrize("new", ["x: str", "x: int, y=1", "x: int = 1", "*x: int"])
def test_a_decorator_may_remember_the_signature(live, new):
    m = live.module("m", ROUTES)
    live.edit("m", ROUTES.replace("x: int", new).replace("def s(x)", "def s(x, y)"))
    update = resoul.reload(m)
    assert codes(update) == [("RSL614", "a", 8)]
    assert str(m.ROUTES[0][1]) == "(x: int)"
    assert len(m.ROUTES) == 1


def test_a_decorator_needs_no_warning_of_a_body(live):
    m = live.module("m", ROUTES)
    live.edit("m", ROUTES.replace("return 1", "return 2"))
    assert codes(resoul.reload(m)) == []
    assert m.a(1) == 2


@pytest.mark.refuses("RSL616")
@pytest.mark.parametrize("execute", ["changed", "all"])
@pytest.mark.parametrize(
    ("old", "new", "warned"),
    [
        ("1", "'1'", True),
        ("[]", "{}", True),
        ("[]", "{k: 1 for k in 'ab'}", True),
        ("1", "2", False),
        ("1", "int('3')", False),
        ("None", "5", False),
        ("None", "'x'", True),
    ],
)
def test_a_kept_value_of_another_type(live, execute, old, new, warned):
    m = live.module("m", f"Y = 1\nX = {old}")
    if isinstance(m.X, list):
        m.X.append(1)
    else:
        m.X = 5
    kept = m.X
    live.edit("m", f"Y = 1\n\nX = {new}")
    update = resoul.reload(m, execute=execute)
    assert codes(update) == ([("RSL616", "X", 3)] if warned else [])
    assert m.X is kept


COVERED = """
import functools
def deco(f):
    @functools.wraps(f)
    def inner(*args): return f(*args)
    return inner
def plain(): return 1
@deco
def decorated(): return 1
class C:
    def method(self): return 1
"""


def put_on(m, cover):
    for at, name in ((m, "plain"), (m, "decorated"), (m.C, "method")):
        setattr(at, name, cover(getattr(at, name)))


def trace(f):
    def traced(*args):
        return "traced", f(*args)

    return traced


@pytest.mark.refuses("RSL615")
@pytest.mark.parametrize("execute", ["changed", "all"])
def test_what_covers_a_function_stays_and_is_told_of(live, execute):
    m = live.module("m", COVERED)
    put_on(m, trace)
    live.edit("m", "\n" + COVERED)
    assert codes(resoul.reload(m, execute=execute)) == []
    live.edit("m", COVERED.replace("return 1", "return 2"))
    update = resoul.reload(m, execute=execute)
    expected = {("RSL615", name) for name in ("plain", "decorated", "C.method")}
    assert {w[:2] for w in codes(update)} == expected
    assert all(w.lineno for w in update.warnings)
    assert m.plain() == m.decorated() == m.C().method() == ("traced", 2)


@pytest.mark.parametrize("execute", ["changed", "all"])
def test_a_mock_stays_and_is_told_of(live, execute):
    from unittest import mock

    m = live.module("m", COVERED)
    originals = m.plain, m.decorated
    with mock.patch.object(m, "plain"), mock.patch.object(m, "decorated"):
        live.edit("m", COVERED.replace("return 1", "return 2"))
        update = resoul.reload(m, execute=execute)
    found = [w[:2] for w in codes(update)]
    assert sorted(found) == [("RSL615", "decorated"), ("RSL615", "plain")]
    assert (m.plain, m.decorated) == originals
    assert m.plain() == m.decorated() == 2


def test_what_decorators_of_other_modules_made_covers_nothing(live):
    live.write(
        "lib.inner",
        """
        class Thing:
            def __init__(self, f): self.f = f
            def __call__(self): return self.f()
        class App:
            def task(self, f): return Thing(f)
            def note(self, f):
                def noted(): return f()
                return noted
        APP = App()
        """,
    )
    live.write("lib.__init__", "from lib.inner import APP")
    text = """
    from lib import APP
    @APP.task
    def f(): return 1
    @APP.note
    def g(): return 1
    """
    m = live.module("m", text)
    live.edit("m", text.replace("return 1", "return 2"))
    assert codes(resoul.reload(m)) == []
    assert m.f() == m.g() == 2


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("f = lambda x: x * 2", "f = lambda x: x * 3", ["f"]),
        ("def f(x): return x * 2", "def f(x): return x * 3\nY = f(1)", ["Y", "f"]),
    ],
)
def test_stand_ins_of_changed_functions_hold_nothing(live, old, new, changed):
    m = live.module("m", old)
    held = m.f
    live.edit("m", new)
    update = resoul.reload(m)
    assert codes(update) == []
    assert sorted(c.qualname for c in update.changes) == changed
    assert held is m.f and held(1) == 3
