/* plan.h -- the full list of operations, checked, with all memory reserved.
 * Owns:     nothing; fills s->journal, s->changes, s->notices, s->refusals.
 * Provides: rs_plan_match, rs_plan_make.
 * Depends:  match.h, data.h, class.h, names.h, function.h, nested.h, redirect.h ...
 * Threads:  the GIL is held; sources of importers are read, so that other threads may run
 *           while the plan is made: commit validates.
 * Invariants:
 *   L1  rs_plan_make may be called again: it starts from the matches, not from a plan.
 *   L2  all refusals are found before one is raised.
 */
#ifndef RS_PLAN_H
#define RS_PLAN_H

#include "session.h"

/* Once, after rs_prepare: what is what. 0 or -1. */
int rs_plan_match(rs_session *s);

/* 0; -1 with RefusedError (all reasons) or another exception. */
int rs_plan_make(rs_session *s);

#endif
