"""What the program and its people are told."""

import traceback

from abilities import ability, verdict


@ability(
    "Reports",
    "line numbers of functions that only moved",
    m=(
        "def f():\n    raise ValueError\n",
        "import math\n\n\ndef f():\n    raise ValueError\n",
    ),
)
def lines(live):
    held = live.m.f
    live.update()
    try:
        held()
    except ValueError as error:
        return traceback.extract_tb(error.__traceback__)[-1].lineno == 5
    return False


@ability(
    "Reports",
    "suspended generators finish, and are named",
    m=(
        "def f():\n    yield 1\n    yield 1\n",
        "def f():\n    yield 2\n    yield 2\n",
    ),
)
def suspended(live):
    running = live.m.f()
    next(running)
    live.update()
    finishes = next(running) == 1 and next(live.m.f()) == 2
    named = any(group.qualname == "f" for group in getattr(live.report, "lagging", ()))
    return verdict({"finished": finishes, "named": named})
