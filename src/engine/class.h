/* class.h -- a live class takes everything from its donor.
 * Owns:     nothing; plans operations in s->journal.
 * Provides: rs_class_plan, rs_class_join_abcs, rs_class_release_donors.
 * Depends:  scope.h, names.h, layout.h, enumeration.h, abstract.h.
 * Threads:  the GIL is held.
 * Invariants:
 *   K1  descriptors that belong to a class's layout never move to another (hazard 10).
 *   K2  the metaclass's own __setattr__, __init_subclass__ and __set_name__ are not
 *       called: they ran for the donor.
 *   K3  what can't be poured is refused before anything is planned for that class.
 */
#ifndef RS_CLASS_H
#define RS_CLASS_H

#include "scope.h"

/* Plans all pairs of classes. After everything that fills s->map. 0 or -1. */
int rs_class_plan(rs_session *s);

/* After the commit: registrations with abstract classes that the new source made. */
int rs_class_join_abcs(rs_session *s);

/* After the commit: the donors of classes go, without a collection (hazard 25). */
void rs_class_release_donors(rs_session *s);

#endif
