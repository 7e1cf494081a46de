"""A thread that tries to catch an update half done.

It reads the code of the formula, the code of the base class's rule and all rows of the
table in *one* call into C: no Python code runs in between, so no other thread gets the
GIL, and what it has read was true at one moment.  Which editions these are it finds out
afterwards, once for each combination.  A combination that no update has ever committed
is an update seen half done.

The same two functions it reads through copies, too: one that another module imported by
name, and one bound to a sentry.  There, a combination that is not the next one which was
committed is half an update, or a copy that did not follow.

While the snippet of a hotfix runs, what it binds can be seen by name (docs/hotfix.md), so
snapshots of names from that time are counted apart.  Functions change for their holders
with the commit only: of the copies no snapshot is left out.

It also knows how long it had to wait for its turn, which is the outside view of how long
an update keeps other threads from running.  Python itself lets a thread wait for the
switch interval, 5 ms, whenever another one is busy; that is included.
"""

import contextlib
import threading
import time
import types
from functools import partial
from operator import attrgetter, call

from . import combat, entities, formula
from .sentries import Sentry
from .weapons import WEAPONS


class Auditor:
    """Owns the thread.

    states    counts snapshots by (formula, table, rules)
    running   the same, of snapshots while a snippet ran
    copies    (formula, rules), whenever the copies were other ones than before
    """

    def __init__(self, period=0.0005):
        self.period = period
        self.states = {}
        self.running = {}
        self.copies = []
        self.snapshots = 0
        self.woke = time.perf_counter_ns()
        self.waited = {False: 0, True: 0}  # the longest wait in ns, by `updating`
        self.updating = False
        self.snippet = False
        self.known = {}  # contents of what was read -> its state
        self.readers = (
            partial(attrgetter("damage.__wrapped__.__code__"), formula),
            partial(attrgetter("Fighter.hurt.__code__"), entities),
            partial(attrgetter("damage.__wrapped__.__code__"), combat),
            partial(attrgetter("__func__.__code__"), Sentry(0).hurt),
            partial(list, WEAPONS.values()),
            partial(attrgetter("snippet"), self),
        )
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, name="auditor")

    def run(self):
        """Take snapshots until stopped."""
        while not self.stopping.wait(self.period):
            self.snapshots += 1
            self.wake()
            self.note(*tuple(map(call, self.readers)))

    def note(self, damage, hurt, damage_copy, hurt_copy, rows, snippet):
        """Take down what was read at one moment."""
        state = self.state_of(damage, hurt, rows)
        states = self.running if snippet else self.states
        states[state] = states.get(state, 0) + 1
        copied, _, rules = self.state_of(damage_copy, hurt_copy, rows)
        if not self.copies or self.copies[-1] != (copied, rules):
            self.copies.append((copied, rules))

    def wake(self):
        """Note how long the wait was, beyond the pause that was asked for."""
        now = time.perf_counter_ns()
        waited = now - self.woke - round(self.period * 1e9)
        self.waited[self.updating] = max(self.waited[self.updating], waited)
        self.woke = now

    @contextlib.contextmanager
    def watching(self, *, snippet):
        """While an update runs: `waited[True]` is the longest wait during it."""
        self.waited[True] = 0
        self.updating = True
        self.snippet = snippet
        try:
            yield
        finally:
            self.wake()  # a wait that began during the update belongs to it
            self.updating = self.snippet = False

    def state_of(self, damage, hurt, rows):
        """Return (formula, table, rules); a table of several editions is their tuple.

        The key is made of contents: keeping the code objects would make the auditor a
        holder of old code, and their ids alone can be given to other objects.
        """
        tables = tuple(row.table for row in rows)
        key = contents(damage), contents(hurt), tables
        if key not in self.known:
            table = tables[0] if len({*tables}) == 1 else tables
            edition = edition_of_formula(damage, rows[0])
            self.known[key] = edition, table, edition_of_rule(hurt)
        return self.known[key]

    def report(self):
        """Return what was seen, for JSON."""
        return {
            "snapshots": self.snapshots,
            "seen": counted(self.states),
            "while_a_snippet_ran": counted(self.running),
            "copies": list(self.copies),
            "waited_ns": self.waited[False],
        }

    def close(self):
        """Stop the thread."""
        self.stopping.set()
        self.thread.join()


def counted(states):
    """Return [[*state, how often it was seen]] for JSON."""
    return [[*state, count] for state, count in list(states.items())]


def contents(code):
    """What tells one edition of a function's code from another."""
    return code.co_code, code.co_names, code.co_consts


def edition_of_formula(code, row):
    """Run this very code object, whatever the function has by now."""
    try:
        return types.FunctionType(code, vars(formula))(row, 1.0, 0.0)[1]
    except Exception as error:  # code and row that do not fit: half an update
        return f"{type(error).__name__}: {error}"


def edition_of_rule(code):
    """The same for Fighter.hurt, with a stand-in for the fighter."""
    dummy = types.SimpleNamespace(health=1.0, soften=lambda amount: amount)
    try:
        return types.FunctionType(code, vars(entities))(dummy, 1.0).rules
    except Exception as error:
        return f"{type(error).__name__}: {error}"
