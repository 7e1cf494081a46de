/* weaklist.h -- moving a weak reference from what it means to another object.
 * Owns:     nothing.
 * Provides: rs_weaklist_of, rs_weaklist_move, rs_weaklist_rehash.
 * Depends:  compat.h. Knows nothing of donors or journals.
 * Threads:  the GIL is held. No Python code runs and no memory is needed, but that
 *           rs_weaklist_rehash asks what `ref` means for its hash.
 * Invariants:
 *   W1  the reference keeps its identity, callback and attributes, so all that refer to
 *       it follow; it has no reference to what it means, so none is counted.
 *   W2  moving it there and back is the identity, but for its place among the references
 *       to the same object.
 */
#ifndef RS_WEAKLIST_H
#define RS_WEAKLIST_H

#include "compat.h"

/* The list of weak references to `op`, or NULL if its class has none. */
PyWeakReference **rs_weaklist_of(PyObject *op);

/* `ref`, which means `from`, means `to`. Both have such a list. Its hash and *hash change
 * places; -1: not asked for yet. */
void rs_weaklist_move(PyObject *ref, PyObject *from, PyObject *to, Py_hash_t *hash);

/* A reference that was asked for its hash knows it when what it means is gone: containers
 * remove it then. Asks again, after a move that gave it none. */
void rs_weaklist_rehash(PyObject *ref, Py_hash_t before);

#endif
