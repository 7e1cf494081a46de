"""What an installed resoul has to do wherever it was installed.

make wheel and cibuildwheel run it with the interpreter that has the wheel. It needs
nothing but the standard library, prints a line for each step and raises at the first
that fails. --without-demo: for emulated machines, which are too slow for a game server.
"""

import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import resoul

BEFORE = """
REACH = 30
TABLE = {"pistol": 12}
def damage(gun): return TABLE[gun]
class Player:
    def fire(self): return "bang"
"""
AFTER = """
REACH = 40
TABLE = {"pistol": 14}
def damage(gun, factor=2): return TABLE[gun] * factor
class Player:
    def fire(self): return "BANG"
"""


def main() -> None:
    logging.getLogger("resoul").setLevel(logging.ERROR)
    subprocess.run([sys.executable, "-m", "resoul", "--version"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        reloads(Path(folder) / "smoke_weapons.py")
    if os.name == "posix" and "--without-demo" not in sys.argv:
        demo()


def reloads(file: Path) -> None:
    file.write_text(BEFORE)
    module = __import__(file.stem)
    damage, fire, table = module.damage, module.Player().fire, module.TABLE
    assert (damage("pistol"), fire()) == (12, "bang")

    file.write_text(AFTER)
    update = resoul.reload(
        module, execute="all", data="keep", take=f"{file.stem}.TABLE"
    )
    assert update and module.damage is damage and module.TABLE is table
    assert (damage("pistol"), fire(), module.REACH) == (28, "BANG", 30), update
    print("reload: a function, a method and a table in place")

    live = dict(vars(module))
    for what, source in (
        ("a body that raises", AFTER + "1 / 0\n"),
        ("a body that never ends", AFTER + "while True: pass\n"),
        ("no Python", AFTER + "def (\n"),
    ):
        file.write_text(source)
        try:
            resoul.reload(module, execute="all", timeout=0.5)
        except resoul.PrepareError as error:
            print(f"{what}: {type(error.__cause__).__name__}")
        else:
            raise AssertionError(f"{what} was applied")
        assert vars(module) == live


def demo() -> None:
    words = ("-m", "resoul", "demo", "--bots", "20", "--pace", "0.2")
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
