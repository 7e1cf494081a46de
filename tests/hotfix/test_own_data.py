"""What a snippet makes for itself was not there before: nobody hears of it or keeps it."""

import gc
import weakref

import pytest
from livefolder import text

import resoul

OWN = {
    "a dict": "z = {}\nz['a'] = 3",
    "a dict that loses keys": "z = {}\nz['a'] = 3\ndel z['a']",
    "a dict that is let go": "z = {}\nz['a'] = 3\nz = 0",
    "a dict in a dict": "z = {'b': {}}\nz['b']['a'] = 3\nz['b']['c'] = z['b']",
    "a list": "z = []\nz.append(1)\nz[0] = 2",
    "a list that is let go": "z = []\nz[:] = [1]\nz = 0",
    "of a function": """
        def f():
            z, l, s = {}, [], set()
            z["a"] = 3
            l.append(z)
            s |= {1}
        f()
        del f
    """,
    "an instance": "class A: pass\na = A()\na.x = 1\na.y = []\na.y.append(a)",
    "instances that are let go": """
        class A:
            def __init__(self, n):
                self.n, self.bag = n, []
                self.bag += [n]
        for n in range(3):
            A(n).m = 1
    """,
}


@pytest.mark.parametrize("name", OWN)
def test_own_data_is_no_change(fix, player, name):
    assert fix("import player\n" + text(OWN[name])).changes == []
    assert resoul.history() == []


def test_what_it_binds_is_one_change(fix, player):
    update = fix("import player\nplayer.NEW = z = {}\nz['a'] = 3")
    assert [c.qualname for c in update.changes] == ["NEW"]
    assert player.NEW == {"a": 3}


def test_what_was_there_is_kept_even_if_nobody_else_has_it(fix, player):
    fix("import player\nplayer.LATER = {'k': 1}\n")
    update = fix("import player\nold = player.LATER\nold['x'] = 1\nplayer.LATER = 0\n")
    assert [c.qualname for c in update.changes] == ["LATER", "(a dict)['x']"]
    update.undo()
    assert player.LATER == {"k": 1}
    fix(
        "import player\nd = player.TABLE['bow']\nd['x'] = 1\ndel player.TABLE['bow'], d"
    )
    resoul.undo()
    assert player.TABLE == {"gun": {"damage": 3}, "bow": {"damage": 1}}
    assert list(player.TABLE) == ["gun", "bow"]


def test_the_history_does_not_keep_it(fix, player):
    seen = player.NAMES
    fix(
        """
        import player, weakref
        class A: pass
        def make():
            a = A()
            a.x = []
            a.x.append(1)
            return weakref.ref(a)
        player.NAMES.append(make())
        """
    )
    gc.collect()
    assert isinstance(seen[-1], weakref.ref)
    assert seen[-1]() is None
