/* places.h -- what a place that an update changed is called.
 * Owns:     nothing.
 * Provides: rs_place_of, rs_place_clear, rs_place_is_code.
 * Depends:  history.h, op.h.
 * Threads:  the GIL is held. No code of the program runs.
 */
#ifndef RS_PLACES_H
#define RS_PLACES_H

#include "history.h"
#include "op.h"

typedef struct {
    PyObject *module;   /* str, '' if nobody knows. Owned */
    PyObject *qualname; /* the same */
    const char *kind;   /* as a Change has it; NULL: it is not worth one */
    const char *what;
} rs_place;

/* 0 or -1. */
int rs_place_of(const rs_entry *entry, const rs_op *op, rs_place *place);
void rs_place_clear(rs_place *place);

/* Does the operation change what code means, or data? */
int rs_place_is_code(const rs_entry *entry, const rs_op *op);

#endif
