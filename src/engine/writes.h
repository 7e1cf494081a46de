/* writes.h -- what the updating thread writes into watched dicts, and undoing it.
 * Owns:     a dict watcher while recording, and a reference to each watched dict, to old
 *           values, and to the contents before a first removal.
 * Provides: rs_writes_open, rs_writes_watch, rs_writes_belong, rs_writes_own, rs_writes_stop, rs_writes_undo,
 *           rs_writes_undo_some, rs_writes_visit,
 *           rs_writes_added, rs_writes_copy, rs_writes_clear, rs_writes_stored, rs_writes_holds,
 *           rs_writes_visit_held.
 * Depends:  session.h, heap.h, newest.h, body.h.
 * Threads:  the updating thread; the watcher's callback runs in any, under the GIL.
 * Invariants:
 *   B1  one watcher id, taken by open and given back by stop; no id left, or a dict that
 *       tells watchers nothing: contents are compared with a copy instead.
 *   B2  a value is put back only where the dict still has what the updating thread wrote
 *       there: what other threads wrote stays.
 *   B3  old values are kept alive, new ones are known by address only.
 *   B4  writes to one key, between which nobody else has written, are one record: the cost
 *       goes with the number of keys.
 */
#ifndef RS_WRITES_H
#define RS_WRITES_H

#include "made.h"
#include "newest.h"
#include "session.h"

typedef struct {
    PyObject *dict;
    PyTypeObject *type;    /* the class whose dict it is, or NULL */
    const PyObject *owner; /* the instance, or NULL: borrowed */
    int named_only;        /* only keys in `names` matter */
    int compared;          /* no watcher tells: with the copy, which is made at once */
    int own;               /* and what differs is the updating thread's work */
    PyObject *copy;        /* contents before the first removal, or NULL */
    PyObject *order;       /* list: the keys of an OrderedDict, else NULL */
    Py_ssize_t copied_at;  /* number of writes recorded before it */
    int shared;            /* another thread has written since the copy */
    int opaque;            /* a key was written that can't be looked up */
    uint64_t print;        /* of the contents when recording stopped, where copied */
} rs_watched_dict;

typedef struct {
    Py_ssize_t dict; /* index into dicts */
    PyObject *key;
    PyObject *old;   /* NULL: there was none */
    const void *now; /* NULL: removed */
    int first, last; /* of those to its key */
} rs_write;

typedef struct {
    rs_session *s;
    PyObject *names;
    int watcher; /* -1: none */
    int recording;
    int lost;       /* out of memory in the callback: something is not recorded */
    int unordered;  /* the same: values go back, but not to their places */
    int unsure;     /* no watcher told, and others may have written what differs */
    rs_idmap index; /* dict -> int: its place in dicts */
    rs_watched_dict *dicts;
    Py_ssize_t n_dicts, dicts_room;
    rs_write *writes;
    Py_ssize_t n_writes, writes_room;
    rs_newest newest; /* while recording */
} rs_writes;

/* `names`: set of str, borrowed until rs_writes_stop. 0 or -1. */
int rs_writes_open(rs_writes *w, rs_session *s, PyObject *names);

/* 0 or -1. */
int rs_writes_watch(rs_writes *w, PyObject *dict, PyTypeObject *type, int named_only);

/* The dict, if it is watched, is that of this instance, which lives as long as `w`. */
void rs_writes_belong(rs_writes *w, PyObject *dict, const PyObject *owner);

/* The updating thread's own code is about to write into this dict, which is watched: where no
 * watcher tells, all that differs in the end is its work. */
void rs_writes_own(rs_writes *w, PyObject *dict);

/* Nothing is watched any more. `made` is asked only where no watcher told, NULL: all was
 * made. Keeps a pending exception. */
void rs_writes_stop(rs_writes *w, rs_made_test made, void *arg);

/* Newest first. No exception comes out: 1 if all is as it was, 0 if something is left. */
int rs_writes_undo(rs_writes *w);

/* The same of the dicts that are keys of `dicts`; what was recorded of them is dropped. */
int rs_writes_undo_some(rs_writes *w, const rs_idmap *dicts);

/* visit() for each key of these dicts that has another value than before the first write to
 * it; see rs_leaks_visit_names. */
int rs_writes_visit(const rs_writes *w, const rs_idmap *dicts,
                    int (*visit)(void *arg, PyObject *dict, PyTypeObject *type,
                                 PyObject *key, PyObject *old, PyObject *now),
                    void *arg);

/* Forgets what was written to this dict. */
void rs_writes_pass_over(rs_writes *w, const PyObject *dict);

void rs_writes_clear(rs_writes *w);

/* How many references to `op` are in watched dicts because the updating thread put them
 * there. No watcher told (B1): none is known. */
Py_ssize_t rs_writes_stored(const rs_writes *w, PyObject *op);

/* What the dict held before a first removal, if that is known: borrowed, or NULL. */
PyObject *rs_writes_copy(const rs_writes *w, PyObject *dict);

/* Did the updating thread add this key to a watched dict? 1 or 0. */
int rs_writes_added(const rs_writes *w, const PyObject *dict, const PyObject *key);

/* References to `op` that can be looked up; and visit() for each of the others. */
Py_ssize_t rs_writes_holds(const rs_writes *w, const PyObject *op);
int rs_writes_visit_held(const rs_writes *w, visitproc visit, void *arg);

#endif
