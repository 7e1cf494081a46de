"""Prints the demo."""

import platform
import sys
import textwrap

from .verdict import held_objects, nothing_changed, punctuality, same_contents, undone

RULE = "-" * 78
SHOWN = 8  # lines of an edit


class Paper:
    """Prints as the play goes on, and the closing table."""

    def __init__(self, diffs):
        self.diffs = diffs  # whether to print the edits in full
        self.record = None

    def say(self, text=""):
        """Print a line now, also into a pipe."""
        print(text, flush=True)

    def opening(self, record, folder):
        """Who plays."""
        self.record = record
        pids = record.pids
        self.say(
            f"Python {platform.python_version()}, a game server (pid {pids['server']})"
        )
        self.say(
            f"and {record.bots} bots in a second process (pid {pids['bots']})"
            " that play without pause."
        )
        self.say(f"Its source files are edited in {folder / 'arena'}")
        self.say("and reloaded while they play.  Editions are formula/table/rules.")

    def scene(self, scene):
        """One act."""
        act = scene.act
        self.say(
            f"\n{RULE}\nAct {act.name}  {act.title}   [{scene.began:.1f} s]\n{RULE}"
        )
        for file, lines in scene.diffs.items():
            self.say(f"{file}")
            shown = lines if self.diffs or scene.act.fix else lines[:SHOWN]
            for line in shown:
                self.say(f"    {line}")
            if len(lines) > len(shown):
                self.say(f"    ... and {len(lines) - len(shown)} more, see --diff")
        self.say()
        if scene.answer["applied"]:
            self.applied(scene)
        else:
            self.refused(scene)
        self.bots(scene)

    def applied(self, scene):
        """The update as a tree, and what it changed."""
        self.say(">>> print(update)")
        for line in scene.answer["text"].splitlines():
            self.say(f"    {line}")
        self.say()
        self.changes(scene)
        update = scene.answer["update"]
        self.say(
            f"prepare {duration(update['prepare_ns'])}, pause"
            f" {duration(update['pause_ns'])}, blocked {duration(update['blocked_ns'])};"
            f" held objects: {held_objects(scene, self.record).found}"
        )
        if scene.act.undoes:
            self.say(
                f"modules and classes, compared with those before act"
                f" {scene.act.undoes}: {undone(scene, self.record).found}"
            )

    def changes(self, scene):
        """The samples that came out differently."""
        before, after = scene.before["samples"], scene.after["samples"]
        rows = [(what, old, after[what]) for what, old in before.items()]
        for what, old, new in rows:
            if old != new:
                self.say(f"{what}\n    before  {old}\n    after   {new}")

    def refused(self, scene):
        """The exception, and that nothing changed."""
        error = scene.answer["error"]
        self.say(hanging(f"{error['type']}: {error['text']}", indent=4))
        if error["type"] != "RefusedError":
            self.say(f"    caused by {error['cause']}: {error['cause_text']}")
        self.say(f"    at {error['place']}")
        before, after = scene.before["samples"], scene.after["samples"]
        same = sum(before[what] == after[what] for what in before)
        self.say(
            f"behaviour: {same} of {len(before)} samples the same; "
            f"modules and classes: {nothing_changed(scene).found};\n"
            f"held objects: {held_objects(scene, self.record).found}"
        )
        if scene.act.fix:
            self.say(f"players, rooms, table: {same_contents(scene).found}")
        self.changes(scene)

    def bots(self, scene):
        """What the players noticed."""
        bots = scene.bots
        tick, editions = bots["history"][-1]
        seen = "/".join(map(str, editions))
        hits = ", ".join(f"{n:,} {name.lower()}" for name, n in bots["hits"].items())
        self.say(
            f"{bots['connected']} of {bots['bots']} bots play on:"
            f" hits by {seen} since tick {tick}, {len(bots['mixed'])} ticks mixed\n"
            f"hits so far: {hits}"
        )

    def closing(self, record, checks):
        """The table for sceptics."""
        traffic, bots = record.totals["traffic"], record.report
        self.say(f"\n{RULE}\nWhat a sceptic wants to see\n{RULE}")
        for check in checks:
            mark = "ok    " if check.kept else "FAILED"
            if not check.kept or not check.name.startswith("act "):
                self.say(hanging(f"{mark} {check.name:28} {check.found}"))
        acts = [check for check in checks if check.name.startswith("act ")]
        kept = sum(check.kept for check in acts)
        mark = "ok    " if kept == len(acts) else "FAILED"
        self.say(f"{mark} {'checks within the acts':28} {kept} of {len(acts)}")
        self.say(
            f"\n{'messages':12}{'sent':>10}{'received':>10}{'lost':>8}{'disorder':>10}"
        )
        self.flow("to server", bots["sent"], traffic, traffic["received"])
        self.flow("to bots", traffic["sent"], bots, bots["received"])
        self.updates(record)
        self.lateness(record)
        self.say(f"\nThe demo took {record.seconds:.1f} s.")

    def flow(self, name, sent, receiver, received):
        """A row of the table of messages."""
        self.say(
            f"{name:12}{sent:>10,}{received:>10,}{sent - received:>8,}"
            f"{receiver['out_of_order']:>10,}"
        )

    def updates(self, record):
        """A row for each update that was applied, or was not."""
        heads = ("prepare", "plan", "pause", "blocked", "whole call", "thread waits")
        self.say(f"\n{'update':12}" + "".join(f"{head:>13}" for head in heads))
        for scene in record.scenes:
            update = scene.answer.get("update")
            names = ("prepare_ns", "plan_ns", "pause_ns", "blocked_ns")
            cells = [duration(update[name]) if update else "-" for name in names]
            cells.append(duration(scene.answer["took_ns"]))
            cells.append(duration(scene.answer["waited_ns"]))
            self.say(
                f"act {scene.act.name:8}" + "".join(f"{cell:>13}" for cell in cells)
            )

        self.say(
            "thread waits: how long another thread of the server waited for its turn;"
            f"\n{duration(record.totals['auditor']['waited_ns'])} at other times."
            "  Python's switch interval of 5 ms is included."
        )

    def lateness(self, record):
        """How punctual the ticks were."""
        without, with_updates, work = punctuality(record)
        period = record.totals["period"]
        self.say(f"\n{'lateness':22}{'worst':>10}{'median':>10}{'ticks':>8}")
        for name, row in (
            ("without an update", without),
            ("right after an update", with_updates),
        ):
            cells = duration(row.worst * 1e9), duration(row.middle * 1e9)
            self.say(f"{name:22}{cells[0]:>10}{cells[1]:>10}{row.ticks:>8}")
        self.say(
            f"A tick is due every {duration(period * 1e9)} and works for"
            f" {duration(work * 1e9)}; no bot waited longer than"
            f" {duration(record.report['silence_s'] * 1e9)} for the next one."
        )


def duration(ns):
    """Write a duration with three digits and a unit."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.0f} ns"


def hanging(text, indent=36):
    """Wrap a row of the closing table, or an error."""
    return textwrap.fill(text, 96, subsequent_indent=" " * indent)


def complain(text):
    """Print to standard error."""
    print(text, file=sys.stderr, flush=True)
