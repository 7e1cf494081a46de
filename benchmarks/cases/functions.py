"""Functions that others hold."""

import functools

from abilities import ability, user, versions


@ability(
    "Functions",
    "`from m import f` in another module",
    short=True,
    m=versions("def f():\n    return VERSION\n"),
    other=user("f"),
)
def from_import(live):
    live.update()
    return live.other.call() == 2 and live.m.f() == 2


@ability(
    "Functions",
    "callbacks in lists, partials",
    m=versions("def f(a):\n    return VERSION\n"),
)
def containers(live):
    held = [live.m.f, functools.partial(live.m.f, 0)]
    live.update()
    return held[0](0) == 2 and held[1]() == 2


@ability(
    "Functions",
    "new parameters with default values, through an old reference",
    m=(
        "def f(a):\n    return a\n",
        "def f(a, b=2, *, c=3):\n    return a + b + c\n",
    ),
)
def new_defaults(live):
    held = live.m.f
    live.update()
    return held(1) == 6


@ability(
    "Functions",
    "a live closure runs new code and keeps what it captured",
    short=True,
    m=versions(
        "def make(n):\n    def inner():\n        return n, VERSION\n    return inner\n"
    ),
)
def closures(live):
    held = live.m.make("kept")
    live.update()
    return held() == ("kept", 2)


DECORATED = """
import functools


def twice(f):
    @functools.wraps(f)
    def wrapper(*args):
        return 2 * f(*args)
    return wrapper


def plus(n):
    def decorate(f):
        @functools.wraps(f)
        def wrapper(*args):
            return n + f(*args)
        return wrapper
    return decorate


@twice
@plus(10)
def f():
    return VERSION
"""


@ability("Functions", "under two decorators, held", short=True, m=versions(DECORATED))
def nested_decorators(live):
    held = live.m.f
    live.update()
    return held() == 24 and live.m.f() == 24


@ability(
    "Functions",
    "under `lru_cache`, held: new code, no old results",
    m=versions(
        "from functools import lru_cache\n\n\n@lru_cache\ndef f():\n    return VERSION\n"
    ),
)
def cached(live):
    held = live.m.f
    held()
    live.update()
    return held() == 2


DISPATCH = """
from functools import singledispatch


@singledispatch
def f(x):
    return "any", VERSION


@f.register
def _(x: int):
    return "int", VERSION
"""


@ability("Functions", "`singledispatch`, held", m=versions(DISPATCH))
def dispatch(live):
    held = live.m.f
    live.update()
    found = held("x") == ("any", 2), held(1) == ("int", 2)
    return all(found) or (
        f"partly: default {found[0]}, int {found[1]}" if any(found) else False
    )


@ability(
    "Functions",
    "doc and annotations of a held function",
    m=(
        'def f(a: int):\n    """One."""\n',
        'def f(a: str):\n    """Two."""\n',
    ),
)
def doc(live):
    held = live.m.f
    live.update()
    return held.__doc__ == "Two." and held.__annotations__ == {"a": str}


@ability(
    "Functions",
    "a new function that calls itself",
    m=("", "def fact(n):\n    return n * fact(n - 1) if n else 1\n"),
)
def added(live):
    live.update()
    return live.m.fact(5) == 120
