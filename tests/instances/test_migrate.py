"""`__migrate_instance__`: what old instances need when their class changes."""

import gc
import threading
import weakref

import pytest
from livefolder import text, warned

import resoul

OLD = """
import lib
DEFAULT = 1
def helper(self): return ("old", DEFAULT)
class Base:
    def __init__(self, name): self.name = name
    def kind(self): return "base"
class Player(Base):
    def hit(self): return self.name
"""
NEW = """
import lib
DEFAULT = 2
EXTRA = 3
def helper(self): return ("new", DEFAULT)
def with_extra(self): return helper(self) + (EXTRA,)
class Base:
    def __init__(self, name): self.name, self.armour = name, 0
    def kind(self): return "base"
class Player(Base):
    def hit(self): return self.name, self.armour
    def __migrate_instance__(self, update):
        HOOK
"""
MODES = [{"execute": "changed", "data": "merge"}, {"execute": "all", "data": "take"}]


def new(hook, source=NEW):
    return text(source).replace("HOOK", hook)


@pytest.fixture(params=MODES, ids=["changed", "all"])
def mode(request):
    return request.param


@pytest.fixture
def m(live):
    live.module("lib", "LOG = []\nCLASSES = []\n")
    return live.module("m", OLD)


@pytest.fixture
def log(m):
    return m.lib.LOG


def test_old_instances_get_what_they_lack(live, m, mode):
    players = [m.Player("a"), m.Player("b")]
    live.update("m", new("self.armour = 7"), **mode)
    assert [p.hit() for p in players] == [("a", 7), ("b", 7)]
    assert m.Player("c").hit() == ("c", 0)


def test_no_other_instances(live, m, mode):
    other = m.Base("x")
    live.update("m", new("self.armour = 7"), **mode)
    assert vars(other) == {"name": "x"}


def test_it_gets_the_update(live, m, log, mode):
    kept = m.Player("a")
    update = live.update(
        "m", new("lib.LOG.append((self, update, update.state))"), **mode
    )
    assert log == [(kept, update, "preparing")]


def test_it_runs_before_the_swap_and_reads_the_new_names(live, m, log, mode):
    kept = m.Player("a")
    hook = "lib.LOG.append((helper(self), with_extra(self), DEFAULT, EXTRA, __name__))"
    live.update("m", new(hook), **mode)
    assert log == [(("new", 2), ("new", 2, 3), 2, 3, "m")]
    assert kept.name == "a"


def test_the_instance_is_still_an_old_one(live, m, log, mode):
    kept = m.Player("a")
    hook = (
        "lib.LOG.append((self.hit(), type(self) is __class__, isinstance(self, Base)))"
    )
    live.update("m", new(hook), **mode)
    assert log[0][:2] == ("a", True)
    assert kept.name == "a"


def test_a_class_that_does_not_change_is_left_alone(live, m, log, mode):
    live.update("m", new("lib.LOG.append(self)"), **mode)
    kept = m.Player("a")
    source = new("lib.LOG.append(self)").replace("EXTRA = 3", "EXTRA = 4")
    live.update("m", source, **mode)
    assert log == []
    live.update("m", source.replace("# none", "") + "\n\n", **mode)
    assert log == []
    live.update("m", source.replace("return self.name, ", "return "), **mode)
    assert log == [kept]


def test_an_unchanged_hook_reads_the_new_names(live, m, log, mode):
    live.update("m", new("lib.LOG.append(helper(self))"), **mode)
    kept = m.Player("a")
    source = new("lib.LOG.append(helper(self))").replace('"new"', '"newer"')
    live.update("m", source.replace("return self.name, ", "return "), **mode)
    assert log == [("newer", 2)]
    assert kept.name == "a"


def test_an_inherited_hook(live, m, log, mode):
    class Elite(m.Player):
        pass

    class Own(m.Player):
        def __migrate_instance__(self, update):
            log.append(("own", self.name))

    class Without(m.Player):
        __migrate_instance__ = None

    made = [m.Player("a"), Elite("b"), Own("c"), Without("d")]
    live.update("m", new("lib.LOG.append(('m', self.name))"), **mode)
    assert sorted(log) == [("m", "a"), ("m", "b"), ("own", "c")]
    assert len(made) == 4


SUPER = """
import lib
class Base:
    def __init__(self, name): self.name = name
    def __migrate_instance__(self, update): lib.LOG.append(("base", self.name))
class Player(Base):
    def hit(self): return 2
    def __migrate_instance__(self, update):
        SUPER.__migrate_instance__(update)
        lib.LOG.append(("player", self.name))
"""


@pytest.mark.parametrize(
    "call", ["super()", "super(Player, self)", "(lambda: super(__class__, self))()"]
)
def test_super_knows_a_hook_that_is_as_new(live, m, log, mode, call):
    kept = m.Player("a")
    live.update("m", SUPER.replace("SUPER", call), **mode)
    assert log == [("base", "a"), ("player", "a")]
    assert kept.hit() == 2
    assert m.Player.__migrate_instance__.__globals__ is vars(m)


def test_super_in_a_variable(live, m, log, mode):
    kept = m.Player("a")
    live.update("m", SUPER.replace("SUPER.", "parent = super(); parent."), **mode)
    assert log == [("base", "a"), ("player", "a")]
    assert kept.hit() == 2


def test_one_that_raises_puts_all_back(live, m, log, mode):
    players = [m.Player(str(i)) for i in range(20)]
    for p in players:
        p.other = [p.name]
    before = [list(vars(p).items()) for p in players]
    hook = (
        "self.armour = 1; self.name = self.name * 2; del self.other; self.last = 0\n"
        "        lib.LOG.append(self)\n"
        "        if len(lib.LOG) == 13: raise ValueError('no')"
    )
    live.edit("m", new(hook))
    with pytest.raises(resoul.PrepareError) as failed:
        live.reload("m", **mode)
    assert [list(vars(p).items()) for p in players] == before
    assert isinstance(failed.value.__cause__, ValueError)
    message = str(failed.value)
    assert "an instance of m.Player" in message
    assert (
        f"{m.__file__}:{new(hook).count(chr(10), 0, new(hook).index('raise')) + 1}"
        in message
    )
    assert players[0].hit() == players[0].name
    log.clear()
    live.update("m", new("self.armour = 7"), **mode)
    assert players[0].hit() == (players[0].name, 7)


@pytest.mark.parametrize("what", ["KeyboardInterrupt", "SystemExit(1)", "MemoryError"])
def test_every_exception_puts_all_back(live, m, mode, what):
    kept = m.Player("a")
    live.edit("m", new(f"self.armour = 1; raise {what}"))
    with pytest.raises(resoul.PrepareError):
        live.reload("m", **mode)
    assert vars(kept) == {"name": "a"}
    assert kept.hit() == "a"


SLOTS = """
import lib
class Base:
    __slots__ = ("a", "__dict__")
class K(Base):
    __slots__ = ("b", "_K__c")
    def f(self): return 1
"""


def test_slots_are_put_back(live, m, log, mode):
    s = live.module("s", SLOTS)
    one, two = s.K(), s.K()
    one.a, one.d, one._K__c = 1, 4, 3
    source = text(SLOTS).replace("return 1", "return 2") + (
        "    def __migrate_instance__(self, update):\n"
        "        lib.LOG.append(self)\n"
        "        self.a, self.b, self.e = 10, 20, 50\n"
        "        if hasattr(self, '_K__c'): del self.__c\n"
        "        if len(lib.LOG) == 2: raise ValueError\n"
    )
    live.edit("s", source)
    with pytest.raises(resoul.PrepareError):
        live.reload("s", **mode)
    assert len(log) == 2
    assert (one.a, one._K__c, vars(one), hasattr(one, "b")) == (1, 3, {"d": 4}, False)
    assert (vars(two), [hasattr(two, n) for n in ("a", "b", "_K__c")]) == (
        {},
        [False] * 3,
    )
    live.update("s", source.replace("raise ValueError", "pass"), **mode)
    assert (one.a, one.b, one.d, one.e) == (10, 20, 4, 50)


@pytest.mark.parametrize(
    "hook",
    [
        "self.__dict__ = {'fresh': 1}",
        "self.__dict__.clear()",
        "self.__dict__.update(z=1, name=5)",
        "name = self.name; del self.name; self.name = name",
        "self.__dict__['name'] = self.__dict__.pop('x')",
        "setattr(self, 'y', 1); delattr(self, 'x')",
        "vars(self)[5] = 6",
    ],
)
def test_dicts_are_put_back_whatever_was_done(live, m, mode, hook):
    kept = m.Player("a")
    kept.x, kept.y = 1, 2
    dict_before, before = kept.__dict__, list(vars(kept).items())
    live.edit("m", new(hook + "\n        raise ValueError"))
    with pytest.raises(resoul.PrepareError):
        live.reload("m", **mode)
    assert list(vars(kept).items()) == before
    assert kept.__dict__ is dict_before
    assert (kept.x, kept.y, kept.name) == (1, 2, "a")


def test_what_fails_later_puts_all_back(live, m, mode):
    kept = m.Player("a")
    live.edit("m", new("self.armour = 1") + "def __after_reload__(update): 1 / 0\n")
    with pytest.raises(resoul.UpdateError, match="__after_reload__"):
        live.reload("m", **mode)
    assert vars(kept) == {"name": "a"}
    assert kept.hit() == "a"


def test_a_changed_statement_that_fails_puts_all_back(live, m):
    kept = m.Player("a")
    live.edit("m", new("self.armour = 1") + "lib.LOG.append(1 / 0)\n")
    with pytest.raises(resoul.PrepareError):
        live.reload("m", execute="changed")
    assert vars(kept) == {"name": "a"}


@pytest.mark.refuses("RSL723")
def test_what_others_have_changed_since_stays(live, m, log, mode):
    one, two = m.Player("a"), m.Player("b")
    hook = (
        "self.armour = 1; self.extra = 2; lib.LOG.append(self)\n"
        "        if len(lib.LOG) == 2: lib.LOG[0].armour = 99; raise ValueError"
    )
    live.edit("m", new(hook))
    with pytest.raises(resoul.PrepareError) as failed:
        live.reload("m", **mode)
    first, second = log
    assert vars(first) == {"name": first.name, "armour": 99}
    assert list(vars(second)) == ["name"]
    assert any("RSL723" in note for note in failed.value.__notes__)
    assert {one, two} == set(log)


def test_before_hooks_come_first_and_may_refuse(live, m, log, mode):
    hook = "lib.LOG.append('migrate'); self.armour = 0"
    before = "def __before_reload__(update): lib.LOG.append('before')\n"
    after = "def __after_reload__(update): lib.LOG.append('after')\n"
    kept = m.Player("a")
    live.update("m", text(OLD) + before, **mode)
    log.clear()
    live.update("m", new(hook) + before + after, **mode)
    assert log == ["before", "migrate", "after"]
    log.clear()
    raising = before.replace("lib.LOG.append('before')", "1 / 0")
    live.update("m", new(hook) + raising, **mode)
    log.clear()
    live.edit("m", new(hook).replace("return self.name, ", "return 7, ") + raising)
    with pytest.raises(resoul.RefusedError):
        live.reload("m", **mode)
    assert log == []
    assert kept.armour == 0


def test_failed_hooks_hear_of_it(live, m, log, mode):
    kept = m.Player("a")
    failed = "def __reload_failed__(update): lib.LOG.append(update.state)\n"
    live.update("m", text(OLD) + failed, **mode)
    live.edit("m", new("1 / 0") + failed)
    with pytest.raises(resoul.PrepareError):
        live.reload("m", **mode)
    assert log == ["failed"]
    assert kept.hit() == "a"


def test_those_born_meanwhile(live, m, log, mode):
    kept = m.Player("a")
    hook = (
        "lib.LOG.append(self.name)\n"
        "        if self.name == 'a': lib.CLASSES.append(type(self)('born'))\n"
        "        self.armour = 5"
    )
    live.update("m", new(hook), **mode)
    assert log == ["a", "born"]
    (born,) = m.lib.CLASSES
    assert (kept.hit(), born.hit()) == (("a", 5), ("born", 5))


def test_one_born_meanwhile_that_raises_undoes_the_update(live, m, log, mode):
    kept = m.Player("a")
    hook = (
        "self.armour = 5\n"
        "        if self.name == 'born': raise ValueError\n"
        "        lib.CLASSES.append(type(self)('born'))"
    )
    live.edit("m", new(hook))
    with pytest.raises(resoul.PrepareError, match=r"an instance of m\.Player"):
        live.reload("m", **mode)
    (born,) = m.lib.CLASSES
    assert (vars(kept), vars(born)) == ({"name": "a"}, {"name": "born"})
    assert (kept.hit(), born.hit()) == ("a", "born")
    assert not hasattr(m.Player, "__migrate_instance__")


def test_threads_that_make_instances_all_the_time(live, m, mode):
    stop, made, wrong = threading.Event(), [], []

    def work():
        while not stop.is_set():
            player = m.Player("t")
            made.append(player)
            if len(made) > 200:
                made.clear()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(10):
            live.update(
                "m",
                new(f"self.armour = {number}").replace(
                    "return self.name", f"return {number}, self.name"
                ),
                **mode,
            )
            wrong += [p for p in resoul.instances(m.Player) if not hasattr(p, "armour")]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    # one that a thread was just making has not been through the new __init__
    assert [p for p in wrong if not hasattr(p, "armour") and hasattr(p, "name")] == []


def test_prepared_updates_migrate_when_they_are_committed(live, m, log, mode):
    first = m.Player("a")
    live.edit("m", new("self.armour = 7; lib.LOG.append(self.name)"))
    ready = resoul.prepare("m", **mode)
    assert log == []
    second = m.Player("b")
    ready.commit()
    assert sorted(log) == ["a", "b"]
    assert (first.hit(), second.hit()) == (("a", 7), ("b", 7))


def test_abandoned_updates_do_not(live, m, log, mode):
    kept = m.Player("a")
    live.edit("m", new("lib.LOG.append(self.name)"))
    resoul.prepare("m", **mode).abandon()
    assert log == []
    assert kept.hit() == "a"


def test_a_rehearsal_migrates_in_the_child(live, m, log, mode):
    kept = m.Player("a")
    live.edit("m", new("self.armour = 1"))
    assert resoul.check("m", rehearse=True).state == "rehearsed"
    assert vars(kept) == {"name": "a"}
    live.edit("m", new("1 / 0"))
    with pytest.raises(resoul.PrepareError, match="an instance"):
        resoul.check("m", rehearse=True)
    assert log == []


def test_check_does_not(live, m, log):
    kept = m.Player("a")
    live.edit("m", new("lib.LOG.append(self)"))
    resoul.check("m")
    assert log == []
    assert kept.hit() == "a"


def test_new_constants_functions_and_enum_members_end_up_as_the_live_ones(
    live, m, mode
):
    kept = m.Player("a")
    source = """
    import enum, lib
    class Kind(enum.Enum):
        FAST = 1
    def callback(): return EXTRA
    EXTRA = 5
    MISSING = object()
    class Base:
        def __init__(self, name): self.name = name
        def kind(self): return "base"
    class Player(Base):
        def hit(self): return 2
        def __migrate_instance__(self, update):
            self.kind, self.call, self.missing = Kind.FAST, callback, MISSING
            self.made = lambda: (EXTRA, Kind.FAST)
    """
    live.update("m", source, **mode)
    assert kept.kind is m.Kind.FAST
    assert kept.call is m.callback
    assert kept.missing is m.MISSING
    assert kept.call() == 5
    m.EXTRA = 6
    assert kept.call() == 6
    assert kept.made() == (6, m.Kind.FAST)
    assert kept.made.__globals__ is vars(m)


def test_functions_that_changed_and_are_kept_are_the_live_ones(live, m, mode):
    kept = m.Player("a")
    old = m.helper
    live.update(
        "m", new("self.call = helper; self.cls = Base; self.bound = self.hit"), **mode
    )
    assert kept.call is m.helper is old
    assert kept.call(kept) == ("new", 2)
    assert kept.cls is m.Base


def test_instances_of_changed_classes_that_it_makes(live, m, mode):
    kept = m.Player("a")
    live.update(
        "m",
        new("self.armour = 1; self.friend = Base('f'); self.again = type(self.friend)"),
        **mode,
    )
    assert type(kept.friend) is m.Base
    assert kept.again is m.Base


def test_tracebacks_of_what_it_caught(live, m, log, mode):
    """A frame borrows its globals."""
    kept = m.Player("a")
    hook = (
        "try: helper(self, 1 / 0)\n        except Exception as e: lib.LOG.append(e)\n"
        "        try: helper()\n        except Exception as e: lib.LOG.append(e)\n"
        "        try: with_extra(5)\n        except Exception as e: lib.LOG.append(e)"
    )
    live.update("m", new(hook).replace("helper(self) +", "1 / 0 +"), **mode)
    gc.collect()
    junk = [{i: i} for i in range(1000)]
    for error in log:
        traceback = error.__traceback__
        while traceback is not None:
            assert traceback.tb_frame.f_globals["__name__"] == "m"
            assert "len" in traceback.tb_frame.f_builtins
            traceback = traceback.tb_next
    assert len(log) == 3
    assert kept.name == "a"
    assert junk
    live.update("m", OLD, **mode)
    assert log[2].__traceback__.tb_next.tb_frame.f_globals["__name__"] == "m"


def test_nothing_is_held_afterwards(live, m, mode):
    players = [m.Player("a"), m.Player("b")]
    live.update("m", new("self.armour = [1]"), **mode)
    refs = [weakref.ref(p) for p in players]
    del players
    gc.collect()
    assert [ref() for ref in refs] == [None, None]


def test_nothing_is_held_after_a_failure(live, m, mode):
    players = [m.Player("a"), m.Player("b")]
    live.edit(
        "m",
        new(
            "self.armour = lib.Marked(); lib.LOG.append(weakref.ref(self.armour)); 1 / 0"
        ),
    )
    m.lib.Marked = type("Marked", (), {})
    live.edit(
        "m",
        "import weakref\n"
        + new(
            "self.armour = lib.Marked(); lib.LOG.append(weakref.ref(self.armour)); 1 / 0"
        ),
    )
    with pytest.raises(resoul.PrepareError):
        live.reload("m", **mode)
    refs = [weakref.ref(p) for p in players] + m.lib.LOG
    del players
    gc.collect()
    assert [ref() for ref in refs] == [None] * 3


def test_classes_in_several_modules(live, m, log, mode):
    n = live.module(
        "n", "import m\nclass Elite(m.Player):\n    def rank(self): return 1\n"
    )
    elite, player = n.Elite("e"), m.Player("p")
    live.edit("m", new("lib.LOG.append(('m', self.name)); self.armour = 1"))
    live.edit(
        "n",
        """
        import m, lib
        class Elite(m.Player):
            def rank(self): return 2
            def __migrate_instance__(self, update):
                super().__migrate_instance__(update)
                lib.LOG.append(("n", self.armour))
        """,
    )
    live.reload("m", "n", **mode)
    assert sorted(log, key=str) == [("m", "e"), ("m", "p"), ("n", 1)]
    assert (elite.rank(), elite.hit(), player.hit()) == (2, ("e", 1), ("p", 1))


def test_a_hook_that_is_gone_from_the_source_does_not_run(live, m, log, mode):
    live.update("m", new("lib.LOG.append(self)"), **mode)
    kept = m.Player("a")
    live.update("m", OLD, **mode)
    assert log == []
    assert kept.name == "a"


@pytest.mark.parametrize("kind", ["staticmethod", "classmethod"])
def test_other_kinds_of_hooks(live, m, log, mode, kind):
    kept = m.Player("a")
    source = new("lib.LOG.append(1)").replace(
        "    def __migrate", f"    @{kind}\n    def __migrate"
    )
    if kind == "staticmethod":
        source = source.replace("(self, update)", "(update)")
    live.update("m", source, **mode)
    assert log == [1]
    assert kept.name == "a"


def test_a_hook_through_a_decorator(live, m, log, mode):
    kept = m.Player("a")
    source = (
        new("lib.LOG.append(helper(self))")
        .replace(
            "class Base",
            "import functools\ndef deco(f):\n    @functools.wraps(f)\n    def w(*a): return f(*a)\n    return w\nclass Base",
        )
        .replace("    def __migrate", "    @deco\n    def __migrate")
    )
    live.update("m", source, **mode)
    assert log == [("new", 2)]
    assert kept.name == "a"


def test_the_warning_about_missing_attributes_is_not_for_classes_with_a_hook(live, m):
    kept = [m.Base("x"), m.Player("a")]
    source = text(OLD).replace("self.name = name", "self.name, self.armour = name, 0")
    live.edit("m", source)
    assert "RSL613" in warned(live.reload("m", execute="changed"), "Base.__init__")
    hook = "class Player(Base):\n    def __migrate_instance__(self, update): pass\n    def __init__(self): self.more = 1\n"
    update = live.update(
        "m", source.replace("class Player(Base):\n", hook), execute="changed"
    )
    assert "RSL613" not in warned(update, "Player.__init__")
    assert len(kept) == 2


def test_frozen_instances(program):
    out = program(
        """
        import gc
        m = live.module("m", "class K:\\n    def f(self): return 1\\n")
        kept = m.K()
        gc.freeze()
        live.update("m", "class K:\\n    def f(self): return 2\\n    def __migrate_instance__(self, update): self.x = 5\\n")
        print(kept.x, kept.f())
        """
    )
    assert out == "5 2\n"


def test_hooks_may_be_called_by_hand(live, m, mode):
    kept = m.Player("a")
    live.update("m", new("self.armour = helper(self)"), **mode)
    kept.armour = 0
    kept.__migrate_instance__(None)
    assert kept.armour == ("new", 2)
