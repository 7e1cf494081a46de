"""reload() without names: everything whose source is another one now."""

import logging
import os
import sys
import zipfile

import pytest
from test_known import Base, load_by, unrecorded

import resoul
from resoul import _engine

pytestmark = pytest.mark.whole_bodies

SOURCE = "X = 1\ndef f(): return X\n"


@pytest.fixture
def changed(live):
    """What is found among the modules of the test's folder."""

    def find(allowed=lambda name, module: True):
        def ours(name, module):
            file = getattr(module, "__file__", None) or ""
            return file.startswith(str(live.folder)) and allowed(name, module)

        return _engine.changed_sources(ours)

    return find


def test_nothing(live, changed):
    live.module("m", SOURCE)
    live.module("p.__init__", "")
    live.module("p.a", SOURCE)
    assert changed() == ([], [])


def test_edits(live, changed):
    for name in "a", "b", "c":
        live.module(name, SOURCE)
    live.edit("a", SOURCE + "Y = 1\n")
    live.edit("c", "")
    assert changed() == (["a", "c"], [])
    live.reload("a")
    assert changed() == (["c"], [])
    live.edit("a", SOURCE)
    live.edit("c", SOURCE)
    assert changed() == (["a"], [])


def test_contents_count_not_times(live, changed):
    path = live.write("m", SOURCE)
    os.utime(path, (1_000_000, 1_000_000))
    live.load("m")
    os.utime(path)
    assert changed() == ([], [])
    path.write_text(SOURCE.replace("1", "2"))
    os.utime(path, (1_000_000, 1_000_000))
    assert changed() == (["m"], [])
    path.write_text(SOURCE)
    assert changed() == ([], [])


def test_a_failed_update_is_still_to_be_made(live, changed):
    live.module("m", SOURCE)
    with pytest.raises(resoul.PrepareError):
        live.update("m", "1/0")
    assert changed() == (["m"], [])
    live.edit("m", "def f(:")
    assert changed() == (["m"], [])


@pytest.mark.parametrize(
    "data",
    [
        b"# coding: latin-1\nX = '\xe9'\n",
        b"\xef\xbb\xbfX = '\xc3\xa9'\r\n",
        b"X = 1\r\nY = 2\r",
        b"",
    ],
)
def test_after_an_update_text_is_compared(live, changed, data):
    live.module("m", "X = 0\n")
    live.update("m", data)
    assert changed() == ([], [])
    live.edit("m", data + b"# more")
    assert changed() == (["m"], [])
    live.edit("m", b"# coding: nonsense\n")
    assert changed() == (["m"], [])


def test_gone(live, changed):
    for name in "a", "b":
        live.module(name, SOURCE)
    live.path("a").unlink()
    assert changed() == ([], ["a"])


def test_not_allowed(live, changed):
    for name in "a", "b":
        live.module(name, SOURCE)
        live.edit(name, "")
    assert changed(lambda name, module: name != "a") == (["b"], [])
    assert changed(lambda name, module: module is sys.modules["a"]) == (["a"], [])
    with pytest.raises(ZeroDivisionError):
        changed(lambda name, module: 1 / 0)


def test_a_module_of_two_names(live, changed, monkeypatch):
    m = live.module("m", SOURCE)
    monkeypatch.setitem(sys.modules, "m2", m)
    live.edit("m", "")
    assert changed() == (["m"], [])


def test_what_is_no_module(live, changed, monkeypatch):
    monkeypatch.setitem(sys.modules, "m", 3)
    monkeypatch.setitem(sys.modules, "m2", None)
    assert changed() == ([], [])


def test_a_module_that_is_being_imported(live, changed):
    live.write("m", "import m_helper\nm_helper.found = m_helper.find()\n")
    helper = live.module("m_helper", "")
    helper.find = changed
    live.load("m")
    assert helper.found == ([], [])


def test_what_can_not_be_read_is_left_to_the_update(live, changed):
    class Broken(Base):
        broken = False

        def get_data(self, path):
            if self.broken:
                raise PermissionError("not now")
            return super().get_data(path)

    load_by(live, Broken, "m", SOURCE)
    Broken.broken = True
    assert changed() == (["m"], [])
    with pytest.raises(resoul.PrepareError, match="not now"):
        live.reload("m")


def test_interruptions_come_through(live, changed):
    class Interrupted(Base):
        broken = False

        def get_data(self, path):
            if self.broken:
                raise KeyboardInterrupt
            return super().get_data(path)

    load_by(live, Interrupted, "m", SOURCE)
    Interrupted.broken = True
    with pytest.raises(KeyboardInterrupt):
        changed()


def test_loaders_that_give_no_source_are_not_listed(live, changed):
    class Runs(Base):
        def exec_module(self, module):
            exec(self.get_data(self.path), vars(module))

    load_by(live, Runs, "m", SOURCE)
    live.edit("m", "")
    assert changed() == ([], [])


def test_zip(live, changed, monkeypatch):
    archive = live.folder / "modules.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("zipped.py", "X = 1")
    monkeypatch.syspath_prepend(archive)
    import zipped

    assert changed() == ([], [])
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("zipped.py", "X = 2")
    assert changed() == (["zipped"], [])
    assert live.reload("zipped", data="take")
    assert zipped.X == 2
    assert changed() == ([], [])


def test_imported_before_the_recorder(program):
    program(
        """
        import os, pathlib, subprocess, sys
        for name in "early", "untouched":
            path = live.write(name, "def f(): return 1")
            os.utime(path, (1_000_000, 1_000_000))
        code = '''if True:
            import sys, time, pathlib, os
            folder = pathlib.Path(sys.argv[1])
            sys.path.insert(0, str(folder))
            import early, untouched
            time.sleep(0.1)  # older than any clock's tick
            import resoul
            assert not resoul.reload(execute="all")
            (folder / "early.py").write_text("def f(): return 2")
            update = resoul.reload(execute="all")
            assert update.modules == ("early",), update.modules
            assert early.f() == 2
            assert resoul.reload().modules == ()
        '''
        subprocess.run([sys.executable, "-c", code, sys.argv[1]], check=True)
        """
    )


# ---- the face -------------------------------------------------------------------


@pytest.fixture
def only(live):
    before = resoul.configure()
    yield lambda *patterns: resoul.configure(allow=patterns)
    resoul.configure(allow=before.allow, deny=before.deny)


def test_reload_without_names(live, only):
    only("m_*")
    a, b, c = (live.module(f"m_{name}", SOURCE) for name in "abc")
    assert resoul.reload().modules == ()
    live.edit("m_a", SOURCE.replace("return X", "return 5"))
    live.edit("m_b", SOURCE.replace("return X", "return 6"))
    update = resoul.reload(None)
    assert update.modules == ("m_a", "m_b")
    assert (a.f(), b.f(), c.f()) == (5, 6, 1)
    assert not resoul.reload()


@pytest.mark.refuses("RSL610")
def test_a_file_that_is_gone_is_skipped_with_a_warning(live, only, caplog):
    only("m_*")
    live.module("m_a", SOURCE)
    b = live.module("m_b", SOURCE)
    path = live.path("m_a")
    path.unlink()
    with caplog.at_level(logging.WARNING, "resoul"):
        update = resoul.reload(execute="all")
    (warning,) = update.warnings
    assert (warning.code, warning.module) == ("RSL610", "m_a")
    assert warning.filename == str(path)
    assert "RSL610" in caplog.text
    live.edit("m_b", SOURCE.replace("return X", "return 6"))
    update = resoul.reload()
    assert b.f() == 6
    assert [notice.code for notice in update.warnings] == ["RSL610"]
    live.edit("m_b", "1/0")
    caplog.clear()
    with pytest.raises(resoul.PrepareError), caplog.at_level(logging.WARNING, "resoul"):
        resoul.reload()
    assert "RSL610" in caplog.text


def test_base_for_what_is_found(live, only):
    only("m_*")
    live.module("m_a", SOURCE)
    live.edit("m_a", SOURCE.replace("return X", "return 5"))
    assert resoul.reload(base={"m_a": SOURCE})
    with pytest.raises(ValueError, match="exactly one"):
        resoul.reload(base=SOURCE)


def test_modules_that_run_before_resoul_was_imported_are_found_once(live, only):
    only("m")
    m = unrecorded(live, "m", SOURCE)
    assert resoul.reload().modules == ("m",), "its file is newer than resoul"
    assert resoul.reload().modules == ()
    assert m.f() == 1
