#include "body.h"

#include <string.h>

static int
is_deque(PyObject *op)
{
    return strcmp(Py_TYPE(op)->tp_name, "collections.deque") == 0 &&
           (Py_TYPE(op)->tp_flags & Py_TPFLAGS_IMMUTABLETYPE) != 0;
}

/* ---- may they? ---- */

/* A container in the middle of list.sort(), or one whose memory somebody looks at. */
static const char *
is_busy(PyObject *op)
{
    if (PyList_CheckExact(op) && ((PyListObject *)op)->allocated < 0) {
        return "it is being sorted";
    }
    if (PyByteArray_CheckExact(op) && ((PyByteArrayObject *)op)->ob_exports > 0) {
        return "its buffer is exported";
    }
    return NULL;
}

/* maxlen of a deque, -1 for none. */
static Py_ssize_t
deque_maxlen(PyObject *deque)
{
    PyObject *maxlen = PyObject_GetAttrString(deque, "maxlen");
    Py_ssize_t n = -1;
    if (maxlen != NULL && maxlen != Py_None) {
        n = PyLong_AsSsize_t(maxlen);
    }
    Py_XDECREF(maxlen);
    PyErr_Clear();
    return n;
}

int
rs_body_can_take(PyObject *live, PyObject *donor, const char **why)
{
    *why = NULL;
    if (Py_TYPE(live) != Py_TYPE(donor)) {
        *why = "they are of different types";
    } else if (is_deque(live)) {
        *why = deque_maxlen(live) != deque_maxlen(donor) ? "maxlen differs" : NULL;
    } else if (!PyDict_CheckExact(live) && !PyList_CheckExact(live) &&
               !PySet_CheckExact(live) && !PyByteArray_CheckExact(live)) {
        *why = "it is no built-in container";
    } else {
        *why = is_busy(live);
        if (*why == NULL) {
            *why = is_busy(donor);
        }
    }
    return *why == NULL;
}

int
rs_body_can_rebuild(PyObject *container, PyObject *fresh)
{
    if (PyDict_CheckExact(fresh)) {
        return PyDict_Check(container) && !PyODict_Check(container);
    }
    if (PyAnySet_CheckExact(fresh)) {
        return PyType_IsSubtype(Py_TYPE(container), Py_TYPE(fresh));
    }
    if (PyList_CheckExact(fresh)) {
        return PyList_Check(container);
    }
    return Py_TYPE(container) == Py_TYPE(fresh) && is_deque(fresh);
}

static int
can_swap_dicts(PyObject *a, PyObject *b)
{
    return !rs_dict_is_watched(a) && !rs_dict_is_watched(b) && !rs_dict_is_split(a) &&
           !rs_dict_is_split(b);
}

int
rs_body_is_certain(PyObject *live, PyObject *donor)
{
    return !is_deque(live) && (!PyDict_Check(live) || can_swap_dicts(live, donor));
}

int
rs_body_ready(PyObject *live, PyObject *donor)
{
    return is_busy(live) == NULL && is_busy(donor) == NULL;
}

/* ---- swapping ---- */

/* Somebody (the JIT, a debugger) wants to hear of changes, or the values lie elsewhere:
 * go through the front door. Stored hashes are used, so no __hash__ is called. */
static int
exchange_dicts(PyObject *a, PyObject *b)
{
    PyObject *old_a = PyDict_Copy(a), *old_b = PyDict_Copy(b);
    int result = -1;
    if (old_a == NULL || old_b == NULL) {
        goto done;
    }
    PyDict_Clear(a);
    PyDict_Clear(b);
    if (PyDict_Update(a, old_b) == 0 && PyDict_Update(b, old_a) == 0) {
        result = 0;
        goto done;
    }
    PyObject *error = PyErr_GetRaisedException();
    PyDict_Clear(a);
    PyDict_Clear(b);
    if (PyDict_Update(a, old_a) < 0 || PyDict_Update(b, old_b) < 0) {
        PyErr_Clear(); /* no memory to put back what was there a moment ago */
    }
    PyErr_SetRaisedException(error);
done:
    Py_XDECREF(old_a);
    Py_XDECREF(old_b);
    return result;
}

static void
swap_lists(PyObject *a, PyObject *b)
{
    PyListObject *x = (PyListObject *)a, *y = (PyListObject *)b;
    PyObject **items = x->ob_item;
    Py_ssize_t size = Py_SIZE(x), allocated = x->allocated;
    x->ob_item = y->ob_item;
    x->allocated = y->allocated;
    Py_SET_SIZE(x, Py_SIZE(y));
    y->ob_item = items;
    y->allocated = allocated;
    Py_SET_SIZE(y, size);
}

/* A small set has its table inside itself. */
static void
move_table(PySetObject *to, const PySetObject *from)
{
    to->fill = from->fill;
    to->used = from->used;
    to->mask = from->mask;
    to->hash = from->hash;
    to->finger = from->finger;
    to->table = from->table == from->smalltable ? to->smalltable : from->table;
    memcpy(to->smalltable, from->smalltable, sizeof(to->smalltable));
}

static void
swap_sets(PyObject *a, PyObject *b)
{
    PySetObject *x = (PySetObject *)a, *y = (PySetObject *)b;
    PySetObject t;
    move_table(&t, x);
    move_table(x, y);
    move_table(y, &t);
    /* `t` had its small table on this stack; move_table saw that and made it y's */
}

/* deque.<name>(op, arg), or without arg. */
static int
call_deque(PyObject *deque, const char *name, PyObject *arg)
{
    PyObject *result = arg != NULL ? PyObject_CallMethod(deque, name, "O", arg)
                                   : PyObject_CallMethod(deque, name, NULL);
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

static int
fill_deque(PyObject *deque, PyObject *items)
{
    return call_deque(deque, "clear", NULL) < 0 ? -1
                                                : call_deque(deque, "extend", items);
}

/* No public layout: new items in, old ones out. */
static int
exchange_deques(PyObject *a, PyObject *b)
{
    PyObject *old_a = PySequence_List(a), *old_b = PySequence_List(b);
    PyObject *error;
    int result = -1;
    if (old_a == NULL || old_b == NULL) {
        goto done;
    }
    if (fill_deque(a, old_b) == 0 && fill_deque(b, old_a) == 0) {
        result = 0;
        goto done;
    }
    error = PyErr_GetRaisedException();
    if (fill_deque(a, old_a) < 0 || fill_deque(b, old_b) < 0) {
        PyErr_Clear(); /* as for dicts */
    }
    PyErr_SetRaisedException(error);
done:
    Py_XDECREF(old_a);
    Py_XDECREF(old_b);
    return result;
}

/* Until 3.13 a dict or tuple of atoms only is unknown to the collector. What one knew,
 * both have to be known for. */
static void
track_both(PyObject *a, PyObject *b)
{
    if (PyObject_GC_IsTracked(a) && !PyObject_GC_IsTracked(b)) {
        PyObject_GC_Track(b);
    } else if (!PyObject_GC_IsTracked(a) && PyObject_GC_IsTracked(b)) {
        PyObject_GC_Track(a);
    }
}

int
rs_body_swap(PyObject *live, PyObject *donor)
{
    if (PyList_Check(live)) {
        swap_lists(live, donor);
        return 0;
    }
    if (PyAnySet_Check(live)) {
        swap_sets(live, donor);
        return 0;
    }
    if (PyByteArray_Check(live)) {
        rs_bytearray_swap(live, donor);
        return 0;
    }
    if (!PyDict_Check(live)) {
        return exchange_deques(live, donor);
    }
    if (!can_swap_dicts(live, donor)) {
        return exchange_dicts(live, donor);
    }
    rs_dict_swap(live, donor);
    track_both(live, donor);
    return 0;
}

/* ---- has it changed? ---- */

static uint64_t
fold(uint64_t sum, const void *item)
{
    return (sum ^ (uint64_t)(uintptr_t)item) * 0x100000001B3ULL;
}

static uint64_t
fold_deque(PyObject *deque)
{
    uint64_t sum = 1;
    Py_ssize_t n = PySequence_Size(deque);
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PySequence_GetItem(deque, i);
        sum = fold(sum, item);
        Py_XDECREF(item); /* the deque keeps it */
    }
    PyErr_Clear();
    return sum;
}

uint64_t
rs_body_fold(PyObject *container)
{
    uint64_t sum = 1;
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    if (PyList_Check(container)) {
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(container); i++) {
            sum = fold(sum, PyList_GET_ITEM(container, i));
        }
    } else if (PyDict_Check(container)) {
        while (PyDict_Next(container, &pos, &key, &value)) {
            sum = fold(fold(sum, key), value);
        }
    } else if (PyAnySet_Check(container)) {
        const PySetObject *set = (const PySetObject *)container;
        for (Py_ssize_t i = 0; i <= set->mask; i++) {
            sum = fold(sum, set->table[i].key);
        }
    } else if (PyByteArray_Check(container)) {
        const unsigned char *bytes = (const unsigned char *)PyByteArray_AS_STRING(
            container);
        for (Py_ssize_t i = 0; i < PyByteArray_GET_SIZE(container); i++) {
            sum = (sum ^ bytes[i]) * 0x100000001B3ULL;
        }
    } else {
        sum = fold_deque(container);
    }
    return sum | 1; /* 0 means: none */
}
