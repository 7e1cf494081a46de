"""Suspended greenlets are in no list, and go on all the same.

Each test has a process of its own: where greenlet is loaded, scratch namespaces that a
suspended frame may have borrowed live for good.
"""

from importlib.util import find_spec

import pytest

pytestmark = pytest.mark.skipif(
    not (find_spec("greenlet") and find_spec("gevent")),
    reason="needs greenlet and gevent",
)


def test_suspended_greenlets_finish_on_old_code(program):
    out = program(
        """
        import greenlet
        SOURCE = '''
        import greenlet
        TAG = "tag"
        def helper(): return "old helper"
        def run():
            greenlet.getcurrent().parent.switch("ready")
            return "old", helper(), TAG
        '''
        m = live.module("m", SOURCE)
        suspended = [greenlet.greenlet(m.run) for _ in range(5)]
        assert [g.switch() for g in suspended] == ["ready"] * 5
        live.update("m", SOURCE.replace("old", "new"))
        assert [g.switch() for g in suspended] == [("old", "new helper", "tag")] * 5
        fresh = greenlet.greenlet(m.run)
        fresh.switch()
        print(fresh.switch())
        """
    )
    assert out == "('new', 'new helper', 'tag')\n"


def test_greenlets_started_by_the_body(program):
    out = program(
        """
        import gc, greenlet
        m = live.module("m", "X = 'old'\\n")
        live.update("m", '''
        import greenlet
        X = "new"
        def run():
            for _ in range(2): greenlet.getcurrent().parent.switch("ready")
            return X, len([X])
        STARTED = greenlet.greenlet(run)
        STARTED.switch()
        ''', data="take")
        for _ in range(2):
            gc.collect()
            junk = [{"X": n, "len": n} for n in range(20_000)]
            said = m.STARTED.switch()
            live.update("m", "X = 'newer'\\n")
            del junk
        print(said)
        """
    )
    assert out == "('new', 1)\n"


def test_an_update_inside_a_greenlet(program):
    out = program(
        """
        import greenlet
        m = live.module("m", "def f(): return 'old'\\n")
        inside = greenlet.greenlet(lambda: live.update("m", "def f(): return 'new'\\n"))
        print(bool(inside.switch()), m.f())
        """
    )
    assert out == "True new\n"


def test_a_switch_in_the_middle_of_a_body(program):
    """Another greenlet of the preparing thread runs: it sees the live module."""
    out = program(
        """
        import greenlet
        live.module("lib", "import greenlet\\nmain = greenlet.getcurrent()\\n")
        m = live.module("m", "X = 'live'\\ndef f(): return X\\n")
        live.edit("m", "import lib\\nX = 'new'\\ndef f(): return 'new', X\\nlib.main.switch()\\n")
        updating = greenlet.greenlet(lambda: live.reload("m"))
        updating.switch()
        print(m.X, m.f())
        updating.switch()
        print(*m.f())
        """
    )
    assert out == "live live\nnew live\n"


def test_gevent_workers(program):
    out = program(
        """
        import gevent, gevent.queue
        SOURCE = '''
        import gevent
        def step(): return "old"
        def worker(inbox, outbox):
            for item in inbox:
                outbox.put(("old", step(), item))
        '''
        m = live.module("m", SOURCE)
        inbox, outbox = gevent.queue.Queue(), gevent.queue.Queue()
        workers = [gevent.spawn(m.worker, inbox, outbox) for _ in range(3)]
        inbox.put(0)
        print(*outbox.get())
        live.update("m", SOURCE.replace("old", "new"))
        for n in range(1, 4):
            inbox.put(n)
            print(*outbox.get())
        for _ in workers: inbox.put(StopIteration)
        gevent.joinall(workers)
        fresh = gevent.spawn(m.worker, inbox, outbox)
        inbox.put(4)
        print(*outbox.get())
        inbox.put(StopIteration)
        fresh.join()
        """
    )
    assert out.splitlines() == [
        "old old 0",
        "old new 1",
        "old new 2",
        "old new 3",
        "new new 4",
    ]


def test_gevent_greenlets_spawned_by_the_body(program):
    out = program(
        """
        import gevent, gc
        m = live.module("m", "X = 'old'\\n")
        SOURCE = '''
        import gevent
        X = "%s"
        LOG = []
        def tick():
            while len(LOG) < 50:
                LOG.append((X, helper()))
                gevent.sleep(0)
        def helper(): return X
        TICKER = gevent.spawn(tick)
        '''
        live.update("m", SOURCE % "new", data="take")
        gevent.sleep(0)
        junk = [dict(X=n, LOG=n, helper=n, gevent=n, len=n) for n in range(20000)]
        gc.collect()
        live.update("m", "X = 'newer'\\n")
        gevent.joinall([m.TICKER])
        print(len(m.LOG) >= 50, sorted({x for x, _ in m.LOG}), m.TICKER.successful())
        """
    )
    assert out == "True ['new'] True\n"
