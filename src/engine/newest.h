/* newest.h -- which record is the newest about a key of a dict.
 * Owns:     nothing but its table: keys are borrowed.
 * Provides: rs_newest_find, rs_newest_set, rs_newest_reserve, rs_newest_clear.
 * Depends:  same.h.
 * Threads:  the GIL is held. Runs no Python code: keys are compared by identity, text and
 *           numbers by value.
 */
#ifndef RS_NEWEST_H
#define RS_NEWEST_H

#include "compat.h"

typedef struct {
    Py_ssize_t dict; /* its number */
    PyObject *key;
    Py_hash_t hash;
    Py_ssize_t record; /* number + 1; 0: an empty place */
} rs_newest_entry;

typedef struct {
    rs_newest_entry *entries; /* open addressing */
    size_t size;              /* a power of two, or 0 */
    size_t used;
} rs_newest;

/* The number of the record, or -1. */
Py_ssize_t rs_newest_find(const rs_newest *n, Py_ssize_t dict, PyObject *key);

/* 0, or -1 with MemoryError. */
int rs_newest_set(rs_newest *n, Py_ssize_t dict, PyObject *key, Py_ssize_t record);

/* Makes room, so that the next rs_newest_set can't fail. 0, or -1 with MemoryError. */
int rs_newest_reserve(rs_newest *n);

void rs_newest_clear(rs_newest *n);

#endif
