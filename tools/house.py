"""House rules that no other linter knows (see CONTRIBUTING.md).

Errors: words that belong to compat.* elsewhere, platform tests in algorithms,
writable statics, a header without its opening block, paths and hosts of one
machine in a file. Warnings: long files and long functions.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

LONG_FILE = 600
LONG_FUNCTION = 70
HEADER_WORDS = ("Owns:", "Provides:", "Depends:", "Threads:")

VERSION_WORD = re.compile(r"\b(PY_VERSION_HEX|Py_GIL_DISABLED|pycore_\w*|_Py[A-Z_]\w*)")
PLATFORM_WORD = re.compile(r"\b(__linux__|__APPLE__|_WIN32|__x86_64__|__aarch64__)\b")

# Tables that the C API takes as writable, though nobody writes them, and the
# module definition, which CPython itself fills in once.
API_TABLES = (
    "PyModuleDef|PyModuleDef_Slot|PyMethodDef|PyMemberDef|PyGetSetDef|"
    "PyType_Slot|PyType_Spec|PyStructSequence_Field|PyStructSequence_Desc"
)
WRITABLE_SECTION = re.compile(r"\.t?data(?!\.rel\.ro)|\.t?bss|\*COM\*")

# Spelled so that this file does not match itself.
MACHINE_PATH = re.compile(r"(?<![\w.}])/(?:work/|root/|home/\w|tmp/(?:spec|bash_jobs))")
REGISTRY_HOST = re.compile(
    r"\b(?:pypi|debian|python[h]osted)[.](?:org|net)/(?!doc)", re.I
)

Finding = tuple[str, int, str]


def project_files() -> list[Path]:
    """Tracked files, and untracked ones that are not ignored."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout.decode()
    paths = sorted({ROOT / name for name in listing.split("\0") if name})
    return [path for path in paths if path.is_file()]


def without_comments(source: str) -> str:
    """C without comments and contents of literals, line numbers unchanged."""

    def blank(match: re.Match[str]) -> str:
        text = match.group()
        return (
            text[0] + "\n" * text.count("\n") + text[-1]
            if text[0] in "\"'"
            else (" " + "\n" * text.count("\n"))
        )

    literal = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(rf"/\*.*?\*/|//[^\n]*|{literal}", blank, source, flags=re.S)


def opening(path: Path) -> str:
    """The comment at the top of a header; empty if there is none."""
    source = path.read_text(encoding="utf-8") if path.exists() else ""
    return source[: source.find("*/")] if source.startswith("/*") else ""


def check_words(path: Path, code: str) -> Iterator[Finding]:
    if path.stem == "compat":
        return
    # A file that is one topic's platform code says so in its header.
    knows_platforms = "platform" in opening(ROOT / path.with_suffix(".h"))
    for number, line in enumerate(code.splitlines(), 1):
        if match := VERSION_WORD.search(line):
            yield str(path), number, f"{match.group(1)} belongs in compat.h or compat.c"
        match = PLATFORM_WORD.search(line)
        if match and not knows_platforms:
            yield str(path), number, f"{match.group(1)}: a platform in an algorithm"


def check_header(path: Path) -> Iterator[Finding]:
    text = opening(ROOT / path)
    missing = [word for word in HEADER_WORDS if word not in text]
    # What owns nothing may have nothing to keep true.
    if not re.search(r"Owns:\s+nothing", text) and "Invariants" not in text:
        missing.append("Invariants")
    if missing:
        yield str(path), 1, f"the opening comment lacks {', '.join(missing)}"


def long_functions(path: Path, code: str) -> Iterator[Finding]:
    start, name = 0, ""
    lines = code.splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
            before = " ".join(lines[max(0, number - 6) : number - 1])
            names = re.findall(r"(\w+)\(", before)
            name = names[-1] if names else "?"
        elif line.startswith("}") and start:
            if number - start > LONG_FUNCTION:
                yield str(path), start, f"{name} has {number - start} lines"
            start = 0


def check_machine(path: Path, source: str) -> Iterator[Finding]:
    for number, line in enumerate(source.splitlines(), 1):
        for pattern, what in ((MACHINE_PATH, "path"), (REGISTRY_HOST, "host")):
            if match := pattern.search(line):
                yield str(path), number, f"{match.group()} is a {what} of one machine"


def writable_statics(objects: Path, sources: str) -> Iterator[Finding]:
    """What the compiler put into writable sections, API tables excepted."""
    for path in sorted(objects.rglob("*.o")):
        table = subprocess.run(
            ["objdump", "-t", str(path)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
        for line in table.splitlines():
            match = re.match(
                r"[0-9a-f]+ (.{7}) (\S+)\s+[0-9a-f]+ (?:\.\w+ )?(\S+)$", line
            )
            if match is None or not WRITABLE_SECTION.match(match.group(2)):
                continue
            flags, _, symbol = match.groups()
            name = symbol.split(".")[0]
            if "d" in flags or not name:  # sections and the like
                continue
            if not re.search(rf"\b(?:{API_TABLES})\s+{name}\b", sources):
                yield path.name, 0, f"{name} is writable: state lives in the module"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=Path, help="folder of compiled objects")
    options = parser.parse_args()

    errors: list[Finding] = []
    warnings: list[Finding] = []
    all_code = ""
    for full in project_files():
        path = full.relative_to(ROOT)
        try:
            source = full.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        errors += check_machine(path, source)
        in_engine = path.parts[0] in ("src", "include")
        if path.suffix in (".c", ".h") and in_engine:
            code = without_comments(source)
            all_code += code
            errors += check_words(path, code)
            warnings += long_functions(path, code)
            if path.suffix == ".h":
                errors += check_header(path)
        if path.suffix in (".c", ".h", ".py") and source.count("\n") > LONG_FILE:
            warnings.append((str(path), 1, f"{source.count(chr(10))} lines: split it"))
    if options.objects:
        errors += writable_statics(options.objects, all_code)

    for where, line, what in warnings:
        print(f"{where}:{line}: warning: {what}")
    for where, line, what in errors:
        print(f"{where}:{line}: error: {what}")
    sys.exit(bool(errors))


if __name__ == "__main__":
    main()
