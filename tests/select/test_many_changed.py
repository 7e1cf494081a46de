"""Statements that changed are parsed together: each has its own lines all the same."""

import types

import pytest

import resoul

ODD = '''\
"""A module."""
import functools; N = {0}


def plain():
    return {0}
# a comment right behind

@functools.cache
# between decorator and function
@functools.wraps(plain)

def decorated(a=(1,
                 {0})):
    return ({0},

            a)
\x0c
class K:

    X = {0}

    @property
    def size(self): return {0}

    def method(self):
        """Doc
        string {0}."""
        return [
            x
            for x in range({0})
        ]
KEPT = 1
def one_line(): return {0}
def another(): x = {0}; return x
async def later(): \\
    return \\
        {0}

if N:
    def inside():
        return {0}
else:
    def inside():
        return -{0}
TEXT = """
a
{0}
"""
LAST = lambda: (
    {0}, KEPT)'''


def codes(code, found):
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            codes(const, found)
    found.setdefault(code.co_qualname, []).append(list(code.co_positions()))
    return found


def live_codes(module):
    found = {}
    for value in vars(module).values():
        function = getattr(value, "__wrapped__", value)
        if isinstance(function, types.FunctionType):
            codes(function.__code__, found)
    for name, value in vars(module.K).items():
        function = getattr(value, "fget", value)
        if isinstance(function, types.FunctionType):
            codes(function.__code__, found)
        assert name
    return found


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n# end", " # end"])
def test_lines_of_all_are_those_of_the_file(live, newline, end):
    old, new = ((ODD.format(n) + end).replace("\n", newline).encode() for n in (3, 4))
    m = live.module("m", old)
    live.edit("m", new)
    resoul.reload("m")
    assert m.plain() == 4
    assert m.decorated() == (4, (1, 4))
    assert m.TEXT == "\na\n4\n"
    assert (m.K.X, m.K().size, m.K().method()) == (4, 4, [0, 1, 2, 3])
    assert (m.inside(), m.one_line(), m.another()) == (4, 4, 4)
    assert m.LAST() == (4, 1)
    fresh = codes(compile(new, m.__file__, "exec"), {})
    live_ones = live_codes(m)
    assert len(live_ones) >= 9
    for qualname, positions in live_ones.items():
        for each in positions:
            assert each in fresh[qualname], qualname


def test_what_is_no_python_is_refused_with_its_line(live):
    m = live.module("m", ODD.format(3))
    live.edit("m", ODD.format(4).replace("return x", "return x x"))
    with pytest.raises(resoul.PrepareError) as error:
        resoul.reload("m")
    line = ODD[: ODD.index("return x")].count("\n") + 1
    assert f":{line}" in str(error.value)
    assert m.plain() == 3
