"""Special methods that come, change and go."""

import pytest

OPERATORS = {
    "__len__": ("(self): return 7", len, 7),
    "__bool__": ("(self): return False", bool, False),
    "__call__": ("(self): return 'called'", lambda o: o(), "called"),
    "__eq__": ("(self, other): return other == 5", lambda o: o == 5, True),
    "__hash__": ("(self): return 7", hash, 7),
    "__repr__": ("(self): return 'repr'", repr, "repr"),
    "__iter__": ("(self): return iter('ab')", list, ["a", "b"]),
    "__contains__": ("(self, x): return x == 1", lambda o: 1 in o, True),
    "__getitem__": ("(self, i): return 'item', i", lambda o: o[3], ("item", 3)),
    "__add__": ("(self, x): return 'sum', x", lambda o: o + 1, ("sum", 1)),
    "__radd__": ("(self, x): return 'sum', x", lambda o: 1 + o, ("sum", 1)),
    "__lt__": ("(self, x): return 'less'", lambda o: o < 1, "less"),
    "__index__": ("(self): return 2", lambda o: [0, 1, 2][o], 2),
    "__getattr__": ("(self, name): return 'got ' + name", lambda o: o.zork, "got zork"),
    "__getattribute__": ("(self, name): return 'any'", lambda o: o.zork, "any"),
    "__enter__": (
        "(self): return 'entered'\n    def __exit__(self, *a): pass",
        lambda o: enter(o),
        "entered",
    ),
    "__format__": ("(self, spec): return spec", lambda o: f"{o:abc}", "abc"),
    "__fspath__": (
        "(self): return 'path'",
        lambda o: __import__("os").fspath(o),
        "path",
    ),
    "__matmul__": ("(self, x): return 'mat'", lambda o: o @ 1, "mat"),
    "__next__": ("(self): return 'next'", lambda o: next(o), "next"),
}


def enter(manager):
    with manager as value:
        return value


def attempt(probe, target):
    try:
        return probe(target)
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_added_later_work_on_old_instances(live, name):
    method, probe, expected = OPERATORS[name]
    m = live.module("m", "class K: pass\n")
    user = live.module("user", "import m\nclass Sub(m.K): pass\n")
    instances = [m.K(), user.Sub()]

    def hot():
        return [attempt(probe, o) for _ in range(50) for o in instances]

    before = hot()
    assert expected not in before
    live.update("m", f"class K:\n    def {name}{method}\n")
    assert hot() == [expected] * 100
    live.update("m", "class K:\n    _del_func = True\n")
    assert hot() == before


@pytest.mark.parametrize("name", OPERATORS)
def test_a_subclass_that_overrides_an_operator_keeps_it(live, name):
    method, probe, expected = OPERATORS[name]
    live.module("m", "class K: pass\n")
    user = live.module("user", f"import m\nclass Sub(m.K):\n    def {name}{method}\n")
    sub = user.Sub()
    other = "(self, *a): raise AssertionError"
    live.update("m", f"class K:\n    def {name}{other}\n")
    assert attempt(probe, sub) == expected
    live.update("m", "class K:\n    _del_func = True\n")
    assert attempt(probe, sub) == expected


def test_eq_without_hash_makes_instances_unhashable_as_in_a_fresh_class(live):
    m = live.module("m", "class K: pass\n")
    k = m.K()
    hash(k)
    live.update("m", "class K:\n    def __eq__(self, other): return True\n")
    with pytest.raises(TypeError):
        hash(k)


def test_a_special_method_set_to_none(live):
    m = live.module("m", "class K:\n    def __iter__(self): return iter('a')\n")
    k = m.K()
    assert list(k) == ["a"]
    live.update("m", "class K:\n    __iter__ = None\n")
    with pytest.raises(TypeError):
        iter(k)


def test_new_init_new_and_del(live):
    m = live.module("m", "LOG = []\nclass K: pass\n")
    old = m.K()
    live.update(
        "m",
        """
        LOG = []
        class K:
            def __new__(cls, *a):
                self = super().__new__(cls)
                self.made = a
                return self
            def __init__(self, x, y=2): self.x, self.y = x, y
            def __del__(self): LOG.append("del")
        """,
    )
    new = m.K(1)
    assert (new.made, new.x, new.y) == ((1,), 1, 2)
    with pytest.raises(TypeError):
        m.K()
    m.LOG.clear()
    del old
    assert m.LOG == ["del"]


def test_setattr_and_delattr_added(live):
    m = live.module("m", "class K: pass\n")
    k = m.K()
    k.x = 1
    live.update(
        "m",
        """
        class K:
            def __setattr__(self, name, value): self.__dict__[name] = "set", value
            def __delattr__(self, name): self.__dict__[name] = "deleted"
        """,
    )
    k.x = 2
    assert k.x == ("set", 2)
    del k.x
    assert k.x == "deleted"
