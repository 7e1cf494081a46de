"""timeout=: what it interrupts, and what it leaves alone. Hanging bodies that undo things
on the way are in test_failure.py."""

import contextlib
import os
import shutil
import subprocess
import sys
import time

import pytest

import resoul


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs LD_PRELOAD")
def test_a_body_that_hangs_where_no_signal_can_be_sent(program, tmp_path):
    # Emulators refuse some signals that can be installed.
    compiler = shutil.which("cc") or pytest.skip("no C compiler")
    (tmp_path / "refuse.c").write_text(
        "int pthread_kill(unsigned long t, int n) { return t == 0 || n != 0 ? 22 : 0; }"
    )
    shim = tmp_path / "refuse.so"
    command = (compiler, "-shared", "-fPIC", "-o", shim, tmp_path / "refuse.c")
    subprocess.run(command, check=True)
    out = program(
        """
        import signal, threading
        try: signal.pthread_kill(threading.get_ident(), signal.SIGRTMAX)
        except OSError as error: print(error.errno)
        m = live.module("m", "X = 1")
        live.edit("m", "while True: pass")
        try: resoul.reload(m, timeout=0.3)
        except resoul.PrepareError as error: print(type(error.__cause__).__name__, m.X)
        for n in range(1000): pass
        """,
        env={"LD_PRELOAD": f"{os.environ.get('LD_PRELOAD', '')} {shim}".strip()},
    )
    assert out.split() == ["22", "TimeoutError", "1"]


def test_no_timeout_arrives_after_a_body_that_was_in_time(live):
    m = live.module("m", "def f(): return 0\n")
    for n in range(20):
        live.edit(
            "m",
            f"import time\nstart = time.monotonic()\nwhile time.monotonic() - start < 0.04: pass\ndef f(): return {n}\n",
        )
        with contextlib.suppress(resoul.PrepareError):
            live.reload("m", timeout=0.045)
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        m.f()


def test_timeout_values(live):
    m = live.module("m", "def f(): return 'old'\n")
    live.update("m", "def f(): return 'new'\n", timeout=None)
    assert m.f() == "new"
    for wrong in (-1, "1", float("nan")):
        with pytest.raises((ValueError, TypeError)):
            live.reload("m", timeout=wrong)


def test_a_first_time_import_is_never_interrupted(live):
    live.write(
        "slow",
        "import time\nstart = time.monotonic()\nwhile time.monotonic() - start < 0.6: pass\nDONE = True\n",
    )
    live.module("m", "")
    with contextlib.suppress(resoul.PrepareError):
        live.update(
            "m", "import slow\nassert slow.DONE\nFINISHED = slow.DONE\n", timeout=0.2
        )
    live.update("m", "import slow\nFINISHED = slow.DONE\n", data="take")
    assert live.load("m").FINISHED
