#include "newest.h"

#include <string.h>

#include "same.h"

/* Of keys that rs_is_plain_key takes: what they hash by; of others: where they are. */
static Py_hash_t
hash_of(PyObject *key)
{
    uintptr_t address = (uintptr_t)key >> 4;
    return rs_is_plain_key(key) ? PyObject_Hash(key) : (Py_hash_t)address;
}

static int
is_key(const rs_newest_entry *entry, Py_ssize_t dict, PyObject *key, Py_hash_t hash)
{
    return entry->dict == dict &&
           (entry->key == key ||
            (entry->hash == hash && Py_TYPE(key) == Py_TYPE(entry->key) &&
             rs_same_value(entry->key, key)));
}

/* The place of the key, or the empty one where it would go. */
static rs_newest_entry *
place_of(const rs_newest *n, Py_ssize_t dict, PyObject *key, Py_hash_t hash)
{
    uint64_t x = (uint64_t)hash + ((uint64_t)dict << 40);
    size_t place;
    x *= 0x9E3779B97F4A7C15ULL;
    place = (size_t)(x ^ (x >> 29)) & (n->size - 1);
    while (n->entries[place].record != 0 &&
           !is_key(&n->entries[place], dict, key, hash)) {
        place = (place + 1) & (n->size - 1);
    }
    return &n->entries[place];
}

Py_ssize_t
rs_newest_find(const rs_newest *n, Py_ssize_t dict, PyObject *key)
{
    return n->used != 0 ? place_of(n, dict, key, hash_of(key))->record - 1 : -1;
}

static int
grow(rs_newest *n)
{
    rs_newest larger = {NULL, n->size != 0 ? n->size * 2 : 64, n->used};
    larger.entries = PyMem_Calloc(larger.size, sizeof(rs_newest_entry));
    if (larger.entries == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < n->size; i++) {
        const rs_newest_entry *entry = &n->entries[i];
        if (entry->record != 0) {
            *place_of(&larger, entry->dict, entry->key, entry->hash) = *entry;
        }
    }
    PyMem_Free(n->entries);
    *n = larger;
    return 0;
}

int
rs_newest_reserve(rs_newest *n)
{
    return n->used * 2 >= n->size ? grow(n) : 0;
}

int
rs_newest_set(rs_newest *n, Py_ssize_t dict, PyObject *key, Py_ssize_t record)
{
    rs_newest_entry *entry;
    Py_hash_t hash = hash_of(key);
    if (rs_newest_reserve(n) < 0) {
        return -1;
    }
    entry = place_of(n, dict, key, hash);
    n->used += entry->record == 0;
    *entry = (rs_newest_entry){dict, key, hash, record + 1};
    return 0;
}

void
rs_newest_clear(rs_newest *n)
{
    PyMem_Free(n->entries);
    memset(n, 0, sizeof(*n));
}
