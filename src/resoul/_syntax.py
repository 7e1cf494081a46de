"""Definitions as text that says what they mean and nothing else, and hashes of it.

The text is our own: `ast.dump()` differs between versions of Python.
"""

import ast
import hashlib
from collections.abc import Iterator

type Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)

# Counts up if the text of a definition ever becomes another one.
_FORMAT = "resoul source 1"
# How a name is used follows from where it stands; "u" in u"text" and comments say nothing.
_SILENT = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def digest(node: Definition, *, decorators: bool = True) -> str:
    """The hash of a definition: 64 hex digits.

    Two definitions have the same one if their syntax is the same, but for their own name,
    comments, formatting and position, and the indentation of docstrings.
    decorators  False: they don't count either
    """
    hasher = hashlib.sha256(_FORMAT.encode())
    for word in _words(node, decorators):
        hasher.update(b" " + word.encode())
    return hasher.hexdigest()


def combined(parts: list[tuple[str, str]]) -> str:
    """One hash for something that has several definitions: pairs of role and hash."""
    text = " ".join([_FORMAT, *(f"{role}={hexes}" for role, hexes in parts)])
    return hashlib.sha256(text.encode()).hexdigest()


def first_line(node: Definition) -> int:
    """Where it begins, decorators included: the first line of its code object."""
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min([node.lineno, *(one.lineno for one in decorators)])


def name_of(node: Definition) -> str:
    """What its code object is called."""
    return "<lambda>" if isinstance(node, ast.Lambda) else node.name


def definitions(tree: ast.AST) -> Iterator[tuple[str, Definition]]:
    """All definitions in a tree with their qualified names, in the order of the source."""
    waiting = [("", tree)]
    while waiting:
        prefix, node = waiting.pop()
        if isinstance(node, DEFINITIONS):
            name = prefix + name_of(node)
            yield name, node
            prefix = (
                f"{name}." if isinstance(node, ast.ClassDef) else f"{name}.<locals>."
            )
        children = [(prefix, child) for child in ast.iter_child_nodes(node)]
        waiting += reversed(children)


def _words(definition: Definition, decorators: bool) -> Iterator[str]:
    """The text of a definition, word by word. Deep trees need no deep stack."""
    waiting: list[str | ast.AST] = [definition]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, ast.Constant):
            yield _constant(item.value)
        else:
            skipped = set(_SILENT)
            if item is definition:
                skipped.add("name")
                if not decorators:
                    skipped.add("decorator_list")
            waiting.append(")")
            parts = list(_parts(item, skipped))
            waiting.extend(reversed(parts))
            yield f"({type(item).__name__}"


def _parts(node: ast.AST, skipped: set[str]) -> Iterator[str | ast.AST]:
    """What follows the name of a node. Fields that say nothing don't occur: versions of
    Python differ in which there are."""
    for field in node._fields:
        value = getattr(node, field, None)
        if field in skipped or _says_nothing(field, value):
            continue
        yield f"{field}="
        if not isinstance(value, list):
            yield value if isinstance(value, ast.AST) else ascii(value)
            continue
        if isinstance(node, _DOCUMENTED) and field == "body":
            value = _with_clean_docstring(value)
        elif isinstance(node, ast.JoinedStr):
            value = _joined(value)
        yield "["
        for item in value:
            yield item if isinstance(item, ast.AST) else ascii(item)
        yield "]"


def _says_nothing(field: str, value: object) -> bool:
    if isinstance(value, ast.JoinedStr):  # {x:} is {x}
        return field == "format_spec" and not _joined(value.values)
    return not value or (field == "conversion" and value == -1)


def _constant(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"int:{value:x}"
    if isinstance(value, float):
        return f"float:{value.hex()}"
    if isinstance(value, complex):
        return f"complex:{value.real.hex()},{value.imag.hex()}"
    return f"{type(value).__name__}:{value!a}"


def _joined(values: list[ast.expr]) -> list[ast.expr]:
    """The parts of an f-string, with neighbouring text in one piece and no empty text."""
    found: list[ast.expr] = []
    for value in values:
        if not isinstance(value, ast.Constant):
            found.append(value)
        elif value.value and found and isinstance(found[-1], ast.Constant):
            found[-1] = ast.Constant(str(found[-1].value) + str(value.value))
        elif value.value:
            found.append(value)
    return found


def _with_clean_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    """The indentation of a docstring is that of its definition."""
    first = body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        text = first.value.value
        if isinstance(text, str):
            return [ast.Expr(ast.Constant(_cleaned(text))), *body[1:]]
    return body


def _cleaned(text: str) -> str:
    first, *others = text.expandtabs().split("\n")
    margins = [len(line) - len(line.lstrip()) for line in others if line.strip()]
    margin = min(margins, default=0)
    lines = [first.strip(), *(line[margin:].rstrip() for line in others)]
    return "\n".join(lines).strip("\n")
