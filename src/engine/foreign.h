/* foreign.h -- did a source make a live value, or the program while it ran?
 * Owns:     nothing.
 * Provides: rs_runs_in, rs_is_foreign, rs_made_by_decorator, rs_function_is_nested,
 *           rs_find_definition, rs_home_of, rs_same_top_package.
 * Depends:  session.h, scope.h, wrappers.h, lookup.h.
 * Threads:  the GIL is held; runs no Python code of the user.
 * Invariants:
 *   F1  what may be somebody else's is never taken for the unit's own: nothing would be
 *       worse than pouring into a function of another module.
 */
#ifndef RS_FOREIGN_H
#define RS_FOREIGN_H

#include "session.h"

/* Decorators rarely stand deeper than this around a function. */
#define RS_MAX_WRAPPERS 8

/* Is `func` a function of the module whose namespace is `globals`? A hotfix gives it code that
 * runs in the hotfix's namespace; it stays the module's (rule 14). */
int rs_runs_in(PyObject *func, PyObject *globals);

/* Is it code of a hotfix snippet? Its file says so. */
int rs_is_hotfix_code(PyObject *code);

/* The function of `globals` that is defined as `qualname`: `value` itself, or inside its
 * wrappers. Borrowed or NULL. */
PyObject *rs_find_definition(PyObject *value, PyObject *globals, PyObject *qualname);

/* Is `value` that function itself? */
int rs_is_definition(PyObject *value, PyObject *globals, PyObject *qualname);

/* Was it made by another function: a closure, a lambda in a function? */
int rs_function_is_nested(PyObject *func);

/* A function that a decorator of another module returned while the source of `u` ran? */
int rs_made_by_decorator(const rs_session *s, const rs_unit *u, PyObject *func);

/* Does the live `value`, bound to a name that the new source defines, come from somewhere
 * else than a source: a mock, a wrapper that was put on at run time? */
int rs_is_foreign(rs_session *s, const rs_unit *u, PyObject *value);

/* The name of the module that `value` is, or that made it; borrowed or NULL. */
PyObject *rs_home_of(const rs_session *s, PyObject *value);

/* "wrapt" of "wrapt.wrappers". */
int rs_same_top_package(PyObject *a, PyObject *b);

#endif
