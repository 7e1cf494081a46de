"""Suspended greenlets are in no list, and go on all the same."""

import pytest


def test_suspended_greenlets_finish_on_old_code(live):
    greenlet = pytest.importorskip("greenlet")
    source = """
        import greenlet
        TAG = "tag"
        def helper(): return "old helper"
        def run():
            greenlet.getcurrent().parent.switch("ready")
            return "old", helper(), TAG
        """
    m = live.module("m", source)
    suspended = [greenlet.greenlet(m.run) for _ in range(5)]
    assert [g.switch() for g in suspended] == ["ready"] * 5
    live.update("m", source.replace("old", "new"))
    assert [g.switch() for g in suspended] == [("old", "new helper", "tag")] * 5
    fresh = greenlet.greenlet(m.run)
    fresh.switch()
    assert fresh.switch() == ("new", "new helper", "tag")


def test_greenlets_started_by_the_body(live):
    """Their frames borrow the scratch namespace, which therefore lives for good."""
    pytest.importorskip("greenlet")
    m = live.module("m", "X = 'old'\n")
    live.update(
        "m",
        """
        import greenlet
        X = "new"
        def run():
            greenlet.getcurrent().parent.switch("ready")
            return X, len([X])
        STARTED = greenlet.greenlet(run)
        STARTED.switch()
        """,
        data="take",
    )
    junk = [{"X": n, "len": n} for n in range(20_000)]
    live.update("m", "X = 'newer'\n")
    assert m.STARTED.switch() == ("new", 1)
    assert len(junk) == 20_000


def test_gevent_server_loop(program):
    pytest.importorskip("gevent")
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
        print(outbox.get())
        for n in range(1, 4):
            update = live.update("m", SOURCE.replace("old", "new"))
            inbox.put(n)
            print(outbox.get())
            gevent.sleep(0)
        workers.append(gevent.spawn(m.worker, inbox, outbox))
        for _ in workers: inbox.put(StopIteration)
        gevent.joinall(workers)
        """
    )
    assert out.splitlines() == ["('old', 'old', 0)"] + [
        f"('old', 'new', {n})" for n in (1, 2, 3)
    ]


def test_gevent_greenlets_spawned_by_the_body(program):
    pytest.importorskip("gevent")
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


def test_an_update_inside_a_greenlet(live):
    greenlet = pytest.importorskip("greenlet")
    m = live.module("m", "def f(): return 'old'\n")
    glet = greenlet.greenlet(lambda: live.update("m", "def f(): return 'new'\n"))
    assert glet.switch()
    assert m.f() == "new"


def test_a_switch_in_the_middle_of_a_body(live):
    """Another greenlet of the preparing thread runs: it sees the live module."""
    greenlet = pytest.importorskip("greenlet")
    live.module("lib", "import greenlet\nmain = greenlet.getcurrent()\n")
    m = live.module("m", "X = 'live'\ndef f(): return X\n")
    live.edit(
        "m", "import lib\nX = 'new'\ndef f(): return 'new', X\nlib.main.switch()\n"
    )
    updating = greenlet.greenlet(lambda: live.reload("m"))
    updating.switch()
    assert (m.X, m.f()) == ("live", "live")
    updating.switch()
    assert m.f() == ("new", "live")
