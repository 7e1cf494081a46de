"""configure(), RESOUL_CONFIG and the arguments of a call: which says what."""

import dataclasses
import importlib
import os
import re
import subprocess
import sys
import textwrap

import pytest

import resoul
from resoul import _config

SUBJECT = """
    live.write("m", "X = 1")
    m = live.load("m")

    def x(**options):
        resoul.reload("m", data="take")  # whatever it was
        assert m.X == 1
        live.edit("m", "X = 2")
        resoul.reload("m", **options)
        live.edit("m", "X = 1")
        return {1: "keep", 2: "take"}[m.X]
"""


@pytest.fixture(autouse=True)
def same_configuration():
    before = resoul.configure()
    yield
    assert resoul.configure(**dataclasses.asdict(before)) == before


@pytest.fixture
def start(tmp_path):
    """Import resoul in a new process with RESOUL_CONFIG; returns (status, stderr)."""

    def run(path, *, folder=tmp_path, code="import resoul"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "RESOUL_CONFIG": str(path)},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        content
        if isinstance(content, bytes)
        else textwrap.dedent(content).encode("utf-8")
    )
    return path


# -- configure() -----------------------------------------------------------------------


def test_the_configuration_without_a_word():
    assert resoul.configure() == resoul.Configuration(
        allow=None, deny=(), data="merge", execute="changed", strict=False, timeout=10
    )


def test_the_configuration_can_be_read_but_not_written():
    configuration = resoul.configure()
    with pytest.raises(dataclasses.FrozenInstanceError):
        configuration.timeout = 3
    hash(resoul.configure(data={"a": "keep"}, allow=["b"]))


def test_what_is_not_given_stays():
    resoul.configure(deny=["a.*"], timeout=3)
    resoul.configure(allow="b")
    assert resoul.configure() == resoul.Configuration(
        allow=("b",), deny=("a.*",), timeout=3
    )
    resoul.configure(allow=None, deny=(), timeout=None)
    assert resoul.configure() == resoul.Configuration(timeout=None)


def test_what_was_given_is_copied():
    patterns, policies = ["a"], {"b": "take"}
    resoul.configure(allow=patterns, deny=iter(["c"]), data=policies)
    patterns.append("x")
    policies["y"] = "take"
    assert resoul.configure() == resoul.Configuration(
        allow=("a",), deny=("c",), data=(("b", "take"),)
    )


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"allow": 3}, TypeError, "allow must be a pattern .* not int"),
        ({"allow": [3]}, TypeError, "allow must hold patterns .* not int"),
        ({"allow": ["a", ""]}, ValueError, "allow holds an empty pattern"),
        ({"deny": None}, TypeError, "deny must be a pattern .* not NoneType"),
        ({"deny": [b"a"]}, TypeError, "deny must hold patterns .* not bytes"),
        ({"deny": ""}, ValueError, "deny holds an empty pattern"),
        ({"data": None}, TypeError, "data must be a policy, .* not NoneType"),
        ({"data": ["keep"]}, TypeError, "data must be a policy, .* not list"),
        ({"data": "kept"}, ValueError, "data='kept' .* only .*keep.* or .*merge"),
        ({"data": {"a": 1}}, TypeError, r"data\['a'\] must be a str, not int"),
        ({"data": {"a": "b"}}, ValueError, r"data\['a'\]='b' is not supported"),
        ({"data": {"": "keep"}}, ValueError, "data holds an empty pattern"),
        ({"data": {3: "keep"}}, TypeError, "data must hold patterns .* not int"),
        (
            {"data": {"*": "keep", "a.*": "take"}},
            ValueError,
            "data: .* come last: 'a.*' would never count",
        ),
        ({"execute": True}, TypeError, "execute must be a str, not bool"),
        (
            {"execute": "some"},
            ValueError,
            "execute='some' .* only .*all.* or .*changed",
        ),
        ({"strict": 1}, TypeError, "strict must be a bool, not int"),
        ({"timeout": "3"}, TypeError, "timeout must be a number .* not str"),
        ({"timeout": True}, TypeError, "timeout must be a number .* not bool"),
        ({"timeout": 0}, ValueError, "timeout=0 must be more than 0"),
        ({"timeout": float("nan")}, ValueError, "timeout=nan must be more than 0"),
    ],
)
def test_what_cannot_be_changes_nothing(options, error, words):
    before = resoul.configure()
    with pytest.raises(error, match=words):
        resoul.configure(**{"allow": "good", "timeout": 5, **options})
    assert resoul.configure() == before


def test_an_unknown_option_is_an_error():
    with pytest.raises(TypeError, match="alow"):
        resoul.configure(alow=["a"])


# -- precedence ------------------------------------------------------------------------


def test_call_before_configure_before_file_before_default(program, tmp_path):
    file = write(tmp_path / "resoul.toml", 'data = "take"\ntimeout = 7')
    out = program(
        SUBJECT
        + """
    print(resoul.configure().timeout, x(), x(data="keep"))
    resoul.configure(data="keep")
    print(resoul.configure().timeout, x(), x(data="take"))
    resoul.configure(timeout=8)
    print(resoul.configure().timeout)
    """,
        env={"RESOUL_CONFIG": str(file)},
    )
    assert out.split() == ["7.0", "take", "keep", "7.0", "keep", "take", "8.0"]
    out = program(SUBJECT + "    print(resoul.configure().timeout, x())")
    assert out.split() == ["10", "take"]  # merged: nobody had changed it


def test_the_timeout_of_the_configuration_is_kept(live):
    live.module("m", "")
    resoul.configure(timeout=0.2)
    with pytest.raises(resoul.PrepareError):
        live.update("m", "while True: pass")
    resoul.configure(timeout=60)
    with pytest.raises(resoul.PrepareError):
        live.update("m", "while True: pass", timeout=0.2)


def test_strict_is_configured_and_said(live):
    m = live.module("m", "X = 1")
    live.edit("m", "")
    resoul.configure(strict=True)
    with pytest.raises(resoul.RefusedError, match="RSL612"):
        resoul.reload(m)
    assert resoul.reload(m, strict=False).warnings


# -- policies by module ----------------------------------------------------------------


@pytest.mark.whole_bodies
def test_the_first_pattern_that_fits_decides(live):
    names = ("game.tables.guns", "game.tables.maps", "game.tables", "game.state", "x")
    for package in ("game", "game.tables"):
        live.write(f"{package}.__init__", "X = 1")
    for name in names:
        if name != "game.tables":
            live.write(name, "X = 1")
    modules = [live.load(name) for name in names]
    for name in names:
        live.edit("game.tables.__init__" if name == "game.tables" else name, "X = 2")
    resoul.configure(
        data={"game.tables.maps": "keep", "game.tables.*": "take", "x": "take"}
    )
    resoul.reload(modules)
    assert {m.__name__: m.X for m in modules} == {
        "game.tables.guns": 2,
        "game.tables.maps": 1,
        "game.tables": 2,  # nothing fits: merged
        "game.state": 2,
        "x": 2,
    }
    resoul.configure(data={"game.*": "keep", "*": "take"})
    resoul.reload(modules, data="take")
    assert {m.X for m in modules} == {2}


@pytest.mark.whole_bodies
def test_a_class_follows_the_policy_of_its_module(live):
    source = "class K:\n    X = {}\n    Y = [{}]\n"
    a, b = live.module("a", source.format(1, 1)), live.module("b", source.format(1, 1))
    live.edit("a", source.format(2, 2))
    live.edit("b", source.format(2, 2))
    resoul.configure(data={"a": "take", "b": "keep"})
    update = resoul.reload([a, b])
    assert (a.K.X, a.K.Y, b.K.X, b.K.Y) == (2, [2], 1, [1])
    assert {c.qualname for c in update.changes if c.action == "kept"} == {"K.X", "K.Y"}


def test_a_module_that_speaks_for_itself_is_obeyed(live):
    m = live.module("m", "A = 1\nB = 1\n")
    resoul.configure(data={"m": "take"})
    live.update("m", '_reload_data = {"A"}\nA = 2\nB = 2\n')
    assert (m.A, m.B) == (2, 1)


@pytest.mark.whole_bodies
def test_a_name_that_another_module_imported_follows_the_policy_of_its_origin(live):
    a = live.module("a", "X = 1\nY = 1\n")
    b = live.module("b", "from a import X, Y\n")
    live.edit("a", "X = 2\nY = 2\n")
    resoul.configure(data={"a": "keep", "b": "take"})
    resoul.reload([a, b])
    assert (a.X, b.X) == (1, 1)
    resoul.configure(data={"a": "take", "b": "keep"})
    resoul.reload([a, b])
    assert (a.X, b.X) == (2, 2)


def test_an_alias_is_no_way_around_deny(live, monkeypatch):
    module = live.module("guarded", "X = 1\n")
    monkeypatch.setitem(sys.modules, "alias_of_it", module)
    resoul.configure(deny="guarded")
    try:
        for asked in ("guarded", "alias_of_it", module):
            with pytest.raises(resoul.RefusedError, match="RSL102"):
                resoul.reload(asked, execute="all")
        resoul.configure(deny=(), allow="alias_*")
        assert resoul.reload("alias_of_it", execute="all").state == "committed"
    finally:
        resoul.configure(deny=(), allow=None)


@pytest.mark.parametrize("module", ["alias", None])
def test_the_policy_is_asked_about_the_module_and_not_its_alias(
    live, module, monkeypatch
):
    m = live.module("m", "X = 1")
    monkeypatch.setitem(sys.modules, "alias", m)
    resoul.configure(data={"m": "take", "alias": "keep"})
    live.edit("m", "X = 2")
    resoul.reload(module or m)
    assert m.X == 2


def _fails(name):
    raise KeyError(name)


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (lambda name: "merge!", ValueError, 'policy of m: "keep", .* not .merge!'),
        (lambda name: None, ValueError, "not None"),
        (_fails, KeyError, "m"),
    ],
)
def test_the_engine_takes_no_other_policy(live, monkeypatch, data, error, words):
    m = live.module("m", "X = 1")
    live.edit("m", "X = 2")
    resolve = _config.resolve
    with monkeypatch.context() as patch:
        patch.setattr(
            _config,
            "resolve",
            lambda **options: dataclasses.replace(resolve(**options), data=data),
        )
        with pytest.raises(error, match=words):
            resoul.reload(m)
    assert m.X == 1
    resoul.reload(m, data="take")
    assert m.X == 2


# -- the file --------------------------------------------------------------------------

ALL = """
allow = ["game.*", "tool"]
deny = "game.vendor.*"
execute = "changed"
strict = true
timeout = inf

[data]
"game.tables.*" = "take"
"game.levels" = "merge"
"*" = "keep"
"""
SHOW = "import resoul; print(resoul.configure())"


def in_section(content):
    return "[project]\nname = 'x'\n[tool.resoul]\n" + content.replace(
        "[data]", "[tool.resoul.data]"
    )


@pytest.mark.parametrize("name", ["resoul.toml", "pyproject.toml", "conf/live.conf"])
def test_the_file_may_say_all_that_configure_may(start, tmp_path, name):
    file = write(tmp_path / name, in_section(ALL) if name == "pyproject.toml" else ALL)
    expected = resoul.Configuration(
        allow=("game.*", "tool"),
        deny=("game.vendor.*",),
        data=(("game.tables.*", "take"), ("game.levels", "merge"), ("*", "keep")),
        execute="changed",
        strict=True,
        timeout=None,
    )
    assert start(file, code=SHOW) == (0, f"{expected}\n")
    # Relative to the working directory at the time of the import.
    assert start(name, code=SHOW) == (0, f"{expected}\n")
    moved = "import os; os.chdir('/'); import resoul"
    assert start(name, code=moved)[0] == 1


def test_an_empty_variable_names_no_file(start):
    assert start("", code=SHOW) == (0, f"{resoul.Configuration()}\n")


def test_an_empty_file_says_nothing(start, tmp_path):
    file = write(tmp_path / "resoul.toml", "# nothing yet\n")
    assert start(file, code=SHOW) == (0, f"{resoul.Configuration()}\n")
    file = write(tmp_path / "pyproject.toml", "[tool.resoul]\n")
    assert start(file, code=SHOW) == (0, f"{resoul.Configuration()}\n")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("resoul.toml", None, "can't be read: No such file"),
        (".", None, "can't be read: Is a directory"),
        ("resoul.toml", "allow = [}", "is not valid TOML: .*line 1"),
        ("resoul.toml", b"deny = '\xff'", "is not valid TOML: 'utf-8' codec"),
        ("resoul.toml", "alow = []", "'alow' is no option; there are allow, deny"),
        ("resoul.toml", "data = 3", "data must be a policy, .* not int"),
        ("resoul.toml", "data = 'x'", "data='x' is not supported, only"),
        ("resoul.toml", "allow = [3]", "allow must hold patterns .* not int"),
        ("resoul.toml", "timeout = '5'", "timeout must be a number of seconds"),
        ("resoul.toml", "timeout = -1", "timeout=-1 must be more than 0"),
        (
            "resoul.toml",
            "[data]\ngame.tables = 'take'",
            r"data\['game'\] must be a str, not dict; a pattern with dots .* in quotes",
        ),
        (
            "resoul.toml",
            "[tool.resoul]\ntimeout = 5",
            "'tool' is no option; .*; only a file that is called pyproject.toml",
        ),
        ("pyproject.toml", "timeout = 5", r"\[tool.resoul\] is missing"),
        ("pyproject.toml", "tool = 5", r"\[tool.resoul\] is missing"),
        ("pyproject.toml", "[tool]\nresoul = 5", "must be a table, not int"),
        (
            "pyproject.toml",
            "[tool.resoul]\nstrict = 'yes'",
            r"\[tool.resoul\]: strict must be a bool, not str",
        ),
    ],
)
def test_a_file_with_a_mistake_is_an_error(start, tmp_path, name, content, words):
    file = tmp_path / name
    if content is not None:
        write(file, content)
    status, errors = start(file)
    assert status == 1
    last = errors.strip().splitlines()[-1]
    assert last.startswith(f"ValueError: RESOUL_CONFIG: {file}")
    assert re.search(words, last), last


def test_after_a_mistake_the_next_import_tries_again(start, tmp_path):
    file = tmp_path / "resoul.toml"
    code = """
import pathlib
for content in (None, "timeout = 0", "timeout = 5"):
    if content: pathlib.Path("resoul.toml").write_text(content)
    try: import resoul
    except ValueError as error: print(str(error)[-23:])
print(resoul.configure().timeout)
"""
    status, out = start(file, code=code)
    assert status == 0, out
    assert out.splitlines()[-1] == "5.0" and len(out.splitlines()) == 3


@pytest.mark.parametrize("linked", ["file", "folder", "nothing"])
def test_what_leads_to_a_library_is_one(tmp_path, monkeypatch, linked):
    library, folder = tmp_path / "site-packages", tmp_path / "own"
    library.mkdir()
    (library / "installed.py").write_text("X = 1\n")
    if linked == "folder":
        folder.symlink_to(library, target_is_directory=True)
    elif linked == "file":
        folder.mkdir()
        (folder / "installed.py").symlink_to(library / "installed.py")
    monkeypatch.syspath_prepend(library if linked == "nothing" else folder)
    module = importlib.import_module("installed")
    try:
        for _ in range(2):
            with pytest.raises(resoul.RefusedError, match="RSL102"):
                resoul.reload(module, execute="all")
    finally:
        del sys.modules["installed"]
