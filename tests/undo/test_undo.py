"""`update.undo()`, `resoul.undo()`, `resoul.history()`: what an update changed goes back."""

import hashlib
import re
import sys
from datetime import UTC, datetime

import pytest
from livefolder import text

import resoul

V1 = """
import collections, enum, functools
LIMIT, NAMES, TABLE, TAGS = 1, ["a"], {"gun": 1, "bow": 2}, {"x"}
BYTES, QUEUE = bytearray(b"1"), collections.deque([1], 3)
class Color(enum.Enum):
    RED = 1
    GREEN = 2
class Base:
    def who(self): return "base"
class Other:
    def who(self): return "other"
class Gun(Base):
    range = 1
    def fire(self, power=1): return "old", power
    def gone(self): return "gone"
    @property
    def ammo(self): return 1
def make():
    n = 1
    def inner(): return n
    return inner
@functools.lru_cache
def cached(x): return "old", x
def shoot(x=1): return "old", x
"""

V2 = """
import collections, enum, functools
_reload_all_data = True
LIMIT, NAMES, TABLE, TAGS = 2, ["b", "c"], {"bow": 3, "axe": 4}, {"y"}
BYTES, QUEUE = bytearray(b"22"), collections.deque([2, 2], 3)
class Color(enum.Enum):
    RED = 5
    GREEN = 2
    BLUE = 3
class Base:
    def who(self): return "base 2"
class Other:
    def who(self): return "other 2"
class Gun(Other):
    _del_func = True
    _reload_all_data = True
    range = 2
    def fire(self, power=2, *rest): return "new", power
    @property
    def ammo(self): return 2
    @ammo.setter
    def ammo(self, value): pass
    def __len__(self): return 5
def make():
    n = m = 2
    def inner(): return n + m
    return inner
@functools.lru_cache
def cached(x): return "new", x
def shoot(x=2, *, y=2): return "new", x, y
def added(): return Gun
"""


def contents(module):
    """Identities, values and order of all that an update may change."""
    classes = {}
    for cls in (module.Color, module.Base, module.Other, module.Gun):
        classes[cls.__name__] = (
            [(name, id(value)) for name, value in vars(cls).items()],
            cls.__bases__,
            cls.__mro__,
            cls.__doc__,
        )
    functions = [
        [id(getattr(f, f"__{a}__")) for a in ("code", "defaults", "closure", "doc")]
        for f in (module.make, module.shoot, module.Gun.fire, module.Base.who)
    ]
    return (
        [(n, id(v)) for n, v in vars(module).items() if n != "__builtins__"],
        classes,
        functions,
        (list(module.NAMES), list(module.TABLE.items()), set(module.TAGS)),
        (bytes(module.BYTES), list(module.QUEUE), module.QUEUE.maxlen),
        [(m.name, m.value) for m in module.Color],
        [sub.__name__ for sub in module.Other.__subclasses__()],
        [sub.__name__ for sub in module.Base.__subclasses__()],
    )


@pytest.mark.parametrize("options", [{}, {"execute": "all", "data": "take"}])
def test_all_is_as_it_was(live, options):
    m = live.module("m", V1)
    user = live.module(
        "user", "from m import LIMIT, shoot, Gun\nclass Sub(Gun): pass\n"
    )
    gun, inner, red, cached = m.Gun(), m.make(), m.Color.RED, m.cached
    before = contents(m)
    live.edit("m", V2)
    update = resoul.reload("m", **options)
    after = contents(m)
    assert after != before
    assert len(gun) == 5
    assert user.LIMIT == 2
    undone = update.undo()
    assert contents(m) == before
    assert (user.LIMIT, user.shoot(), gun.fire(), gun.who()) == (
        1,
        ("old", 1),
        ("old", 1),
        "base",
    )
    with pytest.raises(TypeError):
        len(gun)
    with pytest.raises(TypeError):
        len(user.Sub())
    assert inner() == 1
    assert m.Color.RED is red
    assert red.value == 1
    assert cached(1) == ("old", 1)
    undone.undo()
    assert contents(m) == after
    assert len(user.Sub()) == 5
    update.undo()
    assert contents(m) == before


def test_what_the_two_updates_say(live):
    m = live.module("m", "def f(): return 1\n")
    live.edit("m", "def f(): return 2\n")
    update = resoul.reload("m")
    assert (update.kind, update.state, update.name) == ("reload", "committed", "m")
    assert re.fullmatch(r"m@[0-9a-f]{4}", update.id)
    assert re.fullmatch(r"[0-9a-f]{64}", update.hash)
    assert update.hash.startswith(update.id.partition("@")[2])
    assert abs(datetime.now(UTC) - update.time).total_seconds() < 100
    undone = update.undo()
    assert (undone.kind, undone.state, update.state) == ("undo", "committed", "undone")
    assert (update.undone_by, undone.undoes) == (undone.id, update.id)
    assert [(c.module, c.qualname, c.kind, c.action) for c in undone.changes] == [
        ("m", "f", "function", "restored")
    ]
    assert undone
    assert update.id in str(undone)
    assert (undone.to_dict()["undoes"], update.to_dict()["id"]) == (
        update.id,
        update.id,
    )
    again = undone.undo()
    assert (update.state, undone.state) == ("committed", "undone")
    assert update.undone_by is None
    assert again.undoes == undone.id
    assert m.f() == 2


def test_the_hash_is_of_names_and_new_sources(live):
    def hash_of(**sources):
        digest = hashlib.sha256()
        for name in sorted(sources):
            for part in (name.encode(), text(sources[name]).encode()):
                digest.update(len(part).to_bytes(8) + part)
        return digest.hexdigest()

    live.module("b", "x = 1\n")
    live.module("a", "x = 1\n")
    for name in "ab":
        live.edit(name, "x = 2\n")
    update = resoul.reload(["b", "a"])
    assert update.hash == hash_of(a="x = 2\n", b="x = 2\n")
    assert update.name == "a+b"
    for name in ("a", "b", "c", "d", "e"):
        live.module(name, "x = 2\n")
        live.edit(name, f"x = 3 # {'long ' * 40}\n")
    update = resoul.reload(["e", "d", "c", "b", "a"])
    assert update.name == "a+b+3"


def test_history_is_newest_first(live):
    live.module("m", "def f(): return 0\n")
    assert resoul.history() == []
    assert str(resoul.history()) == "no updates"
    updates = []
    for i in range(1, 4):
        live.edit("m", f"def f(): return {i}\n")
        updates.append(resoul.reload("m"))
    assert resoul.history() == updates[::-1]
    undone = resoul.undo()
    assert undone.undoes == updates[2].id
    assert resoul.history() == [undone, *updates[::-1]]
    lines = str(resoul.history()).splitlines()
    assert len(lines) == 4
    assert updates[2].id in lines[1]
    assert "undone" in lines[1]
    assert resoul.undo().undoes == updates[1].id
    assert resoul.undo().undoes == updates[0].id
    assert sys.modules["m"].f() == 0
    with pytest.raises(resoul.UpdateError, match="no update"):
        resoul.undo()


def test_what_changed_nothing_is_no_entry(live):
    live.module("m", "x = 1\n")
    update = resoul.reload("m")
    assert resoul.history() == []
    assert update.id is None
    with pytest.raises(resoul.UpdateError, match="changed nothing"):
        update.undo()
    live.edit("m", "x =\n")
    with pytest.raises(resoul.PrepareError):
        resoul.reload("m")
    assert resoul.history() == []


def test_the_file_counts_as_changed_again(live):
    m = live.module("m", "def f(): return 1\n")
    live.edit("m", "def f(): return 2\n")
    resoul.reload().undo()
    assert m.f() == 1
    update = resoul.reload()
    assert [change.qualname for change in update.changes] == ["f"]
    assert m.f() == 2


def test_a_conflict_with_the_program(live):
    m = live.module("m", "X = 1\ndef f(): return 1\ndef g(): return 1\n")
    live.edit("m", "X = 2\ndef f(): return 2\ndef g(): return 2\n")
    update = resoul.reload("m")
    m.X = 3
    m.f = len
    with pytest.raises(resoul.ConflictError) as caught:
        update.undo()
    assert {(c.module, c.qualname, c.by) for c in caught.value.conflicts} == {
        ("m", "X", "")
    }
    assert "m.X" in str(caught.value)
    assert m.g() == 2, "nothing is half undone"
    assert update.state == "committed"


@pytest.mark.refuses("RSL701")
def test_a_conflict_that_is_kept(live):
    m = live.module("m", "X = 1\nY = 1\ndef g(): return 1\n")
    live.edit("m", "X = 2\nY = 2\ndef g(): return 2\n")
    update = resoul.reload("m")
    m.X = 3
    undone = update.undo(conflicts="keep")
    assert (m.X, m.Y, m.g()) == (3, 1, 1)
    (notice,) = undone.warnings
    assert (notice.code, notice.module, notice.qualname) == ("RSL701", "m", "X")


def test_a_later_update_of_the_same_is_named(live):
    m = live.module("m", "def f(): return 1\ndef g(): return 1\ndef h(): return 1\n")
    live.edit("m", "def f(): return 2\ndef g(): return 2\ndef h(): return 1\n")
    first = resoul.reload("m")
    live.edit("m", "def f(): return 3\ndef g(): return 2\ndef h(): return 1\n")
    second = resoul.reload("m")
    live.edit("m", "def f(): return 3\ndef g(): return 2\ndef h(): return 2\n")
    third = resoul.reload("m")
    with pytest.raises(resoul.ConflictError) as caught:
        first.undo()
    (conflict,) = caught.value.conflicts
    assert tuple(conflict) == ("m", "f", "the function", second.id)
    assert second.id in str(caught.value)
    second.undo()
    assert (m.f(), m.g(), m.h()) == (2, 2, 2)
    first.undo()
    assert (m.f(), m.g(), m.h()) == (1, 1, 2)
    third.undo()
    assert (m.f(), m.g(), m.h()) == (1, 1, 1)


def test_only_code(live):
    m = live.module("m", V1)
    live.edit("m", V2)
    update = resoul.reload("m")
    gun = m.Gun()
    update.undo(only="code")
    assert (m.LIMIT, m.NAMES, gun.range) == (2, ["b", "c"], 2)
    assert (m.shoot(), gun.fire(), gun.who()) == (("old", 1), ("old", 1), "base")
    assert not hasattr(m, "added")
    assert [(c.name, c.value) for c in m.Color] == [("RED", 1), ("GREEN", 2)]
    update.undo()
    assert (m.LIMIT, m.NAMES, gun.range) == (1, ["a"], 1)


def test_effects_go_back(live):
    lib = live.module("lib", "ROUTES, SEEN = [], {}\n")
    source = "import lib\nlib.ROUTES.append('a')\nlib.SEEN['a'] = 1\n"
    m = live.module("m", source)
    live.edit("m", source + "lib.ROUTES.append('b')\nlib.SEEN['b'] = 2\n")
    update = resoul.reload("m")
    assert (lib.ROUTES, lib.SEEN) == (["a", "b"], {"a": 1, "b": 2})
    update.undo()
    assert (lib.ROUTES, lib.SEEN) == (["a"], {"a": 1})
    resoul.history()[0].undo()
    assert (lib.ROUTES, lib.SEEN) == (["a", "b"], {"a": 1, "b": 2})
    assert m.lib is lib


@pytest.mark.refuses("RSL702")
def test_a_hook_that_fails_stops_no_undo(live):
    m = live.module("m", "def f(): return 1\n")
    hook = "def __after_reload__(update):\n    if update.kind == 'undo': 1 / 0\n"
    live.module("other", "x = 1\n")
    live.edit("m", "def f(): return 2\n")
    update = resoul.reload("m")
    exec(hook, vars(m))
    undone = update.undo()
    assert m.f() == 1
    assert [notice.code for notice in undone.warnings] == ["RSL702"]
    assert "ZeroDivisionError" in undone.warnings[0].message


def test_dropped_entries_free_what_they_held(live):
    m = live.module("m", "class V: pass\nX = V()\n")
    import weakref

    old = weakref.ref(m.X)
    resoul.configure(history=2)
    updates = []
    for i in range(3):
        live.edit("m", f"class V: pass\nX = V() or {i}\n")
        updates.append(resoul.reload("m", data="take"))
        assert (old() is None) == (i == 2)
    assert resoul.history() == updates[:0:-1]
    with pytest.raises(resoul.UpdateError, match="not in the history"):
        updates[0].undo()
    resoul.configure(history=0)
    assert resoul.history() == []
    with pytest.raises(resoul.UpdateError, match="not in the history"):
        updates[2].undo()


def test_arguments(live):
    live.module("m", "x = 1\n")
    live.edit("m", "x = 2\n")
    update = resoul.reload("m")
    with pytest.raises(ValueError, match="only="):
        update.undo(only="data")
    with pytest.raises(ValueError, match="conflicts="):
        update.undo(conflicts="overwrite")
    update.undo()
    with pytest.raises(resoul.UpdateError, match="undone already"):
        update.undo()
    for wrong in (-1, "ten", True, 1.5):
        with pytest.raises((TypeError, ValueError)):
            resoul.configure(history=wrong)


def test_audit_event(live):
    seen = []
    sys.addaudithook(lambda name, args: name == "resoul.undo" and seen.append(args))
    live.module("m", "x = 1\n")
    live.edit("m", "x = 2\n")
    update = resoul.reload("m")
    update.undo()
    assert seen == [(update.id,)]


def test_containers_without_a_name_are_called_by_their_type(live):
    m = live.module(
        "m",
        """
        class Holder: pass
        HELD = [Holder()]
        HELD[0].table = {}
        """,
    )
    update = resoul.hotfix(source="import m\nm.HELD[0].table['a.b'] = 1")
    undone = update.undo()
    assert m.HELD[0].table == {}
    assert [change.qualname for change in undone.changes] == ["(a dict)['a.b']"]
    assert "elsewhere\n└─ (a dict)['a.b']  deleted" in str(undone)


def test_only_code_takes_members_of_an_enumeration_as_a_whole(live):
    m = live.module("m", "import enum\nclass E(enum.Enum):\n    A = 1\n")
    live.edit("m", "import enum\nclass E(enum.Enum):\n    A = 5\n    B = 2\n")
    update = resoul.reload("m")
    assert m.E(2) is m.E.B
    update.undo(only="code")
    assert (list(m.E), m.E.A.value, m.E(1)) == ([m.E.A], 1, m.E.A)
    assert not hasattr(m.E, "B")
    for value in (2, 5):
        with pytest.raises(ValueError, match="is not a valid"):
            m.E(value)
