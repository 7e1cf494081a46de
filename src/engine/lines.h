/* lines.h -- where the new source binds a name.
 * Owns:     s->lines: body code -> dict name -> (line, by import), made when first asked for.
 * Provides: rs_body_of, rs_line_of_name, rs_line_of_old_name, rs_line_of_function,
 *           rs_body_imports, rs_body_defines, rs_body_is_same.
 * Depends:  session.h, same.h, opcodes.h.
 * Threads:  the GIL is held; may import `opcode`.
 * Invariants:
 *   N1  a line that is not known is 0, never a guess.
 */
#ifndef RS_LINES_H
#define RS_LINES_H

#include "session.h"

/* The code of a module's body (qualname NULL), or of a class body nested in it: borrowed
 * or NULL. */
PyObject *rs_body_of(PyObject *code, PyObject *qualname);

/* The last line of the new source that binds `name` in the module, or in the class
 * `prefix`; 0 if it is not known. Never fails. */
int rs_line_of_name(rs_session *s, const rs_unit *u, PyObject *prefix, PyObject *name);

/* The same in the source that lives. */
int rs_line_of_old_name(rs_session *s, const rs_unit *u, PyObject *prefix,
                        PyObject *name);

/* The line of a function that is called `qualname`; the line of its class if the source
 * does not hold its code, because dataclass() or its like generated it; or 0. */
int rs_line_of_function(const rs_unit *u, PyObject *qualname, PyObject *func);

/* Does the body bind `name` by an import? 1, 0, -1. */
int rs_body_imports(rs_session *s, PyObject *body, PyObject *name);

/* Does the body define a function or class under this qualified name? 1 or 0. */
int rs_body_defines(PyObject *body, PyObject *qualname);

/* Do both bodies consist of the same statements, but for what is inside of functions and
 * classes? 1, 0, -1. */
int rs_body_is_same(PyObject *a, PyObject *b);

#endif
