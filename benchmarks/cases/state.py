"""What the program has stored, and what runs again."""

from abilities import ability, verdict, versions

STATE = """
COUNT = 0
CACHE = {}


class Hits:
    total = 0


def f():
    return VERSION
"""


@ability(
    "State",
    "counters and caches are not reset",
    short=True,
    m=versions(STATE),
)
def state(live):
    m = live.m
    m.COUNT, m.CACHE["k"], m.Hits.total = 5, "v", 9
    live.update()
    return verdict(
        {
            "counter": m.COUNT == 5,
            "dict": m.CACHE == {"k": "v"},
            "class attribute": m.Hits.total == 9,
            "function": m.f() == 2,
        }
    )


@ability(
    "State",
    "a constant that nobody touched takes its new value",
    m=("LIMIT = 1\nTABLE = {'a': 1}\n", "LIMIT = 2\nTABLE = {'a': 2}\n"),
    other=("from m import LIMIT, TABLE\n",) * 2,
)
def constants(live):
    live.update()
    return verdict(
        {
            "in the module": live.m.LIMIT == 2 and live.m.TABLE == {"a": 2},
            "in importers": live.other.LIMIT == 2 and live.other.TABLE == {"a": 2},
        }
    )


@ability(
    "State",
    "statements that did not change are not run again",
    short=True,
    m=(
        "import registry\n\nregistry.started.append('server')\n\n\ndef f():\n    return 1\n",
        "import registry\n\nregistry.started.append('server')\n\n\ndef f():\n    return 2\n",
    ),
    registry=("started = []\n",) * 2,
)
def effects(live):
    live.update()
    return live.m.f() == 2 and live.registry.started == ["server"]


SENTINEL = """
MISSING = object()


def get(x=MISSING):
    return x is MISSING, VERSION
"""


@ability("State", "a sentinel stays one object", m=versions(SENTINEL))
def sentinel(live):
    kept = live.m.MISSING
    live.update()
    return live.m.get() == (True, 2) and live.m.get(kept) == (True, 2)


@ability(
    "State",
    "a monkeypatch is kept",
    m=versions("def f():\n    return VERSION\n\n\ndef g():\n    return VERSION\n"),
)
def monkeypatch(live):
    def patch():
        return "patched"

    live.m.f = patch
    live.update()
    return patch() == "patched" and live.m.f is patch and live.m.g() == 2


EQ = """
class Odd:
    asked = 0

    def __eq__(self, other):
        Odd.asked += 1
        raise RuntimeError("compared")

    __hash__ = None


class C:
    odd = Odd()

    def f(self):
        return VERSION
"""


@ability("State", "`__eq__` of the program is never called", m=versions(EQ))
def equality(live):
    old, odd = live.m.C(), live.m.Odd
    live.update()
    return verdict(
        {"silence": odd.asked == 0 and live.m.Odd.asked == 0, "code": old.f() == 2}
    )
