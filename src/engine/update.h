/* update.h -- one update from beginning to end.
 * Owns:     nothing that outlives a call.
 * Provides: rs_update_reload, rs_update_undo; for prepared.h its parts.
 * Depends:  every other part: this is where the data flows from one to the next.
 * Threads:  any thread may call; one update at a time.
 * Invariants:
 *   T2  after a failed prepare or commit the program is as it was
 *   T3  commit can't fail after its first write, or undoes itself completely
 *   T8  without a running update there are no hooks, watchers or wrappers
 */
#ifndef RS_UPDATE_H
#define RS_UPDATE_H

#include "session.h"
#include "undo.h"

typedef struct {
    PyObject *modules; /* iterable of names and module objects */
    PyObject *update;  /* the face's object; its attributes are filled */
    PyObject *allowed; /* callable (name, module) -> bool */
    PyObject *data;    /* callable (name) -> data policy of that module */
    PyObject *base;    /* dict: module name -> old source; or None */
    PyObject *take;    /* set of names */
    PyObject *del;     /* set of names */
    double timeout;
    int only_changed; /* execute="changed" */
    int strict;       /* warnings refuse */
} rs_update_options;

/* None, or NULL with an exception. */
PyObject *rs_update_reload(PyObject *engine, rs_state *st,
                           const rs_update_options *options);

/* Takes an update of the history back. The same. */
PyObject *rs_update_undo(PyObject *engine, rs_state *st,
                         const rs_undo_options *options);

/* A new session, without the lock; NULL with an exception. */
rs_session *rs_update_new(PyObject *engine, rs_state *st,
                          const rs_update_options *options);

/* This thread has the lock and goes on with `s`. */
void rs_update_enter(rs_session *s);

/* Runs the bodies, matches and plans. 0; -1 with an exception: all is taken back. */
int rs_update_prepare(rs_session *s, PyObject *modules);

/* A prepared update goes on: is all still so? A new plan. 0; -1 with an exception: all is
 * taken back. */
int rs_update_plan_again(rs_session *s);

/* Commits the plan, and all that follows. 0; -1 with an exception: all is taken back. */
int rs_update_finish(rs_session *s);

/* Gives the lock back, and with a stage that is final what the session has. Keeps a pending
 * exception. */
void rs_update_leave(rs_session *s);

#endif
