/* outside.h -- whose work a value is: this program's, the standard library's, or that of a
 * package that may not be updated.
 * Owns:     nothing.
 * Provides: rs_outside_is, rs_outside_decorator.
 * Depends:  session.h, syntax.h.
 * Threads:  the GIL is held; calls the policy (`allowed`), no other code of the program.
 * Invariants:
 *   O1  the policy decides: what may be updated is the program's own, whoever wrote it.
 */
#ifndef RS_OUTSIDE_H
#define RS_OUTSIDE_H

#include "session.h"

/* Does a module that may not be updated, and is not of the standard library, define the
 * value (a module, class, function) or its type? 1, 0, -1. */
int rs_outside_is(const rs_session *s, PyObject *value);

typedef enum {
    RS_DECORATOR_OWN, /* of the program, of the standard library, or nobody can tell */
    RS_DECORATOR_FUNCTION, /* a function or class of a package */
    RS_DECORATOR_METHOD    /* of an object of a package: such register */
} rs_decorator_kind;

/* What an expression after an `@` means in the namespace `live`. A rs_decorator_kind,
 * or -1. */
int rs_outside_decorator(const rs_session *s, PyObject *live, PyObject *expression);

#endif
