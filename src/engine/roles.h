/* roles.h -- what a piece of code does with the functions that it makes.
 * Owns:     nothing.
 * Provides: rs_roles_of, rs_role_get, rs_roles_open, rs_roles_without_defaults,
 *           rs_is_type_scope.
 * Depends:  same.h, opcodes.h, the module `dis`.
 * Threads:  the GIL is held; runs Python code of the standard library.
 * Invariants:
 *   O1  what could not be made out is None, never a guess.
 */
#ifndef RS_ROLES_H
#define RS_ROLES_H

#include "compat.h"

/* Fields of the tuple that rs_roles_of gives for each function. */
typedef enum {
    RS_ROLE_USE,        /* tuple of str: what the statement loads before the function is
                           made, and the name that the result is stored under. Tells
                           apart property accessors, overloads, lambdas, which share a
                           name. */
    RS_ROLE_ANNOTATION, /* tuple of str: the names in its annotations; tells apart the `_`
                           of singledispatch */
    RS_ROLE_DEFAULTS,   /* tuple of the default values if there are none or all are
                           constants, else their number, None: could not be made out */
    RS_ROLE_KWDEFAULTS, /* number of keyword-only defaults, or None */
    RS_ROLE_FIELDS
} rs_role_field;

/* A dict: address of a code object in code's co_consts -> tuple of the fields above. An
 * empty dict if the code is not as compilers make it. NULL with an exception. */
PyObject *rs_roles_of(PyObject *code);

/* Numbers of the instructions that make functions; -1: this CPython has none of it. */
typedef struct {
    int make_function, set_function_attribute;
} rs_roles_opcodes;

/* 0 or -1. */
int rs_roles_open(rs_roles_opcodes *ops);

/* 1 if no function that `code` makes has default values, which is much faster to find out
 * than rs_roles_of; 0 if one has, or if that could not be made out; -1. */
int rs_roles_without_defaults(const rs_roles_opcodes *ops, PyObject *code);

/* 1: `code` is the scope of the type parameters of a function, class or alias. */
int rs_is_type_scope(PyObject *code);

/* Borrowed; None if `roles` is NULL or does not know `code`. */
PyObject *rs_role_get(PyObject *roles, PyObject *code, rs_role_field field);

#endif
