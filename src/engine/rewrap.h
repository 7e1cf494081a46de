/* rewrap.h -- wrappers that keep their identity and take the donor's parts.
 * Owns:     nothing; plans operations in s->journal.
 * Provides: rs_rewrap_can, rs_rewrap_plan.
 * Depends:  session.h, wrappers.h, journal.h.
 * Threads:  the GIL is held; runs no Python code.
 * Invariants:
 *   X1  parts are found through the type's own member table, never by a guessed layout.
 */
#ifndef RS_REWRAP_H
#define RS_REWRAP_H

#include "session.h"

/* Can the live object take the donor's parts in place? Exact property and partial. */
int rs_rewrap_can(const rs_state *st, PyObject *live, PyObject *donor);

/* Plans all of s->rewraps (live -> donor): properties, partials and singledispatch
 * functions. 0 or -1. */
int rs_rewrap_plan(rs_session *s);

#endif
