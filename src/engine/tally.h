/* tally.h -- how often each object is referred to.
 * Owns:     its table, but no reference: whoever counts holds the objects.
 * Provides: rs_tally_add, rs_tally_get, rs_tally_clear.
 * Depends:  compat.h.
 * Threads:  the GIL is held. No Python code runs.
 * Invariants:
 *   V1  what was never counted, or as often uncounted, counts 0; it is never looked into.
 */
#ifndef RS_TALLY_H
#define RS_TALLY_H

#include "compat.h"

typedef struct {
    const void *object;
    Py_ssize_t n;
} rs_tally_entry;

typedef struct {
    rs_tally_entry *entries; /* open addressing; object NULL: empty */
    size_t mask;             /* size of entries - 1 */
    size_t used;             /* also those that count 0 by now */
} rs_tally;

/* 0, or -1 with MemoryError: then it counts too little. */
int rs_tally_add(rs_tally *tally, const void *object, Py_ssize_t n);
Py_ssize_t rs_tally_get(const rs_tally *tally, const void *object);
void rs_tally_clear(rs_tally *tally);

#endif
