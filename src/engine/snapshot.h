/* snapshot.h -- what a container or an attribute held, and putting that back.
 * Owns:     a reference to the object and to what it held.
 * Provides: rs_snapshot_take, rs_snapshot_take_attribute, rs_snapshot_mark, rs_snapshot_compare,
 *           rs_snapshot_added, rs_snapshot_restore, rs_snapshot_clear.
 * Depends:  state.h, heap.h.
 * Threads:  the GIL is held, and nobody else sees a half-restored container.
 * Invariants:
 *   P1  no code of the object's class runs: the methods of list, set, deque, bytearray
 *       and object are called, whatever a subclass made of them. (set.discard of what a
 *       body made hashes that.)
 *   P2  what was added since is known by address only, never kept alive.
 */
#ifndef RS_SNAPSHOT_H
#define RS_SNAPSHOT_H

#include "made.h"
#include "state.h"

typedef enum { RS_TOUCH_NEVER, RS_TOUCH_NOW, RS_TOUCH_BEFORE } rs_touch;

typedef enum {
    RS_SNAPSHOT_LIST,
    RS_SNAPSHOT_SET,
    RS_SNAPSHOT_DEQUE,
    RS_SNAPSHOT_BYTES,
    RS_SNAPSHOT_ATTRIBUTE
} rs_snapshot_kind;

/* What tells at once, as a rule, that a container is not what it was. */
typedef struct {
    Py_ssize_t size, filled;
    const void *first, *last;
} rs_mark;

typedef struct {
    rs_snapshot_kind kind;
    PyObject *object;
    PyObject *name;     /* of an attribute */
    PyObject *held;     /* list, set, bytes; value or NULL of an attribute */
    const void **after; /* contents when compared, if these differ */
    Py_ssize_t n_after;
    /* leaks.c, of an attribute: */
    Py_ssize_t before; /* the snapshot before it of the same object, or -1 */
    int settled;       /* it was compared when the object's dict began to be watched */
    /* leaks.c, of a container that a snippet changes: */
    rs_touch touch;
    rs_mark mark; /* what it was after that */
    int shared;   /* somebody else has changed it as well */
} rs_snapshot;

/* 1 and *size (elements), 0 if `object` is nothing to take a snapshot of, -1. */
int rs_snapshot_take(rs_snapshot *snap, rs_state *st, PyObject *object,
                     Py_ssize_t *size);

/* Of an instance's attribute that can be read without running code (in its dict, or a
 * slot): 1, else 0, or -1. snap->held is NULL where only the class has it or nothing. */
int rs_snapshot_take_attribute(rs_snapshot *snap, PyObject *object, PyObject *name);

/* Of a container. */
rs_mark rs_snapshot_mark(const rs_snapshot *snap);

/* 1 if the contents are not what they were (and are now remembered), 0, or -1. */
int rs_snapshot_compare(rs_snapshot *snap, rs_state *st);

/* After that: how many more references to `op` there are than before. */
Py_ssize_t rs_snapshot_added(const rs_snapshot *snap, PyObject *op);

/* After rs_snapshot_compare gave 1. made NULL: everything as it was; else only what was
 * made is removed, and what perhaps was made where that explains all that has changed.
 * 1: as it was; 0: something is left; -1. */
int rs_snapshot_restore(rs_snapshot *snap, rs_state *st, rs_made_test made, void *arg);

void rs_snapshot_clear(rs_snapshot *snap);

#endif
