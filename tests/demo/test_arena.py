"""The demo keeps its promises, notices when they are broken, and leaves nothing behind.

Each test runs examples/arena/demo.py as a process of its own, with TMPDIR set to an
empty folder that has to be empty again afterwards.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

ARENA = Path(__file__).resolve().parents[2] / "examples" / "arena"
SHORT = ("--bots", "30", "--pace", "0.2")
EDITIONS = [[1, 1, 1], [2, 2, 1], [2, 3, 2], [3, 4, 2], [4, 4, 3], [3, 4, 2]]
COPIES = [[1, 1], [2, 1], [2, 2], [3, 2], [4, 3], [3, 2]]  # formula, rules


class Demo:
    """A demo that runs, with the lines that it has printed so far."""

    def __init__(self, scratch, *arguments):
        self.scratch = scratch
        self.lines = []
        self.process = subprocess.Popen(
            [sys.executable, str(ARENA / "demo.py"), *arguments],
            env=os.environ | {"TMPDIR": str(scratch)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )

    def read_until(self, start):
        """Read the output up to the line that begins with `start`."""
        for line in self.process.stdout:
            self.lines.append(line)
            if line.startswith(start):
                return
        pytest.fail(f"no line {start!r}:\n{self.text()}{self.process.stderr.read()}")

    def finish(self):
        """Wait for the end; return the exit status and standard error."""
        output, errors = self.process.communicate(timeout=70)
        self.lines.append(output)
        return self.process.returncode, errors

    def text(self):
        return "".join(self.lines)

    def pids(self):
        """The server's and the bots', from the opening lines."""
        words = self.text().replace(")", " ").split("(pid ")[1:3]
        return [int(word.split()[0]) for word in words]

    def assert_nothing_left(self):
        """No process of the demo, no file in TMPDIR.  Orphans may take a moment."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            alive = [pid for pid in self.pids() if runs(pid)]
            files = list(self.scratch.iterdir())
            if not alive and not files:
                return
            time.sleep(0.05)
        pytest.fail(f"left behind: processes {alive}, files {files}")


def runs(pid):
    """Whether the process exists and is no zombie (whose reaper is not our matter)."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        os.kill(pid, 0)
        return (
            not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
        )
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.fixture
def demo(tmp_path):
    """Start demos; those that still run when the test is over are killed."""
    started = []

    def start(*arguments):
        scratch = tmp_path / "tmp"
        scratch.mkdir(exist_ok=True)
        started.append(Demo(scratch, *arguments))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
        one.process.stdout.close()
        one.process.stderr.close()


@pytest.fixture
def driver(monkeypatch):
    """The demo's own modules."""
    monkeypatch.syspath_prepend(str(ARENA))
    from driver import acts, bots, console, edits, paper, play, stage, verdict

    return SimpleNamespace(
        acts=acts,
        bots=bots,
        console=console,
        edits=edits,
        paper=paper,
        play=play,
        stage=stage,
        verdict=verdict,
    )


def checks_of(seen, *, kept):
    return {check["name"] for check in seen["checks"] if check["kept"] == kept}


def test_all_promises_are_kept(demo, tmp_path):
    short = demo(*SHORT, "--json", str(tmp_path / "seen.json"))
    status, errors = short.finish()
    assert status == 0, short.text() + errors
    seen = json.loads((tmp_path / "seen.json").read_text())

    assert seen["ok"] and seen["engine"] == "resoul"
    assert checks_of(seen, kept=False) == set()
    traffic, bots = seen["traffic"], seen["bots_report"]
    assert traffic["accepted"] == traffic["farewells"] == bots["bots"] == 30
    assert bots["sent"] == traffic["received"] > 0
    assert traffic["sent"] == bots["received"] > 0
    assert [editions for _, editions in bots["history"]] == EDITIONS
    assert bots["mixed"] == {} and bots["hits"]["RAILGUN"] > 0
    assert seen["auditor"]["snapshots"] > 100
    assert seen["auditor"]["copies"] == COPIES

    applied = [act["act"] for act in seen["acts"] if act["answer"]["applied"]]
    assert applied == ["1", "2", "4", "5a", "5d"]
    for act in seen["acts"]:
        assert act["answer"]["waited_ns"] >= 0
        assert act["identities_before"] == act["identities_after"]
        if act["answer"]["applied"]:
            numbers = act["answer"]["update"]
            assert 0 < numbers["pause_ns"] <= numbers["blocked_ns"]
            assert 0 < numbers["plan_ns"] < act["answer"]["took_ns"]
        else:
            assert act["samples_before"] == act["samples_after"]
    assert seen["lateness_s"]["with_updates"]["ticks"] == 9
    short.assert_nothing_left()


def test_what_the_hotfix_act_shows(demo, tmp_path):
    short = demo(*SHORT, "--json", str(tmp_path / "seen.json"))
    status, errors = short.finish()
    assert status == 0, short.text() + errors
    acts = {
        act["act"]: act
        for act in json.loads((tmp_path / "seen.json").read_text())["acts"]
    }

    fix, undone = acts["5a"], acts["5d"]
    assert [fix["kind"], undone["kind"]] == ["hotfix", "undo"]
    assert len(changed_samples(fix)) == 7
    assert changed_samples(undone) == changed_samples(fix)
    assert undone["samples_after"] == fix["samples_before"]
    assert undone["answer"]["update"]["undoes"] == fix["answer"]["update"]["id"]

    raised, unbound = acts["5b"], acts["5c"]
    assert raised["answer"]["error"]["place"].startswith("<hotfix fix_1043@")
    assert raised["contents_compared"] > 2 * 30  # players and their trophies
    assert unbound["answer"]["error"]["type"] == "RefusedError"
    assert unbound["answer"]["error"]["cause"] == "RSL741"
    assert "fix_1042.py\n" in short.text() and "RSL741" in short.text()


def changed_samples(act):
    before = act["samples_before"]
    return {
        what for what, answer in act["samples_after"].items() if answer != before[what]
    }


def test_importlib_fails_the_checks(demo, tmp_path):
    rival = demo(*SHORT, "--engine", "importlib", "--json", str(tmp_path / "seen.json"))
    status, errors = rival.finish()
    assert status == 1, rival.text() + errors
    seen = json.loads((tmp_path / "seen.json").read_text())

    assert not seen["ok"]
    assert checks_of(seen, kept=False) >= {
        "act 1: held objects",
        "act 1: behaviour",
        "act 2: held objects",
        "act 3a: outcome",
        "act 3a: nothing changed",
        "act 3b: nothing changed",
        "act 5a: behaviour",
        "act 5b: nothing changed",
        "act 5b: live state",
        "act 5c: outcome",
        "act 5c: place",
        "act 5d: as before",
        "editions seen in copies",
        "updates seen by a thread",
        "editions seen by bots",
        "errors",
    }
    assert "FAILED" in rival.text()
    rival.assert_nothing_left()


def test_a_snippet_that_is_only_executed(driver, monkeypatch, tmp_path):
    """The acts before went by resoul, so that what fails is the hotfix's own doing."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    options = SimpleNamespace(bots=10, pace=0.2, engine="resoul", diff=False)

    def acts():
        yield from driver.acts.RELOADS
        options.engine = "importlib"
        yield from driver.acts.HOTFIXES

    with driver.stage.Stage() as stage:
        play = driver.play.Play(stage, driver.paper.Paper(diffs=False), options)
        record = play.run(acts())
    checks = {check.name: check for check in driver.verdict.judge(record)}
    failed = {name for name, check in checks.items() if not check.kept}
    assert failed >= {
        "act 5a: held objects",
        "act 5a: behaviour",
        "act 5b: outcome",
        "act 5b: nothing changed",
        "act 5b: live state",
        "act 5c: outcome",
        "act 5c: place",
        "act 5d: held objects",
        "act 5d: as before",
        "errors",
        "editions seen in copies",
    }
    assert not {name for name in failed if name[:5] in ("act 1", "act 2", "act 4")}
    strays = checks["act 5a: behaviour"].found
    assert "by the partial: '9.0 (formula 3)' instead of '6.6 (formula 4)'" in strays
    assert "after the callback: '100 health, 10 shield' instead of" in strays
    assert "pool thread" not in strays  # it looks the name up
    before, after = record.scenes[-3].answer["contents"]
    left = {path for path in after if before.get(path) != after[path]}
    assert {"handlers", "handlers['kill']", "handlers['happy']", "weapons"} <= left
    assert {"roster[1]", "roster[1].trophies", "roster[1].trophies['RAILGUN']"} <= left


@pytest.mark.parametrize("moment", ["Python", "Act 1", "Act 3a", "Act 5a"])
def test_ctrl_c_leaves_nothing_behind(demo, moment):
    interrupted = demo("--bots", "30", "--pace", "5" if moment == "Python" else "0.5")
    interrupted.read_until("Python")
    interrupted.read_until("and 30 bots")
    if moment != "Python":
        interrupted.read_until(moment)
    os.killpg(interrupted.process.pid, signal.SIGINT)
    status, errors = interrupted.finish()
    assert status == 130, errors
    assert "Traceback" not in errors
    interrupted.assert_nothing_left()


def test_sigterm_leaves_nothing_behind(demo):
    ended = demo("--bots", "30", "--pace", "0.5")
    ended.read_until("Act 1")
    ended.process.terminate()
    assert ended.finish()[0] == 130
    ended.assert_nothing_left()


def test_a_killed_demo_leaves_nothing_behind(demo):
    killed = demo("--bots", "30", "--pace", "0.5")
    killed.read_until("Act 1")
    killed.process.kill()
    assert killed.finish()[0] == -signal.SIGKILL
    killed.assert_nothing_left()


@pytest.mark.parametrize("part", ["server", "bots"])
def test_a_part_that_dies_is_named(demo, part):
    bereft = demo("--bots", "30", "--pace", "0.5")
    bereft.read_until("Act 1")
    os.kill(bereft.pids()[part == "bots"], signal.SIGKILL)
    status, errors = bereft.finish()
    assert status == 3
    assert f"the {part} ended with -9" in errors
    bereft.assert_nothing_left()


def test_an_operator_needs_the_token(driver, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with driver.stage.Stage() as stage:
        stage.start("server", stage.folder, "arena")
        port = stage.first_message("server")["admin"]
        stranger = driver.console.Console(port, "guessed")
        with pytest.raises(driver.console.Silence):
            stranger.ask("totals")
        stranger.close()
        operator = driver.console.Console(port, stage.token)
        with pytest.raises(driver.console.Silence, match="unknown command 'dance'"):
            operator.ask("dance")
        assert operator.ask("stop") == {"stopping": True}
        operator.close()
        assert stage.wait("server") == 0
    assert list(tmp_path.iterdir()) == []


def test_a_mixed_tick_is_noticed(driver):
    diary = driver.bots.Diary()
    diary.note(1, [[1, 2, "PISTOL", 9.0, 1, 1, 1], [2, 1, "PISTOL", 9.0, 1, 1, 1]])
    assert diary.mixed == {}
    diary.note(2, [[1, 2, "PISTOL", 9.0, 1, 1, 1]])
    diary.note(2, [[7, 8, "PISTOL", 9.0, 2, 1, 1]])
    assert diary.mixed == {2: {(1, 1, 1), (2, 1, 1)}}
    record = SimpleNamespace(report={"mixed": diary.mixed, "ticks_with_hits": 2})
    assert not driver.verdict.ticks(record).kept


def test_half_a_hotfix_is_noticed(driver):
    scenes = [SimpleNamespace(act=act) for act in driver.acts.ACTS]
    auditor = {
        "seen": [[1, 1, 1, 8]],
        "while_a_snippet_ran": [[7, 7, 7, 1]],  # visible by name, and no error
        "copies": list(COPIES),
    }
    record = SimpleNamespace(scenes=scenes, totals={"auditor": auditor})
    assert driver.verdict.copies(record).kept
    assert driver.verdict.snapshots(record).kept
    auditor["copies"].insert(4, [4, 2])
    auditor["seen"].append([4, 4, 2, 1])
    assert not driver.verdict.copies(record).kept
    assert "1 of 9 snapshots" in driver.verdict.snapshots(record).found
    assert not driver.verdict.snapshots(record).kept


@pytest.fixture
def scene(driver):
    """Act 5b, as it should go."""
    look = {"fingerprint": {"a": 1}, "samples": {}, "identities": []}
    error = {
        "type": "PrepareError",
        "cause": "NameError",
        "text": "",
        "place": "<hotfix fix_1043@1a2b>:35",
    }
    contents = [{"p": [1, ["x", "y"]]}, {"p": [1, ["x", "y"]]}]
    return SimpleNamespace(
        act=driver.acts.FIX_RAISES,
        answer={"applied": False, "error": error, "contents": contents},
        before=look,
        after=dict(look),
    )


def test_what_a_broken_hotfix_leaves_is_noticed(driver, scene):
    judged = driver.verdict
    good = [judged.outcome, judged.place, judged.nothing_changed, judged.same_contents]
    assert all(check(scene).kept for check in good)
    scene.answer["contents"][1] = {"p": [1, ["y", "x"]]}
    assert judged.same_contents(scene).found.startswith("0 of 1")
    assert not judged.same_contents(scene).kept
    scene.answer["error"]["place"] = "<hotfix fix_1043@1a2b>:34"
    assert not judged.place(scene).kept
    scene.answer["error"]["cause"] = "KeyError"
    assert not judged.outcome(scene).kept


def test_contents_have_identities_values_and_order(monkeypatch):
    monkeypatch.syspath_prepend(str(ARENA))
    from arena import contents
    from arena.players import Player

    def look(value):
        marks = {}
        contents.mark(marks, "x", value, list(contents.parts_of(value)), set())
        return marks

    player = Player(1, "one", 0.0, 0.0)
    player.trophies = {"PISTOL": [3, 4], "RIFLE": []}
    held = {"players": [player], "same": player}
    before = look(held)
    assert before == look(held)
    trophies = before["x['players'][0].trophies['PISTOL']"]
    assert trophies[1] == [["[0]", id(3), 3], ["[1]", id(4), 4]]
    assert "x['same']" not in before  # it is the one above
    for change, back in [
        (lambda: player.trophies["PISTOL"].append(5), player.trophies["PISTOL"].pop),
        (lambda: setattr(player, "happy", True), lambda: delattr(player, "happy")),
        (
            lambda: player.trophies.update(RIFLE=player.trophies.pop("RIFLE"), A=1),
            lambda: player.trophies.pop("A"),
        ),
        (lambda: setattr(player, "health", 1e9), lambda: setattr(player, "health", 1)),
    ]:
        change()
        assert look(held) != before
        back()
        before = look(held)
    player.trophies = {name: list(won) for name, won in player.trophies.items()}
    assert look(held) != before  # equal, and yet not the same


def test_all_fixes_are_there_and_only_they(driver):
    fixes = {act.fix for act in driver.acts.ACTS if act.fix}
    assert fixes == {path.name for path in (ARENA / "fixes").iterdir()}
    for act in driver.acts.ACTS:
        name, line = act.place
        if act.fix and line:
            text = (ARENA / "fixes" / f"{name}.py").read_text().splitlines()
            assert "MIDNIHGT" in text[line - 1] or "random." in text[line - 1]


@pytest.mark.parametrize(
    ("side", "field"),
    [
        ("totals", "lost"),
        ("totals", "received"),
        ("report", "lost"),
        ("report", "sent"),
    ],
)
def test_a_lost_message_is_noticed(driver, side, field):
    traffic = {"sent": 70, "received": 50, "lost": 0, "nonsense": 0}
    bots = {"sent": 50, "received": 70, "lost": 0}
    record = SimpleNamespace(totals={"traffic": traffic}, report=bots)
    assert driver.verdict.messages(record).kept
    (traffic if side == "totals" else bots)[field] += 1
    assert not driver.verdict.messages(record).kept


def test_an_edit_that_does_not_fit_is_named(driver, tmp_path):
    (tmp_path / "m.py").write_text("a = 1\na = 1\n")
    with pytest.raises(
        driver.edits.EditError, match=r"m\.py: found 2 times, not once: 'a = 1'"
    ):
        driver.edits.Edit("m.py", (("a = 1", "a = 2"),)).make(tmp_path)
    (tmp_path / "m.py").write_text("a = 1\nb = 1\n")
    changed = driver.edits.Edit("m.py", (("a = 1", "a = 2"),)).make(tmp_path)
    assert changed == ["-a = 1", "+a = 2"]


def test_all_edits_fit_one_after_the_other(driver, tmp_path):
    for path in (ARENA / "arena").glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    for act in driver.acts.ACTS:
        for edit in act.edits:
            assert edit.make(tmp_path), (act.name, edit.file)
