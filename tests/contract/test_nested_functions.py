"""Whoever runs code of the old source gets the corresponding code of the new source."""

import pytest
from livefolder import warned

import resoul


def test_closures_made_by_a_factory(live):
    source = """
        def make(n):
            def inner(): return "old", n
            return inner
        """
    m = live.module("m", source)
    held = [m.make(n) for n in range(3)]
    live.update("m", source.replace("old", "new"))
    assert [f() for f in held] == [("new", 0), ("new", 1), ("new", 2)]
    assert m.make(3)() == ("new", 3)


def test_closures_keep_the_state_that_they_share(live):
    source = """
        def counter():
            n = 0
            def up():
                nonlocal n
                n += 1
            def get(): return "old", n
            return up, get
        """
    m = live.module("m", source)
    up, get = m.counter()
    up()
    live.update("m", source.replace("n += 1", "n += 10").replace("old", "new"))
    up()
    assert get() == ("new", 11)


def test_free_variables_are_mapped_by_name(live):
    m = live.module(
        "m",
        """
        def make():
            a, b, c = "a", "b", "c"
            def inner(): return a, b, c
            return inner
        """,
    )
    held = m.make()
    live.update(
        "m",
        """
        def make():
            c, a = "c", "a"
            def inner(): return c, a
            return inner
        """,
    )
    assert held() == ("c", "a")


def test_new_code_needs_no_free_variable_any_more(live):
    m = live.module("m", "def make(a):\n    def f(): return a\n    return f\n")
    held = m.make(1)
    live.update("m", "def make(a):\n    def f(): return 'none'\n    return f\n")
    assert held() == "none"


def test_new_code_may_use_new_globals(live):
    m = live.module("m", "def make(a):\n    def f(): return a\n    return f\n")
    held = m.make(1)
    live.update(
        "m",
        """
        def double(x): return 2 * x
        def make(a):
            def f(): return double(a)
            return f
        """,
    )
    assert held() == 2


def test_closure_that_would_need_a_variable_it_never_had_stays(live):
    m = live.module(
        "m",
        """
        def make(a):
            def inner(): return "old", a
            return inner
        """,
    )
    held = m.make(1)
    update = live.update(
        "m",
        """
        def make(a, b=2):
            def inner(): return "new", a, b
            return inner
        """,
    )
    assert held() == ("old", 1)
    assert m.make(1)() == ("new", 1, 2)
    assert warned(update, "make.<locals>.inner")


def test_plain_nested_function_that_would_need_a_closure_stays(live):
    m = live.module("m", "def make(a):\n    def f(): return 'old'\n    return f\n")
    held = m.make(1)
    update = live.update("m", "def make(a):\n    def f(): return a\n    return f\n")
    assert held() == "old"
    assert m.make(1)() == 1
    assert warned(update, "make.<locals>.f")


@pytest.mark.parametrize(
    "parameters", ["x, y", "", "y", "x, *, k", "*x", "x=1", "x, k=1"]
)
def test_nested_function_with_other_parameters_stays(live, parameters):
    source = """
        def make():
            def inner(x): return "old", x
            return inner
        """
    m = live.module("m", source)
    held = m.make()
    changed = source.replace("inner(x)", f"inner({parameters})").replace(
        '"old", x', '"new"'
    )
    update = live.update("m", changed)
    assert held(1) == ("old", 1)
    assert warned(update, "make.<locals>.inner")


def test_nested_function_keeps_its_default(live):
    source = """
        def make(n):
            def inner(x=n): return "old", x
            return inner
        """
    m = live.module("m", source)
    held = m.make(7)
    live.update("m", source.replace("old", "new"))
    assert held() == ("new", 7)


def test_name_and_doc_of_a_nested_function_follow(live):
    source = """
        def make():
            def inner():
                "Old."
            return inner
        """
    m = live.module("m", source)
    held = m.make()
    live.update("m", source.replace("Old", "New"))
    assert held.__doc__ == "New."


def test_inner_function_of_a_decorator_that_other_modules_use(live):
    source = """
        import functools
        def traced(fn):
            @functools.wraps(fn)
            def wrapper(*args): return "old", fn(*args)
            return wrapper
        """
    live.module("deco", source)
    user = live.module("user", "import deco\n@deco.traced\ndef f(x): return x\n")
    live.update("deco", source.replace("old", "new"))
    assert user.f(1) == ("new", 1)
    assert user.f.__name__ == "f", "wraps has named it; that stays"


def test_inner_function_of_a_decorator_without_wraps(live):
    source = """
        def traced(fn):
            def wrapper(*args): return "old", fn(*args)
            return wrapper
        """
    live.module("deco", source)
    user = live.module("user", "import deco\n@deco.traced\ndef f(x): return x\n")
    live.update("deco", source.replace("old", "new"))
    assert user.f(1) == ("new", 1)


def test_two_levels(live):
    source = """
        def outer(a):
            def middle(b):
                def inner(c): return "old", a, b, c
                return inner
            return middle
        """
    m = live.module("m", source)
    middle = m.outer(1)
    inner = middle(2)
    live.update("m", source.replace("old", "new"))
    assert inner(3) == ("new", 1, 2, 3)
    assert middle(4)(5) == ("new", 1, 4, 5)


def test_function_made_by_a_method(live):
    source = """
        class K:
            def __init__(self): self.x = 1
            def make(self):
                def inner(): return "old", self.x
                return inner
        """
    m = live.module("m", source)
    held = m.K().make()
    live.update("m", source.replace("old", "new"))
    assert held() == ("new", 1)


def test_methods_of_a_class_made_in_a_function(live):
    source = """
        def make(n):
            class Local:
                def m(self): return "old", n
                @property
                def p(self): return "old", n
                def chained(self): return super().__init__, "old"
            return Local
        """
    m = live.module("m", source)
    local = m.make(1)
    instance = local()
    live.update("m", source.replace('"old"', '"new"'))
    assert instance.m() == ("new", 1)
    assert instance.p == ("new", 1)
    assert instance.chained()[1] == "new"
    assert m.make(2)().m() == ("new", 2)


def test_lambdas_in_containers(live):
    source = """
        HANDLERS = [lambda: "a old", lambda x: ("b", x)]
        TABLE = {"k": lambda x, y: ("c old", x, y)}
        """
    m = live.module("m", source)
    a, b, c = *m.HANDLERS, m.TABLE["k"]
    live.update("m", source.replace("old", "new"))
    assert (a(), b(1), c(1, 2)) == ("a new", ("b", 1), ("c new", 1, 2))
    assert (m.HANDLERS[0], m.TABLE["k"]) == (a, c)


def test_lambdas_are_matched_by_their_unchanged_neighbours(live):
    source = """
        def make(): return [lambda: 1, lambda: 2, lambda: 3]
        """
    m = live.module("m", source)
    held = m.make()
    live.update("m", source.replace("2", "'two'"))
    assert [f() for f in held] == [1, "two", 3]


def test_lambdas_that_only_moved_are_not_confused(live):
    m = live.module("m", "def make(): return [lambda: 'a', lambda: 'b', lambda: 'c']\n")
    held = m.make()
    live.update("m", "def make(): return [lambda: 'b', lambda: 'c', lambda: 'a']\n")
    assert [f() for f in held] == ["a", "b", "c"]


def test_ambiguous_lambdas_are_never_guessed(live):
    m = live.module("m", "def make(): return [lambda: 'a', lambda: 'b']\n")
    held = m.make()
    update = live.update("m", "def make(): return [lambda: 'c']\n")
    assert [f() for f in held] == ["a", "b"]
    assert warned(update, "make.<locals>.<lambda>")
    assert m.make()[0]() == "c"


def test_nested_function_that_is_gone_stays_and_is_reported(live):
    m = live.module(
        "m",
        """
        def make():
            def inner(): return "old"
            return inner
        """,
    )
    held = m.make()
    update = live.update("m", "def make(): return None\n")
    assert held() == "old"
    assert warned(update, "make.<locals>.inner")


def test_async_inner_function(live):
    source = """
        def make(a):
            async def inner(): return "old", a
            return inner
        """
    m = live.module("m", source)
    held = m.make(1)
    live.update("m", source.replace("old", "new"))
    with pytest.raises(StopIteration) as stop:
        held().send(None)
    assert stop.value.value == ("new", 1)


def test_function_attributes_of_closures_stay(live):
    source = "def make():\n    def f(): return 'old'\n    f.made = []\n    return f\n"
    m = live.module("m", source)
    held = m.make()
    held.made.append(1)
    live.update("m", source.replace("old", "new"))
    assert held() == "new"
    assert held.made == [1]


def test_second_and_third_update_reach_the_same_closures(live):
    source = "def make(n):\n    def f(): return 'v0', n\n    return f\n"
    m = live.module("m", source)
    held = [m.make(0)]
    for version in range(1, 6):
        live.update("m", source.replace("v0", f"v{version}"))
        held.append(m.make(version))
        assert [f() for f in held] == [(f"v{version}", n) for n in range(version + 1)]


def test_closure_of_a_function_that_left_the_module(live):
    m = live.module("m", "def make(n):\n    def f(): return 'old', n\n    return f\n")
    held = m.make(1)
    live.update("m", "_del_func = True\n")
    assert held() == ("old", 1)


def test_hot_call_sites_of_closures(live):
    source = """
        def make(a, b):
            def inner(x): return "old", a, x
            return inner
        """
    m = live.module("m", source)
    held = m.make(1, 2)

    def hot():
        return {held(0) for _ in range(300)}

    assert hot() == {("old", 1, 0)}
    live.update("m", source.replace('"old", a, x', '"new", x, a'))
    assert hot() == {("new", 0, 1)}


@pytest.mark.parametrize("execute", ["changed", "all"])
def test_captured_variables_that_are_new_are_reported(live, execute):
    source = """
        def make(k):
            n = 0
            def count():
                nonlocal n
                n += k
                return n
            return count
        tick = make(1)
        """
    m = live.module("m", source)
    held = m.tick
    assert [held(), held()] == [1, 2]
    live.edit("m", source.replace("make(1)", "make(10)"))
    update = resoul.reload(m, execute=execute)
    assert [(c.qualname, c.action, c.reason) for c in update.changes] == [
        ("tick", "updated", "captured variables")
    ]
    assert update and held is m.tick and held() == 10
    if execute == "all":  # and where only state is lost
        assert resoul.reload(m, execute=execute).changes
    assert not resoul.reload(m, execute=execute)
