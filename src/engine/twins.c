#include "redirect.h"

#include "op.h"

int
rs_leftovers_plan(rs_session *s)
{
    PyObject *known = s->st->leftovers;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(known); i++) {
        PyObject *pair = PyList_GET_ITEM(known, i);
        PyObject *live = rs_weakref_referent(PyTuple_GET_ITEM(pair, 0));
        PyObject *twin = rs_weakref_referent(PyTuple_GET_ITEM(pair, 1));
        if (live != NULL && twin != NULL && rs_plan_twin(&s->journal, live, twin) < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_leftovers_add(const rs_session *s, rs_idmap *paired)
{
    PyObject *known = s->st->leftovers;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(known); i++) {
        PyObject *pair = PyList_GET_ITEM(known, i);
        PyObject *live = rs_weakref_referent(PyTuple_GET_ITEM(pair, 0));
        PyObject *twin = rs_weakref_referent(PyTuple_GET_ITEM(pair, 1));
        if (live != NULL && twin != NULL && rs_idmap_has(paired, live) &&
            rs_idmap_set(paired, twin, twin) < 0) {
            return -1;
        }
    }
    return 0;
}

static PyObject *
weak_pair(PyObject *pair)
{
    PyObject *live = PyWeakref_NewRef(PyTuple_GET_ITEM(pair, 0), NULL);
    PyObject *twin = PyWeakref_NewRef(PyTuple_GET_ITEM(pair, 1), NULL);
    PyObject *weak = live != NULL && twin != NULL ? PyTuple_Pack(2, live, twin) : NULL;
    Py_XDECREF(live);
    Py_XDECREF(twin);
    return weak;
}

/* Pairs of which one has died are dropped on the occasion. */
int
rs_leftovers_remember(rs_session *s)
{
    PyObject *known = s->st->leftovers;
    for (Py_ssize_t i = PyList_GET_SIZE(known) - 1; i >= 0; i--) {
        PyObject *pair = PyList_GET_ITEM(known, i);
        if ((rs_weakref_referent(PyTuple_GET_ITEM(pair, 0)) == NULL ||
             rs_weakref_referent(PyTuple_GET_ITEM(pair, 1)) == NULL) &&
            PySequence_DelItem(known, i) < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; s->leftovers != NULL && i < PyList_GET_SIZE(s->leftovers);
         i++) {
        PyObject *weak = weak_pair(PyList_GET_ITEM(s->leftovers, i));
        if (weak == NULL || PyList_Append(known, weak) < 0) {
            Py_XDECREF(weak);
            return -1;
        }
        Py_DECREF(weak);
    }
    return 0;
}
