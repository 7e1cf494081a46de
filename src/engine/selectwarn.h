/* selectwarn.h -- what an update leaves as it is, and its author may not expect.
 * Owns:     nothing; appends to s->notices.
 * Provides: rs_warn_kept_type, rs_warn_decorated, rs_warn_redecorated, rs_warn_cover, rs_warn_wrapped,
 *           rs_warn_init, rs_warn_removed.
 * Depends:  selecting.h, instances.h.
 * Threads:  the GIL is held; runs no Python code of the user.
 * Invariants:
 *   W1  what can be told from the sources is said while selecting, so that it stays said
 *       when a plan is made again.
 */
#ifndef RS_SELECTWARN_H
#define RS_SELECTWARN_H

#include "scope.h"
#include "selecting.h"

/* RSL616: the value of a name is kept, and its new source gives a value of another type
 * (rule 8). Expressions may be NULL. 0 or -1. */
int rs_warn_kept_type(rs_selecting *c, PyObject *name, PyObject *live,
                      PyObject *old_expression, PyObject *expression, int line);

/* RSL614: only the code of a function changes, its decorators don't run, and they may
 * remember the old signature. Before the nodes are reduced. 0 or -1. */
int rs_warn_decorated(rs_selecting *c, PyObject *qualname, PyObject *old_node,
                      PyObject *new_node);

/* RSL618: a decorator that registered the function runs again, otherwise or not at all,
 * and what it registered before stays. `live`: the function, or NULL. 0 or -1. */
int rs_warn_redecorated(rs_selecting *c, PyObject *qualname, PyObject *live,
                        PyObject *old_node, PyObject *new_node);

/* RSL615: what the program put in the place of a definition stays. `donor`: what the new
 * source has there. Nothing is said if it did not change. While planning. 0 or -1. */
int rs_warn_cover(rs_session *s, const rs_scope *scope, PyObject *qualname,
                  PyObject *donor, int line);

/* The same of a function with decorators, which don't run: did they make the value that
 * lives? `live`: the function inside of that, or NULL. 0 or -1. */
int rs_warn_wrapped(rs_selecting *c, PyObject *qualname, PyObject *live,
                    PyObject *new_node);

/* RSL613: __init__ assigns attributes that instances may lack which live already.
 * `old_node` NULL: the class had none. 0 or -1. */
int rs_warn_init(rs_selecting *c, PyObject *old_node, PyObject *new_node);

/* RSL612: what the old source had on `line` (0: not known) lives on. 0 or -1. */
int rs_warn_removed(rs_session *s, const rs_unit *u, PyObject *qualname, int line);

#endif
