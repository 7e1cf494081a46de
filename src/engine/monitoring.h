/* monitoring.h -- breakpoints survive an update (hazard 27).
 * Owns:     nothing.
 * Provides: rs_monitoring_move.
 * Depends:  session.h.
 * Threads:  the updating thread, after the commit; runs C code of sys.monitoring.
 * Invariants:
 *   G1  local events that a tool had set on old code are set on the new code as well.
 */
#ifndef RS_MONITORING_H
#define RS_MONITORING_H

#include "session.h"

/* For each old code object that has a new one. 0 or -1. */
int rs_monitoring_move(rs_session *s);

#endif
