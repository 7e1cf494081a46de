/* stops.h -- classes in an mro that keep __init_subclass__ from going on.
 * Owns:     a maker owns its stops.
 * Provides: rs_stops_needed, rs_stops_add, rs_stops_enter, rs_stops_drop,
 *           rs_stops_dispose; the structure of a maker.
 * Depends:  session.h, quiet.h. maker.c makes the classes.
 * Threads:  the preparing thread, GIL held.
 * Invariants:
 *   K4  a stop is in an mro only while the class is made.
 */
#ifndef RS_STOPS_H
#define RS_STOPS_H

#include "session.h"

/* Stands in for the metaclass in one class statement: __build_class__ resolves the bases
 * and runs the body, then calls this one to make the class. */
typedef struct {
    PyObject_HEAD
    rs_session *session;
    rs_unit *unit;           /* borrowed: good while the class statement runs */
    PyObject *body;          /* the function of the class body */
    PyObject *explicit;      /* metaclass=, or NULL */
    PyTypeObject *metaclass; /* what makes the class, once that is known */
    PyObject *stops;         /* list of classes, see make_stop */
    Py_ssize_t stop_refs;    /* references that a fresh stop has */
    int told;                /* the notice about class keywords was given */
    PyObject *live;          /* the class that what is made will be matched with */
    PyObject *real_mro;      /* of a copy while it is made, else NULL */
    int copied;              /* a copy was made */
} rs_maker;

/* Has one of the bases an __init_subclass__, itself or inherited, that has to be quiet? */
int rs_stops_needed(const rs_session *s, PyObject *bases);

/* Puts stops into `order`, an mro. `stopped`: is there one at its beginning? 0 or -1. */
int rs_stops_add(rs_maker *m, PyObject *order, int stopped);

/* The same for a class that is there already and about to call __init_subclass__; the first
 * stop takes them out again. 0 or -1. */
int rs_stops_enter(rs_maker *m, PyTypeObject *copy);

void rs_stops_drop(rs_maker *m);

/* A class that isn't needed any more is a cycle, and the collector is off: take it apart,
 * unless somebody has got hold of it, so that it has more than `refs` references. Drops
 * one. */
void rs_stops_dispose(PyObject *type, Py_ssize_t refs);

#endif
