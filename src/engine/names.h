/* names.h -- planning what one name of a module or class becomes.
 * Owns:     nothing; plans operations in s->journal and reports them.
 * Provides: rs_names_plan, rs_names_set, rs_names_drop, rs_names_was_in_source,
 *           rs_names_plan_module.
 * Depends:  scope.h, data.h, importers.h.
 * Threads:  the GIL is held.
 * Invariants:
 *   A1  every difference between the new source and what will live is reported.
 */
#ifndef RS_NAMES_H
#define RS_NAMES_H

#include "scope.h"

/* One name that the new source binds, by kind and policy. 1 if something was planned for
 * the name itself, 0 if not, -1. */
int rs_names_plan(rs_session *s, const rs_scope *scope, PyObject *name,
                  PyObject *donor);

/* gone.c. One name that only the live namespace has. 1, 0, -1 as above. */
int rs_names_drop(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *live);

/* Name := value (NULL: removed), without a report. 0 or -1. */
int rs_names_set(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *value);

/* names.c, for gone.c: did the unit's own code define `live` under this qualified name? And
 * what a report calls it. */
int rs_names_is_own(const rs_session *s, const rs_scope *scope, PyObject *qualname,
                    PyObject *live);
const char *rs_names_word(PyObject *value);

/* Namespaces of all units. 0 or -1. */
/* gone.c. Names that are gone from the source of a scope of which parts ran. 0 or -1. */
int rs_names_plan_gone(rs_session *s, const rs_scope *scope);

int rs_names_plan_modules(rs_session *s);

/* asked.c. RSL105 for entries of take= and delete= that name nothing. 0 or -1. */
int rs_names_check_options(rs_session *s);

#endif
