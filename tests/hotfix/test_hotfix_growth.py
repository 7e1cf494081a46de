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
