"""FastAPI and Flask: a new route is registered once, old ones are not again."""

import pytest
from livefolder import text, warned

import resoul

FASTAPI = text("""
from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel

app = FastAPI()
router = APIRouter(prefix="/r")
HITS = []

class Order(BaseModel):
    count: int

def user(name: str = "ann"):
    return name

@app.middleware("http")
async def count(request, call_next):
    HITS.append(1)
    return await call_next(request)

@app.get("/a")
def a(who: str = Depends(user)):
    return {"a": who}

@app.post("/order")
async def order(o: Order):
    return {"ordered": o.count}

@router.get("/deep")
def deep():
    return "deep"

app.include_router(router)
""")


@pytest.fixture
def fast(app):
    """The module, its client, and a first request."""
    pytest.importorskip("fastapi", reason="no FastAPI for this CPython")
    pytest.importorskip("httpx", reason="no httpx for this CPython")
    from fastapi.testclient import TestClient

    m = app.load(FASTAPI)
    with TestClient(m.app) as client:
        m.client = client
        assert client.get("/a").json() == {"a": "ann"}
        yield m


def routes(m):
    return [r.path for r in m.app.router.routes if hasattr(r, "path")]


def test_a_handler_of_fastapi_changes(app, fast):
    before, first = routes(fast), list(fast.app.router.routes)
    app.edit(
        ('{"a": who}', '{"a": who + "!"}'),
        ("o.count}", "o.count + 1}"),
        ('return "deep"', 'return "deeper"'),
        ("    return name", "    return name.upper()"),
        ("HITS.append(1)", "HITS.append(2)"),
    )
    fast.HITS.clear()
    assert fast.client.get("/a").json() == {"a": "ANN!"}
    assert fast.client.post("/order", json={"count": 2}).json() == {"ordered": 3}
    assert fast.client.get("/r/deep").json() == "deeper"
    assert fast.HITS == [2, 2, 2]
    assert routes(fast) == before
    assert all(x is y for x, y in zip(fast.app.router.routes, first, strict=True))


def test_a_route_of_fastapi_is_added(app, fast):
    before = routes(fast)
    update = app.edit(
        (
            '@app.post("/order")',
            '@app.get("/new")\ndef new(): return 7\n\n@app.post("/order")',
        )
    )
    assert routes(fast) == [*before, "/new"]
    assert fast.client.get("/new").json() == 7
    assert fast.client.get("/a").json() == {"a": "ann"}
    assert "/new" in fast.client.get("/openapi.json").json()["paths"]
    assert update.warnings == []
    app.edit(("return 7", "return 8"))
    assert fast.client.get("/new").json() == 8
    assert routes(fast) == [*before, "/new"]


@pytest.mark.refuses("RSL614")
def test_a_parameter_of_a_fastapi_handler_changes(app, fast):
    """Its signature was read when the route was registered."""
    update = app.edit(("def a(who", "def a(limit: int = 3, who"))
    assert warned(update, "a") == {"RSL614"}
    assert fast.client.get("/a?limit=x").json() == {"a": "ann"}


@pytest.mark.refuses("RSL618")
def test_a_route_of_fastapi_gets_another_path(app, fast):
    """The old one is a registration that nobody takes back."""
    before = routes(fast)
    update = app.edit(('@app.get("/a")', '@app.get("/b")'))
    assert warned(update, "a") == {"RSL618"}
    assert routes(fast) == [*before, "/b"]
    assert fast.client.get("/b").json() == {"a": "ann"}
    app.edit(('{"a": who}', '{"a": who + "!"}'))
    assert fast.client.get("/a").json() == {"a": "ann!"}
    assert fast.client.get("/b").json() == {"a": "ann!"}


FLASK = text("""
from flask import Blueprint, Flask

app = Flask("app")
blue = Blueprint("blue", __name__, url_prefix="/blue")

@app.before_request
def before():
    LOG.append("before")

@app.route("/a")
def a():
    return "a"

@app.route("/b/<int:n>", methods=["GET", "POST"])
def b(n):
    return {"n": n}

@blue.route("/c")
def c():
    return "c"

@app.errorhandler(404)
def missing(error):
    return "none", 404

app.register_blueprint(blue)
""")


@pytest.fixture
def flask(app):
    pytest.importorskip("flask", reason="no Flask for this CPython")
    m = app.load(FLASK)
    m.client = m.app.test_client()
    return m


def rules(m):
    return sorted(rule.rule for rule in m.app.url_map.iter_rules())


def test_a_handler_of_flask_changes(app, flask):
    assert flask.client.get("/a").text == "a"
    before = rules(flask)
    app.edit(
        ('return "a"', 'return "aa"'),
        ('{"n": n}', '{"n": n + 1}'),
        ('return "c"', 'return "cc"'),
        ('"none", 404', '"nothing", 404'),
        ('"before"', '"earlier"'),
    )
    app.log.clear()
    assert flask.client.get("/a").text == "aa"
    assert flask.client.post("/b/2").json == {"n": 3}
    assert flask.client.get("/blue/c").text == "cc"
    assert flask.client.get("/zzz").text == "nothing"
    assert app.log == ["earlier"] * 4
    assert rules(flask) == before
    assert len(flask.app.before_request_funcs[None]) == 1


def test_a_route_of_flask_is_added(app, flask):
    before = rules(flask)
    app.edit(
        (
            "@app.errorhandler",
            '@app.route("/new")\ndef new(): return "n"\n\n@app.errorhandler',
        )
    )
    assert rules(flask) == sorted([*before, "/new"])
    assert flask.client.get("/new").text == "n"
    assert flask.client.get("/a").text == "a"
    app.edit(('return "n"', 'return "nn"'))
    assert flask.client.get("/new").text == "nn"


def test_flask_refuses_a_route_after_the_first_request(app, flask):
    """Flask's own rule: the update fails, and the program is as it was."""
    assert flask.client.get("/a").text == "a"
    before = rules(flask)
    with pytest.raises(resoul.UpdateError):
        app.edit(
            (
                "@app.errorhandler",
                '@app.route("/new")\ndef new(): return "n"\n\n@app.errorhandler',
            )
        )
    assert rules(flask) == before
    assert not hasattr(flask, "new")
    assert flask.client.get("/a").text == "a"


def test_a_route_of_flask_gets_another_path(app, flask):
    """Flask wants another name for it, too."""
    with pytest.raises(resoul.PrepareError, match="overwriting an existing endpoint"):
        app.edit(('@app.route("/a")', '@app.route("/z")'))
    assert flask.client.get("/a").text == "a"
