/* match.h -- which live definition is meant by which new one.
 * Owns:     nothing; fills s->map and s->pairs.
 * Provides: rs_match, rs_match_foreign, rs_find_definition.
 * Depends:  scope.h, wrappers.h, codes.h.
 * Threads:  the GIL is held; runs no Python code of the user.
 * Invariants:
 *   M1  only what a unit defines is paired: its code made both, under one qualified name.
 *   M2  a live object is the counterpart of at most one donor (s->claimed).
 *   M3  nothing live changes.
 */
#ifndef RS_MATCH_H
#define RS_MATCH_H

#include "scope.h"

/* Pairs the definitions of all units. 0 or -1. */
int rs_match(rs_session *s);

/* The function of `globals` that is defined as `qualname`: `value` itself, or inside its
 * wrappers. Borrowed or NULL. */
PyObject *rs_find_definition(PyObject *value, PyObject *globals, PyObject *qualname);

/* Does the live `value`, bound to a name that the new source defines, come from somewhere
 * else than a source: a mock, a wrapper that was put on at run time? */
int rs_match_foreign(rs_session *s, const rs_unit *u, PyObject *value);

#endif
