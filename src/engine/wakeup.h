/* wakeup.h -- raising an exception in the main thread even while it waits in a system
 * call: time.sleep, lock.acquire, recv.
 * Owns:     while open: the Python-level handler of one signal: a real-time one where the
 *           platform has them, else SIGURG.
 * Provides: rs_wakeup_open, rs_wakeup_send, rs_wakeup_close.
 * Depends:  compat.h. The one place that knows POSIX signals.
 * Threads:  open and close: the main thread. send: any, GIL held.
 * Invariants:
 *   U1  the signal's disposition was the default one, in C and in Python, and is so again
 *       after close; none that was sent is delivered later.
 */
#ifndef RS_WAKEUP_H
#define RS_WAKEUP_H

#include "compat.h"

/* The number of the signal whose handler is `handler` from now on; 0 where there is none
 * to be had (not the main thread, not POSIX, all in use); -1 with an exception. */
int rs_wakeup_open(PyObject *handler);

/* -1, without an exception, if it can't be sent: emulators know some signals by name only. */
int rs_wakeup_send(int signal, unsigned long thread);

/* Keeps a pending exception. An interrupt that arrives just now is not lost. */
void rs_wakeup_close(int signal);

#endif
