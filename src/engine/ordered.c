#include "ordered.h"

#include "same.h"

PyObject *
rs_ordered_keys(PyObject *odict)
{
    PyObject *key, *iterator = PyODict_Type.tp_iter(odict);
    PyObject *keys = iterator != NULL ? PyList_New(0) : NULL;
    while (keys != NULL && (key = Py_TYPE(iterator)->tp_iternext(iterator)) != NULL) {
        if (PyList_Append(keys, key) < 0) {
            Py_CLEAR(keys);
        }
        Py_DECREF(key);
    }
    Py_XDECREF(iterator);
    if (keys != NULL && PyErr_Occurred()) {
        Py_CLEAR(keys);
    }
    return keys;
}

PyObject *
rs_ordered_follower(PyObject *keys, PyObject *key)
{
    for (Py_ssize_t i = 0; i + 1 < PyList_GET_SIZE(keys); i++) {
        if (rs_same_value(PyList_GET_ITEM(keys, i), key)) {
            return PyList_GET_ITEM(keys, i + 1);
        }
    }
    return NULL;
}

int
rs_ordered_move_last_before(PyObject *odict, PyObject *follower)
{
    PyObject *keys = rs_ordered_keys(odict);
    int found = 0, result = keys != NULL ? 0 : -1;
    for (Py_ssize_t i = 0;
         result == 0 && follower != NULL && i + 1 < PyList_GET_SIZE(keys); i++) {
        PyObject *key = PyList_GET_ITEM(keys, i), *done;
        found |= rs_same_value(key, follower);
        if (found) {
            done = PyObject_CallMethod((PyObject *)&PyODict_Type, "move_to_end", "OO",
                                       odict, key);
            result = done != NULL ? 0 : -1;
            Py_XDECREF(done);
        }
    }
    Py_XDECREF(keys);
    return result;
}
