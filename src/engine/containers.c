#include "containers.h"

#include "children.h"
#include "codes.h"
#include "same.h"
#include "scope.h"

#define MAX_DEPTH 8

static int pair_values(rs_session *s, const rs_unit *u, PyObject *live, PyObject *donor,
                       int depth);

/* Code of the function that `value` is, if it is one that the unit made. */
static PyObject *
own_code(PyObject *value, PyObject *globals)
{
    return PyFunction_Check(value) && RS_FUNCTION(value)->func_globals == globals
               ? RS_FUNCTION(value)->func_code
               : NULL;
}

/* Functions among the items, as if one body had made them in this order. */
static int
collect(PyObject *sequence, PyObject *globals, rs_children *children)
{
    PyObject **items = PySequence_Fast_ITEMS(sequence);
    Py_ssize_t size = PySequence_Fast_GET_SIZE(sequence);
    children->count = 0;
    children->at = PyMem_Calloc((size_t)size + 1, sizeof(rs_child));
    if (children->at == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        PyObject *code = own_code(items[i], globals);
        if (code != NULL) {
            children->at[children->count++] = (rs_child){code, -1, -1, 0};
        }
    }
    return 0;
}

static int
pair_functions(rs_session *s, const rs_unit *u, PyObject *live, PyObject *donor)
{
    int result = -1;
    rs_children olds = {NULL, 0}, news = {NULL, 0};
    if (collect(live, u->live, &olds) < 0 || collect(donor, u->scratch, &news) < 0 ||
        rs_children_match(&olds, NULL, &news, NULL) < 0) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < olds.count; i++) {
        const rs_child *old = &olds.at[i];
        if (old->partner >= 0 &&
            rs_codes_pair(s, old->code, news.at[old->partner].code) < 0) {
            goto done;
        }
    }
    result = 0;
done:
    PyMem_Free(olds.at);
    PyMem_Free(news.at);
    return result;
}

static int
pair_sequences(rs_session *s, const rs_unit *u, PyObject *live, PyObject *donor,
               int depth)
{
    Py_ssize_t size = PySequence_Fast_GET_SIZE(live);
    if (size != PySequence_Fast_GET_SIZE(donor)) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        PyObject *a = PySequence_Fast_GET_ITEM(live, i);
        PyObject *b = PySequence_Fast_GET_ITEM(donor, i);
        if (!PyFunction_Check(a) && pair_values(s, u, a, b, depth) < 0) {
            return -1;
        }
    }
    return pair_functions(s, u, live, donor);
}

static int
pair_dicts(rs_session *s, const rs_unit *u, PyObject *live, PyObject *donor, int depth)
{
    Py_ssize_t pos = 0;
    PyObject *key, *value;
    while (PyDict_Next(live, &pos, &key, &value)) {
        /* other keys might run their own __hash__ and __eq__ */
        PyObject *other = rs_is_atom(key) ? PyDict_GetItemWithError(donor, key) : NULL;
        if (other == NULL && PyErr_Occurred()) {
            return -1;
        }
        if (other != NULL && pair_values(s, u, value, other, depth) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
pair_values(rs_session *s, const rs_unit *u, PyObject *live, PyObject *donor, int depth)
{
    PyTypeObject *type = Py_TYPE(live);
    if (live == donor || type != Py_TYPE(donor) || depth > MAX_DEPTH) {
        return 0;
    }
    if (type == &PyDict_Type) {
        return pair_dicts(s, u, live, donor, depth + 1);
    }
    if (type == &PyList_Type || type == &PyTuple_Type) {
        return pair_sequences(s, u, live, donor, depth + 1);
    }
    if (depth > 0 && own_code(live, u->live) != NULL &&
        own_code(donor, u->scratch) != NULL) {
        return rs_codes_pair(s, RS_FUNCTION(live)->func_code,
                             RS_FUNCTION(donor)->func_code);
    }
    return 0;
}

/* Containers that two namespaces have under one name; functions right there have been
 * matched as definitions. */
static int
pair_namespaces(rs_session *s, const rs_unit *u, PyObject *live, PyObject *donor)
{
    Py_ssize_t pos = 0;
    PyObject *name, *value;
    while (PyDict_Next(live, &pos, &name, &value)) {
        PyObject *other = PyUnicode_CheckExact(name)
                              ? PyDict_GetItemWithError(donor, name)
                              : NULL;
        if (other != NULL && pair_values(s, u, value, other, 0) < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_containers_pair(rs_session *s, const rs_unit *u)
{
    if (pair_namespaces(s, u, u->live, u->scratch) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < s->n_pairs; i++) {
        const rs_pair *pair = &s->pairs[i];
        if (pair->kind == RS_PAIR_CLASS && pair->unit == u &&
            pair_namespaces(s, u, rs_class_dict(RS_TYPE(pair->live)),
                            rs_class_dict(RS_TYPE(pair->donor))) < 0) {
            return -1;
        }
    }
    return 0;
}
