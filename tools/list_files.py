"""Print the files below a folder whose names end in one of the given ways.

meson asks for the sources with this, so that a new file needs no edit.
Paths are relative to the folder, with slashes, sorted; an empty list is an
error, because meson would take it for one file without a name.
"""

import sys
from pathlib import Path


def main() -> None:
    folder, *endings = sys.argv[1:]
    root = Path(folder)
    found = sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.name.endswith(tuple(endings)) and not path.name.startswith(".")
    )
    if not found:
        sys.exit(f"no {' or '.join(endings)} file below {folder}")
    print("\n".join(found))


if __name__ == "__main__":
    main()
