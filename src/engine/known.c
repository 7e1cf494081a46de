#include "known.h"

#include <marshal.h>

#include "lookup.h"
#include "recorder.h"

/* What comparing live functions with a code tree found. */
typedef struct {
    Py_ssize_t functions; /* that the code defines */
    Py_ssize_t equal;     /* that live functions run */
    int other;            /* a live function of the same definition runs other code */
} comparison;

static int
is_function_code(const PyCodeObject *code)
{
    return (code->co_flags & CO_OPTIMIZED) != 0;
}

/* Compare one definition with what is live under its qualified name. What was decorated
 * or replaced says nothing. */
static int
compare_function(const rs_unit *u, PyCodeObject *code, comparison *found)
{
    int equal;
    PyObject *live_code, *live = rs_live_definition(u, code->co_qualname);
    found->functions++;
    if (live == NULL || !PyFunction_Check(live) ||
        PyFunction_GET_GLOBALS(live) != u->live) {
        return 0;
    }
    live_code = PyFunction_GET_CODE(live);
    if (PyUnicode_Compare(RS_CODE(live_code)->co_qualname, code->co_qualname) != 0) {
        return 0;
    }
    equal = PyObject_RichCompareBool(live_code, (PyObject *)code, Py_EQ);
    if (equal < 0) {
        return -1;
    }
    found->equal += equal;
    found->other |= !equal;
    return 0;
}

/* Definitions of a module or class body: its functions, and those of its classes. Bodies
 * of type parameters, lambdas and comprehensions are functions of no name to look up. */
static int
compare_body(const rs_unit *u, const PyCodeObject *body, comparison *found)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(body->co_consts); i++) {
        PyObject *constant = PyTuple_GET_ITEM(body->co_consts, i);
        int result = 0;
        if (!PyCode_Check(constant)) {
            continue;
        }
        if (!is_function_code(RS_CODE(constant))) {
            result = compare_body(u, RS_CODE(constant), found);
        } else if (PyUnicode_READ_CHAR(RS_CODE(constant)->co_name, 0) != '<') {
            result = compare_function(u, RS_CODE(constant), found);
        }
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

static int
is_live(const rs_unit *u, PyObject *code)
{
    comparison found = {0, 0, 0};
    if (compare_body(u, RS_CODE(code), &found) < 0) {
        return -1;
    }
    return !found.other && (found.equal > 0 || found.functions == 0);
}

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

static PyObject *
code_from_cache(const rs_unit *u)
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

/* What an earlier update of this very module has remembered: a module that was removed
 * from sys.modules and imported anew came from whatever the file was then. New reference,
 * or NULL. */
static PyObject *
remembered(const rs_session *s, const rs_unit *u)
{
    PyObject *module, *code = NULL;
    PyObject *entry = PyDict_GetItemWithError(s->st->known, u->name);
    if (entry == NULL) {
        return NULL;
    }
    Py_INCREF(entry);
    module = PyObject_CallNoArgs(PyTuple_GET_ITEM(entry, 0));
    if (module == u->module) {
        code = Py_NewRef(PyTuple_GET_ITEM(entry, 1));
    }
    Py_XDECREF(module);
    Py_DECREF(entry);
    return code;
}

static int
find_known(rs_session *s, rs_unit *u)
{
    int live;
    PyObject *code = remembered(s, u);
    if (code != NULL || PyErr_Occurred()) {
        u->known_code = code;
        return code != NULL ? 0 : -1;
    }
    code = code_from_cache(u);
    if (code == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    live = is_live(u, code);
    if (live == 1) {
        u->known_code = Py_NewRef(code);
    }
    Py_DECREF(code);
    return live < 0 ? -1 : 0;
}

int
rs_source_known(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (find_known(s, &s->units[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_source_remember(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        const rs_unit *u = &s->units[i];
        if (u->code != NULL) {
            if (rs_recorder_remember(s->st, u->name, u->module, u->code) < 0) {
                return -1;
            }
            continue;
        }
        /* Only the loader knows what it ran. */
        if (PyDict_Contains(s->st->known, u->name) != 0 &&
            PyDict_DelItem(s->st->known, u->name) < 0) {
            return -1;
        }
    }
    return 0;
}
