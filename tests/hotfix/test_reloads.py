"""Reloads after hotfixes, and hotfixes after reloads."""

import pytest
from livefolder import actions, warned

import resoul

SOURCE = """
    class Player:
        def fire(self):
            return "old fire"

        def move(self):
            return "old move"

    def heal(n):
        return ("old heal", n)
"""

FIX = """
    import shooter

    def better(self):
        return [shot for shot in ("fixed", "fire")]

    shooter.Player.fire = better

    def heal(n):
        return ("fixed heal", n)

    shooter.heal = heal
"""


@pytest.fixture
def shooter(live, fix):
    module = live.module("shooter", SOURCE)
    module.p = module.Player()
    module.bound = module.p.fire
    fix(FIX, name="ticket")
    return module


def test_a_hotfix_stays_while_its_source_does_not_change(live, shooter):
    update = live.update("shooter", SOURCE.replace("old move", "new move"))
    assert shooter.p.move() == "new move"
    assert shooter.bound() == ["fixed", "fire"]
    assert shooter.heal(1) == ("fixed heal", 1)
    assert not update.warnings
    assert actions(update, "Player.fire") == set()


def test_a_source_that_contains_the_fix_supersedes_it(live, shooter):
    source = SOURCE.replace(
        'return "old fire"', 'return [shot for shot in ("fixed", "fire")]'
    )
    update = live.update("shooter", source)
    assert shooter.bound() == ["fixed", "fire"]
    assert shooter.Player.fire.__globals__ is vars(shooter)
    assert not update.warnings
    (change,) = [c for c in update.changes if c.qualname == "Player.fire"]
    assert change.reason.startswith("the source contains hotfix ticket@")


@pytest.mark.refuses("RSL620")
@pytest.mark.parametrize("execute", ["changed", "all"])
def test_a_source_that_does_not_contain_it_removes_it_by_name(live, shooter, execute):
    source = SOURCE.replace("old fire", "third fire").replace("old heal", "third heal")
    update = live.update("shooter", source, execute=execute)
    assert shooter.bound() == "third fire"
    assert shooter.heal(2) == ("third heal", 2)
    assert warned(update, "Player.fire") == warned(update, "heal") == {"RSL620"}
    assert "hotfix ticket@" in update.warnings[0].message


def test_whole_bodies_remove_it_even_if_the_source_is_the_same(live, shooter):
    update = live.reload("shooter", execute="all")
    assert shooter.bound() == "old fire"
    assert {notice.code for notice in update.warnings} == {"RSL620"}


def test_strict_refuses_to_remove_it(live, shooter):
    live.edit("shooter", SOURCE.replace("old fire", "third fire"))
    with pytest.raises(resoul.RefusedError) as refusal:
        live.reload("shooter", strict=True)
    assert {reason.code for reason in refusal.value.reasons} == {"RSL620"}
    assert shooter.bound() == ["fixed", "fire"]


def test_a_hotfix_after_a_reload(live, fix):
    module = live.module("shooter", SOURCE)
    live.update("shooter", SOURCE.replace("old", "new"))
    bound = module.Player().fire
    fix(FIX)
    assert bound() == ["fixed", "fire"]
    live.update("shooter", SOURCE.replace("old", "newest"))
    assert bound() == "newest fire"


def test_what_a_hotfix_added_stays_in_a_reload(live, shooter, fix):
    fix(
        """
        import shooter

        def reload(self):
            return "added"

        shooter.Player.reload = reload
        shooter.LIMIT = 3
        """
    )
    live.update("shooter", SOURCE.replace("old move", "new move"))
    assert shooter.p.reload() == "added"
    assert shooter.LIMIT == 3
    assert shooter.Player.reload.__module__ == "shooter"
    assert shooter.Player.reload.__qualname__ == "Player.reload"


def test_data_that_a_hotfix_changed_is_the_programs(live, fix):
    module = live.module("tuned", "LIMIT = 3\n")
    fix("import tuned\ntuned.LIMIT = 5\n")
    update = live.update("tuned", "LIMIT = 4\n")
    assert module.LIMIT == 5
    assert actions(update, "LIMIT") == {"pending"}
