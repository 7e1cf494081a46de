"""pydantic models: methods change; what the core keeps is not changed."""

import pytest
from livefolder import codes, text, warned

import resoul

pytest.importorskip("pydantic", reason="no pydantic for this CPython")

MODEL = text("""
from typing import ClassVar
from pydantic import BaseModel, Field, computed_field, field_validator, model_validator

class Player(BaseModel):
    LOG.append("body")
    model_config = {"extra": "forbid"}
    LIMIT: ClassVar[int] = 3
    name: str
    age: int = 1

    def greet(self):
        return "hello " + self.name

    @property
    def loud(self):
        return self.name.upper()

    @field_validator("name")
    @classmethod
    def check(cls, value):
        return value + "."

    @computed_field
    @property
    def size(self) -> int:
        return len(self.name)

class Team(BaseModel):
    players: list[Player]
""")


def still_works(m, player):
    import pydantic

    team = m.Team(players=[{"name": "eve"}, player])
    assert type(team.players[0]) is m.Player
    assert team.players[1] is player
    assert m.Player.model_validate(player) is player
    assert set(m.Player.model_fields) == {"name", "age"}
    assert m.Player(name="bob").model_dump(exclude={"name", "size"}) == {"age": 1}
    with pytest.raises(pydantic.ValidationError):
        m.Player(name="x", other=1)


@pytest.fixture
def made(app):
    m = app.load(MODEL)
    player = m.Player(name="ann")
    return m, player


def test_a_method_changes(app, made):
    m, player = made
    app.edit(('"hello "', '"good day "'), (".upper()", ".title()"))
    assert (player.greet(), player.loud) == ("good day ann.", "Ann.")
    assert app.log == []
    still_works(m, player)


def test_a_validator_changes(app, made):
    m, player = made
    app.edit(('value + "."', 'value + "!"'), ("len(self.name)", "len(self.name) + 100"))
    assert m.Player(name="bob").name == "bob!"
    assert m.Team(players=[{"name": "eve"}]).players[0].name == "eve!"
    assert player.model_dump()["size"] == 104
    assert app.log == []
    still_works(m, player)


def test_methods_are_added(app, made):
    m, player = made
    app.edit(
        (
            "    def greet",
            "    def __str__(self): return 'P'\n"
            "    @property\n"
            "    def p(self): return 7\n"
            "    @staticmethod\n"
            "    def s(): return 8\n"
            "    def greet",
        )
    )
    assert (str(player), player.p, player.s()) == ("P", 7, 8)
    assert app.log == []
    still_works(m, player)


def test_a_class_variable_changes(app, made):
    m, player = made
    app.edit(("LIMIT: ClassVar[int] = 3", "LIMIT: ClassVar[int] = 4"))
    assert player.LIMIT == 4
    assert app.log == []
    still_works(m, player)


REFUSED = {
    "new field": ("age: int = 1", "age: int = 1\n    rank: int = 2"),
    "default value": ("age: int = 1", "age: int = 2"),
    "type": ("age: int = 1", "age: str = ''"),
    "removed field": ("    age: int = 1\n", ""),
    "decorator": ('@field_validator("name")', '@field_validator("name", "age")'),
    "new validator": (
        "    def greet",
        "    @model_validator(mode='after')\n    def c(self): return self\n    def greet",
    ),
    "private attribute": ("    LIMIT", "    _x: int = 2\n    LIMIT"),
    "bases": ("class Player(BaseModel)", "class Player(BaseModel, frozen=True)"),
}


@pytest.mark.refuses("RSL207")
@pytest.mark.parametrize("edit", REFUSED.values(), ids=REFUSED)
def test_what_the_core_knows_is_not_changed(app, made, edit):
    m, player = made
    with pytest.raises(resoul.RefusedError) as caught:
        app.edit(edit)
    assert codes(caught.value) == {"RSL207"}
    assert app.log == []
    still_works(m, player)


@pytest.mark.refuses("RSL617")
@pytest.mark.parametrize(
    ("edit", "name"),
    [
        (('"forbid"', '"ignore"'), "Player.model_config"),
        (
            (
                "    def greet",
                "    def model_post_init(self, context): LOG.append(7)\n    def greet",
            ),
            "Player.model_post_init",
        ),
    ],
)
def test_what_the_core_may_have_looked_at_is_told(app, made, edit, name):
    m, player = made
    update = app.edit(edit)
    assert warned(update, name) == {"RSL617"}
    assert app.log == []
    still_works(m, player)
    assert app.log == []  # not called: the core does not know of it


def test_a_new_model(app, made):
    m, player = made
    app.edit(
        ("class Team", "class Guild(BaseModel):\n    teams: list[Player]\n\nclass Team")
    )
    assert m.Guild(teams=[{"name": "x"}]).teams[0].name == "x."
    assert app.log == []
    still_works(m, player)


@pytest.mark.refuses("RSL206")
def test_the_whole_body_runs_again(app, made):
    m, player = made
    app.live.edit("app", MODEL.replace('"hello "', '"hi "'))
    with pytest.raises(resoul.RefusedError) as caught:
        app.live.reload("app", execute="all")
    assert codes(caught.value) == {"RSL206"}
    app.log.clear()
    assert player.greet() == "hello ann."
    still_works(m, player)


DATACLASS = text("""
from pydantic.dataclasses import dataclass

@dataclass
class Point:
    x: int = 1
    LIMIT = 3
    def f(self):
        return self.x
""")


def test_methods_of_a_dataclass(app):
    m = app.load(DATACLASS)
    point = m.Point(x="2")
    app.edit(
        ("return self.x", "return self.x + self.LIMIT"), ("LIMIT = 3", "LIMIT = 4")
    )
    assert point.f() == 6
    assert m.Point(x="3").f() == 7


@pytest.mark.refuses("RSL206")
def test_a_new_field_of_a_dataclass(app):
    m = app.load(DATACLASS)
    with pytest.raises(resoul.RefusedError) as caught:
        app.edit(("    LIMIT", "    y: int = 1\n    LIMIT"))
    assert codes(caught.value) == {"RSL206"}
    assert m.Point(x="3") == m.Point(3)
