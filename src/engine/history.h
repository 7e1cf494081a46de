/* history.h -- the updates that can be undone.
 * Owns:     st->history: its newest entries, oldest first. An entry owns the journal of its
 *           update, what was known of the sources before it, and the face's Update; all of
 *           that goes when the entry is dropped, though the Update may live on.
 * Provides: rs_entry, rs_history_open, rs_history_add, rs_history_limit,
 *           rs_history_list, rs_history_drop, rs_history_clear, rs_entry_make_type;
 *           history_refs.c: rs_history_holds, rs_history_known, rs_history_uncount;
 *           history_name.c: rs_history_name, rs_history_name_entry.
 * Depends:  session.h, journal.h, tally.h.
 * Threads:  the GIL is held; adding: the updating thread.
 * Invariants:
 *   E1  entries are no GC objects and hold no live containers of their own: no walk finds
 *       their references, so rs_history_holds has to be asked (as N1 of session.h). Each
 *       entry is counted once, when somebody asks the first time.
 *   E2  what an update made only to prepare itself (donors) is in no entry.
 *   E3  dropping runs the program's finalizers, so it is done without the update lock.
 */
#ifndef RS_HISTORY_H
#define RS_HISTORY_H

#include "session.h"

/* What was known of one module. Owned. */
typedef struct {
    PyObject *name;
    PyObject *module;
    PyObject *filename;
    PyObject
        *before; /* known.h: the entry before the update, or NULL: there was none */
    PyObject *source;  /* its text or bytes afterwards, or NULL */
    PyObject *waiting; /* pending.h: the same */
    PyObject *waiting_after;
} rs_entry_module;

typedef struct rs_entry {
    PyObject_HEAD
    rs_journal journal;
    rs_update_kind kind;
    PyObject *label;  /* name of the update */
    PyObject *digest; /* full */
    PyObject *id;     /* name@3f9c */
    PyObject *update; /* the face's; NULL: dropped */
    rs_entry_module *modules;
    Py_ssize_t n_modules;
    rs_idmap codes;   /* old code -> new code */
    PyObject *caches; /* tuple of lru_caches, or NULL */
    PyObject *abcs;   /* tuple of (class, what was registered with it), or NULL */
    struct rs_entry *undoes; /* an undo: of what. Owned */
    int undone;              /* by an entry that is not undone itself */
    int partly;              /* something was left when it was undone */
    int counted;             /* E1 */
} rs_entry;

PyObject *rs_entry_make_type(PyObject *engine);

/* A committed update that nothing can fail any more. Before rs_source_remember and
 * rs_pending_remember ... */
rs_entry *rs_history_open(rs_session *s);
/* ... and after them: takes over s->journal, or nothing if the update changed nothing.
 * Steals `entry` (NULL is passed over). 0 or -1. */
int rs_history_add(rs_session *s, rs_entry *entry);

/* So many updates are kept, and so many undos. 0 or -1. */
int rs_history_limit(rs_state *st, Py_ssize_t limit);

/* The Updates, newest first: a list. */
PyObject *rs_history_list(rs_state *st);

/* How many strong references the history has to `op`. */
Py_ssize_t rs_history_holds(rs_state *st, const void *op);

/* visit(tuple, arg) for the tuples that hold code objects which were known to live in a
 * module: pieces, and constants of class bodies that are not in `seen`. 0 or what visit
 * gave. */
int rs_history_known(const rs_state *st, PyObject *name, rs_idmap *seen,
                     visitproc visit, void *arg);

/* history_refs.c. The entry goes. */
void rs_history_uncount(rs_history *history, rs_entry *entry);

/* history_name.c. s->label and s->digest of a reload, if it has none; what the entry is
 * called. 0 or -1. */
int rs_history_name(rs_session *s);
int rs_history_name_entry(const rs_session *s, rs_entry *entry);

/* What the update of this session has pushed out (E3). */
void rs_history_drop(rs_session *s);

void rs_history_clear(rs_state *st);

#endif
