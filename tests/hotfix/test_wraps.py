"""A replacement that calls what it replaces."""

import pytest

import resoul

LOGGED_HEAL = """
        import functools

        def logging(function):
            @functools.wraps(function)
            def wrapper(*args):
                return ("logged", function(*args))
            return wrapper

        @logging
        def heal(n):
            return ("old", n)
"""


def test_the_snippet_means_the_original_code(player, other, fix):
    fix(
        """
        import player

        original = player.heal

        def logged(n):
            return ("logged", original(n))

        player.heal = logged
        """
    )
    assert player.heal(1) == other.heal(1) == ("logged", ("old heal", 1))


def test_wraps_nest_over_several_hotfixes(player, other, fix):
    for number in range(5):
        fix(
            f"""
            import functools
            import player

            original = player.heal

            @functools.wraps(original)
            def again(n):
                return ({number}, original(n))

            player.heal = again
            """
        )
    assert other.cure(9) == (4, (3, (2, (1, (0, ("old heal", 9))))))
    assert player.heal.__wrapped__ is not player.heal


def test_bound_and_captured_originals(player, other, fix):
    fix(
        """
        import player

        def make(original):
            def fire(self, _create=player.Player.create):
                return (original(self), _create())
            return fire

        player.Player.fire = make(player.Player.fire)

        @classmethod
        def create(cls):
            return "new create"

        player.Player.create = create
        """
    )
    assert other.bound() == ("old fire", ("old create", "Player"))
    assert other.create() == "new create"


def test_a_decorator_of_the_module(player, other, fix):
    fix(
        """
        import player

        player.Player.fire = player.logging(player.Player.fire)
        """
    )
    assert other.bound() == ("logged", "old fire")


def test_decorated_in_the_snippet(player, other, fix):
    fix(
        """
        import player

        @player.logging
        def heal(n):
            return ("new", n)

        player.heal = heal
        """
    )
    assert other.heal(1) == ("logged", ("new", 1))


def test_recursion_through_the_name_goes_to_the_new_code(player, other, fix):
    fix(
        """
        import player

        def heal(n):
            return n and ("new", player.heal(n - 1), other_name(n - 1))

        other_name = heal
        player.heal = heal
        """
    )
    assert other.heal(1) == ("new", 0, 0)


def test_the_function_inside_a_decorator_follows_as_well(live, fix):
    module = live.module(
        "decorated",
        LOGGED_HEAL
        + """
        inside = heal.__wrapped__
        """,
    )
    outside, inside = module.heal, module.inside
    update = fix(
        """
        import decorated

        @decorated.logging
        def heal(n):
            return ("new", n)

        decorated.heal = heal
        """
    )
    assert module.heal is outside
    assert module.heal.__wrapped__ is inside
    assert (outside(1), inside(1)) == (("logged", ("new", 1)), ("new", 1))
    assert inside.__module__ == "decorated"
    assert [(c.qualname, c.action) for c in update.changes] == [("heal", "updated")]
    update.undo()
    assert (outside(1), inside(1)) == (("logged", ("old", 1)), ("old", 1))


def test_the_same_code_with_other_names_is_a_change(player, fix):
    source = """
        import player

        BONUS = {}

        def heal(n):
            return n + BONUS

        player.heal = heal
        """
    fix(source.format(1))
    update = fix(source.format(2))
    assert player.heal(1) == 3
    assert update
    change = next(c for c in update.changes if c.qualname == "heal")
    assert (change.action, change.reason) == ("updated", "names of the hotfix")


def test_originals_of_descriptors_are_descriptors(player, other, fix):
    """The property, and not its getter, is what one gets of the class."""
    update = fix(
        """
        import player

        old = vars(player.Player)
        name, make, create = player.Player.name, old["make"], old["create"]

        @property
        def new_name(self):
            return ("new", name.fget(self), name.__get__(self))

        player.Player.name = new_name
        player.Player.make = staticmethod(lambda: ("new", make.__func__(), make()))

        @classmethod
        def new_create(cls):
            return ("new", create.__get__(None, cls)())

        player.Player.create = new_create
        """
    )
    assert other.p.name == ("new", "old name", "old name")
    assert other.make() == ("new", "old make", "old make")
    assert other.Sub.create() == ("new", ("old create", "Sub"))
    update.undo()
    assert (other.p.name, other.make()) == ("old name", "old make")
    assert other.Sub.create() == ("old create", "Sub")


def test_descriptors_nest_over_several_hotfixes(player, other, fix):
    for number in range(4):
        fix(
            f"""
            import player

            old = player.Player.name
            player.Player.name = property(lambda self: ({number}, old.fget(self)))
            """
        )
    assert other.p.name == (3, (2, (1, (0, "old name"))))


def test_a_property_with_a_setter_that_calls_the_old_one(live, fix):
    module = live.module(
        "hero",
        """
        class Hero:
            @property
            def hp(self):
                return self._hp
            @hp.setter
            def hp(self, value):
                self._hp = value
        hero = Hero()
        """,
    )
    fix(
        """
        import hero

        old = hero.Hero.hp

        @old.setter
        def hp(self, value):
            old.fset(self, min(value, 100))

        hero.Hero.hp = hp
        """
    )
    module.hero.hp = 500
    assert module.hero.hp == 100


def test_the_original_of_a_cache_is_a_cache(live, fix):
    module = live.module(
        "costs",
        """
        import functools
        RUNS = []
        @functools.lru_cache(maxsize=7, typed=True)
        def cost(n):
            RUNS.append(n)
            return n
        held = cost
        """,
    )
    fix(
        """
        import costs, functools

        old = costs.cost

        @functools.lru_cache(maxsize=7, typed=True)
        def cost(n):
            return old(n) + old(n)

        costs.cost = cost
        """
    )
    assert module.held is module.cost
    assert module.held(4) == module.held(4) == 8
    assert module.RUNS == [4]


def test_what_the_same_decorator_made_of_both(live, fix):
    """The original's inside is the old one, too."""
    module = live.module(
        "tools",
        LOGGED_HEAL
        + """
        import contextlib

        @contextlib.contextmanager
        def session():
            yield "old"

        @logging
        @logging
        def twice(n):
            return ("old", n)
        """,
    )
    heal, inside = module.heal, module.heal.__wrapped__
    fixes = [
        fix(
            f"""
            import contextlib
            import tools

            heal, session, twice = tools.heal, tools.session, tools.twice

            @tools.logging
            def new_heal(n):
                return ({number}, heal(n), heal.__wrapped__(n))

            @contextlib.contextmanager
            def new_session():
                with session() as inner:
                    yield ({number}, inner)

            @tools.logging
            @tools.logging
            def new_twice(n):
                return ({number}, twice(n))

            tools.heal, tools.session, tools.twice = new_heal, new_session, new_twice
            """
        )
        for number in (1, 2)
    ]
    assert module.heal is heal
    assert module.heal.__wrapped__ is inside
    old = ("logged", ("old", 5))
    once = (1, old, ("old", 5))
    assert heal(5) == ("logged", (2, ("logged", once), once))
    with module.session() as value:
        assert value == (2, (1, "old"))
    twice = ("logged", ("logged", (1, ("logged", old))))
    assert module.twice(5) == ("logged", ("logged", (2, twice)))
    for update in reversed(fixes):
        update.undo()
    assert (heal(5), inside(5)) == (old, ("old", 5))
    assert module.twice(5) == ("logged", old)


def test_methods_of_the_class_that_a_class_replaces(player, other, fix):
    """The functions are originals; the old class itself is the new one."""
    update = fix(
        """
        import player

        old_fire, old_name, Old = player.Player.fire, player.Player.name, player.Player

        class Player(player.Base):
            def fire(self):
                return ("new", old_fire(self), Old is player.Player)

            @property
            def name(self):
                return ("new", old_name.fget(self))

        player.Player = Player
        """
    )
    assert other.bound() == ("new", "old fire", True)
    assert other.p.name == ("new", "old name")
    update.undo()
    assert (other.bound(), other.p.name) == ("old fire", "old name")


REPLACING = """
    import player

    Old = player.Gun
    old_init = player.Gun.__init__

    class Gun:
        def __init__(self):
            {}

        def is_old(self):
            return isinstance(self, Old)

    player.Gun = Gun
    """


@pytest.mark.refuses("RSL622")
def test_code_that_calls_the_class_that_it_replaces_is_told_of(player, fix):
    source = REPLACING.format("Old.__init__(self)")
    with pytest.raises(resoul.RefusedError, match=r":7\): 'Old' is the class") as error:
        fix(source, strict=True)
    assert {reason.code for reason in error.value.reasons} == {"RSL622"}
    assert player.Gun().damage == 1
    update = fix(source)
    assert [(n.code, n.qualname) for n in update.warnings] == [
        ("RSL622", "Gun.__init__")
    ]
    update.undo()
    update = fix(REPLACING.format("old_init(self); self.new = True"), strict=True)
    gun = player.Gun()
    assert (gun.damage, gun.new, gun.is_old()) == (1, True, True)
