#include "pyc.h"

#include <marshal.h>

/* The bytes of a file; NULL without an exception if it can't be read. */
static PyObject *
read_file(PyObject *path)
{
    PyObject *data = NULL;
    PyObject *io = PyImport_ImportModule("_io");
    PyObject *file = io != NULL ? PyObject_CallMethod(io, "open_code", "O", path)
                                : NULL;
    if (file != NULL) {
        PyObject *closed;
        data = PyObject_CallMethod(file, "read", NULL);
        closed = PyObject_CallMethod(file, "close", NULL);
        Py_XDECREF(closed);
        Py_DECREF(file);
    }
    Py_XDECREF(io);
    if (data == NULL && PyErr_ExceptionMatches(PyExc_OSError)) {
        PyErr_Clear();
    }
    return data;
}

/* A .pyc: magic number, 12 bytes about the source, marshalled code. Anything else is not
 * known code: NULL without an exception. */
static PyObject *
parse_pyc(PyObject *data)
{
    const unsigned char *text;
    Py_ssize_t size;
    unsigned long magic;
    PyObject *code;
    if (!PyBytes_Check(data) || PyBytes_GET_SIZE(data) <= 16) {
        return NULL;
    }
    text = (const unsigned char *)PyBytes_AS_STRING(data);
    size = PyBytes_GET_SIZE(data);
    magic = text[0] | (unsigned long)text[1] << 8 | (unsigned long)text[2] << 16 |
            (unsigned long)text[3] << 24;
    if (magic != (unsigned long)PyImport_GetMagicNumber()) {
        return NULL;
    }
    code = PyMarshal_ReadObjectFromString((const char *)text + 16, size - 16);
    if (code == NULL && !PyErr_ExceptionMatches(PyExc_MemoryError)) {
        PyErr_Clear(); /* cut short or damaged */
    }
    if (code != NULL && !PyCode_Check(code)) {
        Py_CLEAR(code);
    }
    return code;
}

/* Where importlib keeps the .pyc of the unit's source; NULL without an exception where it
 * keeps none. */
static PyObject *
cache_path(const rs_unit *u)
{
    PyObject *path = NULL;
    PyObject *util = PyImport_ImportModule("importlib.util");
    if (util != NULL) {
        path = PyObject_CallMethod(util, "cache_from_source", "O", u->filename);
        Py_DECREF(util);
    }
    if (path == NULL && PyErr_ExceptionMatches(PyExc_NotImplementedError)) {
        PyErr_Clear();
    }
    return path;
}

PyObject *
rs_pyc_code(const rs_unit *u)
{
    PyObject *data, *code = NULL, *path = cache_path(u);
    if (path == NULL) {
        return NULL;
    }
    data = read_file(path);
    Py_DECREF(path);
    if (data != NULL) {
        code = parse_pyc(data);
        Py_DECREF(data);
    }
    return code;
}
