/* lock.h -- one update at a time, and what a forked child does with a half-made one.
 * Owns:     what st->lock, st->lock_owner and st->running say.
 * Provides: rs_lock_init, rs_lock_acquire, rs_lock_try, rs_lock_release,
 *           rs_lock_check_fork.
 * Depends:  session.h; heap.h, imports.h, leaks.h, watchdog.h for the child of a fork.
 * Threads:  any; the GIL is held on entry and on return, and released while waiting.
 * Invariants:
 *   K1  lock_owner is 0 exactly when the lock is free.
 *   K2  a thread never waits for itself, nor while it is inside an import: whoever holds
 *       the lock may need the import lock that this thread has (rule 21).
 *   K3  in a forked child the lock is free, and hooks, watchers and proxies of the
 *       parent's update are gone. Prepared updates are abandoned there.
 */
#ifndef RS_LOCK_H
#define RS_LOCK_H

#include "session.h"

/* Once, from the module's exec slot, after rs_state_init: registers what happens in a
 * forked child. 0, or -1 with an exception. */
int rs_lock_init(PyObject *engine);

/* 0: this thread has the lock; set st->running next. -1 with UpdateError (would wait for
 * itself, or inside an import) or with what a signal handler raised. */
int rs_lock_acquire(rs_state *st);

/* 1: this thread has the lock; 0: somebody has it, also this thread. */
int rs_lock_try(rs_state *st);

/* Clears st->running. Harmless when this thread does not have the lock, as in the child
 * of a fork. Keeps a pending exception. */
void rs_lock_release(rs_state *st);

/* -1 with PrepareError if this process is a fork of the one in which the update began
 * (s->abandoned): call it whenever the engine gets control back from Python code. */
int rs_lock_check_fork(rs_session *s);

#endif
