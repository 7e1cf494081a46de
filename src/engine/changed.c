#include "changed.h"

#include <string.h>

#include "known.h"
#include "loader.h"
#include "same.h"

/* Clocks of file systems stand still for so long. */
#define CLOCK_TICK_NS 20000000

typedef struct {
    rs_state *st;
    PyObject *allowed;
    PyObject *seen;    /* set of addresses of modules: one may have several names */
    PyObject *changed; /* list of names */
    PyObject *gone;    /* list of names */
} search;

/* Is the module's body still running? Then it lives not yet. */
static int
is_initializing(PyObject *live)
{
    int result;
    PyObject *flag, *spec = rs_namespace_get(live, "__spec__");
    if (spec == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    Py_INCREF(spec);
    result = rs_optional_attribute(spec, "_initializing", &flag);
    Py_DECREF(spec);
    if (result == 1) {
        result = PyObject_IsTrue(flag);
        Py_DECREF(flag);
    }
    return result;
}

/* Does UTF-8 text from a file say the same as `text`? Only "surely" counts: else it has to
 * be decoded. */
static int
is_surely_same(PyObject *data, PyObject *text)
{
    Py_ssize_t size;
    const char *utf8;
    if (!PyBytes_Check(data)) {
        return 0;
    }
    utf8 = PyUnicode_AsUTF8AndSize(text, &size);
    if (utf8 == NULL) {
        PyErr_Clear(); /* no surrogates in files: it has to be decoded */
        return 0;
    }
    return size == PyBytes_GET_SIZE(data) &&
           memcmp(utf8, PyBytes_AS_STRING(data), (size_t)size) == 0 &&
           PyUnicode_IS_ASCII(text);
}

/* Is what the loader gave another source than the known one? 1, 0, -1. */
static int
differs(PyObject *data, PyObject *known)
{
    int result;
    PyObject *text;
    if (PyBytes_Check(known)) {
        result = PyObject_RichCompareBool(data, known, Py_EQ);
        return result < 0 ? -1 : !result;
    }
    if (is_surely_same(data, known)) {
        return 0;
    }
    text = rs_loader_decode(data);
    if (text == NULL) { /* the update tells what is wrong with it */
        if (!PyErr_ExceptionMatches(PyExc_Exception)) {
            return -1;
        }
        PyErr_Clear();
        return 1;
    }
    result = !rs_same_text(text, known);
    Py_DECREF(text);
    return result;
}

/* A file's st_mtime_ns and st_ctime_ns, the later one; 0 if there is no such file. */
static int
modified_ns(PyObject *path, int64_t *when)
{
    const char *const names[] = {"st_mtime_ns", "st_ctime_ns"};
    PyObject *stat, *os = PyImport_ImportModule("os");
    *when = 0;
    stat = os != NULL ? PyObject_CallMethod(os, "stat", "O", path) : NULL;
    Py_XDECREF(os);
    if (stat == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_OSError) &&
            !PyErr_ExceptionMatches(PyExc_ValueError)) {
            return -1;
        }
        PyErr_Clear();
        return 0;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        PyObject *value = PyObject_GetAttrString(stat, names[i]);
        long long ns = value != NULL ? PyLong_AsLongLong(value) : -1;
        Py_XDECREF(value);
        if (ns == -1 && PyErr_Occurred()) {
            Py_DECREF(stat);
            return -1;
        }
        *when = ns > *when ? ns : *when;
    }
    Py_DECREF(stat);
    return 0;
}

/* Nothing tells what lives: was the file touched since resoul was imported? 1, 0, -1. */
static int
is_touched(const search *find, const rs_unit *u)
{
    int64_t when;
    if (modified_ns(u->path, &when) < 0) {
        return -1;
    }
    return when >= find->st->installed - CLOCK_TICK_NS;
}

/* Sorts a unit that has been read. 0 or -1. */
static int
sort_unit(search *find, const rs_unit *u)
{
    int result, recorded;
    PyObject *source = rs_known_source(find->st, u->name, u->module, &recorded);
    if (u->data == NULL) { /* the loader gives code only, or runs the module itself */
        return PyErr_Occurred() ? -1 : 0;
    }
    if (source != NULL) {
        Py_INCREF(source);
        result = differs(u->data, source);
        Py_DECREF(source);
    } else {
        result = PyErr_Occurred() ? -1 : is_touched(find, u);
    }
    return result == 1 ? PyList_Append(find->changed, u->name) : result;
}

/* Reads the source and sorts the module. What can't be read counts as changed: the update
 * says why. */
static int
look_at(search *find, rs_unit *u)
{
    int result = rs_loader_read(u);
    if (result == RS_SOURCE_GONE) {
        result = PyList_Append(find->gone, u->name);
    } else if (result >= 0) {
        result = sort_unit(find, u);
    } else if (PyErr_ExceptionMatches(PyExc_Exception) &&
               !PyErr_ExceptionMatches(PyExc_MemoryError)) {
        PyErr_Clear();
        result = PyList_Append(find->changed, u->name);
    }
    Py_CLEAR(u->data);
    Py_CLEAR(u->path);
    return result;
}

static int
is_allowed(const search *find, PyObject *name, PyObject *module)
{
    int result;
    PyObject *answer = PyObject_CallFunctionObjArgs(find->allowed, name, module, NULL);
    if (answer == NULL) {
        return -1;
    }
    result = PyObject_IsTrue(answer);
    Py_DECREF(answer);
    return result;
}

/* 1 the first time. */
static int
is_first(search *find, PyObject *module)
{
    int known;
    PyObject *address = PyLong_FromVoidPtr(module);
    if (address == NULL) {
        return -1;
    }
    known = PySet_Contains(find->seen, address);
    if (known == 0 && PySet_Add(find->seen, address) < 0) {
        known = -1;
    }
    Py_DECREF(address);
    return known < 0 ? -1 : !known;
}

static int
look_at_module(search *find, PyObject *name, PyObject *module)
{
    PyObject *live = PyModule_GetDict(module);
    rs_unit u = {.name = name, .module = module, .live = live, .filename = name};
    int kind, result = is_initializing(live);
    if (result != 0) {
        return result < 0 ? -1 : 0;
    }
    kind = rs_loader_find(live, name, &u.loader);
    if (kind != RS_LOADER_PYTHON) {
        return kind < 0 ? -1 : 0;
    }
    result = is_allowed(find, name, module);
    if (result == 1) {
        result = is_first(find, module);
    }
    if (result == 1) {
        result = look_at(find, &u);
    }
    Py_DECREF(u.loader);
    return result < 0 ? -1 : 0;
}

static int
look_at_all(search *find)
{
    int result = 0;
    PyObject *modules = PyDict_Items(PyImport_GetModuleDict());
    if (modules == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(modules); i++) {
        PyObject *name = PyTuple_GET_ITEM(PyList_GET_ITEM(modules, i), 0);
        PyObject *module = PyTuple_GET_ITEM(PyList_GET_ITEM(modules, i), 1);
        if (PyUnicode_CheckExact(name) && PyModule_Check(module)) {
            result = look_at_module(find, name, module);
        }
    }
    Py_DECREF(modules);
    return result;
}

PyObject *
rs_changed_sources(rs_state *st, PyObject *allowed)
{
    PyObject *result = NULL;
    search find = {st, allowed, PySet_New(NULL), PyList_New(0), PyList_New(0)};
    if (find.seen != NULL && find.changed != NULL && find.gone != NULL &&
        look_at_all(&find) == 0) {
        result = PyTuple_Pack(2, find.changed, find.gone);
    }
    Py_XDECREF(find.seen);
    Py_XDECREF(find.changed);
    Py_XDECREF(find.gone);
    return result;
}
