/* originals.h -- functions whose names mean something else at the moment.
 * Owns:     nothing; fills s->map and s->pairs.
 * Provides: rs_match_originals.
 * Depends:  match.h, foreign.h, heap.h.
 * Threads:  the GIL is held; one walk of the heap, only if something is covered.
 * Invariants:
 *   O1  a function that a mock covers gets its new code: it comes back when the mock is
 *       taken off.
 */
#ifndef RS_ORIGINALS_H
#define RS_ORIGINALS_H

#include "session.h"

/* After the names of the unit are matched. 0 or -1. */
int rs_match_originals(rs_session *s, rs_unit *u);

#endif
