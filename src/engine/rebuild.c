#include "holder.h"

#include "body.h"

/* A set of the mapped members. They are copied first: adding may call __eq__, which may do
 * anything to `set`. */
static PyObject *
mapped_set(PyObject *set, const rs_idmap *map)
{
    const PySetObject *body = (const PySetObject *)set;
    PyObject *members = PyList_New(0), *fresh = PySet_New(NULL);
    if (members == NULL || fresh == NULL) {
        goto fail;
    }
    for (Py_ssize_t i = 0; i <= body->mask; i++) {
        PyObject *key = body->table[i].key;
        /* a removed member leaves a dummy with hash -1 */
        if (key != NULL && body->table[i].hash != -1 &&
            PyList_Append(members, rs_mapped(map, key)) < 0) {
            goto fail;
        }
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(members); i++) {
        if (PySet_Add(fresh, PyList_GET_ITEM(members, i)) < 0) {
            goto fail;
        }
    }
    Py_DECREF(members);
    return fresh;
fail:
    Py_XDECREF(members);
    Py_XDECREF(fresh);
    return NULL;
}

int
rs_holder_rebuild_set(PyObject *set, const rs_idmap *map)
{
    PyObject *fresh = mapped_set(set, map);
    int result = fresh != NULL ? rs_body_swap(set, fresh) : -1;
    Py_XDECREF(fresh);
    return result;
}

/* The mapped items in their order. */
static PyObject *
mapped_dict(PyObject *dict, const rs_idmap *map)
{
    PyObject *copy = PyDict_Copy(dict), *fresh = PyDict_New();
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    if (copy == NULL || fresh == NULL) {
        goto fail;
    }
    while (PyDict_Next(copy, &pos, &key, &value)) {
        if (PyDict_SetItem(fresh, rs_mapped(map, key), rs_mapped(map, value)) < 0) {
            goto fail;
        }
    }
    Py_DECREF(copy);
    return fresh;
fail:
    Py_XDECREF(copy);
    Py_XDECREF(fresh);
    return NULL;
}

/* An OrderedDict has a list of its keys beside the dict. */
static int
refill_ordered(PyObject *dict, PyObject *items)
{
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    PyObject *cleared = PyObject_CallMethod((PyObject *)&PyODict_Type, "clear", "O",
                                            dict);
    if (cleared == NULL) {
        return -1;
    }
    Py_DECREF(cleared);
    while (PyDict_Next(items, &pos, &key, &value)) {
        if (PyODict_SetItem(dict, key, value) < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_holder_rebuild_dict(PyObject *dict, const rs_idmap *map)
{
    PyObject *fresh = mapped_dict(dict, map);
    int result;
    if (fresh == NULL) {
        return -1;
    }
    if (PyODict_Check(dict)) {
        result = refill_ordered(dict, fresh);
    } else {
        result = rs_body_swap(dict, fresh);
    }
    Py_DECREF(fresh);
    return result;
}
