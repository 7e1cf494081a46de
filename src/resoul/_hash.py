"""`source_hash()`: which version of a definition lives."""

import ast
import functools
import linecache
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from resoul import _engine, _syntax
from resoul._policy import namespace_of

# The names under which hotfixes have their source in linecache; each says its content's hash.
_HOTFIX = "<hotfix "
_LOCALS = ".<locals>."
_ACCESSORS = ("fget", "fset", "fdel")


def source_hash(obj: object) -> str:
    """The hash of the definition that lives: 64 hex digits.

    obj  a function, method, class, property, static or class method, or what the
         decorators of functools make of a function

    Taken from the syntax, so that its own name, comments, formatting and position don't
    count; decorators, default values, annotations and docstrings do. It is the same in
    every process and on every supported Python. The source is the one that the running
    code came from, whatever the file says by now. The code of a function that a hotfix
    replaced is that of the hotfix.

    Raises TypeError for what has no definition in Python, and UpdateError where the
    source that lives is not known.
    """
    return _hash(obj, decorators=True)


def own_hashes(obj: object) -> Iterator[tuple[str, str]]:
    """For each definition that `obj` has: its hash, and that without its decorators."""
    for _, part in _parts(obj):
        yield _hash(part, decorators=True), _hash(part, decorators=False)


def _hash(obj: object, *, decorators: bool) -> str:
    parts = _parts(obj)
    hashes = [(role, _hash_of_one(part, decorators)) for role, part in parts]
    if len(hashes) == 1 and not hashes[0][0]:
        return hashes[0][1]
    return _syntax.combined(hashes)


def _hash_of_one(part: FunctionType | type, decorators: bool) -> str:
    if type(part) is FunctionType:
        return _syntax.digest(_function_node(part), decorators=decorators)
    node, foreign = _class_node(part)
    own = _syntax.digest(node, decorators=decorators)
    if not foreign:
        return own
    others = [(name, _hash(value, decorators=True)) for name, value in foreign]
    return _syntax.combined([("", own), *others])


# ---- what is meant ----


def _parts(obj: object) -> list[tuple[str, FunctionType | type]]:
    """Pairs of a role and what has a definition; the role of a single one is empty."""
    found = _unwrapped(obj)
    if type(found) is property:
        accessors = [(role, getattr(found, role)) for role in _ACCESSORS]
        parts = [
            (role, part)
            for role, accessor in accessors
            if accessor is not None
            for _, part in _parts(accessor)
        ]
        if parts:
            return parts
    if type(found) is FunctionType or issubclass(type(found), type):
        return [("", found)]
    raise TypeError(f"a {type(obj).__name__} has no definition in Python")


def _unwrapped(obj: Any) -> Any:
    """What was defined, without what decorators put around it."""
    for _ in range(100):
        inner = _inner(obj)
        if inner is None:
            break
        obj = inner
    return obj


def _inner(obj: Any) -> object:
    kind = type(obj)
    if kind in (staticmethod, classmethod, MethodType):
        return obj.__func__
    if kind in (
        functools.partial,
        functools.partialmethod,
        functools.cached_property,
        functools.singledispatchmethod,
    ):
        return obj.func
    if kind is FunctionType and not _is_wrapper(obj.__code__):
        return None
    if issubclass(kind, type):
        return None
    return _attributes(obj).get("__wrapped__")


def _is_wrapper(code: CodeType) -> bool:
    """Is it a function that a decorator made? A definition is not made by a function."""
    return _LOCALS in code.co_qualname and not code.co_filename.startswith(_HOTFIX)


def _attributes(obj: object) -> dict[str, object]:
    try:
        found = object.__getattribute__(obj, "__dict__")
    except AttributeError:
        return {}
    return found if isinstance(found, dict) else {}


# ---- functions ----


def _function_node(function: FunctionType) -> _syntax.Definition:
    code = function.__code__
    module = _module(function.__globals__.get("__name__"))
    for source in _sources(code.co_filename, module):
        nodes = _nodes_of_code(source, code)
        if nodes:
            return _only(nodes, f"{function.__module__}.{function.__qualname__}")
    raise _unknown(f"{function.__module__}.{function.__qualname__}", code.co_filename)


def _nodes_of_code(source: str | bytes, code: CodeType) -> list[_syntax.Definition]:
    """The definitions in the source that `code` may be of. What a hotfix is called says
    which source it is; other source has to compile to the code that lives."""
    tree = _parsed(source)
    if tree is None:
        return []
    nodes: list[_syntax.Definition] = [
        node
        for _, node in _syntax.definitions(tree)
        if not isinstance(node, ast.ClassDef)
        and _syntax.first_line(node) == code.co_firstlineno
        and _parameters(node) == _parameters_of_code(code)
    ]
    if code.co_filename.startswith(_HOTFIX) or not nodes:
        return nodes
    wanted = _bare(code)
    whole = compile(source, code.co_filename, "exec", dont_inherit=True)
    fits = any(
        one.co_firstlineno == code.co_firstlineno and _bare(one) == wanted
        for one in _codes(whole)
    )
    named = [node for node in nodes if _syntax.name_of(node) == code.co_name]
    return (named or nodes) if fits else []


def _parameters(node: _syntax.Definition) -> list[str]:
    assert not isinstance(node, ast.ClassDef)
    arguments = node.args
    return [
        one.arg
        for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    ]


def _parameters_of_code(code: CodeType) -> list[str]:
    return [*code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]]


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _bare(code: CodeType) -> CodeType:
    """Without names and lines, which have no say in what it does."""
    constants = tuple(
        _bare(one) if isinstance(one, CodeType) else one for one in code.co_consts
    )
    return code.replace(
        co_consts=constants,
        co_filename="",
        co_firstlineno=1,
        co_linetable=b"",
        co_name="",
        co_qualname="",
    )


# ---- classes ----


def _class_node(
    cls: type,
) -> tuple[ast.ClassDef, list[tuple[str, FunctionType]]]:
    """Its definition, and methods that are not defined there: a hotfix replaced them."""
    name = type.__dict__["__qualname__"].__get__(cls)
    module_name = type.__dict__["__module__"].__get__(cls)
    shown = f"{module_name}.{name}"
    module = _module(module_name)
    methods = _methods(cls)
    for filename in _homes(module, methods):
        own = [f for _, f in methods if f.__code__.co_filename == filename]
        foreign = [(n, f) for n, f in methods if f.__code__.co_filename != filename]
        for source in _sources(filename, module, verified=not own):
            nodes = _nodes_of_class(source, name, own)
            if nodes:
                return _only(nodes, shown), foreign
    raise _unknown(shown, "")


def _homes(
    module: ModuleType | None, methods: list[tuple[str, FunctionType]]
) -> Iterator[str]:
    """Files that the class may be defined in. Where only hotfixes have made methods of
    it, they may have made the class, or all its methods."""
    filenames = sorted({function.__code__.co_filename for _, function in methods})
    yield from (name for name in filenames if not name.startswith(_HOTFIX))
    yield from (name for name in filenames if name.startswith(_HOTFIX))
    file = namespace_of(module).get("__file__") if module is not None else None
    if isinstance(file, str) and file not in filenames:
        yield file


def _methods(cls: type) -> list[tuple[str, FunctionType]]:
    """The functions that the class itself has, with what they are in it."""
    found = []
    for name, value in sorted(type.__dict__["__dict__"].__get__(cls).items()):
        inner = _unwrapped(value)
        accessors = [inner]
        if type(inner) is property:
            accessors = [_unwrapped(getattr(inner, role)) for role in _ACCESSORS]
        for role, accessor in zip(("", *_ACCESSORS[1:]), accessors, strict=False):
            if type(accessor) is FunctionType and _is_method_of(cls, accessor):
                found.append((f"{name}.{role}".rstrip("."), accessor))
    return found


def _is_method_of(cls: type, function: FunctionType) -> bool:
    """Or was it assigned to the class, or made by a decorator like dataclass?"""
    qualname = type.__dict__["__qualname__"].__get__(cls)
    return function.__qualname__.rpartition(".")[0] == qualname and (
        not function.__code__.co_filename.startswith("<")
        or function.__code__.co_filename.startswith(_HOTFIX)
    )


def _nodes_of_class(
    source: str | bytes, qualname: str, own: list[FunctionType]
) -> list[ast.ClassDef]:
    tree = _parsed(source)
    if tree is None or not all(_nodes_of_code(source, f.__code__) for f in own):
        return []
    lines = [function.__code__.co_firstlineno for function in own]
    return [
        node
        for name, node in _syntax.definitions(tree)
        if isinstance(node, ast.ClassDef)
        and name == qualname
        and all(node.lineno <= line <= (node.end_lineno or line) for line in lines)
    ]


# ---- sources ----


def _module(name: object) -> ModuleType | None:
    module = sys.modules.get(name) if isinstance(name, str) else None
    return module if isinstance(module, ModuleType) else None


def _sources(
    filename: str, module: ModuleType | None, *, verified: bool = False
) -> Iterator[str | bytes]:
    """Texts that code of that file may be from, the surest first.

    verified  only what is known to be the source of the module that lives
    """
    if filename.startswith(_HOTFIX):
        lines = linecache.getlines(filename)
        if lines:
            yield "".join(lines)
        return
    if module is not None:
        known, code = _engine.known_source(module)
        if known is not None and (
            not verified or isinstance(known, str) or _compiles_to(known, code)
        ):
            yield known
    if verified:
        return
    cached = linecache.cache.get(filename)
    if cached is not None and len(cached) == 4:  # not a lazy one
        yield "".join(cached[2])
    try:
        with open(filename, "rb") as file:
            yield file.read()
    except (OSError, ValueError):
        yield from _from_loader(module)


def _from_loader(module: ModuleType | None) -> Iterator[str]:
    """For modules in archives and the like."""
    spec = namespace_of(module).get("__spec__") if module is not None else None
    get_source = getattr(getattr(spec, "loader", None), "get_source", None)
    if get_source is None or module is None:
        return
    try:
        text = get_source(module.__name__)
    except (ImportError, OSError):
        return
    if isinstance(text, str):
        yield text


def _compiles_to(source: bytes, code: CodeType | None) -> bool:
    if code is None:
        return False
    try:
        return compile(source, code.co_filename, "exec", dont_inherit=True) == code
    except (SyntaxError, ValueError):
        return False


def _parsed(source: str | bytes) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return None


# ---- answers ----


def _only[D: _syntax.Definition](nodes: list[D], name: str) -> D:
    """The one that is meant; several that say the same are one."""
    if len({_syntax.digest(node) for node in nodes}) > 1:
        raise _engine.UpdateError(
            f"the source has several definitions that {name} may be, on the same line"
        )
    return nodes[0]


def _unknown(name: str, filename: str) -> _engine.UpdateError:
    return _engine.UpdateError(
        f"the source of {name} that lives is not known: what {filename or 'its module'} "
        "says is not what runs"
    )
