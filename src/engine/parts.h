/* parts.h -- running the selected parts of a module body.
 * Owns:     the donors and namespaces that it notes in u->selection.
 * Provides: rs_parts_hooks, rs_parts_begin, rs_parts_end, rs_parts_class.
 * Depends:  select.h, scratch.h.
 * Threads:  the preparing thread, GIL held.
 * Invariants:
 *   A1  a function whose decorators did not change takes part without them: its mark notes
 *       it and gives the live value, so that new code sees what lives.
 *   A2  a class of which parts run is no new class: its statement gives the live class,
 *       `__class__` in its methods means that, names read as in its namespace.
 *   A3  what stays unevaluated (default values, annotations) is what lives.
 *   A4  when the body has run, its namespace holds what it bound, and nothing else.
 */
#ifndef RS_PARTS_H
#define RS_PARTS_H

#include "select.h"

/* Puts `__resoul_def__` and `__resoul_never__` into the private builtins. 0 or -1. */
int rs_parts_hooks(rs_session *s);

/* Before and after the unit's selection runs: the scratch module reads as the live one
 * where it has no name of its own; functions of the module that new code calls see the new
 * definitions (stand-ins, rule 5). 0 or -1. */
int rs_parts_begin(rs_session *s, rs_unit *u);
int rs_parts_end(rs_session *s, rs_unit *u);
/* When all units have run: scratch modules read as themselves. 0 or -1. */
int rs_parts_settle(rs_session *s);

/* Runs a class statement of the unit in parts if it was selected so: 1 and *result (new
 * reference; NULL with an exception), 0: it is an ordinary one. `args`, `kwargs` as for
 * __build_class__. */
int rs_parts_class(rs_session *s, rs_unit *u, PyObject *args, PyObject **result);

#endif
