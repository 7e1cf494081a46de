"""The script that runs was read before resoul was there."""

import subprocess
import sys

SCRIPT = """
from pathlib import Path
import resoul
X = 1
def f(): return 1
LOG = []
LOG.append(1)
if __name__ == "__main__":
    new = Path(__file__).read_text().replace("def f(): return 1", "def f(): return 2")
    new = new.replace("X = 1", "X = 2", 1) + "    LOG.append(3)\\n"
    Path(__file__).write_text(new)
    update = resoul.reload("__main__")
    print(f(), X, LOG, update.warnings)
    print(sorted((c.action, c.qualname) for c in update.changes))
"""
EXPECTED = """\
2 2 [1] []
[('pending', 'if __name__ == "__main__"'), ('taken', 'X'), ('updated', 'f')]
"""


def test_the_script_itself(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr, done.returncode) == (EXPECTED, "", 0)


def test_a_package_that_imports_resoul(tmp_path):
    package = tmp_path / "app"
    package.mkdir()
    (package / "__init__.py").write_text("import resoul\ndef f(): return 1\n")
    code = (
        "import pathlib, resoul, app\n"
        "path = pathlib.Path(app.__file__)\n"
        "path.write_text('import resoul\\ndef f(): return 2\\n')\n"
        "print(resoul.reload(), app.f())\n"
    )
    # the package begins to run before resoul is there
    done = subprocess.run(
        [sys.executable, "-c", "import app\n" + code],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
    )
    assert done.stdout.endswith(" 2\n"), done.stderr
