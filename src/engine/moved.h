/* moved.h -- definitions that are the same, but on other lines.
 * Owns:     nothing.
 * Provides: rs_plan_class_line.
 * Depends:  session.h, journal.h (rs_plan_lines, for code).
 * Threads:  the GIL is held.
 */
#ifndef RS_MOVED_H
#define RS_MOVED_H

#include "session.h"

/* What `type` says of its own line moves by `delta` (3.13+; before, nothing does). A
 * `__firstlineno__` that isn't the compiler's is left alone. 0 or -1. */
int rs_plan_class_line(rs_session *s, PyTypeObject *type, int delta);

#endif
