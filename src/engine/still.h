/* still.h -- is what a prepared update was matched on still so when it is to be committed?
 * Owns:     s->still: which live objects had the names that were matched; st->updated: when
 *           each module was updated the last time.
 * Provides: rs_still_note, rs_still_check, rs_still_committed, rs_still_forget.
 * Depends:  session.h, scope.h, select.h, fromimports.h.
 * Threads:  the GIL is held; note and check run no Python code but the import of `opcode`.
 * Invariants:
 *   U1  what the program does to contents (of functions, classes, containers) is no matter:
 *       the plan is made anew. What a name means decides who is matched with whom, and that
 *       can't be made anew, since bodies run once.
 *   U3  the data policy "merge" has decided on what literals said then.
 *   U2  an update of a module that a unit imports may have changed what its body read.
 */
#ifndef RS_STILL_H
#define RS_STILL_H

#include "session.h"

/* The update will wait; it is planned. 0 or -1. */
int rs_still_note(rs_session *s);

/* 0 and s->still is empty; -1 with RefusedError (RSL403) or another exception. */
int rs_still_check(rs_session *s);

/* The units were updated, or their update was undone. 0 or -1. */
int rs_still_committed(rs_session *s);

void rs_still_forget(rs_session *s);

#endif
