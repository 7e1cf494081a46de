#include "idmap.h"

#include <assert.h>
#include <string.h>

/* Addresses of objects are multiples of 16, so the low bits say nothing. */
static size_t
hash_pointer(const void *key)
{
    uintptr_t x = (uintptr_t)key >> 4;
    x ^= x >> 17;
    x *= (uintptr_t)0x9E3779B97F4A7C15ULL;
    return (size_t)(x ^ (x >> 29));
}

/* The place in the index of `key`, or the empty one where it would go. */
static size_t
find_place(const rs_idmap *map, const void *key)
{
    size_t place = hash_pointer(key) & map->mask;
    while (map->index[place] != 0 && map->entries[map->index[place] - 1].key != key) {
        place = (place + 1) & map->mask;
    }
    return place;
}

static int
grow(rs_idmap *map)
{
    Py_ssize_t room = map->room != 0 ? map->room * 2 : 16;
    size_t index_size = (size_t)room * 2;
    rs_idmap_entry *entries;
    uint32_t *index = PyMem_Calloc(index_size, sizeof(uint32_t));
    if (index == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    entries = PyMem_Realloc(map->entries, (size_t)room * sizeof(rs_idmap_entry));
    if (entries == NULL) {
        PyMem_Free(index);
        PyErr_NoMemory();
        return -1;
    }
    PyMem_Free(map->index);
    map->entries = entries;
    map->index = index;
    map->room = room;
    map->mask = index_size - 1;
    for (Py_ssize_t i = 0; i < map->used; i++) {
        map->index[find_place(map, entries[i].key)] = (uint32_t)(i + 1);
    }
    return 0;
}

int
rs_idmap_set(rs_idmap *map, PyObject *key, PyObject *value)
{
    size_t place;
    if (map->used == map->room && grow(map) < 0) {
        return -1;
    }
    place = find_place(map, key);
    if (map->index[place] != 0) {
        PyObject *old = map->entries[map->index[place] - 1].value;
        map->entries[map->index[place] - 1].value = Py_NewRef(value);
        Py_DECREF(old);
        return 0;
    }
    map->entries[map->used].key = Py_NewRef(key);
    map->entries[map->used].value = Py_NewRef(value);
    map->used++;
    map->index[place] = (uint32_t)map->used;
    return 0;
}

Py_ssize_t
rs_idmap_find(const rs_idmap *map, const void *key)
{
    return map->used != 0 ? (Py_ssize_t)map->index[find_place(map, key)] - 1 : -1;
}

PyObject *
rs_idmap_get(const rs_idmap *map, const void *key)
{
    Py_ssize_t number = rs_idmap_find(map, key);
    return number >= 0 ? map->entries[number].value : NULL;
}

int
rs_idmap_next(const rs_idmap *map, Py_ssize_t *pos, PyObject **key, PyObject **value)
{
    if (*pos >= map->used) {
        return 0;
    }
    if (key != NULL) {
        *key = map->entries[*pos].key;
    }
    if (value != NULL) {
        *value = map->entries[*pos].value;
    }
    (*pos)++;
    return 1;
}

void
rs_idmap_clear(rs_idmap *map)
{
    rs_idmap taken = *map;
    memset(map, 0, sizeof(*map));
    for (Py_ssize_t i = 0; i < taken.used; i++) {
        Py_DECREF(taken.entries[i].key);
        Py_DECREF(taken.entries[i].value);
    }
    PyMem_Free(taken.entries);
    PyMem_Free(taken.index);
}

void
rs_idmap_check(const rs_idmap *map)
{
#ifdef RS_CHECKS
    assert(map->used <= map->room);
    for (Py_ssize_t i = 0; i < map->used; i++) {
        assert(rs_idmap_get(map, map->entries[i].key) == map->entries[i].value);
    }
#else
    (void)map;
#endif
}
