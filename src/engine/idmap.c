#include "idmap.h"

#include <assert.h>
#include <string.h>

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
        map->index[rs_idmap_place(map, entries[i].key)] = (uint32_t)(i + 1);
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
    place = rs_idmap_place(map, key);
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
