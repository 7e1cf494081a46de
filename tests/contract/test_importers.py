"""An importer's binding follows where its source really imports the name (rule 10)."""

import pytest
from livefolder import actions

OLD, NEW = "DAMAGE = (1000, 'old')\n", "DAMAGE = (2000, 'new')\n"
TAKEN = (2000, "new")

IMPORTS = {
    "plain": ("from weapons import DAMAGE\n", "DAMAGE"),
    "as": ("from weapons import DAMAGE as D\n", "D"),
    "star": ("from weapons import *\n", "DAMAGE"),
    "in try": (
        "try:\n    from weapons import DAMAGE\nexcept ImportError:\n    pass\n",
        "DAMAGE",
    ),
    "in if": ("if True:\n    from weapons import DAMAGE\n", "DAMAGE"),
    "among others": ("from weapons import (OTHER,\n  DAMAGE)\n", "DAMAGE"),
}


@pytest.mark.parametrize("how", IMPORTS)
def test_importers_follow(live, how):
    statement, name = IMPORTS[how]
    live.module("weapons", OLD + "OTHER = 1\n")
    user = live.module("user", statement + f"def f(): return {name}\n")
    update = live.update("weapons", NEW + "OTHER = 1\n", data="take")
    assert user.f() == TAKEN
    assert actions(update, name, module="user") == {"rebound"}
    (change,) = [c for c in update.changes if c.module == "user"]
    assert change.kind == "binding"


def test_relative_imports_follow(live):
    live.write("pkg.__init__", "from .weapons import DAMAGE\n")
    live.write("pkg.weapons", OLD)
    live.write("pkg.user", "from .weapons import DAMAGE\nfrom . import weapons\n")
    live.write("pkg.deep.__init__", "")
    live.write("pkg.deep.user", "from ..weapons import DAMAGE as D\n")
    pkg, user, deep = (live.load(n) for n in ("pkg", "pkg.user", "pkg.deep.user"))
    live.update("pkg.weapons", NEW, data="take")
    assert pkg.DAMAGE == user.DAMAGE == deep.D == user.weapons.DAMAGE == TAKEN


def test_a_binding_that_the_importer_changed_is_left_alone(live):
    live.module("weapons", OLD)
    user = live.module("user", "from weapons import DAMAGE\n")
    user.DAMAGE = "mine"
    live.update("weapons", NEW, data="take")
    assert user.DAMAGE == "mine"


def test_an_equal_value_that_is_not_the_identical_object_is_left_alone(live):
    live.module("weapons", OLD)
    user = live.module("user", "from weapons import DAMAGE\n")
    user.DAMAGE = copy = (1000, "old")
    live.update("weapons", NEW, data="take")
    assert user.DAMAGE is copy


def test_the_identical_object_that_was_not_imported_is_left_alone(live):
    live.module("weapons", "DAMAGE = 5\nNONE = None\n")
    user = live.module("user", "import weapons\nDAMAGE = 5\nNONE = None\n")
    other = live.module("other", "from user import DAMAGE\n")
    live.update("weapons", "DAMAGE = 6\nNONE = 1\n", data="take")
    assert (user.DAMAGE, user.NONE, other.DAMAGE) == (5, None, 5)


def test_an_import_inside_a_function_binds_nothing_in_the_module(live):
    live.module("weapons", "DAMAGE = 5\n")
    user = live.module(
        "user",
        "DAMAGE = 5\ndef f():\n    from weapons import DAMAGE\n    return DAMAGE\n",
    )
    live.update("weapons", "DAMAGE = 6\n", data="take")
    assert (user.DAMAGE, user.f()) == (5, 6)


def test_the_same_name_of_another_module(live):
    live.module("weapons", "DAMAGE = 5\n")
    live.module("armour", "DAMAGE = 5\n")
    user = live.module("user", "from armour import DAMAGE\n")
    live.update("weapons", "DAMAGE = 6\n", data="take")
    assert user.DAMAGE == 5


def test_kept_values_leave_importers_alone(live):
    live.module("weapons", OLD)
    user = live.module("user", "from weapons import DAMAGE\n")
    before = user.DAMAGE
    update = live.update("weapons", NEW)
    assert user.DAMAGE is before
    assert actions(update, "DAMAGE", module="user") == set()


def test_importers_of_a_binding_that_changed(live):
    live.module("lib", "def one(): return 1\ndef two(): return 2\n")
    live.module("weapons", "from lib import one as chosen\n")
    user = live.module("user", "from weapons import chosen\n")
    live.update("weapons", "from lib import two as chosen\n")
    assert user.chosen() == 2
    assert live.load("lib").one() == 1


def test_an_importer_that_is_reloaded_too(live):
    weapons = live.module("weapons", OLD)
    user = live.module("user", "from weapons import DAMAGE\n")
    live.edit("weapons", NEW)
    live.reload("weapons", "user", data="take")
    assert user.DAMAGE == TAKEN
    assert user.DAMAGE is weapons.DAMAGE


def test_importers_of_a_name_that_changes_its_kind(live):
    m = live.module("m", "def thing(): return 'old'\nVALUE = (1, 2)\n")
    user = live.module(
        "user",
        "from m import thing, VALUE\ndef f(): return thing()\ndef g(): return VALUE()\n",
    )
    live.update("m", "class thing: pass\ndef VALUE(): return 'function'\n")
    assert isinstance(user.f(), m.thing)
    assert user.g() == "function"


def test_importers_of_a_class_keep_the_same_class(live):
    m = live.module("m", "class K:\n    def f(self): return 'old'\n")
    user = live.module("user", "from m import K\n")
    live.update("m", "class K:\n    def f(self): return 'new'\n")
    assert user.K is m.K
    assert user.K().f() == "new"


def test_a_kept_value_under_another_name_in_an_importer_that_is_reloaded_too(live):
    live.module("w", "D = (1, 'old')\n")
    user = live.module("user", "from w import D as E\nfrom w import D\n")
    old = user.E
    live.edit("w", "D = (2, 'new')\n")
    live.reload("w", "user")
    assert user.D is old
    assert user.E is old


def test_an_import_with_a_fallback(live):
    live.module("w", "D = (1, 'old')\n")
    user = live.module(
        "user", "try:\n    from w import D\nexcept ImportError:\n    D = None\n"
    )
    live.update("w", "D = (2, 'new')\n", data="take")
    assert user.D == (2, "new")


def test_imports_that_a_package_passes_on(live):
    live.write("pkg.__init__", "from .w import *\n")
    live.write("pkg.w", "D = (1, 'old')\n")
    pkg = live.load("pkg")
    user = live.module("user", "from pkg import D as E\n")
    update = live.update("pkg.w", "D = (2, 'new')\n", data="take")
    assert (pkg.D, user.E) == ((2, "new"),) * 2
    assert [c.module for c in update.changes if c.action == "rebound"] == [
        "pkg",
        "user",
    ]


LIB = """
import functools

def deco(fn):
    @functools.wraps(fn)
    def wrapper(): return fn()
    return wrapper

@deco
def f(): return 1

S = object()
"""


@pytest.mark.parametrize("after", ["from lib import S as o\n", "def o(): return 2\n"])
def test_a_decorated_function_was_imported_not_put_there_at_run_time(live, after):
    lib = live.module("lib", LIB)
    user = live.module("user", "from lib import f as o\n")
    old = lib.f
    assert user.o is old
    live.edit("user", after)
    update = live.reload("lib", "user")
    assert actions(update, "o") == {"rebound"}
    assert (user.o if "S" in after else user.o()) == (lib.S if "S" in after else 2)
    assert lib.f is old


def test_a_decorated_function_of_another_module_that_was_put_there_is_kept(live):
    lib = live.module("lib", LIB)
    user = live.module("user", "from lib import S as o\n")
    user.o = lib.f
    live.edit("user", "def o(): return 2\n")
    update = live.reload("user")
    assert actions(update, "o") == {"kept"}
    assert user.o is lib.f


@pytest.mark.parametrize("new", ["T = [1]\n", "T = S()\n", "T = (1, [2])\n"])
def test_kept_data_of_another_type_in_an_importer_that_is_reloaded_too(live, new):
    lib = live.module("lib", "class S: pass\nT = {1: 2}\n")
    user = live.module("user", "from lib import T as o\nimport lib\n")
    old = lib.T
    live.edit("lib", "class S: pass\n" + new)
    update = live.reload("lib", "user")
    assert lib.T is old
    assert user.o is old
    assert actions(update, "o") == set()
    live.reload("lib", "user", data="take")
    assert lib.T is not old
    assert user.o is lib.T


def test_a_definition_that_becomes_data_in_an_importer_that_is_reloaded_too(live):
    lib = live.module("lib", "def T(): pass\n")
    user = live.module("user", "from lib import T as o\n")
    live.edit("lib", "T = 5\n")
    live.reload("lib", "user")
    assert (lib.T, user.o) == (5, 5)


def test_data_that_becomes_a_definition_in_an_importer_that_is_reloaded_too(live):
    lib = live.module("lib", "T = [1]\n")
    user = live.module("user", "from lib import T as o\n")
    live.edit("lib", "class T: pass\n")
    live.reload("lib", "user")
    assert isinstance(lib.T, type)
    assert user.o is lib.T
