/* idmap.h -- a map from objects to objects by identity.
 * Owns:     one strong reference to each key and each value.
 * Provides: rs_idmap_set, rs_idmap_get, rs_idmap_find, rs_idmap_has, rs_idmap_next, rs_idmap_clear.
 * Depends:  compat.h.
 * Threads:  the GIL is held.
 * Invariants (rs_idmap_check asserts them):
 *   I1  looking up never runs Python code: no hash, no comparison, only addresses.
 *   I2  entries keep the order in which they were added.
 */
#ifndef RS_IDMAP_H
#define RS_IDMAP_H

#include "compat.h"

typedef struct {
    PyObject *key;
    PyObject *value;
} rs_idmap_entry;

typedef struct {
    rs_idmap_entry *entries; /* in order of insertion */
    Py_ssize_t used;
    Py_ssize_t room;
    uint32_t *index; /* open addressing: entry number + 1, 0 is empty */
    size_t mask;     /* size of index - 1 */
} rs_idmap;

/* 0, or -1 with MemoryError. Setting a key again replaces its value. */
int rs_idmap_set(rs_idmap *map, PyObject *key, PyObject *value);

/* The place in the index of `key`, or the empty one where it would go. Look-ups are inline:
 * an update makes some hundred thousand of them. Addresses of objects are multiples of 16,
 * so the low bits say nothing. */
static inline size_t
rs_idmap_place(const rs_idmap *map, const void *key)
{
    uintptr_t x = (uintptr_t)key >> 4;
    size_t place;
    x ^= x >> 17;
    x *= (uintptr_t)0x9E3779B97F4A7C15ULL;
    place = (size_t)(x ^ (x >> 29)) & map->mask;
    while (map->index[place] != 0 && map->entries[map->index[place] - 1].key != key) {
        place = (place + 1) & map->mask;
    }
    return place;
}

/* The number of its entry (entries are never removed), or -1. */
static inline Py_ssize_t
rs_idmap_find(const rs_idmap *map, const void *key)
{
    return map->used != 0 ? (Py_ssize_t)map->index[rs_idmap_place(map, key)] - 1 : -1;
}

/* The value (borrowed) or NULL; never sets an exception. */
static inline PyObject *
rs_idmap_get(const rs_idmap *map, const void *key)
{
    Py_ssize_t number = rs_idmap_find(map, key);
    return number >= 0 ? map->entries[number].value : NULL;
}

static inline int
rs_idmap_has(const rs_idmap *map, const void *key)
{
    return rs_idmap_get(map, key) != NULL;
}

/* How many strong references the map has to `op`, if it is a value only under `key`. */
static inline int
rs_idmap_holds(const rs_idmap *map, const void *op, const void *key)
{
    return rs_idmap_has(map, op) + (rs_idmap_get(map, key) == op);
}

/* Iterate: start with *pos = 0; 1 while there was an entry. Borrowed. */
int rs_idmap_next(const rs_idmap *map, Py_ssize_t *pos, PyObject **key,
                  PyObject **value);

/* Drop everything; releasing may run Python code. */
void rs_idmap_clear(rs_idmap *map);

void rs_idmap_check(const rs_idmap *map);

#endif
