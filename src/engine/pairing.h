/* pairing.h -- which statement of the new source answers to which of the old.
 * Owns:     its own result.
 * Provides: rs_pairing_make, rs_pairing_clear.
 * Depends:  syntax.h.
 * Threads:  the GIL is held.
 * Invariants:
 *   P1  the same syntax first, whatever the order; then definitions and assignments of one
 *       name, with the same decorators before others; then blocks of one kind. In order.
 */
#ifndef RS_PAIRING_H
#define RS_PAIRING_H

#include "compat.h"

/* Borrowed from the lists. One of them may be NULL: added, or removed. */
typedef struct {
    PyObject *old_node, *new_node;
    int same; /* as syntax */
} rs_statement_pair;

typedef struct {
    rs_statement_pair *at; /* new ones in order, then those that are gone */
    Py_ssize_t count;
} rs_pairing;

/* 0 or -1; rs_pairing_clear in any case. */
int rs_pairing_make(rs_pairing *pairing, PyObject *olds, PyObject *news);
void rs_pairing_clear(rs_pairing *pairing);

/* Do two definitions have the same decorators? 1, 0, -1. */
int rs_pairing_same_decorators(PyObject *a, PyObject *b);

int rs_is_function_node(PyObject *node);
int rs_is_block_node(PyObject *node);

#endif
