"""strict=True: what would be a warning refuses the update."""

import pytest

import resoul

OLD = """
RAN = []
def build(): return 1
TABLE = build()
LEFT = 1
KEPT = []
class C:
    def __init__(self): self.a = 1
"""
NEW = """
RAN = []
def build(): return 2
TABLE = build()
KEPT = {}
class C:
    def __init__(self): self.a = self.b = 1
"""
FOUND = {"RSL611", "RSL612", "RSL613", "RSL616"}


@pytest.fixture
def m(live):
    m = live.module("m", OLD)
    m.KEPT.append(m.C())
    live.edit("m", NEW)
    return m


def state(m):
    return {**vars(m), "code": m.build.__code__, "init": m.C.__init__.__code__}


def refused(m, call, **options):
    before = state(m)
    with pytest.raises(resoul.RefusedError) as caught:
        call(m, strict=True, **options)
    assert state(m) == before
    return caught.value


@pytest.mark.parametrize("call", [resoul.reload, resoul.prepare, resoul.check])
def test_all_warnings_are_reasons(m, call):
    error = refused(m, call)
    warnings = resoul.check(m).warnings
    assert {reason.code for reason in error.reasons} == FOUND
    assert [reason[:6] for reason in error.reasons] == [tuple(w) for w in warnings]
    assert all(reason.todo for reason in error.reasons)
    for warning in warnings:
        assert f"{warning.code} m" in str(error)
        assert f"m.py:{warning.lineno})" in str(error)
    assert {w.code for w in resoul.reload(m).warnings} == FOUND
    assert m.build() == 2


def test_a_rehearsal_is_refused(m):
    error = refused(m, resoul.check, rehearse=True)
    assert {reason.code for reason in error.reasons} == FOUND


def test_a_whole_body_is_refused(m):
    codes = {reason.code for reason in refused(m, resoul.reload, execute="all").reasons}
    assert codes == FOUND - {"RSL611"}


def test_what_bodies_did_is_taken_back(live):
    other = live.module("other", "SEEN = []")
    m = live.module("m", "import other\nX = 1\nY = 1")
    live.edit("m", "import other\nX = len(other.SEEN) or other.SEEN.append(1)")
    before = dict(vars(m))
    with pytest.raises(resoul.RefusedError, match=r"RSL612 m\.Y"):
        resoul.reload(m, strict=True, data="take")
    assert vars(m) == before
    assert other.SEEN == []


def test_other_reasons_come_first_and_warnings_with_them(live):
    m = live.module("m", "class C:\n    __slots__ = ('a',)\nX = 1")
    instance = m.C()
    live.edit("m", "class C:\n    __slots__ = ('a', 'b')")
    with pytest.raises(resoul.RefusedError) as caught:
        resoul.reload(m, strict=True)
    assert [r.code for r in caught.value.reasons] == ["RSL201", "RSL612"]
    assert instance.__class__ is m.C


def test_an_update_without_warnings_is_made(live):
    m = live.module("m", "X = 1\ndef f(): return 1")
    live.edit("m", "X = 2\ndef f(): return 2")
    update = resoul.reload(m, strict=True)
    assert update.warnings == []
    assert (m.X, m.f()) == (2, 2)


def test_a_warning_of_the_last_step_refuses_too(live):
    """RSL603 is found when nested functions are planned, after young objects."""
    text = "def make():\n    def inner({}): return 1\n    return inner\nKEEP = make()"
    m = live.module("m", text.format(""))
    code = m.KEEP.__code__
    live.edit("m", text.format("a"))
    with pytest.raises(resoul.RefusedError) as caught:
        resoul.reload(m, strict=True)
    assert {r.code for r in caught.value.reasons} == {"RSL603", "RSL611"}
    assert m.KEEP.__code__ is code
    assert {w.code for w in resoul.reload(m).warnings} == {"RSL603", "RSL611"}


def test_a_warning_that_only_a_hook_brings_about(live):
    """The plan is made again after hooks; what it finds then refuses."""
    m = live.module(
        "m",
        """
        def f(): return 1
        def __before_reload__(update):
            global f
            real = f
            import types
            f = types.FunctionType((lambda: 3).__code__, {"__name__": "tracer"})
            f.real = real
        """,
    )
    path = live.path("m")
    live.edit("m", path.read_text().replace("return 1", "return 2"))
    real = m.f
    with pytest.raises(resoul.RefusedError, match=r"RSL615 m\.f"):
        resoul.reload(m, strict=True)
    assert real() == 1


def test_a_file_that_is_gone_refuses(live):
    m = live.module("m", "X = 1")
    live.module("other", "X = 1")
    live.edit("m", "X = 2")
    live.path("other").unlink()
    with pytest.raises(resoul.RefusedError, match="RSL610 other") as caught:
        resoul.reload(strict=True)
    assert [r.code for r in caught.value.reasons] == ["RSL610"]
    assert m.X == 1
    assert [w.code for w in resoul.reload().warnings] == ["RSL610"]
    assert m.X == 2
