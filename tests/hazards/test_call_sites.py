"""Hazards 1 to 6: code that was specialised for what a function was (see conditions.py)."""

import pytest
from conditions import HOT, VERSION, jit_environment, not_on_this_version

# ---- 1: a call site must not keep the old layout of a frame ----

SITES = {
    "call": ("def f(x{more}): {body}", "m.f(1)"),
    "method": ("class A:\n    def f(self{more}): {body}\na = A()", "m.a.f()"),
    "bound method": ("class A:\n    def f(self{more}): {body}\nf = A().f", "f()"),
    "property": (
        "class A:\n    @property\n    def f(self{more}): {body}\na = A()",
        "m.a.f",
    ),
    "getitem": (
        "class A:\n    def __getitem__(self, i{more}): {body}\na = A()",
        "m.a[0]",
    ),
    "getattribute": (
        "class A:\n    def __getattribute__(self, name{more}): {body}\na = A()",
        "m.a.zork",
    ),
    "closure": (
        "def make():\n    def f(x{more}): {body}\n    return f\nf = make()",
        "m.f(1)",
    ),
}


OLD_BODY = "return 'old'"


SHAPES = {
    "varargs": (", *rest", "return 'new' if rest == () else 'wrong'"),
    "keyword only": (", *, k='new'", "return k"),
    "default": (", y='new', *rest", "return y"),
    "many locals": (
        ", *rest",
        "; ".join(f"v{i} = rest" for i in range(300)) + "; return 'new'",
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("site", SITES)
def test_hazard_01_call_sites_keep_the_frame_layout(program, site, shape):
    definition, use = SITES[site]
    more, body = SHAPES[shape]
    old = definition.format(more="", body=OLD_BODY)
    new = definition.format(more=more, body=body)
    out = program(
        f"""
        m = live.module("m", {old!r})
        f = getattr(m, "f", None)
        def hot(n):
            for _ in range(n): result = {use}
            return result
        found = [hot({HOT})]
        live.update("m", {new!r})
        found += [hot(1), hot(50), hot({HOT})]
        print(*found)
        """
    )
    assert out == "old new new new\n"


def test_hazard_01_a_function_becomes_a_generator(program):
    out = program(
        f"""
        m = live.module("m", "def f(x): return ['old']\\n")
        def hot(n):
            for _ in range(n): result = list(m.f(1))
            return result
        found = hot({HOT})
        live.update("m", "def f(x, *rest):\\n    yield from (rest, 'new')\\n")
        print(found, hot(1), hot({HOT}))
        """
    )
    assert out == "['old'] [(), 'new'] [(), 'new']\n"


# ---- 2: code and closure belong together ----


def test_hazard_02_a_live_closure_has_too_few_cells(program):
    out = program(
        """
        m = live.module("m", "def make(a):\\n    def f(): return 'old', a\\n    return f\\n")
        held = [m.make(n) for n in range(100)]
        live.update("m", "def make(a, b=2, c=3):\\n    def f(): return 'new', a, b, c\\n    return f\\n")
        print(held[0](), held[99](), m.make(1)())
        """
    )
    assert out == "('old', 0) ('old', 99) ('new', 1, 2, 3)\n"


def test_hazard_02_a_function_without_closure_would_need_one(program):
    out = program(
        """
        m = live.module("m", "def make(a):\\n    def f(): return 'old'\\n    return f\\n")
        held = [m.make(n) for n in range(100)]
        live.update("m", "def make(a):\\n    def f(): return 'new', a\\n    return f\\n")
        print(held[0](), m.make(1)())
        """
    )
    assert out == "old ('new', 1)\n"


def test_hazard_02_closures_grow_and_shrink_with_their_code(program):
    out = program(
        """
        def source(names):
            free = ", ".join(names)
            return f"def make({free}):\\n    def f(): return [{free}]\\n    return f\\nf = make(*{list(range(len(names)))})\\n"
        m = live.module("m", source("a"))
        f = m.f
        for names in ("abc", "b", "", "xyzw", "a"):
            live.update("m", source(names))
            assert f is m.f
            print(f())
        """
    )
    assert out.split("\n") == ["[0, 1, 2]", "[0]", "[]", "[0, 1, 2, 3]", "[0]", ""]


# ---- 3, 4: function versions ----


def test_hazard_03_versions_collide_with_unrelated_functions(program):
    if VERSION != (3, 12):
        not_on_this_version()
    out = program(
        """
        def victim(x, *rest): return "victim", x, rest
        def new_site():
            namespace = {}
            exec("def site(f, n):\\n    for _ in range(n): result = f(1)\\n    return result\\n", namespace)
            return namespace["site"]
        def source(version):
            return "".join(f"def f{n}(x): return {version}\\n" for n in range(200))
        m = live.module("m", source(0))
        for version in range(1, 61):
            live.update("m", source(version))
            for n in range(200):
                site = new_site()
                assert site(getattr(m, f"f{n}"), 40) == version
                assert site(victim, 1) == ("victim", 1, ())
        print("fine")
        """
    )
    assert out == "fine\n"


def test_hazard_04_call_sites_stay_unspecialised(program):
    if VERSION < (3, 13):
        not_on_this_version()
    out = program(
        """
        import dis
        m = live.module("m", "def f(x): return 'old'\\nclass K:\\n    def m(self): return 'old'\\n")
        live.update("m", "def f(x): return 'new'\\nclass K:\\n    def m(self): return 'new'\\n")
        def site(k):
            for _ in range(200):
                m.f(1)
                k.m()
        for _ in range(10): site(m.K())
        names = [i.opname for i in dis.get_instructions(site, adaptive=True) if "CALL" in i.opname]
        print(*names)
        """
    )
    assert "CALL" not in out.split(), out
    assert sum(name.startswith("CALL_PY") for name in out.split()) == 2, out


# ---- 5, 6: traces of the JIT ----


def test_hazard_05_a_trace_keeps_the_old_init(program):
    # A trace goes when somebody writes to its globals: no assignment from here to the end.
    env = jit_environment((3, 15))
    old = "class A:\n    def __init__(self, x): self.r = 'old'\n"
    out = program(
        f"""
        m = live.module("m", {old!r})
        A = m.A
        def hot(n):
            for _ in range(n): result = A(1).r
            return result
        hot({HOT})
        live.update("m", {old.replace("old", "new")!r})
        print(hot(1), hot(5), hot(50), hot({HOT}), hot({HOT}), hot(1))
        """,
        env=env,
    )
    assert out == "new new new new new new\n"


def test_hazard_06_a_trace_of_the_body_keeps_scratch_globals(program):
    # The JIT folds globals of functions that have the interpreter's own builtins, as these
    # get them; a write to the namespace, or its end, ends the trace. So the loops are the
    # last that runs, and the hook runs while the namespace is still there.
    env = jit_environment((3, 14))
    source = f"""\
import builtins
__builtins__ = builtins
G = {{!r}}
def callee(): return G
def f(n):
    for _ in range(n): result = callee()
    return result
def g(n):
    for _ in range(n): result = G
    return result
def __after_reload__(update):
    print(f(1), f(50), f({HOT}), g(1), g(50), g({HOT}))
f({HOT}), g({HOT})
"""
    out = program(
        f"""
        m = live.module("m", {source.format("old")!r})
        live.update("m", {source.format("new")!r})
        m.G = "changed"
        m.__after_reload__(None)
        """,
        env=env,
    )
    assert out == " ".join(["old"] * 6) + "\n" + " ".join(["changed"] * 6) + "\n"
