"""What happens to data whose source changed: keep, take, and what a scope says itself."""

import contextlib
from collections import OrderedDict, defaultdict, deque

import pytest
from livefolder import actions, codes, text

import resoul

CONTAINERS = {
    "dict": ("{'a': 1}", "{'b': 2, 'c': 3}", dict),
    "list": ("[1]", "[2, 3]", list),
    "set": ("{1}", "{2, 3}", set),
    "bytearray": ("bytearray(b'a')", "bytearray(b'bcd')", bytearray),
    "deque": ("deque([1])", "deque([2, 3])", deque),
    "big dict": ("{i: i for i in range(5)}", "{i: -i for i in range(1000)}", dict),
    "big set": ("set(range(5))", "set(range(5, 1000))", set),
    "big list": ("list(range(1000))", "[1]", list),
    "emptied dict": ("{'a': 1}", "{}", dict),
    "emptied list": ("[1]", "[]", list),
    "emptied set": ("{1}", "set()", set),
    "filled dict": ("{}", "{'a': [1]}", dict),
}
HEAD = "from collections import deque\n"


def test_keep_is_the_default(live):
    m = live.module("m", "X = 1\nTABLE = {'a': 1}\n")
    table = m.TABLE
    m.TABLE["b"] = 2
    update = live.update("m", "X = 2\nTABLE = {'a': 5}\nNEW = 3\n")
    assert (m.X, m.NEW) == (1, 3)
    assert m.TABLE is table
    assert table == {"a": 1, "b": 2}
    assert actions(update, "X") == {"kept"}
    assert actions(update, "NEW") == {"added"}


def test_an_update_that_only_kept_is_falsy(live):
    live.module("m", "X = 1\n")
    update = live.update("m", "X = 2\n")
    assert not update
    (change,) = update.changes
    assert (change.kind, change.action, change.lineno) == ("data", "kept", 1)
    assert change.reason


def test_take_all(live):
    m = live.module("m", "X = 1\nY = 'y'\nZ = None\n")
    update = live.update("m", "X = 2\nY = 'why'\nZ = (1, 2)\n", data="take")
    assert (m.X, m.Y, m.Z) == (2, "why", (1, 2))
    assert update
    for name in "XYZ":
        assert actions(update, name) == {"taken"}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_containers_take_their_new_contents_in_place(live, kind):
    old, new, cls = CONTAINERS[kind]
    m = live.module("m", HEAD + f"X = {old}\n")
    live.module("user", "from m import X\n")
    held, user = m.X, live.load("user")
    update = live.update("m", HEAD + f"X = {new}\n", data="take")
    expected = eval(new, {"deque": deque})
    assert m.X is held is user.X
    assert type(held) is cls
    assert held == expected
    assert list(held) == list(expected)
    assert actions(update, "X") == {"taken"}


def test_containers_work_on_after_taking(live):
    m = live.module("m", HEAD + "D, L, S, B, Q = {}, [], set(), bytearray(), deque()\n")
    live.update(
        "m",
        HEAD + "D, L, S, B, Q = {1: [2]}, [1], {1}, bytearray(b'a'), deque([1])\n",
        data="take",
    )
    for i in range(2, 100):
        m.D[i] = i
        m.L.append(i)
        m.S.add(i)
        m.B.append(i)
        m.Q.append(i)
    assert [len(x) for x in (m.D, m.L, m.S, m.B, m.Q)] == [99] * 5
    m.D[1].append(m.D)
    m.L.append(m.L)


def test_iterators_over_a_container_that_takes_new_contents(live):
    old = "D, L, S, Q = dict.fromkeys(range(9)), [*range(9)], set(range(9)), deque(range(9))\n"
    new = "D, L, S, Q = {'x': 1}, ['x'], {'x'}, deque('x')\n"
    m = live.module("m", HEAD + old)
    iterators = [iter(x) for x in (m.D, m.L, m.S, m.Q, m.D.items())]
    for iterator in iterators:
        next(iterator)
    live.update("m", HEAD + new, data="take")
    for iterator in iterators:
        with contextlib.suppress(RuntimeError):
            assert set(iterator) <= {"x", ("x", 1)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("OrderedDict(a=1)", "OrderedDict(b=2)"),
        ("[1]", "(1,)"),
        ("{'a': 1}", "['a']"),
        ("1", "{'a': 1}"),
        ("frozenset({1})", "frozenset({2})"),
        ("{1}", "None"),
    ],
)
def test_other_values_are_rebound(live, old, new):
    head = "from collections import OrderedDict, defaultdict\n"
    names = {"OrderedDict": OrderedDict, "defaultdict": defaultdict}
    m = live.module("m", head + f"X = {old}\n")
    held = m.X
    live.update("m", head + f"X = {new}\n", data="take")
    assert eval(new, names) == m.X
    assert type(m.X) is type(eval(new, names))
    assert held == eval(old, names)


def test_take_single_names(live):
    source = "X = 1\nY = 1\nT = [1]\nclass K:\n    a = 1\n    b = 1\n    t = {1: 1}\n"
    m = live.module("m", source)
    held, table = m.T, m.K.t
    update = live.update(
        "m", source.replace("1", "2"), take=["m.X", "m.T", "m.K.a", "m.K.t"]
    )
    assert (m.X, m.Y, m.T, m.K.a, m.K.b) == (2, 1, [2], 2, 1)
    assert m.T is held
    assert m.K.t is table
    assert table == {2: 2}
    assert actions(update, "K.a") == {"taken"}
    assert actions(update, "K.b") == {"kept"}


def test_take_a_name_that_the_program_changed(live):
    m = live.module("m", "X = 1\nT = [1]\n")
    m.X = "changed"
    m.T.append("changed")
    live.update("m", "X = 1\nT = [1]\n", take=["m.X", "m.T"])
    assert (m.X, m.T) == (1, [1])


def test_delete_names(live):
    m = live.module("m", "X = 1\nY = 1\nclass K:\n    a = 1\n    b = 1\n")
    k = m.K()
    update = live.update("m", "Y = 1\nclass K:\n    b = 1\n", delete=["m.X", "m.K.a"])
    assert not hasattr(m, "X")
    assert not hasattr(k, "a")
    assert (m.Y, k.b) == (1, 1)
    assert actions(update, "X") == {"deleted"}
    assert actions(update, "K.a") == {"deleted"}
    assert update


@pytest.mark.refuses("RSL105")
@pytest.mark.parametrize("option", ["take", "delete"])
@pytest.mark.parametrize("name", ["m.NOPE", "m.K.nope", "other.X", "X", "m"])
def test_unknown_names_are_refused(live, option, name):
    m = live.module("m", "X = 1\nclass K:\n    a = 1\n")
    with pytest.raises(resoul.RefusedError) as refused:
        live.update("m", "X = 2\nclass K:\n    a = 2\n", **{option: [name]})
    assert codes(refused.value) == {"RSL105"}
    assert m.X == 1


def test_removed_data_stays_and_is_reported(live):
    m = live.module("m", "X = 1\nY = [1]\nclass K:\n    a = 1\n")
    y = m.Y
    update = live.update("m", "class K: pass\n", data="take")
    assert (m.X, m.Y, m.K.a) == (1, y, 1)
    assert actions(update, "X") == actions(update, "Y") == {"stays"}
    assert actions(update, "K.a") == {"stays"}
    assert not update


def test_class_attributes_keep_or_take(live):
    source = "class K:\n    a = 1\n    t = {1: 1}\n    def f(self): return self.a\n"
    m = live.module("m", source)
    user = live.module("user", "import m\nclass Sub(m.K):\n    a = 'sub'\n")
    k, own, sub, table = m.K(), m.K(), user.Sub(), m.K.t
    own.a = "own"
    update = live.update("m", source.replace("1", "2"))
    assert (k.f(), m.K.t) == (1, {1: 1})
    assert actions(update, "K.a") == {"kept"}
    live.reload("m", data="take")
    assert (k.f(), own.f(), sub.f()) == (2, "own", "sub")
    assert m.K.t is table
    assert table == {2: 2}


def test_new_class_attributes_are_added(live):
    m = live.module("m", "class K:\n    a = 1\n")
    k = m.K()
    update = live.update("m", "class K:\n    a = 1\n    b = 2\n    t = []\n")
    assert (k.b, k.t) == (2, [])
    assert actions(update, "K.b") == {"added"}


def test_reload_data_of_a_module_is_obeyed_exactly(live):
    source = "_reload_data = {'a'}\na = 1\nb = 1\n"
    m = live.module("m", source)
    live.update("m", source.replace("1", "2"))
    assert (m.a, m.b) == (2, 1)
    live.update("m", source.replace("1", "3"), data="take")
    assert (m.a, m.b) == (3, 1), "everything else in that scope is kept"


@pytest.mark.parametrize("kind", ["{'a'}", "['a']", "('a',)", "frozenset(['a'])"])
def test_reload_data_of_the_new_source_speaks(live, kind):
    m = live.module("m", "_reload_all_data = True\na = 1\nb = 1\n")
    live.update("m", f"_reload_data = {kind}\na = 2\nb = 2\n")
    assert (m.a, m.b) == (2, 1)


def test_reload_all_data(live):
    source = "_reload_all_data = True\na = 1\nb = [1]\n"
    m = live.module("m", source)
    held = m.b
    live.update("m", source.replace("1", "2"))
    assert (m.a, m.b) == (2, [2])
    assert m.b is held


def test_reload_all_data_that_is_false(live):
    source = "_reload_all_data = False\na = 1\n"
    m = live.module("m", source)
    live.update("m", source.replace("1", "2"), data="take")
    assert m.a == 1, "the scope speaks for itself: nothing is named"


def test_reload_data_of_a_class_speaks_for_its_scope_only(live):
    source = """
        a = 1
        class K:
            _reload_data = {"a"}
            a = 1
            b = 1
            class Inner:
                a = 1
        class All:
            _reload_all_data = True
            a = 1
        """
    m = live.module("m", source)
    live.update("m", source.replace("1", "2"))
    assert (m.a, m.K.a, m.K.b, m.K.Inner.a, m.All.a) == (1, 2, 1, 1, 2)
    live.update("m", source.replace("1", "3"), data="take")
    assert (m.a, m.K.a, m.K.b, m.K.Inner.a, m.All.a) == (3, 3, 1, 3, 3)


def test_reload_data_of_a_module_does_not_speak_for_its_classes(live):
    source = "_reload_data = {'x'}\nx = 1\nclass K:\n    x = 1\n"
    m = live.module("m", source)
    live.update("m", source.replace("1", "2"))
    assert (m.x, m.K.x) == (2, 1)


def test_functions_see_the_kept_value(live):
    m = live.module("m", "X = 1\ndef f(): return 'old', X\n")
    live.update("m", "X = 2\ndef f(): return 'new', X\n")
    assert m.f() == ("new", 1)


def test_state_survives_a_body_that_makes_it_again(live):
    source = """
        import threading, itertools
        PLAYERS = {}
        LOCK = threading.Lock()
        COUNTER = itertools.count()
        class Server:
            connections = []
        SERVER = Server()
        """
    m = live.module("m", source)
    m.PLAYERS["ann"] = 1
    m.Server.connections.append(1)
    m.SERVER.port = 80
    next(m.COUNTER)
    held = dict(vars(m))
    with m.LOCK:
        live.update("m", text(source) + "NEW = 1\n")
        assert m.LOCK.locked()
    assert {n: v for n, v in held.items() if vars(m)[n] is not v} == {}
    assert m.Server.connections == [1]
    assert m.SERVER.port == 80
    assert next(m.COUNTER) == 1


def test_names_that_a_body_only_reads_are_the_live_ones(live):
    source = """
        try:
            CACHE
        except NameError:
            CACHE = {"made": "once"}
        """
    m = live.module("m", source)
    cache = m.CACHE
    cache["key"] = 1
    live.update("m", text(source) + "SIZE = len(CACHE)\n")
    assert m.CACHE is cache
    assert m.SIZE == 2


def test_the_policy_has_to_be_a_known_one(live):
    live.module("m", "X = 1\n")
    with pytest.raises(ValueError, match="keep"):
        live.reload("m", data="merge?")
    with pytest.raises(ValueError, match="all"):
        live.reload("m", execute="some")


@pytest.mark.refuses("RSL301")
def test_a_bytearray_that_is_exported_is_refused(live):
    m = live.module("m", "B = bytearray(b'old')\nX = 1\n")
    view = memoryview(m.B)
    with pytest.raises(resoul.RefusedError) as refused:
        live.update("m", "B = bytearray(b'newer')\nX = 2\n", data="take")
    (reason,) = refused.value.reasons
    assert (reason.code, reason.module, reason.qualname) == ("RSL301", "m", "B")
    assert (bytes(view), m.X) == (b"old", 1)
    view.release()
    live.reload("m", data="take")
    assert (m.B, m.X) == (b"newer", 2)


@pytest.mark.refuses("RSL302")
def test_a_deque_with_another_maxlen_is_refused(live):
    m = live.module("m", HEAD + "Q = deque([1], maxlen=3)\n")
    with pytest.raises(resoul.RefusedError) as refused:
        live.update("m", HEAD + "Q = deque([2], maxlen=5)\n", data="take")
    (reason,) = refused.value.reasons
    assert (reason.code, reason.module, reason.qualname) == ("RSL302", "m", "Q")
    assert list(m.Q) == [1]


def test_a_deque_with_the_same_maxlen(live):
    m = live.module("m", HEAD + "Q = deque([1, 2, 3], maxlen=3)\n")
    held = m.Q
    live.update("m", HEAD + "Q = deque([4, 5, 6], maxlen=3)\n", data="take")
    assert m.Q is held
    assert (list(held), held.maxlen) == ([4, 5, 6], 3)
