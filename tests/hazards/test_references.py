"""Hazards 8, 17, 18, 24, 25 and 27: who holds what a body made (see conditions.py)."""


# ---- 8: instances made by the body ----


def test_hazard_08_instances_made_by_the_body_are_laid_out_otherwise(program):
    old = "class K:\n    def __init__(self): self.a, self.b = 1, 2\n"
    new = """\
class K:
    def __init__(self, n=0):
        self.z, self.y, self.b, self.a, self.x = 26, 25, 2, 1, n
MANY = [K(n) for n in range(1000)]
TABLE = {n: K(n) for n in range(100)}
"""
    out = program(
        f"""
        import gc
        m = live.module("m", {old!r})
        first = [m.K() for _ in range(10)]
        live.update("m", {new!r})
        for n, k in [*enumerate(m.MANY), *m.TABLE.items()]:
            assert type(k) is m.K
            assert (k.a, k.b, k.x, k.y, k.z) == (1, 2, n, 25, 26), vars(k)
            assert list(vars(k)) == ["z", "y", "b", "a", "x"]
            k.q = n
            del k.b
        for k in first:
            k.x = 5
            assert (k.a, k.b, k.x) == (1, 2, 5)
        gc.collect()
        assert [k.q for k in m.MANY] == list(range(1000))
        del m.MANY, m.TABLE, k
        gc.collect()
        print("fine")
        """
    )
    assert out == "fine\n"


# ---- 17, 18: containers that know their contents by address or hash ----


def test_hazard_17_weak_containers_filled_by_the_body(program):
    source = """\
import weakref
class K: x = 1
def f(): return {}
"""
    filled = """\
WS = weakref.WeakSet([K, f])
WK = weakref.WeakKeyDictionary({K: "k", f: "f"})
WV = weakref.WeakValueDictionary(k=K, f=f)
REF, CALLED = weakref.ref(K), []
WITH_CALLBACK = weakref.ref(f, CALLED.append)
FINALIZE = weakref.finalize(K, CALLED.append, "finalized")
"""
    out = program(
        f"""
        import gc
        m = live.module("m", {source.format(1)!r})
        live.update("m", {source.format(2) + filled!r})
        gc.collect()
        print(m.K in m.WS, m.f in m.WS, len(m.WS), m.WK.get(m.K), m.WK.get(m.f), len(m.WK))
        print(m.WV.get("k") is m.K, m.WV.get("f") is m.f, m.REF() is m.K, m.WITH_CALLBACK() is m.f, m.FINALIZE.alive, m.CALLED)
        m.FINALIZE.detach()
        """
    )
    assert out == "True True 2 k f 2\nTrue True True True True []\n"


def test_hazard_18_tuples_as_keys(program):
    source = """\
class K: x = 1
def f(): return {}
"""
    filled = """\
KEY = (K, 1)
HASH = hash(KEY)
TABLE = {KEY: "table", (f, (K,)): "nested"}
SET, FROZEN = {(K, f)}, frozenset([(K, 2), K])
OUTER = {FROZEN: "outer"}
BY_CLASS = {K: "class", f: "function"}
"""
    out = program(
        f"""
        m = live.module("m", {source.format(1)!r})
        live.update("m", {source.format(2) + filled!r})
        K, f = m.K, m.f
        print(hash(m.KEY) == hash((K, 1)), m.KEY == (K, 1), m.TABLE.get((K, 1)), m.TABLE.get(m.KEY), m.TABLE.get((f, (K,))))
        print((K, f) in m.SET, (K, 2) in m.FROZEN, K in m.FROZEN, m.OUTER.get(frozenset([K, (K, 2)])), m.BY_CLASS.get(K), m.BY_CLASS.get(f))
        """
    )
    assert out == "True True table table nested\nTrue True True outer class function\n"


# ---- 24: donors that are left somewhere run new code too ----


def test_hazard_24_a_donor_that_an_extension_keeps_runs_new_code(program):
    out = program(
        """
        m = live.module("m", "def bye(): print('old')\\n")
        live.update("m", "import atexit\\ndef bye(): print('new', VERSION)\\natexit.register(bye)\\nVERSION = 1\\n")
        m.bye()
        m.VERSION = 2
        """
    )
    assert out == "new 1\nnew 2\n"


def test_hazard_24_it_is_updated_with_its_definition_from_then_on(program):
    out = program(
        """
        import ctypes
        lib = live.module("lib", '''
        import ctypes
        def hold(thing):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
            ADDRESSES.append(id(thing))
        ADDRESSES = []
        ''')
        source = "import lib\\ndef f(): return '%s'\\nlib.hold(f)\\n"
        m = live.module("m", "def f(): return 'v0'\\n")
        for version in ("v1", "v2", "v3"):
            live.update("m", source % version)
            held = [ctypes.cast(a, ctypes.py_object).value for a in lib.ADDRESSES]
            assert m.f() == version
            print(*[f() for f in held])
        """
    )
    assert out == "v1\nv2 v2\nv3 v3 v3\n"


# ---- 25: caches of typing ----


def test_hazard_25_typing_caches_hold_no_donor(program):
    source = """\
import typing
class K:
    def f(self, x: typing.Optional["K"] = None) -> "K": return {}
    class Inner: pass
A = [typing.Optional[K], typing.Union[K, int, None], typing.List[K], typing.Dict[str, K]]
B = [typing.Callable[[K], K.Inner], typing.Tuple[K, ...], typing.Annotated[K, 1], typing.Type[K]]
T = typing.TypeVar("T")
class G(typing.Generic[T]): pass
C = [G[K], G[K.Inner], typing.Literal[1]]
"""
    out = program(
        f"""
        m = live.module("m", {source.format(0)!r})
        for n in range(1, 6): live.update("m", {source!r}.format(n))
        found = census("m")
        print(found["m", "class", "K"], found["m", "class", "K.Inner"], found["m", "class", "G"])
        """
    )
    assert out == "1 1 1\n"


def test_hazard_25_typing_caches_hold_no_donor_of_a_failed_update(program):
    source = """\
import typing
class K: x = {}
A = [typing.Optional[K], typing.List[K], typing.Callable[[K], K]]
"""
    out = program(
        f"""
        m = live.module("m", {source.format(0)!r})
        for n in range(1, 6):
            try: live.update("m", {source!r}.format(n) + "1 / 0\\n")
            except resoul.PrepareError: pass
        print(census("m")["m", "class", "K"])
        """
    )
    assert out == "1\n"


# ---- 27: events that a debugger or profiler asked for ----


def test_hazard_27_breakpoints_of_monitoring_are_lost(program):
    out = program(
        """
        M, hits = sys.monitoring, []
        source = "def f():\\n    x = 'old'\\n    return x\\n"
        m = live.module("m", source)
        M.use_tool_id(4, "test")
        M.register_callback(4, M.events.LINE, lambda code, line: hits.append(line))
        M.set_local_events(4, m.f.__code__, M.events.LINE)
        m.f()
        print(hits)
        live.update("m", source.replace("old", "new"))
        hits.clear()
        print(m.f(), hits)
        """
    )
    assert out == "[2, 3]\nnew [2, 3]\n"
