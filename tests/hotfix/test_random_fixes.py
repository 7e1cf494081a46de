"""Random hotfixes, failing ones among them, and undos in any order."""

import os
import random
import sys

import pytest
from livefolder import text

import resoul

SEED = int(os.environ.get("RESOUL_SEED", "2026"))
ROUNDS = 60

# Each is one change; {n} is a number that no other one has.
CHANGES = [
    "player.DAMAGE = {n}",
    "player.DAMAGE += 1",
    "player.new_{k} = {n}",
    "del player.new_{k}",
    "player.heal = lambda n: ({n}, n)",
    "original = player.heal\ndef wrap(n): return ({n}, original(n))\nplayer.heal = wrap",
    "def fire(self): return ({n}, super().fire())\nplayer.Player.fire = fire",
    "player.Player.fire = player.logging(player.Player.fire)",
    "player.Player.make = staticmethod(lambda: {n})",
    "player.Player.create = classmethod(lambda cls: ({n}, cls))",
    "player.Player.name = property(lambda self: {n})",
    "player.Player.level = {n}",
    "player.Player.added_{k} = {n}",
    "del player.Player.added_{k}",
    "player.Player.method_{k} = lambda self: {n}",
    "player.Player.__len__ = lambda self: {n}",
    "del player.Player.__len__",
    "player.TABLE['gun']['damage'] = {n}",
    "player.TABLE['k{k}'] = {n}",
    "del player.TABLE['k{k}']",
    "player.TABLE = dict(player.TABLE, x={n})",
    "player.NAMES.append({n})",
    "player.NAMES.insert(0, {n})",
    "player.NAMES.pop()",
    "player.NAMES.reverse()",
    "player.NAMES[:] = [{n}]",
    "player.members.add({n})",
    "player.members.discard(min(player.members))",
    "player.queue.append({n})",
    "player.queue.popleft()",
    "player.raw.append({k})",
    "player.gun.damage = {n}",
    "player.gun.extra_{k} = {n}",
    "del player.gun.extra_{k}",
    "other.p.gun.damage += {n}",
    "other.p.bag.append({n})",
    "other.p.bag += [{n}]",
    "other.p.gun = player.Gun()",
    "other.DAMAGE = {n}",
    "other.heal = lambda n: {n}",
    "player.Player.__init__.__defaults__ = ({n},)",
    "player.heal.__doc__ = 'doc {n}'",
    "player.heal.mark = {n}",
    "class Player(player.Base):\n    level = {n}\n    def fire(self): return {n}\n"
    "player.Player = Player",
    "class New_{k}:\n    def f(self): return {n}\nplayer.New_{k} = New_{k}",
    "for i in range(3): player.TABLE[i] = {n}",
    "player.state['count'] += 1",
    "other.bump()",
]


@pytest.fixture
def world(player, other):
    from collections import deque

    player.members = {1, 2, 3}
    player.queue = deque([1, 2, 3])
    player.raw = bytearray(b"xyz")
    player.state = {"count": 0}
    exec(
        "def bump():\n    player.state['count'] += 2\n    p.bag.append(0)", vars(other)
    )
    return player, other


def flat(value, depth=0):
    """Values by contents where they are containers, else by identity."""
    if depth > 6:
        return "..."
    if isinstance(value, dict):
        return [(flat(k), flat(v, depth + 1)) for k, v in value.items()]
    if isinstance(value, (list, tuple)) or type(value).__name__ == "deque":
        return [flat(item, depth + 1) for item in value]
    if isinstance(value, set):
        return sorted(map(repr, value))
    if isinstance(value, (bytearray, str, int)):
        return repr(value)
    return id(value)


def function(f):
    return (
        id(f),
        id(f.__code__),
        flat(f.__defaults__),
        f.__doc__,
        f.__qualname__,
        flat(f.__dict__),
        id(f.__globals__),
    )


def picture(world):
    player, other = world
    cls = player.Player
    found = {
        "player": [
            (k, flat(v)) for k, v in vars(player).items() if k != "__builtins__"
        ],
        "other": [(k, flat(v)) for k, v in vars(other).items() if k != "__builtins__"],
        "class": [(k, flat(v)) for k, v in vars(cls).items()],
        "p": sorted(map(repr, flat(vars(other.p)))),
        "gun": sorted(map(repr, flat(vars(player.gun)))),
        "heal": function(player.heal),
        "fire": function(cls.fire),
        "init": function(cls.__init__),
    }
    calls = [
        lambda: player.heal(1),
        lambda: other.cure(1),
        lambda: other.lazily(1),
        other.bound,
        other.make,
        other.create,
        lambda: other.p.name,
        lambda: len(other.p),
        lambda: other.Sub().shoot(),
    ]
    for number, call in enumerate(calls):
        try:
            found[f"call {number}"] = repr(call())
        except (TypeError, RuntimeError) as error:
            found[f"call {number}"] = type(error)
    return found


def different(a, b):
    found = {}
    for key in a:
        if a[key] != b[key] and isinstance(a[key], list) and len(a[key]) == len(b[key]):
            found[key] = [
                pair for pair in zip(a[key], b[key], strict=True) if pair[0] != pair[1]
            ]
        elif a[key] != b[key]:
            found[key] = (a[key], b[key])
    return found


def snippet(chance, number):
    lines = ["import player, other"]
    for _ in range(chance.randint(1, 4)):
        change = chance.choice(CHANGES)
        lines.append(
            change.format(
                n=1000 + number * 10 + chance.randint(0, 9), k=chance.randint(0, 3)
            )
        )
    return "\n".join(lines)


@pytest.mark.parametrize("part", range(8))
def test_random_fixes_and_undos(world, fix, part):
    chance = random.Random(SEED * 100 + part)
    print("seed", SEED, "part", part)
    resoul.configure(history=10_000)
    first = picture(world)
    pictures = [first]
    applied = []
    for number in range(ROUNDS):
        before = picture(world)
        source = snippet(chance, number)
        fails = chance.random() < 0.3
        if fails:
            source += "\nraise LookupError"
        try:
            update = fix(text(source))
        except resoul.UpdateError as error:
            assert not different(before, picture(world)), (source, str(error))
            if isinstance(error, resoul.RefusedError):
                assert {r.code for r in error.reasons} <= {"RSL740"}, (
                    source,
                    str(error),
                )
            continue
        assert not fails
        if not update:
            assert not different(before, picture(world)), (source, str(update))
        else:
            applied.append((update, source))
            pictures.append(picture(world))
        if applied and chance.random() < 0.3:
            update, source = applied[chance.randrange(len(applied))]
            before = picture(world)
            try:
                undone = update.undo()
            except resoul.ConflictError as error:
                assert error.conflicts
                assert not different(before, picture(world)), source
            else:
                if not undone:
                    return  # a later one had taken it back: no order is the right one now
                undone.undo()  # and all is as it was
                assert not different(before, picture(world)), source
    while applied:
        update, source = applied.pop()
        update.undo()
        pictures.pop()
        assert not different(pictures[-1], picture(world)), source
    assert not different(first, picture(world))
    assert "__hotfix__" not in sys.modules
