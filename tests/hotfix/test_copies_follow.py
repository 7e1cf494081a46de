"""Whoever holds a copy of what a hotfix replaced runs the new code."""

import functools
import pickle

import pytest
from livefolder import actions

import resoul


def test_a_method(player, other, fix):
    old = player.Player.fire
    update = fix(
        """
        import player

        def new_fire(self):
            return "new fire"

        player.Player.fire = new_fire
        """
    )
    assert player.Player.fire is old
    p = other.p
    assert [p.fire(), other.bound(), other.player_fire(p), other.callbacks[1]()] == [
        "new fire"
    ] * 4
    assert other.Sub().shoot() == other.Sub().fire() == "new fire"
    assert actions(update, "Player.fire") == {"updated"}
    assert len(update.changes) == 1
    assert update.kind == "hotfix"
    assert update


def test_a_function_of_a_module(player, other, fix):
    fix(
        """
        import player

        def heal(n):
            return ("new heal", n)

        player.heal = heal
        """
    )
    holders = [player.heal, other.heal, other.cure, other.callbacks[0], other.lazily]
    assert [holder(2) for holder in holders] == [("new heal", 2)] * 5
    assert other.partly() == ("new heal", 5)


def test_static_and_class_methods_and_properties(player, other, fix):
    fix(
        """
        import player

        player.Player.make = staticmethod(lambda: "new make")

        @classmethod
        def create(cls):
            return ("new create", cls.__name__)

        player.Player.create = create
        player.Player.name = property(lambda self: "new name")
        """
    )
    assert other.make() == player.Player.make() == "new make"
    assert other.create() == other.p.create() == ("new create", "Player")
    assert other.Sub.create() == ("new create", "Sub")
    assert other.p.name == "new name"


def test_a_class_by_a_class_of_its_name(player, other, fix):
    old = player.Player
    fix(
        """
        import player

        class Player(player.Base):
            level = 2

            def fire(self):
                return ("new", super().fire(), __class__ is player.Player)

            def added(self):
                return self.fire

        player.Player = Player
        """
    )
    assert player.Player is other.Player is old
    assert other.bound() == other.p.added()() == ("new", "base", True)
    assert old.level == 2
    assert isinstance(other.p, player.Player)
    assert player.Base.__subclasses__() == [old]
    assert type(pickle.loads(pickle.dumps(player.Player()))) is old
    assert old.added.__module__ == "player"


def test_names_stay_so_that_pickle_finds_them(player, other, fix):
    fix(
        """
        import player

        def anything(n):
            return n

        player.heal = anything
        """
    )
    assert player.heal.__name__ == player.heal.__qualname__ == "heal"
    assert player.heal.__module__ == "player"
    assert pickle.loads(pickle.dumps(other.cure)) is player.heal


def test_what_an_assignment_does_not_make_is_only_bound(player, other, fix):
    held = player.heal
    fix(
        """
        import player

        player.heal = player.logging
        """
    )
    assert player.heal is player.logging
    assert held(1) == ("old heal", 1)
    assert other.heal is player.logging, "importers follow"


def test_a_callable_that_is_no_function(player, other, fix):
    update = fix(
        """
        import functools
        import player

        player.heal = functools.partial(player.heal, 77)
        player.Player.fire = functools.lru_cache(lambda self: "cached fire")
        """
    )
    assert isinstance(player.heal, functools.partial)
    assert player.heal() == other.callbacks[0]() == ("old heal", 77)
    assert other.bound() == other.p.fire() == "cached fire"
    assert update


def test_a_callable_without_a_self(player, other, fix):
    fix(
        """
        import functools
        import player

        player.Player.fire = functools.partial(print_nothing, 1) if False else len
        """.replace("print_nothing", "len")
    )
    assert player.Player.fire is len
    with pytest.raises(TypeError):
        other.bound()


@pytest.mark.refuses("RSL744")
def test_a_class_can_not_be_its_own_base(player, fix):
    with pytest.raises(resoul.RefusedError, match="RSL744") as refusal:
        fix(
            """
            import player

            class Player(player.Player):
                pass

            player.Player = Player
            """
        )
    assert "its own base" in str(refusal.value)
    assert player.Player.__mro__[1] is player.Base


def test_a_function_under_two_names_takes_one_fix(player, other, fix):
    player.Player.shoot = player.Player.fire
    fix(
        """
        import player

        player.Player.fire = lambda self: "one"
        player.Player.shoot = lambda self: "two"
        """
    )
    assert (other.p.fire(), other.p.shoot()) == ("one", "two")
    assert other.bound() == "one"


def test_a_name_for_somebody_elses_function_is_only_a_name(player, other, fix):
    fix(
        """
        import other
        import player

        def heal(n):
            return ("only there", n)

        class Player:
            pass

        other.heal = heal
        other.Sub.shoot = lambda self: "only there"
        other.Player = Player
        """
    )
    assert other.heal(1) == other.call(1) == ("only there", 1)
    assert player.heal(1) == other.cure(1) == ("old heal", 1)
    assert other.Sub().shoot() == "only there"
    assert player.Player().fire() == "old fire"
    assert other.Player is not player.Player


def test_a_lambda_of_the_module_is_its_own(live, fix):
    module = live.module("small", "double = lambda n: 2 * n\nheld = [double]\n")
    fix("import small\nsmall.double = lambda n: 3 * n\n")
    assert module.double(1) == module.held[0](1) == 3


def test_the_lines_of_a_decorated_method_that_says_super(player, other, fix):
    fix(
        """
        import player

        @player.logging
        def fire(self):
            super().fire()
            raise LookupError("line 6")

        player.Player.fire = fire
        """
    )
    with pytest.raises(LookupError) as error:
        other.bound()
    assert error.traceback[-1].lineno + 1 == 6


def test_super_with_arguments_in_a_nested_method(player, other, fix):
    fix(
        """
        import player

        def make():
            return lambda self: ("made", super(player.Player, self).fire())

        player.Player.fire = make()
        """
    )
    assert other.bound() == ("made", "base")


def test_call_sites_follow_a_property_that_takes_other_functions(player, other, fix):
    def read():
        return other.p.name

    fix(
        """
        import player

        class Player(player.Base):
            name = property(lambda self: 0)

        player.Player = Player
        """
    )
    updates = []
    for number in range(1, 4):
        for _ in range(100):  # until the call site is specialised
            read()
        updates.append(
            fix(f"import player\nplayer.Player.name = property(lambda s: {number})\n")
        )
        assert read() == number
    for number in range(2, -1, -1):
        for _ in range(100):
            read()
        updates.pop().undo()
        assert read() == number


def test_a_report_names_no_more_places_than_somebody_reads(player, fix):
    update = fix("import player\nfor i in range(5000): player.TABLE[i] = i\n")
    assert len(player.TABLE) == 5002
    assert 200 <= len(update.changes) <= 202
    assert update.changes[-1].reason == "4800 times"
    update.undo()
    assert len(player.TABLE) == 2
