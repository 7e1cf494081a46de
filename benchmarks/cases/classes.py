"""Classes, and instances from before the update."""

import pickle

from abilities import ability, verdict, versions

METHODS = """
class C:
    def method(self):
        return VERSION

    @property
    def value(self):
        return VERSION

    @classmethod
    def of(cls):
        return VERSION
"""


@ability(
    "Classes and instances",
    "old instances: methods, properties, class methods",
    short=True,
    m=versions(METHODS),
)
def instances(live):
    held = live.m.C()
    live.update()
    return held.method() == held.value == held.of() == 2


@ability("Classes and instances", "bound methods", short=True, m=versions(METHODS))
def bound(live):
    held = live.m.C().method, live.m.C.of
    live.update()
    return held[0]() == 2 and held[1]() == 2


@ability(
    "Classes and instances",
    "identity: `isinstance`, `except`, pickle of old objects",
    short=True,
    m=versions(
        "class C(Exception):\n    number = 0\n\n\ndef f():\n    raise C(VERSION)\n"
    ),
)
def identity(live):
    cls, old = live.m.C, live.m.C()
    live.update()
    found = {
        "isinstance": isinstance(old, live.m.C),
        "is": live.m.C is cls,
        "pickle": type(pickle.loads(pickle.dumps(old))) is cls,
    }
    try:
        live.m.f()
    except cls:
        found["except"] = True
    except Exception:
        found["except"] = False
    return verdict(found)


@ability(
    "Classes and instances",
    "a subclass in another module",
    short=True,
    m=versions("class Base:\n    def f(self):\n        return VERSION\n"),
    other=("import m\n\n\nclass Sub(m.Base):\n    pass\n",) * 2,
)
def subclass(live):
    held = live.other.Sub()
    live.update()
    return verdict(
        {
            "method": held.f() == 2,
            "issubclass": issubclass(live.other.Sub, live.m.Base),
        }
    )


@ability(
    "Classes and instances",
    "`super()` comes into a method",
    m=(
        "class A:\n    def f(self):\n        return 1\n\n\n"
        "class B(A):\n    def f(self):\n        return 5\n",
        "class A:\n    def f(self):\n        return 1\n\n\n"
        "class B(A):\n    def f(self):\n        return super().f() + 1\n",
    ),
)
def super_added(live):
    old = live.m.B()
    live.update()
    return old.f() == 2 and live.m.B().f() == 2


@ability(
    "Classes and instances",
    "private names in an added method",
    m=(
        "class C:\n    def __init__(self):\n        self.__x = 1\n",
        "class C:\n    def __init__(self):\n        self.__x = 1\n\n"
        "    def f(self):\n        return self.__x\n",
    ),
)
def mangled(live):
    old = live.m.C()
    live.update()
    return old.f() == 1


@ability(
    "Classes and instances",
    "another base, seen by old instances",
    m=(
        "class Mix:\n    def extra(self):\n        return 2\n\n\nclass C:\n    pass\n",
        "class Mix:\n    def extra(self):\n        return 2\n\n\nclass C(Mix):\n    pass\n",
    ),
)
def bases(live):
    old = live.m.C()
    live.update()
    return old.extra() == 2 and isinstance(old, live.m.Mix)


@ability(
    "Classes and instances",
    "a metaclass: old instances of its classes",
    m=versions(
        "class Meta(type):\n    def name(cls):\n        return VERSION\n\n\n"
        "class C(metaclass=Meta):\n    def f(self):\n        return VERSION\n"
    ),
)
def metaclass(live):
    old, cls = live.m.C(), live.m.C
    live.update()
    return verdict({"method": old.f() == 2, "metaclass": cls.name() == 2})


ENUM = (
    "from enum import Enum\n\n\nclass E(Enum):\n    A = 1\n",
    "from enum import Enum\n\n\nclass E(Enum):\n    A = 1\n    B = 2\n",
)


@ability(
    "Classes and instances",
    "Enum: members keep their identity, new ones arrive",
    short=True,
    m=ENUM,
)
def enum(live):
    held = live.m.E.A
    live.update()
    return verdict(
        {
            "identity": live.m.E.A is held,
            "new member": isinstance(live.m.E.B, live.m.E) and live.m.E.B.value == 2,
        }
    )


@ability(
    "Classes and instances",
    "dataclass: new fields and methods",
    short=True,
    m=(
        "from dataclasses import dataclass\n\n\n@dataclass\nclass D:\n    a: int\n\n"
        "    def f(self):\n        return 1\n",
        "from dataclasses import dataclass\n\n\n@dataclass\nclass D:\n    a: int\n"
        "    b: int = 7\n\n    def f(self):\n        return 2\n",
    ),
)
def dataclasses(live):
    old = live.m.D(1)
    live.update()
    return verdict(
        {
            "new instances": live.m.D(1).b == 7 and live.m.D(1, 2).b == 2,
            "old instances": old.f() == 2 and isinstance(old, live.m.D),
        }
    )


@ability(
    "Classes and instances",
    "methods that left the source are gone",
    m=(
        "class C:\n    def f(self):\n        return 1\n\n"
        "    def gone(self):\n        return 1\n",
        "class C:\n    def f(self):\n        return 1\n",
    ),
)
def removed(live):
    old = live.m.C()
    live.update()
    if not hasattr(old, "gone"):
        return True
    told = any(
        change.qualname == "C.gone" for change in getattr(live.report, "changes", ())
    )
    return "no: stays, and is reported" if told else False
