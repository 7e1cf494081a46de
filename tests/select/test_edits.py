"""Edits that a random search found (tests/differential, execute="changed")."""

import inspect
import sys

import pytest

import resoul


@pytest.fixture
def edit(live):
    """Imports one text and updates to another: edit(old, new) -> (module, update)."""

    def make(old, new, **options):
        module = live.module("m", old)
        live.edit("m", new)
        return module, resoul.reload("m", execute="changed", **options)

    make.again = lambda new: (
        live.edit("m", new),
        resoul.reload("m", execute="changed"),
    )
    return make


DISPATCH = """
import functools
@functools.singledispatch
def show(x): return "any"
@show.register
def _(x: str): return "str"
"""


def test_another_implementation_is_none_of_those_that_live(edit):
    new = DISPATCH + '@show.register\ndef _(x: int): return "int"\n'
    m, _ = edit(DISPATCH, new)
    assert (m.show(1.5), m.show("s"), m.show(1)) == ("any", "str", "int")


@pytest.mark.parametrize("policy", ["keep", "merge", "take"])
@pytest.mark.parametrize("old", ["class C: pass", "def C(): pass"])
def test_a_definition_becomes_data(edit, old, policy):
    m, _ = edit(old, "C = 58", data=policy)
    assert m.C == 58


REGISTRY = """
class Base:
    registry = []
    def __init_subclass__(cls): cls.registry.append(cls)
"""


def test_what_a_failing_update_registered_is_taken_back(live):
    m = live.module("m", REGISTRY)
    live.edit("m", REGISTRY + "class P(Base): pass\nimport no_such_module_at_all\n")
    with pytest.raises(resoul.PrepareError):
        resoul.reload("m", execute="changed")
    assert m.Base.registry == []


ABSTRACT = """
import abc
class A(abc.ABC):
    @abc.abstractmethod
    def one(self): pass
{}
class B(A):
    def one(self): return 1
"""
ONE_MORE = "    @abc.abstractmethod\n    def two(self): pass\n"


def test_abstract_methods_come_and_go(edit):
    m, _ = edit(ABSTRACT.format(""), ABSTRACT.format(ONE_MORE))
    assert m.A.__abstractmethods__ == {"one", "two"}
    assert m.B.__abstractmethods__ == {"two"}
    edit.again(ABSTRACT.format(""))
    assert m.A.__abstractmethods__ == {"one"}
    assert m.B().one() == 1


def test_a_protocol_knows_its_members(edit):
    text = "import typing\nclass P(typing.Protocol):\n    def a(self) -> int: ...\n"
    m, _ = edit(text + "    def b(self) -> int: ...\n", text)
    assert m.P.__protocol_attrs__ == {"a"}
    edit.again(text + "    def c(self) -> int: ...\n")
    assert m.P.__protocol_attrs__ == {"a", "c"}


def test_a_default_of_a_named_tuple(edit):
    text = "import typing\nclass N(typing.NamedTuple):\n    a: int = {}\n"
    m, _ = edit(text.format(1), text.format(2))
    assert m.N() == (2,)


def test_members_of_an_enum_in_another_order(edit):
    text = "import enum\nclass E(enum.Enum):\n    {}\n    {}\n"
    m, _ = edit(text.format("A = 1", "B = 2"), text.format("B = 2", "A = 1"))
    assert [one.name for one in m.E] == ["B", "A"]


@pytest.mark.parametrize(
    ("new", "name"),
    [
        ("described = Named()", "described"),
        ("@functools.cached_property\n    def found(self): return 1", "found"),
    ],
)
def test_new_descriptors_learn_their_names(edit, new, name):
    text = "import functools\nclass Named:\n    def __set_name__(self, owner, name): self.name = name, owner\nclass C:\n    a = 1\n"
    m, _ = edit(text, text + "    " + new)
    made = vars(m.C)[name]
    assert getattr(made, "attrname", None) == name or made.name == (name, m.C)


CACHED = """
import functools
@functools.lru_cache
def f{}(x):{}
    return {}
class C:
    @property
    def p(self):{}
        return 1
"""


def test_what_a_decorator_copied_follows(edit):
    m, _ = edit(
        CACHED.format("", "", 1, ""),
        CACHED.format("[T]", '\n    "said"', 1, '\n        "told"'),
    )
    assert m.f.__doc__ == "said"
    assert [str(one) for one in m.f.__type_params__] == ["T"]
    assert m.C.p.__doc__ == "told"
    edit.again(CACHED.format("", "", 1, ""))
    assert (m.f.__doc__, m.f.__type_params__, m.C.p.__doc__) == (None, (), None)


def test_a_cache_around_new_code_is_emptied(live):
    m = live.module("m", CACHED.format("", "", 1, ""))
    assert m.f(0) == 1
    live.edit("m", CACHED.format("", "", 2, ""))
    resoul.reload("m", execute="changed")
    assert m.f(0) == 2


def test_the_last_annotation_goes(edit):
    text = "x{0} = 1\nclass C:\n    y{0} = 1\n"
    m, _ = edit(text.format(": int"), text.format(""))
    assert inspect.get_annotations(m) == inspect.get_annotations(m.C) == {}
    edit.again(text.format(": str"))
    assert inspect.get_annotations(m) == {"x": str}
    assert inspect.get_annotations(m.C) == {"y": str}


def test_a_docstring_goes(edit):
    m, _ = edit(
        'import enum\nclass E(enum.Enum):\n    "said"\n    A = 1\n',
        "import enum\nclass E(enum.Enum):\n    A = 1\n",
    )
    assert m.E.__doc__ is None


def test_an_attribute_that_is_gone_is_told_of(edit):
    _, update = edit("class C:\n    a = 1\n    b = 2\n", "class C:\n    a = 1\n")
    assert [(c.qualname, c.action) for c in update.changes] == [("C.b", "stays")]


ACCESSORS = """
class C:
    @property
    def p(self): return 1
"""


def test_an_accessor_goes(edit):
    setter = "    @p.setter\n    def p(self, value): pass\n"
    m, _ = edit(ACCESSORS + setter, ACCESSORS)
    assert m.C.p.fset is None


@pytest.mark.skipif(sys.version_info < (3, 13), reason="__firstlineno__ came with 3.13")
def test_lines_of_classes_that_move(edit):
    text = "def deco(c): return c\n{0}@deco\nclass C[T]:\n    _reload_data = set()\n    class I:\n        x = 1\n    def m(self):\n        {1}\n"
    m, _ = edit(text.format("", "pass"), text.format("\n\n", "pass"))
    lines = m.C.__firstlineno__, m.C.I.__firstlineno__, m.C.m.__code__.co_firstlineno
    assert lines == (4, 7, 9)
    edit.again(text.format("", "return 1"))
    lines = m.C.__firstlineno__, m.C.I.__firstlineno__, m.C.m.__code__.co_firstlineno
    assert lines == (2, 5, 7)


def test_code_is_what_an_import_would_make(edit):
    text = "import math\ndef f(x):\n    return math.floor(x), {}\n"
    m, _ = edit(text.format(1), text.format(2))
    fresh = {}
    exec(compile(text.format(2), m.__file__, "exec"), fresh)
    assert m.f.__code__ == fresh["f"].__code__


@pytest.mark.skipif(sys.version_info < (3, 13), reason="__firstlineno__ came with 3.13")
def test_lines_of_classes_that_functions_make(edit):
    text = "{0}def f():\n    class L: pass\n    return L\nclass C:\n    def m(self):\n        class L: pass\n        return L\n"
    m, update = edit(text.format(""), text.format("# moved\n# moved\n"))
    assert (m.f().__firstlineno__, m.C().m().__firstlineno__) == (4, 8)
    assert not update
    assert {c.action for c in update.changes} == {"moved"}


@pytest.mark.parametrize("value", ["[{}]", "{{1: {}}}"])
def test_containers_of_classes_that_take_values_keep_their_identity(edit, value):
    text = f"class C:\n    a = {value}\n"
    m, held = None, []
    m, _ = edit(text.format(1), text.format(1) + "    held = a\n")
    held = m.C.a
    edit.again(text.format(2) + "    held = a\n")
    assert m.C.a is held
    assert held == eval(value.format(2))


def test_a_method_becomes_a_static_one(live):
    m = live.module("m", "class C:\n    def m(self): return 1\n")
    held = m.C.m
    live.edit("m", "class C:\n    @staticmethod\n    def m(self): return 2\n")
    resoul.reload("m", execute="changed")
    assert held is m.C.m
    assert held(None) == 2


def test_a_dataclass_loses_a_method_that_the_decorator_looks_at(edit):
    text = "import dataclasses\n@dataclasses.dataclass\nclass C:\n    a: int = 1\n{}"
    post = "    def __post_init__(self): self.a = 2\n"
    m, _ = edit(text.format(post), text.format(""))
    assert m.C().a == 1
    edit.again(text.format(post))
    assert m.C().a == 2


def test_unchanged_names_of_another_updated_module_can_be_imported(live):
    first = live.module("m1", "def f(): return 1\ndef g(): return 1\n")
    second = live.module("m2", "x = 1\n")
    live.edit("m1", "def f(): return 2\ndef g(): return 1\n")
    live.edit("m2", "x = 1\nfrom m1 import g, f\n")
    resoul.reload(["m1", "m2"], execute="changed")
    assert (second.g, second.f) == (first.g, first.f)
    assert (second.g(), second.f()) == (1, 2)


def test_what_a_failing_update_dispatched_is_taken_back(live):
    m = live.module("m", DISPATCH)
    more = "@show.register\ndef _(x: int): return 1\nimport no_such_module_at_all\n"
    live.edit("m", DISPATCH + more)
    with pytest.raises(resoul.PrepareError):
        resoul.reload("m", execute="changed")
    assert m.show(1) == "any"


@pytest.mark.refuses("RSL611")
@pytest.mark.parametrize(
    "block",
    [
        "if A:\n    LOG.append(A)",
        "if A:\n    b = LOG.append(A)",
        "for i in range(A):\n    LOG.append(i)",
        "try:\n    import no_such_module_at_all\nexcept ImportError:\n    b = LOG.append(A)",
    ],
)
def test_a_block_that_did_not_change_does_not_run_again(live, block, monkeypatch):
    log = []
    monkeypatch.setattr("builtins.LOG", log, raising=False)
    m = live.module("m", f"A = 1\n{block}\n")
    log.clear()
    live.edit("m", f"A = 2\n{block}\n")
    update = resoul.reload("m", execute="changed")
    assert (m.A, log) == (2, [])
    assert [one.code for one in update.warnings] == ["RSL611"]


@pytest.mark.parametrize(
    ("text", "take"),
    [
        ("class C:\n    # {}\n    x = [1]\n", ["m.C.x"]),
        ("class C:\n    # {}\n    _reload_data = 'x'\n    x = [1]\n", []),
        ("class C: pass\nC.x = None\nx = [1]  # {}\nC.x = x\n", ["m.x"]),
    ],
)
def test_what_is_named_is_taken_where_only_a_comment_changed(live, text, take):
    m = live.module("m", text.format(1))
    m.C.x.append(2)
    live.edit("m", text.format(2))
    resoul.reload("m", execute="changed", take=take)
    assert m.C.x == [1]


def test_what_a_decorator_copied_from_a_cache_follows(edit):
    text = "import functools\ndef deco(f):\n    @functools.wraps(f)\n    def w(): return f()\n    return w\n@deco\n@functools.lru_cache\ndef f(){}: pass\n"
    m, _ = edit(text.format(""), text.format(""))
    assert m.f.__annotations__ == {}  # somebody asks, so that it is remembered
    edit.again(text.format(" -> int"))
    assert m.f.__annotations__ == {"return": int}
    if sys.version_info < (3, 14):  # later they are made when somebody asks
        assert vars(m.f)["__annotations__"] == {"return": int}
