"""The tools that are compared, behind one interface.

Each is driven through the layer that its own trigger calls (a cell that runs, a file
watcher), so that no watcher's delay is measured. A tool is imported when it is asked for.
"""

import importlib
import logging
import sys
from pathlib import Path
from types import ModuleType


class Updater:
    """Updates modules whose files have changed."""

    name = ""
    title = ""

    def start(self, folder: Path) -> None:
        """Before the modules in `folder` are imported."""

    def imported(self) -> None:
        """After they were imported, before any file changes."""

    def update(self, modules: list[ModuleType]) -> object:
        """Bring the new sources in. Returns what the tool says about it."""
        raise NotImplementedError


class Importlib(Updater):
    name = "importlib"
    title = "importlib.reload"

    def update(self, modules: list[ModuleType]) -> object:
        for module in modules:
            importlib.reload(module)
        return None


class Autoreload(Updater):
    """What `%autoreload 2` runs before a cell."""

    name = "autoreload"
    title = "IPython autoreload"
    dedupe = True

    def start(self, folder: Path) -> None:
        from IPython.extensions.autoreload import ModuleReloader

        logging.getLogger("autoreload").setLevel(logging.CRITICAL)
        self.reloader = ModuleReloader()
        self.reloader.enabled = True
        self.reloader.deduper_reloader.enabled = self.dedupe

    def imported(self) -> None:
        self.reloader.check()

    def update(self, modules: list[ModuleType]) -> object:
        self.reloader.check()
        return None


class AutoreloadClassic(Autoreload):
    """`%autoreload 2-`, or `--full`: superreload only."""

    name = "autoreload-classic"
    title = "IPython autoreload, classic"
    dedupe = False


class Jurigged(Updater):
    """What jurigged's watcher calls when a file was saved."""

    name = "jurigged"
    title = "jurigged"

    def start(self, folder: Path) -> None:
        from jurigged.live import Watcher
        from jurigged.register import registry
        from jurigged.utils import glob_filter

        self.errors: list[Exception] = []
        registry.set_logger(self.log)
        registry.auto_register(filter=glob_filter(str(folder / "*.py")))
        self.watcher = Watcher(registry)

    def log(self, event: object) -> None:
        if isinstance(event, Exception):
            self.errors.append(event)

    def update(self, modules: list[ModuleType]) -> object:
        for module in modules:
            self.watcher.refresh(module.__file__)
        return self.errors


class Resoul(Updater):
    """The default, which is to run what changed; until that is built, everything."""

    name = "resoul"
    title = "resoul"

    def start(self, folder: Path) -> None:
        import resoul

        self.reload = resoul.reload

    def update(self, modules: list[ModuleType]) -> object:
        return self.reload(modules)


class ResoulAll(Resoul):
    name = "resoul-all"
    title = 'resoul, execute="all"'

    def update(self, modules: list[ModuleType]) -> object:
        return self.reload(modules, execute="all")


UPDATERS = {
    cls.name: cls
    for cls in (Importlib, AutoreloadClassic, Autoreload, Jurigged, Resoul, ResoulAll)
}


def selects_changed() -> bool:
    """Can this resoul run only the statements that changed?"""
    import resoul

    try:
        resoul.reload([], execute="changed")
    except ValueError:
        return False
    return True


def version_of(name: str) -> str:
    """The version of the tool of that name, as its users know it."""
    from importlib.metadata import version

    if name == "importlib":
        return sys.version.split()[0]
    return version("ipython" if name.startswith("auto") else name.split("-")[0])
