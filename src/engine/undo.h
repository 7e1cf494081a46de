/* undo.h -- an update backwards, as an update of its own.
 * Owns:     s->units of an undo, and its plan.
 * Provides: rs_undo_open, rs_undo_plan, rs_undo_mark; restore.c: rs_undo_settle,
 *           rs_undo_remember, rs_undo_show.
 * Depends:  history.h, backwards.h.
 * Threads:  the updating thread. Planning runs no code of the program.
 * Invariants:
 *   X1  a place that holds what the update wrote gets what it held before; one that holds
 *       that already is passed over; any other is a conflict, and then nothing is undone,
 *       or (keep) that place is left and told of.
 *   X2  what is planned is an ordinary journal: checked, committed and kept like others, so
 *       that it can be undone in the same way.
 */
#ifndef RS_UNDO_H
#define RS_UNDO_H

#include "history.h"

typedef struct {
    rs_entry *entry;
    PyObject *update; /* the face's, of the undo */
    int only_code;
    int keep; /* conflicts="keep" */
} rs_undo_options;

/* `s` is going to undo that entry: it gets its name and units. 0; -1 with an exception: it
 * is not in the history any more, or was undone. */
int rs_undo_open(rs_session *s, const rs_undo_options *options);

/* A new plan. 0; -1 with ConflictError or another exception. */
int rs_undo_plan(rs_session *s);

/* What can't be taken back by the journal, after the commit. 0 or -1. */
int rs_undo_settle(rs_session *s);

/* The undo stands: what was known of the sources goes back. 0 or -1. */
int rs_undo_remember(rs_session *s);

/* Tracebacks show the text that lives, which is not that of the file. 0 or -1. */
int rs_undo_show(rs_session *s);

/* It is in the history: both updates say so. 0 or -1. */
int rs_undo_mark(rs_session *s);

#endif
