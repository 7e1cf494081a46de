"""What most tests of hotfixes need: a module that is fixed, and one that holds copies."""

import pytest
from livefolder import text

import resoul


@pytest.fixture
def fix():
    """Run a snippet (dedented) as a hotfix."""

    def run(source, **options):
        return resoul.hotfix(source=text(source), **options)

    return run


@pytest.fixture
def player(live):
    return live.module(
        "player",
        """
        import functools

        DAMAGE = 10
        TABLE = {"gun": {"damage": 3}, "bow": {"damage": 1}}
        NAMES = ["a", "b"]

        def logging(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                return ("logged", function(*args, **kwargs))
            return wrapper

        class Gun:
            def __init__(self):
                self.damage = 1

        class Base:
            def fire(self):
                return "base"

        class Player(Base):
            level = 1

            def __init__(self):
                self.gun = Gun()
                self.bag = [1, 2]
                self.__hp = 7

            def fire(self):
                return "old fire"

            @staticmethod
            def make():
                return "old make"

            @classmethod
            def create(cls):
                return ("old create", cls.__name__)

            @property
            def name(self):
                return "old name"

        def heal(n):
            return ("old heal", n)

        gun = Gun()
        """,
    )


@pytest.fixture
def other(live, player):
    return live.module(
        "other",
        """
        from functools import partial
        import player
        from player import DAMAGE, Player, heal
        from player import heal as cure

        player_fire = Player.fire
        p = Player()
        bound = p.fire
        make = Player.make
        create = Player.create
        callbacks = [heal, bound]
        partly = partial(heal, 5)

        def closure():
            held = heal
            return lambda n: held(n)

        lazily = closure()

        def call(n):
            return heal(n)

        class Sub(Player):
            shoot = Player.fire
        """,
    )
