/* kinds.h -- definitions that changed their kind: holders of the old object follow.
 * Owns:     nothing; s->replaced is filled by names.c.
 * Provides: rs_kinds_plan.
 * Depends:  session.h, heap.h, redirect.h.
 * Threads:  the GIL is held; one walk of the heap, only if something was replaced.
 * Invariants:
 *   Y1  an old object that something may still hold after the commit is reported
 *       (RSL605).
 */
#ifndef RS_KINDS_H
#define RS_KINDS_H

#include "session.h"

/* Live holders of each key of s->replaced get the value instead. After everything else is
 * planned but what rs_redirect_leftovers does. 0 or -1. */
int rs_kinds_plan(rs_session *s);

#endif
