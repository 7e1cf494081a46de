"""Programs whose instructions are counted, and what the interpreter made of them.

`calls.py KIND HISTORY ROUNDS` makes ROUNDS x 1,000 calls; the difference between two
numbers of rounds is what calls cost, whatever else happened. HISTORY is `fresh` (the
newest source was imported) or `updated` (an older one was, and then updated in steps,
with calls before and between, so that call sites had specialised on the old code).

`calls.py idle HISTORY ROUNDS` makes functions, classes, containers and calls in a process
that has (`resoul`) or has not (`plain`) imported resoul.
"""

import dis
import gc
import json
import sys

from live import LiveFolder

SOURCE = """
STEP = {tag}


def function(a, b={tag}):
    return a + b + {tag}


def make(step):
    def closure(a):
        return a + step + {tag}

    return closure


class Thing:
    def __init__(self, value=0):
        self.value = value + {tag}

    def method(self, a, b={tag}):
        return self.value + a + b

    @property
    def double(self):
        return self.value * {tag}

    @classmethod
    def of(cls, a):
        return a + {tag}

    @staticmethod
    def plain(a):
        return a - {tag}

    def __add__(self, other):
        return self.value + other + {tag}

    def __getitem__(self, index):
        return index + {tag}

    def __len__(self):
        return {tag}
"""

# What each loop does a thousand times. `held` are objects from before any update.
BODIES = {
    "function": "f(i)",
    "method": "thing.method(i)",
    "bound method": "bound(i)",
    "property": "thing.double",
    "class method": "Thing.of(i)",
    "static method": "Thing.plain(i)",
    "closure": "closure(i)",
    "new instance": "Thing(i)",
    "operator": "thing + i",
    "item": "thing[i]",
    "length": "len(thing)",
}

LOOP = """
def run(f, thing, bound, closure, Thing):
    for i in range(1000):
        {body}
"""

LAST = 4


def calls(kind: str, history: str, rounds: int) -> list[str]:
    import resoul

    folder = LiveFolder()
    first = LAST if history == "fresh" else 1
    module = folder.load("called", SOURCE.format(tag=first))
    namespace: dict[str, object] = {}
    exec(compile(LOOP.format(body=BODIES[kind]), "loop.py", "exec"), namespace)
    run = namespace["run"]
    thing = module.Thing()
    held = (module.function, thing, thing.method, module.make(2), module.Thing)
    for tag in range(first + 1, LAST + 1):
        for _ in range(20):
            run(*held)
        folder.write("called", SOURCE.format(tag=tag))
        resoul.reload(module, execute="all")
    thing.__init__()
    if held[0](1, 0) != 1 + LAST or held[3](1) != 3 + LAST or thing.value != LAST:
        raise SystemExit("an update did not arrive")
    for _ in range(100):
        run(*held)
    for _ in range(rounds):
        run(*held)
    return [i.opname for i in dis.get_instructions(run, adaptive=True)]


def idle(history: str, rounds: int) -> list[str]:
    # both import what resoul needs, so that they differ by resoul alone
    import dataclasses  # noqa: F401
    import fnmatch  # noqa: F401
    import logging  # noqa: F401

    if history == "resoul":
        import resoul  # noqa: F401

    def run() -> None:
        class Made:
            def method(self):
                return [self]

        made = Made()
        for i in range(1000):
            made.method()
            made.value = {i: (lambda i=i: i)}
            made.value[i]()

    for _ in range(100 + rounds):
        run()
    return [i.opname for i in dis.get_instructions(run, adaptive=True)]


def main() -> None:
    gc.disable()  # when it runs depends on more than the loop
    kind, history, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    opcodes = idle(history, rounds) if kind == "idle" else calls(kind, history, rounds)
    json.dump(opcodes, sys.stdout)


if __name__ == "__main__":
    main()
