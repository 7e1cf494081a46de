/* alive.h -- the instances of a class that are alive.
 * Owns:     nothing.
 * Provides: rs_alive_check, rs_alive_list.
 * Depends:  heap.h.
 * Threads:  the GIL is held; runs no Python code.
 * Invariants:
 *   E1  an instance is found if its type is a subclass by inheritance: no hook of a
 *       metaclass, no __class__ is asked.
 *   E2  all are found, or the call fails: classes whose instances the collector does not
 *       track are refused.
 */
#ifndef RS_ALIVE_H
#define RS_ALIVE_H

#include "session.h"

/* 0 if every instance of the class and its subclasses can be found; -1 with an
 * UpdateError. */
int rs_alive_check(rs_state *st, PyTypeObject *type);

/* Appends the instances of the `n` classes and of their subclasses to `out_list`, each once:
 * one walk over all objects. 0 or -1. */
int rs_alive_list(PyTypeObject *const *types, Py_ssize_t n, PyObject *out_list);

#endif
