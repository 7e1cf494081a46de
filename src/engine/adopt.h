/* adopt.h -- what running code changed in live objects, as operations that are done.
 * Owns:     nothing.
 * Provides: rs_adopt_is_own, rs_adopt_writes, rs_adopt_snapshot.
 * Depends:  journal.h, writes.h, snapshot.h.
 * Threads:  the updating thread.
 * Invariants:
 *   A1  the records know what was written by address only (B3, P2): where a place holds
 *       something else by now, other than a donor's live object, it is lost, and undoing
 *       finds a conflict there.
 */
#ifndef RS_ADOPT_H
#define RS_ADOPT_H

#include "snapshot.h"
#include "writes.h"

/* Did a snippet make it itself? Then it was not there before, and nobody wants that back. */
int rs_adopt_is_own(const rs_session *s, const PyObject *target);

/* The journal of `s` is committed; the records of what came after the commit first. 0 or
 * -1. */
int rs_adopt_writes(rs_session *s, const rs_writes *w, rs_when when);
int rs_adopt_snapshot(rs_session *s, const rs_snapshot *snap, rs_when when);

#endif
