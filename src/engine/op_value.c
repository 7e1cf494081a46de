#include "op.h"

#include "attribute.h"
#include "body.h"
#include "ordered.h"
#include "same.h"
#include "weaklist.h"

#include <assert.h>

/* ---- the order of a dict ---- */

PyObject *
rs_dict_follower(PyObject *dict, PyObject *key, PyObject **own)
{
    PyObject *k;
    Py_ssize_t pos = 0;
    while (PyDict_Next(dict, &pos, &k, NULL)) {
        if (rs_same_value(k, key)) {
            if (own != NULL) {
                *own = k;
            }
            return PyDict_Next(dict, &pos, &k, NULL) ? k : NULL;
        }
    }
    return NULL;
}

void
rs_op_note_order(rs_op *op, PyObject *dict)
{
    PyObject *own = op->key;
    PyObject *follower = rs_dict_follower(dict, op->key, &own);
    if (PyODict_Check(dict)) {
        PyObject *keys = rs_ordered_keys(dict);
        follower = keys != NULL ? rs_ordered_follower(keys, op->key) : NULL;
        Py_XDECREF(keys); /* the dict has it */
        PyErr_Clear();
    }
    Py_XSETREF(op->follower, Py_XNewRef(follower)); /* names: no finalizers */
    Py_XSETREF(op->own_key, Py_NewRef(own));
}

/* All keys but the last one, which comes before `follower`: a new dict. NULL with an
 * exception. */
static PyObject *
reordered(PyObject *dict, PyObject *last, PyObject *follower)
{
    PyObject *k, *v, *fresh = PyDict_New();
    Py_ssize_t pos = 0;
    while (fresh != NULL && PyDict_Next(dict, &pos, &k, &v)) {
        if ((k == follower &&
             PyDict_SetItem(fresh, last, PyDict_GetItemWithError(dict, last)) < 0) ||
            (k != last && PyDict_SetItem(fresh, k, v) < 0)) {
            Py_CLEAR(fresh);
        }
    }
    return fresh;
}

/* The last key, if `follower` is before it and all keys are names; else NULL. */
static PyObject *
last_of_names(PyObject *dict, const PyObject *follower)
{
    PyObject *k, *last = NULL;
    Py_ssize_t pos = 0;
    int found = 0;
    while (PyDict_Next(dict, &pos, &k, NULL)) {
        if (!PyUnicode_CheckExact(k)) {
            return NULL;
        }
        found |= last != NULL && last == follower;
        last = k;
    }
    return found || last == NULL ? last : NULL;
}

/* Keys are taken out and put in again: where memory ends in between, one may be lost. */
static int
move_one_by_one(PyObject *dict, PyObject *follower)
{
    PyObject *k, *v;
    PyObject **moving;
    Py_ssize_t pos = 0, n = 0;
    int found = 0, result = 0;
    moving = PyMem_Calloc((size_t)PyDict_GET_SIZE(dict), 2 * sizeof(PyObject *));
    if (moving == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    while (PyDict_Next(dict, &pos, &k, &v)) {
        found |= k == follower;
        if (found) {
            moving[2 * n] = Py_NewRef(k);
            moving[2 * n + 1] = Py_NewRef(v);
            n++;
        }
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        k = moving[2 * i];
        v = moving[2 * i + 1];
        /* the last one is what the others move behind */
        if (i + 1 < n && result == 0 &&
            (PyDict_DelItem(dict, k) < 0 || PyDict_SetItem(dict, k, v) < 0)) {
            result = -1;
        }
        Py_DECREF(k);
        Py_DECREF(v);
    }
    PyMem_Free(moving);
    return result;
}

int
rs_dict_move_last_before(PyObject *dict, PyObject *follower)
{
    PyObject *last, *fresh;
    int result = -1;
    if (follower == NULL || PyDict_GET_SIZE(dict) < 2) {
        return 0;
    }
    if (PyODict_Check(dict)) {
        return rs_ordered_move_last_before(dict, follower);
    }
    last = last_of_names(dict, follower);
    if (last == NULL) {
        return move_one_by_one(dict, follower);
    }
    fresh = reordered(dict, last, follower);
    if (fresh != NULL && rs_body_is_certain(dict, fresh)) {
        result = rs_body_swap(dict, fresh);
    } else if (fresh != NULL) {
        result = move_one_by_one(dict, follower);
    }
    Py_XDECREF(fresh); /* `dict` has all that is in it */
    return result;
}

/* ---- function ---- */

int
rs_op_fields_unchanged(const rs_op *op)
{
    for (int i = 0; i < RS_FN_FIELDS; i++) {
        if ((op->fields->mask & (1U << i)) != 0 &&
            *rs_fn_slot(op->target, i) != op->fields->seen[i]) {
            return 0;
        }
    }
    return 1;
}

/* The version changes places with the one that the operation has. */
static void
put_fields(const rs_op *op, PyObject *const *values, PyObject *const *others)
{
    uint32_t version = RS_FUNCTION(op->target)->func_version;
    for (int i = 0; i < RS_FN_FIELDS; i++) {
        if ((op->fields->mask & (1U << i)) != 0) {
            rs_put(rs_fn_slot(op->target, i), values[i], others[i],
                   &op->fields->displaced[i]);
        }
    }
#ifndef RS_WITHOUT_CURE_1 /* call sites would keep the old layout of the frame */
    rs_fn_clear_version(op->target);
#endif
#if !defined(RS_WITHOUT_CURE_3) && !defined(RS_WITHOUT_CURE_4) && \
    !defined(RS_WITHOUT_CURE_1)
    /* 3.12 would take one that an unrelated function has (3), 3.13+ never gives another
     * one, so that calls would stay slow (4) */
    if (op->fields->version > 1) {
        rs_fn_set_version(op->target, op->fields->version);
    }
#endif
    op->fields->version = version;
}

/* ---- dict ---- */

static int
write_dict(PyObject *dict, PyObject *key, PyObject *value)
{
    if (PyODict_Check(dict)) {
        return value != NULL ? PyODict_SetItem(dict, key, value)
                             : PyODict_DelItem(dict, key);
    }
    return value != NULL ? PyDict_SetItem(dict, key, value) : PyDict_DelItem(dict, key);
}

/* A key that comes back: where it was, and that very key. */
static int
insert_in_dict(const rs_op *op)
{
    if (write_dict(op->target, op->own_key, op->value) < 0) {
        return -1;
    }
    if (rs_dict_move_last_before(op->target, op->follower) < 0) {
        PyObject *error = PyErr_GetRaisedException();
        write_dict(op->target, op->own_key, NULL);
        PyErr_SetRaisedException(error);
        return -1;
    }
    return 0;
}

static int
do_dict(rs_op *op)
{
    if (op->value == op->seen) {
        return 0;
    }
    if (op->value == NULL) {
        rs_op_note_order(op, op->target);
    } else if (op->seen == NULL && op->own_key != NULL) {
        return insert_in_dict(op);
    }
    return write_dict(op->target, op->key, op->value);
}

static int
undo_dict(rs_op *op)
{
    if (op->value == op->seen) {
        return 0;
    }
    if (op->value != NULL) {
        return write_dict(op->target, op->key, op->seen);
    }
    if (write_dict(op->target, op->own_key, op->seen) < 0) {
        return -1;
    }
    if (rs_dict_move_last_before(op->target, op->follower) < 0) {
        PyErr_Clear(); /* without memory it stays last */
    }
    return 0;
}

/* ---- weak references ---- */

/* A program may have cleared it by hand since, as an object being finalized does. */
static int
put_referent(rs_op *op, PyObject *value)
{
    PyObject *now = rs_weakref_referent(op->target);
    if (now != NULL && value != NULL && now != value) {
        rs_weaklist_move(op->target, now, value, &op->index);
    }
    return 0;
}

/* ---- one reference ---- */

static int
put(rs_op *op, PyObject **place, int forward)
{
    rs_put(place, forward ? op->value : op->seen, forward ? op->seen : op->value,
           &op->displaced);
    if (op->kind == RS_OP_WORD && PyTuple_Check(op->target)) {
        rs_tuple_forget_hash(op->target);
    }
    return 0;
}

static int
put_item(rs_op *op, int forward)
{
    PyListObject *list = (PyListObject *)op->target;
    if (Py_SIZE(list) <= op->index || list->allocated < 0) {
        PyErr_SetString(PyExc_RuntimeError,
                        "a list that the update changed has shrunk");
        return -1;
    }
    return put(op, &list->ob_item[op->index], forward);
}

/* ---- all kinds ---- */

static int
write_value(rs_op *op, int forward)
{
    switch (op->kind) {
    case RS_OP_FUNCTION:
        put_fields(op, forward ? op->fields->fields : op->fields->seen,
                   forward ? op->fields->seen : op->fields->fields);
        return 0;
    case RS_OP_DICT:
        return forward ? do_dict(op) : undo_dict(op);
    case RS_OP_CELL:
    case RS_OP_WORD:
        return put(op, op->word, forward);
    case RS_OP_ATTRIBUTE:
        return rs_attribute_write(op->target, op->key, forward ? op->value : op->seen);
    case RS_OP_WEAKREF:
        return put_referent(op, forward ? op->value : op->seen);
    case RS_OP_LIST:
        return put_item(op, forward);
    case RS_OP_BODY:
        return rs_body_swap(op->target, op->value);
    case RS_OP_LINES:
        rs_op_lines_shift(op->target, forward ? op->delta : -op->delta);
        return 0;
    default:
        Py_UNREACHABLE();
    }
}

int
rs_op_value_do(rs_op *op)
{
    return write_value(op, 1);
}

int
rs_op_value_undo(rs_op *op)
{
    return write_value(op, 0);
}
