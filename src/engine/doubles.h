/* doubles.h -- registrations that a body made again.
 * Owns:     nothing.
 * Provides: rs_doubles_drop.
 * Depends:  holder.h.
 * Threads:  the GIL is held. No code of the program runs: what is equal is found out by
 *           identity.
 * Invariants:
 *   X1  only what a body has put there goes, and only where something else stays that
 *       means the same.
 */
#ifndef RS_DOUBLES_H
#define RS_DOUBLES_H

#include "holder.h"

/* A live list to which a body appended what means the same as another item
 * (a registration that ran again): a donor, or a weak reference, bound method, tuple or
 * frozenset that is in r->moved. *kept: the items that stay, mapped, as a new list; NULL
 * if all stay. 0 or -1. */
int rs_doubles_drop(const rs_rewrite *r, PyObject *list, PyObject **kept);

#endif
