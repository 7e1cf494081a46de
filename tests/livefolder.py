"""A folder of throw-away modules that tests write, load, edit and reload.

Used by the fixtures of conftest.py and, through PYTHONPATH, by the programs
that tests run in a process of their own.
"""

import builtins
import contextlib
import gc
import importlib
import linecache
import signal
import sys
import textwrap
from collections import Counter
from pathlib import Path
from types import FunctionType, ModuleType

import resoul


class LiveFolder:
    """Modules named by their dotted name; a package's own file is "pkg.__init__"."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self._loaded_before = set(sys.modules)
        self._written = set()
        sys.path.insert(0, str(self.folder))

    def path(self, name):
        return self.folder.joinpath(*name.split(".")).with_suffix(".py")

    def write(self, name, source):
        """Write the source of a module; str is dedented, bytes are taken as they are."""
        path = self.path(name)
        self._written.add(name.removesuffix(".__init__"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source if isinstance(source, bytes) else text(source).encode())
        return path

    edit = write

    def load(self, name):
        importlib.invalidate_caches()
        return importlib.import_module(name.removesuffix(".__init__"))

    def module(self, name, source):
        """Write and import."""
        self.write(name, source)
        return self.load(name)

    def reload(self, *modules, **options):
        return resoul.reload(list(modules), **options)

    def update(self, name, source, **options):
        """Edit one module and reload it."""
        self.edit(name, source)
        return self.reload(name.removesuffix(".__init__"), **options)

    def close(self):
        """Forget the folder and what was imported from it."""
        for name in set(sys.modules) - self._loaded_before:
            if name in self._written or self._is_ours(sys.modules[name]):
                del sys.modules[name]
        while str(self.folder) in sys.path:
            sys.path.remove(str(self.folder))
        for name in [n for n in sys.path_importer_cache if self._inside(n)]:
            del sys.path_importer_cache[name]
        for name in [n for n in linecache.cache if self._inside(n)]:
            del linecache.cache[name]

    def _inside(self, filename):
        return str(filename).startswith(str(self.folder))

    def _is_ours(self, module):
        if not isinstance(module, ModuleType):
            return False
        namespace = vars(module)
        places = [namespace.get("__file__"), *namespace.get("__path__", ())]
        return any(self._inside(place) for place in places if place)


def text(source):
    return textwrap.dedent(source.removeprefix("\n"))


def actions(update, qualname, module=None):
    """What the update says that it did to a name: the set of actions."""
    return {
        change.action
        for change in update.changes
        if change.qualname == qualname and module in (None, change.module)
    }


def warned(update, qualname):
    """The codes of the warnings about a name."""
    return {notice.code for notice in update.warnings if notice.qualname == qualname}


def reasons(error):
    """What a RefusedError refuses: {(code, module, qualname)}."""
    return {(reason.code, reason.module, reason.qualname) for reason in error.reasons}


def codes(error):
    return {reason.code for reason in error.reasons}


def census(*modules):
    """How many functions and classes of modules exist, by module, kind and name.

    Finds donors that an update left behind: each definition has one object.
    """
    gc.collect()
    found = Counter()
    for candidate in gc.get_objects():
        kind = type(candidate)
        if kind is FunctionType:
            if candidate.__module__ in modules:
                found[candidate.__module__, "function", candidate.__qualname__] += 1
        elif issubclass(kind, type):
            module = type.__dict__["__dict__"].__get__(candidate).get("__module__")
            if module in modules:
                qualname = type.__dict__["__qualname__"].__get__(candidate)
                found[module, "class", qualname] += 1
    return found


@contextlib.contextmanager
def no_donors_left(*modules):
    """After the block no definition that existed before it exists once more."""
    before = census(*modules)
    yield
    resoul.configure(history=0)  # since 3.14 it keeps what evaluated annotations
    more = census(*modules) - before
    assert {key: n for key, n in more.items() if key in before} == {}


class Machinery:
    """What an update may use and has to leave as it found it."""

    def __init__(self):
        self.modules = sys.modules
        self.state = self._state()

    def _state(self):
        return {
            "type of sys.modules": type(sys.modules),
            "gc enabled": gc.isenabled(),
            "gc threshold": gc.get_threshold(),
            "gc debug": gc.get_debug(),
            "gc frozen": gc.get_freeze_count(),
            "gc callbacks": list(gc.callbacks),
            "meta path": list(sys.meta_path),
            "path hooks": list(sys.path_hooks),
            "builtins": dict(vars(builtins), _=None),
            "trace": sys.gettrace(),
            "switch interval": sys.getswitchinterval(),
            "signal handlers": self._signal_handlers(),
            "timers": [
                any(signal.getitimer(timer))
                for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL)
            ],
        }

    @staticmethod
    def _signal_handlers():
        uncatchable = {signal.SIGKILL, signal.SIGSTOP}
        return {n: signal.getsignal(n) for n in signal.valid_signals() - uncatchable}

    def check(self):
        assert sys.modules is self.modules
        now = self._state()
        changed = {k: (self.state[k], v) for k, v in now.items() if v != self.state[k]}
        assert changed == {}, changed


def attempt_all(probes, target, times=1):
    """The result, or the type of exception, of each probe; the same every time."""
    results = {
        name: {_attempt(p, target) for _ in range(times)} for name, p in probes.items()
    }
    assert all(len(found) == 1 for found in results.values()), results
    return {name: found.pop() for name, found in results.items()}


def _attempt(probe, target):
    try:
        return probe(target)
    except Exception as error:
        return type(error)
