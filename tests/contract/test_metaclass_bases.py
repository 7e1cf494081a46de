"""Metaclasses: their own contents, and which one a class has."""

import pytest
from livefolder import attempt_all, no_donors_left, text

METAS = """\
class Meta(type):
    def hello(cls): return "Meta", cls.__name__
class Other(type):
    def hello(cls): return "Other", cls.__name__
    @property
    def tag(cls): return "tag of " + cls.__name__
    def __len__(cls): return 7
class Calling(type):
    def __call__(cls): return "called"
class Sub(Meta):
    def __getattr__(cls, name): return "got " + name
"""


def test_methods_of_a_metaclass_follow(live):
    source = """
        class Meta(type):
            def hello(cls): return "old"
            def __call__(cls, *args): return super().__call__(*args), "old"
        class K(metaclass=Meta):
            pass
        """
    m = live.module("m", source)
    user = live.module("user", "import m\nclass Sub(m.K): pass\n")
    hello = m.K.hello
    live.update("m", source.replace('"old"', '"new"'))
    assert hello() == user.Sub.hello() == "new"
    assert m.K()[1] == user.Sub()[1] == "new"
    assert type(m.K) is type(user.Sub) is m.Meta


CHANGES = [
    ("", "(metaclass=Meta)"),
    ("", "(metaclass=Other)"),
    ("(metaclass=Meta)", "(metaclass=Other)"),
    ("(metaclass=Meta)", "(metaclass=Sub)"),
    ("(metaclass=Sub)", "(metaclass=Meta)"),
    ("(metaclass=Meta)", ""),
    ("(metaclass=Other)", ""),
    ("(metaclass=Calling)", ""),
    ("", "(metaclass=Calling)"),
]

PROBES = {
    "hello": lambda cls: cls.hello(),
    "tag": lambda cls: cls.tag,
    "len": len,
    "made": lambda cls: getattr(type(cls()), "__name__", None),
    "got": lambda cls: cls.zork,
    "x": lambda cls: cls.x,
    "metaclass": lambda cls: type(cls).__name__,
}


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_the_metaclass_of_a_class_changes(live, old, new):
    body = ":\n    x = 1\n    def m(self): return 'm'\n"
    m = live.module("m", METAS + f"class K{old}{body}")
    k = m.K() if "Calling" not in old else object.__new__(m.K)
    cls = m.K
    attempt_all(PROBES, m.K, times=300)
    with no_donors_left("m"):
        live.update("m", METAS + f"class K{new}{body}")
    fresh = live.module("fresh", METAS + f"class K{new}{body}")
    assert m.K is cls
    assert attempt_all(PROBES, m.K, times=300) == attempt_all(PROBES, fresh.K)
    assert type(k) is m.K
    assert k.m() == "m"


def test_meta_new_and_init_run_for_the_donor_only_once(live):
    lib = live.module(
        "lib",
        """
        LOG = []
        class Meta(type):
            def __new__(meta, name, bases, namespace, **keywords):
                LOG.append(("new", name))
                namespace = {**namespace, "made_by": "Meta"}
                return super().__new__(meta, name, bases, namespace)
            def __init__(cls, name, bases, namespace, **keywords):
                LOG.append(("init", name))
                cls.seen = cls
        """,
    )
    source = (
        "import lib\nclass K(metaclass=lib.Meta, a=1):\n    def f(self): return 'old'\n"
    )
    m = live.module("m", source)
    k = m.K()
    del lib.LOG[:]
    live.update("m", source.replace("old", "new"))
    assert lib.LOG == [("new", "K"), ("init", "K")]
    assert k.f() == "new"
    assert m.K.made_by == "Meta"
    assert m.K.seen is m.K


def test_metaclass_that_registers_classes(live):
    lib = live.module(
        "lib",
        """
        BY_NAME, ALL = {}, []
        class Meta(type):
            def __init__(cls, *args):
                super().__init__(*args)
                BY_NAME[cls.__name__] = cls
                ALL.append(cls)
        """,
    )
    source = "import lib\nclass A(metaclass=lib.Meta):\n    def f(self): return 'old'\nclass B(A): pass\n"
    m = live.module("m", source)
    live.update("m", source.replace("old", "new") + "class C(A): pass\n")
    assert {"A": m.A, "B": m.B, "C": m.C} == lib.BY_NAME
    assert [m.A, m.B, m.C] == lib.ALL
    assert lib.BY_NAME["B"]().f() == "new"


def test_prepare_of_a_metaclass(live):
    source = """
        class Recording(dict):
            def __setitem__(self, key, value):
                super().__setitem__(key, value)
                self.setdefault("order", []).append(key) if key != "order" else None
        class Meta(type):
            @classmethod
            def __prepare__(meta, name, bases): return Recording()
        class K(metaclass=Meta):
            def f(self): return "old"
        """
    m = live.module("m", source)
    k = m.K()
    live.update(
        "m", text(source).replace("old", "new") + "    def g(self): return 'g'\n"
    )
    assert (k.f(), k.g()) == ("new", "g")


def test_instancecheck_of_a_metaclass_follows(live):
    source = """
        class Meta(type):
            def __instancecheck__(cls, other): return other == "old"
        class K(metaclass=Meta): pass
        """
    m = live.module("m", source)
    assert isinstance("old", m.K)
    live.update("m", source.replace("old", "new"))
    assert not isinstance("old", m.K)
    assert isinstance("new", m.K)


def test_subclass_in_another_module_after_a_change_of_metaclass(live):
    m = live.module("m", METAS + "class K(metaclass=Meta): pass\n")
    user = live.module("user", "import m\nclass U(m.K): pass\n")
    u = user.U()
    live.update("m", METAS + "class K(metaclass=Sub):\n    def f(self): return 'f'\n")
    assert u.f() == "f"
    assert type(m.K) is m.Sub
    assert isinstance(type(user.U), type)
    assert user.U.hello() == ("Meta", "U")
