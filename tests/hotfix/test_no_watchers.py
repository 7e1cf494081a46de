"""What raises has changed nothing, also where no id of a dict watcher is free."""

import pytest
import test_raises as raising
import test_taken_back as taking
from watchers import all_taken, free

import resoul

globals().update(
    {
        name: value
        for module in (raising, taking)
        for name, value in vars(module).items()
        if (name.startswith("test_") and "really" not in name)
        or name in ("filled", "fixed")
    }
)


@pytest.fixture(autouse=True)
def none_free(monkeypatch):
    # beside another thread nothing tells who wrote into a dict
    monkeypatch.setattr(taking, "OWN", frozenset())
    with all_taken() as ids:
        assert ids
        assert free() == 0
        yield


def test_a_hotfix_without_watchers(player, other, fix):
    fix(
        """
        import player

        def fire(self):
            return "new fire"

        player.Player.fire = fire
        player.DAMAGE = 20
        player.TABLE["gun"]["damage"] = 9
        del player.NAMES
        player.Player.level += 1
        """
    )
    assert other.bound() == "new fire"
    assert other.DAMAGE == 20
    assert player.TABLE["gun"]["damage"] == 9
    assert player.Player.level == 2
    assert not hasattr(player, "NAMES")
    resoul.undo()
    assert other.bound() == "old fire"
    assert player.TABLE["gun"]["damage"] == 3
    assert player.NAMES == ["a", "b"]
