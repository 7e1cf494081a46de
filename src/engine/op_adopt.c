#include "op.h"

#include "contents.h"

#include <assert.h>

/* ---- one value ---- */

/* What the place held and holds since; new, or another end of what is known. NULL with an
 * exception. */
static rs_op *
adopt(rs_journal *j, rs_op_kind kind, PyObject *target, const void *where,
      PyObject *seen, PyObject *now, rs_when when)
{
    rs_op *op = rs_op_find(j, kind, target, where);
    assert(j->committed);
    if (op == NULL) {
        op = rs_op_append(j, kind, target, where);
        if (op == NULL) {
            return NULL;
        }
        op->done = 1;
        op->seen = Py_XNewRef(seen);
        op->value = Py_XNewRef(now);
    } else if (when == RS_EARLIER) {
        Py_XSETREF(op->seen, Py_XNewRef(seen));
    } else {
        Py_XSETREF(op->value, Py_XNewRef(now));
    }
    j->adopted = op - j->ops;
    return op;
}

void
rs_journal_adopt_lost(rs_journal *j)
{
    j->ops[j->adopted].lost = 1;
}

static PyObject *
place_of_key(PyObject *key)
{
    PyObject *interned = Py_NewRef(key);
    if (PyUnicode_CheckExact(key)) {
        PyUnicode_InternInPlace(&interned);
    }
    return interned;
}

/* The same for a key of `target`, a dict or class. */
static int
adopt_key(rs_journal *j, rs_op_kind kind, PyObject *target, PyObject *key,
          PyObject *seen, PyObject *now, PyObject *follower, rs_when when)
{
    PyObject *interned = place_of_key(key);
    rs_op *op = adopt(j, kind, target, interned, seen, now, when);
    if (op != NULL) {
        if (op->key == NULL) {
            op->key = Py_NewRef(interned);
        }
        if (seen != NULL && (now == NULL || when == RS_EARLIER)) {
            Py_XSETREF(op->own_key, Py_NewRef(key));
            Py_XSETREF(op->follower, Py_XNewRef(follower));
        }
        op->phase = op->value == NULL ? RS_PHASE_REMOVAL : RS_PHASE_FALLIBLE;
    }
    Py_DECREF(interned);
    return op != NULL ? 0 : -1;
}

/* A whole body of that dict is known: the key belongs to that. */
static int
adopt_into_body(rs_journal *j, const rs_op *op, PyObject *key, PyObject *seen,
                PyObject *now, rs_when when)
{
    PyObject *dict = when == RS_EARLIER ? op->value : op->wrote;
    PyObject *value = when == RS_EARLIER ? seen : now;
    j->adopted = op - j->ops;
    if (value != NULL) {
        return PyDict_SetItem(dict, key, value);
    }
    return PyDict_Contains(dict, key) == 1 ? PyDict_DelItem(dict, key) : 0;
}

int
rs_journal_adopt_dict(rs_journal *j, PyObject *dict, PyObject *key, PyObject *seen,
                      PyObject *now, PyObject *follower, rs_when when)
{
    const rs_op *body = rs_op_find(j, RS_OP_BODY, dict, NULL);
    return body != NULL
               ? adopt_into_body(j, body, key, seen, now, when)
               : adopt_key(j, RS_OP_DICT, dict, key, seen, now, follower, when);
}

int
rs_journal_adopt_type(rs_journal *j, PyTypeObject *type, PyObject *key, PyObject *seen,
                      PyObject *now, PyObject *follower, rs_when when)
{
    PyObject *dict = PyType_GetDict(type), *interned = place_of_key(key);
    int needs_setter = rs_type_needs_setter(type, interned);
    int result = rs_plan_touch(j, type);
    if (result == 0) {
        result = adopt_key(j, needs_setter ? RS_OP_TYPE : RS_OP_DICT,
                           needs_setter ? (PyObject *)type : dict, interned, seen, now,
                           follower, when);
    }
    Py_DECREF(interned);
    Py_DECREF(dict);
    return result;
}

int
rs_journal_adopt_cell(rs_journal *j, PyObject *cell, PyObject *seen, PyObject *now,
                      rs_when when)
{
    PyObject **word = &((PyCellObject *)cell)->ob_ref;
    rs_op *op = adopt(j, RS_OP_CELL, cell, word, seen, now, when);
    if (op == NULL) {
        return -1;
    }
    op->word = word;
    return 0;
}

int
rs_journal_adopt_attribute(rs_journal *j, PyObject *object, PyObject *name,
                           PyObject *seen, PyObject *now, rs_when when)
{
    return adopt_key(j, RS_OP_ATTRIBUTE, object, name, seen, now, NULL, when);
}

/* ---- whole contents ---- */

int
rs_journal_adopt_body(rs_journal *j, PyObject *container, PyObject *held, rs_when when)
{
    rs_op *op = rs_op_find(j, RS_OP_BODY, container, NULL);
    PyObject *wrote = rs_contents_of(container);
    PyObject *before = wrote != NULL ? rs_contents_of(held) : NULL;
    if (before == NULL) {
        Py_XDECREF(wrote);
        return -1;
    }
    if (op == NULL) {
        op = rs_op_append(j, RS_OP_BODY, container, NULL);
        if (op == NULL) {
            Py_DECREF(wrote);
            Py_DECREF(before);
            return -1;
        }
        op->done = 1;
        op->value = before;
        op->wrote = wrote;
        j->adopted = op - j->ops;
        return 0;
    }
    j->adopted = op - j->ops;
    if (when == RS_EARLIER) {
        Py_SETREF(op->value, before);
        Py_DECREF(wrote);
    } else {
        Py_XSETREF(op->wrote, wrote);
        Py_DECREF(before);
    }
    return 0;
}
