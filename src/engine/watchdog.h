/* watchdog.h -- the time limit on running module bodies.
 * Owns:     s->watchdog: a thread that waits, and, where the updating thread is the main
 *           thread on POSIX, the handler of one unused real-time signal.
 * Provides: rs_watchdog_start, rs_watchdog_stop, rs_watchdog_enter_import,
 *           rs_watchdog_leave_import.
 * Depends:  session.h.
 * Threads:  start and stop: the updating thread. Stop releases the GIL while it joins.
 * Invariants:
 *   W1  no exception of the watchdog arrives after stop has returned.
 *   W2  nothing arrives while s->importing > 0; what was due comes when it is 0 again.
 *   W3  the signal's disposition was the default one before and is so after.
 */
#ifndef RS_WATCHDOG_H
#define RS_WATCHDOG_H

#include "session.h"

/* Starts counting s->timeout seconds (<= 0: never). When they are over, s->timed_out is
 * set and st->PrepareTimeout (a BaseException) is raised in the updating thread, again
 * every 0.1 s until stop. 0, or -1 with an exception. */
int rs_watchdog_start(rs_session *s);

/* Joins. Harmless when not started. Keeps a pending exception. */
void rs_watchdog_stop(rs_session *s);

/* Around a first-time import by the updating thread; these keep s->importing. Leaving the
 * outermost one returns -1 with PrepareTimeout set if the time is over (and no other
 * exception is set). */
void rs_watchdog_enter_import(rs_session *s);
int rs_watchdog_leave_import(rs_session *s);

/* In a forked child there is no thread to join: give up what can be given up. */
void rs_watchdog_abandon(rs_session *s);

#endif
