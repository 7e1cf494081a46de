/* frames.h -- the graveyard: scratch namespaces that frames have borrowed.
 * Owns:     st->graveyard: list of graves, each a tuple
 *           (namespace or None, builtins, weakrefs of generators, bool: threads used it, or
 *           None: for good).
 * Provides: rs_frames_bury, rs_frames_bury_left, rs_frames_keep, rs_frames_exhume;
 *           lagging.h comes with it.
 * Depends:  session.h, stacks.h.
 * Threads:  the updating thread. Frames of other threads are read under the GIL.
 * Invariants:
 *   T6  a scratch dict lives as long as any frame that borrowed it: a frame does not own
 *       its globals, its function does, and the function now has other ones (hazard 9).
 *       Suspended greenlets are in no list: with greenlet loaded nothing is released.
 */
#ifndef RS_FRAMES_H
#define RS_FRAMES_H

#include "lagging.h"
#include "session.h"

/* For each unit whose scratch dict a frame still uses: sets u->borrowed and puts it into
 * the graveyard, with the private builtins. Call after the bodies have run and before the
 * globals of young functions change; and again before scratch dicts are released, after a
 * success as after a failure; always before rs_heap_end. 0, or -1. */
int rs_frames_bury(rs_session *s);

/* Functions get other namespaces than that of a hotfix by this commit: those that frames
 * still use go into the graveyard. After the commit. 0 or -1. */
int rs_frames_bury_left(rs_session *s);

/* The unit's scratch dict lives for good: a traceback has a frame in it. 0 or -1. */
int rs_frames_keep(rs_session *s, rs_unit *u);

/* Releases graves that no frame uses any more; at the beginning of an update. 0 or -1. */
int rs_frames_exhume(rs_state *st);

#endif
