#include "doubles.h"

#include "same.h"

/* ---- do two of them mean the same? ---- */

static int mean_same(const rs_rewrite *r, PyObject *a, PyObject *b);

static int
is_member(const rs_rewrite *r, PyObject *item, PyObject *set)
{
    const PySetObject *body = (const PySetObject *)set;
    for (Py_ssize_t i = 0; i <= body->mask; i++) {
        PyObject *key = body->table[i].key;
        if (key != NULL && body->table[i].hash != -1 && mean_same(r, item, key)) {
            return 1;
        }
    }
    return 0;
}

static int
sets_mean_same(const rs_rewrite *r, PyObject *a, PyObject *b)
{
    const PySetObject *body = (const PySetObject *)a;
    if (PySet_GET_SIZE(a) != PySet_GET_SIZE(b)) {
        return 0;
    }
    for (Py_ssize_t i = 0; i <= body->mask; i++) {
        PyObject *key = body->table[i].key;
        if (key != NULL && body->table[i].hash != -1 && !is_member(r, key, b)) {
            return 0;
        }
    }
    return 1;
}

static int
tuples_mean_same(const rs_rewrite *r, PyObject *a, PyObject *b)
{
    Py_ssize_t n = PyTuple_GET_SIZE(a);
    if (n != PyTuple_GET_SIZE(b)) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        if (!mean_same(r, PyTuple_GET_ITEM(a, i), PyTuple_GET_ITEM(b, i))) {
            return 0;
        }
    }
    return 1;
}

/* WeakMethod makes a callback for each reference, and keeps the function apart. */
static int
methods_mean_same(PyObject *a, PyObject *b)
{
    PyObject *x = PyObject_GetAttrString(a, "_func_ref");
    PyObject *y = x != NULL ? PyObject_GetAttrString(b, "_func_ref") : NULL;
    int same = y != NULL && PyWeakref_Check(x) && PyWeakref_Check(y) &&
               rs_weakref_referent(x) == rs_weakref_referent(y);
    Py_XDECREF(x);
    Py_XDECREF(y);
    PyErr_Clear(); /* another subclass: not known to mean the same */
    return same;
}

static int
refs_mean_same(const rs_rewrite *r, PyObject *a, PyObject *b)
{
    PyObject *x = ((PyWeakReference *)a)->wr_callback;
    PyObject *y = ((PyWeakReference *)b)->wr_callback;
    PyObject *referent = rs_weakref_referent(a);
    if (referent == NULL || referent != rs_weakref_referent(b)) {
        return 0;
    }
    if (Py_TYPE(a) == r->st->weak_method_type) {
        return methods_mean_same(a, b);
    }
    return (PyWeakref_CheckRefExact(a) || PyWeakref_CheckProxy(a)) &&
           (x == y || (x != NULL && y != NULL && mean_same(r, x, y)));
}

static int
mean_same(const rs_rewrite *r, PyObject *a, PyObject *b)
{
    a = rs_mapped(r->map, a);
    b = rs_mapped(r->map, b);
    if (a == b) {
        return 1;
    }
    if (Py_TYPE(a) != Py_TYPE(b)) {
        return 0;
    }
    if (PyTuple_CheckExact(a)) {
        return tuples_mean_same(r, a, b);
    }
    if (PyFrozenSet_CheckExact(a)) {
        return sets_mean_same(r, a, b);
    }
    if (PyMethod_Check(a)) {
        return PyMethod_GET_SELF(a) == PyMethod_GET_SELF(b) &&
               PyMethod_GET_FUNCTION(a) == PyMethod_GET_FUNCTION(b);
    }
    if (PyWeakref_Check(a)) {
        return refs_mean_same(r, a, b);
    }
    return rs_is_atom(a) && rs_same_literal(a, b);
}

/* ---- finding them ---- */

static uint64_t
fold(uint64_t sum, uint64_t item)
{
    return (sum ^ item) * 0x9E3779B97F4A7C15ULL;
}

static uint64_t
fold_address(uint64_t sum, const void *op)
{
    return fold(sum, (uint64_t)(uintptr_t)op >> 4);
}

/* The same number for all that mean the same. */
static uint64_t
meaning(const rs_rewrite *r, PyObject *op)
{
    op = rs_mapped(r->map, op);
    uint64_t sum = fold_address(1, Py_TYPE(op));
    if (PyTuple_CheckExact(op)) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(op); i++) {
            sum = fold(sum, meaning(r, PyTuple_GET_ITEM(op, i)));
        }
        return sum;
    }
    if (PyFrozenSet_CheckExact(op)) {
        return fold(sum, (uint64_t)PySet_GET_SIZE(op));
    }
    if (PyMethod_Check(op)) {
        return fold_address(fold_address(sum, PyMethod_GET_SELF(op)),
                            PyMethod_GET_FUNCTION(op));
    }
    if (PyWeakref_Check(op)) {
        return fold_address(sum, rs_weakref_referent(op));
    }
    if (rs_is_atom(op)) {
        Py_hash_t hash = PyObject_Hash(op); /* an exact built-in's */
        PyErr_Clear();
        return fold(sum, (uint64_t)hash);
    }
    return fold_address(sum, op);
}

/* Items of a list by what they mean. */
typedef struct {
    const rs_rewrite *r;
    PyObject *list;
    Py_ssize_t *index; /* open addressing: number in `list` + 1, 0 is empty */
    size_t mask;
} known;

static int
open_known(known *k)
{
    size_t room = 8;
    while (room < (size_t)PyList_GET_SIZE(k->list) * 2) {
        room *= 2;
    }
    k->mask = room - 1;
    k->index = PyMem_Calloc(room, sizeof(*k->index));
    if (k->index == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* 1 if something that means the same as item `i` was added; else adds it. */
static int
find_or_add(const known *k, Py_ssize_t i)
{
    PyObject *item = PyList_GET_ITEM(k->list, i);
    size_t at = (size_t)meaning(k->r, item) & k->mask;
    while (k->index[at] != 0) {
        if (mean_same(k->r, PyList_GET_ITEM(k->list, k->index[at] - 1), item)) {
            return 1;
        }
        at = (at + 1) & k->mask;
    }
    k->index[at] = i + 1;
    return 0;
}

/* ---- which of them go? ---- */

/* Has a body made it? */
static int
is_made(const rs_rewrite *r, PyObject *item)
{
    return rs_idmap_has(r->map, item) ||
           (r->moved != NULL && rs_idmap_has(r->moved, item));
}

/* The program's own items stay whatever they are. */
int
rs_doubles_drop(const rs_rewrite *r, PyObject *list, PyObject **kept)
{
    known k = {r, list, NULL, 0};
    Py_ssize_t n = PyList_GET_SIZE(list);
    PyObject *stay = PyList_New(0);
    int result = -1;
    *kept = NULL;
    if (stay == NULL || open_known(&k) < 0) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        if (!is_made(r, PyList_GET_ITEM(list, i))) {
            find_or_add(&k, i);
        }
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PyList_GET_ITEM(list, i);
        if (is_made(r, item) && find_or_add(&k, i)) {
            continue;
        }
        if (PyList_Append(stay, rs_mapped(r->map, item)) < 0) {
            goto done;
        }
    }
    if (PyList_GET_SIZE(stay) != n) {
        *kept = Py_NewRef(stay);
    }
    result = 0;
done:
    PyMem_Free(k.index);
    Py_XDECREF(stay);
    return result;
}
