"""The hazards of changing a live CPython, each reproduced (see docs/how-it-works.md).

`test_hazard_NN_*` is a risky program in a process of its own. It is right with the cure
of hazard NN in the engine; without it (-DRS_WITHOUT_CURE_NN, `make mutants`) it crashes
or computes something wrong.
"""

import sys

import pytest

VERSION = sys.version_info[:2]

# Warm enough for the specialising interpreter, and for the JIT where there is one.
HOT = 6000


def not_on_this_version():
    pytest.skip("not on this version")


def jit_environment(version):
    """The environment that turns on the JIT of just this version of CPython."""
    if version != VERSION or not sys._jit.is_available():
        not_on_this_version()
    return {"PYTHON_JIT": "1"}
