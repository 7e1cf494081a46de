"""Edits of source files, as an editor would make them."""

import difflib
import os
from dataclasses import dataclass
from pathlib import Path


class EditError(ValueError):
    """An edit does not fit the file that it is for."""


@dataclass(frozen=True)
class Edit:
    """Replacements of text in one file.

    Each old text has to occur exactly once, so that an edit which no longer fits the
    server's source fails at once and by name, not as a demo that shows something else.
    """

    file: str
    replacements: tuple[tuple[str, str], ...]

    def make(self, folder: Path) -> list[str]:
        """Edit the file in `folder`; return the lines that changed, as in a diff."""
        path = folder / self.file
        before = path.read_text(encoding="utf-8")
        after = before
        for old, new in self.replacements:
            if after.count(old) != 1:
                found = after.count(old)
                raise EditError(f"{self.file}: found {found} times, not once: {old!r}")
            after = after.replace(old, new)
        write_atomically(path, after)
        return changed_lines(before, after)


def write_atomically(path, text):
    """Replace the file in one step, so that nobody ever reads half of it."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, path)


def changed_lines(before, after):
    """Return the "-" and "+" lines of a diff."""
    diff = difflib.unified_diff(
        before.splitlines(), after.splitlines(), n=0, lineterm=""
    )
    return [line for line in diff if not line.startswith(("---", "+++", "@@"))]
