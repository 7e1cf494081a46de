/* places.h -- what a place that an update changed is called.
 * Owns:     rs_places: which class has a dict.
 * Provides: rs_places_open, rs_places_close, rs_place_of, rs_place_clear,
 *           rs_place_is_code, rs_place_is_derived.
 * Depends:  history.h, op.h.
 * Threads:  the GIL is held. No code of the program runs.
 * Invariants:
 *   L1  names are for people: where nobody knows one it is empty, and nothing depends on it.
 */
#ifndef RS_PLACES_H
#define RS_PLACES_H

#include "history.h"
#include "op.h"

typedef struct {
    const rs_entry *entry;
    rs_idmap classes; /* namespace -> class, of those that the update touched */
    rs_idmap enums;   /* what belongs to Enums among them: maps, members, their dicts */
} rs_places;

typedef struct {
    PyObject *module;   /* str, '' if nobody knows. Owned */
    PyObject *qualname; /* the same */
    const char *kind;   /* as a Change has it; NULL: it is not worth one */
    const char *what;
} rs_place;

/* judge: rs_place_is_code will be asked. 0 or -1; close it in any case. */
int rs_places_open(rs_places *places, const rs_entry *entry, int judge);
void rs_places_close(rs_places *places);

/* 0 or -1. */
int rs_place_of(const rs_places *places, const rs_op *op, rs_place *place);
void rs_place_clear(rs_place *place);

/* Does the operation change what code means, or data? */
int rs_place_is_code(const rs_places *places, const rs_op *op);

/* Is it a name that every update of the source writes anew: annotations, doc, first line? */
int rs_place_is_derived(const rs_places *places, const rs_op *op);

#endif
