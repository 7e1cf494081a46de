#include "op.h"

#include "body.h"
#include "weaklist.h"

#include <assert.h>

/* ---- the order of a dict ---- */

static int
is_key(PyObject *a, PyObject *b)
{
    if (a == b) {
        return 1;
    }
    if (PyUnicode_CheckExact(a) && PyUnicode_CheckExact(b)) {
        return PyUnicode_Compare(a, b) == 0;
    }
    /* keys of tp_subclasses are addresses */
    return PyLong_CheckExact(a) && PyLong_CheckExact(b) &&
           PyLong_AsVoidPtr(a) == PyLong_AsVoidPtr(b);
}

PyObject *
rs_dict_follower(PyObject *dict, PyObject *key, PyObject **own)
{
    PyObject *k;
    Py_ssize_t pos = 0;
    while (PyDict_Next(dict, &pos, &k, NULL)) {
        if (is_key(k, key)) {
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
    Py_XSETREF(op->follower, Py_XNewRef(follower)); /* names: no finalizers */
    Py_XSETREF(op->own_key, Py_NewRef(own));
}

void
rs_dict_move_last_before(PyObject *dict, PyObject *follower)
{
    PyObject *k, *v;
    PyObject **moving;
    Py_ssize_t pos = 0, n = 0;
    int found = 0;
    if (follower == NULL || PyDict_GET_SIZE(dict) < 2) {
        return;
    }
    moving = PyMem_Calloc((size_t)PyDict_GET_SIZE(dict), 2 * sizeof(PyObject *));
    if (moving == NULL) {
        return;
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
        if (i + 1 < n &&
            (PyDict_DelItem(dict, k) < 0 || PyDict_SetItem(dict, k, v) < 0)) {
            PyErr_Clear();
        }
        Py_DECREF(k);
        Py_DECREF(v);
    }
    PyMem_Free(moving);
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

/* Doing and undoing: fields and version change places with what the operation has. */
static void
swap_fields(rs_op *op)
{
    uint32_t version = RS_FUNCTION(op->target)->func_version;
    for (int i = 0; i < RS_FN_FIELDS; i++) {
        if ((op->fields->mask & (1U << i)) != 0) {
            rs_swap(rs_fn_slot(op->target, i), &op->fields->fields[i]);
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
    if (value != NULL) {
        return PyDict_SetItem(dict, key, value);
    }
    return PyDict_DelItem(dict, key);
}

static int
do_dict(rs_op *op)
{
    if (op->value == op->seen) {
        return 0;
    }
    if (op->value == NULL) {
        rs_op_note_order(op, op->target);
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
    rs_dict_move_last_before(op->target, op->follower);
    return 0;
}

/* ---- weak references ---- */

/* A program may have cleared it by hand since, as an object being finalized does. */
static int
swap_referent(rs_op *op)
{
    PyObject *now = rs_weakref_referent(op->target);
    if (now != NULL && now != op->value) {
        rs_weaklist_move(op->target, now, op->value, &op->index);
        Py_SETREF(op->value, Py_NewRef(now)); /* `seen` or `own_key` has the other */
    }
    return 0;
}

/* ---- all kinds ---- */

int
rs_op_value_do(rs_op *op)
{
    switch (op->kind) {
    case RS_OP_FUNCTION:
        swap_fields(op);
        return 0;
    case RS_OP_DICT:
        return do_dict(op);
    case RS_OP_CELL:
    case RS_OP_WORD:
        rs_swap(op->word, &op->value);
        if (PyTuple_Check(op->target)) {
            rs_tuple_forget_hash(op->target);
        }
        return 0;
    case RS_OP_WEAKREF:
        return swap_referent(op);
    case RS_OP_LIST:
        rs_swap(&((PyListObject *)op->target)->ob_item[op->index], &op->value);
        return 0;
    case RS_OP_BODY:
        return rs_body_swap(op->target, op->value);
    case RS_OP_LINES:
        rs_op_lines_shift(op->target, op->delta);
        return 0;
    default:
        Py_UNREACHABLE();
    }
}

int
rs_op_value_undo(rs_op *op)
{
    if (op->kind == RS_OP_DICT) {
        return undo_dict(op);
    }
    if (op->kind == RS_OP_LINES) {
        rs_op_lines_shift(op->target, -op->delta);
        return 0;
    }
    if (op->kind == RS_OP_LIST && (PyList_GET_SIZE(op->target) <= op->index ||
                                   ((PyListObject *)op->target)->allocated < 0)) {
        PyErr_SetString(PyExc_RuntimeError,
                        "a list that the update changed has shrunk");
        return -1;
    }
    return rs_op_value_do(op);
}
