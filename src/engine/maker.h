/* maker.h -- what stands in for the metaclass in a class statement, to make a class quietly.
 * Owns:     a maker has strong references to its session, the class body and the metaclass.
 * Provides: rs_maker_type, rs_maker_build, rs_maker_unmark.
 * Depends:  session.h, quiet.h.
 * Threads:  the preparing thread, GIL held; runs class bodies and metaclasses.
 * Invariants:
 *   K1  the class fires no __init_subclass__ that rs_quiet_classify calls quiet; the others
 *       fire in the order of the mro.
 *   K2  so does a class that a decorator makes of it with a copy of its namespace.
 *   K3  metaclass, mro and bases of the class are the real ones when it is handed out.
 */
#ifndef RS_MAKER_H
#define RS_MAKER_H

#include "session.h"

/* The type, for st->Maker_Type. New reference. */
PyObject *rs_maker_type(void);

/* __build_class__(*args, **kwargs) of a class in `u`, whose metaclass, if given, is a
 * class; it will be matched with `live`. */
PyObject *rs_maker_build(rs_session *s, rs_unit *u, PyObject *live, PyObject *args,
                         PyObject *kwargs);

/* The bodies have run: no copies any more. 0 or -1. */
int rs_maker_unmark(rs_session *s);

#endif
