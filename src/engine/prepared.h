/* prepared.h -- an update that was executed and planned, and waits to be committed.
 * Owns:     the object that waits (resoul._engine.Prepared) and, with it, its session.
 * Provides: rs_prepared_make_type, rs_prepared_new, rs_prepared_after_fork.
 * Depends:  update.h, still.h, heap.h, lock.h.
 * Threads:  any may commit or abandon; whoever comes first does.
 * Invariants:
 *   R1  while it waits the update lock is free, the collector is the program's, nothing is
 *       redirected or watched (T8), no plan is kept.
 *   R2  it waits exactly as long as s->stage is RS_STAGE_PREPARED, and is in st->prepared
 *       as long.
 *   R3  it is committed at most once; a commit that fails, being abandoned and being
 *       forgotten take back what bodies did, as after a failed prepare.
 *   R4  bodies are not executed again: matches are checked (still.h), the plan is new.
 */
#ifndef RS_PREPARED_H
#define RS_PREPARED_H

#include "update.h"

/* The class; new reference. */
PyObject *rs_prepared_make_type(PyObject *engine);

/* Prepares. The object that waits, or NULL with an exception. */
PyObject *rs_prepared_new(PyObject *engine, rs_state *st,
                          const rs_update_options *options);

/* In the child of a fork: all are abandoned, the parent has them. */
void rs_prepared_after_fork(rs_state *st);

#endif
