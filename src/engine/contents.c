#include "contents.h"

#include "idmap.h"
#include "op.h"
#include "same.h"

/* ---- copies ---- */

/* What the iterator of the built-in base gives. */
static PyObject *
list_of(PyTypeObject *base, PyObject *container)
{
    PyObject *item, *items = NULL, *iterator = base->tp_iter(container);
    if (iterator != NULL) {
        items = PyList_New(0);
    }
    while (items != NULL && (item = Py_TYPE(iterator)->tp_iternext(iterator)) != NULL) {
        if (PyList_Append(items, item) < 0) {
            Py_CLEAR(items);
        }
        Py_DECREF(item);
    }
    if (items != NULL && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_StopIteration)) {
            PyErr_Clear();
        } else {
            Py_CLEAR(items);
        }
    }
    Py_XDECREF(iterator);
    return items;
}

/* The built-in class that a deque of any class comes from. */
static PyTypeObject *
deque_base(PyObject *deque)
{
    PyTypeObject *type = Py_TYPE(deque);
    while (type->tp_base != NULL && type->tp_base != &PyBaseObject_Type) {
        type = type->tp_base;
    }
    return type;
}

/* From a set, an empty one takes stored hashes and compares nothing. */
static PyObject *
set_of(PyObject *container)
{
    PyObject *done, *set = PySet_New(NULL);
    if (set == NULL) {
        return NULL;
    }
    done = PyObject_CallMethod((PyObject *)&PySet_Type, "update", "OO", set, container);
    if (done == NULL) {
        Py_CLEAR(set);
    }
    Py_XDECREF(done);
    return set;
}

PyObject *
rs_contents_of(PyObject *container)
{
    if (PyDict_Check(container)) {
        return PyDict_Copy(container);
    }
    if (PyAnySet_Check(container)) {
        return set_of(container);
    }
    if (PyList_Check(container)) {
        return PyList_GetSlice(container, 0, PY_SSIZE_T_MAX);
    }
    if (PyByteArray_Check(container)) {
        return PyBytes_FromStringAndSize(PyByteArray_AS_STRING(container),
                                         PyByteArray_GET_SIZE(container));
    }
    if (PyBytes_CheckExact(container)) {
        return Py_NewRef(container);
    }
    return list_of(deque_base(container), container);
}

PyObject *
rs_contents_donor(rs_state *st, PyObject *contents, PyObject *live)
{
    PyObject *donor, *maxlen;
    if (PyFrozenSet_Check(live)) {
        return PyFrozenSet_New(contents);
    }
    if (PyByteArray_Check(live)) {
        return PyByteArray_FromObject(contents);
    }
    if (!PyObject_TypeCheck(live, st->deque_type)) {
        return rs_contents_of(contents);
    }
    maxlen = PyObject_GenericGetAttr(live, st->names.maxlen);
    donor = maxlen != NULL ? PyObject_CallFunction((PyObject *)st->deque_type, "OO",
                                                   contents, maxlen)
                           : NULL;
    Py_XDECREF(maxlen);
    return donor;
}

/* ---- comparing ---- */

static int
same_dicts(PyObject *a, PyObject *b)
{
    Py_ssize_t i = 0, k = 0;
    PyObject *key, *value, *key2, *value2;
    if (PyDict_GET_SIZE(a) != PyDict_GET_SIZE(b)) {
        return 0;
    }
    while (PyDict_Next(a, &i, &key, &value)) {
        if (!PyDict_Next(b, &k, &key2, &value2) || !rs_same_value(key, key2) ||
            !rs_same_value(value, value2)) {
            return 0;
        }
    }
    return 1;
}

static int
same_lists(PyObject *a, PyObject *b)
{
    if (PyList_GET_SIZE(a) != PyList_GET_SIZE(b)) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(a); i++) {
        if (!rs_same_value(PyList_GET_ITEM(a, i), PyList_GET_ITEM(b, i))) {
            return 0;
        }
    }
    return 1;
}

/* Their order is not theirs: a copy may have another one. */
static int
same_sets(PyObject *a, PyObject *b)
{
    PyObject *rest;
    int same;
    if (PySet_GET_SIZE(a) != PySet_GET_SIZE(b)) {
        return 0;
    }
    rest = PyNumber_Subtract(a, b);
    same = rest == NULL ? -1 : PySet_GET_SIZE(rest) == 0;
    Py_XDECREF(rest);
    return same;
}

int
rs_contents_same(PyObject *contents, PyObject *container)
{
    PyObject *now;
    int same;
    if (PyDict_Check(container)) {
        return same_dicts(contents, container);
    }
    if (PyList_Check(container)) {
        return same_lists(contents, container);
    }
    now = rs_contents_of(container);
    if (now == NULL) {
        return -1;
    }
    if (PyBytes_Check(now)) {
        same = rs_same_value(contents, now);
    } else {
        same = PyList_Check(now) ? same_lists(contents, now) : same_sets(contents, now);
    }
    Py_DECREF(now);
    return same;
}

/* ---- back, beside what others did ---- */

static int
has_plain_keys(PyObject *dict)
{
    PyObject *key;
    Py_ssize_t pos = 0;
    while (PyDict_Next(dict, &pos, &key, NULL)) {
        if (!rs_is_plain_key(key)) {
            return 0;
        }
    }
    return 1;
}

/* The key of `dict` that equals `key`, or NULL. */
static PyObject *
own_key(PyObject *dict, PyObject *key)
{
    PyObject *own;
    Py_ssize_t pos = 0;
    while (PyDict_Next(dict, &pos, &own, NULL)) {
        if (rs_same_value(own, key)) {
            return own;
        }
    }
    return NULL;
}

/* In front of which key of `result` does `key` of `held` belong? NULL: it is the last. */
static PyObject *
follower_of(PyObject *result, PyObject *key, PyObject *held)
{
    PyObject *other, *follower = NULL;
    Py_ssize_t pos = 0;
    int after = 0;
    while (follower == NULL && PyDict_Next(held, &pos, &other, NULL)) {
        if (after) {
            follower = own_key(result, other);
        }
        after |= other == key;
    }
    return follower;
}

/* `key` of `result`, which has what is there now. 1, 0 (others have changed it), -1. */
static int
key_back(PyObject *result, PyObject *key, PyObject *held, PyObject *wrote)
{
    PyObject *before = PyDict_GetItemWithError(held, key);
    PyObject *written = PyDict_GetItemWithError(wrote, key);
    PyObject *now = PyDict_GetItemWithError(result, key);
    int done;
    if (rs_same_value(before, written) || rs_same_value(before, now)) {
        return 1;
    }
    if (!rs_same_value(now, written)) {
        return 0;
    }
    if (before == NULL) {
        return PyDict_DelItem(result, key) < 0 ? -1 : 1;
    }
    done = PyDict_SetItem(result, key, before);
    if (done == 0 && now == NULL) {
        done = rs_dict_move_last_before(result, follower_of(result, key, held));
    }
    return done < 0 ? -1 : 1;
}

/* Every key of `keys`, newest first: what is removed comes back before what follows. */
static int
keys_back(PyObject *result, PyObject *keys, PyObject *held, PyObject *wrote,
          PyObject *conflicts)
{
    for (Py_ssize_t i = PyList_GET_SIZE(keys) - 1; i >= 0; i--) {
        PyObject *key = PyList_GET_ITEM(keys, i);
        int done = key_back(result, key, held, wrote);
        if (done < 0 || (done == 0 && PyList_Append(conflicts, key) < 0)) {
            return -1;
        }
    }
    return 0;
}

/* Keys of `dict`; those that are in `without` (NULL: none) left out. */
static PyObject *
keys_of(PyObject *dict, PyObject *without)
{
    PyObject *key, *keys = PyList_New(0);
    Py_ssize_t pos = 0;
    while (keys != NULL && PyDict_Next(dict, &pos, &key, NULL)) {
        if ((without == NULL || PyDict_GetItemWithError(without, key) == NULL) &&
            PyList_Append(keys, key) < 0) {
            Py_CLEAR(keys);
        }
    }
    return keys;
}

static int
dict_back(PyObject *held, PyObject *wrote, PyObject *now, PyObject **donor,
          PyObject **keys)
{
    int result = -1;
    PyObject *before = keys_of(held, NULL), *added = keys_of(wrote, held);
    PyObject *back = PyDict_Copy(now), *conflicts = PyList_New(0);
    if (before == NULL || added == NULL || back == NULL || conflicts == NULL ||
        keys_back(back, before, held, wrote, conflicts) < 0 ||
        keys_back(back, added, held, wrote, conflicts) < 0) {
        goto done;
    }
    result = PyList_GET_SIZE(conflicts) == 0;
    if (!same_dicts(back, now)) {
        *donor = Py_NewRef(back);
    }
    if (result == 0) {
        *keys = Py_NewRef(conflicts);
    }
done:
    Py_XDECREF(before);
    Py_XDECREF(added);
    Py_XDECREF(back);
    Py_XDECREF(conflicts);
    return result;
}

/* Members come and go one by one: nobody else can have changed the same. */
static int
set_back(PyObject *held, PyObject *wrote, PyObject *now, PyObject **back)
{
    PyObject *added = PyNumber_Subtract(wrote, held);
    PyObject *removed = PyNumber_Subtract(held, wrote);
    PyObject *rest = added != NULL ? PyNumber_Subtract(now, added) : NULL;
    *back = removed != NULL && rest != NULL ? PyNumber_Or(rest, removed) : NULL;
    Py_XDECREF(added);
    Py_XDECREF(removed);
    Py_XDECREF(rest);
    return *back != NULL ? 1 : -1;
}

int
rs_contents_back(rs_state *st, PyObject *held, PyObject *wrote, PyObject *container,
                 PyObject **donor, PyObject **keys)
{
    PyObject *now = NULL, *back = NULL;
    int result = rs_contents_same(held, container);
    *donor = *keys = NULL;
    if (result != 0) {
        return result;
    }
    result = rs_contents_same(wrote, container);
    if (result == 1) {
        *donor = rs_contents_donor(st, held, container);
        return *donor != NULL ? 1 : -1;
    }
    now = result == 0 ? rs_contents_of(container) : NULL;
    if (now == NULL) {
        return -1;
    }
    result = 0;
    if (PyAnySet_Check(now)) {
        result = set_back(held, wrote, now, &back);
    } else if (PyDict_Check(now) && has_plain_keys(now) && has_plain_keys(held) &&
               has_plain_keys(wrote)) {
        result = dict_back(held, wrote, now, &back, keys);
    }
    if (result >= 0 && back != NULL) {
        *donor = rs_contents_donor(st, back, container);
        result = *donor != NULL ? result : -1;
    }
    Py_XDECREF(now);
    Py_XDECREF(back);
    return result;
}
