"""Hotfixes leave nothing behind but what lives and what the history keeps."""

import gc
import linecache
import logging

import pytest

import resoul

ROUNDS = 50

FIXES = {
    "applied": ("import player\nplayer.heal = lambda n: {n}\n", None),
    "a class": (
        "import player\nclass Player(player.Base):\n    level = {n}\n"
        "    def fire(self): return {n}\nplayer.Player = Player\n",
        None,
    ),
    "failed": (
        "import player\nplayer.DAMAGE = {n}\nclass X(player.Player): pass\n"
        "player.NAMES.append({n})\n1 / 0\n",
        resoul.PrepareError,
    ),
    "refused": (
        "import player\nplayer.heal = lambda n: (missing, {n})\n",
        resoul.RefusedError,
    ),
}


@pytest.mark.parametrize("kind", FIXES)
@pytest.mark.parametrize("undone", [False, True])
def test_no_growth(player, kind, undone, caplog):
    source, error = FIXES[kind]
    caplog.set_level(logging.CRITICAL, logger="resoul")  # or pytest keeps all warnings

    def fix(number):
        if error is not None:
            with pytest.raises(error):
                resoul.hotfix(source=source.format(n=number))
            return
        update = resoul.hotfix(source=source.format(n=number))
        if undone:
            update.undo()

    def count():
        gc.collect()
        texts = sum(len(entry) > 2 for entry in linecache.cache.values())
        return len(gc.get_objects()), texts

    for number in range(ROUNDS):
        fix(number)
    objects, texts = count()
    for number in range(ROUNDS, 2 * ROUNDS):
        fix(number)
    more_objects, more_texts = count()
    # a fix that was applied keeps its text: an entry, and the list of its lines
    kept = more_texts - texts
    assert kept <= (ROUNDS if error is None else 0)
    assert more_objects - objects - 2 * kept < 50


def sources():
    return {name for name in linecache.cache if name.startswith("<hotfix ")}


def test_the_source_of_what_lives_is_kept(player, fix):
    """Though the same fix fails later, and many others do."""
    source = "import player\nplayer.NAMES.remove('a')\nplayer.heal = lambda n: n\n"
    fix(source)
    filename = player.heal.__code__.co_filename
    for number in range(30):
        with pytest.raises(resoul.PrepareError):
            fix(source if number < 3 else f"{number} / 0\n")
    assert filename in sources()


@pytest.mark.parametrize("way", ["check", "header", "rehearsal"])
def test_the_source_of_what_was_not_applied_is_not(player, tmp_path, way):
    path = tmp_path / "fix.py"
    before = None
    for number in range(50):
        path.write_text(
            f"# resoul: replaces player.heal@0000\n{number}\n"
            if way == "header"
            else f"import player\nplayer.DAMAGE = {number}\n{number} / {number % 2}\n"
        )
        try:
            if way == "check":
                resoul.check(hotfix=path)
            else:
                resoul.hotfix(path, rehearse=number % 2 == 0)
        except resoul.UpdateError:
            pass
        if number == 24:
            before = len(sources())
    applied = 12 if way == "rehearsal" else 0
    assert len(sources()) <= before + applied + 1
