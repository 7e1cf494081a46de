#include "tally.h"

#include <string.h>

static rs_tally_entry *
place_of(rs_tally_entry *entries, size_t mask, const void *object)
{
    uintptr_t x = (uintptr_t)object >> 4;
    size_t place;
    x ^= x >> 17;
    x *= (uintptr_t)0x9E3779B97F4A7C15ULL;
    place = (size_t)(x ^ (x >> 29)) & mask;
    while (entries[place].object != NULL && entries[place].object != object) {
        place = (place + 1) & mask;
    }
    return &entries[place];
}

/* Those that count 0 are left behind. */
static int
grow(rs_tally *tally)
{
    size_t counting = 0, size = 64;
    rs_tally old = *tally;
    rs_tally_entry *entries;
    for (size_t i = 0; old.entries != NULL && i <= old.mask; i++) {
        counting += old.entries[i].n != 0;
    }
    while (size < counting * 4) {
        size *= 2;
    }
    entries = PyMem_Calloc(size, sizeof(*entries));
    if (entries == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; old.entries != NULL && i <= old.mask; i++) {
        if (old.entries[i].n != 0) {
            *place_of(entries, size - 1, old.entries[i].object) = old.entries[i];
        }
    }
    *tally = (rs_tally){entries, size - 1, counting};
    PyMem_Free(old.entries);
    return 0;
}

int
rs_tally_add(rs_tally *tally, const void *object, Py_ssize_t n)
{
    rs_tally_entry *entry;
    if ((tally->entries == NULL || tally->used * 2 > tally->mask) && grow(tally) < 0) {
        return -1;
    }
    entry = place_of(tally->entries, tally->mask, object);
    tally->used += entry->object == NULL;
    entry->object = object;
    entry->n += n;
    return 0;
}

Py_ssize_t
rs_tally_get(const rs_tally *tally, const void *object)
{
    return tally->entries != NULL ? place_of(tally->entries, tally->mask, object)->n
                                  : 0;
}

void
rs_tally_clear(rs_tally *tally)
{
    PyMem_Free(tally->entries);
    memset(tally, 0, sizeof(*tally));
}
