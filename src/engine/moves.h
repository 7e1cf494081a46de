/* moves.h -- definitions that did not change but stand on other lines now.
 * Owns:     nothing; plans operations in s->journal and reports them.
 * Provides: rs_moves_plan.
 * Depends:  select.h, journal.h (rs_plan_lines), moved.h.
 * Threads:  the GIL is held.
 */
#ifndef RS_MOVES_H
#define RS_MOVES_H

#include "session.h"

/* 0 or -1. */
int rs_moves_plan(rs_session *s);

#endif
