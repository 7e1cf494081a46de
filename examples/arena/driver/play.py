"""Plays the acts and collects what was seen.  Judges nothing: that is verdict's part."""

import time
from dataclasses import dataclass, field

from .acts import Act
from .console import Console, Crowd, Silence
from .stage import HERE, StageError

FIXES = HERE.parent / "fixes"
PATIENCE = 6.0  # seconds, of all acts, until the bots have seen hits by new editions


@dataclass
class Scene:
    """An act that was played: what was edited, what came of it, before and after."""

    act: Act
    began: float  # seconds since the demo's start
    diffs: dict  # file -> changed lines, or all lines of a fix
    answer: dict  # the server's, see arena.reloading
    before: dict  # the server's "look" right before
    after: dict  # and right after the update
    bots: dict = field(default_factory=dict)  # the bots' report at the end of the act


@dataclass
class Record:
    """The whole evening."""

    bots: int
    engine: str
    first: dict = field(default_factory=dict)  # the server's first "look"
    scenes: list[Scene] = field(default_factory=list)
    totals: dict = field(default_factory=dict)  # the server's
    report: dict = field(default_factory=dict)  # the bots' last one
    exits: dict = field(default_factory=dict)  # part -> exit status
    pids: dict = field(default_factory=dict)
    seconds: float = 0.0


class Play:
    """Runs a demo on a `stage`; `paper` prints as it goes."""

    def __init__(self, stage, paper, options):
        self.stage = stage
        self.paper = paper
        self.options = options
        self.started = time.monotonic()
        self.record = Record(options.bots, options.engine)
        self.console = None
        self.crowd = None
        self.patience = PATIENCE

    def run(self, acts):
        """Play `acts` from the first connection to the last; return the Record."""
        try:
            self.open()
            for act in acts:
                self.record.scenes.append(self.perform(act))
            self.close()
        except Silence as silence:
            raise StageError(self.stage.obituary() or str(silence)) from None
        self.record.seconds = time.monotonic() - self.started
        return self.record

    def open(self):
        """Start the server and the bots; let them play without updates for a while."""
        stage, count = self.stage, self.options.bots
        server = stage.start("server", stage.folder, "arena")
        ports = stage.first_message("server")
        self.console = Console(ports["admin"], stage.token)
        bots = stage.start(
            "bots", HERE.parent, "driver.bots", "127.0.0.1", ports["port"], count
        )
        self.record.pids = {"server": server.pid, "bots": bots.pid}
        stage.first_message("bots")
        self.crowd = Crowd(bots)
        self.record.first = self.console.ask("look")
        self.paper.opening(self.record, stage.folder)
        time.sleep(2 * self.options.pace)

    def perform(self, act):
        """Edit, have the server update itself, and let the bots play on."""
        began = time.monotonic() - self.started
        diffs = {edit.file: edit.make(self.stage.package) for edit in act.edits}
        before = self.console.ask("look")
        answer = self.update(act, diffs)
        after = self.console.ask("look")
        scene = Scene(act, began, diffs, answer, before, after)
        self.await_hits(act.editions)
        time.sleep(self.options.pace)
        scene.bots = self.crowd.report()
        self.paper.scene(scene)
        return scene

    def update(self, act, diffs):
        """Have the server do it; a fix is added to `diffs`."""
        asked = {"modules": act.modules}
        if act.fix:
            path = FIXES / act.fix
            diffs[act.fix] = path.read_text(encoding="utf-8").splitlines()
            asked = {"path": str(path), "compare": act.broken}
        return self.console.ask(act.kind, engine=self.options.engine, **asked)

    def await_hits(self, editions):
        """Wait until bots heard of hits by `editions`; verdict says if none came."""
        while self.patience > 0:
            history = self.crowd.report()["history"]
            if history and tuple(history[-1][1]) == editions:
                return
            time.sleep(0.05)
            self.patience -= 0.05

    def close(self):
        """End the match, collect the totals of both sides, stop the server."""
        self.console.ask("over")
        self.record.report = self.crowd.next_report()
        self.record.exits["bots"] = self.stage.wait("bots")
        self.record.totals = self.console.ask("totals")
        self.console.ask("stop")
        self.console.close()
        self.record.exits["server"] = self.stage.wait("server")
