/* backwards.h -- one operation of the history, planned backwards.
 * Owns:     nothing; the caller owns the structure.
 * Provides: rs_backwards_op, rs_backwards_known; conflicts.c has rs_conflict_*.
 * Depends:  history.h, op.h, places.h, contents.h.
 * Threads:  the updating thread. No code of the program runs.
 * Invariants:
 *   X1  (undo.h) what was written becomes what was before, what is as before stays, the
 *       rest is a conflict.
 *   X3  what follows from the source as a whole (lines, annotations) is no conflict where a
 *       later update has written it anew: it stays.
 */
#ifndef RS_BACKWARDS_H
#define RS_BACKWARDS_H

#include "history.h"
#include "op.h"
#include "places.h"

typedef struct {
    rs_session *s;
    rs_entry *entry;
    rs_places places;
    PyObject *conflicts; /* list of Conflict */
    PyObject *told;      /* set of (module, qualname): what has a Change */
    rs_idmap left;       /* code that stays as the update made it */
} rs_backwards;

/* Plans the inverse in the session's journal and tells of it. 0 or -1. */
int rs_backwards_op(rs_backwards *b, const rs_op *op);

/* Does the source that is known of the module still come from the update? */
int rs_backwards_known(const rs_state *st, const rs_entry_module *m);

/* ---- conflicts.c ---- */

/* The id of the newest update that came later, changed the same place, and was not undone;
 * '' if none did. NULL with an exception. */
PyObject *rs_conflict_by(const rs_backwards *b, const rs_op *op);
int rs_conflict_add(rs_backwards *b, const rs_op *op);
/* The keys of a dict that others have changed as well. */
int rs_conflict_add_keys(rs_backwards *b, const rs_op *op, PyObject *keys);
/* ConflictError. -1. */
int rs_conflict_raise(const rs_backwards *b);
/* A warning for each of them. 0 or -1. */
int rs_conflict_tell(const rs_backwards *b);

#endif
