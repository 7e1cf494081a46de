/* space.h -- the namespace in which parts of a class body run.
 * Owns:     an instance has a strong reference to the live class's dict.
 * Provides: rs_space_type, rs_space_build.
 * Depends:  select.h.
 * Threads:  the preparing thread, GIL held.
 * Invariants:
 *   P1  a name that the parts did not bind reads as the live class has it.
 *   P2  no class is made; `__class__` and the class's scope in annotations mean the live
 *       one.
 */
#ifndef RS_SPACE_H
#define RS_SPACE_H

#include "select.h"

/* The type, for st->Space_Type. New reference. */
PyObject *rs_space_type(void);

/* Runs the class body `args[0]`; what it binds is shell->space. The live class (new
 * reference), or NULL with the body's exception. */
PyObject *rs_space_build(rs_session *s, rs_select_shell *shell, PyObject *args);

#endif
