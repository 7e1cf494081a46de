"""Functions of updated modules that take part in an update."""

import sys

import pytest

import resoul

LIB = "LOG = []\n"

SOURCE = """\
import lib
VERSION = {v}
_reload_all_data = True
def f(): return {v}
def __before_reload__(update): lib.LOG.append((__name__, "before", {v}, VERSION, f()))
def __after_reload__(update): lib.LOG.append((__name__, "after", {v}, VERSION, f()))
def __reload_failed__(update): lib.LOG.append((__name__, "failed", {v}, VERSION, f()))
"""


def source(version, **hooks):
    text = SOURCE.format(v=version)
    for name, body in hooks.items():
        text += f"def __{name}__(update): {body}\n"
    return text


@pytest.fixture
def lib(live):
    return live.module("lib", LIB)


def test_before_is_old_code_and_after_is_new_code(live, lib):
    live.module("m", source(1))
    live.update("m", source(2))
    assert lib.LOG == [("m", "before", 1, 1, 1), ("m", "after", 2, 2, 2)]


def test_all_modules_before_and_all_after(live, lib):
    for name in "ab":
        live.module(name, source(1))
        live.edit(name, source(2))
    live.reload("a", "b")
    assert [entry[:2] for entry in lib.LOG] == [
        ("a", "before"),
        ("b", "before"),
        ("a", "after"),
        ("b", "after"),
    ]


def test_hooks_get_the_update(live, lib):
    body = "lib.LOG.append(update)"
    live.module("m", source(1, before_reload=body))
    update = live.update("m", source(2, after_reload=body))
    assert [u for u in lib.LOG if isinstance(u, resoul.Update)] == [update, update]


def test_a_before_hook_sees_what_is_planned(live, lib):
    body = "lib.LOG.append(sorted(c.qualname for c in update.changes if c.action == 'updated'))"
    live.module("m", source(1, before_reload=body))
    live.update("m", source(2))
    assert "f" in lib.LOG[0]


def test_a_new_before_hook_does_not_run_but_a_new_after_hook_does(live, lib):
    live.module("m", "import lib\n")
    live.update("m", source(1))
    assert [entry[1] for entry in lib.LOG] == ["after"]


def test_a_before_hook_that_raises_refuses_and_the_others_hear_of_it(live, lib):
    for name in "ab":
        live.module(name, source(1))
    live.module("c", source(1, before_reload="raise ValueError('no')"))
    live.module("d", source(1))
    for name in "abcd":
        live.edit(name, source(2))
    with pytest.raises(resoul.RefusedError) as refused:
        live.reload(*"abcd")
    assert [r.code for r in refused.value.reasons] == ["RSL401"]
    assert isinstance(refused.value.__cause__, ValueError)
    assert [live.load(n).f() for n in "abcd"] == [1] * 4
    heard = [entry for entry in lib.LOG if entry[1] == "failed"]
    assert {("a", "failed", 1, 1, 1), ("b", "failed", 1, 1, 1)} <= set(heard)
    assert "d" not in {entry[0] for entry in lib.LOG}
    assert not any(entry[1] == "after" for entry in lib.LOG)


def test_failed_does_not_run_if_no_before_hook_ran(live, lib):
    live.module("m", source(1))
    with pytest.raises(resoul.PrepareError):
        live.update("m", source(2) + "1 / 0\n")
    live.module("k", source(1) + "class K: pass\n")
    with pytest.raises(resoul.RefusedError):
        live.update("k", source(2) + "class K(dict): pass\n")
    assert lib.LOG == []


def test_an_after_hook_that_raises_undoes_the_update(live, lib):
    a, b = live.module("a", source(1)), live.module("b", source(1))
    before = dict(vars(a))
    live.edit("a", source(2))
    live.edit("b", source(2, after_reload="raise ValueError('late')"))
    with pytest.raises(resoul.UpdateError) as failed:
        live.reload("a", "b")
    assert isinstance(failed.value.__cause__, ValueError)
    assert (a.f(), b.f(), a.VERSION, b.VERSION) == (1, 1, 1, 1)
    assert dict(vars(a)) == before
    assert {entry[:3] for entry in lib.LOG if entry[1] == "failed"} == {
        ("a", "failed", 1),
        ("b", "failed", 1),
    }
    live.edit("b", source(3))
    live.reload("a", "b")
    assert (a.f(), b.f()) == (2, 3)


@pytest.mark.parametrize("hook", ["before_reload", "after_reload", "reload_failed"])
def test_reload_from_a_hook_is_a_clear_error(live, lib, hook):
    body = """
    import resoul
    try: resoul.reload(["m"])
    except resoul.UpdateError as error: lib.LOG.append(str(error))
"""
    live.module("m", source(1, **{hook: body}))
    new = source(
        2, after_reload=body if hook == "after_reload" else "1 / 0 if lib.FAIL else 0"
    )
    lib.FAIL = hook == "reload_failed"
    live.edit("m", new)
    try:
        live.reload("m")
    except resoul.UpdateError:
        assert lib.FAIL
    (message,) = [entry for entry in lib.LOG if isinstance(entry, str)]
    assert "m" in message
    assert "running" in message


def test_exceptions_of_failed_hooks_do_not_hide_the_first_one(live, lib, monkeypatch):
    import sys

    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: seen.append(args.exc_type))
    live.module("a", source(1, reload_failed="raise KeyError('in failed')"))
    live.module("b", source(1, before_reload="raise ValueError('no')"))
    for name in "ab":
        live.edit(name, source(2))
    with pytest.raises(resoul.RefusedError) as refused:
        live.reload("a", "b")
    assert isinstance(refused.value.__cause__, ValueError)
    assert seen == [KeyError]


def test_base_exceptions_in_hooks(live, lib):
    m = live.module("m", source(1, before_reload="raise KeyboardInterrupt"))
    live.edit("m", source(2))
    with pytest.raises((resoul.UpdateError, KeyboardInterrupt)):
        live.reload("m")
    assert m.f() == 1


def test_hooks_that_are_no_functions_are_not_called(live, lib):
    m = live.module(
        "m",
        "import lib\n__before_reload__ = 5\n__after_reload__ = None\ndef f(): return 1\n",
    )
    try:
        live.update(
            "m",
            "import lib\n__before_reload__ = 5\n__after_reload__ = None\ndef f(): return 2\n",
        )
    except resoul.UpdateError:
        assert m.f() == 1
    else:
        assert m.f() == 2


def test_an_after_hook_may_use_everything(live, lib):
    m = live.module("m", source(1))
    live.update(
        "m",
        source(
            2,
            after_reload="import m, json; lib.LOG.append((m.f(), json.dumps(1))); m.STARTED = True",
        ),
    )
    assert lib.LOG[-1] == (2, "1")
    assert m.STARTED is True


def test_a_before_hook_that_changes_what_is_being_planned(live, lib):
    m = live.module(
        "m", source(1, before_reload="import m; m.VERSION = 50; m.late = lambda: 1")
    )
    live.update("m", source(2))
    assert (m.f(), m.VERSION, m.late()) == (2, 2, 1)


def test_hooks_run_even_if_nothing_changed(live, lib):
    live.module("m", source(1))
    assert not live.reload("m")
    assert [entry[1] for entry in lib.LOG] == ["before", "after"]


def test_an_after_hook_that_raises_undoes_what_the_body_did(live, lib):
    m = live.module("m", "import lib\n")
    live.write("brandnew", "")
    live.edit(
        "m",
        """
        import lib, brandnew
        lib.LOG.append("body")
        def __after_reload__(update):
            assert lib.LOG == ["body"]
            raise ValueError
        """,
    )
    with pytest.raises(resoul.UpdateError, match="raised ValueError"):
        live.reload("m")
    assert lib.LOG == []
    assert "brandnew" not in sys.modules
    assert not hasattr(m, "brandnew")
