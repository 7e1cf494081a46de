/* contents.h -- what a container held, kept apart from it.
 * Owns:     nothing. Contents are a container of their own: a dict for dicts, a set for
 *           sets and frozensets, a list for lists and deques, bytes for bytearrays.
 * Provides: rs_contents_of, rs_contents_same, rs_contents_donor, rs_contents_back.
 * Depends:  state.h, same.h, body.h.
 * Threads:  the GIL is held.
 * Invariants:
 *   Q1  no code of the container's class runs, and none of its members but of keys that
 *       have the same hash and are not the same object.
 */
#ifndef RS_CONTENTS_H
#define RS_CONTENTS_H

#include "state.h"

/* A copy of what `container` holds, of whatever subclass it is. NULL with an exception. */
PyObject *rs_contents_of(PyObject *container);

/* 1 if `contents` are what `container` holds: the same objects (atoms: equal ones), in the
 * same order; 0; or -1. */
int rs_contents_same(PyObject *contents, PyObject *container);

/* A new container that `live` can take the contents of (body.h). */
PyObject *rs_contents_donor(rs_state *st, PyObject *contents, PyObject *live);

/* `container` held `held` before somebody made it `wrote`, and others may have changed it
 * since. *donor: what makes it hold what was before, and still what others did; NULL: it
 * does. 1; 0 if others changed the same: *keys is a list of the keys then (NULL: nobody can
 * tell which), and in *donor these are as they are now; -1. */
int rs_contents_back(rs_state *st, PyObject *held, PyObject *wrote, PyObject *container,
                     PyObject **donor, PyObject **keys);

#endif
