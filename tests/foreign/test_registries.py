"""What module bodies of the standard library's users do: register, start, set up."""

import pytest
from livefolder import text, warned


def test_handlers_of_loggers_are_not_doubled(app):
    import logging

    m = app.load(
        text("""
        import logging
        log = logging.getLogger("resoul.tests.foreign")
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        def say(x):
            log.info("said %s", x)
        """)
    )
    logger, handler = m.log, m.handler
    try:
        app.edit(('"said %s"', '"told %s"'))
        assert logger.handlers == [handler]
        app.edit(("logging.INFO", "logging.DEBUG"))
        assert logger.level == logging.DEBUG
        app.edit(("StreamHandler()", "StreamHandler(None)"))
        assert logger.handlers == [handler]
        assert m.handler is handler
        app.edit(("%(message)s", "%(name)s %(message)s"))
        assert handler.formatter._fmt == "%(name)s %(message)s"
        assert logger.handlers == [handler]
        app.edit(
            ("\nlog.setLevel", "\nlog.addHandler(logging.NullHandler())\nlog.setLevel")
        )
        assert [type(h).__name__ for h in logger.handlers] == [
            "StreamHandler",
            "NullHandler",
        ]
        app.edit(('"told %s"', '"said %s"'))
        assert len(logger.handlers) == 2
        records = []
        logger.addFilter(records.append)
        m.say(3)
        assert records[0].getMessage() == "said 3"
    finally:
        logger.handlers.clear()
        logger.filters.clear()
        del logging.Logger.manager.loggerDict["resoul.tests.foreign"]


def test_a_thread_is_not_started_twice(app):
    m = app.load(
        text("""
        import threading
        go, done = threading.Semaphore(0), threading.Semaphore(0)
        SAID = []
        stop = False
        def word():
            return "old"
        def step():
            SAID.append(word())
            done.release()
        def loop():
            LOG.append("started")
            while go.acquire() and not stop:
                step()
        worker = threading.Thread(target=loop, name="worker-old", daemon=True)
        worker.start()
        """)
    )
    worker = m.worker
    try:
        m.go.release()
        assert m.done.acquire(timeout=30)
        app.log.clear()
        app.edit(('"old"', '"new"'))
        m.go.release()
        assert m.done.acquire(timeout=30)
        update = app.edit(("worker-old", "worker-new"))
        m.go.release()
        assert m.done.acquire(timeout=30)
        assert m.SAID == ["old", "new", "new"]
        assert m.worker is worker
        assert app.log == []
        assert [(c.qualname, c.action) for c in update.changes] == [
            ("worker", "pending")
        ]
    finally:
        m.stop = True
        m.go.release()
        worker.join(30)
    assert not worker.is_alive()


def test_a_server_is_not_started_twice(app):
    import urllib.request

    m = app.load(
        text("""
        import http.server, threading
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(answer())
            def log_message(self, *args):
                pass
        def answer():
            return b"old"
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        """)
    )
    server, port = m.server, m.server.server_address[1]

    def ask():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as reply:
            return reply.read()

    try:
        assert ask() == b"old"
        app.edit(('b"old"', 'b"new"'))
        assert ask() == b"new"
        app.edit(("write(answer())", "write(answer() * 2)"))
        assert ask() == b"newnew"
        app.edit(
            (
                "        pass",
                "        pass\n    def do_POST(self):\n        self.send_error(400)",
            )
        )
        assert ask() == b"newnew"
        assert m.server is server
    finally:
        server.shutdown()
        server.server_close()
        m.thread.join(30)


REGISTRIES = text("""
import functools
LIST, DICT, SET, CLASSES = [], {}, set(), {}

def register(f):
    LOG.append(f.__name__)
    LIST.append(f); DICT[f.__name__] = f; SET.add(f)
    return f

@functools.singledispatch
def show(x):
    return "any"

@show.register
def _(x: int):
    return "int"

@show.register(str)
def _(x):
    return "str"

class Plugin:
    def __init_subclass__(cls, **keywords):
        LOG.append(cls.__name__)
        CLASSES[cls.__name__] = cls
        super().__init_subclass__(**keywords)

class Jump(Plugin):
    POWER = 1
    def act(self):
        return "jump"

@register
def one():
    return 1

@register
def two():
    return 2
""")


@pytest.fixture
def reg(app):
    return app.load(REGISTRIES)


def check(m, names):
    found = [getattr(m, name) for name in names]
    assert found == m.LIST
    assert dict(zip(names, found, strict=True)) == m.DICT
    assert set(found) == m.SET


def test_registered_functions_change(app, reg):
    one = reg.one
    app.edit(("return 1", "return 10"), ('"int"', '"integer"'), ('"any"', '"thing"'))
    check(reg, ["one", "two"])
    assert reg.LIST[0] is one
    assert [f() for f in reg.LIST] == [10, 2]
    assert [reg.show(x) for x in (1, "", None)] == ["integer", "str", "thing"]
    assert app.log == []


def test_functions_are_registered(app, reg):
    app.edit(
        (
            "@register\ndef two",
            "@register\ndef three():\n    return 3\n\n@register\ndef two",
        ),
        (
            "class Plugin",
            "@show.register\ndef _(x: list):\n    return 'list'\n\nclass Plugin",
        ),
    )
    check(reg, ["one", "two", "three"])
    assert [f() for f in reg.LIST] == [1, 2, 3]
    assert [reg.show(x) for x in (1, "", None, [])] == ["int", "str", "any", "list"]
    assert app.log == ["three"]
    app.edit(("'list'", "'lists'"), ("return 3", "return 33"))
    assert (reg.show([]), reg.three()) == ("lists", 33)
    assert app.log == ["three"]


def test_the_registering_function_changes(app, reg):
    app.edit(("LIST.append(f);", "LIST.insert(0, f);"))
    check(reg, ["one", "two"])
    assert app.log == []
    app.edit(
        (
            "@register\ndef two",
            "@register\ndef three():\n    return 3\n\n@register\ndef two",
        )
    )
    assert [f.__name__ for f in reg.LIST] == ["three", "one", "two"]


@pytest.mark.refuses("RSL618")
def test_a_registration_under_another_type(app, reg):
    update = app.edit(("@show.register(str)", "@show.register(bytes)"))
    assert warned(update, "_") == {"RSL618"}
    assert [reg.show(x) for x in (1, b"", None)] == ["int", "str", "any"]


def test_subclasses_register_once(app, reg):
    jump, jumper = reg.Jump, reg.Jump()
    app.edit(('"jump"', '"high jump"'))
    assert jumper.act() == "high jump"
    app.edit(("POWER = 1", "POWER = 2"))
    assert jumper.POWER == 2
    app.edit(
        ("    def act", "    def more(self):\n        return self.POWER\n\n    def act")
    )
    assert jumper.more() == 2
    assert {"Jump": jump} == reg.CLASSES
    assert reg.Jump is jump
    assert app.log == []
    app.edit(
        ("@register\ndef one", "class Run(Plugin):\n    pass\n\n@register\ndef one")
    )
    assert {"Jump": jump, "Run": reg.Run} == reg.CLASSES
    assert app.log == ["Run"]


def test_statements_that_register_are_added(app, reg):
    app.edit(
        (
            "@register\ndef two",
            "LIST.append(one)\nDICT['x'] = one\nSET.add(3)\n@register\ndef two",
        )
    )
    assert [reg.one, reg.two, reg.one] == reg.LIST
    assert {"one": reg.one, "two": reg.two, "x": reg.one} == reg.DICT
    assert {reg.one, reg.two, 3} == reg.SET
    assert app.log == []
