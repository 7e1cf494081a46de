"""Every kind of module: same object, its own loader, what the import system gave it."""

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import py_compile
import sys
import types
import zipfile

import pytest
from livefolder import codes, text

import resoul

IMPORT_STATE = (
    "__spec__",
    "__loader__",
    "__file__",
    "__name__",
    "__package__",
    "__cached__",
)


def test_the_module_stays_the_same_object_with_its_import_state(live):
    m = live.module("m", "X = 1\n")
    before = {name: vars(m).get(name) for name in IMPORT_STATE}
    update = live.update("m", "X = 2\n")
    assert sys.modules["m"] is m
    assert {n: v for n, v in before.items() if vars(m).get(n) is not v} == {}
    assert update.modules == ("m",)
    assert m.__spec__.name == "m"


def test_names_module_objects_and_a_single_one(live):
    m = live.module("m", "def f(): return 0\n")
    for n, named in enumerate(("m", m, ["m"], (m,), {"m"}, iter(["m", m]))):
        live.edit("m", f"def f(): return {n}\n")
        update = resoul.reload(named)
        assert m.f() == n
        assert update.modules == ("m",)


def test_the_body_sees_its_own_import_state(live):
    source = "STATE = __name__, __file__, __package__, __spec__, __loader__, __doc__\n"
    m = live.module("m", source)
    live.update("m", '"Doc."\n' + source, data="take")
    assert ("m", m.__file__, "", m.__spec__, m.__loader__, "Doc.") == m.STATE


def test_packages(live):
    live.write(
        "pkg.__init__", "from . import sub\nX = 1\ndef f(): return 'old', sub.f()\n"
    )
    live.write("pkg.sub", "def f(): return 'old'\n")
    live.write("pkg.late", "")
    pkg = live.load("pkg")
    late = live.load("pkg.late")
    path = pkg.__path__
    live.edit(
        "pkg.__init__", "from . import sub\nX = 1\ndef f(): return 'new', sub.f()\n"
    )
    live.edit("pkg.sub", "def f(): return 'new'\n")
    live.reload("pkg.sub", "pkg")
    assert pkg.f() == ("new", "new")
    assert pkg.sub is sys.modules["pkg.sub"]
    assert pkg.late is late, "submodule attributes of packages stay"
    assert pkg.__path__ is path


def test_submodule_attributes_stay_with_take_and_del_func(live):
    live.write("pkg.__init__", "X = 1\n")
    live.write("pkg.sub", "")
    pkg, sub = live.load("pkg"), live.load("pkg.sub")
    update = live.update("pkg.__init__", "_del_func = True\nX = 2\n", data="take")
    assert (pkg.sub, pkg.X) == (sub, 2)
    assert {c.qualname for c in update.changes} == {"X"}


def test_only_the_modules_that_are_asked_for_run(live):
    live.module("other", "RUNS = []\n").RUNS.append(1)
    m = live.module("m", "import other\nother.RUNS.append('m')\n")
    live.edit("other", "raise AssertionError('runs')\n")
    live.update("m", "import other\nother.RUNS.append('again')\ndef f(): pass\n")
    assert m.other.RUNS == [1, "m", "again"]


def test_namespace_packages(live):
    live.write("ns.m", "def f(): return 'old'\n")
    m = live.load("ns.m")
    ns = sys.modules["ns"]
    live.update("ns.m", "def f(): return 'new'\n")
    assert m.f() == "new"
    update = live.reload("ns", "ns.m")
    assert not update
    assert ns.m is m
    assert sys.modules["ns"] is ns
    assert str(live.folder) in next(iter(ns.__path__))


def write_zip(path, source, padding=""):
    with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("padding.txt", padding)
        archive.writestr("zipped.py", source)


def test_zip_imports(live, monkeypatch):
    path = live.folder / "archive.zip"
    write_zip(path, "def f(): return 'old'\n")
    monkeypatch.syspath_prepend(str(path))
    m = live.load("zipped")
    try:
        write_zip(path, "def f():\n    return 'new'\n", padding=os.urandom(5000).hex())
        os.utime(path, (2**31, 2**31))
        live.reload("zipped")
        assert m.f() == "new"
        assert m.f.__code__.co_filename == m.__file__
    finally:
        del sys.modules["zipped"]


@pytest.mark.parametrize(
    "encoding", ["latin-1", "utf-8-sig", "cp1251", "utf-8", "euc-jp"]
)
def test_encodings(live, encoding):
    declared = encoding.removesuffix("-sig")
    letter = {"cp1251": "я", "euc-jp": "あ"}.get(encoding, "é")
    source = f"# -*- coding: {declared} -*-\ndef f(): return 'old {letter}'\n"
    m = live.module("m", source.encode(encoding))
    assert m.f() == f"old {letter}"
    live.update("m", source.replace("old", "new").encode(encoding))
    assert m.f() == f"new {letter}"


def test_windows_line_ends(live):
    m = live.module("m", b"def f():\r\n    return 'old'\r\n")
    live.update("m", b"def f():\r\n    return 'new'\r\n")
    assert m.f() == "new"


def test_two_saves_of_the_same_size_within_one_second(live):
    """The compiled file is keyed by seconds and size: the source counts."""
    path = live.write("m", "def f(): return 1\n")
    stamp = path.stat().st_mtime_ns
    m = live.load("m")
    for n in (2, 3, 4):
        live.edit("m", f"def f(): return {n}\n")
        os.utime(path, ns=(stamp, stamp))
        live.reload("m")
        assert m.f() == n


class DictLoader(importlib.abc.Loader):
    """A loader that knows no source: only exec_module."""

    def __init__(self, sources):
        self.sources = sources

    def find_spec(self, name, path=None, target=None):
        if name in self.sources:
            return importlib.machinery.ModuleSpec(name, self, origin="<dict>")
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        self.ran_in = id(vars(module))
        exec(compile(self.sources[module.__name__], "<dict>", "exec"), vars(module))


class SourceLoader(DictLoader, importlib.abc.InspectLoader):
    def get_source(self, name):
        return self.sources[name]

    exec_module = importlib.abc.InspectLoader.exec_module


@pytest.mark.parametrize("loader_class", [DictLoader, SourceLoader])
def test_other_loaders(live, monkeypatch, loader_class):
    loader = loader_class({"odd": "def f(): return 'old'\nX = 1\n"})
    monkeypatch.setattr(sys, "meta_path", [loader, *sys.meta_path])
    m = live.load("odd")
    try:
        loader.sources["odd"] = "def f(): return 'new'\nX = 2\n"
        live.reload("odd")
        assert m.f() == "new"
        assert m.X == 1
        if loader_class is DictLoader:
            assert loader.ran_in != id(vars(m)), (
                "its exec_module runs on the scratch module"
            )
    finally:
        del sys.modules["odd"]


def test_sourceless_modules(live):
    source = live.write("m", "def f(): return 'old'\n")
    py_compile.compile(str(source), cfile=str(source.with_suffix(".pyc")), doraise=True)
    source.unlink()
    m = live.load("m")
    source = live.write("m", "def f(): return 'new'\n")
    py_compile.compile(str(source), cfile=str(source.with_suffix(".pyc")), doraise=True)
    source.unlink()
    live.reload("m")
    assert m.f() == "new"


def test_module_without_a_folder_on_the_path_any_more(live):
    m = live.module("m", "def f(): return 'old'\n")
    sys.path.remove(str(live.folder))
    live.update("m", "def f(): return 'new'\n")
    assert m.f() == "new"


def test_module_of_another_class(live):
    source = """
        import sys, types
        class Special(types.ModuleType):
            @property
            def computed(self): return "old"
            def __getattr__(self, name): return "got " + name
        sys.modules[__name__].__class__ = Special
        """
    m = live.module("m", source)
    assert (m.computed, m.zork) == ("old", "got zork")
    live.update("m", source.replace("old", "new"))
    assert (m.computed, m.zork) == ("new", "got zork")
    assert type(m) is m.Special


def test_module_getattr_and_dir(live):
    source = (
        "def __getattr__(name): return 'old', name\ndef __dir__(): return ['old']\n"
    )
    m = live.module("m", source)
    assert m.zork == ("old", "zork")
    live.update("m", source.replace("old", "new"))
    assert m.zork == ("new", "zork")
    assert dir(m) == ["new"]


def test_a_module_that_put_another_object_into_sys_modules(live):
    live.write("m", "import sys\nclass M: X = 1\nsys.modules[__name__] = M()\n")
    live.load("m")
    with pytest.raises(resoul.RefusedError):
        live.reload("m")
    del sys.modules["m"]


MAIN = """\
import pathlib, sys, {imports}
def f(): return "old"
X = 1
if __name__ == "__main__":
    RUNS = globals().get("RUNS", 0) + 1
    held = f
    me = pathlib.Path(__file__)
    me.write_text(me.read_text().replace('return "o' + 'ld"', 'return "ne' + 'w"'))
    update = resoul.reload("__main__")
    assert update.modules == ("__main__",)
    print(held(), held is f, RUNS, X, __name__)
"""


def test_main_as_a_script(program, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(MAIN.format(imports="resoul"))
    out = program(
        """
        import subprocess
        print(subprocess.check_output([sys.executable, sys.argv[2]], text=True), end="")
        """,
        str(script),
    )
    assert out == "new True 1 1 __main__\n"


def test_main_as_a_module_of_a_package(program, tmp_path):
    package = tmp_path / "app"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "part.py").write_text("")
    (package / "__main__.py").write_text(
        MAIN.format(imports="resoul") + "from . import part\n"
    )
    out = program(
        """
        import subprocess
        done = subprocess.check_output([sys.executable, "-m", "app"], text=True, cwd=sys.argv[2])
        print(done, end="")
        """,
        str(tmp_path),
    )
    assert out == "new True 1 1 __main__\n"


def test_a_script_that_others_import_from(program):
    """__main__ reloaded from another thread of control, while its body still runs."""
    out = program(
        """
        import pathlib, __main__
        class K:
            def f(self): return "o" "ld"
        k = K()
        text = pathlib.Path(__file__).read_text()
        if __name__ == "__main__" and "helper" not in sys.modules:
            live.module("helper", "import resoul\\ndef go(): return resoul.reload('__main__')\\n")
            pathlib.Path(__file__).write_text(text.replace('"o" "ld"', '"ne" "w"'))
            import helper
            helper.go()
            print(k.f(), type(k) is K)
        """
    )
    assert out == "new True\n"


@pytest.mark.refuses("RSL103")
@pytest.mark.parametrize(
    "name", ["sys", "builtins", "_frozen_importlib", "zipimport", "_struct"]
)
def test_built_in_frozen_and_extension_modules_are_refused(program, name):
    out = program(
        f"""
        import importlib
        importlib.import_module({name!r})
        resoul.configure(allow=["*"])
        try: resoul.reload([{name!r}])
        except resoul.RefusedError as error:
            print([(r.code, r.module) for r in error.reasons])
        """
    )
    assert eval(out) == [("RSL103", name)]


@pytest.mark.refuses("RSL104")
def test_a_module_whose_file_is_gone_is_refused(live):
    m = live.module("m", "def f(): return 'old'\n")
    live.path("m").unlink()
    with pytest.raises(resoul.RefusedError) as refused:
        live.reload("m")
    (reason,) = refused.value.reasons
    assert (reason.code, reason.module) == ("RSL104", "m")
    assert reason.filename == m.__file__
    assert m.f() == "old"


@pytest.mark.refuses("RSL102")
@pytest.mark.parametrize("name", ["json", "pytest", "logging.handlers"])
def test_the_standard_library_and_site_packages_are_not_allowed(live, name):
    importlib.import_module(name)
    with pytest.raises(resoul.RefusedError) as refused:
        live.reload(name)
    assert codes(refused.value) == {"RSL102"}


@pytest.mark.refuses("RSL102")
def test_configure(program):
    out = program(
        """
        import json
        for name in ("game.core", "game.ui", "tool"):
            live.write(name, "")
            live.load(name)

        def allowed(*names):
            found = ""
            for name in names:
                try: resoul.reload([name])
                except resoul.RefusedError as error:
                    assert {r.code for r in error.reasons} == {"RSL102"}, error
                    found += "-"
                else: found += "+"
            print(found)

        names = "game.core", "game.ui", "tool", "json.encoder"
        allowed(*names)
        resoul.configure(deny=["game.u*"])
        allowed(*names)
        resoul.configure(allow=["game.*", "json.*"], deny=["game.u*"])
        allowed(*names)
        """
    )
    assert out.split() == ["+++-", "+-+-", "+--+"]


def test_module_source_with_a_bom_null_or_wrong_encoding_is_a_prepare_error(live):
    m = live.module("m", "def f(): return 'old'\n")
    for source in (b"x = '\xff'\n", b"# coding: nonsense\n", b"x = 1\x00\n"):
        with pytest.raises(resoul.PrepareError) as failed:
            live.update("m", source)
        assert isinstance(
            failed.value.__cause__, SyntaxError | ValueError | UnicodeError
        )
        assert m.f() == "old"


def test_new_filename_of_code(live):
    m = live.module("m", text("def f(): pass\n"))
    live.update("m", "def f(): return lambda: 1\n")
    assert m.f.__code__.co_filename == m.f().__code__.co_filename == m.__file__


def test_a_module_loaded_from_a_path_of_its_own(live):
    path = live.write("plugin_file", "def f(): return 'old'\n")
    spec = importlib.util.spec_from_file_location("plugin", path)
    m = importlib.util.module_from_spec(spec)
    sys.modules["plugin"] = m
    try:
        spec.loader.exec_module(m)
        live.edit("plugin_file", "def f(): return 'new'\n")
        live.reload("plugin")
        assert m.f() == "new"
    finally:
        del sys.modules["plugin"]


def test_a_lazily_loaded_module(live):
    live.write("lazy_one", "def f(): return 'old'\n")
    spec = importlib.util.find_spec("lazy_one")
    spec.loader = importlib.util.LazyLoader(spec.loader)
    m = importlib.util.module_from_spec(spec)
    sys.modules["lazy_one"] = m
    spec.loader.exec_module(m)
    live.edit("lazy_one", "def f(): return 'new'\n")
    with contextlib.suppress(resoul.RefusedError):
        live.reload("lazy_one")
    assert m.f() == "new"


def test_a_module_that_code_made_without_a_spec(live):
    path = live.write("made_file", "def f(): return 'old'\n")
    m = types.ModuleType("made")
    m.__file__ = str(path)
    exec(compile(path.read_text(), str(path), "exec"), vars(m))
    sys.modules["made"] = m
    try:
        live.edit("made_file", "def f(): return 'new'\n")
        try:
            live.reload("made")
        except resoul.RefusedError as error:
            assert codes(error) == {"RSL104"}
            assert m.f() == "old"
        else:
            assert m.f() == "new"
    finally:
        del sys.modules["made"]


def test_a_file_that_an_editor_replaces(live):
    m = live.module("m", "def f(): return 'old'\n")
    other = live.write("other", "def f(): return 'new'\n")
    os.replace(other, live.path("m"))
    live.reload("m")
    assert m.f() == "new"


def test_an_emptied_module_keeps_everything(live):
    m = live.module("m", "X = 1\ndef f(): return 'f'\nclass K: pass\n")
    before = dict(vars(m))
    assert not live.update("m", "")
    assert not live.update("m", "# only a comment\n")
    assert {n: v for n, v in before.items() if vars(m)[n] is not v} == {}


def test_a_large_module(live):
    one = "def f{0}(x=1): return {{0}}, {0}, lambda: x\nclass K{0}:\n    def m(self): return {{0}}, __class__\n"
    source = "".join(one.format(n) for n in range(400))
    m = live.module("m", source.format("'old'"))
    instances = [getattr(m, f"K{n}")() for n in range(400)]
    update = live.update("m", source.format("'new'"))
    assert [k.m() for k in instances] == [("new", type(k)) for k in instances]
    assert {getattr(m, f"f{n}")()[0] for n in range(400)} == {"new"}
    assert len(update.changes) == 800


def test_a_body_that_removes_or_replaces_its_module(live):
    for act in ("del sys.modules['m']", "sys.modules['m'] = object()"):
        m = live.module("m", "def f(): return 'old'\n")
        try:
            live.update("m", f"import sys\n{act}\ndef f(): return 'new'\n")
        except resoul.UpdateError:
            assert m.f() == "old"
            assert sys.modules["m"] is m
        else:
            assert m.f() == "new"
        sys.modules.pop("m", None)


def test_a_body_that_runs_event_loops_threads_and_processes(program):
    out = program(
        """
        m = live.module("m", "")
        live.update("m", '''
        import asyncio, concurrent.futures, multiprocessing
        async def c(): return 5
        LOOP = asyncio.run(c())
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            POOL = list(pool.map(lambda x: (x, c.__name__), range(3)))
        def work(x): return 2 * x
        fork = multiprocessing.get_context("fork")
        queue = fork.SimpleQueue()
        process = fork.Process(target=lambda: queue.put(work(21)))
        process.start()
        CHILD = queue.get()
        process.join()
        ''')
        print(m.LOOP, m.POOL, m.CHILD, m.process.exitcode)
        """
    )
    assert out == "5 [(0, 'c'), (1, 'c'), (2, 'c')] 42 0\n"
