/* migrate.h -- instances of classes that change: __migrate_instance__ (rule 17).
 * Owns:     s->migrating: who had its turn, and what became of whose attributes.
 * Provides: rs_migrate_alive, rs_migrate_collect, rs_migrate_born, rs_migrate_take_back,
 *           rs_migrate_adopt, rs_migrate_visit, rs_migrate_holds, rs_migrate_forget.
 * Depends:  alive.h, attributes.h, renew.h.
 * Threads:  the updating thread; hooks are user code, other threads run meanwhile.
 * Invariants:
 *   V1  an instance has one turn, by the hook of its most derived class: before the swap if
 *       it is alive then, else after it, before anything else of the program runs in this
 *       thread.
 *   V2  if a hook raises, or the update fails later, all attributes are as before the first
 *       hook ran, but for those that others have changed since (RSL723).
 *   V4  the history keeps no more than some thousand instances of an update alive (RSL725).
 *   V3  without a hook no object is visited.
 */
#ifndef RS_MIGRATE_H
#define RS_MIGRATE_H

#include "session.h"

/* Before the swap, after a plan was made, which has to be made again if s->hooks_ran is
 * set. 0; -1 with a PrepareError: rs_migrate_take_back has to follow. */
int rs_migrate_alive(rs_session *s);

/* Right after the swap, before anybody else can run: notes the instances that were born
 * meanwhile. Where that fails, rs_migrate_born does. */
void rs_migrate_collect(rs_session *s);

/* Their turn. 0; -1 with a PrepareError. */
int rs_migrate_born(rs_session *s);

/* Keeps a pending exception. */
void rs_migrate_take_back(rs_session *s);

/* The update stands: attributes that had other values become operations of its journal, so
 * that undoing it puts these back. What hooks added stays then: old code doesn't know it,
 * and new code may use it by now. 0 or -1. */
int rs_migrate_adopt(rs_session *s);

/* References to `op` that an index knows, and visit(op, arg) for each other one. */
Py_ssize_t rs_migrate_holds(const rs_session *s, const PyObject *op);
int rs_migrate_visit(const rs_session *s, visitproc visit, void *arg);

void rs_migrate_forget(rs_session *s);

#endif
