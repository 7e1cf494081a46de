/* containers.h -- lambdas in tables and lists of a module whose old source is not known.
 * Owns:     nothing; fills s->codes.
 * Provides: rs_containers_pair.
 * Depends:  session.h, codes.h, children.h.
 * Threads:  the GIL is held; may run Python code of the standard library (`dis`).
 * Invariants:
 *   A1  functions are paired only where live and new data have the same shape on the way
 *       to them: the same names, keys, types and lengths.
 */
#ifndef RS_CONTAINERS_H
#define RS_CONTAINERS_H

#include "session.h"

/* Pairs the code of functions that lie in containers of the unit's namespace and of its
 * classes with that of functions in the same places of the new data. 0 or -1. */
int rs_containers_pair(rs_session *s, const rs_unit *u);

#endif
