"""Whatever a snippet changes with its own hands is as before when it raises."""

import sys
import threading
from collections import OrderedDict, deque

import pytest

import resoul

SETUP = """
    import abc, array, collections, dataclasses, enum, types, weakref

    class MyList(list):
        def append(self, item): super().append(("mine", item))
        def __iter__(self): raise RuntimeError("never")
        def __eq__(self, other): raise RuntimeError("never")
        __hash__ = None

    class MyDict(dict):
        def __setitem__(self, key, value): super().__setitem__(key, ("mine", value))
        def __getitem__(self, key): return super().__getitem__(key)
        def keys(self): raise RuntimeError("never")

    class MySet(set):
        def add(self, item): super().add(("mine", item))

    class Guarded:
        def __init__(self): object.__setattr__(self, "inner", {"x": 1})
        def __getattr__(self, name):
            try:
                return self.__dict__["inner"][name]
            except KeyError:
                raise AttributeError(name) from None
        def __setattr__(self, name, value): self.inner[name] = value
        def __delattr__(self, name): del self.inner[name]

    class Slots:
        __slots__ = ("a", "b", "__weakref__")

    class SlotsAndDict(Slots):
        __slots__ = ("c", "__dict__")

    class Descriptor:
        def __set_name__(self, owner, name): self.name = "_" + name
        def __get__(self, obj, owner=None):
            return self if obj is None else getattr(obj, self.name, None)
        def __set__(self, obj, value): setattr(obj, self.name, value)
        def __delete__(self, obj): delattr(obj, self.name)

    class Managed:
        d = Descriptor()
        def __init__(self): self._p = 1
        @property
        def p(self): return self._p
        @p.setter
        def p(self, value):
            self._p = value
            self.log.append(value)
        log = []
        def level_up(self, by):
            self.level = by
            self.helper()
        def helper(self):
            self.deep = 1
            if hasattr(self, "_p"):
                del self._p

    class Meta(type):
        registry = []
        def __setattr__(cls, name, value):
            Meta.registry.append(name)
            super().__setattr__(name, value)

    class WithMeta(metaclass=Meta):
        x = 1

    class Other(Managed):
        pass

    class Color(enum.Enum):
        RED = 1

    @dataclasses.dataclass
    class Point:
        x: int = 0
        tags: list = dataclasses.field(default_factory=list)

    def outer():
        n = 1
        def inner():
            nonlocal n
            n += 1
            return n
        return inner

    def touch(thing, value):
        thing.touched = value
        clean(thing)

    def clean(thing):
        if hasattr(thing, "first"):
            del thing.first

    class Plain: pass

    mylist, mydict, myset = MyList([1]), MyDict(k=1), MySet([1])
    guarded, slots, both, managed = Guarded(), Slots(), SlotsAndDict(), Managed()
    slots.a = both.a = both.c = 1
    both.x = 1
    point, plain, user = Point(), Plain(), collections.UserDict(a=1)
    plain.first, plain.second, plain.third = 1, 2, 3
    namespace = types.SimpleNamespace(a=1, b=2)
    bounded = collections.deque([1, 2, 3], maxlen=3)
    counter = collections.Counter("aab")
    chain = collections.ChainMap({"a": 1}, {"b": 2})
    ordered = collections.OrderedDict.fromkeys("abc", 1)
    default = collections.defaultdict(list)
    raw, numbers = bytearray(b"abc"), array.array("i", [1, 2, 3])
    huge = dict.fromkeys(range(2000), 0)
    hugelist = list(range(2000))
    keyed = {(1, 2): [1], frozenset([1]): {2}, None: (), 1.5: 0}
    error = ValueError("text")
    closure = outer()
    order = {"a": 1, "b": 2, "c": 3}
    members = {1, 2, 3}
    nested = {"a": [{"b": {"c": [1, {2}]}}]}
    def function(a, b=1, *, c=2): return a, b, c
    function.tag = 1
"""

CHANGES = {
    "list subclass": "m.mylist.append(2)",
    "list methods": """
m.hugelist.sort(reverse=True); m.hugelist.pop(); m.hugelist.insert(0, 9); m.hugelist.clear()
del m.nested["a"][0]; m.hugelist.extend("ab"); m.hugelist.reverse(); m.hugelist[:] = [1]
""",
    "dict subclass": 'm.mydict["k"] = 2; m.mydict["n"] = 3; del m.mydict["k"]; m.mydict |= {"z": 1}',
    "dict methods": """
m.order.pop("b"); m.order["b"] = 5; m.order.popitem(); m.order.setdefault("q", 1)
m.order.update(a=9, r=1); m.order |= {"s": 1}; m.order.clear(); m.order["a"] = 1
""",
    "empty dict takes all of another": "m.user.data = {}; m.user.data.update(m.order)",
    "set subclass": "m.myset.add(2); m.myset.discard(1); m.myset |= {5}; m.myset ^= {5, 6}",
    "set methods": "m.members.pop(); m.members.add(9); m.members -= {2}; m.members.clear()",
    "own __setattr__": "m.guarded.x = 2; m.guarded.y = 3; del m.guarded.x",
    "slots": "m.slots.a = 2; m.slots.b = 3; del m.slots.a",
    "slots and dict": "m.both.a, m.both.c, m.both.x, m.both.y = 2, 3, 4, 5; del m.both.c, m.both.x",
    "property": "m.managed.p = 5",
    "descriptor": "m.managed.d = 5; del m.managed.d; m.managed.d = 6",
    "a method that sets and deletes": "m.managed.level_up(3)",
    "a function that sets and deletes": "m.touch(m.plain, 5)",
    "deleted, in order": "del m.plain.first; m.plain.first = 1; del m.plain.second",
    "set, then deleted": "m.plain.new = 1; del m.plain.new; m.plain.new = 2",
    "by name": """
for name in ("fi" + "rst", "sec" + "ond"):
    delattr(m.plain, name)
    setattr(m.plain, name + "2", 1)
object.__setattr__(m.guarded, "in" + "ner", 5)
m.slots.__setattr__("".join("a"), 9)
""",
    "through __dict__": """
m.plain.__dict__["first"] = 5
m.plain.__dict__.update(second=7, other=8)
vars(m.plain).pop("third")
d = m.plain.__dict__
d["late"] = 1
d.clear()
""",
    "through __dict__ after a store": 'm.plain.first = 4; vars(m.plain)["first"] = 5; m.plain.first = 6',
    "another __dict__": "m.plain.__dict__ = {'a': 1}; m.plain.b = 2",
    "another __class__": "m.managed.__class__ = m.Other; m.managed.p = 4",
    "SimpleNamespace": "m.namespace.a = 5; m.namespace.c = 6; del m.namespace.b",
    "deque": "m.bounded.append(4); m.bounded.appendleft(0); m.bounded.rotate(2); m.bounded[0] = 9; m.bounded.extend([7, 8])",
    "Counter": 'm.counter.update("bb"); m.counter["z"] += 1; m.counter["a"] -= 1; +m.counter; m.counter.subtract("a")',
    "ChainMap": 'm.chain["a"] = 2; m.chain["c"] = 3; m.chain.maps.append({}); m.chain.maps[1]["b"] = 0',
    "UserDict": 'm.user["a"] = 2; m.user["b"] = 3; m.user |= {"c": 1}; del m.user["a"]',
    "OrderedDict": """
m.ordered.move_to_end("a"); m.ordered["d"] = 1; del m.ordered["b"]; m.ordered["b"] = 5
m.ordered.move_to_end("c", last=False); m.ordered.popitem(); m.ordered |= {"e": 1}
""",
    "OrderedDict cleared": 'm.ordered.clear(); m.ordered["z"] = 1',
    "defaultdict": 'm.default["a"]; m.default["b"].append(1); m.default["c"] += [1]',
    "bytearray": 'm.raw[0] = 65; m.raw.extend(b"x"); m.raw *= 2; del m.raw[1:3]',
    "memoryview": "memoryview(m.raw)[1] = 66",
    "huge": """
for i in m.huge: m.huge[i] += 1
for i in range(2000): m.hugelist[i] *= 2
""",
    "keys that are no text": """
m.keyed[1, 2] += [5]; m.keyed[frozenset([1])] |= {3}; m.keyed[None] += (1,)
m.keyed[1.5] += 1; del m.keyed[1, 2]; m.keyed[2, 1] = 0
""",
    "nested": """
m.nested["a"][0]["b"]["c"][1].add(5); m.nested["a"][0]["b"]["c"].append(2)
m.nested["a"][0]["b"]["c"][0] += 7; m.nested["a"] += [1]; m.nested["a"][0]["b"] |= {"q": 1}
for item in m.nested["a"]:
    if isinstance(item, dict):
        item["loop"] = 1
""",
    "aliases": """
a = m.order; b = a; b["x"] = 1; b.pop("a")
l = m.hugelist; l += [1]
for x in (m.members, m.myset): x.add(77)
get = m.order.get; put = m.order.__setitem__; put("y", 1)
app = m.hugelist.append; app(5)
""",
    "class attributes": """
m.Plain.new = 1; m.Managed.log = 5; del m.Managed.p; m.Slots.__doc__ = "doc"
m.Managed.__len__ = lambda self: 5; m.Other.level_up = None; m.Point.x = 7
""",
    "class attribute in place": "m.Managed.log.append(1); m.Managed.log += [2]; m.Meta.registry.clear()",
    "metaclass": "m.WithMeta.x = 2; m.WithMeta.y = 3; del m.WithMeta.x; setattr(m.WithMeta, 'z', 1)",
    "special methods": "m.Plain.__eq__ = lambda a, b: True; m.Plain.__hash__ = None; m.Plain.__call__ = len",
    "bases": "m.Other.__bases__ = (m.Plain,)",
    "dataclass": "m.point.x = 5; m.point.tags.append(1); m.point.tags += [2]; m.Point.__init__ = None",
    "enum member": "m.Color.RED._value_ = 5; m.Color.RED.extra = 1; m.Color._member_map_['X'] = 1",
    "exception": 'm.error.extra = 1; m.error.add_note("n"); m.error.args = (1,)',
    "closure": "m.closure(); m.closure()",
    "cell": "m.closure.__closure__[0].cell_contents = 50",
    "function": """
m.function.tag = 2; m.function.other = 1; del m.function.tag
m.function.__defaults__ = (5,); m.function.__kwdefaults__ = {"c": 6}
m.function.__code__ = (lambda a, b=1, *, c=2: 0).__code__
m.function.__doc__ = "doc"; m.function.__name__ = "renamed"; m.function.__annotations__["a"] = int
""",
    "function in place": 'm.function.__kwdefaults__["c"] = 9; m.function.__dict__["x"] = 1',
    "module": """
m.new = 1; del m.order; m.__doc__ = "doc"; m.huge = {}; globals_of = vars(m); globals_of["g"] = 1
m.__dict__["h"] = 2; setattr(m, "i", 3); delattr(m, "huge"); m.__dict__.pop("raw")
""",
    "classes made": "class Born(m.Plain): pass\nclass Born2(m.Managed, metaclass=type): d = 1",
    "a snippet that catches its own": """
try:
    m.plain.first = 5
    m.order["a"]["b"]
except TypeError:
    m.plain.second = 6
finally:
    m.members.add(8)
""",
    "star import": "from fixed import *; order['x'] = 1; hugelist.clear(); plain.first = 9",
    "other names": """
import fixed as f, sys
from fixed import plain as p, order as o
p.first = 2; o["a"] = 3; f.nested["a"].clear()
sys.modules["fixed"].members.clear()
getattr(f, "by_name", f.myset).add(4)
""",
}


def show(value, depth=0):
    """All there is, by built-in methods only, with order where that means something."""
    if depth > 12:
        return "..."
    deeper = depth + 1
    kind = type(value)
    if isinstance(value, OrderedDict):
        return [(show(k), show(v, deeper)) for k, v in OrderedDict.items(value)]
    if isinstance(value, dict):
        return [(show(k), show(v, deeper)) for k, v in dict.items(value)]
    if isinstance(value, (list, tuple)):
        return [
            kind.__name__,
            *[
                show(v, deeper)
                for v in list.__iter__(
                    list(tuple.__iter__(value))
                    if isinstance(value, tuple)
                    else list.copy(value)
                )
            ],
        ]
    if isinstance(value, (set, frozenset)):
        return sorted(
            map(repr, set(set.__iter__(value)) if isinstance(value, set) else value)
        )
    if isinstance(value, (deque, bytearray, str, bytes, int, float, type(None))):
        return repr(value)
    if kind.__name__ == "array":
        return value.tolist()
    return id(value)


INSTANCES = [
    "guarded",
    "slots",
    "both",
    "managed",
    "point",
    "plain",
    "user",
    "namespace",
    "chain",
    "error",
    "default",
    "bounded",
]


def picture(m):
    found = {
        "module": [(k, show(v)) for k, v in vars(m).items() if k != "__builtins__"]
    }
    for name in INSTANCES:
        thing = vars(m)[name]
        found[name] = [id(type(thing))]
        if hasattr(type(thing), "__dict__") and hasattr(thing, "__dict__"):
            found[name].append(show(object.__getattribute__(thing, "__dict__")))
        for slot in "abc":
            descr = getattr(type(thing), slot, None)
            if type(descr).__name__ == "member_descriptor":
                found[name].append(descr.__get__(thing) if _has(descr, thing) else None)
    found["error"].append((m.error.args, getattr(m.error, "__notes__", None)))
    for cls in vars(m).values():
        if isinstance(cls, type) and cls.__module__ == m.__name__:
            found[cls.__name__] = (
                [(k, id(v)) for k, v in vars(cls).items()],
                cls.__bases__,
                cls.__doc__,
                type.__subclasses__(cls),
                cls.__hash__ is None,
            )
    f = m.function
    found["function"] = [
        f.__code__, f.__defaults__, dict(f.__kwdefaults__), f.__doc__, f.__name__,
        list(vars(f).items()), dict(f.__annotations__),
    ]  # fmt: skip
    found["closure"] = m.closure.__closure__[0].cell_contents
    found["in place"] = list(m.Managed.log), list(m.Meta.registry), show(m.nested)
    found["enum"] = m.Color.RED.__dict__.copy(), list(m.Color._member_map_)
    return found


def _has(descr, thing):
    try:
        descr.__get__(thing)
    except AttributeError:
        return False
    return True


# What the snippet's own code sets by name, and what dicts tell.
OWN = {
    "dict subclass", "dict methods", "slots", "slots and dict", "deleted, in order",
    "set, then deleted", "by name", "another __class__", "another __dict__",
    "SimpleNamespace", "Counter", "UserDict", "OrderedDict", "OrderedDict cleared",
    "class attributes", "special methods", "bases", "function", "module", "cell",
    "classes made", "through __dict__", "through __dict__ after a store",
}  # fmt: skip


@pytest.fixture
def fixed(live):
    return live.module("fixed", SETUP)


def check(m, change):
    picture(m)  # asking may make what was not there: 3.15's __doc__ of dataclasses
    before = picture(m)
    with pytest.raises(resoul.PrepareError) as error:
        resoul.hotfix(source=f"import fixed as m\n{change}\nraise LookupError\n")
    assert isinstance(error.value.__cause__, LookupError), error.value.__cause__
    assert picture(m) == before


@pytest.mark.parametrize("name", CHANGES)
def test_taken_back(fixed, name):
    check(fixed, CHANGES[name])


@pytest.mark.parametrize("name", CHANGES)
def test_beside_another_thread_it_is_taken_back_or_told(fixed, name, caplog):
    """Of lists and the like nobody knows who changed them (RSL608)."""
    stop = threading.Event()

    def work():
        n = 0
        while not stop.is_set():
            n += 1

    thread = threading.Thread(target=work)
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # or each lock taken costs 5 ms
    thread.start()
    try:
        check(fixed, CHANGES[name])
    except AssertionError:
        assert any("RSL608" in message for message in caplog.messages)
        assert name not in OWN
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(usual)


@pytest.mark.parametrize("name", CHANGES)
def test_and_really_changes_something(fixed, name):
    """Or the tests above would prove nothing."""
    before = picture(fixed)
    names = {"__name__": "__hotfix__"}
    exec(f"import fixed as m\n{CHANGES[name]}", names)
    assert changed(fixed, before)


@pytest.mark.parametrize("name", CHANGES)
def test_undone(fixed, name):
    picture(fixed)
    before = picture(fixed)
    update = resoul.hotfix(source=f"import fixed as m\n{CHANGES[name]}")
    if update.changes or changed(fixed, before):
        update.undo()
    after = picture(fixed)
    if name.startswith("OrderedDict"):  # its order is not part of the history
        after, before = str(sorted(str(after))), str(sorted(str(before)))
    assert after == before


def changed(m, before):
    try:
        return picture(m) != before
    except TypeError:  # what it looks at has become something else
        return True
