/* gcwatch.h -- collections that a program asks for while an update is prepared.
 * Owns:     a callback in gc.callbacks; strong references to survivors.
 * Provides: rs_gcwatch_begin, rs_gcwatch_end, rs_gcwatch_unseen.
 * Depends:  session.h.
 * Threads:  the GIL is held; the callback runs in any thread that collects.
 * Invariants:
 *   G1  a collection puts objects into another order, so that what was made after marker
 *       `a` can't be told any more by its place (hazard 19). What was young and survived
 *       is in `survivors`, and `a` is the newest object again.
 *   G2  between the two calls of the callback only addresses are kept: the collector
 *       decides as it would without it.
 *   G3  tuples that no other young object refers to are left out: somebody may be building
 *       one, and a tuple with a second reference can't be resized.
 */
#ifndef RS_GCWATCH_H
#define RS_GCWATCH_H

#include "session.h"

typedef struct {
    PyObject *callbacks; /* gc.callbacks; NULL: not begun */
    PyObject *callback;
    PyObject *get_stats;
    PyObject *a;            /* marker: a list, empty */
    rs_idmap survivors;     /* young object -> itself */
    const void **addresses; /* sorted; between start and stop of a collection */
    Py_ssize_t n_addresses;
    Py_ssize_t before; /* collections when it began */
    Py_ssize_t seen;
    int failed; /* no memory in the callback */
} rs_gcwatch;

/* `self` is what owns `w`, `gc` the module. Makes the marker last. 0 or -1. */
int rs_gcwatch_begin(rs_gcwatch *w, PyObject *self, PyObject *gc,
                     PyMethodDef *callback);
/* Also when not begun. Keeps a pending exception. */
void rs_gcwatch_end(rs_gcwatch *w);

/* The collector calls its callbacks with "start" and "stop". Never fails. */
void rs_gcwatch_called(rs_gcwatch *w, PyObject *phase);

/* 1 if a collection ran of which the callback doesn't know, 0 if not, -1. */
int rs_gcwatch_unseen(const rs_gcwatch *w);

#endif
