/* children.h -- the code objects nested in an old and a new one, matched.
 * Owns:     nothing.
 * Provides: rs_children_of, rs_children_match.
 * Depends:  roles.h, same.h.
 * Threads:  the GIL is held; runs no Python code.
 * Invariants:
 *   K1  matched by name, then by use, by sameness, and by order only between matched
 *       neighbours and where the counts agree: never guessed.
 *   K2  what computes the annotations of a function goes where the function goes.
 */
#ifndef RS_CHILDREN_H
#define RS_CHILDREN_H

#include "compat.h"

typedef struct {
    PyObject *code;     /* borrowed from the parent */
    Py_ssize_t partner; /* index in the other list, or -1 */
    Py_ssize_t owner;   /* index of the function whose annotations it computes, or -1 */
    int rivals; /* no partner, but the other list has unmatched ones of its name */
} rs_child;

typedef struct {
    rs_child *at;
    Py_ssize_t count;
} rs_children;

/* The code objects nested in `code`, in order; what lies in a scope of type parameters
 * counts as lying where that scope is. PyMem_Free(children->at) later. 0 or -1. */
int rs_children_of(PyObject *code, rs_children *children);

/* Are there several of one name in a list, unmatched? Then their roles are needed. */
int rs_children_share_names(const rs_children *olds, const rs_children *news);

/* Sets partner and rivals; partners that are set already stand. Roles (roles.h) may be
 * NULL. 0 or -1. */
int rs_children_match(rs_children *olds, PyObject *old_roles, rs_children *news,
                      PyObject *new_roles);

/* Partners by position, for parents that differ at most in line numbers. */
void rs_children_match_in_order(rs_children *olds, rs_children *news);

#endif
