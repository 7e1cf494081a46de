#include "doubles.h"
#include "holder.h"
#include "same.h"

/* ---- tuples, lists, deques ---- */

static int
rewrite_tuple(rs_rewrite *r, PyObject *tuple)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        if (rs_rewrite_slot(r, tuple, &((PyTupleObject *)tuple)->ob_item[i]) < 0) {
            return -1;
        }
    }
#ifndef RS_WITHOUT_CURE_18
    if (r->j == NULL) {
        rs_tuple_forget_hash(tuple);
    }
#endif
    return 0;
}

static int
plan_list(rs_rewrite *r, PyObject *list)
{
    PyObject *kept = NULL;
    int result = 0;
    if (PyList_CheckExact(list) && rs_doubles_drop(r, list, &kept) < 0) {
        return -1;
    }
    if (kept != NULL) {
        r->done += rs_holder_refs(list, r->map);
        result = rs_plan_body_derived(r->j, list, kept);
        Py_DECREF(kept);
        return result;
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(list); i++) {
        PyObject *to = rs_idmap_get(r->map, PyList_GET_ITEM(list, i));
        if (to != NULL) {
            r->done++;
            result = rs_plan_list(r->j, list, i, to);
        }
    }
    return result;
}

static int
rewrite_list(rs_rewrite *r, PyObject *list)
{
    if (r->j != NULL) {
        return plan_list(r, list);
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        if (rs_rewrite_slot(r, list, &((PyListObject *)list)->ob_item[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
plan_deque(rs_rewrite *r, PyObject *deque, PyObject *items)
{
    PyObject *maxlen = PyObject_GetAttrString(deque, "maxlen");
    PyObject *fresh = NULL;
    int result = -1;
    if (maxlen == NULL || Py_TYPE(deque) != r->st->deque_type) {
        result = maxlen != NULL ? 0 : -1; /* a subclass: it is left */
        goto done;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items); i++) {
        PyObject *to = rs_mapped(r->map, PyList_GET_ITEM(items, i));
        PyList_SetItem(items, i, Py_NewRef(to));
    }
    r->done += rs_holder_refs(deque, r->map);
    fresh = PyObject_CallFunctionObjArgs((PyObject *)r->st->deque_type, items, maxlen,
                                         NULL);
    result = fresh != NULL ? rs_plan_body_derived(r->j, deque, fresh) : -1;
done:
    Py_XDECREF(maxlen);
    Py_XDECREF(fresh);
    return result;
}

static int
rewrite_deque(rs_rewrite *r, PyObject *deque)
{
    ssizeobjargproc set = r->st->deque_type->tp_as_sequence->sq_ass_item;
    PyObject *items = PySequence_List(deque);
    int result = items != NULL ? 0 : -1;
    if (items != NULL && r->j != NULL) {
        result = plan_deque(r, deque, items);
    } else if (items != NULL) {
        for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(items); i++) {
            PyObject *to = rs_idmap_get(r->map, PyList_GET_ITEM(items, i));
            if (to != NULL) {
                result = set(deque, i, to);
            }
        }
    }
    Py_XDECREF(items);
    return result;
}

/* ---- sets ---- */

static int
rewrite_set(rs_rewrite *r, PyObject *set)
{
    PyObject *fresh;
    int result;
    if (r->j == NULL) {
        return rs_holder_rebuild_set(set, r->map);
    }
    if (!PySet_Check(set)) {
        return 0; /* it is left */
    }
    r->done += rs_holder_refs(set, r->map);
    fresh = PySet_New(set);
    result = fresh != NULL ? rs_holder_rebuild_set(fresh, r->map) : -1;
    if (result == 0) {
        result = rs_plan_body_derived(r->j, set, fresh);
    }
    Py_XDECREF(fresh);
    return result;
}

/* ---- dicts ---- */

static int
has_mapped_key(const rs_rewrite *r, PyObject *dict)
{
    PyObject *key;
    Py_ssize_t pos = 0;
    while (PyDict_Next(dict, &pos, &key, NULL)) {
        if (rs_idmap_has(r->map, key) ||
            (r->moved != NULL && rs_idmap_has(r->moved, key))) {
            return 1;
        }
    }
    return 0;
}

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

/* Values only. Pairs are copied first: setting may run Python code. */
static int
rewrite_values(rs_rewrite *r, PyObject *dict, int planned)
{
    rs_idmap pairs = {0};
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    int result = 0;
    while (result == 0 && PyDict_Next(dict, &pos, &key, &value)) {
        PyObject *to = rs_idmap_get(r->map, value);
        if (to != NULL) {
            result = rs_idmap_set(&pairs, key, to);
        }
    }
    pos = 0;
    while (result == 0 && rs_idmap_next(&pairs, &pos, &key, &value)) {
        r->done++;
        result = planned ? rs_plan_dict(r->j, dict, key, value)
                         : PyDict_SetItem(dict, key, value);
    }
    rs_idmap_clear(&pairs);
    return result;
}

static int
plan_dict(rs_rewrite *r, PyObject *dict)
{
    PyObject *fresh;
    int result;
    if (!has_mapped_key(r, dict) && has_plain_keys(dict)) {
        return rewrite_values(r, dict, 1);
    }
    if (PyODict_Check(dict)) {
        return 0; /* it is left */
    }
    r->done += rs_holder_refs(dict, r->map);
    fresh = PyDict_Copy(dict);
    result = fresh != NULL ? rs_holder_rebuild_dict(fresh, r->map) : -1;
    if (result == 0) {
        result = rs_plan_body_derived(r->j, dict, fresh);
    }
    Py_XDECREF(fresh);
    return result;
}

static int
rewrite_dict(rs_rewrite *r, PyObject *dict)
{
    if (r->j != NULL) {
        return plan_dict(r, dict);
    }
    return has_mapped_key(r, dict) ? rs_holder_rebuild_dict(dict, r->map)
                                   : rewrite_values(r, dict, 0);
}

/* ---- all kinds ---- */

int
rs_is_container(const rs_state *st, PyObject *op)
{
    return PyTuple_Check(op) || PyList_Check(op) || PyDict_Check(op) ||
           PyAnySet_Check(op) || PyObject_TypeCheck(op, st->deque_type);
}

int
rs_rewrite_items(rs_rewrite *r, PyObject *container)
{
    if (PyTuple_Check(container)) {
        return rewrite_tuple(r, container);
    }
    if (PyList_Check(container)) {
        return rewrite_list(r, container);
    }
    if (PyDict_Check(container)) {
        return rewrite_dict(r, container);
    }
    if (PyAnySet_Check(container)) {
        return rewrite_set(r, container);
    }
    return rewrite_deque(r, container);
}
