"""How old and new nested functions are told apart, and found, over several updates."""

import dis
import gc

import pytest
from livefolder import actions, warned


def test_a_wrapper_in_another_module_over_many_updates(live):
    src = """
        def deco(fn):
            def wrapper(*a): return "v0", fn(*a)
            return wrapper
        def other(): return 0
        """
    live.module("deco", src)
    user = live.module("user", "import deco\n@deco.deco\ndef f(x): return x\n")
    for i in range(1, 5):
        live.update("deco", src.replace("v0", f"v{i}"))
        assert user.f(1) == (f"v{i}", 1)
    # only others change, then wrapper again
    live.update("deco", src.replace("v0", "v4").replace("return 0", "return 9"))
    assert user.f(1) == ("v4", 1)
    live.update("deco", "\n\n" + src.replace("v0", "v4"))
    assert user.f(1) == ("v4", 1)
    live.update("deco", src.replace("v0", "v5"))
    assert user.f(1) == ("v5", 1)


def test_constant_default_values_follow(live):
    src = "def make():\n    def inner(x=1, *, k=2): return x, k\n    return inner\n"
    m = live.module("m", src)
    held = m.make()
    u = live.update("m", src.replace("x=1", "x=10"))
    assert held() == (10, 2)
    assert actions(u, "make.<locals>.inner") == {"updated"}


def test_another_number_of_computed_defaults_does_not_fit(live):
    src = "def make(n):\n    def inner(a, b=n): return 'old', a, b\n    return inner\n"
    m = live.module("m", src)
    held = m.make(3)
    u = live.update("m", src.replace("a, b=n)", "a=n, b=n)").replace("old", "new"))
    assert held(1) == ("old", 1, 3)
    assert warned(u, "make.<locals>.inner") == {"RSL603"}


def test_lambdas_are_told_apart_by_the_names_they_are_stored_under(live):
    src = """
        def make():
            x = lambda: "x old"
            y = lambda: "y old"
            return x, y
        """
    m = live.module("m", src)
    x, y = m.make()
    u = live.update(
        "m",
        """
        def make():
            z = lambda: "z"
            y = lambda: "y new"
            w = lambda: 0
            x = lambda: "x new"
            return x, y
        """,
    )
    assert (x(), y()) == ("x new", "y new"), u.warnings


def test_lambdas_are_told_apart_by_how_they_are_used(live):
    src = """
        def make(reg):
            reg("a", lambda: "a old")
            reg("b", lambda: "b old")
        """
    m = live.module("m", src)
    d = {}
    m.make(d.__setitem__)
    a, b = d["a"], d["b"]
    live.update(
        "m",
        """
        def make(reg):
            reg("c", lambda: "c")
            reg("b", lambda: "b new")
            reg("a", lambda: "a new")
        """,
    )
    assert (a(), b()) == ("a new", "b new")


def test_property_accessors_of_a_class_made_in_a_function(live):
    src = """
        def make():
            class C:
                @property
                def p(self): return "get old"
                @p.setter
                def p(self, v): self.v = "set old", v
            return C
        """
    m = live.module("m", src)
    c = m.make()()
    live.update(
        "m",
        """
        def make():
            class C:
                @property
                def p(self): return "get new"
                @p.setter
                def p(self, v): self.v = "set new", v
                @p.deleter
                def p(self): pass
            return C
        """,
    )
    c.p = 1
    assert (c.p, c.v) == ("get new", ("set new", 1))


def test_singledispatch_made_in_a_function(live):
    src = """
        import functools
        def make():
            @functools.singledispatch
            def show(x): return "object old"
            @show.register
            def _(x: int): return "int old"
            @show.register
            def _(x: str): return "str old"
            return show
        """
    m = live.module("m", src)
    show = m.make()
    live.update(
        "m",
        src.replace("old", "new").replace(
            """            @show.register
            def _(x: str)""",
            """            @show.register
            def _(x: list): return "list"
            @show.register
            def _(x: str)""",
        ),
    )
    assert (show(1), show(""), show(None)) == ("int new", "str new", "object new")


def test_functions_that_a_loop_made(live):
    src = """
        FS = []
        for i in range(3):
            def f(i=i): return "old", i
            FS.append(f)
        """
    m = live.module("m", src)
    fs = list(m.FS)
    live.update("m", src.replace("old", "new"))
    assert [f() for f in fs] == [("new", 0), ("new", 1), ("new", 2)]


def test_type_parameters_come_and_go(live):
    src = """
        def make(n):
            def inner[T](x: T): return "old", n, x
            return inner
        """
    m = live.module("m", src)
    held = m.make(1)
    live.update("m", src.replace("old", "new"))
    assert held(2) == ("new", 1, 2)
    live.update("m", src.replace("old", "plain").replace("[T]", "").replace(": T", ""))
    assert held(2) == ("plain", 1, 2)


def test_held_by_an_instance_that_the_module_does_not_know(live):
    src = "def make(n):\n    def inner(): return 'old', n\n    return inner\n"
    m = live.module("m", src)

    class Box:
        pass

    box = Box()
    box.cb = m.make(1)
    live.update("m", src.replace("old", "new"))
    assert box.cb() == ("new", 1)
    live.update("m", "\n\n" + src.replace("old", "new"))
    assert box.cb.__code__.co_firstlineno == 3
    live.update("m", "\n\n" + src.replace("old", "newer"))
    assert box.cb() == ("newer", 1)


def test_nested_generator_functions(live):
    src = "def make(n):\n    def inner():\n        yield 'old', n\n    return inner\n"
    m = live.module("m", src)
    held = m.make(1)
    g = held()
    live.update("m", src.replace("old", "new"))
    assert list(held()) == [("new", 1)]
    assert list(g) == [("old", 1)]


def test_super_in_a_class_made_in_a_function(live):
    src = """
        class Base:
            def hi(self): return "base"
        def make(n):
            class Local(Base):
                def hi(self): return super().hi(), "old", n
            return Local
        """
    m = live.module("m", src)
    o = m.make(1)()
    live.update("m", src.replace("old", "new"))
    assert o.hi() == ("base", "new", 1)


def test_updated_closures_are_called_by_specialised_code(live):
    src = "def make(n):\n    def inner(x): return x + n\n    return inner\n"
    m = live.module("m", src)
    held = m.make(1)

    def hot():
        for i in range(2000):
            held(i)

    hot()
    live.update("m", src.replace("x + n", "x - n"))
    hot()
    hot()
    names = {i.opname for i in dis.get_instructions(hot, adaptive=True)}
    assert any(n.startswith("CALL_PY") for n in names), names


def test_no_growth_over_updates_of_a_closure(live):
    src = "def make(n):\n    def inner(x): return x + n, V\n    return inner\n"
    m = live.module("m", src.replace("V", "0"))
    held = m.make(1)
    for i in range(30):
        live.update("m", src.replace("V", str(i)))
    gc.collect()
    before = len(gc.get_objects())
    for i in range(100):
        live.update("m", src.replace("V", str(i)))
    gc.collect()
    assert held(1) == (2, 99)
    assert len(gc.get_objects()) - before < 20


@pytest.mark.parametrize("decorator", ["", "    @staticmethod\n"])
def test_annotations_stay_with_their_function(live, decorator):
    """From 3.14 on code computes them, and all such code has one name."""
    old = f"class K:\n{decorator}    def f(x: int) -> str: ...\n"
    new = old.replace("f(", "g(").replace("str", "float")
    m = live.module("m", old)
    for source in (new, old, new):
        live.update("m", source)
    assert m.K.f.__annotations__ == {"x": int, "return": str}
    assert m.K.g.__annotations__ == {"x": int, "return": float}
    live.update("m", new + old.partition("\n")[2].replace("int", "bytes"))
    assert m.K.f.__annotations__ == {"x": bytes, "return": str}
    assert m.K.g.__annotations__ == {"x": int, "return": float}
