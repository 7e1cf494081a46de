"""Judges what a live process said against what fresh processes said.  Gives complaints: (what, expected, found)."""

import ast
import json


def judge(script, fresh, live):
    """Complaints about a case, and the codes of refusals."""
    complaints, codes = [], []
    for number, (step, result) in enumerate(zip(script["steps"], live, strict=False)):
        outcome = step.get("outcome", "updated")
        where = f"step {number} ({step['version']})"
        complaints += [
            (f"{where}: ran in {module}", "not executed", text)
            for module, text in result["ran"]
        ]
        if result["outcome"] != outcome:
            found = unchanged(step, result)
            if result["outcome"] == "refused":
                codes += result["codes"]
                if not set(result["codes"]) <= set(step["refusals"]):
                    found.append(
                        ("refused", f"one of {step['refusals']}", result["text"])
                    )
            else:
                found.append(("outcome", outcome, result["text"]))
        elif outcome == "unprepared":
            found = unchanged(step, result)
            if result["cause"] != step["cause"]:
                found.append(("cause", step["cause"], result["text"]))
        else:
            found = updated(step, fresh[number], result)
        complaints += [
            (f"{where}: {what}", expected, got) for what, expected, got in found
        ]
    return complaints, codes


def judge_chunks(live, whole):
    """Sources that are cut into statements as text give what parsing all of them gives."""
    said, parsed = ([verdicts(step) for step in steps] for steps in (live, whole))
    return [
        (f"step {number}: selection by text", b, a)
        for number, (a, b) in enumerate(zip(said, parsed, strict=True))
        if a != b
    ]


def verdicts(step):
    """But for what only moves, and RSL611: told where the text of a statement did not change."""
    changes = [one for one in step.get("changes", []) if one[3] != "moved"]
    return step["outcome"], sorted({*step["codes"]} - {"RSL611"}), sorted(changes)


def unchanged(step, result):
    """After a failure the program is as it was."""
    before = result["before"]
    found = differing(
        "lines", before["described"]["lines"], result["described"]["lines"]
    )
    found += [("identity", "the same object", path) for path in result["moved_objects"]]
    found += [("environment", "as before", fact) for fact in result["environment"]]
    found += [
        ("probe " + text, old, result["probes"][text])
        for text, old in before["probes"].items()
        if result["probes"][text] != old
    ]
    found += [("census " + name, before["census"].get(name, 0), count) for name, count in result["census"].items()
              if count > before["census"].get(name, 0)]  # fmt: skip
    return found


def updated(step, fresh, result):
    found = [("environment", "as before", fact) for fact in result["environment"]]
    found += [("identity", "the same object", path) for path in result["moved_objects"]]
    gone = {*step["must"], *step["may"]} - names_in(fresh["described"])
    expected, got = fresh["described"]["lines"], result["described"]["lines"]
    gone |= set(step["changed"])
    found += differing("lines", expected, got, step["loose"], gone)
    found += extras(step, fresh, result)
    found += census(step, fresh, result)
    for text, expect in step["probes"]:
        found += probe(text, expect, fresh, result)
    return found + report(step, fresh, result)


def under(path, roots):
    return any(
        path == root or path.startswith((root + ".", root + "[")) for root in roots
    )


def differing(what, expected, got, loose=(), lives_on=()):
    """Lines that differ; those of names that only live on are judged by `extras`."""
    found = []
    for path in sorted({*expected, *got}):
        a, b = expected.get(path), got.get(path)
        if a == b or under(path, loose) or (a is None and under(path, lives_on)):
            continue
        if a is None and path.rpartition(".")[2] in ATTRIBUTES:
            continue
        if path.endswith(".cell(cls).lines"):
            continue  # the class that dataclass(slots=True) made another one of
        if path.endswith(".subclasses") and only_live_on(a, b, lives_on):
            continue
        found.append((f"{what} {path}", a, b))
    return found


# Of functions: what older source or decorators had set stays.
ATTRIBUTES = ["mark", "cache_parameters", "__annotations__", "__doc__", "__module__"]
ATTRIBUTES += ["__name__", "__qualname__", "__type_params__", "__annotate__"]


def facts(text):
    """What World.show said, or what D() in a script's expression gave: the same as a str."""
    if text.startswith("str "):
        text = ast.literal_eval(text.removeprefix("str "))
    return text.split("; ")


def only_attributes_stay(expected, got):
    """Two texts of facts (see World.show) that differ only by attributes of functions that are still there."""
    more = iter(facts(expected))
    missing = next(more, None)
    for fact in facts(got):
        if fact == missing:
            missing = next(more, None)
        elif fact.partition(" ")[0].rpartition(".")[2] not in ATTRIBUTES:
            return False
    return missing is None


def only_live_on(expected, got, lives_on):
    """Two lines `<m1.A> <m1.B>` that differ only by classes that live on."""
    a, b = (
        {one.strip("<>") for one in (line or "").split()} for line in (expected, got)
    )
    return a <= b and all(under(one, lives_on) for one in b - a)


def names_in(described):
    """Paths of all names in modules and classes."""
    namespaces = described["keys"].items()
    return {f"{path}.{name}" for path, names in namespaces for name in names}


def extras(step, fresh, result):
    """What is gone from the source lives on: exactly that."""
    found = []
    may = {*step["must"], *step["may"]}
    for path in sorted(result["described"]["extras"]):
        if path not in may and not under(path, step["loose"]):
            found.append(("extra name", "not there", path))
    was = names_in(result["before"]["described"])
    there = names_in(result["described"]) | names_in(fresh["described"])
    for path in step["must"]:
        owner = path.rpartition(".")[0]
        if path in was - there and owner in result["described"]["keys"]:
            found.append(("removed name", "lives on", path))
    return found


def census(step, fresh, result):
    """No second function or class of a name is left anywhere (donors)."""
    found = []
    for name, count in result["census"].items():
        most = max(
            fresh["census"].get(name, 0), result["before"]["census"].get(name, 0)
        )
        if count > most and not under(name.split(" ")[1], step["changed"]):
            found.append((f"census {name}", f"at most {most}", count))
    return found


def probe(text, expect, fresh, result):
    got = result["probes"][text]
    if expect == "any":
        return []
    if expect.startswith("="):
        return [] if got == expect[1:] else [(f"probe {text}", expect[1:], got)]
    old = result["before"]["probes"].get(text)
    if expect == "old":
        return [] if got == old else [(f"probe {text}", f"{old} as before", got)]
    new = fresh["probes"].get(text)
    if got == new or (new and only_attributes_stay(new, got)):
        return []
    if expect == "either":
        return (
            []
            if got == old and mentioned(result)
            else [(f"probe {text}", f"{new}; or {old}, reported", got)]
        )
    return [(f"probe {text}", new, got)]


def mentioned(result):
    """Whether something that stays as it was is reported at all."""
    return bool(
        result["warnings"]
        or result["lagging"]
        or any(
            change[3] in ("kept", "stays", "pending") for change in result["changes"]
        )
    )


KINDS = {"function", "class", "data", "binding", "module"}
ACTIONS = {
    "updated",
    "added",
    "rebound",
    "taken",
    "kept",
    "deleted",
    "stays",
    "moved",
    "pending",
}


def as_written(path):
    """m1.C._C__name, a private name, as it stands in the source."""
    owner, _, name = path.rpartition(".")
    private = "_" + owner.rpartition(".")[2].lstrip("_")
    return (
        f"{owner}.{name.removeprefix(private)}"
        if name.startswith(f"{private}__")
        else path
    )


def report(step, fresh, result):
    found = []
    said = {(module, name, action) for module, name, _, action in result["changes"]}
    for path in step["must"]:
        if (
            path in result["described"]["extras"]
            and path in result["before"]["described"]["lines"]
        ):
            module, _, name = as_written(path).partition(".")
            if (module, name, "stays") not in said:
                found.append(
                    ("report", f"{path} stays", [one for one in said if one[1] == name])
                )
    new = {
        f"{path}.{name}"
        for path, names in fresh["described"]["keys"].items()
        for name in names
        if "." not in path
    }
    for path in sorted(new - set(result["before"]["described"]["lines"])):
        module, _, name = path.partition(".")
        if not name.startswith("__") and (module, name, "added") not in said:
            found.append(
                ("report", f"{path} added", [one for one in said if one[1] == name])
            )
    for module, name in step["lagging"]:
        if (module, name) not in {(one[0], one[1]) for one in result["lagging"]}:
            found.append(("lagging", f"{module}.{name}", result["lagging"]))
    for _, _, kind, action in result["changes"]:
        if kind not in KINDS or action not in ACTIONS:
            found.append(("change", "a known kind and action", (kind, action)))
    if any(not code.startswith("RSL6") for code in result["codes"]):
        found.append(("warnings", "RSL6xx", result["codes"]))
    if step["falsy"] and result["truth"]:
        found.append(("bool(update)", False, result["text"]))
    if step["truthy"] and not result["truth"]:
        found.append(("bool(update)", True, result["text"]))
    if (
        not isinstance(result["dict"], dict)
        or not json.dumps(result["dict"])
        or not result["text"]
    ):
        found.append(("to_dict() and str()", "JSON and a tree", result["dict"]))
    return found
