/* future.h -- what a class will have after the update.
 * Owns:     nothing.
 * Provides: rs_future_shell, rs_future_value.
 * Depends:  scope.h.
 * Threads:  the GIL is held; runs no Python code. After matching.
 */
#ifndef RS_FUTURE_H
#define RS_FUTURE_H

#include "scope.h"

/* The unit and the shell of a class of which parts ran, or NULL. */
const rs_select_shell *rs_future_shell(const rs_session *s, PyTypeObject *type,
                                       const rs_unit **unit);

/* What the class itself will have under `name`: a donor's value, or what lives. Borrowed;
 * NULL if nothing, also if it is gone from the source and lives on. */
PyObject *rs_future_value(const rs_session *s, PyTypeObject *type, PyObject *name);

#endif
