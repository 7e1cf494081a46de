/* ordered.h -- OrderedDicts, which keep the order of their keys beside the dict.
 * Owns:     nothing.
 * Provides: rs_ordered_keys, rs_ordered_follower, rs_ordered_move_last_before.
 * Depends:  compat.h, same.h.
 * Threads:  the GIL is held.
 * Invariants:
 *   K1  no code of a subclass runs: what the built-in class does is called.
 */
#ifndef RS_ORDERED_H
#define RS_ORDERED_H

#include "compat.h"

/* A list. NULL with an exception. */
PyObject *rs_ordered_keys(PyObject *odict);

/* The key that comes after `key`, or NULL: borrowed from the list. */
PyObject *rs_ordered_follower(PyObject *keys, PyObject *key);

/* The last key goes in front of `follower`; stays last if that is NULL or gone. 0 or -1. */
int rs_ordered_move_last_before(PyObject *odict, PyObject *follower);

#endif
