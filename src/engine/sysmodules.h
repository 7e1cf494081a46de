/* sysmodules.h -- the dict that stands in for sys.modules while an update is prepared.
 * Owns:     the proxy has strong references to the session and the real mapping.
 * Provides: rs_sysmodules_type, rs_sysmodules_new.
 * Depends:  session.h, imports.h.
 * Threads:  any thread may use the proxy, GIL held.
 * Invariants:
 *   P1  the proxy's own dict is empty: every operation goes to the real mapping.
 *   P2  only the preparing thread of an active session sees scratch modules through it.
 *   P3  no scratch module or view is ever stored in the real mapping.
 */
#ifndef RS_SYSMODULES_H
#define RS_SYSMODULES_H

#include "session.h"

/* The type, for st->SysModules_Type. New reference. */
PyObject *rs_sysmodules_type(void);

/* A proxy of `real`. New reference. */
PyObject *rs_sysmodules_new(rs_session *s, PyObject *real);

#endif
