/* order.h -- where modules that import each other in a circle begin.
 * Owns:     nothing; fills rs_unit.entry.
 * Provides: rs_order_find.
 * Depends:  session.h, imports.h.
 * Threads:  the preparing thread, GIL held; runs no Python code of the user.
 * Invariants:
 *   O1  units are in the order in which their bodies ended (source.h), so a module comes
 *       after what it imports. Of a circle that one comes last which began it: starting
 *       with another one would meet half-made modules where the first import met none.
 *   O2  outside of circles the order stays as it is; what an import needs runs earlier.
 */
#ifndef RS_ORDER_H
#define RS_ORDER_H

#include "session.h"

/* For each unit, in u->entry: the number of the unit whose body has to begin before its
 * own; its own if it is in no circle. 0 or -1. */
int rs_order_find(rs_session *s);

#endif
