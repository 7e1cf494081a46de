"""Has somebody a file open for writing? Linux tells, by leases."""

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def reading(descriptor: int) -> Iterator[bool]:
    """False if somebody has the file open for writing, as far as can be known.

    descriptor  open for reading only

    Where there are no leases (other systems, some file systems, files of others) the
    answer is True. A writer that comes meanwhile waits until the block is left.
    """
    try:
        import fcntl

        set_lease, set_signal = fcntl.F_SETLEASE, fcntl.F_SETSIG
    except (ImportError, AttributeError):
        yield True
        return
    # Who breaks a lease makes the kernel send a signal. SIGIO would end the process;
    # SIGURG is ignored unless somebody asked for it.
    try:
        fcntl.fcntl(descriptor, set_signal, signal.SIGURG)
        fcntl.fcntl(descriptor, set_lease, fcntl.F_RDLCK)
    except BlockingIOError:
        yield False
        return
    except OSError:
        yield True
        return
    try:
        yield True
    finally:
        fcntl.fcntl(descriptor, set_lease, fcntl.F_UNLCK)
