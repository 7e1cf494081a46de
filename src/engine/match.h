/* match.h -- which live definition is meant by which new one.
 * Owns:     nothing; fills s->map and s->pairs.
 * Provides: rs_match, rs_match_class, rs_match_function.
 * Depends:  scope.h, foreign.h, wrappers.h, codes.h, originals.h, enumeration.h.
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

/* A class that is to take the contents of another one, with all that is in them: 1, or 0 if
 * they can't be matched, -1. */
int rs_match_class(rs_session *s, rs_unit *u, PyObject *live, PyObject *donor);

/* One pair of functions; `mapped`: the donor's references become the live one's. 0, -1. */
int rs_match_function(rs_session *s, rs_unit *u, PyObject *qualname, PyObject *live,
                      PyObject *donor, int mapped);

#endif
