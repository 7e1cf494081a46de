#include "pending.h"

#include "known.h"
#include "same.h"

int
rs_pending_note(rs_session *s, const rs_scope *scope, PyObject *qualname,
                PyObject *live, PyObject *donor, int line)
{
    const rs_unit *u = scope->unit;
    PyObject *pending = u->selection->pending, *entry;
    int result = PyDict_Contains(pending, qualname);
    (void)s;
    if (result != 0 || rs_same_literal(live, donor) ||
        rs_select_verdict(u, qualname) == RS_VERDICT_SAME ||
        (!u->parts && rs_select_verdict(u, qualname) == RS_VERDICT_NONE)) {
        return result < 0 ? -1 : 0;
    }
    entry = Py_BuildValue("(sisOO)", "data", line,
                          "nobody can tell whether the program changed it", Py_False,
                          Py_None);
    result = entry != NULL ? PyDict_SetItem(pending, qualname, entry) : -1;
    Py_XDECREF(entry);
    return result;
}

/* Was it asked for by name? 1, 0, -1. */
static int
is_taken(const rs_session *s, const rs_unit *u, PyObject *qualname)
{
    PyObject *full = PyUnicode_FromFormat("%U.%U", u->name, qualname);
    int taken = full != NULL ? PySet_Contains(s->take, full) : -1;
    Py_XDECREF(full);
    return taken;
}

/* A definition that was undone: does the update make it anew? 1, 0, -1. */
static int
is_made_anew(const rs_unit *u, PyObject *qualname, PyObject *entry)
{
    PyObject *name;
    Py_ssize_t n = PyUnicode_GET_LENGTH(qualname), dot;
    int result;
    if (rs_text_equals(PyTuple_GET_ITEM(entry, 0), "data")) {
        return 0;
    }
    if (!u->parts || u->selection == NULL) {
        return 1;
    }
    dot = PyUnicode_FindChar(qualname, '.', 0, n, 1);
    name = PyUnicode_Substring(qualname, 0, dot >= 0 ? dot : n);
    result = name != NULL ? PySet_Contains(u->selection->changed, name) : -1;
    Py_XDECREF(name);
    return result;
}

/* What is pending in the unit after this update: a new dict, or NULL. */
static PyObject *
pending_of(const rs_session *s, const rs_unit *u)
{
    PyObject *before = PyDict_GetItemWithError(s->st->pending, u->name);
    PyObject *qualname, *entry, *result = PyDict_New();
    Py_ssize_t pos = 0;
    while (result != NULL && before != NULL &&
           PyDict_Next(before, &pos, &qualname, &entry)) {
        rs_verdict verdict = rs_select_verdict(u, qualname);
        int taken;
        if (verdict == RS_VERDICT_TAKE || verdict == RS_VERDICT_SAME ||
            rs_select_is_gone(u, qualname)) {
            continue;
        }
        taken = is_taken(s, u, qualname);
        if (taken == 0) {
            taken = is_made_anew(u, qualname, entry);
        }
        if (taken < 0 || (!taken && PyDict_SetItem(result, qualname, entry) < 0)) {
            Py_CLEAR(result);
        }
    }
    if (result != NULL && u->selection != NULL &&
        PyDict_Update(result, u->selection->pending) < 0) {
        Py_CLEAR(result);
    }
    return result;
}

int
rs_pending_report(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        Py_ssize_t pos = 0;
        PyObject *qualname, *entry, *pending = pending_of(s, &s->units[i]);
        int result = pending == NULL ? -1 : 0;
        while (result == 0 && PyDict_Next(pending, &pos, &qualname, &entry)) {
            result = rs_change(s, &s->units[i], qualname,
                               PyUnicode_AsUTF8(PyTuple_GET_ITEM(entry, 0)), "pending",
                               (int)PyLong_AsLong(PyTuple_GET_ITEM(entry, 1)), "%U",
                               PyTuple_GET_ITEM(entry, 2));
        }
        Py_XDECREF(pending);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_pending_remember(rs_session *s)
{
    if (s->hot != NULL) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        const rs_unit *u = &s->units[i];
        PyObject *pending = pending_of(s, u);
        int result = pending == NULL ? -1 : 0;
        if (result == 0 && PyDict_GET_SIZE(pending) > 0) {
            result = PyDict_SetItem(s->st->pending, u->name, pending);
        } else if (result == 0 && PyDict_Contains(s->st->pending, u->name) > 0) {
            result = PyDict_DelItem(s->st->pending, u->name);
        }
        Py_XDECREF(pending);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_pending_undone(rs_state *st, PyObject *module, PyObject *qualname, PyObject *kind,
                  PyObject *reason)
{
    PyObject *before = PyDict_GetItemWithError(st->pending, module);
    PyObject *pending = before != NULL ? PyDict_Copy(before) : PyDict_New();
    PyObject *entry = Py_BuildValue("(OiOOO)", kind, 0, reason, Py_False, Py_None);
    int result = -1;
    if (pending != NULL && entry != NULL &&
        PyDict_SetItem(pending, qualname, entry) == 0) {
        result = PyDict_SetItem(st->pending, module, pending);
    }
    Py_XDECREF(pending);
    Py_XDECREF(entry);
    return result;
}

/* ---- all of it ---- */

/* The module is loaded and the one that the entries are about: borrowed or NULL. */
static PyObject *
module_of(const rs_state *st, PyObject *name)
{
    int recorded;
    PyObject *module = PyDict_GetItemWithError(PyImport_GetModuleDict(), name);
    if (module == NULL || !PyModule_Check(module)) {
        return NULL;
    }
    rs_known_source(st, name, module, &recorded);
    return recorded ? module : NULL;
}

static PyObject *
change_of(rs_state *st, PyObject *name, PyObject *module, PyObject *qualname,
          PyObject *entry)
{
    PyObject *file = PyDict_GetItemWithError(PyModule_GetDict(module),
                                             st->names.__file__);
    PyObject *fields, *change = NULL;
    fields = Py_BuildValue("((OOOsOOO))", name, qualname, PyTuple_GET_ITEM(entry, 0),
                           "pending", PyTuple_GET_ITEM(entry, 2),
                           file != NULL ? file : Py_None, PyTuple_GET_ITEM(entry, 1));
    if (fields != NULL) {
        change = PyObject_Call(st->Change, fields, NULL);
        Py_DECREF(fields);
    }
    return change;
}

PyObject *
rs_pending_list(rs_state *st)
{
    Py_ssize_t pos = 0;
    PyObject *name, *entries, *list = PyList_New(0);
    PyObject *all = list != NULL ? PyDict_Copy(st->pending) : NULL;
    while (all != NULL && list != NULL && PyDict_Next(all, &pos, &name, &entries)) {
        Py_ssize_t at = 0;
        PyObject *qualname, *entry, *module = module_of(st, name);
        while (module != NULL && PyDict_Next(entries, &at, &qualname, &entry)) {
            PyObject *change = change_of(st, name, module, qualname, entry);
            if (change == NULL || PyList_Append(list, change) < 0) {
                Py_XDECREF(change);
                Py_CLEAR(list);
                break;
            }
            Py_DECREF(change);
        }
        if (list == NULL || PyErr_Occurred()) {
            Py_CLEAR(list);
        }
    }
    if (all == NULL) {
        Py_CLEAR(list);
    }
    Py_XDECREF(all);
    return list;
}
