/* lines.h -- where the new source binds a name.
 * Owns:     s->lines: body code -> dict name -> line, made when first asked for.
 * Provides: rs_line_of_name, rs_body_of.
 * Depends:  session.h, same.h, the module `opcode` of the standard library.
 * Threads:  the GIL is held; may import `opcode`.
 */
#ifndef RS_LINES_H
#define RS_LINES_H

#include "session.h"

/* The code of a module's body (qualname NULL), or of a class body nested in it: borrowed
 * or NULL. */
PyObject *rs_body_of(PyObject *code, PyObject *qualname);

/* The last line of the new source that binds `name` in the module, or in the class
 * `prefix`; 0 if it is not known. -1 on error. */
int rs_line_of_name(rs_session *s, const rs_unit *u, PyObject *prefix, PyObject *name);

#endif
