"""What a rehearsed hotfix does outside of its process: told by audit events.

An audit hook can't be removed, so this is for a child process that ends soon.
"""

import os
import sys
import threading
from typing import Any, Final

from resoul import _engine

# Events whose first argument names what is changed.
_CHANGES: Final = frozenset(
    {
        "os.chmod",
        "os.chown",
        "os.link",
        "os.mkdir",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.symlink",
        "os.truncate",
        "os.utime",
        "shutil.rmtree",
        "sqlite3.connect",
    }
)
_CALLS: Final = frozenset(
    {
        "ftplib.connect",
        "http.client.connect",
        "os.exec",
        "os.fork",
        "os.kill",
        "os.posix_spawn",
        "os.spawn",
        "os.system",
        "smtplib.connect",
        "socket.bind",
        "socket.connect",
        "socket.sendto",
        "subprocess.Popen",
        "urllib.Request",
    }
)
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
_SHOWN: Final = 20


class Outside:
    """Records what the calling thread does outside of the process, from now on."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._seen: dict[str, None] = {}
        sys.addaudithook(self._hook)

    def seen(self) -> list[str]:
        """Each thing once, in the order in which it was done."""
        return list(self._seen)[:_SHOWN]

    def notices(self, name: str, filename: str) -> list[_engine.Notice]:
        """The same as warnings about a fix."""
        return [
            _engine.Notice(
                ("RSL621", name, "", filename, 0, f"{what}: nobody can take that back")
            )
            for what in self.seen()
        ]

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if threading.get_ident() != self._thread:
            return
        if event == "open":
            path, _, flags = args
            if isinstance(path, (str, bytes)) and flags & _WRITES:
                self._seen[f"it opens {os.fsdecode(path)!r} for writing"] = None
        elif event in _CHANGES:
            self._seen[f"it calls {event}({args[0]!r})"] = None
        elif event in _CALLS:
            shown = args[1] if event.startswith("socket.") else args[:1]
            self._seen[f"it calls {event} {shown!r}"] = None
