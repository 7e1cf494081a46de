/* same.h -- is it the same? Comparisons that never run Python code of the user.
 * Owns:     nothing.
 * Provides: rs_same_text, rs_same_literal, rs_is_atom, rs_same_value, rs_is_plain_key,
 *           rs_same_code.
 * Depends:  compat.h, the module `opcode` for the numbers of instructions.
 * Threads:  the GIL is held.
 * Invariants:
 *   C1  only exact built-in types are compared by value; anything else by identity.
 */
#ifndef RS_SAME_H
#define RS_SAME_H

#include "compat.h"

/* 1 if both are the same text, 0 if not (also when one is NULL or no str). */
int rs_same_text(PyObject *a, PyObject *b);
int rs_text_equals(PyObject *text, const char *ascii);

/* 1 if both are equal literals of the same exact built-in types, also nested; 0.0 and
 * -0.0, 1 and True differ; 0 if not or if nobody can tell. Never fails. */
int rs_same_literal(PyObject *a, PyObject *b);

/* 1 if `op` is an immutable atom or a tuple or frozenset of such: without identity. */
int rs_is_atom(PyObject *op);

/* 1 if they are the same object, or equal atoms: nobody can tell them apart. NULL is only
 * NULL. */
int rs_same_value(PyObject *a, PyObject *b);

/* 1 if looking for `key` in a dict is certain to call no Python code of its own. */
int rs_is_plain_key(PyObject *key);

typedef enum { RS_CODE_DIFFERS, RS_CODE_MOVED, RS_CODE_SAME } rs_code_relation;

/* MOVED: the same but for line numbers. -1 with an exception. */
int rs_same_code(PyObject *a, PyObject *b);

#endif
