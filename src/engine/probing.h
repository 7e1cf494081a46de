/* probing.h -- putting probes into the syntax tree of a snippet.
 * Owns:     nothing.
 * Provides: rs_probing_tree, RS_PROBING_TEMPORARY.
 * Depends:  probe.h, syntax.h.
 * Threads:  the updating thread. Runs code of the standard library only.
 * Invariants:
 *   N1  a probe gets the object that the next operation may change, notes what it holds
 *       (leaks.h), and gives it on: order of evaluation, positions and what the code does
 *       stay as they are. `a.b = v` becomes `(probe @ a).b = v`.
 */
#ifndef RS_PROBING_H
#define RS_PROBING_H

#include "session.h"

/* Names of this form, which no source can write, are bound on the way; at module level in
 * the snippet's namespace. */
#define RS_PROBING_TEMPORARY "\x01resoul "

/* Changes the statements (list of nodes) in place. `in_function`: they are the body of a
 * function. 0 or -1. */
int rs_probing_tree(rs_session *s, PyObject *statements, int in_function);

#endif
