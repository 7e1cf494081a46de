"""execute="changed": only what changed runs."""

import pytest

import resoul


@pytest.fixture
def log(monkeypatch):
    """A list that bodies append to, so that one sees what ran."""
    import builtins

    entries = []
    monkeypatch.setattr(builtins, "LOG", entries, raising=False)
    return entries


def changed(module, **options):
    options.setdefault("data", "merge")
    return resoul.reload(module, execute="changed", **options)


def actions(update):
    return {(c.qualname, c.action) for c in update.changes}


def test_one_function_changes_and_nothing_runs(live, log):
    m = live.module("m", "LOG.append(1)\ndef f(): return 1\ndef g(): return 3")
    f, code = m.f, m.g.__code__
    log.clear()
    live.edit("m", "LOG.append(1)\ndef f():\n    return 2\ndef g(): return 3")
    update = changed(m)
    assert (m.f, f()) == (f, 2)
    assert m.g.__code__ is code
    assert code.co_firstlineno == 4
    assert log == []
    assert actions(update) == {("f", "updated"), ("g", "moved")}


CLASSES = """
def deco(c): LOG.append("deco"); return c
def meth(f): LOG.append("meth"); return f
class B:
    def m(self, x, y=3): return ("base", x, y)
@deco
class C(B):
    LOG.append("body")
    @meth
    def m(self, x, y=3): return ("old",)
    @property
    def p(self): return 1
    @p.setter
    def p(self, v): self.v = v
    @staticmethod
    def s(): return 6
    def __secret(self): return 1
    def ask(self): return self.__secret()
"""


def test_methods_change_without_the_class_running_again(live, log):
    m = live.module("m", CLASSES)
    c, instance = m.C, m.C()
    bound = instance.m
    log.clear()
    live.edit(
        "m",
        CLASSES.replace('return ("old",)', 'return ("new", *super().m(x, y)[1:])')
        .replace("return 1\n    @p", "return 2\n    @p")
        .replace("self.v = v", "self.v = v + 1")
        .replace("return 6", "return 7")
        .replace("__secret(self): return 1", "__secret(self): return 5"),
    )
    changed(m)
    assert m.C is c
    assert bound(5) == ("new", 5, 3)
    assert (instance.p, c.s(), instance.ask()) == (2, 7, 5)
    instance.p = 1
    assert instance.v == 2
    assert log == []


def test_data_is_merged_and_default_values_follow(live, log):
    text = "A = {}\nB = [{}]\nT = {{'a': {}}}\nLOG.append('x')\ndef f(x=A): return x"
    m = live.module("m", text.format(1, 1, 1))
    m.B[0] = 9
    table = m.T
    log.clear()
    live.edit("m", text.format(2, 2, 2) + "\nLOG.append('new')")
    update = changed(m)
    assert (m.A, m.B, m.T, m.f()) == (2, [9], {"a": 2}, 2)
    assert m.T is table
    assert log == ["new"]
    assert ("B", "pending") in actions(update)
    live.edit("m", text.format(2, 2, 2) + "\nLOG.append('new')\n# more")
    assert ("B", "pending") in actions(changed(m))
    assert actions(changed(m, take=["m.B"])) == {("B", "taken")}
    assert m.B == [2]


REGISTRY = """
import functools
REG = []
def reg(f):
    LOG.append(f.__name__); REG.append(f); return f
def wrap(f):
    @functools.wraps(f)
    def inner(): return ("w", f())
    return inner
@wrap
@reg
def w(): return 3
"""


def test_new_definitions_reach_the_live_registry(live, log):
    text = REGISTRY
    m = live.module("m", text)
    log.clear()
    live.edit(
        "m",
        text.replace("return 3", "return 4") + "@reg\ndef h(): return K\nK = 3\n",
    )
    changed(m)
    assert log == ["h"]
    assert m.w() == ("w", 4)
    assert [m.w.__wrapped__, m.h] == m.REG
    assert m.h() == 3


def test_what_is_kept_does_not_run(live, log):
    text = """
    class Server:
        def __init__(self, port): LOG.append(port)
    S = Server({})
    """
    m = live.module("m", text.format(1))
    server = m.S
    live.edit("m", text.format(2))
    update = changed(m)
    assert log == [1]
    assert m.S is server
    assert actions(update) == {("S", "pending")}
    assert not update


def test_the_main_guard_never_runs(live, log):
    m = live.module("m", "if __name__ == '__main__':\n    pass")
    live.edit("m", "if __name__ == '__main__':\n    LOG.append(1)")
    update = changed(m)
    assert log == []
    assert [c.action for c in update.changes] == ["pending"]


@pytest.mark.refuses("RSL611")
def test_a_statement_that_calls_what_changed_is_told_of(live, log):
    text = "def build(): LOG.append({0}); return {0}\nTABLE = build()"
    m = live.module("m", text.format(1))
    live.edit("m", text.format(2))
    update = changed(m)
    assert log == [1]
    assert m.TABLE == 1
    assert [(w.code, w.lineno) for w in update.warnings] == [("RSL611", 2)]
    changed(m, take=["m.TABLE"])
    assert m.TABLE == 2


IN_CLASSES = {
    "a global": ("K = 1\nclass C:\n    L = K * 2", "K = 1", "K = 2", 3),
    "a global, in a class that changed": (
        "K = 1\nclass C:\n    L = K * 2\n    def f(self, x=K): return x",
        "K = 1",
        "K = 2",
        3,
    ),
    "another of the class": ("class C:\n    K = 1\n    L = K * 2", "K = 1", "K = 2", 3),
    "a function": (
        "def k(): return 1\nclass C:\n    class D:\n        L = k() * 2",
        "return 1",
        "return 2",
        4,
    ),
    "a function, in a class that changed": (
        "def k(): return 1\nclass C:\n    L = k() * 2\n    def f(self): return 1",
        "return 1",
        "return 2",
        3,
    ),
}


@pytest.mark.refuses("RSL611")
@pytest.mark.parametrize("case", IN_CLASSES.values(), ids=IN_CLASSES)
def test_a_statement_of_a_class_that_uses_what_changed_is_told_of(live, case):
    source, old, new, line = case
    m = live.module("m", source)
    live.edit("m", source.replace(old, new))
    update = changed(m)
    assert [(w.code, w.lineno) for w in update.warnings] == [("RSL611", line)]
    assert getattr(m.C, "D", m.C).L == 2


@pytest.mark.refuses("RSL106")
def test_without_the_old_source_nobody_can_tell(live):
    import types

    m = types.ModuleType("made")
    m.__file__ = str(live.write("made", "X = 2\n"))
    import sys

    sys.modules["made"] = m
    try:
        exec("X = 1\ndef f(): pass", m.__dict__)
        with pytest.raises(resoul.RefusedError, match="RSL106"):
            changed("made")
    finally:
        del sys.modules["made"]


@pytest.mark.parametrize("value", ["2", "[2]", "f() or 2"])
def test_a_stand_in_is_nobody_elses_copy(live, value):
    """A function that runs in a stand-in while its own definition changes, too."""
    m = live.module("m", "X = 1\ndef f(): return 0")
    live.edit("m", f"X = {value}\ndef f():\n    return 0, 1")
    update = changed(m, data="take")
    assert update.warnings == []
    assert m.f() == (0, 1)


def test_a_hundred_edits_there_and_back(live):
    texts = [
        "class C:\n    def m(self, a=1):\n        return (lambda: 1)()\nX = 1",
        "# moved\n\nclass C:\n    K = 2\n    def m(self, a=2):\n        return (lambda: 2)()\nX = 2",
    ]
    m = live.module("m", texts[0])
    instance = m.C()
    for i in range(1, 101):
        live.edit("m", texts[i % 2])
        changed(m)
        assert instance.m() == m.X == 1 + i % 2
        assert m.C.m.__defaults__ == (m.X,)


def test_what_is_pending_is_listed(live):
    m = live.module("m", "X = [1]\nclass C:\n    Y = [1]\n    def f(self): pass")
    m.X[0] = m.C.Y[0] = 7
    assert resoul.changed(m) == []
    live.edit("m", "X = [2]\nclass C:\n    Y = [2]\n    def f(self): pass")
    update = changed(m)
    names = {"X", "C.Y"}
    assert {c.qualname for c in resoul.changed("m")} == names
    assert {(c.module, c.lineno) for c in resoul.changed()} == {("m", 1), ("m", 3)}
    assert resoul.changed(["sys"]) == []
    assert str(update).splitlines()[2] == "2 pending"
    changed(m, take=["m.C.Y"])
    assert [c.qualname for c in resoul.changed(m)] == ["X"]
    changed(m, data="take")
    assert (resoul.changed(m), m.X, m.C.Y) == ([], [2], [2])
    live.edit("m", "X = [3]\nclass C:\n    Y = [2]\n    def f(self): pass")
    m.X[0] = 8
    changed(m)
    live.edit("m", "X = [2]\nclass C:\n    Y = [2]\n    def f(self): pass")
    changed(m)
    assert resoul.changed(m) == []


def test_new_descriptors_learn_their_names(live):
    text = """
    class Field:
        def __init__(self, default): self.default = default
        def __set_name__(self, owner, name): self.name = owner.__name__ + "." + name
        def __get__(self, instance, owner): return self.name, self.default
    class C:
        a = Field({})
        b = Field(1)
    """
    m = live.module("m", text.format(1))
    live.edit("m", text.format(2))
    changed(m, data="take")
    assert (m.C.a, m.C.b) == (("C.a", 2), ("C.b", 1))


def test_caches_of_functions_that_changed_are_emptied(live):
    text = """
    import functools
    @functools.lru_cache
    def f(): return {}
    class C:
        @functools.cache
        def m(self): return {}
        @functools.lru_cache
        def same(self): return object()
    """
    m = live.module("m", text.format(1, 1))
    f, c = m.f, m.C()
    assert (f(), c.m()) == (1, 1)
    kept = c.same()
    live.edit("m", "\n\n" + text.format(2, 2))
    changed(m)
    assert (f(), c.m(), m.f is f) == (2, 2, True)
    assert c.same() is kept


def test_modules_see_each_others_new_versions(live):
    live.write("b", "def g(): return 1\nclass K: x = 1\n")
    a = live.module("a", "import b\nfrom b import g, K as L\ndef f(): return b.g()\n")
    held, k = a.f, a.L
    live.edit("b", "NEW = 10\ndef g(): return 2\nclass K: x = 2\n")
    live.edit(
        "a",
        "import b\nfrom b import g, K as L\nV = b.NEW\nW = g()\nX = b.g() + L.x * 0\n"
        "def f(): return b.g() + V\n",
    )
    changed(["a", "b"])
    assert (held(), a.W, a.X, a.L) == (12, 2, 2, k)
    import b

    assert a.b is b


@pytest.mark.refuses("RSL619")
def test_new_code_that_sees_a_class_as_it_was_is_told_of(live):
    m = live.module("m", "class C:\n    def f(self): return 1\n")
    live.edit("m", "class C:\n    def f(self): return 2\nX = C().f()\n")
    update = changed(m)
    assert m.X == 1
    assert [(w.code, w.lineno) for w in update.warnings] == [("RSL619", 3)]
    changed(m, take=["m.X"])
    assert m.X == 2


@pytest.mark.refuses("RSL108")
def test_a_name_that_is_bound_again_later(live):
    text = "N = 1\nA = {}\nN = 5\ndef f(x=N): return x\n"
    m = live.module("m", text.format("N + 1"))
    live.edit("m", text.format("N + 2"))
    with pytest.raises(resoul.RefusedError, match=r"RSL108 m .*:2"):
        changed(m, take=["m.A"])
    assert m.A == 2
    live.edit("m", text.format("7"))
    changed(m, take=["m.A"])
    assert m.A == 7
    live.edit("m", text.format("7").replace("N = 5", "N = 6"))
    changed(m)
    assert (m.N, m.f()) == (6, 6)


def test_imports_from_future_change_all_functions(live):
    text = "X = 1\ndef f(x: int): pass\nclass C:\n    def m(self, x: int): pass\n"
    m = live.module("m", text)
    f = m.f
    live.edit("m", "from __future__ import annotations\n" + text)
    changed(m)
    assert m.f is f
    assert f.__annotations__ == m.C.m.__annotations__ == {"x": "int"}
    live.edit("m", text)
    changed(m)
    assert f.__annotations__ == m.C.m.__annotations__ == {"x": int}
