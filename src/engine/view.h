/* view.h -- a package as the preparing thread sees it: live, but for updated submodules.
 * Owns:     a view has strong references to the session and the live package.
 * Provides: rs_view_type, rs_view_new, rs_view_live.
 * Depends:  session.h, imports.h.
 * Threads:  any thread may use a view, GIL held.
 * Invariants:
 *   W1  reading an attribute gives that of the live package, but for submodules that are
 *       units (scratch module, run first if it waits) or contain units (a view), and only
 *       to the preparing thread of an active session.
 *   W2  writing an attribute writes to the live package, as it would without a view.
 *   W3  a view that is kept after the update is a plain forwarder.
 */
#ifndef RS_VIEW_H
#define RS_VIEW_H

#include "session.h"

/* The type, for st->View_Type. New reference. */
PyObject *rs_view_type(void);

/* A view of the live package `name`. New reference. */
PyObject *rs_view_new(rs_session *s, PyObject *name, PyObject *live);

/* The live package if `op` is a view (borrowed), else NULL. */
PyObject *rs_view_live(const rs_state *st, PyObject *op);

#endif
