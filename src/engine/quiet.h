/* quiet.h -- making donor classes without telling live base classes (hazard 16).
 * Owns:     entries of s->quiet.
 * Provides: rs_quiet_hook, rs_quiet_hide, rs_quiet_settle, rs_quiet_is_young,
 *           rs_quiet_classify.
 * Depends:  session.h, lookup.h, maker.h.
 * Threads:  GIL held; the hook may be called by any thread at any time, also long after
 *           the update: then it forwards.
 * Invariants:
 *   Q1  a class that will be matched with a live one fires no __init_subclass__ of a live
 *       base (the standard library's excepted: they keep no registers), and is in no live
 *       base's __subclasses__().
 *   Q2  mro, bases, metaclass and layout of such a class are what they would be anyway.
 *   Q3  new classes, and those of first-time imports, fire normally.
 */
#ifndef RS_QUIET_H
#define RS_QUIET_H

#include "session.h"

/* New `__build_class__` for the private builtins. */
PyObject *rs_quiet_hook(rs_session *s);

/* Takes `donor` out of the __subclasses__() of its bases that are live heap types. Safe to
 * repeat. 0 or -1. */
int rs_quiet_hide(rs_session *s, PyObject *donor);

/* After matching: a class that was made quietly but is nobody's donor (`class A: ...`, then
 * `class A(A): ...`) stays in use, so its bases have to know it. 0 or -1. */
int rs_quiet_settle(rs_session *s);

/* 1 if the class was made while `s` was prepared, as far as prepare can tell; else 0. */
int rs_quiet_is_young(const rs_session *s, PyTypeObject *type);

typedef enum {
    RS_INIT_NONE,  /* the class has none of its own */
    RS_INIT_FIRES, /* young, or the standard library's */
    RS_INIT_QUIET
} rs_init_kind;

/* What becomes of the __init_subclass__ that the class itself defines. */
rs_init_kind rs_quiet_classify(const rs_session *s, PyTypeObject *type);

#endif
