"""The second oracle of execute="changed": which statements of modules ran, and which had no reason to."""

import ast
import collections
import os
import sys


class Trace:
    """Lines of module bodies in a folder that run meanwhile: (module, line) pairs."""

    def __init__(self, folder):
        self.folder = folder
        self.ran = set()

    def __enter__(self):
        sys.settrace(self.called)
        return self

    def __exit__(self, *_):
        sys.settrace(None)

    def called(self, frame, event, argument):
        code = frame.f_code
        folder, file = os.path.split(code.co_filename)
        if code.co_name == "<module>" and folder == self.folder:
            module = file.removesuffix(".py")
            self.ran.add((module, frame.f_lineno))
            return lambda frame, *_: self.line(module, frame)
        return None

    def line(self, module, frame):
        self.ran.add((module, frame.f_lineno))
        return lambda frame, *_: self.line(module, frame)


def without_reason(old, new, lines, take, module):
    """Texts of statements in `new` on these lines that `old` has, too, and that read nothing which changed."""
    before = collections.Counter(map(ast.dump, ast.parse(old).body))
    statements = ast.parse(new).body
    after = collections.Counter(map(ast.dump, statements))
    changed = [one for one in statements if not before[ast.dump(one)]]
    changed += [one for one in ast.parse(old).body if not after[ast.dump(one)]]
    names = set().union(*map(binds, changed)) | {
        path.split(".")[1] for path in take if path.split(".")[0] == module
    }
    if "_reload" in new:
        return []  # a body that speaks for itself has what it names evaluated again
    return [
        ast.unparse(one)
        for one in statements
        if before[ast.dump(one)]
        and any(first(one) <= line <= one.end_lineno for line in lines)
        and not (names & {*reads(one), *binds(one)})
        and not makes_classes(one)
    ]


def first(statement):
    return min(
        [one.lineno for one in getattr(statement, "decorator_list", [])]
        + [statement.lineno]
    )


def reads(statement):
    return {one.id for one in ast.walk(statement) if isinstance(one, ast.Name)}


def binds(statement):
    found = {
        one.name
        for one in ast.walk(statement)
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }
    return found | {
        one.id
        for one in ast.walk(statement)
        if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load)
    }


def makes_classes(statement):
    """Code that has the line of a class in it can't just be moved."""
    return any(
        isinstance(inner, ast.ClassDef)
        for one in ast.walk(statement)
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(one)
    )
