/* abstract.h -- which methods are still abstract, also in subclasses elsewhere.
 * Owns:     nothing; plans operations in s->journal.
 * Provides: rs_abstract_plan.
 * Depends:  scope.h.
 * Threads:  the GIL is held; runs no Python code of the user.
 * Invariants:
 *   B1  subclasses that take no part in the update learn of new abstract methods.
 */
#ifndef RS_ABSTRACT_H
#define RS_ABSTRACT_H

#include "scope.h"

/* Plans __abstractmethods__ of the class and of its live subclasses. 0 or -1. */
int rs_abstract_plan(rs_session *s, const rs_scope *scope, int *changed);

/* The same for a class of which parts ran: `scope->donor` has what these bound. */
int rs_abstract_plan_parts(rs_session *s, const rs_scope *scope, int *changed);

#endif
