/* function.h -- a live function takes everything from its donor.
 * Owns:     nothing; plans operations in s->journal.
 * Provides: rs_function_plan, rs_unit_builtins.
 * Depends:  session.h, same.h.
 * Threads:  the GIL is held; runs no Python code.
 * Invariants:
 *   F1  a live function is given all fields in one operation.
 *   F2  attributes that were set at run time stay; those that the new source set win.
 */
#ifndef RS_FUNCTION_H
#define RS_FUNCTION_H

#include "session.h"

/* Plans all pairs of functions. After everything that fills s->map. 0 or -1. */
int rs_function_plan(rs_session *s);

/* The builtins that code of the unit sees (borrowed; a dict). */
PyObject *rs_unit_builtins(const rs_session *s, const rs_unit *u);

#endif
