/* redirect.h -- making references to donors references to live objects.
 * Owns:     nothing that outlives a call.
 * Provides: rs_redirect_holder, rs_redirect_young, rs_redirect_leftovers,
 *           rs_leftovers_plan, rs_leftovers_add, rs_leftovers_remember.
 * Depends:  session.h, heap.h, journal.h, body.h.
 * Threads:  the GIL is held. Rebuilding a set or dict may call __hash__ and __eq__ of its
 *           other members.
 * Invariants:
 *   D1  a live object is changed through the journal only, at commit.
 *   D2  a reference is rewritten only if every reference that tp_traverse reports can be.
 *   D3  containers that find things by hash find the rewritten ones.
 *   T7  a donor that is matched is unreachable from live objects after commit, or a
 *       refusal or notice says so.
 */
#ifndef RS_REDIRECT_H
#define RS_REDIRECT_H

#include "heap.h"
#include "session.h"

/* Every reference to a key of `map` inside `holder` becomes one to its value. `j` NULL: at
 * once (young holders); else planned. *left grows by the references that `holder` reports
 * and that can't be rewritten. 0 or -1. */
int rs_redirect_holder(rs_session *s, PyObject *holder, const rs_idmap *map,
                       rs_journal *j, Py_ssize_t *left);

/* All young holders, when s->map is complete. Young functions get the live globals and
 * builtins here (they keep their version); instances of donor classes get the live class;
 * weak references to donors mean live objects; bases of young subclasses are planned. */
int rs_redirect_young(rs_session *s);

/* After rs_redirect_young, when all else is planned: what still refers to donors? Live
 * holders are planned; what can't be rewritten gives RSL206 (refusal), RSL601 or RSL602
 * (notices). 0 or -1. */
int rs_redirect_leftovers(rs_session *s);

/* twins.c. Functions of earlier updates that something held where no redirect reaches (rule 11):
 * plans for each the same change that is planned for its live function. Call it as the
 * last step of planning. 0 or -1. */
int rs_leftovers_plan(rs_session *s);

/* Adds to `paired` the copies of those functions in it that rs_leftovers_plan takes care
 * of. 0 or -1. */
int rs_leftovers_add(const rs_session *s, rs_idmap *paired);

/* After commit: remember what rs_redirect_leftovers found. 0 or -1. */
int rs_leftovers_remember(rs_session *s);

#endif
