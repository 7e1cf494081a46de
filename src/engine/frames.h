/* frames.h -- frames that borrowed a scratch namespace, and frames that run old code.
 * Owns:     st->graveyard: list of graves, each a tuple
 *           (namespace, builtins, weakrefs of generators, deep).
 * Provides: rs_frames_bury, rs_frames_exhume, rs_frames_lagging.
 * Depends:  session.h.
 * Threads:  the updating thread. Frames of other threads are read under the GIL.
 * Invariants:
 *   T6  a scratch dict lives as long as any frame that borrowed it: a frame does not own
 *       its globals, its function does, and the function now has other ones. Suspended
 *       greenlets are in no list: with greenlet loaded nothing is ever released.
 */
#ifndef RS_FRAMES_H
#define RS_FRAMES_H

#include "session.h"

/* For each unit whose scratch dict (or the private builtins) a frame still uses: sets
 * u->borrowed and puts the two into the graveyard. Call after the bodies have run and
 * before the globals of young functions change, with s->young filled; and again before
 * scratch dicts are released, after a success as after a failure. 0, or -1. */
int rs_frames_bury(rs_session *s);

/* Releases graves that no frame uses any more; at the beginning of an update. 0 or -1. */
int rs_frames_exhume(rs_state *st);

/* Appends to s->lagging a Lagging for each function of which a frame runs old code.
 * old_codes: old code object -> tuple (module name, qualname). Running frames of all
 * threads; suspended generators and coroutines by one walk of the heap, made only if an
 * old code object of such a kind has references that nobody explains. 0, or -1. */
int rs_frames_lagging(rs_session *s, const rs_idmap *old_codes);

#endif
