/* body.h -- exchanging the whole contents of two containers of one built-in type.
 * Owns:     nothing.
 * Provides: rs_body_can_take, rs_body_can_rebuild, rs_body_is_certain, rs_body_ready,
 *           rs_body_swap, rs_body_fold.
 * Depends:  compat.h. Knows nothing of journals.
 * Threads:  the GIL is held. No Python code runs.
 * Invariants:
 *   B1  swapping twice is the identity.
 *   B2  a swap that fails has changed nothing.
 *   B3  no reference is dropped for good: what one loses the other has.
 *   B4  iterators over either never read outside of it.
 */
#ifndef RS_BODY_H
#define RS_BODY_H

#include "compat.h"

/* 1 if `live` can take the contents of `donor`: both of the same exact type out of dict,
 * list, set, bytearray, deque, no exported buffers, equal maxlen. 0 if not, and then *why
 * says it in a few words ("its buffer is exported"). Never raises. */
int rs_body_can_take(PyObject *live, PyObject *donor, const char **why);

/* 1 if `container` can exchange its contents with `fresh`, which is of the built-in type:
 * lists and deques of that very type, sets, frozensets and dicts of any subclass (but
 * OrderedDict, which keeps a list of its keys). Busy ones too: rs_body_ready. */
int rs_body_can_rebuild(PyObject *container, PyObject *fresh);

/* 1 if swapping these two can't fail, whatever happens. */
int rs_body_is_certain(PyObject *live, PyObject *donor);

/* 1 if a swap is possible at this instant (no list is being sorted, no buffer exported). */
int rs_body_ready(PyObject *live, PyObject *donor);

/* Exchange. 0, or -1 with an exception. Also for two sets or frozensets of any subclass
 * (rehashing in place). */
int rs_body_swap(PyObject *live, PyObject *donor);

/* A number that changes when the container's items or their order change: the fold of
 * their addresses. Never raises. */
uint64_t rs_body_fold(PyObject *container);

#endif
