/* lookup.h -- finding live definitions by qualified name.
 * Owns:     nothing.
 * Provides: rs_lookup_path, rs_live_definition, rs_live_class.
 * Depends:  session.h.
 * Threads:  GIL held.
 * Invariants:
 *   L1  no user code runs: module dicts and class dicts are read directly, no descriptor
 *       is bound, no metaclass or module __getattr__ is asked.
 */
#ifndef RS_LOOKUP_H
#define RS_LOOKUP_H

#include "session.h"

/* What the namespace `dict` has under a dotted path, through the dicts of classes; as it
 * stands there (a staticmethod stays wrapped). A private name (`A.__x`) is found under its
 * mangled name. NULL if there is nothing, or for a path with "<locals>"; never sets an
 * exception. Borrowed. */
PyObject *rs_lookup_path(PyObject *dict, PyObject *qualname);

/* The same in the unit's live namespace. */
PyObject *rs_live_definition(const rs_unit *u, PyObject *qualname);

/* The live class of that qualified name that the unit itself defines (its __module__ and
 * __qualname__ say so), or NULL. Borrowed. */
PyTypeObject *rs_live_class(const rs_session *s, const rs_unit *u, PyObject *qualname);

#endif
