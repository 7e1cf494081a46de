"""Tasks, generators and threads, running or suspended, go on."""

import asyncio
import concurrent.futures
import queue
import sched
import threading

import pytest


def test_suspended_generators_finish_on_old_code(live):
    source = """
        TAG = "global"
        def gen(n):
            local = "old"
            for i in range(n):
                yield local, i, helper(), TAG
        def helper(): return "old helper"
        """
    m = live.module("m", source)
    started, unstarted = m.gen(3), m.gen(2)
    assert next(started) == ("old", 0, "old helper", "global")
    live.update(
        "m", source.replace("old", "new").replace("range(n)", "range(n, 2 * n)")
    )
    assert list(started) == [("old", i, "new helper", "global") for i in (1, 2)]
    assert list(unstarted) == [("old", i, "new helper", "global") for i in (0, 1)]
    assert list(m.gen(2)) == [("new", i, "new helper", "global") for i in (2, 3)]


def test_generator_send_throw_close_and_frame(live):
    source = """
        LOG = []
        def gen():
            try:
                while True:
                    try: LOG.append(("old", (yield "old")))
                    except ValueError: LOG.append("old caught")
            finally:
                LOG.append("old closed")
        """
    m = live.module("m", source)
    g = m.gen()
    next(g)
    live.update("m", source.replace("old", "new"))
    assert g.send(1) == "old"
    assert g.throw(ValueError) == "old"
    assert g.gi_frame.f_globals is vars(m)
    assert g.gi_code.co_name == "gen"
    g.close()
    assert m.LOG == [("old", 1), "old caught", "old closed"]


def test_yield_from_between_old_and_new(live):
    source = """
        def inner():
            yield "old 1"
            yield "old 2"
        def outer():
            yield from inner()
            yield from inner()
        """
    m = live.module("m", source)
    g = m.outer()
    assert next(g) == "old 1"
    live.update("m", source.replace("old", "new"))
    assert list(g) == ["old 2", "new 1", "new 2"]


def test_asyncio_tasks_go_on(live):
    source = """
        async def step(): return "old"
        async def worker(ready, go):
            first = await step()
            ready.set()
            await go.wait()
            return "old", first, await step()
        async def ticks(queue):
            async for n in numbers():
                await queue.put(n)
        async def numbers():
            for n in range(3): yield "old", n
        """
    m = live.module("m", source)

    async def main():
        ready, go = asyncio.Event(), asyncio.Event()
        tasks = [asyncio.create_task(m.worker(ready, go)) for _ in range(10)]
        unstarted = m.worker(ready, go)
        numbers = m.numbers()
        first = await anext(numbers)
        await ready.wait()
        update = live.update("m", source.replace("old", "new"))
        go.set()
        done = await asyncio.gather(*tasks)
        late = await asyncio.create_task(m.worker(ready, go))
        rest = [n async for n in numbers]
        return update, done, await unstarted, late, [first, *rest]

    update, done, unstarted, late, numbers = asyncio.run(main())
    assert done == [("old", "old", "new")] * 10
    assert unstarted == ("old", "new", "new")
    assert late == ("new", "new", "new")
    assert numbers == [("old", 0), ("old", 1), ("old", 2)]
    lagging = {group.qualname: group.count for group in update.lagging}
    assert lagging["worker"] in (10, 11)
    assert lagging["numbers"] == 1
    assert "step" not in lagging


def test_asyncio_callbacks_timers_and_handlers_follow(live):
    source = """
        LOG = []
        def on_timer(): LOG.append("old timer")
        def on_done(task): LOG.append("old done")
        class Protocol:
            def data(self): LOG.append("old data")
        """
    m = live.module("m", source)

    async def main():
        loop = asyncio.get_running_loop()
        handler = m.Protocol().data
        task = asyncio.create_task(asyncio.sleep(0))
        task.add_done_callback(m.on_done)
        loop.call_later(0.001, m.on_timer)
        loop.call_soon(handler)
        live.update("m", source.replace("old", "new"))
        await task
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert sorted(m.LOG) == ["new data", "new done", "new timer"]


def test_an_update_within_a_task_of_the_loop(live):
    m = live.module("m", "async def f(update):\n    update()\n    return 'old'\n")

    async def main():
        old = await m.f(lambda: live.update("m", "async def f(update): return 'new'\n"))
        return old, await m.f(None)

    assert asyncio.run(main()) == ("old", "new")


def test_threads_that_run_a_loop_finish_it_on_old_code(live):
    source = """
        def step(): return "old step"
        def work(inbox, outbox):
            while (item := inbox.get()) is not None:
                outbox.put(("old", step(), item))
        """
    m = live.module("m", source)
    inbox, outbox = queue.Queue(), queue.Queue()
    thread = threading.Thread(target=m.work, args=[inbox, outbox])
    thread.start()
    inbox.put(1)
    assert outbox.get() == ("old", "old step", 1)
    update = live.update("m", source.replace("old", "new"))
    inbox.put(2)
    assert outbox.get() == ("old", "new step", 2)
    inbox.put(None)
    thread.join()
    assert [(g.qualname, g.count) for g in update.lagging] == [("work", 1)]
    threads = [threading.Thread(target=m.work, args=[inbox, outbox]) for _ in range(2)]
    for thread in threads:
        thread.start()
    inbox.put(3)
    assert outbox.get() == ("new", "new step", 3)
    for _ in threads:
        inbox.put(None)
    for thread in threads:
        thread.join()


def test_thread_pools_schedulers_and_timers_follow(live):
    source = "def f(*a): return 'old'\nclass K:\n    def m(self): return 'old'\n"
    m = live.module("m", source)
    results, gate = [], threading.Event()
    scheduler = sched.scheduler()
    scheduler.enter(0, 1, lambda f=m.f: results.append(f()))
    timer = threading.Timer(1000, m.f)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(gate.wait)
        waiting = [pool.submit(m.f), pool.submit(m.K().m)]
        live.update("m", source.replace("old", "new"))
        gate.set()
        assert [w.result() for w in waiting] == ["new", "new"]
    scheduler.run()
    assert results == ["new"]
    assert timer.function() == "new"


def test_recursion_across_an_update(live):
    source = "def f(n, act):\n    if n == 5: act()\n    return ['old'] + (f(n - 1, act) if n else [])\n"
    m = live.module("m", source)
    result = m.f(8, lambda: live.update("m", source.replace("old", "new")))
    assert result == ["old"] * 4 + ["new"] * 5


def test_a_method_with_super_that_is_running(live):
    source = """
        class A:
            def f(self, act): return "old A"
        class B(A):
            def f(self, act):
                act()
                return "old B", super().f(act), __class__
        """
    m = live.module("m", source)
    b = m.B()
    result = b.f(lambda: live.update("m", source.replace("old", "new")))
    assert result == ("old B", "new A", m.B)
    assert b.f(lambda: None) == ("new B", "new A", m.B)


USES = {
    "constructor": lambda m, k: m.K().made,
    "property": lambda m, k: k.p,
    "iterator": lambda m, k: next(k),
}


@pytest.mark.parametrize("use", USES)
def test_special_methods_that_are_running(live, use):
    source = """
        ACT = [None]
        class K:
            def __init__(self):
                ACT[0]()
                self.made = "old"
            @property
            def p(self):
                ACT[0]()
                return "old"
            def __iter__(self): return self
            def __next__(self):
                ACT[0]()
                return "old"
        """
    m = live.module("m", source)
    m.ACT[0] = lambda: None
    k = m.K()

    def act():
        m.ACT[0] = lambda: None
        live.update("m", source.replace("old", "new"))

    m.ACT[0] = act
    assert USES[use](m, k) == "old"
    assert USES[use](m, k) == "new"


def test_sorting_with_a_key_function_that_updates_itself(live):
    source = "def key(x): return x\n"
    m = live.module("m", source)
    seen = []

    def key(x):
        if len(seen) == 5:
            live.update("m", "def key(x): return -x\n")
        seen.append(x)
        return m.key(x)

    sorted(range(10), key=key)
    assert sorted(range(3), key=m.key) == [2, 1, 0]


def test_comprehensions_lambdas_and_nested_frames_that_are_running(live):
    source = "def f(act): return [(lambda: act(x) or ('old', x))() for x in range(3)]\n"
    m = live.module("m", source)

    def act(x):
        if x == 1:
            live.update("m", source.replace("old", "new"))

    assert m.f(act) == [("old", 0), ("old", 1), ("old", 2)]
    assert m.f(lambda x: None) == [("new", 0), ("new", 1), ("new", 2)]


def test_exceptions_through_old_and_new_frames(live):
    source = """
        def outer(act):
            try: inner(act)
            except KeyError: return "old caught"
        def inner(act):
            act()
            raise KeyError
        """
    m = live.module("m", source)
    new = source.replace("old", "new").replace("KeyError", "ValueError")
    assert m.outer(lambda: live.update("m", new)) == "old caught"
    assert m.outer(lambda: None) == "new caught"


def test_async_generators_and_context_managers_that_are_open(live):
    source = """
        import contextlib
        LOG = []
        @contextlib.asynccontextmanager
        async def opened():
            try: yield "old"
            finally: LOG.append("old closed")
        class Manager:
            def __enter__(self): return "old"
            def __exit__(self, *a): LOG.append("old exit")
        """
    m = live.module("m", source)

    async def main():
        async with m.opened() as value:
            with m.Manager():
                live.update("m", source.replace("old", "new"))
        async with m.opened() as new:
            pass
        return value, new

    assert asyncio.run(main()) == ("old", "new")
    assert m.LOG == ["new exit", "old closed", "new closed"]


@pytest.mark.parametrize("count", [1, 200])
def test_many_suspended_frames(live, count):
    source = "def gen(n):\n    yield 'old', n\n    yield 'old', n\n"
    m = live.module("m", source)
    held = [m.gen(n) for n in range(count)]
    for generator in held:
        next(generator)
    update = live.update("m", source.replace("old", "new"))
    assert [(g.qualname, g.count) for g in update.lagging] == [("gen", count)]
    assert [next(g) for g in held] == [("old", n) for n in range(count)]
