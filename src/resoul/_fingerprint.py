"""`fingerprint()`: what runs here, in one short string."""

import hashlib
import os
import sys
from typing import Final

from resoul import _config, _ledger
from resoul._policy import namespace_of

_VARIABLE: Final = "RESOUL_BUILD"
_DIGITS: Final = 8
_UNKNOWN: Final = "unknown"


def fingerprint() -> str:
    """Which build runs, and which updates are in force: "3f9c1e02+a04b77d1".

    The part before the plus is the build: what `configure(build=)` or the environment
    variable RESOUL_BUILD says, else 8 digits of a hash of the main program's source as it
    was when resoul was imported. The part behind it is 8 digits of a hash over all updates
    in force, in their order; without updates there is no plus. Two processes of the same
    build that applied the same updates have the same one, also after other updates that
    were undone.
    """
    build = _config.build() or os.environ.get(_VARIABLE) or _build_of_main()
    updates = _ledger.applied()
    if not updates:
        return build
    return (
        f"{build}+{hashlib.sha256('\n'.join(updates).encode()).hexdigest()[:_DIGITS]}"
    )


def _source_of_main() -> bytes | None:
    main = sys.modules.get("__main__")
    names = namespace_of(main) if main is not None else {}
    file = names.get("__file__")
    if not isinstance(file, str):
        arguments = sys.orig_argv
        if "-c" in arguments[:-1]:
            return arguments[arguments.index("-c") + 1].encode("utf-8", "replace")
        return None
    try:
        with open(file, "rb") as stream:
            return stream.read()
    except OSError:
        return None


_source: Final = _source_of_main()  # what lives: the file may change later


def _build_of_main() -> str:
    if _source is None:
        return _UNKNOWN
    return hashlib.sha256(_source).hexdigest()[:_DIGITS]
