"""What the live and the fresh process do.  Both are forked children: they may crash, hang and leave threads behind.

A script (see case.py) is plain data: sources of both versions, expressions that take references, statements that change
state, and for each step what is reloaded and which expressions are tried.
"""

import builtins
import collections
import gc
import importlib
import os
import sys
import types
import warnings

from .describe import ADDRESS, describe, describe_one, resolve
from .statements import Trace, without_reason
from .tools import TOOLS

WARM_UP = 12  # enough for CPython to specialise the call sites of a probe


class World:
    """Imported modules, held references and the name space in which a script's expressions are evaluated."""

    def __init__(self, folder, names):
        self.folder = folder
        self.names = names
        self.modules = {}
        self.held = {}
        self.scope = dict(TOOLS, __name__="probes", H=self.held, D=self.describe_one)
        self.compiled = {}
        self.written = 0

    def write(self, sources):
        self.written += 10
        for name, text in sources.items():
            with open(os.path.join(self.folder, f"{name}.py"), "w") as file:
                file.write(text)
            # an import compares whole seconds of this with what is in a .pyc
            os.utime(file.name, (self.written, self.written))

    def load(self, sources, holder):
        self.write({**sources, "holder": holder})
        importlib.invalidate_caches()
        for name in self.names:
            self.modules[name] = self.scope[name] = importlib.import_module(name)

    def hold(self, expressions):
        self.scope["holder"] = importlib.import_module("holder")
        for key, expression in expressions.items():
            self.held[key] = self.evaluate(expression)

    def evaluate(self, expression):
        code = self.compiled.get(expression)
        if code is None:
            code = self.compiled[expression] = compile(expression, "<probe>", "eval")
        return eval(code, self.scope)

    def run(self, statements):
        for statement in statements:
            exec(compile(statement, "<state>", "exec"), self.scope)

    def probe(self, expression, repeat=1):
        """A line that tells what the expression gives, by value; the exception if it raises."""
        try:
            for _ in range(repeat):
                value = self.evaluate(expression)
            return self.show(value)
        except Exception as error:
            return ADDRESS.sub("", f"{type(error).__name__}: {error}")

    def show(self, value):
        lines = describe_one(value, self.modules)
        return "; ".join(f"{path[2:]} {text}" for path, text in lines.items()).strip()

    def describe_one(self, value):
        return self.show(value)

    def describe(self, known=None, late=()):
        walk = describe(self.modules, known, late)
        return {
            "lines": walk.lines,
            "keys": walk.keys,
            "extras": [path for path, _ in walk.extras],
        }

    def census(self):
        """How many functions and classes of each qualified name exist at all, reachable by name or not."""
        gc.collect()
        found = collections.Counter()
        for thing in gc.get_objects():
            if (
                isinstance(thing, (type, types.FunctionType))
                and getattr(thing, "__module__", None) in self.modules
                and "<" not in thing.__qualname__
            ):
                found[f"{type(thing).__name__} {path_of(thing)}"] += 1
        return dict(found)

    def definitions(self, paths):
        """path -> (object, kind) of every function and class that lives where its qualified name says."""
        found = {}
        for path in paths:
            raw = resolve(self.modules, path)
            value = getattr(raw, "__func__", raw)
            is_definition = isinstance(value, (type, types.FunctionType))
            # `_` is whatever singledispatch.register() was used for last
            if is_definition and path_of(value) == path and value.__name__ != "_":
                kind = type if isinstance(value, type) else type(raw)
                found[path] = (value, kind)
        return found

    def environment(self):
        """What an update must leave as it was, as (name, object)."""
        facts = [("gc", (gc.isenabled(), gc.get_threshold())), ("sys.modules", sys.modules),
                 ("meta_path", tuple(sys.meta_path)), ("path_hooks", tuple(sys.path_hooks)),
                 ("__import__", builtins.__import__), ("__build_class__", builtins.__build_class__),
                 ("names", tuple(sorted(filter(foreign, sys.modules))))]  # fmt: skip
        for name, module in self.modules.items():
            facts += [
                (f"{name}.{fact}", getattr(module, fact))
                for fact in ("__spec__", "__loader__", "__file__")
            ]
            facts.append((f"sys.modules[{name}]", sys.modules.get(name)))
            facts.append((f"{name}.__builtins__", vars(module).get("__builtins__")))
        return facts


def path_of(definition):
    return f"{definition.__module__}.{definition.__qualname__}"


def fresh(script, step, folder):
    """Import a version; give it by hand what the contract lets live on; describe and try everything."""
    world = enter(folder, script)
    world.load(script["sources"][step["version"]], step["holder"])
    world.run(step["patches"])
    world.hold(
        {key: text for key, text in script["holds"].items() if key in step["holds"]}
    )
    world.run(text for key, text in script["touches"] if key in step["holds"])
    described = world.describe(late=step["loose"])
    census = world.census()
    probes = {
        text: world.probe(text)
        for text, expect in step["probes"]
        if expect in ("fresh", "either")
    }
    return {"described": described, "census": census, "probes": probes}


def live(script, known, folder):
    """Import v1, hold, change state, then reload step by step."""
    if script.get("whole"):
        os.environ["RESOUL_WHOLE_CUT"] = "1"
    world = enter(folder, script)
    world.load(script["sources"]["v1"], script["holder"])
    world.sources = script["sources"]["v1"]
    world.hold(script["holds"])
    world.run(text for _, text in script["touches"])
    world.run(script["mutations"])
    results = []
    for step, names in zip(script["steps"], known, strict=True):
        results.append(
            live_step(world, step, script["sources"][step["version"]], names)
        )
        if results[-1]["outcome"] != step.get("outcome", "updated"):
            break
    return results


def live_step(world, step, sources, known):
    before = {
        "probes": {
            text: world.probe(text, WARM_UP)
            for text, expect in step["probes"]
            if expect != "any" and not text.startswith("rest(")
        },
        "described": world.describe(late=step["loose"]),
        "data": {path: resolve(world.modules, path) for path in step["same"]},
        "environment": world.environment(),
        "census": world.census(),
    }
    before["definitions"] = world.definitions(before["described"]["lines"])
    world.write(sources)
    if step["reload"]["execute"] == "changed":
        with Trace(world.folder) as trace:
            result = reload(step["reload"])
        result["ran"] = [
            (module, text)
            for module in sorted({module for module, _ in trace.ran} & {*sources})
            for text in without_reason(
                world.sources[module],
                sources[module],
                [line for name, line in trace.ran if name == module],
                step["reload"]["take"],
                module,
            )
        ]
    else:
        result = reload(step["reload"])
        result["ran"] = []
    if result["outcome"] == "updated":
        world.sources = sources
    result["moved_objects"] = moved_objects(world, before, result["outcome"])
    result["environment"] = changed_environment(
        before["environment"], world.environment()
    )
    updated = result["outcome"] == "updated"
    result["described"] = world.describe(known if updated else None, step["loose"])
    result["census"] = world.census()
    result["probes"] = {text: world.probe(text) for text, _ in step["probes"]}
    result["before"] = {key: before[key] for key in ("described", "probes", "census")}
    return result


def reload(arguments):
    import resoul

    resoul.configure(history=0)  # what an undo would need is no second copy

    try:
        update = resoul.reload(
            arguments["modules"],
            data=arguments["data"],
            take=arguments["take"],
            execute=arguments["execute"],
        )
    except resoul.RefusedError as error:
        return {
            "outcome": "refused",
            "codes": [reason.code for reason in error.reasons],
            "text": str(error),
        }
    except resoul.PrepareError as error:
        return {"outcome": "unprepared", "codes": [], "text": f"{error} from {error.__cause__!r}",
                "cause": type(error.__cause__).__name__}  # fmt: skip
    return {
        "outcome": "updated",
        "codes": [notice.code for notice in update.warnings],
        "text": str(update),
        "truth": bool(update),
        "changes": [
            (one.module, one.qualname, one.kind, one.action) for one in update.changes
        ],
        "warnings": [
            (one.code, one.module, one.qualname, one.message) for one in update.warnings
        ],
        "lagging": [(one.module, one.qualname, one.count) for one in update.lagging],
        "dict": update.to_dict(),
    }


def moved_objects(world, before, outcome):
    """Paths whose definition (or data that has to stay the same object) is another object now."""
    moved = []
    now = world.definitions(before["definitions"])
    for path, (value, kind) in before["definitions"].items():
        if path in now and now[path][1] is kind and now[path][0] is not value:
            moved.append(path)
    for path, value in before["data"].items():
        if resolve(world.modules, path) is not value:
            moved.append(path)
    return moved


def changed_environment(before, after):
    same = len(before) == len(after) and all(
        a[0] == b[0] for a, b in zip(before, after, strict=True)
    )
    if not same:
        return ["facts differ"]
    return [
        a[0]
        for a, b in zip(before, after, strict=True)
        if not (a[1] is b[1] or equal_plain(a[1], b[1]))
    ]


def foreign(name):
    package = name.partition(".")[0]
    own = package == "resoul" or package.startswith("_sysconfigdata")
    return not own and package not in sys.stdlib_module_names


def equal_plain(a, b):
    return type(a) is tuple and type(b) is tuple and a == b


def enter(folder, script):
    sys.dont_write_bytecode = not script["bytecode"]
    # a probe may raise after it made one
    warnings.filterwarnings("ignore", message="coroutine .* was never awaited")
    os.makedirs(folder, exist_ok=True)
    sys.path.insert(0, folder)
    return World(folder, sorted(script["sources"]["v1"]))
