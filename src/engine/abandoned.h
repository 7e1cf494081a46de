/* abandoned.h -- generators that nothing but the scratch namespace they run in keeps alive.
 * Owns:     nothing.
 * Provides: rs_abandoned_close.
 * Depends:  holder.h, idmap.h.
 * Threads:  the updating thread, between updates. Closing a generator runs its code.
 * Invariants:
 *   G1  what is found is certain: an object that was not looked at counts as somebody who
 *       can reach what it refers to.
 */
#ifndef RS_ABANDONED_H
#define RS_ABANDONED_H

#include "compat.h"

/* Closes those generators and coroutines in the list `borrowers` that only `space` leads
 * to, and `space` only the graveyard, as the collector would if that were no root. `known`:
 * a list or tuple each, whose references don't count either. 0 or -1. */
int rs_abandoned_close(PyObject *space, PyObject *borrowers, PyObject *const *known,
                       size_t n_known);

#endif
