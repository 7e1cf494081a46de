"""Which names new code reads, and where they come from."""

import linecache
import threading
import traceback

import pytest

import resoul


def test_the_namespace_is_the_snippets_own(player, fix):
    fix(
        """
        import player

        own = __name__

        def heal(n):
            return (own, __name__)

        player.heal = heal
        """
    )
    assert player.heal(1) == ("__hotfix__", "__hotfix__")
    assert not hasattr(player, "own")


@pytest.mark.refuses("RSL741")
def test_unbound_names_are_refused_all_at_once(player, fix):
    with pytest.raises(resoul.RefusedError) as refusal:
        fix(
            """
            import player

            def heal(n):
                try:
                    return guarded
                except NameError:
                    pass
                def inner():
                    return missing, n, len, later
                return inner, absent

            def assigns():
                global later
                later = 1

            player.heal = heal
            player.assigns = assigns
            """
        )
    found = {
        reason.found.split("'")[1]: reason.lineno for reason in refusal.value.reasons
    }
    assert found == {"missing": 9, "absent": 10}
    assert {reason.code for reason in refusal.value.reasons} == {"RSL741"}
    assert player.heal(1) == ("old heal", 1)
    assert not hasattr(player, "assigns")


def test_inside_a_module(player, other, fix):
    fix(
        """
        own = 5

        def fire(self):
            return (DAMAGE, own, heal(1))

        Player.fire = fire

        def unbound_is_the_modules():
            return __name__

        global helper
        helper = unbound_is_the_modules
        """,
        inside="player",
    )
    assert other.bound() == (10, 5, ("old heal", 1))
    player.DAMAGE = 11
    assert other.bound()[0] == 11
    assert player.helper() == "player"
    assert not hasattr(player, "own")
    assert not hasattr(player, "fire")


@pytest.mark.parametrize(
    ("snippet", "what"),
    [("return 1", "'return' outside"), ("x = yield", "outside function")],
)
@pytest.mark.parametrize("inside", [None, "player"])
def test_a_snippet_is_no_function(player, fix, snippet, what, inside):
    with pytest.raises(resoul.PrepareError, match=what):
        fix(snippet, inside=inside)


def test_super_and_private_names_mean_the_class(player, other, fix):
    fix(
        """
        import player

        @player.logging
        def fire(self):
            return (super().fire(), self.__hp, __class__)

        player.Player.fire = fire
        """
    )
    assert other.bound() == ("logged", ("base", 7, player.Player))


def test_super_inside_a_module(player, other, fix):
    fix(
        """
        extra = 3

        def fire(self):
            return (super().fire(), self.__hp, extra)

        Player.fire = fire
        """,
        inside="player",
    )
    assert other.bound() == ("base", 7, 3)


def test_a_method_of_another_class(player, other, fix):
    fix(
        """
        import player

        class Patch(player.Base):
            def fire(self):
                return ("patched", super().fire())

        player.Player.fire = Patch.fire
        """
    )
    assert other.bound() == ("patched", "base")


@pytest.mark.refuses("RSL742")
def test_super_where_no_class_can_be_meant(player, fix):
    with pytest.raises(resoul.RefusedError, match="RSL742"):
        fix(
            """
            import player

            def make():
                def fire(self):
                    return super().fire()
                return fire

            player.Player.fire = make()
            """
        )


def test_tracebacks_show_the_snippet(player, fix):
    update = fix(
        """
        import player

        def heal(n):
            return 1 / n

        player.heal = heal
        """,
        name="ticket",
    )
    with pytest.raises(ZeroDivisionError) as error:
        player.heal(0)
    last = traceback.extract_tb(error.value.__traceback__)[-1]
    assert last.filename.startswith("<hotfix ticket@")
    assert last.line == "return 1 / n"
    linecache.checkcache()
    assert linecache.getline(last.filename, last.lineno).strip() == "return 1 / n"
    assert update.changes[0].filename == last.filename
    assert update.changes[0].lineno == 3


@pytest.mark.refuses("RSL740")
def test_another_thread_writes_the_same_name(player, fix):
    def write():
        player.DAMAGE = 99

    with pytest.raises(resoul.RefusedError, match="RSL740"):
        player.write = write
        fix(
            """
            import threading
            import player

            player.DAMAGE = 20
            thread = threading.Thread(target=player.write)
            thread.start()
            thread.join()
            """
        )
    assert player.DAMAGE == 99
    assert threading.active_count() >= 1
