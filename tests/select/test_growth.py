"""After many updates of what changed there is no more than after a few."""

import pytest

TEXT = """\
import functools
X = {0}
T = {{"a": {0}}}
class B:
    def m(self, a={0}): return (lambda: {0})()
    @property
    def p(self): return {0}
class C(B):
    K = {0}
    def m(self, a={0}): return super().m() + {0}
def make():
    def inner(): return {0}
    return inner
F = make()
@functools.cache
def c(): return {0}
def still(): return 1
"""


@pytest.mark.timeout(0)  # its thread would be another one at work
def test_a_thousand_updates_of_what_changed(program):
    out = program(
        f"""
        import gc, logging
        logging.disable()
        TEXT = {TEXT!r}
        m = live.module("m", TEXT.format(0))
        f, counts = m.F, {{}}
        for k in range(1, 1001):
            live.edit("m", "# x\\n" * (k % 3) + TEXT.format(k))
            resoul.reload(m)
            assert m.C().m() == 2 * k and m.C().p == f() == m.c() == m.X == k
            if k in (300, 1000):
                gc.collect()
                counts[k] = sys.getallocatedblocks(), len(gc.get_objects())
        print(*counts[300], *counts[1000])
        """
    )
    blocks, objects, later_blocks, later_objects = map(int, out.split())
    assert later_blocks - blocks < 200
    assert later_objects - objects < 20
