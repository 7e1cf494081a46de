#include "lookup.h"

#include "same.h"

/* Entry of a namespace (borrowed), NULL if there is none; an error is forgotten, since a
 * lookup that can't be made finds nothing. */
static PyObject *
get_entry(PyObject *dict, PyObject *name)
{
    PyObject *value = PyDict_GetItemWithError(dict, name);
    if (value == NULL) {
        PyErr_Clear();
    }
    return value;
}

/* `__x` inside class `_C` is stored as `_C__x`: the name as code in that class means it. */
static PyObject *
mangle(PyTypeObject *type, PyObject *name)
{
    PyObject *owner = RS_HEAPTYPE(type)->ht_name;
    Py_ssize_t length = PyUnicode_GET_LENGTH(name);
    Py_ssize_t start = 0;
    PyObject *stripped, *mangled;
    if (length < 3 || PyUnicode_READ_CHAR(name, 0) != '_' ||
        PyUnicode_READ_CHAR(name, 1) != '_' ||
        (PyUnicode_READ_CHAR(name, length - 1) == '_' &&
         PyUnicode_READ_CHAR(name, length - 2) == '_')) {
        return NULL;
    }
    while (start < PyUnicode_GET_LENGTH(owner) &&
           PyUnicode_READ_CHAR(owner, start) == '_') {
        start++;
    }
    if (start == PyUnicode_GET_LENGTH(owner)) {
        return NULL;
    }
    stripped = PyUnicode_Substring(owner, start, PyUnicode_GET_LENGTH(owner));
    if (stripped == NULL) {
        return NULL;
    }
    mangled = PyUnicode_FromFormat("_%U%U", stripped, name);
    Py_DECREF(stripped);
    return mangled;
}

/* The entry `name` of a class's own dict. */
static PyObject *
get_member(PyObject *owner, PyObject *name)
{
    PyTypeObject *type = RS_TYPE(owner);
    PyObject *dict, *value, *mangled;
    if (!PyType_Check(owner) || !PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) {
        return NULL;
    }
    dict = PyType_GetDict(type);
    if (dict == NULL) {
        return NULL;
    }
    value = get_entry(dict, name);
    if (value == NULL) {
        mangled = mangle(type, name);
        if (mangled != NULL) {
            value = get_entry(dict, mangled);
            Py_DECREF(mangled);
        }
        PyErr_Clear();
    }
    Py_DECREF(dict); /* the class keeps it, and it keeps the value */
    return value;
}

PyObject *
rs_lookup_path(PyObject *dict, PyObject *qualname)
{
    PyObject *found = NULL;
    Py_ssize_t length, start = 0;
    if (!PyUnicode_Check(qualname)) {
        return NULL;
    }
    length = PyUnicode_GET_LENGTH(qualname);
    while (start <= length) {
        PyObject *part;
        Py_ssize_t end = PyUnicode_FindChar(qualname, '.', start, length, 1);
        if (end < 0) {
            end = length;
        }
        part = PyUnicode_Substring(qualname, start, end);
        if (part == NULL) {
            PyErr_Clear();
            return NULL;
        }
        found = found == NULL ? get_entry(dict, part) : get_member(found, part);
        Py_DECREF(part);
        if (found == NULL) {
            return NULL;
        }
        start = end + 1;
    }
    return found;
}

PyObject *
rs_live_definition(const rs_unit *u, PyObject *qualname)
{
    return rs_lookup_path(u->live, qualname);
}

PyTypeObject *
rs_live_class(const rs_session *s, const rs_unit *u, PyObject *qualname)
{
    PyObject *live = rs_live_definition(u, qualname);
    PyObject *module;
    if (live == NULL || !PyType_Check(live) ||
        !PyType_HasFeature(RS_TYPE(live), Py_TPFLAGS_HEAPTYPE) ||
        !rs_same_text(RS_HEAPTYPE(live)->ht_qualname, qualname)) {
        return NULL;
    }
    module = get_member(live, s->st->names.__module__);
    return rs_same_text(module, u->name) ? RS_TYPE(live) : NULL;
}
