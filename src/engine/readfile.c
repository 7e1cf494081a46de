#include "readfile.h"

#include <fcntl.h>
#include <string.h>

#ifdef _WIN32
#include <io.h>
#define FLAGS (_O_RDONLY | _O_BINARY | _O_NOINHERIT)
#define open _open
#define read _read
#define close _close
#else
#include <unistd.h>
/* Something else than a file may have come there meanwhile: nobody waits for a pipe. */
#define FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
#endif

#define FIRST 16384 /* on the stack: those of threads can be small */
#define LIMIT ((size_t)1 << 28)

/* The rest of a file that has filled `first`. */
static PyObject *
read_on(int file, const char *first)
{
    size_t used = FIRST, size = 4 * FIRST;
    PyObject *result = NULL;
    char *data = PyMem_RawMalloc(size);
    if (data == NULL) {
        return PyErr_NoMemory();
    }
    memcpy(data, first, FIRST);
    for (;;) {
        Py_ssize_t count = (Py_ssize_t)read(file, data + used, (unsigned)(size - used));
        if (count == 0) {
            result = PyBytes_FromStringAndSize(data, (Py_ssize_t)used);
        }
        if (count <= 0) {
            break;
        }
        used += (size_t)count;
        if (used == size) {
            char *more = size < LIMIT ? PyMem_RawRealloc(data, 2 * size) : NULL;
            if (more == NULL) {
                break;
            }
            data = more;
            size *= 2;
        }
    }
    PyMem_RawFree(data);
    return result;
}

PyObject *
rs_read_file(PyObject *path)
{
    char first[FIRST];
    PyObject *result = NULL;
    const char *name = PyUnicode_IS_ASCII(path) ? PyUnicode_AsUTF8(path) : NULL;
    int file = name != NULL ? open(name, FLAGS) : -1;
    if (file >= 0) {
        /* One call: of a file it brings all there is, or fills the buffer. */
        Py_ssize_t size = (Py_ssize_t)read(file, first, FIRST);
        if (size == FIRST) {
            result = read_on(file, first);
        } else if (size >= 0) {
            result = PyBytes_FromStringAndSize(first, size);
        }
        close(file);
    }
    return result;
}
