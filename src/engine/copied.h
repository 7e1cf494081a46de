/* copied.h -- what decorators copied from a function that has new code, though they did
 *             not run again; and what their caches found.
 * Owns:     nothing; plans operations in s->journal, adds to s->caches.
 * Provides: rs_copied_plan.
 * Depends:  select.h, wrappers.h, journal.h.
 * Threads:  the GIL is held; runs no Python code.
 * Invariants:
 *   X1  only what a wrapper has of the function itself follows: a docstring of its own
 *       stays.
 */
#ifndef RS_COPIED_H
#define RS_COPIED_H

#include "session.h"

/* After the functions are planned. 0 or -1. */
int rs_copied_plan(rs_session *s);

#endif
