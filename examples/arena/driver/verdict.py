"""Judges what was seen: one check per promise, and the numbers behind them."""

from statistics import median
from typing import NamedTuple

from .acts import FIRST


class Check(NamedTuple):
    """A promise, whether it was kept, and what was found."""

    name: str
    kept: bool
    found: str


def judge(record):
    """Return all checks of a play.Record."""
    checks = []
    for scene in record.scenes:
        checks += judge_scene(scene, record)
    return [
        *checks,
        connections(record),
        messages(record),
        order(record),
        ticks(record),
        failures(record),
        editions_in_order(record),
        snapshots(record),
        copies(record),
        *exits(record),
    ]


def judge_scene(scene, record):
    """Return the checks of one act."""
    checks = [outcome(scene), held_objects(scene, record), samples(scene, record)]
    if scene.act.broken:
        checks += [place(scene), nothing_changed(scene)]
        if scene.act.fix:
            checks.append(same_contents(scene))
    if scene.act.undoes:
        checks.append(undone(scene, record))
    return [
        check._replace(name=f"act {scene.act.name}: {check.name}") for check in checks
    ]


def outcome(scene):
    """The update was applied, or failed with the expected cause."""
    answer, act = scene.answer, scene.act
    if answer["applied"]:
        return Check("outcome", not act.broken, "applied")
    error = answer["error"]
    kept = (error["type"], error["cause"]) == (act.error, act.cause)
    return Check("outcome", kept, f"{error['type']}: {error['text']}")


def place(scene):
    """The error names the file and the line that are to blame."""
    found = scene.answer["error"]["place"] if "error" in scene.answer else "no error"
    file, line = scene.act.place
    name, _, number = found.rpartition(":")
    return Check("place", file in name and number == str(line), found)


def held_objects(scene, record):
    """Whoever holds something holds the object that the program has, the old one."""
    first = {what: held for what, held, _ in record.first["identities"]}
    strays = strays_of(scene.after, first)
    found = f"{len(first) - len(strays)} of {len(first)} the same"
    if strays:
        found += f", not: {some(strays)}"
    return Check("held objects", not strays, found)


def some(names):
    """Write a list that may be long."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")


def strays_of(look, first):
    """Names of held objects that are no longer the program's, or not the first ones."""
    return [
        what
        for what, held, now in look["identities"]
        if held != now or held != first[what]
    ]


def base_of(scene, record):
    """What the server was before: this act, or the one that this act undoes."""
    if scene.act.undoes:
        scene = next(one for one in record.scenes if one.act.name == scene.act.undoes)
    return scene.before


def samples(scene, record):
    """Held objects behave as the new source says, or as before if nothing changed."""
    expected = base_of(scene, record)["samples"] | scene.act.samples
    seen = scene.after["samples"]
    wrong = [
        f"{what}: {seen[what]!r} instead of {answer!r}"
        for what, answer in expected.items()
        if seen[what] != answer
    ]
    found = f"{len(seen) - len(wrong)} of {len(seen)} as expected"
    return Check("behaviour", not wrong, "; ".join([found, *wrong]))


def nothing_changed(scene):
    """After a failed update each object of each module and class is the one before."""
    before, after = scene.before["fingerprint"], scene.after["fingerprint"]
    return Check("nothing changed", before == after, compared(before, after))


def same_contents(scene):
    """After a failed hotfix the live state is the one before: identities, values, order."""
    before, after = scene.answer["contents"]
    found = compared(before, after, "objects with identity and content")
    return Check("live state", before == after, found)


def undone(scene, record):
    """After an undo each object is the one from before the act that was undone."""
    before, after = base_of(scene, record)["fingerprint"], scene.after["fingerprint"]
    return Check("as before", before == after, compared(before, after))


def compared(before, after, noun="identities"):
    """Count what is the same in two pictures, {path: mark}, and name what is not."""
    places = {*before, *after}
    changed = sorted(path for path in places if before.get(path) != after.get(path))
    found = f"{len(places) - len(changed)} of {len(places)} {noun} the same"
    return f"{found}, not: {some(changed)}" if changed else found


def connections(record):
    """Nobody was disconnected."""
    traffic, bots = record.totals["traffic"], record.report
    lows = [scene.bots["connected"] for scene in record.scenes]
    kept = min([traffic["farewells"], bots["bots"] - bots["dropped"], *lows])
    fine = kept == record.bots == traffic["accepted"] and traffic["broken"] == 0
    return Check("connections kept", fine, f"{kept} of {record.bots}")


def messages(record):
    """What one side sent the other received, by the totals of both."""
    traffic, bots = record.totals["traffic"], record.report
    lost = traffic["lost"] + bots["lost"] + traffic["nonsense"]
    same = (bots["sent"], traffic["sent"]) == (traffic["received"], bots["received"])
    found = (
        f"{lost} lost of {bots['sent']:,} bots to server"
        f" and {traffic['sent']:,} server to bots"
    )
    if not same:
        found += f"; received {traffic['received']:,} and {bots['received']:,}"
    return Check("messages", same and lost == 0 and bots["sent"] > 0, found)


def order(record):
    """Each message had the number that its receiver expected."""
    late = record.totals["traffic"]["out_of_order"], record.report["out_of_order"]
    return Check("order", late == (0, 0), f"{sum(late)} messages out of order")


def ticks(record):
    """All hits of a tick were made by one edition of formula, table and rules."""
    mixed, seen = record.report["mixed"], record.report["ticks_with_hits"]
    found = f"{len(mixed)} mixed of {seen} with hits"
    if mixed:
        found += f", first: {next(iter(mixed.items()))}"
    return Check("ticks", not mixed and seen > 0, found)


def failures(record):
    """No tick raised an exception."""
    failed = record.totals["failed_ticks"]
    return Check("errors", failed == 0, f"{failed} ticks failed")


def committed(record):
    """The editions that updates have committed, in order, without repetitions."""
    states = [FIRST]
    for scene in record.scenes:
        if scene.act.editions != states[-1]:
            states.append(scene.act.editions)
    return states


def editions_in_order(record):
    """The bots saw each committed edition, in order, and no other."""
    seen = [tuple(editions) for _, editions in record.report["history"]]
    found = " -> ".join("/".join(map(str, editions)) for editions in seen)
    return Check("editions seen by bots", seen == committed(record), found)


def snapshots(record):
    """The auditor's thread saw what was committed, and nothing in between."""
    auditor = record.totals["auditor"]
    seen = {tuple(flat(state)): count for *state, count in auditor["seen"]}
    strange = {state: n for state, n in seen.items() if state not in committed(record)}
    found = (
        f"{sum(strange.values())} of {sum(seen.values()):,} snapshots show"
        " half an update"
    )
    beside = sum(state[-1] for state in auditor["while_a_snippet_ran"])
    if beside:
        found += f" ({beside} more while a snippet ran)"
    if strange:
        found += f": {strange}"
    return Check("updates seen by a thread", not strange and bool(seen), found)


def copies(record):
    """The thread saw each committed edition in the copies, in order, and no other."""
    seen = [tuple(state) for state in record.totals["auditor"]["copies"]]
    expected = []
    for state in committed(record):
        if [(state.formula, state.rules)] != expected[-1:]:
            expected.append((state.formula, state.rules))
    found = " -> ".join("/".join(map(str, state)) for state in seen)
    return Check("editions seen in copies", seen == expected, found)


def flat(state):
    """Make a state from JSON hashable."""
    return [tuple(part) if isinstance(part, list) else part for part in state]


def exits(record):
    """Each part ended when it was told to, without an error."""
    for part, status in record.exits.items():
        yield Check(f"end of the {part}", status == 0, f"exit status {status}")


class Punctuality(NamedTuple):
    """Lateness of ticks, in seconds."""

    worst: float
    middle: float
    ticks: int


def punctuality(record):
    """Return (without updates, with updates, median work in a tick in seconds).

    Counted are the ticks while all bots were in.
    """
    beats = [beat for beat in record.totals["beats"] if beat[0] > record.first["tick"]]
    split = []
    for wanted in (False, True):
        late = [beat[1] for beat in beats if beat[3] == wanted] or [0.0]
        split.append(Punctuality(max(late), median(late), len(late)))
    return *split, median(beat[2] for beat in beats)


def as_json(record, checks):
    """Return everything that was seen, without what would fill pages."""
    without, with_updates, work = punctuality(record)
    return {
        "ok": all(check.kept for check in checks),
        "engine": record.engine,
        "bots": record.bots,
        "seconds": record.seconds,
        "pids": record.pids,
        "acts": [scene_as_json(scene) for scene in record.scenes],
        "traffic": record.totals["traffic"],
        "bots_report": record.report,
        "failed_ticks": record.totals["failed_ticks"],
        "auditor": record.totals["auditor"],
        "lateness_s": {
            "without_updates": without._asdict(),
            "with_updates": with_updates._asdict(),
            "work_in_a_tick": work,
        },
        "exits": record.exits,
        "checks": [check._asdict() for check in checks],
    }


def scene_as_json(scene):
    """One act for the JSON file."""
    return {
        "act": scene.act.name,
        "title": scene.act.title,
        "kind": scene.act.kind,
        "modules": scene.act.modules,
        "editions": scene.act.editions._asdict(),
        "began_s": scene.began,
        "diffs": scene.diffs,
        "answer": {k: v for k, v in scene.answer.items() if k != "contents"},
        "identities_before": scene.before["identities"],
        "identities_after": scene.after["identities"],
        "samples_before": scene.before["samples"],
        "samples_after": scene.after["samples"],
        "places_compared": len(scene.after["fingerprint"]),
        "contents_compared": len(scene.answer.get("contents", [()])[0]),
    }
