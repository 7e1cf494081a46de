/* watchdog.h -- the time limit on running module bodies and effects.
 * Owns:     s->watchdog: a thread that waits, and, through wakeup.h, a signal.
 * Provides: rs_watchdog_start, rs_watchdog_stop, rs_watchdog_abandon.
 * Depends:  session.h, stacks.h, wakeup.h.
 * Threads:  start and stop: the updating thread. Stop releases the GIL while it joins.
 * Invariants:
 *   W1  no exception of the watchdog arrives after stop has returned.
 *   W2  nothing arrives while s->importing > 0, or while an effect imports (rule 21); what
 *       was due then comes as soon as that is over.
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

/* In a forked child there is no thread to join: gives up the rest. */
void rs_watchdog_abandon(rs_session *s);

#endif
