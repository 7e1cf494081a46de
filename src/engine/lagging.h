/* lagging.h -- frames that still run old code after an update.
 * Owns:     nothing; appends to s->lagging.
 * Provides: rs_frames_lagging.
 * Depends:  session.h, stacks.h, codes.h.
 * Threads:  the updating thread. Frames of other threads are read under the GIL.
 * Invariants:
 *   G1  a frame is counted once: a generator that is running is on a stack, too.
 *   G2  the heap is walked only for code of generators and coroutines that has references
 *       which nothing else explains.
 */
#ifndef RS_LAGGING_H
#define RS_LAGGING_H

#include "session.h"

/* Appends to s->lagging a Lagging for each function of which a frame runs old code.
 * old_codes: old code object -> tuple (module name, qualname). 0, or -1. */
int rs_frames_lagging(rs_session *s, const rs_idmap *old_codes);

#endif
