"""execute="changed": classes that a metaclass or decorator of a package made."""

import pytest
from livefolder import codes, reasons, text, warned

import resoul

PACKAGE = """
MADE = []

class Meta(type):
    def __new__(meta, name, bases, namespace, **keywords):
        MADE.append(name)
        fields = {k: v for k, v in namespace.items() if isinstance(v, Field)}
        for field in fields:
            del namespace[field]
        cls = super().__new__(meta, name, bases, namespace)
        cls.fields = fields
        return cls

class Field:
    def __init__(self, kind): self.kind = kind

class Model(metaclass=Meta):
    def save(self): return "saved"

class App:
    def __init__(self): self.classes = {}
    def register(self, cls):
        self.classes[cls.__name__] = cls
        return cls

class Base:
    def __init_subclass__(cls):
        MADE.append(cls.__name__)

def plain(cls):
    MADE.append("plain")
    return cls
"""

MODEL = text("""
import makerpackage
from makerpackage import Field, Model
app = makerpackage.App()
K = 1

class Player(Model):
    name = Field("str")
    LIMIT = 1
    KINDS = ["a"]
    def f(self): return 1
    @property
    def p(self): return 1

@app.register
class Page:
    title = "old"
    size = K
    def f(self): return 1

class Child(makerpackage.Base):
    things = [K]
    def f(self): return 1

@makerpackage.plain
class Plain:
    title = "old"
    things = [K]
    end = 1
""")


@pytest.fixture
def model(live, monkeypatch):
    live.write("site-packages.makerpackage", PACKAGE)
    monkeypatch.syspath_prepend(live.folder / "site-packages")
    m = live.module("model", MODEL)
    m.made = live.load("makerpackage").MADE
    m.made.clear()
    return m


def edit(live, *replacements):
    source = MODEL
    for old, new in replacements:
        assert old in source
        source = source.replace(old, new)
    live.edit("model", source)
    return live.reload("model", execute="changed", data="merge")


def test_what_the_maker_need_not_see(live, model):
    player = model.Player()
    update = edit(
        live,
        ("    def f(self): return 1\n    @", "    def f(self): return 2\n    @"),
        ("def p(self): return 1", "def p(self): return self.new()"),
        ("LIMIT = 1", "LIMIT = 2\n    def new(self): return self.LIMIT"),
    )
    assert (player.f(), player.p, player.LIMIT) == (2, 2, 2)
    assert update.warnings == []
    assert model.made == []
    assert list(model.Player.fields) == ["name"]


REFUSED = {
    "a value that a call makes": ('name = Field("str")', 'name = Field("int")'),
    "a new one": ("LIMIT = 1", "LIMIT = Field(3)"),
    "another after it": ("LIMIT = 1", "LIMIT = 1\n    age = Field(3)"),
    "one that is gone": ('    name = Field("str")\n', ""),
    "a special name": ("LIMIT = 1", "__slots__ = ()\n    LIMIT = 1"),
    "an annotation": ("LIMIT = 1", "LIMIT: int = 1"),
    "a class": ("LIMIT = 1", "LIMIT = 1\n    class Meta: x = 1"),
    "a loop": ("LIMIT = 1", "LIMIT = 1\n    for i in 1, 2: pass"),
    "a decorator": ("@property", "@print"),
    "keywords": ("Player(Model)", "Player(Model, x=1)"),
    "bases": ("Player(Model)", "Player(Model, object)"),
}


@pytest.mark.refuses("RSL207")
@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED)
def test_what_the_maker_would_have_to_see(live, model, change):
    before = dict(vars(model.Player))
    with pytest.raises(resoul.RefusedError) as caught:
        edit(live, change)
    assert codes(caught.value) == {"RSL207"}
    assert "makerpackage.Meta" in str(caught.value)
    assert model.made == []
    assert dict(vars(model.Player)) == before


def test_all_reasons_are_given(live, model):
    with pytest.raises(resoul.RefusedError) as caught:
        edit(
            live,
            ("LIMIT = 1", "LIMIT = Field(3)"),
            ("Player(Model)", "Player(Model, object)"),
            ("app.register\nclass Page", "app.register\nclass Page(list)"),
        )
    assert reasons(caught.value) == {
        ("RSL207", "model", "Player"),
        ("RSL207", "model", "Page"),
    }


@pytest.mark.refuses("RSL617")
@pytest.mark.parametrize(
    ("change", "name"),
    [
        (('["a"]', '["b"]'), "KINDS"),
        (("LIMIT = 1", "LIMIT = 1\n    MORE = 2"), "MORE"),
        (("LIMIT = 1", "LIMIT = 1\n    def save(self): return 3"), "save"),
    ],
)
def test_what_the_maker_may_have_looked_at(live, model, change, name):
    update = edit(live, change)
    assert warned(update, f"Player.{name}") == {"RSL617"}
    assert name in vars(model.Player)
    assert model.made == []


def test_a_class_that_an_object_of_a_package_registered(live, model):
    page = model.Page
    edit(
        live,
        ('"old"\n    size', '"new"\n    size'),
        ("def f(self): return 1\n\nclass Ch", "def f(self): return 2\n\nclass Ch"),
    )
    assert model.app.classes == {"Page": page}
    assert (page.title, page().f()) == ("new", 2)
    with pytest.raises(resoul.RefusedError, match="RSL207"):
        edit(live, ("size = K", "size = K + 1"))
    assert model.app.classes == {"Page": page}


def test_a_class_with_a_function_of_a_package_as_decorator(live, model):
    """A plain value is no business of it; for the rest it is called again."""
    plain = model.Plain
    edit(live, ('"old"\n    things', '"new"\n    things'))
    assert (plain.title, model.made) == ("new", [])
    edit(
        live,
        ("    things = [K]\n    end", "    things = [K]\n    more: int = 1\n    end"),
    )
    assert (plain.more, model.made) == (1, ["plain"])


@pytest.mark.refuses("RSL207")
def test_nobody_runs_a_field_again(live, model):
    field = model.Player.fields["name"]
    live.edit("model", MODEL)
    with pytest.raises(resoul.RefusedError, match="RSL207"):
        live.reload("model", execute="changed", take=["model.Player.name"])
    assert model.Player.fields == {"name": field}
    assert "name" not in vars(model.Player)


@pytest.mark.refuses("RSL611")
def test_a_field_that_reads_what_changed(live, model):
    source = MODEL.replace('Field("str")', "Field(K)")
    live.edit("model", source)
    del model.Player  # so that it is a new class
    live.reload("model", execute="changed", data="merge")
    model.made.clear()
    live.edit("model", source.replace("K = 1", "K = 2"))
    update = live.reload("model", execute="changed", data="merge")
    assert warned(update, "Player") == {"RSL611"}
    assert "restarted" in str(update.warnings)
    assert model.Player.fields["name"].kind == 1
    assert model.made == []


@pytest.mark.refuses("RSL617")
def test_a_base_that_looks_at_its_subclasses(live, model):
    child = model.Child
    update = edit(live, ("f(self): return 1\n\n@maker", "f(self): return 2\n\n@maker"))
    assert (child().f(), update.warnings) == (2, [])
    update = edit(
        live, ("    things = [K]\n    def", "    things = [K]\n    more = 1\n    def")
    )
    assert child.more == 1
    assert warned(update, "Child") == {"RSL617"}
    assert model.made == []
