"""Django models: methods change, what Django knows of the model stays."""

import pytest
from livefolder import codes, text

import resoul

pytest.importorskip("django", reason="no Django for this CPython")

MODEL = text("""
from django.db import models

class Player(models.Model):
    LOG.append("body")
    LIMIT = 3
    name = models.CharField(max_length=30)

    class Meta:
        app_label = "shop"
        ordering = ["name"]

    def greet(self):
        return "hello " + self.name

    @property
    def loud(self):
        return self.name.upper()

    def save(self, *args, **kwargs):
        LOG.append("save")
        super().save(*args, **kwargs)

class Item(models.Model):
    owner = models.ForeignKey(Player, models.CASCADE, related_name="items")

    class Meta:
        app_label = "shop"

    def __str__(self):
        return f"item of {self.owner.name}"
""")


@pytest.fixture
def models(app):
    """The module with its tables, and one player."""
    import django
    from django.apps import apps
    from django.conf import settings
    from django.db import connection

    if not settings.configured:
        settings.configure(
            DATABASES={
                "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
            },
            DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        )
        django.setup()
    app.live.write("shop.__init__", "")
    m = app.load(MODEL, "shop.models")
    apps.set_installed_apps(["shop"])
    with connection.schema_editor() as editor:
        editor.create_model(m.Player)
        editor.create_model(m.Item)
    m.player = m.Player.objects.create(name="ann")
    m.Item.objects.create(owner=m.player)
    app.log.clear()
    yield m
    with connection.schema_editor() as editor:
        editor.delete_model(m.Item)
        editor.delete_model(m.Player)
    apps.unset_installed_apps()
    del apps.all_models["shop"]
    apps.clear_cache()


def still_works(m):
    from django.apps import apps

    assert apps.all_models["shop"] == {"player": m.Player, "item": m.Item}
    assert m.Player.objects.get(name="ann") == m.player
    assert m.Player.objects.filter(items__owner__name="ann").get() == m.player
    assert [f.name for f in m.Player._meta.get_fields()] == ["items", "id", "name"]
    assert m.player.items.get().owner == m.player
    other = m.Player.objects.create(name="bob")
    assert m.Player.objects.count() == 2
    assert isinstance(other, m.Player)
    other.delete()
    with pytest.raises(m.Player.DoesNotExist):
        m.Player.objects.get(name="bob")


def test_a_method_changes(app, models):
    m, cls = models, models.Player
    app.edit(('"hello "', '"good day "'), (".upper()", ".title()"), ("item of", "of"))
    assert m.Player is cls
    assert (m.player.greet(), m.player.loud) == ("good day ann", "Ann")
    assert str(m.player.items.get()) == "of ann"
    assert app.log == []
    still_works(m)


def test_a_method_with_super_changes(app, models):
    m = models
    app.edit(('"save"', '"saved"'))
    m.player.save()
    assert app.log == ["saved"]
    still_works(m)


def test_methods_are_added(app, models):
    m = models
    app.edit(
        (
            "    def greet",
            "    def __str__(self): return 'P'\n"
            "    @property\n"
            "    def p(self): return 7\n"
            "    @classmethod\n"
            "    def first(cls): return cls.objects.first()\n"
            "    def greet",
        )
    )
    assert (str(m.player), m.player.p, m.Player.first()) == ("P", 7, m.player)
    assert app.log == []
    still_works(m)


def test_a_plain_attribute_changes(app, models):
    update = app.edit(("LIMIT = 3", "LIMIT = 4"))
    assert models.player.LIMIT == 4
    assert app.log == []
    assert update.warnings == []
    still_works(models)


REFUSED = {
    "new field": ("    LIMIT", "    age = models.IntegerField(default=1)\n    LIMIT"),
    "option of a field": ("max_length=30", "max_length=40"),
    "kind of field": ("models.CharField", "models.TextField"),
    "removed field": ("    name = models.CharField(max_length=30)\n", ""),
    "Meta": ('["name"]', '["-name"]'),
    "bases": ("class Player(models.Model)", "class Player(models.Model, object)"),
    "__init__": (
        "    def greet",
        "    def __eq__(self, other): return self is other\n\n    def greet",
    ),
}


@pytest.mark.refuses("RSL207")
@pytest.mark.parametrize("edit", REFUSED.values(), ids=REFUSED)
def test_what_django_made_is_not_changed(app, models, edit):
    with pytest.raises(resoul.RefusedError) as caught:
        app.edit(edit)
    assert codes(caught.value) == {"RSL207"}
    assert "django.db.models.base.ModelBase" in str(caught.value)
    assert app.log == []
    still_works(models)


def test_a_new_model(app, models):
    from django.apps import apps

    m = models
    app.edit(
        (
            "class Item",
            "class Guild(models.Model):\n    class Meta:\n        app_label = 'shop'\n\nclass Item",
        )
    )
    assert app.log == []
    assert apps.all_models["shop"]["guild"] is m.Guild
    del apps.all_models["shop"]["guild"]
    apps.clear_cache()
    still_works(m)


def test_the_whole_body_runs_again(app, models):
    """execute="all": Django itself warns of it."""
    from django.apps import apps

    app.live.edit("shop.models", MODEL.replace('"hello "', '"hi "'))
    with pytest.warns(RuntimeWarning, match="already registered"):
        app.live.reload("shop.models", execute="all")
    assert models.player.greet() == "hi ann"
    assert apps.all_models["shop"]["player"] is models.Player
    still_works(models)
