/* hooks.h -- functions of updated modules that take part in an update (rule 17).
 * Owns:     nothing.
 * Provides: rs_hooks_before, rs_hooks_after, rs_hooks_failed.
 * Depends:  session.h.
 * Threads:  the updating thread; hooks are user code, other threads run meanwhile.
 * Invariants:
 *   O1  __reload_failed__ is called for exactly the units whose __before_reload__ was
 *       asked, if anything fails later.
 */
#ifndef RS_HOOKS_H
#define RS_HOOKS_H

#include "session.h"

/* Old code, end of planning. 0; -1 if one raised: the exception is a RefusedError. */
int rs_hooks_before(rs_session *s);

/* New code, after the commit. 0; -1 with the exception that one raised. */
int rs_hooks_after(rs_session *s);

/* Keeps the pending exception; what these hooks raise goes to sys.unraisablehook. */
void rs_hooks_failed(rs_session *s);

#endif
