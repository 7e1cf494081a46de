"""`resoul.source_hash()`: which version of a definition lives."""

import ast
import functools
import linecache
import sys
from pathlib import Path

import pytest

import resoul
from resoul import _syntax

BASE = '''
def fire(self, target, *, power=3):
    """Fires.

    At a target.
    """
    if target is None:
        return 0
    return [power * 2 for _ in range(3)], f"{target!r:>{power}}", -1.5, b"x", "\\u00e9"
'''

# Whatever syntax there was in 3.12: versions have had the chance to differ.
CORPUS = Path(__file__).with_name("corpus.txt").read_text()
CORPUS_HASH = "95c87cb7f21eeb6ab619c1a16949aa60614d8ca80992746eeb76da60606ba08a"


def hash_in(live, name, source, get="fire"):
    module = live.module(name, source)
    found = module
    for part in get.split("."):
        found = vars(found)[part]
    return resoul.source_hash(found)


def changed(old, new):
    assert old in BASE
    return BASE.replace(old, new)


SAME = {
    "comments": changed("    if target", "    # why\n\n    if target"),
    "formatting": changed("power * 2 for", "(power*2)  for").replace('"x"', "'x'"),
    "line breaks": changed(
        "(self, target, *, power=3)", "(\n    self, target, *,\n    power=3,\n)"
    ),
    "position": "import sys\nX = 1\n\n\n" + BASE,
    "neighbours": BASE + "def other(): pass\n",
    "numbers": changed("2 for", "0x2 for"),
    "strings": changed("\\u00e9", "é"),
}
OTHER = {
    "a constant": changed("* 2", "* 4"),
    "its type": changed("* 2", "* 2.0"),
    "a default": changed("power=3", "power=4"),
    "a parameter": changed("self, ", "self, /, "),
    "an annotation": changed("target,", "target: int,"),
    "a decorator": BASE.replace("def", "import functools\n@functools.cache\ndef", 1),
    "the docstring": changed("At a target", "At the target"),
    "a format": changed("!r:>", "!s:>"),
    "async": changed("def", "async def"),
    "bytes and text": changed('b"x"', '"x"'),
}


@pytest.mark.parametrize("what", SAME)
def test_what_does_not_count(live, what):
    assert SAME[what] != BASE
    assert hash_in(live, "a", BASE) == hash_in(live, "b", SAME[what])


@pytest.mark.parametrize("what", OTHER)
def test_what_counts(live, what):
    assert OTHER[what] != BASE
    assert hash_in(live, "a", BASE) != hash_in(live, "b", OTHER[what])


def test_it_is_the_same_on_every_python():
    """It is written into files, which bind fixes to it."""
    ((_, node), *_) = _syntax.definitions(ast.parse(CORPUS))
    assert _syntax.digest(node) == CORPUS_HASH


def test_it_is_64_hex_digits(live):
    found = hash_in(live, "a", BASE)
    assert len(found) == 64
    assert int(found, 16) >= 0
    assert found == found.lower()


def test_the_own_name_does_not_count_but_others_do(live):
    renamed = BASE.replace("def fire", "def new_fire")
    assert hash_in(live, "a", BASE) == hash_in(live, "b", renamed, "new_fire")
    a = "def f(): return f\n"
    b = "def g(): return f\n"
    assert hash_in(live, "c", a, "f") == hash_in(live, "d", b, "g")
    assert hash_in(live, "e", "def g(): return g\n", "g") != hash_in(live, "h", a, "f")


def test_a_method_is_what_it_would_be_outside(live):
    lines = ["class Player:", *("    " + line for line in BASE.splitlines())]
    inside = "\n".join(lines) + "\n"
    assert hash_in(live, "a", inside, "Player.fire") == hash_in(live, "b", BASE)


KINDS = """
import functools, contextlib
def deco(f):
    @functools.wraps(f)
    def wrapper(*args): return f(*args)
    return wrapper
def plain(): return 1
@deco
def wrapped(): return 1
@functools.cache
def cached(): return 1
@contextlib.contextmanager
def manager(): yield 1
@functools.singledispatch
def single(x): return 1
part = functools.partial(plain, 1)
double = lambda x: x * 2
class K:
    def method(self): return 1
    @staticmethod
    def static(): return 1
    @classmethod
    def cls(cls): return 1
    @property
    def prop(self): return 1
    @functools.cached_property
    def lazy(self): return 1
    class Inner:
        x = 1
"""


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("plain", ("def plain(): return 1", "def plain(): return 2")),
        ("wrapped", ("def wrapped(): return 1", "def wrapped(): return 2")),
        ("cached", ("def cached(): return 1", "def cached(): return 2")),
        ("manager", ("def manager(): yield 1", "def manager(): yield 2")),
        ("single", ("def single(x): return 1", "def single(x): return 2")),
        ("part", ("def plain(): return 1", "def plain(): return 2")),
        ("double", ("lambda x: x * 2", "lambda x: x * 3")),
        ("K", ("x = 1", "x = 2")),
        ("K.method", ("def method(self): return 1", "def method(self): return 2")),
        ("K.static", ("def static(): return 1", "def static(): return 2")),
        ("K.cls", ("def cls(cls): return 1", "def cls(cls): return 2")),
        ("K.prop", ("def prop(self): return 1", "def prop(self): return 2")),
        ("K.lazy", ("def lazy(self): return 1", "def lazy(self): return 2")),
        ("K.Inner", ("x = 1", "x = 2")),
    ],
)
def test_kinds_of_definitions(live, name, edit):
    assert edit[0] in KINDS
    old = hash_in(live, "a", KINDS, name)
    assert old == hash_in(live, "b", "X = 5\n" + KINDS, name)
    assert old != hash_in(live, "c", KINDS.replace(*edit), name)


def test_bound_methods_and_instances_of_descriptors(live):
    m = live.module("m", KINDS)
    assert resoul.source_hash(m.K().method) == resoul.source_hash(m.K.method)
    assert resoul.source_hash(m.K.cls) == resoul.source_hash(vars(m.K)["cls"])


def test_each_accessor_of_a_property_counts(live):
    source = """
class K:
    @property
    def x(self): return 1
    @x.setter
    def x(self, value): self.y = value
"""
    old = hash_in(live, "a", source, "K.x")
    assert old == hash_in(live, "b", "\n\n" + source, "K.x")
    assert old != hash_in(live, "c", source.replace("return 1", "return 2"), "K.x")
    assert old != hash_in(live, "d", source.replace("= value", "= -value"), "K.x")


def test_the_file_as_it_is_now_does_not_count(live):
    m = live.module("m", BASE + "class K:\n    x = 1\n")
    old = resoul.source_hash(m.fire), resoul.source_hash(m.K)
    live.edit("m", OTHER["a constant"] + "class K:\n    x = 2\n")
    linecache.checkcache()
    assert (resoul.source_hash(m.fire), resoul.source_hash(m.K)) == old


def test_after_a_reload_it_is_the_new_one(live):
    m = live.module("m", BASE)
    old = resoul.source_hash(m.fire)
    live.update("m", "import sys\n" + OTHER["a constant"])
    new = resoul.source_hash(m.fire)
    assert new != old
    assert new == hash_in(live, "n", OTHER["a constant"])


@pytest.mark.parametrize("execute", ["changed", "all"])
def test_after_a_reload_that_moved_it_it_is_the_same(live, execute):
    m = live.module("m", BASE + "def g(): return 1\nclass K:\n    def h(self): pass\n")
    old = resoul.source_hash(m.fire), resoul.source_hash(m.K)
    live.update(
        "m",
        "import sys\n\n"
        + BASE
        + "def g(): return 2\nclass K:\n    def h(self): pass\n",
        execute=execute,
    )
    assert (resoul.source_hash(m.fire), resoul.source_hash(m.K)) == old


def test_after_a_failed_reload_it_is_the_old_one(live):
    m = live.module("m", BASE)
    old = resoul.source_hash(m.fire)
    with pytest.raises(resoul.PrepareError):
        live.update("m", OTHER["a constant"] + "1 / 0\n")
    assert resoul.source_hash(m.fire) == old


def test_modules_that_were_imported_before_resoul(program):
    out = program(
        """
        import json, functools
        print(len(resoul.source_hash(json.dumps)), len(resoul.source_hash(json.JSONEncoder)))
        print(resoul.source_hash(json.dumps) == resoul.source_hash(json.dumps))
        """
    )
    assert out == "64 64\nTrue\n"


def test_of_the_program_that_runs(program):
    out = program(
        """
        def f(): return 1
        class K:
            def m(self): return 2
        print(len(resoul.source_hash(f)), len(resoul.source_hash(K)), len(resoul.source_hash(K.m)))
        """
    )
    assert out == "64 64 64\n"


def test_a_hotfix_has_its_source_in_linecache(live):
    """As hotfixes leave it: a code object with that file name, the text in linecache."""
    m = live.module(
        "m",
        "class Player:\n    def fire(self): return 1\n    def walk(self): return 2\n",
    )
    base, of_class = resoul.source_hash(m.Player.fire), resoul.source_hash(m.Player)
    filename = "<hotfix fix_1042@3f9c>"
    text = "import m\n\n# better\ndef new_fire(self):\n    return 5\n"
    namespace = {}
    exec(compile(text, filename, "exec"), namespace)
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    try:
        m.Player.fire.__code__ = namespace["new_fire"].__code__
        new = resoul.source_hash(m.Player.fire)
        assert new != base
        assert new == resoul.source_hash(namespace["new_fire"])
        assert new == hash_in(live, "n", "def fire(self): return 5\n")
        assert resoul.source_hash(m.Player) != of_class
        assert resoul.source_hash(m.Player.walk)
    finally:
        del linecache.cache[filename]


def test_source_that_is_not_known(live, tmp_path):
    namespace = {}
    exec("def f(): return 1\nclass K:\n    def m(self): pass\n", namespace)
    for obj in (namespace["f"], namespace["K"].__dict__["m"]):
        with pytest.raises(resoul.UpdateError, match="not known"):
            resoul.source_hash(obj)
    m = live.module("m", BASE)
    other = live.module("n", OTHER["a constant"])
    m.fire.__code__ = other.fire.__code__.replace(co_filename=m.__file__)
    with pytest.raises(resoul.UpdateError, match=r"m\.fire that lives is not known"):
        resoul.source_hash(m.fire)


def test_two_lambdas_on_a_line(live):
    m = live.module(
        "m", "a, b = lambda x: 1, lambda x: 2\nc, d = lambda: 1, lambda: 1\n"
    )
    with pytest.raises(resoul.UpdateError, match="several definitions"):
        resoul.source_hash(m.a)
    assert resoul.source_hash(m.c) == resoul.source_hash(m.d)


@pytest.mark.parametrize(
    "wrong", [5, len, "fire", None, sys, functools.partial(len), int.real]
)
def test_what_has_no_definition(wrong):
    with pytest.raises(TypeError, match="no definition"):
        resoul.source_hash(wrong)


def test_built_in_classes():
    with pytest.raises(resoul.UpdateError, match="not known"):
        resoul.source_hash(int)


def test_deep_trees(live):
    source = "def f(x):\n    return {}\n"
    try:
        compile(source.format("+".join(["x"] * 1100)), "m.py", "exec")
        depth = 1100
    except RecursionError:  # a debug build of 3.13
        depth = 200
    m = live.module("m", source.format("+".join(["x"] * depth)))
    assert len(resoul.source_hash(m.f)) == 64


def test_definitions_made_twice(live):
    source = "def f(): return 1\ndef f(): return 2\n"
    assert hash_in(live, "a", source, "f") == hash_in(
        live, "b", "def f(): return 2\n", "f"
    )


def test_no_user_code_runs(live):
    m = live.module(
        "m",
        """
        class Meta(type):
            def __getattribute__(cls, name): raise AssertionError(name)
        class K(metaclass=Meta):
            def f(self): return 1
            def __getattribute__(self, name): raise AssertionError(name)
        """,
    )
    assert len(resoul.source_hash(m.K)) == 64
