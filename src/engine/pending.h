/* pending.h -- changes of the source that an update knowingly did not apply.
 * Owns:     st->pending.
 * Provides: rs_pending_note, rs_pending_report, rs_pending_remember, rs_pending_list,
 *           rs_pending_undone.
 * Depends:  select.h, scope.h.
 * Threads:  the updating thread.
 * Invariants:
 *   N1  an entry stays until its name takes the value that its source says, or until the
 *       source says again what lives.
 */
#ifndef RS_PENDING_H
#define RS_PENDING_H

#include "scope.h"

/* The live value of a name stays, though the new source gives another. 0 or -1. */
int rs_pending_note(rs_session *s, const rs_scope *scope, PyObject *qualname,
                    PyObject *live, PyObject *donor, int line);

/* A Change for all that is pending in the units. 0 or -1. */
int rs_pending_report(rs_session *s);

/* After the commit: what is pending from now on. 0 or -1. */
int rs_pending_remember(rs_session *s);

/* An undo has taken back what the source of `module` still says. 0 or -1. */
int rs_pending_undone(rs_state *st, PyObject *module, PyObject *qualname,
                      PyObject *kind, PyObject *reason);

/* All that is pending in loaded modules: a list of Change. New reference. */
PyObject *rs_pending_list(rs_state *st);

#endif
