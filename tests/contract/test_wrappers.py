"""Holders follow through everything that wraps a function."""

import asyncio
import contextlib

import pytest
from livefolder import no_donors_left, text

LIB = """\
import functools
REGISTRY = {}

def wrapped(fn):
    @functools.wraps(fn)
    def wrapper(*args): return "lib", fn(*args)
    return wrapper

def bare(fn):
    def wrapper(*args): return "lib", fn(*args)
    return wrapper

def parametrised(tag):
    def decorate(fn):
        @functools.wraps(fn)
        def wrapper(*args): return tag, fn(*args)
        return wrapper
    return decorate

class Callable:
    def __init__(self, fn): self.fn = fn
    def __call__(self, *args): return "lib", self.fn(*args)
"""


@pytest.mark.parametrize("decorator", ["wrapped", "bare", "Callable"])
def test_decorators_of_another_module(live, decorator):
    live.module("lib", LIB)
    source = f"""
        import lib
        @lib.{decorator}
        def f(x): return "old", x
        """
    m = live.module("m", source)
    held = m.f
    live.update("m", source.replace("old", "new"))
    assert held(1) == ("lib", ("new", 1))
    assert m.f(1) == ("lib", ("new", 1))
    assert m.f is held


def test_chain_of_decorators(live):
    live.module("lib", LIB)
    source = """
        import lib
        @lib.parametrised("a")
        @lib.wrapped
        @lib.parametrised("b")
        def f(x): return "old", x
        """
    m = live.module("m", source)
    held, inner = m.f, m.f.__wrapped__.__wrapped__.__wrapped__
    with no_donors_left("m"):
        live.update("m", source.replace("old", "new").replace('"a"', '"A"'))
    assert held(1) == ("A", ("lib", ("b", ("new", 1))))
    assert m.f is held
    assert inner(1) == ("new", 1)


def test_decorator_of_the_same_module_changes_with_the_function(live):
    source = """
        import functools
        def deco(fn):
            @functools.wraps(fn)
            def wrapper(*args): return "wrapper old", fn(*args)
            return wrapper
        @deco
        def f(x): return "old", x
        """
    m = live.module("m", source)
    held = m.f
    live.update("m", source.replace("old", "new"))
    assert held(1) == ("wrapper new", ("new", 1))
    assert held is m.f


def test_decorator_added_removed_and_changed(live):
    live.module("lib", LIB)
    plain = "import lib\ndef f(x): return 'plain', x\n"
    decorated = "import lib\n@lib.wrapped\ndef f(x): return 'decorated', x\n"
    other = "import lib\n@lib.parametrised('other')\ndef f(x): return 'decorated', x\n"
    m = live.module("m", plain)
    held = m.f
    for source, result in [
        (decorated, ("lib", ("decorated", 1))),
        (other, ("other", ("decorated", 1))),
        (plain, ("plain", 1)),
        (decorated, ("lib", ("decorated", 1))),
    ]:
        live.update("m", source)
        assert held is m.f
        assert held(1) == result
    assert held.__wrapped__(1) == ("decorated", 1)
    assert held.__wrapped__ is not held


def test_removing_a_decorator_removes_wrapped(live):
    live.module("lib", LIB)
    m = live.module("m", "import lib\n@lib.wrapped\ndef f(x): return x\n")
    live.update("m", "import lib\ndef f(x): return x\n")
    assert not hasattr(m.f, "__wrapped__")


def test_signature_and_doc_follow_through_wraps(live):
    import inspect

    live.module("lib", LIB)
    m = live.module("m", "import lib\n@lib.wrapped\ndef f(x):\n    'Old.'\n")
    live.update("m", "import lib\n@lib.wrapped\ndef f(x, y: int = 2):\n    'New.'\n")
    assert m.f.__doc__ == "New."
    assert str(inspect.signature(m.f)) == "(x, y: int = 2)"


def test_lru_cache_is_emptied_and_follows(live):
    source = """
        import functools
        @functools.lru_cache
        def f(x): return "old", x
        @functools.cache
        def g(x): return "old", x
        """
    m = live.module("m", source)
    f, g = m.f, m.g
    assert f(1) == g(1) == ("old", 1)
    live.update("m", source.replace("old", "new"))
    assert f is m.f
    assert f.cache_info().currsize == 0
    assert f(1) == g(1) == ("new", 1)
    assert f.__wrapped__(1) == ("new", 1)


def test_lru_cache_gets_another_size(live):
    source = """
        import functools
        @functools.lru_cache(maxsize=1)
        def f(x): return "old", x
        """
    m = live.module("m", source)
    held = m.f
    held(1)
    live.update("m", source.replace("old", "new").replace("=1", "=2"))
    assert m.f.cache_parameters()["maxsize"] == 2
    assert m.f(1) == held(1) == ("new", 1)


def test_lru_cache_around_a_nested_function(live):
    source = """
        import functools
        def make():
            @functools.lru_cache
            def f(x): return "old", x
            return f
        """
    m = live.module("m", source)
    held = m.make()
    held(1)
    live.update("m", source.replace("old", "new"))
    assert held(2) == ("new", 2)
    assert held(1) == ("new", 1), "the cache is emptied"


def test_lru_cache_on_a_method(live):
    source = """
        import functools
        class K:
            @functools.lru_cache
            def m(self): return "old"
        """
    m = live.module("m", source)
    k = m.K()
    assert k.m() == "old"
    live.update("m", source.replace("old", "new"))
    assert k.m() == "new"


def test_partial(live):
    source = """
        import functools
        def f(a, b): return "old", a, b
        area = functools.partial(f, 1)
        """
    m = live.module("m", source)
    area = m.area
    live.update("m", source.replace("old", "new"))
    assert area(2) == ("new", 1, 2)
    assert area.func is m.f


def test_partialmethod(live):
    source = """
        import functools
        class K:
            def m(self, a): return "old", a
            one = functools.partialmethod(m, 1)
        """
    m = live.module("m", source)
    k = m.K()
    live.update("m", source.replace("old", "new").replace("m, 1", "m, 2"))
    assert k.one() == ("new", 2)


def test_property_accessors(live):
    source = """
        class K:
            log = []
            @property
            def p(self):
                "Old."
                return "old"
            @p.setter
            def p(self, value): self.log.append(("old", value))
            @p.deleter
            def p(self): self.log.append("old")
        """
    m = live.module("m", source)
    k = m.K()
    getter, setter = m.K.p.fget, m.K.p.fset
    live.update("m", source.replace('"old', '"new').replace("Old.", "New."))
    assert k.p == "new"
    k.p = 1
    del k.p
    assert m.K.log == [("new", 1), "new"]
    assert m.K.p.__doc__ == "New."
    assert getter(k) == "new"
    setter(k, 2)
    assert m.K.log[-1] == ("new", 2)


def test_property_gains_and_loses_a_setter(live):
    read_only = "class K:\n    @property\n    def p(self): return 'p'\n"
    writable = read_only + "    @p.setter\n    def p(self, value): self.x = value\n"
    m = live.module("m", read_only)
    k = m.K()
    live.update("m", writable)
    k.p = 1
    assert k.x == 1
    live.update("m", read_only)
    with pytest.raises(AttributeError):
        k.p = 2
    assert k.p == "p"


def test_held_property_object_follows(live):
    m = live.module("m", "class K:\n    @property\n    def p(self): return 'old'\n")
    prop = m.K.p
    live.update("m", "class K:\n    @property\n    def p(self): return 'new'\n")
    assert prop.__get__(m.K()) == "new"


def test_cached_property_keeps_what_instances_have(live):
    source = """
        import functools
        class K:
            @functools.cached_property
            def p(self): return "old"
        """
    m = live.module("m", source)
    filled, empty = m.K(), m.K()
    assert filled.p == "old"
    live.update("m", source.replace("old", "new"))
    assert filled.p == "old", "the value is state of the instance"
    assert empty.p == "new"


def test_static_and_class_methods(live):
    source = """
        class K:
            @staticmethod
            def s(): return "old"
            @classmethod
            def c(cls): return "old", cls
        """
    m = live.module("m", source)
    s, c, k = m.K.s, m.K.c, m.K()
    live.update("m", source.replace("old", "new"))
    assert (s(), k.s()) == ("new", "new")
    assert c() == k.c() == ("new", m.K)


def test_method_becomes_static_and_class_method(live):
    plain = "class K:\n    def f(*args): return args\n"
    static = "class K:\n    @staticmethod\n    def f(*args): return args\n"
    cls = "class K:\n    @classmethod\n    def f(*args): return args\n"
    m = live.module("m", plain)
    k = m.K()
    for source, bound in [(static, ()), (cls, (m.K,)), (plain, (k,)), (cls, (m.K,))]:
        live.update("m", source)
        assert k.f(1) == (*bound, 1)


def test_singledispatch(live):
    source = """
        import functools
        @functools.singledispatch
        def show(x): return "old object"
        @show.register
        def _(x: int): return "old int"
        @show.register(str)
        def show_str(x): return "old str"
        """
    m = live.module("m", source)
    held = m.show
    assert [held(x) for x in (None, 1, "")] == ["old object", "old int", "old str"]
    added = "@show.register\ndef _(x: list): return 'new list'\n"
    live.update("m", text(source).replace('"old', '"new') + added)
    assert m.show is held
    expected = ["new object", "new int", "new str", "new list"]
    assert [held(x) for x in (None, 1, "", [])] == expected
    assert m.show_str("") == "new str"


def test_singledispatch_keeps_what_others_registered(live):
    source = """
        import functools
        @functools.singledispatch
        def show(x): return "old object"
        """
    m = live.module("m", source)
    live.module("user", "import m\n@m.show.register\ndef _(x: set): return 'set'\n")
    live.update("m", source.replace("old", "new"))
    assert [m.show(x) for x in (None, set())] == ["new object", "set"]


def test_singledispatchmethod(live):
    source = """
        import functools
        class K:
            @functools.singledispatchmethod
            def show(self, x): return "old object"
            @show.register
            def _(self, x: int): return "old int"
        """
    m = live.module("m", source)
    k = m.K()
    live.update("m", source.replace('"old', '"new'))
    assert [k.show(x) for x in (None, 1)] == ["new object", "new int"]


def test_contextmanager(live):
    source = """
        import contextlib
        @contextlib.contextmanager
        def opened(x):
            yield "old", x
        """
    m = live.module("m", source)
    held = m.opened
    live.update("m", source.replace("old", "new"))
    with held(1) as value:
        assert value == ("new", 1)
    assert held is m.opened


def test_contextmanager_that_is_open_finishes_on_old_code(live):
    source = """
        import contextlib
        LOG = []
        @contextlib.contextmanager
        def opened():
            yield
            LOG.append("old")
        """
    m = live.module("m", source)
    with m.opened():
        live.update("m", source.replace("old", "new"))
    with m.opened():
        pass
    assert m.LOG == ["old", "new"]


def test_asynccontextmanager(live):
    source = """
        import contextlib
        @contextlib.asynccontextmanager
        async def opened():
            yield "old"
        """
    m = live.module("m", source)
    held = m.opened
    live.update("m", source.replace("old", "new"))

    async def use():
        async with held() as value:
            return value

    assert asyncio.run(use()) == "new"


def test_exit_stack_callbacks_follow(live):
    m = live.module("m", "LOG = []\ndef f(): LOG.append('old')\n")
    with contextlib.ExitStack() as stack:
        stack.callback(m.f)
        live.update("m", "LOG = []\ndef f(): LOG.append('new')\n")
    assert m.LOG == ["new"]


def test_total_ordering(live):
    source = """
        import functools
        @functools.total_ordering
        class K:
            def __init__(self, n): self.n = n
            def __eq__(self, other): return self.n == other.n
            def __lt__(self, other): return self.n < other.n
        """
    m = live.module("m", source)
    one, two = m.K(1), m.K(2)
    assert one <= two
    live.update("m", source.replace("self.n < other.n", "self.n > other.n"))
    assert not one <= two
    assert one >= two


def test_wrapper_in_a_registry_of_another_module(live):
    lib = live.module("lib", LIB)
    source = """
        import lib
        @lib.wrapped
        def f(x): return "old", x
        lib.REGISTRY["f"] = f
        """
    m = live.module("m", source)
    live.update("m", source.replace("old", "new"))
    assert lib.REGISTRY["f"] is m.f
    assert lib.REGISTRY["f"](1) == ("lib", ("new", 1))


def test_function_defined_under_a_condition_and_in_try(live):
    source = """
        import sys
        if sys.version_info > (3,):
            def f(): return "old"
        try:
            import does_not_exist
        except ImportError:
            def g(): return "old"
        """
    m = live.module("m", source)
    f, g = m.f, m.g
    live.update("m", source.replace("old", "new"))
    assert (f(), g()) == ("new", "new")
    assert (m.f, m.g) == (f, g)


def test_signal_handlers_and_hooks_of_the_interpreter(program):
    out = program(
        """
        import codecs, signal, sys, threading
        SOURCE = '''
        import codecs, signal, sys, threading
        def handler(*args): return "old", VERSION
        VERSION = 1
        '''
        INSTALL = '''
        signal.signal(signal.SIGUSR1, handler)
        sys.excepthook = threading.excepthook = handler
        codecs.register_error("mine", handler)
        '''
        m = live.module("m", text(SOURCE) + text(INSTALL))
        def installed():
            return {signal.getsignal(signal.SIGUSR1)(), sys.excepthook(), threading.excepthook(),
                    codecs.lookup_error("mine")()}
        live.update("m", text(SOURCE).replace("old", "new") + text(INSTALL))
        assert installed() == {("new", 1)}, installed()
        live.update("m", text(SOURCE).replace("old", "newer"))
        assert installed() == {("newer", 1)}, installed()
        assert sys.excepthook is m.handler
        m.VERSION = 5
        print(installed())
        sys.excepthook = sys.__excepthook__
        """
    )
    assert out == "{('newer', 5)}\n"


def test_a_decorator_class_that_is_a_descriptor(live):
    source = """
        import functools
        class deco:
            def __init__(self, fn):
                self.fn = fn
                functools.update_wrapper(self, fn)
            def __get__(self, instance, owner): return functools.partial(self, instance)
            def __call__(self, *args): return "deco old", self.fn(*args)
        class K:
            @deco
            def f(self, x): return "old", x
        @deco
        def g(x): return "old", x
        """
    m = live.module("m", source)
    k, g = m.K(), m.g
    held = k.f
    live.update("m", source.replace("old", "new"))
    assert k.f(1) == held(1) == g(1) == m.g(1) == ("deco new", ("new", 1))


def test_logging_handlers_and_copyreg(live):
    import logging
    import pickle

    source = """
        import copyreg, logging
        LOG = []
        class Handler(logging.Handler):
            def emit(self, record): LOG.append("old")
        class K:
            def __init__(self, x): self.x = x
        def reduce(k): return K, ("old", )
        copyreg.pickle(K, reduce)
        HANDLER = Handler()
        logging.getLogger("test of wrappers").addHandler(HANDLER)
        """
    m = live.module("m", source)
    live.update("m", source.replace('"old"', '"new"'))
    logging.getLogger("test of wrappers").warning("x")
    logging.getLogger("test of wrappers").removeHandler(m.HANDLER)
    assert m.LOG == ["new"], "one handler, the kept one, with new code"
    assert pickle.loads(pickle.dumps(m.K(1))).x == "new"
