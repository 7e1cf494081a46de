"""What modules are made of.  `feature.py` says what a feature is; each other file holds the features of one kind."""

from . import (
    classes,
    classtools,
    closures,
    data,
    decorators,
    enums,
    families,
    functions,
    imports,
    records,
    wrappers,
)

WEIGHTS = {
    functions: 3,
    decorators: 2,
    closures: 1,
    classes: 5,
    classtools: 1,
    enums: 1,
    records: 1,
    data: 1,
    wrappers: 1,
    imports: 1,
    families: 1,
}
MAKERS = [make for kind, weight in WEIGHTS.items() for make in kind.MAKERS * weight]

__all__ = ["MAKERS"]
