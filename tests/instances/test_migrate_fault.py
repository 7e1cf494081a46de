"""The n-th allocation while instances are migrated fails: all is as it was."""

import gc
import weakref

import pytest

import resoul

testcapi = pytest.importorskip("_testcapi")

OLD = """
class K:
    __slots__ = ("a", "__dict__", "__weakref__")
    def f(self): return 1
"""
NEW = """
import _testcapi
class K:
    __slots__ = ("a", "__dict__", "__weakref__")
    def f(self): return 2
    def __migrate_instance__(self, update):
        if self.first:
            _testcapi.set_nomemory(START, START + 1)
        self.a, self.new1, self.new2 = 5, [1], [2]
        x = self.x
        del self.x
        self.y = 0
        self.x = x
"""


def state(instances):
    return [(hasattr(one, "a"), list(vars(one).items()), one.f()) for one in instances]


def attempt(live, m, start):
    """1: it went through."""
    live.edit("m", NEW.replace("START", str(start)))
    try:
        live.reload("m", execute="changed")
    except (resoul.UpdateError, MemoryError):
        return False
    finally:
        testcapi.remove_mem_hooks()
    return True


def test_every_allocation_fails_once(live, monkeypatch):
    """Some may: what shrinks an array can do without. So the first success is no end."""
    m = live.module("m", OLD)
    instances = [m.K() for _ in range(3)]
    for number, one in enumerate(instances):
        one.x, one.y, one.first = [1], [2], number == 0
    before = state(instances)
    contents = [dict(vars(one)) for one in instances]
    unraisable = []
    monkeypatch.setattr(
        "sys.unraisablehook", lambda args: unraisable.append(args.exc_type)
    )
    failures = 0
    for start in range(150):
        if not attempt(live, m, start):
            failures += 1
            assert state(instances) == before, start
            continue
        assert [(one.f(), one.a, one.y) for one in instances] == [(2, 5, 0)] * 3
        live.update("m", OLD, execute="all", data="take")
        for one, content in zip(instances, contents, strict=True):
            del one.a
            vars(one).clear()
            vars(one).update(content)
    assert 20 < failures < 150
    assert set(unraisable) <= {MemoryError}
    refs = [weakref.ref(one) for one in instances]
    del instances, one
    before = resoul.configure()
    resoul.configure(history=0)  # what hooks had replaced could be undone
    resoul.configure(history=before.history)
    gc.collect()
    assert [ref() for ref in refs] == [None] * 3
