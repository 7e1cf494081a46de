"""Hotfixes in the history: what it says of them, and what an undo makes of them."""

import datetime
import gc
import hashlib
import weakref

import pytest
from livefolder import actions

import resoul

SOURCE = """
    import player

    def heal(n):
        return ("new heal", n)

    player.heal = heal
    player.DAMAGE = 20
    player.TABLE["gun"]["damage"] = 7
"""

PROGRAM = """
m = live.module("m", "X = 1\\ndef f(): return 1\\n")
print(resoul.hotfix(source="import m\\ndef f(): return 2\\nm.f = f\\n", name="fix_1042").id)
print(live.update("m", "X = 1\\ndef f(): return 3\\n").id)
print(resoul.undo().id)
print([update.hash for update in resoul.history()])
"""


def test_ids_are_equal_in_every_process(program):
    first = program(PROGRAM, flags=["-R"])
    assert first == program("padding = [object() for _ in range(999)]\n" + PROGRAM)
    fix, reload = first.split()[:2]
    assert fix.partition("@")[0] == "fix_1042"
    assert reload.partition("@")[0] == "m"
    source = b"import m\ndef f(): return 2\nm.f = f\n"
    assert hashlib.sha256(source).hexdigest()[:4] == fix.partition("@")[2]


def test_what_the_history_says(player, tmp_path):
    path = tmp_path / "fix_1042.py"
    path.write_text("import player\nplayer.DAMAGE = 20\nplayer.heal = lambda n: n\n")
    start = datetime.datetime.now(datetime.UTC)
    update = resoul.hotfix(path)
    undone = update.undo()
    assert resoul.history() == [undone, update]
    assert [one.kind for one in resoul.history()] == ["undo", "hotfix"]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (update.name, update.hash) == ("fix_1042", digest)
    assert update.id == f"fix_1042@{digest[:4]}"
    assert start <= update.time <= undone.time
    assert (update.state, update.undone_by) == ("undone", undone.id)
    assert (undone.state, undone.undoes) == ("committed", update.id)
    assert actions(update, "heal") == {"updated"}
    assert actions(update, "DAMAGE") == {"rebound"}
    lines = str(resoul.history()).splitlines()
    assert f"{update.time:%Y-%m-%d %H:%M:%S}" in lines[1]
    assert update.id in lines[1]
    assert "undone" in lines[1]
    assert "1 updated" in lines[1]


def test_only_code(player, other, fix):
    update = fix(SOURCE)
    update.undo(only="code")
    assert (other.heal(1), player.DAMAGE, player.TABLE["gun"]["damage"]) == (
        ("old heal", 1),
        20,
        7,
    )
    update.undo()
    assert (player.DAMAGE, player.TABLE["gun"]["damage"]) == (10, 3)


def test_dropped_entries_free_what_they_held(player, fix):
    fix(
        """
        import player
        class Held: pass
        def heal(n, held=Held()): return "held"
        player.heal = heal
        player.held = Held()
        player.Player.bag = Held()
        """
    )
    held = (*player.heal.__defaults__, player.held, player.Player.bag)
    refs = [weakref.ref(one) for one in held]
    del held
    update = fix(SOURCE + "    player.held = player.Player.bag = None\n")
    gc.collect()
    assert None not in [ref() for ref in refs], "an undo needs them"
    kept = resoul.configure().history
    try:
        resoul.configure(history=0)
        gc.collect()
        assert [ref() for ref in refs] == [None] * 3
    finally:
        resoul.configure(history=kept)
    with pytest.raises(resoul.UpdateError, match="history"):
        update.undo()


def test_fields_and_bases_are_told_with_their_module(player, fix):
    update = fix(
        """
        import player

        class Other(player.Base):
            pass

        player.heal.__defaults__ = (5,)
        player.Player.__bases__ = (Other,)
        """
    )
    told = {(c.module, c.qualname, c.reason) for c in update.changes}
    assert ("player", "heal", "fields of it were set") in told
    assert ("player", "Player", "bases") in told


def test_members_that_a_new_class_lacks_can_be_deleted(player, fix):
    source = """
        import player
        {}

        class Gun:
            def aim(self):
                return "aimed"

        player.Gun = Gun
        """
    update = fix(source.format(""))
    assert "del in the snippet removes it" in update.warnings[0].message
    fix(source.format("del player.Gun.__init__"), strict=True)
    assert "__init__" not in vars(player.Gun)
    assert player.Gun().aim() == "aimed"


def test_functions_that_it_puts_into_containers_are_changes(player, fix):
    update = fix(
        """
        import player

        player.TABLE["callback"] = lambda: 1
        player.TABLE["gun"] = player.heal
        """
    )
    assert update
    assert actions(update, "TABLE['callback']") == {"added"}
    assert actions(update, "TABLE['gun']") == {"changed"}
    update.undo()
    assert player.TABLE["gun"] == {"damage": 3}


def test_members_of_an_enumeration_are_told_of_once(live, fix):
    live.module("m", "import enum\nclass E(enum.Enum):\n    A = 1\n")
    update = fix(
        """
        import enum, m

        class E(enum.Enum):
            A = 1
            B = 2

        m.E = E
        """
    )
    assert [(c.module, c.qualname) for c in update.changes if c.action != "moved"] == [
        ("m", "E.B")
    ]
