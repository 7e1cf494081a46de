"""`__migrate_instance__` of classes that a hotfix changes."""

import pytest
from livefolder import text

import resoul

MODULE = """
EXTRA = 1
LOG = []
class Base:
    def kind(self): return "base"
class Player(Base):
    def __init__(self, name): self.name = name
    def hit(self): return self.name
"""


@pytest.fixture
def m(live):
    return live.module("m", MODULE)


def fix(source):
    return resoul.hotfix(source=text(source))


ASSIGNED = """
import m
ARMOUR = 7
def hit(self): return self.name, self.armour
def __init__(self, name): self.name, self.armour = name, 0
def migrate(self, update):
    m.LOG.append((update.kind, self.hit()))
    self.armour = ARMOUR
m.Player.hit = hit
m.Player.__init__ = __init__
m.Player.__migrate_instance__ = migrate
"""


def test_names_that_are_assigned(m):
    players = [m.Player("a"), m.Player("b")]
    fix(ASSIGNED)
    assert sorted(m.LOG) == [("hotfix", "a"), ("hotfix", "b")]
    assert [p.hit() for p in players] == [("a", 7), ("b", 7)]
    assert m.Player("c").hit() == ("c", 0)


def test_a_class_that_is_replaced(m):
    player = m.Player("a")
    fix(
        """
        import m
        class Player(m.Base):
            def __init__(self, name): self.name, self.armour = name, 0
            def hit(self): return self.name, self.armour
            def __migrate_instance__(self, update): self.armour = 5
        m.Player = Player
        """
    )
    assert player.hit() == ("a", 5)
    assert type(player) is m.Player


def test_one_that_raises_puts_all_back(m):
    players = [m.Player("a"), m.Player("b")]
    source = ASSIGNED.replace(
        "self.armour = ARMOUR", "self.armour = 1; del self.name; 1 / (len(m.LOG) - 2)"
    )
    with pytest.raises(resoul.PrepareError, match=r"an instance of m\.Player.*<hotfix"):
        fix(source)
    assert [vars(p) for p in players] == [{"name": "a"}, {"name": "b"}]
    assert [p.hit() for p in players] == ["a", "b"]
    assert not hasattr(m.Player, "__migrate_instance__")


def test_a_hook_that_was_there_already(m, live):
    live.update(
        "m",
        MODULE + "    def __migrate_instance__(self, update): LOG.append(self.name)\n",
    )
    kept = m.Player("a")
    fix("import m\ndef hit(self): return 5\nm.Player.hit = hit\n")
    assert m.LOG == ["a"]
    assert kept.hit() == 5
    fix("import m\nm.EXTRA = 2\n")
    assert m.LOG == ["a"]
    fix(
        "import m\ndel m.Player.__migrate_instance__\ndef hit(self): return 6\nm.Player.hit = hit\n"
    )
    assert m.LOG == ["a"]
    assert kept.hit() == 6


def test_of_a_base_class(m):
    kept = m.Player("a")
    fix(
        """
        import m
        def migrate(self, update): self.new = True
        m.Base.__migrate_instance__ = migrate
        """
    )
    assert kept.new is True
