/* caches.h -- functools.lru_cache and singledispatch: what old code computed goes.
 * Owns:     nothing; s->caches lists what the match found.
 * Provides: rs_caches_empty, rs_caches_forget_stale.
 * Depends:  session.h, wrappers.h, heap.h.
 * Threads:  the updating thread, right after the commit. Dropping entries may run Python
 *           code.
 * Invariants:
 *   Q1  an update of lines only keeps all entries (rule 13).
 *   Q2  the heap is walked only if nested functions got new code and the source of a unit
 *       names a cache.
 *   Q3  modules are searched for dispatchers only if a dict was changed that may be the
 *       registry of one; those that no module nor class has by a name are not found.
 */
#ifndef RS_CACHES_H
#define RS_CACHES_H

#include "session.h"

/* 0 or -1. */
int rs_caches_empty(rs_session *s);

/* What a snippet registered was taken back: dispatchers forget what they found of it. 0 or
 * -1. */
int rs_caches_forget_stale(const rs_session *s);

#endif
