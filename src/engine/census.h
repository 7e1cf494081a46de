/* census.h -- which functions run the old code that codes.h knows?
 * Owns:     its own result.
 * Provides: rs_census_take, rs_census_clear.
 * Depends:  session.h, codes.h, heap.h, stacks.h.
 * Threads:  the GIL is held; runs no Python code.
 * Invariants:
 *   U1  every live function that runs old code in which something changed is found. What
 *       lies near (reached from the units' dicts) is counted against the references to
 *       the code objects and to the dicts; only if some are left over, the heap is walked,
 *       once, and no further than until all are explained.
 */
#ifndef RS_CENSUS_H
#define RS_CENSUS_H

#include "session.h"

typedef struct {
    rs_idmap paired;    /* functions that the match has paired -> themselves */
    rs_idmap functions; /* all others that were found -> themselves */
} rs_census;

/* Is there anything to do for functions that run the code of note `number`? */
int rs_census_wanted(const rs_session *s, Py_ssize_t number);

/* 0, or -1 with an exception; rs_census_clear in any case. */
int rs_census_take(rs_session *s, rs_census *census);
void rs_census_clear(rs_census *census);

#endif
