"""What `import resoul` leaves in an interpreter: prints a list of differences (JSON)."""

import builtins
import gc
import json
import sys
import threading


def snapshot() -> dict[str, object]:
    """Everything in which tools hook themselves, as far as Python code can look."""
    import importlib._bootstrap_external as external

    tools = [sys.monitoring.get_tool(number) for number in range(6)]
    return {
        "sys.meta_path": list(sys.meta_path),
        "sys.path_hooks": list(sys.path_hooks),
        "builtins": dict(vars(builtins)),
        "gc.callbacks": list(gc.callbacks),
        "gc.get_threshold()": gc.get_threshold(),
        "gc.isenabled()": gc.isenabled(),
        "sys.settrace": sys.gettrace(),
        "sys.setprofile": sys.getprofile(),
        "threading.settrace": threading.gettrace(),
        "sys.monitoring": tools,
        "sys.excepthook": sys.excepthook,
        "threads": threading.enumerate(),
        "sys.getswitchinterval()": sys.getswitchinterval(),
        "import recorder": external._LoaderBasics.exec_module,
    }


def main() -> None:
    import dataclasses  # noqa: F401
    import fnmatch  # noqa: F401
    import logging  # noqa: F401

    before = snapshot()
    import resoul  # noqa: F401

    after = snapshot()
    json.dump([name for name in before if before[name] != after[name]], sys.stdout)


if __name__ == "__main__":
    main()
