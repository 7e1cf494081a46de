"""Updates that are executed now and committed later, or never."""

import gc
import logging
import sys
import threading
import weakref

import pytest
from livefolder import Machinery, actions, codes, no_donors_left, text
from waiting import V1, V2, is_new, is_old

import resoul
from resoul import _engine


@pytest.fixture
def m(live):
    m = live.module("m", V1)
    live.edit("m", V2)
    return m


# -- committing ----------------------------------------------------------------
def test_nothing_changes_before_the_commit(m):
    before = dict(vars(m))
    update = resoul.prepare("m")
    assert isinstance(update, resoul.Update)
    assert update.state == "prepared"
    assert bool(update)
    assert dict(vars(m)) == before
    assert is_old(m)
    assert actions(update, "f") == {"updated"}
    assert update.pause_ns == 0
    assert update.commit() is update
    assert update.state == "committed"
    assert update.pause_ns > 0
    assert is_new(m)
    assert m.f is before["f"]
    assert actions(update, "f") == {"updated"}


def test_it_is_what_a_reload_would_do(live, m):
    def told(update):
        return [(c.qualname, c.kind, c.action, c.lineno) for c in update.changes]

    options = {"data": "take", "delete": ["m.NUMBER"]}
    prepared = resoul.prepare("m", **options)
    planned = told(prepared)
    prepared.abandon()
    assert told(resoul.prepare("m", **options).commit()) == planned
    live.module("n", V1)
    options["delete"] = ["n.NUMBER"]
    assert told(live.update("n", V2, **options)) == planned


def test_bodies_run_once_and_hooks_at_the_commit(live):
    log = live.module("log", "LOG = []\n")
    source = """
        import log
        log.LOG.append("body")
        def __before_reload__(update): log.LOG.append(("before", update.state))
        def __after_reload__(update): log.LOG.append(("after", update.state))
        """
    live.module("m", source)
    del log.LOG[:]
    update = resoul.prepare("m")
    assert log.LOG == ["body"]
    update.commit()
    assert log.LOG == ["body", ("before", "preparing"), ("after", "committed")]


def test_no_donors_are_left(m):
    with no_donors_left("m"):
        resoul.prepare("m").commit()
    assert is_new(m)


def test_effects_run_at_the_commit(live, m, monkeypatch):
    code = compile("SEEN.append(f())", str(live.path("m")), "exec")
    monkeypatch.setattr(_engine, "_effects", {"m": code}, raising=False)
    m.SEEN = []
    update = resoul.prepare("m")
    assert m.SEEN == []
    update.commit()
    assert m.SEEN == [2]


def test_no_modules():
    update = resoul.prepare([])
    assert not update
    assert update.commit().state == "committed"


@pytest.mark.parametrize("how", ["commit", "abandon"])
def test_only_once(m, how):
    update = resoul.prepare("m")
    getattr(update, how)()
    state = update.state
    word = {"commit": "committed", "abandon": "abandoned"}[how]
    with pytest.raises(resoul.UpdateError, match=f"can't be committed: it was {word}"):
        update.commit()
    if how == "commit":
        with pytest.raises(resoul.UpdateError, match="can't be abandoned: it was"):
            update.abandon()
        assert is_new(m)
    else:
        update.abandon()
        assert is_old(m)
    assert update.state == state


def test_as_a_context_manager(m):
    with resoul.prepare("m") as update:
        assert update.state == "prepared"
    assert update.state == "abandoned"
    assert not update
    assert is_old(m)
    with resoul.prepare("m") as update:
        update.commit()
    assert update.state == "committed"
    assert is_new(m)
    with pytest.raises(ZeroDivisionError), resoul.prepare("m") as update:
        1 / 0  # noqa: B018
    assert update.state == "abandoned"


def test_a_prepare_that_fails(live, m):
    live.edit("m", "def f(): return 3\n1 / 0\n")
    with pytest.raises(resoul.PrepareError) as caught:
        resoul.prepare("m")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    live.edit("m", text(V2).replace("class C:", "class C(int):"))
    with pytest.raises(resoul.RefusedError) as caught:
        resoul.prepare("m")
    assert codes(caught.value) == {"RSL201"}
    assert is_old(m)


# -- what happens in between ---------------------------------------------------
def test_machinery_is_as_it_was(m):
    machinery = Machinery()
    waiting = [resoul.prepare("m") for _ in range(12)]
    machinery.check()
    waiting.pop().commit()
    machinery.check()
    del waiting[:]
    machinery.check()


def test_collections_in_between(m):
    update = resoul.prepare("m")
    for _ in range(3):
        junk = [[i] for i in range(10_000)]
        for item in junk:
            item.append(junk)
        del junk, item
        gc.collect()
    with no_donors_left("m"):
        update.commit()
    assert is_new(m)


def test_frozen_in_between(program):
    out = program("""
        import gc
        m = live.module("m", "def f(): return 1\\nclass C: pass\\n")
        live.edit("m", "def f(): return 2\\nclass C: pass\\nclass D(C): pass\\n")
        update = resoul.prepare("m")
        gc.freeze()
        with no_donors_left("m"):
            update.commit()
        print(m.f(), m.D.__mro__[1] is m.C)
    """)
    assert out == "2 True\n"


def test_closures_that_were_made_in_between(m):
    early = m.factory()
    update = resoul.prepare("m")
    late = [m.factory() for _ in range(5)]
    hidden = {"far": (iter([m.factory()]),)}
    update.commit()
    assert {inner() for inner in (early, *late)} == {2}
    assert next(hidden["far"][0])() == 2


def test_importers_that_came_in_between(live, m):
    live.edit("m", V1)
    m = live.load("m")
    live.edit("m", text(V1) + "def f(x=1): return 3\nf = [f]\n")
    update = resoul.prepare("m")
    importer = live.module("importer", "from m import f\n")
    update.commit()
    assert importer.f is m.f
    assert importer.f[0]() == 3


def test_instances_and_data_of_the_program(live, m):
    update = resoul.prepare("m")
    instance = m.C()
    m.NUMBER = 100
    m.LIST.append(3)
    m.extra = 7
    update.commit()
    assert instance.m() == 2
    assert (m.NUMBER, m.LIST, m.extra) == (100, [1, 3], 7)


def test_frames_that_lag_are_those_at_the_commit(live):
    source = """
        def gen():
            yield 1
            yield {}
        """
    m = live.module("m", source.format(2))
    live.edit("m", source.format(3))
    update = resoul.prepare("m")
    assert update.lagging == []
    running = m.gen()
    next(running)
    update.commit()
    assert [(group.qualname, group.count) for group in update.lagging] == [("gen", 1)]
    assert list(running) == [2]


def test_calls_that_became_hot_in_between(live, m):
    def call():
        return m.f() + m.C().m()

    update = resoul.prepare("m")
    assert {call() for _ in range(20_000)} == {2}
    update.commit()
    assert {call() for _ in range(20_000)} == {4}


def test_other_modules_can_be_updated(live, m):
    a = live.module("a", "def f(): return 1\n")
    update = resoul.prepare("m")
    live.update("a", "def f(): return 2\n")
    assert a.f() == 2
    update.commit()
    assert is_new(m)


def test_two_that_wait(live, m):
    a = live.module("a", "def f(): return 1\n")
    live.edit("a", "def f(): return 2\n")
    first, second = resoul.prepare("m"), resoul.prepare("a")
    second.commit()
    assert (is_old(m), a.f()) == (True, 2)
    first.commit()
    assert is_new(m)


# -- abandoning ----------------------------------------------------------------
LEAKY = """
    import core, brandnew
    core.LIST.append("leak")
    core.TABLE["leak"] = 1
    core.REGISTRY.append(lambda: 2)
    class Plugin(core.Base): pass
    def f(): return 2
    """


@pytest.fixture
def leaky(live):
    core = live.module("core", "LIST, TABLE, REGISTRY = [], {}, []\nclass Base: pass\n")
    live.module("m", "import core\ndef f(): return 1\n")
    live.edit("m", LEAKY)
    live.write("brandnew", "import m\nclass Sub(__import__('core').Base): pass\n")
    return core


def is_clean(core):
    return (core.LIST, core.TABLE, core.REGISTRY, core.Base.__subclasses__()) == (
        *([], {}, []),
        [],
    ) and "brandnew" not in sys.modules


def abandon(update):
    update.abandon()
    assert update.state == "abandoned"


def leave(update):
    with update:
        pass


@pytest.mark.parametrize("how", [abandon, leave, lambda update: None])
def test_what_bodies_did_is_taken_back(live, leaky, how):
    update = resoul.prepare("m")
    assert leaky.LIST == ["leak"]
    gc.collect()
    how(update)
    del update
    assert is_clean(leaky)
    gc.collect()
    assert is_clean(leaky)
    live.reload("m")
    assert (leaky.LIST, leaky.REGISTRY[0]()) == (["leak"], 2)


def test_a_commit_that_fails_takes_it_back(live, leaky):
    live.edit("m", text(LEAKY) + "def __after_reload__(_): 1 / 0\n")
    update = resoul.prepare("m")
    with pytest.raises(resoul.UpdateError, match="hook raised"):
        update.commit()
    assert update.state == "failed"
    assert is_clean(leaky)
    with pytest.raises(resoul.UpdateError, match="committing it has failed"):
        update.abandon()


def test_a_hook_that_refuses(live, leaky):
    m = live.module("n", "import core\ndef __before_reload__(_): 1 / 0\n")
    live.edit("n", LEAKY)
    update = resoul.prepare("n")
    with pytest.raises(resoul.RefusedError) as caught:
        update.commit()
    assert codes(caught.value) == {"RSL401"}
    assert is_clean(leaky)
    assert not hasattr(m, "f")


def test_what_others_wrote_stays(leaky):
    update = resoul.prepare("m")
    leaky.TABLE["theirs"] = 1
    leaky.TABLE["leak"] = 2
    update.abandon()
    assert leaky.TABLE == {"leak": 2, "theirs": 1}
    assert [notice.code for notice in update.warnings] == ["RSL608"]


@pytest.mark.parametrize("collect", [False, True])
def test_leaks_mean_what_lives_after_the_commit(live, collect):
    """Holders outside of the module, before and after a collection."""
    core = live.module("core", "REGISTRY, TABLE = [], {}\nclass Base: pass\n")
    m = live.module("m", "import core\nclass K(core.Base): pass\ndef f(): return 1\n")
    live.write(
        "plugin", "import m\nclass Plugin(m.K): pass\nclass More(Plugin): pass\n"
    )
    live.edit(
        "m",
        """
        import core
        class K(core.Base):
            def m(self): return 2
        def f(): return 2
        core.REGISTRY += [f, K, (f, [K]), K()]
        core.TABLE[f] = K
        import plugin
        """,
    )
    k, f = m.K, m.f
    update = resoul.prepare("m")
    if collect:
        gc.collect()
    update.commit()
    assert (m.K, m.f) == (k, f)
    assert core.REGISTRY[:3] == [f, k, (f, [k])]
    assert type(core.REGISTRY[3]) is k
    assert {f: k} == core.TABLE
    plugin = sys.modules["plugin"]
    assert plugin.Plugin.__mro__ == (plugin.Plugin, k, core.Base, object)
    assert plugin.More.__mro__ == (plugin.More, *plugin.Plugin.__mro__)
    assert plugin.More().m() == 2
    assert k.__subclasses__() == [plugin.Plugin]
    gc.collect()


def test_what_was_made_dies(live):
    live.module("m", "X = 1\n")
    live.edit("m", "class Dies: pass\nX = 2\nOBJECT = Dies()\n")
    for end in ("abandon", "drop"):
        update = resoul.prepare("m")
        (donor,) = [
            op
            for op in gc.get_objects()
            if isinstance(op, type) and op.__qualname__ == "Dies"
        ]
        ref = weakref.ref(donor)
        del donor
        if end == "abandon":
            update.abandon()
        del update
        gc.collect()
        assert ref() is None


@pytest.mark.without_history
def test_memory_does_not_grow(m):
    def cycle():
        resoul.prepare("m").abandon()
        resoul.prepare("m")
        resoul.prepare("m").commit()

    cycle()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(15):
        cycle()
    gc.collect()
    assert len(gc.get_objects()) - before < 100


# -- the collector -------------------------------------------------------------
def test_what_bodies_want_of_the_collector_comes_with_the_commit(live, m):
    live.edit("m", "import gc\ngc.disable()\ngc.set_threshold(99)\n" + text(V2))
    before = gc.isenabled(), gc.get_threshold()
    try:
        update = resoul.prepare("m")
        assert (gc.isenabled(), gc.get_threshold()) == before
        update.abandon()
        assert (gc.isenabled(), gc.get_threshold()) == before
        update = resoul.prepare("m")
        gc.set_threshold(50)
        update.commit()
        assert not gc.isenabled()
        assert gc.get_threshold()[0] == 99
    finally:
        gc.enable()
        gc.set_threshold(*before[1])


# -- threads and processes -----------------------------------------------------
def test_another_thread_commits(m):
    update = resoul.prepare("m")
    thread = threading.Thread(target=update.commit)
    thread.start()
    thread.join()
    assert update.state == "committed"
    assert is_new(m)


def test_one_of_many_threads_commits(live, m):
    update = resoul.prepare("m")
    barrier, results = threading.Barrier(6), []

    def commit():
        barrier.wait()
        try:
            update.commit()
        except resoul.UpdateError as error:
            results.append(str(error))
        else:
            results.append("done")

    threads = [threading.Thread(target=commit) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count("done") == 1
    assert {result.partition(":")[0] for result in results} == {
        "done",
        "the update can't be committed",
    }
    assert is_new(m)


def test_threads_work_while_it_waits_and_while_it_is_committed(live, m):
    stop, seen = threading.Event(), set()

    def work():
        while not stop.is_set():
            a, b = m.f(), m.f()
            seen.add((a, b))
            assert m.factory()() in (1, 2)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for version in (V2, V1) * 10:
            live.edit("m", version)
            update = resoul.prepare("m")
            gc.collect(0)
            update.commit()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert seen <= {(1, 1), (1, 2), (2, 1), (2, 2)}


def test_not_inside_of_an_update(live, m):
    live.module("n", "HOOK = None\ndef __after_reload__(_): HOOK()\n")
    n = sys.modules["n"]
    waiting, errors = resoul.prepare("m"), []

    def hook():
        for attempt in (waiting.commit, waiting.abandon, lambda: resoul.prepare("n")):
            with pytest.raises(resoul.UpdateError, match="in this thread") as caught:
                attempt()
            errors.append(caught.value)

    n.HOOK = hook
    live.reload("n")
    assert len(errors) == 3
    assert waiting.state == "prepared"
    waiting.commit()
    assert is_new(m)


def test_dropped_inside_of_an_update(live, leaky):
    n = live.module("n", "HOOK = None\ndef __after_reload__(_): HOOK()\n")
    waiting = [resoul.prepare("m")]
    n.HOOK = waiting.clear
    live.reload("n")
    assert is_clean(leaky)


def test_a_forked_child_has_not_got_it(program):
    out = program("""
        import os
        core = live.module("core", "LIST = []\\n")
        m = live.module("m", "import core\\ndef f(): return 1\\n")
        live.edit("m", "import core\\ncore.LIST.append(1)\\ndef f(): return 2\\n")
        update = resoul.prepare("m")
        child = os.fork()
        if child == 0:
            assert core.LIST == []
            try:
                update.commit()
            except resoul.UpdateError as error:
                assert "forked off after it was prepared" in str(error)
                assert m.f() == 1
                live.reload("m")
                assert (m.f(), core.LIST) == (2, [1])
                os._exit(7)
            os._exit(8)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert (m.f(), core.LIST) == (1, [1])
        update.commit()
        assert (m.f(), core.LIST) == (2, [1])
        print("fine")
    """)
    assert out == "fine\n"


@pytest.mark.parametrize("where", ["sys.kept", "m.kept", "kept"])
def test_one_that_waits_at_the_end_of_the_process(program, where):
    out = program(f"""
        core = live.module("core", "LIST = []\\n")
        m = live.module("m", "import core\\ndef f(): return 1\\n")
        live.edit("m", "import core\\ncore.LIST.append(1)\\ndef f(): return 2\\n")
        {where} = resoul.prepare("m")
        print("fine")
    """)
    assert out == "fine\n"


# -- what is told --------------------------------------------------------------
def test_logs(m, caplog):
    with caplog.at_level(logging.INFO, "resoul"):
        update = resoul.prepare("m")
        assert "reload of m (prepared): " in caplog.text
        caplog.clear()
        update.commit()
        assert "reload of m: " in caplog.text
        first, second = resoul.prepare("m"), resoul.prepare("m")
        first.commit()
        caplog.clear()
        with pytest.raises(resoul.RefusedError):
            second.commit()
        assert "commit of the prepared reload of m was not made: RSL403" in caplog.text


def test_state_is_printed_and_ready_for_json(m):
    update = resoul.prepare("m")
    assert str(update).startswith("reload of m (prepared): ")
    assert update.to_dict()["state"] == "prepared"
    update.abandon()
    assert str(update).startswith("reload of m (abandoned): nothing changed")
    update = resoul.reload("m")
    assert str(update).startswith("reload of m: ")
    assert update.to_dict()["state"] == "committed"


def test_audit_events(program):
    out = program("""
        events = []
        sys.addaudithook(lambda e, a: events.append((e, *a)) if e[:6] == "resoul" else 0)
        live.module("m", "X = 1\\n")
        update = resoul.prepare("m")
        update.commit()
        print(events)
    """)
    assert out == "[('resoul.prepare', ('m',)), ('resoul.reload', ('m',))]\n"
