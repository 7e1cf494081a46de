"""All or nothing: failures, several modules, threads, undo."""

import operator
import threading

from abilities import ability, verdict, versions

FAILING = (
    "X = 1\n\n\ndef f():\n    return 1\n\n\nclass C:\n    def f(self):\n        return 1\n",
    "X = 2\n\n\ndef f():\n    return 2\n\n\nclass C:\n    def f(self):\n        return 2\n"
    "\n\nNEW = 1\nraise RuntimeError('broken')\n",
)


@ability(
    "Transactions",
    "a body that fails leaves the program as it was",
    short=True,
    m=FAILING,
)
def failing(live):
    m, f, old = live.m, live.m.f, live.m.C()
    live.update()
    return verdict(
        {
            "functions": m.f is f and f() == 1,
            "classes": type(old) is m.C and old.f() == 1,
            "data": m.X == 1,
            "names": not hasattr(m, "NEW"),
        }
    )


@ability("Transactions", "the failure is raised to the caller", m=FAILING)
def raised(live):
    live.update()
    return live.error is not None


ONE = "def f():\n    return VERSION\n"


@ability(
    "Transactions",
    "three modules at once: the third is broken, so none changes",
    short=True,
    a=versions(ONE),
    b=versions(ONE),
    c=("def f():\n    return 1\n", "def f(:\n    return 2\n"),
)
def atomic(live):
    live.update()
    changed = [name for name in "abc" if getattr(live, name).f() != 1]
    return not changed or f"no: {', '.join(changed)} changed"


@ability(
    "Transactions",
    "two modules at once, the importer first",
    a=(
        "import b\n\n\ndef f():\n    return b.g()\n",
        "import b\n\nVALUE = b.NEW\n\n\ndef f():\n    return b.g() + VALUE\n",
    ),
    b=(
        "def g():\n    return 1\n",
        "NEW = 10\n\n\ndef g():\n    return 2\n",
    ),
)
def order(live):
    held = live.a.f
    live.update()
    return held() == 12


SLOW_BODY = """
import time


def f():
    return VERSION


time.sleep(0.02)  # long enough for other threads to look, however busy the machine is


def g():
    return VERSION


class C:
    def h(self):
        return VERSION
"""


@ability(
    "Transactions",
    "threads see all of the old code or all of the new",
    short=True,
    m=versions(SLOW_BODY),
)
def threads(live):
    stop = threading.Event()
    seen = {"all": 0, "mixed": 0, "errors": 0}
    look = operator.attrgetter(
        "f.__code__.co_consts", "g.__code__.co_consts", "C.h.__code__.co_consts"
    )

    def watch() -> None:
        while not stop.is_set():
            seen["all"] += 1
            try:
                numbers = {
                    next(n for n in consts if n is not None) for consts in look(live.m)
                }
            except AttributeError:
                seen["errors"] += 1
                continue
            seen["mixed"] += len(numbers) > 1

    thread = threading.Thread(target=watch)
    thread.start()
    for number in range(2, 12):
        live.update(m=SLOW_BODY.replace("VERSION", str(number)))
    stop.set()
    thread.join()
    if live.m.f() != 11 or live.m.C().h() != 11:
        return "no: an update did not arrive"
    if not seen["mixed"] and not seen["errors"]:
        return True
    return "no: " + ", ".join(
        f"{seen[kind] / seen['all']:.0%} {kind}"
        for kind in ("mixed", "errors")
        if seen[kind]
    )


@ability("Transactions", "an update can be undone", m=versions(ONE))
def undo(live):
    live.update()
    if not callable(getattr(live.report, "undo", None)):
        return False
    live.report.undo()
    return live.m.f() == 1
