"""The order comes from the imports; new code imports as it would anywhere else."""

import itertools
import sys

import pytest
from livefolder import reasons

import resoul


def chain(live):
    """c imports b imports a; the bodies compute from what they import."""
    live.write("a", "BASE = 1\nLOG = []\nclass A:\n    x = BASE\n")
    live.write(
        "b", "import a\nfrom a import BASE\na.LOG.append('b')\nDOUBLE = 2 * BASE\n"
    )
    live.write("c", "import b, a\na.LOG.append('c')\nTRIPLE = b.DOUBLE + a.BASE\n")
    return [live.load(name) for name in ("c", "b", "a")]


@pytest.mark.parametrize("order", [*itertools.permutations("abc")], ids="".join)
def test_any_order_of_the_list_gives_the_same(live, order):
    c, b, a = chain(live)
    live.edit("a", "BASE = 10\nLOG = []\n")
    live.reload(*order, data="take")
    assert (a.BASE, b.BASE, b.DOUBLE, c.TRIPLE) == (10, 10, 20, 30)
    assert a.LOG == ["b", "c"], "each body ran once, what it imports first"


IMPORTS = {
    "import": "import pkg.data\nX = pkg.data.X",
    "import as": "import pkg.data as d\nX = d.X",
    "from package": "from pkg import data\nX = data.X",
    "from module": "from pkg.data import X",
    "from module as": "from pkg.data import X as Y\nX = Y",
    "star": "from pkg.data import *",
    "relative": "from . import data\nX = data.X",
    "relative name": "from .data import X",
    "importlib": "import importlib\nX = importlib.import_module('pkg.data').X",
    "relative importlib": "import importlib\nX = importlib.import_module('.data', 'pkg').X",
    "sys.modules": "import sys\nX = sys.modules['pkg.data'].X",
    "sys.modules.get": "import sys\nX = sys.modules.get('pkg.data').X",
    "__import__": "X = __import__('pkg.data', fromlist=['X']).X",
    "__import__ top": "X = __import__('pkg.data').data.X",
    "in a function": "def f():\n    import pkg.data\n    return pkg.data.X\nX = f()",
    "in a class": "class K:\n    from .data import X\nX = K.X",
    "in a method": "class K:\n    def f(self):\n        from .data import X\n        return X\nX = K().f()",
    "in exec": "ns = {'__name__': __name__, '__package__': __package__}\n"
    "exec('from .data import X', {**globals(), **ns}, ns)\nX = ns['X']",
    "type hints": "import typing\nfrom . import data\nX = data.X\n"
    "assert typing.get_type_hints(type('T', (), {'__annotations__': {'a': 'data.X and int'}, "
    "'__module__': __name__}))",
}


@pytest.mark.parametrize("how", IMPORTS)
@pytest.mark.parametrize("first", ["data", "user"])
def test_changed_modules_see_each_others_new_versions(live, how, first):
    live.write("pkg.__init__", "")
    live.write("pkg.data", "X = 'old'\n")
    live.write("pkg.user", IMPORTS[how] + "\nSEEN = X\n")
    live.load("pkg.data")
    user = live.load("pkg.user")
    assert user.SEEN == "old"
    live.edit("pkg.data", "X = 'new'\nADDED = 1\n")
    order = ["pkg.data", "pkg.user"] if first == "data" else ["pkg.user", "pkg.data"]
    live.reload(*order, data="take")
    assert user.SEEN == "new"
    assert sys.modules["pkg.data"] is sys.modules["pkg"].data
    assert sys.modules["pkg.data"].X == "new"


def test_what_new_code_imports_is_the_live_module_afterwards(live):
    live.write("pkg.__init__", "")
    live.write("pkg.data", "X = 1\nclass K: pass\n")
    live.write("pkg.user", "")
    data, user = live.load("pkg.data"), live.load("pkg.user")
    live.edit("pkg.data", "X = 1\nclass K: pass\ndef f(): pass\n")
    live.edit(
        "pkg.user",
        "import pkg, pkg.data, pkg.data as d, sys, importlib\nfrom . import data\nfrom .data import K, f\n"
        "HELD = [sys.modules['pkg.data'], importlib.import_module('pkg.data'), pkg.data, d, data]\n"
        "def late():\n    from . import data\n    import pkg.data\n    return data, pkg.data\n",
    )
    live.reload("pkg.data", "pkg.user")
    assert {id(x) for x in (*user.HELD, user.d, user.data, *user.late())} == {id(data)}
    assert user.pkg is sys.modules["pkg"]
    assert (user.K, user.f) == (data.K, data.f)


def test_circular_imports(live):
    a = """
        X = 1
        import b
        def f(): return 'a old', b.g()
        class A:
            def who(self): return 'A old'
        """
    b = """
        import a
        X = a.X + 1
        def g(): return 'b old', a.X
        """
    live.write("a", a)
    live.write("b", b)
    ma, mb = live.load("a"), live.load("b")
    assert ma.f() == ("a old", ("b old", 1))
    for order in (("a", "b"), ("b", "a")):
        live.edit("a", a.replace("old", "new " + order[0]).replace("X = 1", "X = 10"))
        live.edit("b", b.replace("old", "new " + order[0]))
        live.reload(*order, data="take")
        word = "new " + order[0]
        assert ma.f() == (f"a {word}", (f"b {word}", 10))
        assert mb.X == 11
        assert ma.b is mb
        assert mb.a is ma


def test_circular_from_imports_at_the_end(live):
    live.write("a", "def f(): return 'a old', g()\nfrom b import g\n")
    live.write("b", "from a import f\ndef g(): return 'b old'\ndef h(): return f()\n")
    a, b = live.load("a"), live.load("b")
    live.edit("a", "def f(): return 'a new', g()\nfrom b import g\n")
    live.edit("b", "from a import f\ndef g(): return 'b new'\ndef h(): return f()\n")
    live.reload("b", "a")
    assert b.h() == a.f() == ("a new", "b new")
    assert b.f is a.f
    assert a.g is b.g


def test_first_time_imports_of_new_code(live):
    live.write("pkg.__init__", "")
    live.write("pkg.m", "def f(): return 'old'\n")
    m = live.load("pkg.m")
    live.write("pkg.fresh", "from . import m\nVALUE = 'fresh'\ndef g(): return m.f()\n")
    live.write("pkg.deep.__init__", "")
    live.write("pkg.deep.down", "from ..fresh import VALUE\n")
    live.write("alone", "class K: pass\n")
    live.update(
        "pkg.m",
        """
        import alone
        import pkg.deep.down
        from . import fresh
        class Sub(alone.K): pass
        def f(): return "new", fresh.VALUE, pkg.deep.down.VALUE
        def late():
            import pkg.fresh
            return pkg.fresh
        """,
    )
    assert m.f() == ("new", "fresh", "fresh")
    fresh = sys.modules["pkg.fresh"]
    assert sys.modules["pkg"].fresh is fresh is m.fresh is m.late()
    assert fresh.m is m, "it imported the live module"
    assert fresh.g() == ("new", "fresh", "fresh")
    assert fresh.__builtins__ in (__builtins__, vars(sys.modules["builtins"]))
    assert fresh.g.__builtins__ is vars(sys.modules["builtins"])
    assert m.Sub.__bases__ == (sys.modules["alone"].K,)


def test_a_first_time_import_sees_the_new_versions(live):
    live.write("data", "X = 'old'\ndef f(): return 'old'\n")
    live.write("m", "")
    data, m = live.load("data"), live.load("m")
    live.edit("data", "X = 'new'\ndef f(): return 'new'\nADDED = 1\n")
    live.write(
        "fresh", "from data import X, f, ADDED\nimport data\nSEEN = X, f(), data.X\n"
    )
    live.edit("m", "import fresh\n")
    live.reload("m", "data", data="take")
    assert m.fresh.SEEN == ("new", "new", "new")
    assert m.fresh.data is data
    assert m.fresh.f is data.f


def test_a_module_named_twice_is_taken_once(live):
    lib = live.module("lib", "RUNS = []\n")
    m = live.module("m", "import lib\nlib.RUNS.append(1)\n")
    del lib.RUNS[:]
    update = live.reload("m", m, "m")
    assert lib.RUNS == [1]
    assert update.modules == ("m",)


@pytest.mark.refuses("RSL101")
def test_a_name_that_is_not_loaded(live):
    live.write("never", "raise AssertionError")
    with pytest.raises(resoul.RefusedError, match="never") as refused:
        live.reload("never")
    assert {(c, m) for c, m, _ in reasons(refused.value)} == {("RSL101", "never")}
    assert "never" not in sys.modules


@pytest.mark.refuses("RSL101")
def test_a_module_object_that_is_not_the_loaded_one(live):
    import types

    live.module("m", "X = 1\n")
    with pytest.raises(resoul.RefusedError) as refused:
        live.reload(types.ModuleType("m"))
    assert {code for code, _, _ in reasons(refused.value)} == {"RSL101"}


def test_something_that_is_no_module_is_a_type_error(live):
    for wrong in (5, [5], [None], b"m"):
        with pytest.raises(TypeError):
            resoul.reload(wrong)


def test_nothing_to_do(live):
    update = resoul.reload([])
    assert not update
    assert update.modules == ()


def test_functions_moved_from_one_module_to_another(live):
    live.write("a", "def f(): return 'a'\n")
    live.write("b", "from a import f\n")
    a, b = live.load("a"), live.load("b")
    live.edit("a", "from b import f\n")
    live.edit("b", "def f(): return 'b'\n")
    live.reload("a", "b")
    assert a.f is b.f
    assert a.f() == "b"


def test_bases_and_decorators_of_the_other_module(live):
    live.write(
        "base",
        "class Base:\n    def f(self): return 'old'\ndef deco(fn): return lambda *a: ('old', fn(*a))\n",
    )
    live.write(
        "user",
        "import base\nclass K(base.Base): pass\n@base.deco\ndef g(x): return x\n",
    )
    user = live.load("user")
    k, g = user.K(), user.g
    live.edit(
        "base",
        "class Base:\n    def f(self): return 'new'\ndef deco(fn): return lambda *a: ('new', fn(*a))\n",
    )
    live.reload("user", "base")
    assert k.f() == "new"
    assert g(1) == user.g(1) == ("new", 1)


def test_import_of_itself(live):
    source = "import m\nfrom m import *\nimport sys\nME = m is sys.modules[__name__]\ndef f(): return m\n"
    m = live.module("m", source)
    live.update("m", source.replace("return m", "return [m]"))
    assert m.f() == [m]
    assert m.m is m
    assert m.ME is True


def test_lazy_imports_in_functions_run_later(live):
    live.write("data", "X = 'old'\n")
    m = live.module("m", "def f():\n    from data import X\n    return 'old', X\n")
    data = live.load("data")
    live.update(
        "m",
        "def f():\n    from data import X\n    import data\n    return 'new', X, data\n",
    )
    assert m.f() == ("new", "old", data)
