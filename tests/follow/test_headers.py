"""`# resoul: replaces NAME@HASH`: fixes that are bound to what they were written against."""

import re
import sys

import pytest
from livefolder import codes, reasons, text

import resoul

MODULE = """
class Player:
    def fire(self): return 1
    @staticmethod
    def make(): return 1
    @property
    def hp(self): return 1
def heal(): return 1
"""

FIX = """
{header}
import player
def fire(self): return 5
player.Player.fire = fire
"""


@pytest.fixture
def player(live):
    return live.module("player", MODULE)


def header(name, obj, digits=4):
    return f"# resoul: replaces {name}@{resoul.source_hash(obj)[:digits]}"


def fix(*headers, source=FIX, **options):
    source = text(source).replace("{header}", "\n".join(headers))
    return resoul.hotfix(source=source, name="fix", **options)


@pytest.mark.parametrize("digits", [4, 10, 64])
def test_the_base_that_lives(player, digits):
    fix(header("player.Player.fire", player.Player.fire, digits))
    assert player.Player().fire() == 5


@pytest.mark.refuses("RSL721")
def test_another_base_is_refused(player, live):
    old = header("player.Player.fire", player.Player.fire)
    live.update(
        "player", MODULE.replace("fire(self): return 1", "fire(self): return 2")
    )
    with pytest.raises(resoul.RefusedError) as refused:
        fix("# a comment", "", old)
    assert reasons(refused.value) == {("RSL721", "player", "Player.fire")}
    (reason,) = refused.value.reasons
    assert reason.lineno == 3
    assert reason.filename.startswith("<hotfix fix@")
    live_hash = resoul.source_hash(player.Player.fire)
    for part in (old.partition("@")[2], live_hash[:4], "RSL721", ":3)"):
        assert part in str(refused.value)
    assert player.Player().fire() == 2


def test_all_reasons_at_once(player):
    with pytest.raises(resoul.RefusedError) as refused:
        fix(
            "# resoul: replaces player.Player.fire@0000",
            "# resoul: replaces player.heal@1111",
            header("player.Player.make", player.Player.make),
        )
    assert len(refused.value.reasons) == 2


@pytest.mark.refuses("RSL724")
def test_a_base_that_contains_the_fix_makes_it_superseded(player, live):
    old = header("player.Player.fire", player.Player.fire)
    live.update(
        "player",
        MODULE.replace("fire(self): return 1", "fire(self): return 5  # fixed"),
    )
    before = resoul.fingerprint()
    update = fix(old)
    assert (update.state, bool(update), update.changes) == ("superseded", False, [])
    (notice,) = update.warnings
    assert (notice.code, notice.module, notice.qualname) == (
        "RSL724",
        "player",
        "Player.fire",
    )
    assert resoul.fingerprint() == before
    assert update not in resoul.history()


def test_the_fix_itself_supersedes_it(player):
    old = header("player.Player.fire", player.Player.fire)
    first = fix(old)
    assert fix(old).state == "superseded"
    first.undo()
    assert fix(old).state == "committed"


def test_decorators_that_the_fix_adds_by_assignment(player, live):
    source = """
    {header}
    import player
    def make(): return 5
    player.Player.make = staticmethod(make)
    """
    old = header("player.Player.make", vars(player.Player)["make"])
    assert fix(old, source=source).state == "committed"
    assert player.Player.make() == 5
    live.update("player", MODULE.replace("make(): return 1", "make(): return 5"))
    assert fix(old, source=source).state == "superseded"


def test_of_functions_properties_and_classes(player, live):
    for name, obj in (
        ("player.heal", player.heal),
        ("player.Player.hp", vars(player.Player)["hp"]),
        ("player.Player", player.Player),
    ):
        update = fix(header(name, obj))
        update.undo()
        with pytest.raises(resoul.RefusedError):
            fix(f"# resoul: replaces {name}@0000")


def test_several_of_which_one_is_contained(player, live):
    headers = [
        header("player.Player.fire", player.Player.fire),
        header("player.heal", player.heal),
    ]
    source = FIX + "def heal(): return 5\nplayer.heal = heal\n"
    live.update(
        "player", MODULE.replace("fire(self): return 1", "fire(self): return 5")
    )
    assert fix(*headers, source=source).state == "committed"
    assert player.heal() == 5
    assert fix(*headers, source=source).state == "superseded"


@pytest.mark.refuses("RSL722")
@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("# resoul: replaces player.Player.fire", "understood"),
        ("# resoul: replaces player.Player.fire@12", "understood"),
        ("# resoul: replaces player.Player.fire@xyzw", "understood"),
        ("# resoul: replace player.Player.fire@1234", "understood"),
        ("# resoul: ", "understood"),
        ("# resoul: replaces player.Player.nothing@1234", "not there"),
        ("# resoul: replaces nomodule.f@1234", "no module nomodule"),
        ("# resoul: replaces player@1234", "no module player|is a module"),
        ("# resoul: replaces player.NUMBER@1234", "not there"),
    ],
)
def test_headers_that_say_nothing(player, line, word):
    with pytest.raises(resoul.RefusedError) as refused:
        fix(line)
    assert codes(refused.value) == {"RSL722"}
    assert re.search(word, str(refused.value))
    assert player.Player().fire() == 1


def test_only_in_the_leading_comments(player):
    source = '''
    #!/usr/bin/python
    # -*- coding: utf-8 -*-

    """Doc."""
    # resoul: replaces player.Player.fire@0000
    import player
    def fire(self): return 5
    player.Player.fire = fire
    TEXT = "# resoul: replaces player.Player.fire@0000"
    '''
    assert fix(source=source).state == "committed"


def test_a_module_that_is_not_loaded_yet_is_imported(live):
    live.write("player", MODULE)
    with pytest.raises(resoul.RefusedError) as refused:
        fix("# resoul: replaces player.heal@0000")
    assert codes(refused.value) == {"RSL721"}


def test_rehearsals_and_checks_obey(player, tmp_path):
    path = tmp_path / "fix.py"
    path.write_text(
        text(FIX).replace("{header}", "# resoul: replaces player.heal@0000")
    )
    with pytest.raises(resoul.RefusedError):
        resoul.check(hotfix=path)
    with pytest.raises(resoul.RefusedError):
        resoul.hotfix(path, rehearse=True)
    assert player.Player().fire() == 1


def test_no_other_update_comes_in_between(player, live):
    """What is imported to find out is imported while this hotfix has the update lock."""
    live.write(
        "late",
        """
        import resoul
        try:
            resoul.hotfix(source="import player\\nplayer.heal = len")
        except resoul.UpdateError as error:
            SAID = str(error)
        def f(): return 1
        """,
    )
    with pytest.raises(resoul.RefusedError):
        fix("# resoul: replaces late.f@0000")
    assert "in this thread" in live.load("late").SAID
    assert player.heal() == 1


def test_a_check_imports_nothing_here(player, live, tmp_path):
    live.write("late", "def f(): return 1\n")
    path = tmp_path / "fix.py"
    path.write_text("# resoul: replaces late.f@0000\n")
    with pytest.raises(resoul.RefusedError, match="RSL721"):
        resoul.check(hotfix=path)
    assert "late" not in sys.modules


def test_a_check_says_that_it_is_superseded(player, tmp_path):
    path = tmp_path / "fix.py"
    old = header("player.Player.fire", player.Player.fire)
    path.write_text(text(FIX).replace("{header}", old))
    assert resoul.check(hotfix=path).state == "rehearsed"
    resoul.hotfix(path)
    update = resoul.check(hotfix=path)
    assert (update.state, [n.code for n in update.warnings]) == (
        "superseded",
        ["RSL724"],
    )
    assert resoul.hotfix(path, rehearse=True, probation=60).state == "superseded"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("1 / 0", "late can't be imported: ZeroDivisionError"),
        ("import no_such_module", "late can't be imported: .*no_such_module"),
        ("raise SystemExit(3)", "late can't be imported: SystemExit: 3"),
    ],
)
def test_a_module_that_can_not_be_imported(live, body, words):
    live.write("late", body + "\ndef f(): return 1\n")
    with pytest.raises(resoul.RefusedError, match=words) as refused:
        fix("# resoul: replaces late.f@0000")
    assert codes(refused.value) == {"RSL722"}


def test_sources_that_are_too_deep(player):
    source = "{header}\nX = " + "-" * 100_000 + "1\n"
    with pytest.raises(resoul.PrepareError):
        fix(header("player.heal", player.heal), source=source)
