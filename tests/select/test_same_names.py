"""Several definitions of one name in a module, of which one comes anew."""

import pytest

import resoul

OVERLOADS = """
from typing import overload
{0}@overload
def f(x: int): ...
def f(x): return x
"""

HANDLERS = """
R = []
def route(p):
    def deco(f):
        R.append((p, f)); return f
    return deco
@route('/a')
def _(): return 1
{0}@route('/c')
def _(): return 2
{1}"""
ADDED = "@route('/b')\ndef _(): return N\nN = 3\n"

SINGLE = """
import functools
K = 'float'
@functools.singledispatch
def f(x): return 'any'
@f.register
def _(x: int): return '{0}'
{1}@f.register
def _(x: str): return 'str'
{2}"""
FLOAT = "@f.register\ndef _(x: float): return K\n"


def test_an_overload_in_front_of_the_function(live):
    m = live.module("m", OVERLOADS.format(""))
    f = m.f
    live.edit("m", OVERLOADS.format("@overload\ndef f(x: str): ...\n"))
    resoul.reload(m)
    assert (m.f, f(1)) == (f, 1)


@pytest.mark.parametrize("at_end", [False, True])
def test_one_more_handler(live, at_end):
    m = live.module("m", HANDLERS.format("", ""))
    a, c = (f for _, f in m.R)
    live.edit("m", HANDLERS.format(*("", ADDED) if at_end else (ADDED, "")))
    resoul.reload(m)
    assert {p: f() for p, f in m.R} == {"/a": 1, "/b": 3, "/c": 2}
    assert (m.R[0][1], m.R[1][1]) == (a, c)
    assert m.R[2][1].__globals__ is vars(m)
    assert (m._ is c) != at_end
    text = HANDLERS.format(*("", ADDED) if at_end else (ADDED, ""))
    live.edit("m", text.replace("return 2", "return 20"))
    resoul.reload(m)
    assert {p: f() for p, f in m.R} == {"/a": 1, "/b": 3, "/c": 20}


@pytest.mark.parametrize("at_end", [False, True])
def test_one_more_implementation(live, at_end):
    m = live.module("m", SINGLE.format("int", "", ""))
    f = m.f
    added = ("", FLOAT) if at_end else (FLOAT, "")
    live.edit("m", SINGLE.format("int!", *added))
    resoul.reload(m)
    assert (m.f, f(1), f("a"), f(1.5), f(None)) == (f, "int!", "str", "float", "any")
    assert f.registry[float].__globals__ is vars(m)
