"""Change a Python program while it runs.

`reload()` brings new source of modules into the running program as one transaction:
functions and classes keep their identity and get new contents, data survives, and an
update that can't be made rightly changes nothing.

    >>> import resoul
    >>> update = resoul.reload(["weapons", "player"])
    >>> print(update)

See docs/how-it-works.md for how, docs/limits.md for what it does not do.
"""

from resoul import _config, _engine, _policy
from resoul._config import configure
from resoul._engine import (
    Change,
    Conflict,
    ConflictError,
    Lagging,
    Notice,
    PrepareError,
    Reason,
    RefusedError,
    UpdateError,
)
from resoul._fingerprint import fingerprint
from resoul._follow import FileStatus, Follower, follow
from resoul._hash import source_hash
from resoul._history import history, undo
from resoul._hotfix import hotfix
from resoul._instances import instances
from resoul._options import Configuration
from resoul._prepare import Prepared, prepare
from resoul._rehearse import check
from resoul._reload import changed, reload
from resoul._update import Update

__all__ = [
    "Change",
    "Configuration",
    "Conflict",
    "ConflictError",
    "FileStatus",
    "Follower",
    "Lagging",
    "Notice",
    "PrepareError",
    "Prepared",
    "Reason",
    "RefusedError",
    "Update",
    "UpdateError",
    "changed",
    "check",
    "configure",
    "fingerprint",
    "follow",
    "history",
    "hotfix",
    "instances",
    "prepare",
    "reload",
    "source_hash",
    "undo",
]

__version__ = _engine.__version__

_config.read_environment()
# Modules that are imported from now on are updated with knowledge of their old source.
_engine.record_imports(_policy.library_prefixes())
