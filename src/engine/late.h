/* late.h -- young objects whose hash changes at commit, because live ones hold them.
 * Owns:     entries of s->late.
 * Provides: rs_late_find, rs_late_plan, rs_late_open, rs_late_close, rs_late_held.
 * Depends:  young.h, journal.h, weaklist.h.
 * Threads:  the GIL is held.
 * Invariants:
 *   A1  weak references to donors, and tuples and frozensets with donors or such
 *       references inside, that somebody who is not young refers to, are changed by the
 *       journal only; other young objects at once.
 *   A2  between open and close they are what they will be after the commit, so that
 *       containers can be filled by their hash. Nothing of the journal's is done then.
 */
#ifndef RS_LATE_H
#define RS_LATE_H

#include "young.h"

/* Fills s->late, before a young holder is rewritten. 0 or -1. */
int rs_late_find(rs_young *young);

/* Appends what becomes of them to s->journal; once in a plan. 0 or -1. */
int rs_late_plan(rs_young *young);

void rs_late_open(rs_session *s);
void rs_late_close(rs_session *s);

/* Adds to `held` what somebody who is not young may find by a hash that is, or will be,
 * another one: s->late, and those of s->changed. 0 or -1. */
int rs_late_held(rs_young *young, rs_idmap *held);

#endif
