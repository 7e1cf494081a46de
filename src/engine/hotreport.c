#include "hotfix.h"

#include "history.h"
#include "op.h"
#include "places.h"
#include "same.h"

/* What a snippet did to containers and instances, as the history keeps it: one Change for
 * each name, however many instances have it. */
typedef struct {
    rs_session *s;
    PyObject *counts; /* dict: (module, qualname, action) -> int, in order */
} report;

/* So many places are named one by one. */
#define MAX_NAMES 200

/* ---- names of containers ---- */

/* `name` in `dict` has the container, or has one that has it: new reference to the words for
 * it, NULL without an exception if not. */
static PyObject *
find_in_value(PyObject *name, PyObject *value, const PyObject *container)
{
    PyObject *key, *item;
    Py_ssize_t pos = 0;
    if (value == container) {
        return Py_NewRef(name);
    }
    if (PyDict_Check(value)) {
        while (PyDict_Next(value, &pos, &key, &item)) {
            if (item == container && rs_is_atom(key)) {
                return PyUnicode_FromFormat("%U[%R]", name, key);
            }
        }
    } else if (PyList_Check(value)) {
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(value); i++) {
            if (PyList_GET_ITEM(value, i) == container) {
                return PyUnicode_FromFormat("%U[%zd]", name, i);
            }
        }
    }
    return NULL;
}

static PyObject *
find_in_module(PyObject *dict, const PyObject *container)
{
    PyObject *name, *value, *found = NULL;
    Py_ssize_t pos = 0;
    while (found == NULL && !PyErr_Occurred() &&
           PyDict_Next(dict, &pos, &name, &value)) {
        if (PyUnicode_CheckExact(name)) {
            found = find_in_value(name, value, container);
        }
    }
    return found;
}

/* In the modules that the snippet has names for. *module is borrowed. NULL without an
 * exception: nobody knows. */
static PyObject *
find_container(const rs_session *s, const PyObject *container, PyObject **module)
{
    PyObject *value, *found = NULL;
    Py_ssize_t pos = 0;
    while (found == NULL && !PyErr_Occurred() &&
           PyDict_Next(s->hot->ns, &pos, NULL, &value)) {
        if (PyModule_Check(value)) {
            PyObject *dict = PyModule_GetDict(value);
            *module = PyDict_GetItemWithError(dict, s->st->names.__name__);
            found = find_in_module(dict, container);
        }
    }
    if (found == NULL && !PyErr_Occurred() && s->hot->o.inside != Py_None) {
        *module = s->hot->o.name;
        found = find_in_module(s->hot->ns, container);
    }
    return found;
}

/* ---- one operation ---- */

static const char *
action_of(const rs_op *op)
{
    if (op->kind == RS_OP_BODY) {
        return "changed";
    }
    return op->seen == NULL ? "added" : op->value == NULL ? "removed" : "changed";
}

/* Steals qualname. */
static int
count(report *r, PyObject *module, PyObject *qualname, const char *action)
{
    int result = -1;
    PyObject *number = NULL;
    PyObject *key = qualname != NULL ? Py_BuildValue("(OOs)", module, qualname, action)
                                     : NULL;
    Py_XDECREF(qualname);
    if (key != NULL) {
        PyObject *before = PyDict_GetItemWithError(r->counts, key);
        number = PyLong_FromLong(before != NULL ? PyLong_AsLong(before) + 1 : 1);
    }
    if (number != NULL) {
        result = PyDict_SetItem(r->counts, key, number);
    }
    Py_XDECREF(key);
    Py_XDECREF(number);
    return result;
}

static int
count_container(report *r, const rs_op *op)
{
    PyObject *module = NULL, *name;
    if (PyDict_GET_SIZE(r->counts) >= MAX_NAMES) {
        return count(r, r->s->hot->o.label, PyUnicode_FromString("(other data)"),
                     "changed");
    }
    name = find_container(r->s, op->target, &module);
    if (name == NULL && PyErr_Occurred()) {
        return -1;
    }
    if (name == NULL) {
        module = NULL;
        name = PyUnicode_FromFormat("(a %s)", Py_TYPE(op->target)->tp_name);
    }
    if (name != NULL && op->kind == RS_OP_DICT && rs_is_atom(op->key)) {
        Py_SETREF(name, PyUnicode_FromFormat("%U[%R]", name, op->key));
    }
    return count(
        r, module != NULL && PyUnicode_Check(module) ? module : r->s->hot->o.label,
        name, action_of(op));
}

static int
is_namespace(const rs_places *places, PyObject *dict)
{
    return rs_idmap_has(&places->classes, dict) ||
           (PyDict_GetItemString(dict, "__name__") != NULL &&
            PyDict_GetItemString(dict, "__spec__") != NULL);
}

static int
count_op(report *r, const rs_places *places, const rs_op *op)
{
    rs_place place;
    int result;
    if (rs_idmap_has(&places->enums, op->target)) {
        return 0; /* members were told of */
    }
    if (op->kind == RS_OP_BODY ||
        (op->kind == RS_OP_DICT && !is_namespace(places, op->target))) {
        return count_container(r, op);
    }
    if (op->kind != RS_OP_ATTRIBUTE) {
        return 0; /* it was planned, and told then */
    }
    result = rs_place_of(places, op, &place);
    if (result == 0) {
        result = count(r, place.module, Py_NewRef(place.qualname), action_of(op));
    }
    rs_place_clear(&place);
    return result;
}

/* ---- all ---- */

static int
tell(report *r)
{
    PyObject *key, *number;
    Py_ssize_t pos = 0;
    while (PyDict_Next(r->counts, &pos, &key, &number)) {
        const rs_unit as_unit = {.name = PyTuple_GET_ITEM(key, 0),
                                 .filename = r->s->hot->o.filename};
        const char *action = PyUnicode_AsUTF8(PyTuple_GET_ITEM(key, 2));
        long n = PyLong_AsLong(number);
        int result;
        if (action == NULL) {
            return -1;
        }
        result = n == 1 ? rs_change(r->s, &as_unit, PyTuple_GET_ITEM(key, 1), "data",
                                    action, 0, NULL)
                        : rs_change(r->s, &as_unit, PyTuple_GET_ITEM(key, 1), "data",
                                    action, 0, "%ld times", n);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_hot_report(rs_session *s, const rs_entry *entry)
{
    report r = {s, NULL};
    rs_places places;
    int result = 0;
    if (s->hot == NULL) {
        return 0;
    }
    r.counts = PyDict_New();
    result = rs_places_open(&places, entry, 1);
    result = r.counts != NULL ? result : -1;
    for (Py_ssize_t i = 0; result == 0 && i < entry->journal.used; i++) {
        result = count_op(&r, &places, &entry->journal.ops[i]);
    }
    result = result == 0 ? tell(&r) : -1;
    rs_places_close(&places);
    Py_XDECREF(r.counts);
    return result;
}
