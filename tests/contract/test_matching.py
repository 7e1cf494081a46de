"""Matching is by definition, never by variable name alone."""

from itertools import permutations

import pytest
from livefolder import actions, text

LIB = """\
def foo(): return "lib foo"
def bar(): return "lib bar"
class Foo:
    def f(self): return "lib Foo"
"""


def test_an_alias_that_becomes_another_alias(live):
    source = """
        def foo(): return "foo"
        def bar(): return "bar"
        f = foo
        """
    m = live.module("m", source)
    foo, bar = m.foo, m.bar
    update = live.update("m", source.replace("f = foo", "f = bar"))
    assert m.f is bar is m.bar
    assert m.foo is foo
    assert (foo(), bar()) == ("foo", "bar")
    assert actions(update, "f") == {"rebound"}
    (change,) = [c for c in update.changes if c.qualname == "f"]
    assert change.kind == "binding"


def test_an_import_that_becomes_another_import(live):
    lib = live.module("lib", LIB)
    m = live.module("m", "from lib import foo as f, Foo as C\n")
    live.update("m", "from lib import bar as f\nclass C: pass\n")
    assert (m.f, lib.foo(), lib.bar()) == (lib.bar, "lib foo", "lib bar")
    assert lib.Foo().f() == "lib Foo"
    assert m.C is not lib.Foo


def test_an_import_that_becomes_a_definition(live):
    lib = live.module("lib", LIB)
    m = live.module("m", "from lib import foo, Foo\n")
    live.update(
        "m", "def foo(): return 'mine'\nclass Foo:\n    def f(self): return 'mine'\n"
    )
    assert m.foo() == m.Foo().f() == "mine"
    assert m.foo is not lib.foo
    assert (lib.foo(), lib.Foo().f()) == ("lib foo", "lib Foo")


def test_a_definition_that_becomes_an_import(live):
    lib = live.module("lib", LIB)
    m = live.module(
        "m", "def foo(): return 'mine'\nclass Foo:\n    def f(self): return 'mine'\n"
    )
    live.update("m", "from lib import foo, Foo\n")
    assert m.foo is lib.foo
    assert m.Foo is lib.Foo
    assert (lib.foo(), lib.Foo().f()) == ("lib foo", "lib Foo")


def test_the_same_name_imported_from_elsewhere_stays_untouched(live):
    lib = live.module("lib", LIB)
    m = live.module("m", "from lib import foo\ndef own(): return 'old'\n")
    update = live.update("m", "from lib import foo\ndef own(): return 'new'\n")
    assert m.foo is lib.foo
    assert lib.foo() == "lib foo"
    assert actions(update, "foo") == set()


def test_alias_of_a_function_follows_its_definition(live):
    source = "def foo(): return 'old'\nf = foo\nTABLE = {'f': foo}\n"
    m = live.module("m", source)
    live.update("m", source.replace("old", "new"))
    assert m.f is m.foo is m.TABLE["f"]
    assert m.f() == "new"


def test_definitions_that_exchange_their_names(live):
    m = live.module("m", "def a(): return 'a'\ndef b(): return 'b'\n")
    a, b = m.a, m.b
    live.update("m", "def b(): return 'a'\ndef a(): return 'b'\n")
    assert (m.a, m.b) == (a, b)
    assert (a(), b()) == ("b", "a")


def test_a_renamed_function_is_another_function(live):
    m = live.module("m", "def a(): return 'a'\n")
    a = m.a
    update = live.update("m", "def b(): return 'b'\n")
    assert (a(), m.a, m.b()) == ("a", a, "b")
    assert actions(update, "a") == {"stays"}
    assert actions(update, "b") == {"added"}


def test_the_last_definition_of_a_name_counts(live):
    source = """
        def f(): return "first"
        first = f
        def f(): return "second"
        """
    m = live.module("m", source)
    f = m.f
    live.update("m", source.replace("second", "changed"))
    assert m.f is f
    assert (m.f(), m.first()) == ("changed", "first")


KINDS = {
    "function": ("def thing(): return '{0} function'\n", lambda x: x()),
    "class": ("class thing:\n    def f(self): return '{0} class'\n", lambda x: x().f()),
    "data": ("thing = '{0} data'\n", lambda x: x),
    "list": ("thing = ['{0} list']\n", lambda x: x[0]),
    "instance": (
        "class _T:\n    def f(self): return '{0} instance'\nthing = _T()\n",
        lambda x: x.f(),
    ),
    "lambda": ("thing = lambda: '{0} lambda'\n", lambda x: x()),
}


@pytest.mark.parametrize(("old", "new"), [*permutations(KINDS, 2)])
def test_a_module_name_changes_its_kind(live, old, new):
    m = live.module("m", KINDS[old][0].format("old"))
    user = live.module("user", "from m import thing\nimport m\n")
    assert KINDS[old][1](m.thing) == f"old {old}"
    live.update("m", KINDS[new][0].format("new"))
    plain_data = {"data", "list", "instance"}
    if old in plain_data and new in plain_data:
        assert KINDS[old][1](m.thing) == KINDS[old][1](user.thing) == f"old {old}"
    else:
        assert KINDS[new][1](m.thing) == f"new {new}"
        assert KINDS[new][1](user.m.thing) == f"new {new}"
        assert KINDS[new][1](user.thing) == f"new {new}"


MEMBERS = {
    "method": ("def thing(self): return '{0} method'", lambda o: o.thing()),
    "property": (
        "@property\n    def thing(self): return '{0} property'",
        lambda o: o.thing,
    ),
    "static": (
        "@staticmethod\n    def thing(): return '{0} static'",
        lambda o: o.thing(),
    ),
    "class method": (
        "@classmethod\n    def thing(cls): return '{0} class method'",
        lambda o: o.thing(),
    ),
    "data": ("thing = '{0} data'", lambda o: o.thing),
    "nested class": (
        "class thing:\n        def f(self): return '{0} nested class'",
        lambda o: o.thing().f(),
    ),
}


@pytest.mark.parametrize(("old", "new"), [*permutations(MEMBERS, 2)])
def test_a_member_changes_its_kind(live, old, new):
    head = "class K:\n    "
    m = live.module("m", head + MEMBERS[old][0].format("old") + "\n")
    user = live.module("user", "import m\nclass Sub(m.K): pass\n")
    instances = [m.K(), user.Sub()]
    assert {MEMBERS[old][1](o) for o in instances * 50} == {f"old {old}"}
    live.update("m", head + MEMBERS[new][0].format("new") + "\n")
    assert {MEMBERS[new][1](o) for o in instances * 50} == {f"new {new}"}


def test_holders_of_a_function_that_became_a_class(live):
    m = live.module("m", "def make(): return 'function'\n")
    user = live.module(
        "user", "from m import make\ndef use(): return type(make()).__name__\n"
    )
    live.update("m", "class make: pass\n")
    assert user.make is m.make
    assert user.use() == "make"


def test_a_monkeypatch_on_a_module_is_kept_and_reported(live):
    m = live.module("m", "def f(): return 'old'\ndef g(): return f()\n")
    m.f = patch = lambda: "patched"
    update = live.update("m", "def f(): return 'new'\ndef g(): return 'g', f()\n")
    assert m.f is patch
    assert m.g() == ("g", "patched")
    assert actions(update, "f") == {"kept"}


def test_a_monkeypatch_on_a_class_is_kept_and_reported(live):
    source = """
        class K:
            def f(self): return "old"
            @property
            def p(self): return "old"
        """
    m = live.module("m", source)
    m.K.f = patch = lambda self: "patched"
    m.K.p = property(lambda self: "patched")
    update = live.update("m", source.replace("old", "new"))
    assert m.K.__dict__["f"] is patch
    assert (m.K().f(), m.K().p) == ("patched", "patched")
    assert actions(update, "K.f") == {"kept"}


def test_a_monkeypatch_of_another_class_with_a_function_of_this_module(live):
    lib = live.module("lib", LIB)
    source = "import lib\ndef f(self): return 'old'\nlib.Foo.f = f\n"
    m = live.module("m", source)
    foo = lib.Foo()
    live.update("m", source.replace("old", "new"))
    assert foo.f() == "new"
    assert lib.Foo.f is m.f


def test_a_mock_that_is_taken_off_again(live):
    from unittest import mock

    m = live.module("m", "def f(): return 'old'\n")
    with mock.patch("m.f"):
        live.update("m", "def f(): return 'new'\n")
        assert isinstance(m.f, mock.Mock)
    assert m.f() == "new"


def test_functions_that_the_program_put_there_stay(live):
    m = live.module("m", "def f(): return 'old'\n")
    m.added = added = lambda: "added"
    update = live.update("m", "_del_func = True\ndef f(): return 'new'\n")
    assert m.added is added
    assert actions(update, "added") == set()


def test_overloads(live):
    source = """
        from typing import overload
        @overload
        def f(x: int) -> int: ...
        @overload
        def f(x: str) -> str: ...
        def f(x): return "old", x
        """
    m = live.module("m", source)
    f = m.f
    live.update("m", source.replace("old", "new"))
    assert m.f is f
    assert f(1) == ("new", 1)


def test_function_defined_in_both_branches(live):
    source = """
        FLAG = True
        if FLAG:
            def f(): return "then old"
        else:
            def f(): return "else old"
        """
    m = live.module("m", source)
    f = m.f
    live.update(
        "m", source.replace("old", "new").replace("FLAG = True", "FLAG = False")
    )
    assert m.f is f
    assert f() == "else new"


def test_instances_and_functions_of_the_same_name_in_two_modules(live):
    a = live.module(
        "a", "def f(): return 'a old'\nclass K:\n    def f(self): return 'a old'\n"
    )
    b = live.module(
        "b", "def f(): return 'b old'\nclass K:\n    def f(self): return 'b old'\n"
    )
    ka, kb = a.K(), b.K()
    live.update(
        "a", "def f(): return 'a new'\nclass K:\n    def f(self): return 'a new'\n"
    )
    assert (a.f(), ka.f(), b.f(), kb.f()) == ("a new", "a new", "b old", "b old")


def test_setattr_and_globals_in_the_body(live):
    source = """
        import sys
        def f(): return "old"
        globals()["g"] = f
        setattr(sys.modules[__name__], "h", f)
        vars()["i"] = f
        """
    m = live.module("m", source)
    live.update("m", text(source).replace("old", "new"))
    assert m.f is m.g is m.h is m.i
    assert m.h() == "new"


def test_class_in_two_places(live):
    source = """
        class K:
            def f(self): return "old"
        class Other:
            Alias = K
        Also = K
        """
    m = live.module("m", source)
    live.update("m", source.replace("old", "new"))
    assert m.K is m.Also is m.Other.Alias
    assert m.Other.Alias().f() == "new"
