"""What an undo makes of instances that were migrated."""

import pytest
from livefolder import text

import resoul

OLD = """
class K:
    __slots__ = ("hp", "__dict__")
    def f(self): return 1
"""
NEW = """
class K:
    __slots__ = ("hp", "__dict__")
    def f(self): return 2
    def __migrate_instance__(self, update):
        HOOK
"""


@pytest.fixture
def m(live):
    return live.module("m", OLD)


def migrate(live, hook, **options):
    return live.update(
        "m", text(NEW).replace("HOOK", hook), execute="changed", **options
    )


def test_what_had_another_value_gets_it_back(live, m):
    one = m.K()
    one.hp, one.name, one.gone = 5, "a", [1]
    update = migrate(live, "self.hp *= 10; self.name += 'b'; del self.gone")
    assert (one.hp, one.name, hasattr(one, "gone")) == (50, "ab", False)
    undo = update.undo()
    assert (one.hp, one.name, one.gone, one.f()) == (5, "a", [1], 1)
    undo.undo()
    assert (one.hp, one.name, hasattr(one, "gone"), one.f()) == (50, "ab", False, 2)


def test_what_was_added_stays_whatever_became_of_it(live, m):
    one, two = m.K(), m.K()
    update = migrate(live, "self.armour = 1")
    one.armour = 99
    update.undo()
    assert (one.armour, two.armour, one.f()) == (99, 1, 1)


def test_what_the_program_has_changed_since_conflicts(live, m):
    one = m.K()
    one.hp = 5
    update = migrate(live, "self.hp *= 10")
    one.hp = 7
    with pytest.raises(resoul.ConflictError):
        update.undo()
    assert (one.hp, one.f()) == (7, 2)
    update.undo(conflicts="keep")
    assert (one.hp, one.f()) == (7, 1)


@pytest.mark.refuses("RSL725")
def test_too_many_to_be_kept(live, m):
    made = [m.K() for _ in range(10_001)]
    for one in made:
        one.hp = 5
    update = migrate(live, "self.hp = 6")
    assert "RSL725" in {notice.code for notice in update.warnings}
    update.undo()
    assert (made[0].hp, made[0].f()) == (6, 1)


def test_no_undo_calls_the_hook(live, m):
    m.CALLS = []
    one = m.K()
    update = migrate(live, "self.armour = 1; CALLS.append(update.kind)")
    undo = update.undo()
    born = m.K()
    undo.undo()
    assert m.CALLS == ["reload"]
    assert (one.armour, hasattr(born, "armour")) == (1, False)
    for instance in resoul.instances(m.K):  # what the docs say to do
        instance.__migrate_instance__(update)
    assert (born.armour, born.f()) == (1, 2)
