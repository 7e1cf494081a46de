/* enumeration.h -- Enum members keep their identity when their class is updated.
 * Owns:     nothing; plans operations in s->journal, fills s->map.
 * Provides: rs_enum_map, rs_enum_plan, rs_enum_handles.
 * Depends:  scope.h.
 * Threads:  the GIL is held; runs no Python code of the user.
 * Invariants:
 *   E1  a member of a name is the same object before and after.
 *   E2  tables of the enumeration are exchanged as a whole, so that no look-up sees a
 *       half of them.
 */
#ifndef RS_ENUMERATION_H
#define RS_ENUMERATION_H

#include "scope.h"

/* Maps new members to the live ones of the same names. After rs_match. 0 or -1. */
int rs_enum_map(rs_session *s);

/* Plans values of members and the tables, if `scope` is an enumeration. 0 or -1. */
int rs_enum_plan(rs_session *s, const rs_scope *scope, int *changed);

/* Is this name of the class dict planned by rs_enum_plan? */
int rs_enum_handles(const rs_session *s, const rs_scope *scope, PyObject *name,
                    PyObject *value);

#endif
