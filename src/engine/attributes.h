/* attributes.h -- what an instance has in its dict and slots, and putting that back.
 * Owns:     a reference to the instance and to what its attributes were and became.
 * Provides: rs_attributes_take, rs_attributes_settle, rs_attributes_put_back,
 *           rs_attributes_visit, rs_attributes_clear, rs_slots_of, rs_slots_clear.
 * Depends:  compat.h.
 * Threads:  the GIL is held. What an attribute loses may be finalized: Python code.
 * Invariants:
 *   N1  no code of the class is asked: dicts are read as dicts, slots by their descriptors.
 *   N2  putting back is exact, the order of the dict included, where nobody else has
 *       changed the attributes since; what somebody has is left as it is.
 */
#ifndef RS_ATTRIBUTES_H
#define RS_ATTRIBUTES_H

#include "compat.h"

/* The slots that instances of a class have. Owned. */
typedef struct {
    PyTypeObject *type;
    PyObject **descriptors;
    Py_ssize_t n;
} rs_slots;

/* One attribute. Owned; NULL: the instance has none of that name. */
typedef struct {
    PyObject *key; /* a key of the dict, or the descriptor of a slot */
    PyObject *was, *became;
} rs_attribute;

/* Before settling `list` is all that the instance has, afterwards what has changed. */
typedef struct {
    PyObject *object;
    PyObject *dict; /* the dict itself, or NULL */
    PyObject *dict_became;
    rs_attribute *list;
    Py_ssize_t n;
    PyObject **order; /* keys as they were, if a changed value alone doesn't tell */
    Py_ssize_t n_order;
} rs_attributes;

/* What instances of `type` have; harmless if `slots` is for it already. 0 or -1. */
int rs_slots_of(rs_slots *slots, PyTypeObject *type);
void rs_slots_clear(rs_slots *slots);

/* Everything that `object` has; `slots` are those of its type. 0 or -1. */
int rs_attributes_take(rs_attributes *a, const rs_slots *slots, PyObject *object);

/* Compares with what it has now, and keeps the difference. 1: there is one, 0; -1 with an
 * exception: everything was put back as well as it goes without memory. */
int rs_attributes_settle(rs_attributes *a, const rs_slots *slots);

/* After settling: everything as it was. 1; 0: somebody has changed some of it since, and
 * that stays; -1. */
int rs_attributes_put_back(const rs_attributes *a);

/* visit(op, arg) for each reference that it has. */
int rs_attributes_visit(const rs_attributes *a, visitproc visit, void *arg);

void rs_attributes_clear(rs_attributes *a);

#endif
