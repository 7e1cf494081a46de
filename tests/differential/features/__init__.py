"""What modules are made of.  `feature.py` says what a feature is; each other file holds the features of one kind."""

from . import classes, data, enums, families, functions, imports, records, wrappers

MAKERS = [
    one
    for kind in (functions, classes, enums, records, data, wrappers, imports, families)
    for one in kind.MAKERS
]

__all__ = ["MAKERS"]
