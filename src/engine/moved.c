#include "moved.h"

int
rs_plan_class_line(rs_session *s, PyTypeObject *type, int delta)
{
    PyObject *name = s->st->names.__firstlineno__;
    PyObject *dict = PyType_GetDict(type);
    PyObject *line = PyDict_GetItemWithError(dict, name);
    PyObject *moved;
    long now;
    int result;
    Py_DECREF(dict); /* the class keeps it, and it keeps the line */
    if (line == NULL || !PyLong_CheckExact(line)) {
        return PyErr_Occurred() ? -1 : 0;
    }
    now = PyLong_AsLong(line);
    if (now == -1 && PyErr_Occurred()) {
        return -1;
    }
    moved = PyLong_FromLong(now + delta);
    if (moved == NULL) {
        return -1;
    }
    result = rs_plan_type(&s->journal, type, name, moved);
    Py_DECREF(moved);
    return result;
}
