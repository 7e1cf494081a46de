#include "caches.h"

#include "heap.h"
#include "same.h"
#include "wrappers.h"

/* Did anything change that a cached result may depend on? */
static int
really_changed(const rs_session *s)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(s->changes); i++) {
        PyObject *action = PyStructSequence_GetItem(PyList_GET_ITEM(s->changes, i), 3);
        if (!rs_text_equals(action, "kept") && !rs_text_equals(action, "stays") &&
            !rs_text_equals(action, "moved") && !rs_text_equals(action, "pending")) {
            return 1;
        }
    }
    return 0;
}

/* ---- caches around nested functions, which no name leads to ---- */

static int
names_cache(PyObject *code)
{
    PyObject *names = RS_CODE(code)->co_names, *consts = RS_CODE(code)->co_consts;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        if (rs_text_equals(name, "lru_cache") || rs_text_equals(name, "cache")) {
            return 1;
        }
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(consts); i++) {
        PyObject *inner = PyTuple_GET_ITEM(consts, i);
        if (PyCode_Check(inner) && names_cache(inner)) {
            return 1;
        }
    }
    return 0;
}

static int
is_updated(PyObject *op, void *arg)
{
    return rs_idmap_has(&((rs_session *)arg)->nested_done, op);
}

static int
look_at(PyObject *op, void *arg)
{
    rs_session *s = arg;
    if (Py_TYPE(op) == s->st->lru_cache_type &&
        rs_wrapper_visit(op, is_updated, s) != 0 && PyList_Append(s->caches, op) < 0) {
        return -1;
    }
    return 1;
}

static int
find_nested(rs_session *s)
{
    int named = 0;
    for (Py_ssize_t i = 0; s->nested_done.used != 0 && i < s->n_units; i++) {
        named |= s->units[i].code != NULL && names_cache(s->units[i].code);
    }
    return named ? rs_heap_walk(look_at, s) : 0;
}

int
rs_caches_empty(rs_session *s)
{
    if (!really_changed(s)) {
        return 0;
    }
    if (find_nested(s) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(s->caches); i++) {
        PyObject *done = PyObject_CallMethodNoArgs(PyList_GET_ITEM(s->caches, i),
                                                   s->st->names.cache_clear);
        if (done == NULL) {
            return -1;
        }
        Py_DECREF(done);
    }
    return 0;
}
