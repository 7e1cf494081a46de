"""Functions keep their identity and get all of their donor."""

import builtins
import functools
import inspect
import threading
import types
import warnings
import weakref
from itertools import starmap

import pytest
from livefolder import actions, text


class Attribute:
    pass


def as_attribute(function):
    holder = Attribute()
    holder.call = function
    return lambda: holder.call()


def as_default(function):
    def call(held=function):
        return held()

    return call


def as_bound_method(function):
    return types.MethodType(lambda held: held(), function)


def as_thread_target(function):
    results = []
    thread = threading.Thread(
        target=lambda held: results.append(held()), args=[function]
    )

    def call():
        thread.start()
        thread.join()
        return results[0]

    return call


def as_weakref(function):
    reference = weakref.ref(function)
    return lambda: reference()()


def as_started_generator(function):
    def body(held):
        yield
        yield held()

    generator = body(function)
    next(generator)
    return lambda: next(generator)


HOLDERS = {
    "name": lambda f: f,
    "list": lambda f: (lambda held: lambda: held[0]())([f]),
    "dict value": lambda f: (lambda held: lambda: held["f"]())({"f": f}),
    "dict key": lambda f: (lambda held: lambda: next(iter(held))())({f: 1}),
    "set": lambda f: (lambda held: lambda: next(iter(held))())({f}),
    "tuple": lambda f: (lambda held: lambda: held[0]())((f,)),
    "attribute": as_attribute,
    "partial": functools.partial,
    "default argument": as_default,
    "closure": lambda f: lambda: f(),
    "bound method": as_bound_method,
    "thread target": as_thread_target,
    "weakref": as_weakref,
    "frame of a suspended generator": as_started_generator,
    "starmap": lambda f: (lambda held: lambda: next(held))(starmap(f, [()])),
    "iter with sentinel": lambda f: (lambda held: lambda: next(held))(iter(f, 0)),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_every_holder_runs_the_new_code(live, holder):
    m = live.module("m", "def f(): return 'old'\n")
    call = HOLDERS[holder](m.f)
    live.update("m", "def f(): return 'new'\n")
    assert call() == "new"


def test_identity_is_kept_and_the_update_says_so(live):
    m = live.module("m", "def f(): return 'old'\n")
    f = m.f
    update = live.update("m", "# moved\n\ndef f(): return 'new'\n")
    assert m.f is f
    assert f() == "new"
    assert update
    (change,) = update.changes
    assert (change.module, change.qualname) == ("m", "f")
    assert (change.kind, change.action) == ("function", "updated")
    assert (change.filename, change.lineno) == (m.__file__, 3)


def test_importer_by_name_runs_the_new_code(live):
    live.module("m", "def f(): return 'old'\n")
    user = live.module("user", "from m import f\ndef use(): return f()\n")
    live.update("m", "def f(): return 'new'\n")
    assert user.use() == "new"


def test_everything_a_function_is_made_of(live):
    m = live.module(
        "m",
        """
        def f[T](a: int, b=1, *, c: str = "x") -> float:
            "Old doc."
            return "old", a, b, c
        """,
    )
    f = m.f
    live.update(
        "m",
        """
        class New: pass

        def f[A, B](a: New, /, b: bytes = b"2", d=3, *rest, e=5, **more) -> New:
            "New doc."
            return "new", a, b, d, rest, e, more
        """,
    )
    assert f is m.f
    assert f(1, 2, 3, 4, x=6) == ("new", 1, 2, 3, (4,), 5, {"x": 6})
    assert f(1, a=0) == ("new", 1, b"2", 3, (), 5, {"a": 0})
    assert f.__defaults__ == (b"2", 3)
    assert f.__kwdefaults__ == {"e": 5}
    assert f.__doc__ == "New doc."
    assert f.__annotations__ == {"a": m.New, "b": bytes, "return": m.New}
    assert [p.__name__ for p in f.__type_params__] == ["A", "B"]
    assert (f.__name__, f.__qualname__, f.__module__) == ("f", "f", "m")
    assert f.__globals__ is vars(m)
    assert f.__code__.co_filename == m.__file__
    assert f.__code__.co_firstlineno == 3
    assert str(inspect.signature(f)).startswith("(a: m.New, /, b: bytes = b'2', d=3")


def test_defaults_and_annotations_can_go(live):
    m = live.module("m", "def f(a: int = 1, *, b: int = 2) -> int:\n    'doc'\n")
    live.update("m", "def f(a, *, b): return a, b\n")
    assert m.f.__defaults__ is None
    assert m.f.__kwdefaults__ is None
    assert m.f.__doc__ is None
    assert m.f.__annotations__ == {}
    with pytest.raises(TypeError):
        m.f()


def test_only_a_default_changes(live):
    m = live.module("m", "def f(a=1): return a\n")
    update = live.update("m", "def f(a=2): return a\n")
    assert update
    assert m.f() == 2


def test_only_a_docstring_changes(live):
    m = live.module("m", "def f():\n    'Old.'\n")
    update = live.update("m", "def f():\n    'New.'\n")
    assert update
    assert m.f.__doc__ == "New."


def test_only_an_annotation_changes(live):
    m = live.module("m", "def f(a: int): pass\n")
    live.update("m", "def f(a: str): pass\n")
    assert m.f.__annotations__ == {"a": str}


def test_annotations_that_were_read_before_follow(live):
    m = live.module("m", "def f(a: int): pass\n")
    assert m.f.__annotations__ == {"a": int}
    live.update("m", "class New: pass\ndef f(a: New): pass\n")
    assert m.f.__annotations__ == {"a": m.New}


def test_string_annotations_follow(live):
    head = "from __future__ import annotations\n"
    m = live.module("m", head + "def f(a: Old): pass\n")
    live.update("m", head + "def f(a: New): pass\n")
    assert m.f.__annotations__ == {"a": "New"}


def test_attributes_set_at_run_time_stay_and_those_of_the_source_win(live):
    m = live.module("m", "def f(): pass\nf.tag = 'old'\n")
    m.f.calls = 10
    m.f.tag = "changed by the program"
    live.update("m", "def f(): return 1\nf.tag = 'new'\nf.added = 'new'\n")
    assert m.f() == 1
    assert m.f.calls == 10
    assert m.f.tag == "new"
    assert m.f.added == "new"


def test_other_free_variables_are_mapped_by_name(live):
    m = live.module(
        "m",
        """
        def make():
            a = "a"
            def f(): return a
            return f
        f = make()
        """,
    )
    f = m.f
    live.update(
        "m",
        """
        def make():
            aa, b, z = "aa", "b", "z"
            def f(): return z, b, aa
            return f
        f = make()
        """,
    )
    assert f is m.f
    assert f() == ("z", "b", "aa")


def test_closure_can_appear_and_vanish(live):
    plain = "def f(): return 'plain'\n"
    closed = """
        def make(x):
            def f(): return x
            return f
        f = make("closed")
        """
    m = live.module("m", closed)
    f = m.f
    live.update("m", closed.replace("closed", "changed"))
    assert f() == "changed"
    live.update("m", closed.replace("return x", "return 'no free variable'"))
    assert f() == "no free variable"
    live.update("m", closed)
    assert f() == "closed"
    assert f is m.f
    live.update("m", plain)
    assert m.f() == "plain"


KINDS = {
    "plain": ("def f(): return {0!r}", lambda f: f()),
    "generator": ("def f(): yield {0!r}", lambda f: next(f())),
    "coroutine": ("async def f(): return {0!r}", lambda f: run(f())),
    "async generator": ("async def f(): yield {0!r}", lambda f: run(anext(f()))),
}


def run(awaitable):
    try:
        awaitable.__await__().send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("not finished")


@pytest.mark.parametrize("new", KINDS)
@pytest.mark.parametrize("old", KINDS)
def test_the_kind_of_a_function_changes(live, old, new):
    m = live.module("m", KINDS[old][0].format("old"))
    f = m.f
    assert KINDS[old][1](f) == "old"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        live.update("m", KINDS[new][0].format("new"))
    assert f is m.f
    assert KINDS[new][1](f) == "new"
    assert inspect.isgeneratorfunction(f) == (new == "generator")
    assert inspect.iscoroutinefunction(f) == (new == "coroutine")
    assert inspect.isasyncgenfunction(f) == (new == "async generator")


def test_lambda_with_a_name(live):
    m = live.module("m", "key = lambda x: ('old', x)\n")
    held = [m.key]
    live.update("m", "key = lambda x, y=2: ('new', x, y)\n")
    assert m.key is held[0]
    assert held[0](1) == ("new", 1, 2)


def test_new_functions_live_in_the_module(live):
    m = live.module("m", "X = 1\ndef f(): return 'old'\n")
    update = live.update("m", "X = 1\ndef f(): return g()\ndef g(): return X\n")
    assert actions(update, "g") == {"added"}
    assert m.g.__globals__ is vars(m)
    m.X = 2
    assert m.f() == 2


def test_functions_see_what_is_added_to_builtins_later(live):
    m = live.module("m", "def f(): return None\n")
    live.update("m", "def f(): return spam\ndef g(): return spam\n")
    builtins.spam = "spam"
    try:
        assert (m.f(), m.g()) == ("spam", "spam")
    finally:
        del builtins.spam
    assert m.f.__builtins__ is vars(builtins)


def test_function_made_by_exec_in_a_copy_of_the_namespace(live):
    m = live.module("m", "X = 1\n")
    live.update(
        "m", "X = 1\nns = dict(globals())\nexec('def f(): return X', ns)\nf = ns['f']\n"
    )
    assert m.f() == 1
    assert m.f.__builtins__ is vars(builtins)


def test_removed_functions_stay_and_are_reported(live):
    m = live.module("m", "def f(): return 'f'\ndef g(): return 'g'\n")
    update = live.update("m", "def f(): return 'f'\n")
    assert m.g() == "g"
    assert actions(update, "g") == {"stays"}
    assert not update


def test_removed_functions_go_with_del_func(live):
    m = live.module("m", "X = 1\ndef f(): return 'f'\ndef g(): return 'g'\n")
    update = live.update("m", "_del_func = True\ndef f(): return 'f'\n")
    assert not hasattr(m, "g")
    assert m.f() == "f"
    assert m.X == 1, "_del_func speaks of functions only"
    assert actions(update, "g") == {"deleted"}
    assert update


def test_an_update_of_the_same_source_changes_nothing(live):
    source = """
        import functools
        MISSING = object()
        LIMIT = 10

        def f(x=1, *, y="y"):
            "doc"
            return lambda: (x, y, LIMIT)

        @functools.lru_cache
        def g(): return MISSING

        class K:
            speed = 1
            def m(self): return super().__repr__()
            @property
            def p(self): return 1
        """
    m = live.module("m", source)
    before = dict(vars(m))
    m.g()
    update = live.reload("m")
    assert not update
    assert [c for c in update.changes if c.action not in ("kept", "stays")] == []
    assert update.warnings == []
    assert {k: v for k, v in vars(m).items() if v is not before[k]} == {}
    assert m.g.cache_info().currsize == 1, "nothing changed, so the cache stays"


def test_functions_that_only_moved(live):
    source = """
        import functools
        def f(): raise ValueError

        @functools.lru_cache
        def cached(): return object()

        def suspended():
            yield
            yield
        """
    m = live.module("m", source)
    generator = m.suspended()
    next(generator)
    value = m.cached()
    update = live.update("m", "# a\n# comment\n" + text(source))
    assert not update
    assert actions(update, "f") == {"moved"}
    assert m.f.__code__.co_firstlineno == 4
    assert m.cached() is value
    assert update.lagging == []


@pytest.mark.parametrize("line", [3, 254, 300], ids=["few", "across 256", "many"])
@pytest.mark.parametrize("head", ["def make(x=1):", "def make[T](x=1):"])
def test_functions_with_a_class_in_them_that_only_moved(live, line, head):
    # 3.13+ has the class body store its line, 3.14+ below 256 in an instruction
    source = f"""
        {head}
            class Local:
                a, b = 260, (1, 2)
                def run(self): return "run"
                class Inner:
                    c = "c"
            return Local
        """
    m = live.module("m", "#\n" * line + text(source))
    update = live.update("m", "#\n" * (line + 4) + text(source))
    assert not update
    assert actions(update, "make") == {"moved"}
    assert m.make.__code__.co_firstlineno == line + 5
    assert getattr(m.make(), "__firstlineno__", line + 6) == line + 6


@pytest.mark.parametrize(
    "old, new",
    [("a = 7", "a = 8"), ("a = 260", "a = 261"), ("a = 'make'", "a = 300")],
)
@pytest.mark.parametrize("before, after", [(3, 4), (254, 300), (300, 254)])
def test_functions_with_a_class_in_them_that_changed(live, old, new, before, after):
    source = """
        def make():
            class Local:
                def run(self): return "run"
                STATEMENT
            return Local
        """
    first, second = (text(source).replace("STATEMENT", one) for one in (old, new))
    m = live.module("m", "#\n" * before + first)
    update = live.update("m", "#\n" * after + second)
    assert actions(update, "make") == {"updated"}
    assert m.make().a == eval(new.partition(" = ")[2])


def test_a_function_with_the_globals_of_its_new_source(live):
    m = live.module("m", "def f(): return 'old'\n")
    live.update("m", "import json\nPREFIX = 'x'\ndef f(): return json.dumps(PREFIX)\n")
    assert m.f() == '"x"'


def test_recursive_and_mutually_recursive_functions(live):
    source = """
        def even(n): return n == 0 or odd(n - 1)
        def odd(n): return n != 0 and even(n - 1)
        """
    m = live.module("m", source)
    even = m.even
    live.update("m", source.replace("n == 0 or", "n == 0 and 'new' or"))
    assert even(10) == "new"
    assert m.odd(11) == "new"


def test_many_functions_share_one_code_object(live):
    source = """
        def make(n):
            def f(): return "old", n
            return f
        FIRST = make(1)
        SECOND = make(2)
        """
    m = live.module("m", source)
    first, second = m.FIRST, m.SECOND
    live.update("m", source.replace("old", "new"))
    assert (first(), second()) == (("new", 1), ("new", 2))
    assert (first, second) == (m.FIRST, m.SECOND)


def test_hot_call_sites_follow_every_change_of_arity(live):
    sources = [
        "def f(x): return 'a', x\n",
        "def f(x, *rest): return 'b', x, rest\n",
        "def f(x, *, k='k'): return 'c', x, k\n",
        "def f(x, y=2, **more): return 'd', x, y, more\n",
        "def f(*all): return 'e', all\n",
    ]
    results = [
        ("a", 1),
        ("b", 1, ()),
        ("c", 1, "k"),
        ("d", 1, 2, {}),
        ("e", (1,)),
    ]
    m = live.module("m", sources[0])

    def hot():
        return [m.f(1) for _ in range(300)]

    for _ in range(3):
        for source, result in zip(sources, results, strict=True):
            live.update("m", source)
            assert hot() == [result] * 300


def test_a_function_that_is_running_finishes_on_old_code(live):
    m = live.module("m", "def f(act):\n    act()\n    return 'old', f.__name__\n")
    result = m.f(lambda: live.update("m", "def f(act): return 'new'\n"))
    assert result == ("old", "f")
    assert m.f(None) == "new"


def test_dunder_all_and_module_doc_follow(live):
    m = live.module("m", '"Old."\n__all__ = ["f"]\ndef f(): pass\n')
    live.update("m", '"New."\n__all__ = ["f", "g"]\ndef f(): pass\ndef g(): pass\n')
    assert m.__doc__ == "New."
    assert m.__all__ == ["f", "g"]


def test_module_annotations_follow(live):
    m = live.module("m", "X: int = 1\n")
    assert m.__annotations__ == {"X": int}
    live.update("m", "X: float = 1\nY: str\n")
    assert m.__annotations__ == {"X": float, "Y": str}


def test_type_alias_statement_follows_the_class(live):
    source = "class K:\n    def m(self): return 'old'\ntype Alias = list[K]\n"
    m = live.module("m", source)
    live.update("m", source.replace("old", "new"))
    assert m.Alias.__value__ == list[m.K]
