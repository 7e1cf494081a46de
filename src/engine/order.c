#include "order.h"

#include "imports.h"

/* `u` may import the unit `other`. */
static void
note_import(const rs_session *s, rs_unit *u, const rs_unit *other)
{
    Py_ssize_t number = other - s->units;
    if (number > u->entry) {
        u->entry = number;
    }
}

/* An import of `base`.`name` (or of `name`, if `base` is NULL) imports the packages above
 * as well; those of `base` are noted already. 1 if it leads to units, 0, -1. */
static int
note_name(const rs_session *s, rs_unit *u, PyObject *base, PyObject *name)
{
    Py_ssize_t dot = base != NULL ? PyUnicode_GET_LENGTH(base) : -1;
    Py_ssize_t length;
    int package = 0;
    rs_unit *other = NULL;
    PyObject *full =
        base != NULL ? PyUnicode_FromFormat("%U.%U", base, name) : Py_NewRef(name);
    if (full == NULL) {
        return -1;
    }
    length = PyUnicode_GET_LENGTH(full);
    do {
        PyObject *part;
        dot = PyUnicode_FindChar(full, '.', dot + 1, length, 1);
        part = PyUnicode_Substring(full, 0, dot < 0 ? length : dot);
        if (part == NULL) {
            Py_DECREF(full);
            return -1;
        }
        other = rs_imports_unit(s, part, &package);
        Py_DECREF(part);
        if (other != NULL) {
            note_import(s, u, other);
        }
    } while (dot > 0);
    Py_DECREF(full);
    return other != NULL || package;
}

/* `from module import ...`: any name of the code may be one of its submodules. */
static int
note_children(const rs_session *s, rs_unit *u, PyObject *module, PyObject *names)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        if (note_name(s, u, module, PyTuple_GET_ITEM(names, i)) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Imports relative to `base`, or absolute ones. */
static int
note_names(const rs_session *s, rs_unit *u, PyObject *base, PyObject *names)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        PyObject *full;
        int result = note_name(s, u, base, name);
        if (result > 0) {
            full = base != NULL ? PyUnicode_FromFormat("%U.%U", base, name) : Py_NewRef(name);
            result = full != NULL ? note_children(s, u, full, names) : -1;
            Py_XDECREF(full);
        }
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

/* The names of the body's code tell what it imports, and some that it does not: a circle
 * too many only lets a later module begin earlier. */
static int
note_unit(const rs_session *s, rs_unit *u)
{
    PyObject *names;
    Py_ssize_t end = PyUnicode_GET_LENGTH(u->name);
    if (u->code == NULL) {
        return 0;
    }
    names = RS_CODE(u->code)->co_names;
    if (note_names(s, u, NULL, names) < 0) {
        return -1;
    }
    if (PyDict_Contains(u->live, s->st->names.__path__) == 0) {
        end = PyUnicode_FindChar(u->name, '.', 0, end, -1);
    }
    while (end > 0) {
        PyObject *base = PyUnicode_Substring(u->name, 0, end);
        int result = base != NULL ? note_names(s, u, base, names) : -1;
        Py_XDECREF(base);
        if (result < 0) {
            return -1;
        }
        end = PyUnicode_FindChar(u->name, '.', 0, end, -1);
    }
    return 0;
}

int
rs_order_find(rs_session *s)
{
    for (Py_ssize_t i = s->n_units - 1; i >= 0; i--) {
        rs_unit *u = &s->units[i];
        u->entry = i;
        if (note_unit(s, u) < 0) {
            return -1;
        }
        u->entry = s->units[u->entry].entry; /* that one may have been imported itself */
    }
    return 0;
}
