/* room.h -- arrays that grow.
 * Owns:     nothing.
 * Provides: rs_room.
 * Depends:  compat.h.
 * Threads:  the GIL is held.
 */
#ifndef RS_ROOM_H
#define RS_ROOM_H

#include "compat.h"

/* Makes room for one more item of `size` bytes after `used` ones. `items` and *room are
 * those of the array, which moves. The array; NULL with MemoryError, and then it is as it
 * was. */
static inline void *
rs_room(void *items, Py_ssize_t used, Py_ssize_t *room, size_t size)
{
    Py_ssize_t more = *room != 0 ? *room * 2 : 16;
    if (used < *room) {
        return items;
    }
    items = PyMem_Realloc(items, (size_t)more * size);
    if (items == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    *room = more;
    return items;
}

#endif
