"""A replacement that calls what it replaces."""


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
        """
        import functools

        def logging(function):
            @functools.wraps(function)
            def wrapper(*args):
                return ("logged", function(*args))
            return wrapper

        @logging
        def heal(n):
            return ("old", n)

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
