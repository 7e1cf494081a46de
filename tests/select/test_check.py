"""check(): what an update would do, told from the sources."""

import pytest

import resoul

OLD = """
import os
X = 1
Y = []
LOG = []
def gone(): pass
def f(): return 1
def same(): return 1
class C:
    K = 1
    def m(self): return 1
"""
NEW = """
import os, sys
X = 2
Y = [1]
LOG = []
def f(): return 2
def same(): return 1
def fresh(): raise RuntimeError
class C:
    K = 2
    def m(self): return 2
    def n(self): return 2
LOG.append(fresh())
Z = LOG.append(1)
"""
EXPECTED = {
    ("os", "binding", "rebound"),
    ("sys", "binding", "added"),
    ("X", "data", "taken"),
    ("Y", "data", "pending"),
    ("Z", "data", "added"),
    ("gone", "function", "stays"),
    ("f", "function", "updated"),
    ("fresh", "function", "added"),
    ("C.K", "data", "taken"),
    ("C.m", "function", "updated"),
    ("C.n", "function", "added"),
    ("", "statement", "runs"),
}


def test_what_would_be_done_is_told_and_nothing_is(live):
    m = live.module("m", OLD)
    m.Y.append(7)
    before = dict(vars(m))
    live.edit("m", NEW)
    update = resoul.check(m)
    assert {(c.qualname, c.kind, c.action) for c in update.changes} == EXPECTED
    assert update.state == "checked"
    assert update
    assert vars(m) == before
    assert (m.LOG, m.f(), m.C().m()) == ([], 1, 1)
    assert resoul.changed() == []
    (line,) = [c.lineno for c in update.changes if c.action == "runs"]
    assert line == 12
    with pytest.raises(resoul.PrepareError):
        resoul.reload(m)
    assert m.f() == 1


def test_nothing_changed(live):
    live.module("m", OLD)
    live.edit("m", "# moved\n" + OLD)
    assert not resoul.check("m")
    assert not resoul.check()


def test_what_is_refused(live):
    live.module("m", OLD)
    live.edit("m", "def f(:")
    with pytest.raises(resoul.PrepareError) as caught:
        resoul.check("m")
    assert isinstance(caught.value.__cause__, SyntaxError)
    with pytest.raises(resoul.RefusedError, match="RSL101"):
        resoul.check("nowhere")
    with pytest.raises(TypeError, match="rehearse"):
        resoul.check("m", rehearse=1)
