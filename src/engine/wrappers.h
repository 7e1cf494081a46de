/* wrappers.h -- what stands around a function: decorators and descriptors.
 * Owns:     nothing.
 * Provides: rs_wrapper_children, rs_wrapper_is_static etc., rs_wrapper_same.
 * Depends:  session.h, same.h.
 * Threads:  the GIL is held; runs no Python code of the user.
 * Invariants:
 *   W1  what lies inside is found with tp_traverse and public structs only.
 */
#ifndef RS_WRAPPERS_H
#define RS_WRAPPERS_H

#include "session.h"

/* Calls visit(child, arg) for what `value` wraps: contents of closure cells and function
 * attributes, fields of descriptors and callable objects, one step. Stops at the first
 * result that isn't 0 and returns it. */
int rs_wrapper_visit(PyObject *value, visitproc visit, void *arg);

/* Contents of the cell that `func` has for a free variable: borrowed or NULL. Neither sets
 * an exception. */
PyObject *rs_closure_get(PyObject *func, PyObject *name);
PyObject *rs_closure_get_ascii(PyObject *func, const char *name);

/* Is `value` of a kind that stands for a definition: (static, class) method, property,
 * cached_property, lru_cache, partial ...? */
int rs_is_wrapper(const rs_state *st, PyObject *value);

/* Do two wrappers of the same type do the same with what they wrap, so that the live one
 * can stay? `donor`'s parts are compared as what they will be after the update. */
int rs_wrapper_same(const rs_session *s, PyObject *live, PyObject *donor);

/* Were two functions generated alike: same code, defaults and closed over values? */
int rs_function_same(const rs_session *s, PyObject *live, PyObject *donor);

/* Is `func` the wrapper that functools.singledispatch makes? */
int rs_is_singledispatch(PyObject *func);
/* That wrapper, if `op` is one or a functools.singledispatchmethod around one: 1 and a new
 * reference, 0, -1. */
int rs_dispatcher_of(const rs_state *st, PyObject *op, PyObject **dispatcher);
/* The dict in which such a wrapper keeps what it has found: 1 and a new reference, 0, -1. */
int rs_dispatch_cache_data(const rs_state *st, PyObject *dispatcher, PyObject **data);

/* What such a wrapper's dispatch() has in a free variable: borrowed or NULL. */
PyObject *rs_singledispatch_part(PyObject *func, PyObject *name);

#endif
