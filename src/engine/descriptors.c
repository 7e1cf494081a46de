#include "descriptors.h"

#ifdef __linux__
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    int number;
    int length; /* of the target, which follows */
} record;

typedef struct {
    char *data; /* records, one behind the other, not aligned */
    size_t used, size;
} records;

static int
append(records *all, int number, const char *target, size_t length)
{
    record head = {number, (int)length};
    size_t need = all->used + sizeof(head) + length;
    if (need > all->size) {
        char *more = PyMem_RawRealloc(all->data, 2 * need);
        if (more == NULL) {
            return -1;
        }
        all->data = more;
        all->size = 2 * need;
    }
    memcpy(all->data + all->used, &head, sizeof(head));
    memcpy(all->data + all->used + sizeof(head), target, length);
    all->used = need;
    return 0;
}

/* Without the GIL. A descriptor that is closed meanwhile is left out. 0 or -1: no memory. */
static int
collect(records *all)
{
    char target[PATH_MAX];
    const struct dirent *item;
    int result = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) {
        return 0; /* not mounted, or no descriptor is free */
    }
    while (result == 0 && (item = readdir(folder)) != NULL) {
        char *end;
        long number = strtol(item->d_name, &end, 10);
        if (end != item->d_name && *end == '\0' && number != dirfd(folder)) {
            ssize_t length = readlinkat(dirfd(folder), item->d_name, target,
                                        sizeof(target));
            if (length >= 0) {
                result = append(all, (int)number, target, (size_t)length);
            }
        }
    }
    closedir(folder);
    return result;
}

static int
add_each(PyObject *found, const records *all)
{
    size_t at = 0;
    while (at < all->used) {
        record head;
        PyObject *target, *told;
        int status;
        memcpy(&head, all->data + at, sizeof(head));
        at += sizeof(head);
        target = PyUnicode_DecodeFSDefaultAndSize(all->data + at, head.length);
        at += (size_t)head.length;
        if (target == NULL) {
            return -1;
        }
        told = PyUnicode_FromFormat("%U (file descriptor %d)", target, head.number);
        Py_DECREF(target);
        if (told == NULL) {
            return -1;
        }
        status = PySet_Add(found, told);
        Py_DECREF(told);
        if (status < 0) {
            return -1;
        }
    }
    return 0;
}

PyObject *
rs_descriptors(void)
{
    records all = {NULL, 0, 0};
    PyObject *found = PyFrozenSet_New(NULL);
    int status;
    if (found == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    status = collect(&all);
    Py_END_ALLOW_THREADS;
    if (status < 0) {
        PyErr_NoMemory();
    } else {
        status = add_each(found, &all);
    }
    PyMem_RawFree(all.data);
    if (status < 0) {
        Py_CLEAR(found);
    }
    return found;
}

#else

PyObject *
rs_descriptors(void)
{
    return PyFrozenSet_New(NULL);
}

#endif
