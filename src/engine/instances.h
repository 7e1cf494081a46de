/* instances.h -- can instances of a class be alive?
 * Owns:     nothing.
 * Provides: rs_instances_possible.
 * Depends:  session.h, wrappers.h.
 * Threads:  the GIL is held; runs no Python code.
 * Invariants:
 *   I1  every instance has a reference to its class: if all references to the class are
 *       explained by its module, there is none. No walk of the heap.
 */
#ifndef RS_INSTANCES_H
#define RS_INSTANCES_H

#include "session.h"

/* 1: nobody can exclude it; 0: there is none; -1. While selecting. `own`: references that
 * the caller has to the class. */
int rs_instances_possible(rs_session *s, const rs_unit *u, PyTypeObject *type,
                          Py_ssize_t own);

#endif
