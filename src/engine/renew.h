/* renew.h -- new code that runs before the swap: __migrate_instance__ (rule 17).
 * Owns:     the callables that it makes, until rs_renew_end.
 * Provides: rs_renew_begin, rs_renew_bind, rs_renew_end.
 * Depends:  session.h, future.h.
 * Threads:  the updating thread. Between begin and end other threads may run.
 * Invariants:
 *   W1  between begin and end the functions that the update made read the names of its
 *       modules as the new source binds them; afterwards they, and what they made, read
 *       those that live.
 *   W2  super() in such code knows what the classes will have, for instances of live ones.
 *       `__class__` means the live class.
 */
#ifndef RS_RENEW_H
#define RS_RENEW_H

#include "session.h"

typedef struct {
    rs_session *s;
    PyObject *super_type; /* what `super` makes meanwhile */
    PyObject *name;       /* "super": putting it back must not need memory */
    PyObject *super;      /* what builtins had under that name */
    PyObject *value;      /* the last hook that was asked for (borrowed) ... */
    PyObject *callable;   /* ... and its function for now */
} rs_renew;

/* After a plan was made. 0 or -1. */
int rs_renew_begin(rs_renew *r, rs_session *s);

/* `value`, which a class will have (rs_future_value), as an attribute of `object`. New
 * reference or NULL. */
PyObject *rs_renew_bind(rs_renew *r, PyObject *value, PyObject *object);

/* Harmless if begin failed. Keeps a pending exception; 0 or -1. */
int rs_renew_end(rs_renew *r);

#endif
