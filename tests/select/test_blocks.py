"""Selection in compound statements, dependents, and what runs after the swap."""

import inspect
import sys

import pytest

import resoul


@pytest.fixture
def edit(live):
    """Load m with one source, update it with another; its LOG is emptied in between."""

    def run(old, new, **options):
        m = live.module("m", "LOG = []\n" + old)
        m.LOG.clear()
        live.edit("m", "LOG = []\n" + new)
        return m, resoul.reload(m, **options)

    return run


# -- blocks of which only functions changed do not run ---------------------------------

BRANCHES = """
import sys
if LOG.append("test") or sys.platform == "nowhere":
    def f(): return "{0}"
else:
    def f(): return "{1}"
    class C:
        def m(self): return "{1}"
"""


@pytest.mark.parametrize(("texts", "result"), [("An", "n"), ("oN", "N")])
def test_the_branch_that_was_taken_decides(edit, texts, result):
    m, _ = edit(BRANCHES.format("o", "n"), BRANCHES.format(*texts))
    assert (m.f(), m.C().m(), m.LOG) == (result, result, [])


TRY = """
try:
    import no_such_module
    LOG.append("there")
    def f(): return "there"
except ImportError:
    LOG.append("away")
    def f(): return "{0}"
"""


def test_the_handler_that_was_taken_decides(edit):
    m, _ = edit(TRY.format("away"), TRY.format("far away"))
    assert (m.f(), m.LOG) == ("far away", [])


def test_a_conditional_method(edit):
    text = "class C:\n    if LOG is not None:\n        def m(self): return {}\n"
    m, _ = edit(text.format(1), text.format(2))
    assert m.C().m() == 2


# -- of others only what changed, where that can be told -------------------------------


def test_an_if_is_descended_into(edit):
    text = "if True:\n    LOG.append('old')\n    A = 1\n"
    m, _ = edit(text, text.replace("A = 1", "A = 2") + "    B = 3\n")
    assert (m.A, m.B, m.LOG) == (2, 3, [])


def test_a_changed_handler(edit):
    text = "try:\n    import no_such_module\nexcept ImportError:\n    x = None\n"
    m, _ = edit(text, text + "    y = 1\n")
    assert (m.x, m.y) == (None, 1)


# -- after the swap --------------------------------------------------------------------


def test_with_and_for_run_after_the_swap(edit):
    m, update = edit(
        "R = {}\n",
        "R = {}\n"
        "import contextlib\n"
        "with contextlib.suppress(ZeroDivisionError):\n    LOG.append(new()); 1 / 0\n"
        "for n in 'ab':\n    def make(n=n): return n, new()\n    R[n] = make\n"
        "def new(): return 7\n",
    )
    assert m.LOG == [7]
    assert (m.R["a"](), m.R["b"]()) == (("a", 7), ("b", 7))
    assert m.R["a"].__globals__ is vars(m)
    assert update


def test_an_effect_that_raises_undoes_the_update(live):
    m = live.module("m", "X = 1\nL = []\ndef f(): return 1\n")
    live.edit("m", "X = 2\nL = []\ndef f(): return 2\nL.append(5)\nraise ValueError\n")
    with pytest.raises(resoul.PrepareError) as caught:
        resoul.reload(m)
    assert isinstance(caught.value.__cause__, ValueError)
    assert (m.X, m.L, m.f()) == (1, [], 1)


def test_globals_that_code_rebinds_while_it_runs(edit):
    text = "N = 0\ndef bump():\n    global N\n    N += {}\n    return N\n"
    m, _ = edit(text.format(1), text.format(10) + "V = bump()\n")
    assert (m.V, m.N) == (10, 10)


# -- dependents ------------------------------------------------------------------------

DECORATED = """
def one(f): LOG.append("one"); return f
def two(f): LOG.append("two"); return f
deco = {0}
@deco
def f(): return 1
@one
def g(): return 1
"""


def test_a_decorator_that_means_another_function(edit):
    m, _ = edit(DECORATED.format("one"), DECORATED.format("two"))
    assert m.LOG == ["two"]


def test_a_decorator_that_changed_in_place(edit):
    text = DECORATED.format("one")
    m, _ = edit(text, text.replace('LOG.append("one")', 'LOG.append("1")'))
    assert m.LOG == []


def test_a_base_that_is_another_class(edit):
    text = (
        "class A:\n    x = 1\nclass B:\n    x = 2\nBase = {0}\nclass C(Base): pass\n"
        "class D(A): LOG.append('D')\n"
    )
    m, _ = edit(text.format("A"), text.format("B"))
    assert (m.C.__bases__, m.C().x, m.LOG) == ((m.B,), 2, [])


# -- data ------------------------------------------------------------------------------


def test_nested_containers_keep_their_identity(live):
    text = "T = {{'guns': {{'pistol': {0}}}, 'list': [{0}]}}\n"
    m = live.module("m", text.format(1))
    table, guns, items = m.T, m.T["guns"], m.T["list"]
    live.edit("m", text.format(2))
    resoul.reload(m)
    assert m.T is table
    assert m.T["guns"] is guns
    assert m.T["list"] is items
    assert table == {"guns": {"pistol": 2}, "list": [2]}


def test_a_table_is_compared_whole(live):
    m = live.module("m", "T = {'a': 1, 'b': 1}\n")
    m.T["a"] = 5
    live.edit("m", "T = {'a': 1, 'b': 2}\n")
    resoul.reload(m)
    assert m.T == {"a": 5, "b": 1}
    assert [c.qualname for c in resoul.changed(m)] == ["T"]


@pytest.mark.parametrize("value", ["60 * 60", "-1", "(1, 2)", "{1, 2}", "'a' 'b'"])
def test_what_the_compiler_folds_is_a_literal(live, value):
    m = live.module("m", f"X = {value}\n")
    live.edit("m", "X = None\n")
    resoul.reload(m)
    assert m.X is None


@pytest.mark.parametrize("value", ["int('1')", "[1] * 2", "1 if 1 else 2", "f'{1}'"])
def test_what_is_computed_is_none(live, value):
    m = live.module("m", f"X = {value}\n")
    before = m.X
    live.edit("m", "X = None\n")
    resoul.reload(m)
    assert m.X is before
    assert [c.qualname for c in resoul.changed(m)] == ["X"]


# -- kinds of code ---------------------------------------------------------------------


def test_generic_functions_and_classes(edit):
    text = "class A[T]:\n    def f(self, x: T) -> T: return {0}\ndef g[T](x: T) -> T: return {0}\n"
    m, _ = edit(text.format(1), text.format(2))
    assert (m.A().f(1), m.g(1)) == (2, 2)
    (parameter,) = m.A.__type_params__
    assert inspect.get_annotations(m.A.f) == {"x": parameter, "return": parameter}


def test_functions_of_other_kinds(edit):
    m, _ = edit(
        "def f(): return 1\nasync def g(): pass\n",
        "def f(): yield 2\ndef g(): return 2\n",
    )
    assert (list(m.f()), m.g()) == ([2], 2)


def test_a_long_chain_of_functions(live):
    calls = sys.getrecursionlimit() * 3
    chain = "".join(f"def f{i}(): return f{i + 1}\n" for i in range(calls))
    m = live.module("m", f"X = 1\n{chain}def f{calls}(): return 1\n")
    live.edit("m", f"X = f0()\n{chain}def f{calls}(): return 1\n")
    resoul.reload(m, take=["m.X"])
    assert m.X is m.f1
