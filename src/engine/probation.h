/* probation.h -- counting the exceptions that leave code which is new.
 * Owns:     a Probation: the code objects, what was counted, and whom to call at the end.
 * Provides: rs_probation_add, rs_probation_codes.
 * Depends:  idmap.h, heap.h, stacks.h, clock.h.
 * Threads:  any; the callback of sys.monitoring is called by the thread that unwinds.
 * Invariants:
 *   Q1  an exception that leaves several of the functions on its way counts once; none is
 *       kept alive.
 *   Q2  StopIteration, StopAsyncIteration and what is no Exception don't count.
 *   Q3  `over` is called until it returns, and then nothing is counted any more.
 */
#ifndef RS_PROBATION_H
#define RS_PROBATION_H

#include "compat.h"

/* Puts the type `Probation` into the engine module. 0 or -1. */
int rs_probation_add(PyObject *engine);

/* The code objects compiled as `filename` that live functions run, and those nested in
 * them: a new list. NULL with an exception. */
PyObject *rs_probation_codes(PyObject *filename);

#endif
