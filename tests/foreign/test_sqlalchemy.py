"""SQLAlchemy models: methods change, mappings stay."""

import pytest
from livefolder import codes, text

import resoul

pytest.importorskip("sqlalchemy", reason="no SQLAlchemy for this CPython")

MODEL = text("""
from sqlalchemy import ForeignKey, String, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

class Base(DeclarativeBase):
    pass

class Player(Base):
    LOG.append("body")
    __tablename__ = "players"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(30))
    items: Mapped[list["Item"]] = relationship(back_populates="owner")
    LIMIT = 3

    def greet(self):
        return "hello " + self.name

    @property
    def loud(self):
        return self.name.upper()

class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("players.id"))
    owner: Mapped[Player] = relationship(back_populates="items")

    def __init__(self, *nothing):
        self.made = "old"

    def __repr__(self):
        return f"Item of {self.owner.name}"

engine = create_engine("sqlite://")
Base.metadata.create_all(engine)
""")


@pytest.fixture
def shop(app):
    """The module, a session, and a player in it."""
    from sqlalchemy.orm import Session, configure_mappers

    m = app.load(MODEL)
    configure_mappers()
    with Session(m.engine) as session:
        player = m.Player(name="ann", items=[m.Item()])
        session.add(player)
        session.commit()
        app.log.clear()
        yield m, session, player
    m.engine.dispose()


def still_works(m, session, player):
    from sqlalchemy import inspect, select

    assert inspect(m.Player).class_ is m.Player
    assert session.scalars(select(m.Player)).all() == [player]
    assert (
        session.scalars(select(m.Player).where(m.Player.name == "ann")).one() is player
    )
    assert session.scalars(select(m.Item)).one().owner is player
    other = m.Player(name="bob")
    session.add(other)
    session.flush()
    assert session.get(m.Player, other.id) is other
    session.rollback()
    player.name = "eve"
    assert player in session.dirty
    session.rollback()
    assert player.name == "ann"


def test_a_method_changes(app, shop):
    m, session, player = shop
    cls, table, mapper = m.Player, m.Player.__table__, m.Player.__mapper__
    app.edit(('"hello "', '"good day "'), (".upper()", ".title()"))
    assert (player.greet(), player.loud) == ("good day ann", "Ann")
    assert (m.Player, cls.__table__, cls.__mapper__) == (cls, table, mapper)
    assert app.log == []
    still_works(m, session, player)


def test_a_special_method_changes(app, shop):
    m, session, player = shop
    app.edit(('f"Item of', 'f"Thing of'))
    assert repr(player.items[0]) == "Thing of ann"
    assert app.log == []
    still_works(m, session, player)


def test_a_method_is_added(app, shop):
    m, session, player = shop
    app.edit(
        ("    def greet", "    def wave(self):\n        return 7\n\n    def greet")
    )
    assert player.wave() == 7
    assert app.log == []
    still_works(m, session, player)


def test_a_special_method_is_added(app, shop):
    m, session, player = shop
    app.edit(
        (
            "    def greet",
            "    def __repr__(self):\n        return 'P'\n\n    def greet",
        ),
    )
    assert repr(player) == "P"
    assert app.log == []
    still_works(m, session, player)


def test_a_property_is_added(app, shop):
    m, session, player = shop
    app.edit(
        (
            "    def greet",
            "    @property\n    def p(self):\n        return 7\n\n    def greet",
        ),
    )
    assert player.p == 7
    assert app.log == []
    still_works(m, session, player)


def test_a_plain_attribute_changes(app, shop):
    m, session, player = shop
    app.edit(("LIMIT = 3", "LIMIT = 4"))
    assert player.LIMIT == 4
    assert app.log == []
    still_works(m, session, player)


def test_the_docstring_changes(app, shop):
    m, session, player = shop
    app.edit(('    LOG.append("body")', '    "A player."\n    LOG.append("body")'))
    assert m.Player.__doc__ == "A player."
    assert app.log == []
    still_works(m, session, player)


def test_init_changes(app, shop):
    """SQLAlchemy calls it from a function of its own."""
    m, session, player = shop
    item = m.Item(None)
    assert item.made == "old"
    app.edit(('= "old"', '= "new"'))
    assert m.Item(None).made == "new"
    assert app.log == []
    still_works(m, session, player)


REFUSED = {
    "new column": (
        "    LIMIT",
        "    age: Mapped[int] = mapped_column(default=1)\n    LIMIT",
    ),
    "option of a column": ("String(30)", "String(40)"),
    "name of the table": ('"players"', '"people"'),
    "removed column": ("    name: Mapped[str] = mapped_column(String(30))\n", ""),
    "new __init__": (
        "    def greet",
        "    def __init__(self, name): self.name = name\n\n    def greet",
    ),
    "bases": ("class Player(Base)", "class Player(Base, object)"),
}


@pytest.mark.refuses("RSL207")
@pytest.mark.parametrize("edit", REFUSED.values(), ids=REFUSED)
def test_what_sqlalchemy_made_is_not_changed(app, shop, edit):
    m, session, player = shop
    with pytest.raises(resoul.RefusedError) as caught:
        app.edit(edit)
    assert codes(caught.value) == {"RSL207"}
    assert app.log == []
    still_works(m, session, player)


def test_a_new_model(app, shop):
    m, session, player = shop
    app.edit(
        (
            "class Item",
            "class Guild(Base):\n"
            "    __tablename__ = 'guilds'\n"
            "    id: Mapped[int] = mapped_column(primary_key=True)\n\n"
            "class Item",
        )
    )
    m.Base.metadata.create_all(m.engine)
    session.add(m.Guild())
    session.flush()
    assert session.query(m.Guild).count() == 1
    assert app.log == []
    session.rollback()
    still_works(m, session, player)


def test_the_whole_body_runs_again(app, shop):
    """execute="all": SQLAlchemy does not stand a second base, and the update fails."""
    m, session, player = shop
    app.live.edit("app", MODEL.replace('"hello "', '"hi "'))
    with pytest.raises(resoul.PrepareError):
        app.live.reload("app", execute="all")
    assert player.greet() == "hello ann"
    still_works(m, session, player)
