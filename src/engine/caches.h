/* caches.h -- functools.lru_cache: entries that old code computed go.
 * Owns:     nothing; s->caches lists what the match found.
 * Provides: rs_caches_empty.
 * Depends:  session.h, wrappers.h, heap.h.
 * Threads:  the updating thread, right after the commit. Dropping entries may run Python
 *           code.
 * Invariants:
 *   Q1  an update of lines only keeps all entries (rule 13).
 *   Q2  the heap is walked only if nested functions got new code and the source of a unit
 *       names a cache.
 */
#ifndef RS_CACHES_H
#define RS_CACHES_H

#include "session.h"

/* 0 or -1. */
int rs_caches_empty(rs_session *s);

#endif
