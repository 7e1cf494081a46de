/* frozen.h -- objects of gc.freeze(), where the collector doesn't list them.
 * Owns:     nothing.
 * Provides: rs_frozen_count, rs_frozen_visit.
 * Depends:  heap.h, compat.h.
 * Threads:  the GIL is held; no Python code runs.
 * Invariants:
 *   Z1  gc.freeze() and gc.unfreeze() are the program's: neither is called.
 *   Z2  what is found is found from modules, classes, running frames and all objects that
 *       are listed; an object that only C code, or a temporary
 *       value of a running frame, leads to is not.
 */
#ifndef RS_FROZEN_H
#define RS_FROZEN_H

#include "heap.h"

/* gc.get_freeze_count(), or -1 with an exception. */
Py_ssize_t rs_frozen_count(void);

/* PyUnstable_GC_VisitObjects leaves frozen objects out until 3.13.0. Where it did, visits
 * them. 1, 0 if `visit` stopped, -1 with an exception. */
int rs_frozen_visit(rs_heap_visit visit, void *arg);

#endif
