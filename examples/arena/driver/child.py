"""``child.py LIFELINE SCRAP PATH MODULE ...``: run a module that can't be orphaned.

LIFELINE is the reading end of a pipe whose other end only the demo's process holds.
When that process ends, however it ends, the pipe does too: then SCRAP, the temporary
folder, is removed and this process with all that it has started is killed.

PATH takes the place of this script's folder in sys.path; MODULE is run as ``__main__``.
"""

import os
import runpy
import shutil
import signal
import sys
import threading


def follow(lifeline, scrap):
    """Wait for the demo's end, then clean up and go."""
    while os.read(lifeline, 1):
        pass
    while os.path.exists(scrap):
        shutil.rmtree(scrap, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)  # the group that the demo made for this process


def main():
    """Start watching, then become MODULE."""
    lifeline, scrap, path, module = sys.argv[1:5]
    watch = threading.Thread(target=follow, args=(int(lifeline), scrap), daemon=True)
    watch.start()
    sys.path[0] = path
    sys.argv[:] = [module, *sys.argv[5:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
