"""A snippet that raises has changed nothing."""

import sys
import threading
from collections import OrderedDict, defaultdict, deque

import pytest

import resoul

CHANGES = """
    import colorsys
    import player, other

    player.DAMAGE = 20
    player.NEW = 1
    del player.heal
    player.Player.fire = lambda self: "never"
    player.Player.level = 5
    del player.Player.make
    player.Player.added = 1
    player.TABLE["gun"]["damage"] = 7
    player.TABLE["new"] = {}
    del player.TABLE["gun"]
    player.NAMES.append("c")
    player.NAMES[0] = "z"
    player.gun.damage = 100
    player.gun.other = 1
    other.p.gun.damage += 5
    other.p.bag += [3]
    del other.p.bag[0]
    other.p.__dict__["direct"] = 1
    setattr(other.p, "by_setattr", 1)
    player.queue.append(4)
    player.queue.rotate()
    player.members.add(9)
    player.members.discard(1)
    player.ordered.move_to_end("a")
    player.ordered["c"] = 3
    player.default["x"].append(1)
    player.raw[0] = 65
    player.slotted.a = 9
    player.nested[0][1]["deep"].append(1)
    player.Player.__init__.__defaults__ = (1,)
    class Born(player.Player): pass
"""


def picture(player, other):
    return {
        "player": list(vars(player).items()),
        "Player": list(vars(player.Player).items()),
        "table": [(k, list(v.items())) for k, v in player.TABLE.items()],
        "names": list(player.NAMES),
        "gun": list(vars(player.gun).items()),
        "p": list(vars(other.p).items()),
        "bag": list(other.p.bag),
        "p.gun": vars(other.p.gun).copy(),
        "queue": list(player.queue),
        "members": set(player.members),
        "ordered": list(player.ordered.items()),
        "default": {k: list(v) for k, v in player.default.items()},
        "raw": bytes(player.raw),
        "slotted": player.slotted.a,
        "nested": repr(player.nested),
        "defaults": player.Player.__init__.__defaults__,
        "subclasses": player.Player.__subclasses__(),
        "modules": set(sys.modules),
    }


@pytest.fixture
def filled(player, other):
    sys.modules.pop("colorsys", None)
    player.queue = deque([1, 2, 3])
    player.members = {1, 2}
    player.ordered = OrderedDict(a=1, b=2)
    player.default = defaultdict(list, y=[0])
    player.raw = bytearray(b"xyz")
    player.nested = [[0, {"deep": []}]]

    class Slotted:
        __slots__ = ("a",)

    player.slotted = Slotted()
    player.slotted.a = 1
    return player


@pytest.mark.parametrize(
    "end",
    [
        "raise ValueError('no')",
        "raise KeyboardInterrupt",
        "raise SystemExit(3)",
        "1 / 0",
        "undefined",
    ],
)
@pytest.mark.parametrize("inside", [None, "other"])
def test_everything_is_as_before(filled, other, fix, end, inside):
    before = picture(filled, other)
    with pytest.raises(resoul.PrepareError) as error:
        fix(CHANGES + "    " + end, inside=inside)
    assert error.value.__cause__ is not None
    assert picture(filled, other) == before
    assert filled.heal(1) == ("old heal", 1)
    assert other.bound() == "old fire"


def test_the_same_without_an_error(filled, other, fix):
    """Or the test above would prove nothing."""
    before = picture(filled, other)
    fix(CHANGES)
    after = picture(filled, other)
    assert [key for key in before if before[key] == after[key]] == []


def test_a_refused_snippet_has_changed_nothing(filled, other, fix):
    before = picture(filled, other)
    with pytest.raises(resoul.RefusedError):
        fix(CHANGES + "    player.f = lambda: missing_name")
    assert picture(filled, other) == before


def test_what_functions_do_that_it_calls(filled, other, fix):
    filled.state = {"count": 0}
    exec(
        "def bump():\n    global total\n    total = 1\n    state['count'] += 1\n",
        vars(filled),
    )
    with pytest.raises(resoul.PrepareError):
        fix(
            """
            from player import bump
            bump()
            raise RuntimeError
            """
        )
    assert filled.state == {"count": 0}
    assert not hasattr(filled, "total")


def test_fields_of_a_function_from_an_equal_fix(player, other, fix):
    source = """
        import player

        def heal(n, extra=1):
            return ("new", n, extra)

        if not hasattr(player, "fixed"):
            player.fixed = True
            player.heal = heal
        else:
            player.heal.__defaults__ = (2,)
            1 / 0
    """
    fix(source)
    with pytest.raises(resoul.PrepareError):
        fix(source)
    assert player.heal.__defaults__ == (1,)
    assert other.heal(0) == ("new", 0, 1)


def test_attributes_whoever_runs_beside_it(filled, other, fix):
    """Most servers have threads that are never idle."""
    filled.go, filled.done = threading.Event(), threading.Event()

    def work():
        filled.go.wait()
        sum(range(10_000))
        filled.done.set()

    before = picture(filled, other)
    thread = threading.Thread(target=work)
    thread.start()
    with pytest.raises(resoul.PrepareError, match="ZeroDivisionError"):
        fix(
            """
            import player, other

            for gun in player.gun, other.p.gun:
                gun.damage = player.NAMES
                gun.damage = len
            other.p.gun = player.gun
            player.slotted.a = player.NAMES
            other.p.added = 1
            del other.p.bag
            player.go.set()
            player.done.wait()
            1 / 0
            """
        )
    thread.join()
    assert picture(filled, other) == before
