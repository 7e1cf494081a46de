/* graft.h -- code that was compiled again, with the code objects that live in it.
 * Owns:     nothing.
 * Provides: rs_graft, rs_graft_pieces.
 * Depends:  compat.h.
 * Threads:  the GIL is held; runs no Python code of the user.
 * Invariants:
 *   A1  what is put in is equal to what was there: names, instructions, lines, columns.
 */
#ifndef RS_GRAFT_H
#define RS_GRAFT_H

#include "compat.h"

/* `code`, but code constants (at any depth) that are equal to one of the `pieces` (a tuple
 * of code objects) are those. New reference: `code` itself if there is nothing to put in. */
PyObject *rs_graft(PyObject *code, PyObject *pieces);

/* The code constants of `code`: a new tuple. */
PyObject *rs_graft_pieces(PyObject *code);

#endif
