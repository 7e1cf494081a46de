/* nested.h -- functions that no definition leads to get their new code as well: closures
 * that a factory made, inner functions of decorators, lambdas in containers (rule 7).
 * Owns:     nothing; plans operations in s->journal.
 * Provides: rs_nested_pair, rs_nested_plan.
 * Depends:  session.h, codes.h, containers.h, census.h, same.h.
 * Threads:  the GIL is held; rs_nested_plan runs no Python code and does not let go of
 *           it, so that closures which other threads make can't slip through if the
 *           commit follows at once.
 * Invariants:
 *   E1  a function that the match has paired is left alone.
 *   E2  code and closure are planned in one operation, and the closure has a cell for
 *       each free variable (hazard 2).
 *   E3  what does not fit stays as it is and is reported (RSL603, RSL604).
 */
#ifndef RS_NESTED_H
#define RS_NESTED_H

#include "session.h"

/* After the match, which pairs the code of what it matches (rs_codes_pair): pair the
 * units' known sources with their new code. May run Python code of the standard library.
 * 0 or -1. */
int rs_nested_pair(rs_session *s);

/* Find live functions that run old code and plan new code for them. As late as possible
 * before the commit. 0 or -1. */
int rs_nested_plan(rs_session *s);

#endif
