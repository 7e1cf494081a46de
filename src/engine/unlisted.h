/* unlisted.h -- objects that the collector doesn't list: did the bodies make them?
 * Owns:     entries of s->young.
 * Provides: rs_unlisted_add.
 * Depends:  session.h, heap.h.
 * Threads:  the GIL is held; no Python code runs.
 * Invariants:
 *   N2  what an object that is older than the update refers to is not taken for new.
 */
#ifndef RS_UNLISTED_H
#define RS_UNLISTED_H

#include "session.h"

/* Adds to s->young those values of scratch namespaces and donor classes (sentinels, locks)
 * that are new. After rs_match. 0 or -1. */
int rs_unlisted_add(rs_session *s);

#endif
