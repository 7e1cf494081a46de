"""What a case is, and the script that it becomes.

A *case* is made of features and can be shrunk; a *script* is plain data (texts and expressions) that a process can carry
out and that is saved with a failure.
"""

import dataclasses
import re

from .features.data import CONTAINERS, IDENTITIES, Data
from .features.functions import Function

HEADER = "import abc, collections, contextlib, contextvars, dataclasses, enum, functools, logging, threading, typing, weakref\n"


@dataclasses.dataclass(frozen=True)
class Module:
    name: str
    features: tuple
    doc: str = ""
    exports: tuple | None = None  # __all__
    padding: int = 0  # lines that move everything below
    reload_data: tuple | None = (
        None  # names for _reload_data; ("*",) for _reload_all_data
    )

    def text(self):
        parts = [f'"""{self.doc}"""\n\n'] if self.doc else []
        parts.append(HEADER)
        parts += ["# moved\n"] * self.padding
        if self.exports is not None:
            parts.append(f"__all__ = {list(self.exports)}\n")
        if self.reload_data == ("*",):
            parts.append("_reload_all_data = True\n")
        elif self.reload_data is not None:
            parts.append(f"_reload_data = {set(self.reload_data) or 'set()'}\n")
        return "".join(parts) + "".join(f"\n\n{one.text()}" for one in self.features)

    def feature(self, name):
        return next((one for one in self.features if one.name == name), None)

    def but(self, **changes):
        return dataclasses.replace(self, **changes)

    def data(self):
        return {datum.path: datum for one in self.features for datum in one.data()}


@dataclasses.dataclass(frozen=True)
class Case:
    seed: str
    v1: tuple
    v2: tuple
    kinds: tuple = ()  # of the edits between them
    refusals: tuple = ()  # codes that these edits allow
    data: str = "keep"
    execute: str = "all"
    take: tuple = ()
    reloaded: tuple = ()  # names of modules, in the order they are asked for
    holds: tuple = ()  # keys: module.feature.key
    mutations: tuple = ()  # (module, path, statement, value)
    touches: tuple = ()  # (key, statement)
    broken: tuple = ()  # (module, text that is appended, cause): a first try that fails
    back: bool = True
    bytecode: bool = True  # imports write .pyc files

    def but(self, **changes):
        return dataclasses.replace(self, **changes)

    def versions(self):
        return {
            "v1": {one.name: one for one in self.v1},
            "v2": {one.name: one for one in self.v2},
        }


def fill(text, module, key=""):
    text = re.sub(r"\bM(?=[._)])", module, text)
    return re.sub(r"\bH\b", f"H[{key!r}]", text) if key else text


def script_of(case):
    """The case as plain data."""
    versions = case.versions()
    sources = {
        version: {name: one.text() for name, one in modules.items()}
        for version, modules in versions.items()
    }
    steps = []
    if case.broken:
        module, text, cause = case.broken
        sources["broken"] = {**sources["v2"], module: sources["v2"][module] + text}
        steps.append(broken_step(case, cause))
    live = LiveData(case)
    steps.append(step_of(case, live, [versions["v1"]], versions["v2"], "v2"))
    if case.back:
        steps.append(
            step_of(case, live, [versions["v1"], versions["v2"]], versions["v1"], "v1")
        )
    return {
        "seed": case.seed,
        "kinds": list(case.kinds),
        "bytecode": case.bytecode,
        "sources": sources,
        "holder": holder_of(versions["v1"]),
        "holds": {key: hold_of(versions["v1"], key) for key in case.holds},
        "touches": [
            [key, fill(text, key.split(".")[0], key)] for key, text in case.touches
        ],
        "mutations": [fill(text, module) for module, _, text, _ in case.mutations],
        "steps": steps,
    }


def split(key):
    """(module, feature, key) of a hold's key."""
    return key.split(".", 2)


def hold_of(version, key):
    module, name, what = split(key)
    return fill(version[module].feature(name).holds()[what], module)


def holder_of(version):
    lines = [f"from {module} import {one.name} as {module}_{one.name}\n" for module, made in version.items() for one in made.features
             if "imported" in one.holds() or isinstance(one, Data)]  # fmt: skip
    return "".join(lines)


def reload_of(case):
    return {
        "modules": list(case.reloaded),
        "data": case.data,
        "execute": case.execute,
        "take": [f"{module}.{path}" for module, path in case.take],
    }


def broken_step(case, cause):
    version = case.versions()["v1"]
    probes = [[fill(use.text, module), "old"] for module, made in version.items() for one in made.features for use in one.uses()
              if use.expect != "any"]  # fmt: skip
    return {"version": "broken", "outcome": "unprepared", "cause": cause, "reload": reload_of(case), "probes": probes, "same": [],
            "holds": [], "holder": "", "patches": [], "must": [], "may": [], "loose": [], "refusals": [], "late": []}  # fmt: skip


def step_of(case, live, history, new, version):
    old = history[-1]
    patches, same = live.step(old, new)
    must, may, loose, probes, lagging = set(), set(), set(), [], []
    changed = set()
    for name, module in new.items():
        gone = {"__all__": "may"}
        for past in history:
            for feature in past[name].features:
                now = module.feature(feature.name)
                if now is None or type(now) is type(feature):
                    gone |= lasting(feature, now).members()
                    changed |= {f"{name}.{path}" for path in deleted(feature, now)}
                    loose |= {
                        f"{name}.{path}" for path in (now.loose(feature) if now else ())
                    }
                else:
                    gone |= dict.fromkeys(feature.members(), "may")
                    changed |= {f"{name}.{path}" for path in feature.binds | now.binds}
        for path, force in gone.items():
            (must if force == "must" and name in case.reloaded else may).add(
                f"{name}.{path}"
            )
        for feature in module.features:
            probes += [
                [fill(use.text, name), use.expect]
                for use in feature.uses_after(
                    [past[name].feature(feature.name) for past in history]
                )
            ]
            patches += [
                fill(text, name) for text in getattr(feature, "aligned", list)()
            ]
        probes += removed_probes(name, old[name], module)
    for key in case.holds:
        probes += held_probes(key, history, new)
        lagging += lagging_of(key, history, new)
    probes += holder_probes(live, history, new)
    again = len(history) > 1
    held = [key for key in case.holds if holds_still(key, history, new)]
    return {
        "version": version,
        "reload": reload_of(case),
        "holder": holder_of(new),
        "patches": patches,
        "holds": held,
        "probes": unique(probes),
        "same": sorted(same),
        "must": sorted(must),
        "may": sorted(may),
        "loose": sorted(loose),
        "changed": sorted(changed),
        "refusals": sorted(set(case.refusals)),
        "lagging": lagging,
        "falsy": not again
        and set(case.kinds) <= QUIET
        and case.data == "keep"
        and not case.take
        and not speaks(new),
        "truthy": not again and len(case.kinds) == 1 and set(case.kinds) <= LOUD,
    }


def lasting(old, new):
    """The old feature, as far as the new source lets it live on."""
    if not hasattr(old, "del_func"):
        return old
    return old.but(del_func=new.del_func if new else False)


def deleted(old, new):
    """Functions that went because of _del_func or with a decorator, or come back as others."""
    if isinstance(old, Function) and new and old.decorators != new.decorators:
        return {old.name}
    if not getattr(old, "del_func", False) or new is None:
        return set()
    before, after = ({one.name for one in cls.members_} for cls in (old, new))
    return {f"{old.name}.{name}" for name in before ^ after}


QUIET = {"nothing", "lines moved", "features swapped"}
LOUD = {
    "function body",
    "function kind",
    "closure body",
    "method body",
    "enum method",
    "property body",
}


def speaks(version):
    """Does a module or class body say which data it takes?"""
    return any(
        made.reload_data
        or any(getattr(one, "reload_data", None) for one in made.features)
        for made in version.values()
    )


def unique(probes):
    found = {}
    for text, expect in probes:
        found[text] = expect
    return [[text, expect] for text, expect in found.items()]


def holds_still(key, history, new):
    module, name, what = split(key)
    first, *later = [one[module].feature(name) for one in (*history, new)]
    return later[-1] is not None and all(
        one is None
        or (type(one) is type(first) and one.holds().get(what) == first.holds()[what])
        for one in later
    )


def held_probes(key, history, new):
    module, name, what = split(key)
    now = new[module].feature(name)
    past = [version[module].feature(name) for version in history]
    if now is None or None in past:
        return []
    probes = [
        [fill(use.text, module, key), use.expect] for use in now.held_after(past, what)
    ]
    if not holds_still(key, history, new):
        probes = [
            [text, expect if expect.startswith(("=", "any")) else "any"]
            for text, expect in probes
        ]
    if len(history) > 1:
        probes = [
            [text, "any" if expect in ("old", "either") else expect]
            for text, expect in probes
        ]
    return probes


def lagging_of(key, history, new):
    """A suspended generator whose function gets other code has to be listed."""
    module, name, what = split(key)
    now, old = new[module].feature(name), history[-1][module].feature(name)
    if (
        what == "suspended"
        and len(history) == 1
        and isinstance(now, Function)
        and now.number != old.number
    ):
        return [[module, name]]
    return []


def removed_probes(name, old, new):
    """A function that went from the source goes on as it was."""
    gone = [
        one
        for one in old.features
        if isinstance(one, Function) and new.feature(one.name) is None
    ]
    alone = [
        one
        for one in gone
        if not one.reads
        and not one.decorators
        and not any(param.default.isidentifier() for param in one.params)
    ]
    return [[fill(use.text, name), "old"] for one in alone for use in one.uses()]


def holder_probes(live, history, new):
    """`from m1 import D1` in a module that isn't reloaded follows data unless the program has bound another value since."""
    probes = []
    for name, module in new.items():
        for one in module.features:
            if isinstance(one, Data) and all(
                isinstance(past[name].feature(one.name), Data) for past in history
            ):
                if (name, one.name) in live.rebound:
                    probes.append(
                        [
                            f"holder.{name}_{one.name}",
                            "old" if len(history) == 1 else "any",
                        ]
                    )
                else:
                    probes.append(
                        [f"holder.{name}_{one.name} is {name}.{one.name}", "=bool True"]
                    )
    return probes


def statement(module, datum):
    """What assigns a datum: it is not run again unless it changed."""
    found = module.data().get(datum.path)
    return found and (found.value, found.written)


class LiveData:
    """The value that each data name of the live process has, by the policy of the contract."""

    def __init__(self, case):
        self.case = case
        self.state = {}
        self.rebound = set()
        for module in case.v1:
            for path, datum in module.data().items():
                self.state[module.name, path] = (datum.value, datum.kind)
        for module, path, _, value in case.mutations:
            _, kind = self.state[module, path]
            self.state[module, path] = (
                value,
                kind if kind in CONTAINERS else "list" if kind == "none" else kind,
            )
            if kind not in CONTAINERS:
                self.rebound.add((module, path))

    def step(self, old, version):
        """Patches that give a fresh process the data that lives on; and the data that is the same object as before."""
        patches, same = [], set()
        for name, module in version.items():
            for path, datum in module.data().items():
                key = (name, path)
                if key not in self.state or not self.was_data(key, version):
                    self.state[key] = (datum.value, datum.kind)
                elif name in self.case.reloaded and self.takes(
                    old[name], module, datum
                ):
                    if self.state[key][1] == datum.kind and datum.kind in CONTAINERS:
                        same.add(f"{name}.{path}")
                    self.state[key] = (datum.value, datum.kind)
                else:
                    same.add(f"{name}.{path}")
                    patches += self.patch(name, datum)
        return patches, same

    def was_data(self, key, version):
        """False if the name meant something else in either version."""
        module, path = key[0], key[1].partition(".")[0]
        return all(
            type(one[module].feature(path))
            in (type(version[module].feature(path)), type(None))
            for one in self.case.versions().values()
        )

    def takes(self, old, module, datum):
        speaks = datum.policy
        if speaks is None and module.reload_data is not None and "." not in datum.path:
            speaks = (
                "take"
                if module.reload_data == ("*",) or datum.path in module.reload_data
                else "keep"
            )
        if speaks is not None:
            return speaks == "take"
        if (module.name, datum.path) in self.case.take:
            return True
        if self.case.execute == "changed" and statement(old, datum) == statement(
            module, datum
        ):
            return False
        return self.case.data == "take"

    def patch(self, module, datum):
        value, kind = self.state[module, datum.path]
        if value == datum.value or (kind == datum.kind and kind in IDENTITIES):
            return []
        made = f"eval({value!r}, vars({module}))"
        if kind == datum.kind and kind in CONTAINERS:
            return [f"pour({module}.{datum.path}, {made})"]
        owner, _, name = f"{module}.{datum.path}".rpartition(".")
        if "." in owner:
            return [f"type.__setattr__({owner}, {name!r}, {made})"]
        return [f"{owner}.{name} = {made}"]
