#include "snapshot.h"

#include <string.h>

#include "attribute.h"
#include "heap.h"
#include "idmap.h"

/* A new list of what the container holds, by the iterator of its built-in base. */
static PyObject *
list_items(rs_snapshot_kind kind, rs_state *st, PyObject *object)
{
    PyTypeObject *base = kind == RS_SNAPSHOT_SET ? &PySet_Type : st->deque_type;
    PyObject *item, *iterator, *items;
    if (kind == RS_SNAPSHOT_LIST) {
        return PyList_GetSlice(object, 0, PY_SSIZE_T_MAX);
    }
    iterator = base->tp_iter(object);
    items = iterator != NULL ? PyList_New(0) : NULL;
    while (items != NULL && (item = Py_TYPE(iterator)->tp_iternext(iterator)) != NULL) {
        if (PyList_Append(items, item) < 0) {
            Py_CLEAR(items);
        }
        Py_DECREF(item);
    }
    if (items != NULL && PyErr_Occurred() &&
        !PyErr_ExceptionMatches(PyExc_StopIteration)) {
        Py_CLEAR(items);
    } else if (items != NULL) {
        PyErr_Clear();
    }
    Py_XDECREF(iterator);
    return items;
}

static PyObject *
call_base(PyTypeObject *base, const char *method, PyObject *object, PyObject *arg)
{
    return PyObject_CallMethod((PyObject *)base, method, arg != NULL ? "OO" : "O",
                               object, arg);
}

int
rs_snapshot_take(rs_snapshot *snap, rs_state *st, PyObject *object, Py_ssize_t *size)
{
    memset(snap, 0, sizeof(*snap));
    if (PyList_Check(object)) {
        snap->kind = RS_SNAPSHOT_LIST;
        snap->held = list_items(snap->kind, st, object);
    } else if (PySet_Check(object)) {
        /* From a set, an empty one takes stored hashes and compares nothing. */
        snap->kind = RS_SNAPSHOT_SET;
        snap->held = PySet_New(NULL);
        if (snap->held != NULL) {
            PyObject *nothing = call_base(&PySet_Type, "update", snap->held, object);
            if (nothing == NULL) {
                Py_CLEAR(snap->held);
            }
            Py_XDECREF(nothing);
        }
    } else if (PyObject_TypeCheck(object, st->deque_type)) {
        snap->kind = RS_SNAPSHOT_DEQUE;
        snap->held = list_items(snap->kind, st, object);
    } else if (PyByteArray_Check(object)) {
        snap->kind = RS_SNAPSHOT_BYTES;
        snap->held = PyBytes_FromStringAndSize(PyByteArray_AS_STRING(object),
                                               PyByteArray_GET_SIZE(object));
    } else {
        return 0;
    }
    if (snap->held == NULL) {
        return -1;
    }
    *size = PySet_Check(snap->held) ? PySet_GET_SIZE(snap->held) : Py_SIZE(snap->held);
    snap->object = Py_NewRef(object);
    return 1;
}

int
rs_snapshot_take_attribute(rs_snapshot *snap, PyObject *object, PyObject *name)
{
    int result;
    memset(snap, 0, sizeof(*snap));
    snap->kind = RS_SNAPSHOT_ATTRIBUTE;
    result = rs_attribute_read(object, name, &snap->held);
    if (result == 1) {
        snap->object = Py_NewRef(object);
        snap->name = Py_NewRef(name);
    }
    return result;
}

static int
remember_after(rs_snapshot *snap, PyObject *items)
{
    Py_ssize_t count = items != NULL ? PyList_GET_SIZE(items) : 0;
    snap->after = PyMem_New(const void *, (size_t)count + 1);
    if (snap->after == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        snap->after[i] = PyList_GET_ITEM(items, i);
    }
    snap->n_after = count;
    return 0;
}

static int
is_still_after(const rs_snapshot *snap, PyObject *items)
{
    if (PyList_GET_SIZE(items) != snap->n_after) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < snap->n_after; i++) {
        if (PyList_GET_ITEM(items, i) != snap->after[i]) {
            return 0;
        }
    }
    return 1;
}

/* Fills `map` with the elements of a list or set, each mapped to itself. */
static int
map_elements(rs_idmap *map, PyObject *elements)
{
    int result = 0;
    PyObject *items = PySequence_List(elements); /* exact list or set: no user code */
    if (items == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(items); i++) {
        PyObject *item = PyList_GET_ITEM(items, i);
        result = rs_idmap_set(map, item, item);
    }
    Py_DECREF(items);
    return result;
}

/* 1 if `items` are what was held: for a set in any order. */
static int
are_as_held(const rs_snapshot *snap, PyObject *items)
{
    int same = 1;
    rs_idmap held = {0};
    Py_ssize_t count = PyList_GET_SIZE(items);
    if (snap->kind != RS_SNAPSHOT_SET) {
        same = count == PyList_GET_SIZE(snap->held);
        for (Py_ssize_t i = 0; same && i < count; i++) {
            same = PyList_GET_ITEM(items, i) == PyList_GET_ITEM(snap->held, i);
        }
        return same;
    }
    if (count != PySet_GET_SIZE(snap->held)) {
        return 0;
    }
    if (map_elements(&held, snap->held) < 0) {
        same = -1;
    }
    for (Py_ssize_t i = 0; same == 1 && i < count; i++) {
        same = rs_idmap_has(&held, PyList_GET_ITEM(items, i));
    }
    rs_idmap_clear(&held);
    return same;
}

static int
compare_attribute(rs_snapshot *snap)
{
    PyObject *value;
    int result = rs_attribute_read(snap->object, snap->name, &value);
    if (result == 1) {
        result = value != snap->held;
        if (result == 1) {
            result = remember_after(snap, NULL) < 0 ? -1 : 1;
            if (result == 1) {
                snap->after[0] = value;
            }
        }
        Py_XDECREF(value);
    }
    return result;
}

static int
are_bytes_as_held(const rs_snapshot *snap)
{
    Py_ssize_t size = PyByteArray_GET_SIZE(snap->object);
    return size == PyBytes_GET_SIZE(snap->held) &&
           memcmp(PyByteArray_AS_STRING(snap->object), PyBytes_AS_STRING(snap->held),
                  (size_t)size) == 0;
}

rs_mark
rs_snapshot_mark(const rs_snapshot *snap)
{
    rs_mark mark = {Py_SIZE(snap->object), 0, NULL, NULL};
    if (snap->kind == RS_SNAPSHOT_LIST && mark.size > 0) {
        mark.first = PyList_GET_ITEM(snap->object, 0);
        mark.last = PyList_GET_ITEM(snap->object, mark.size - 1);
    } else if (snap->kind == RS_SNAPSHOT_SET) {
        const PySetObject *set = (PySetObject *)snap->object;
        mark.size = set->used;
        mark.filled = set->fill;
        mark.first = set->table;
    } else if (snap->kind == RS_SNAPSHOT_BYTES && mark.size > 0) {
        const char *text = PyByteArray_AS_STRING(snap->object);
        mark.filled = (unsigned char)text[0] * 256 + (unsigned char)text[mark.size - 1];
    }
    return mark;
}

int
rs_snapshot_compare(rs_snapshot *snap, rs_state *st)
{
    int same;
    PyObject *items;
    if (snap->kind == RS_SNAPSHOT_ATTRIBUTE) {
        return compare_attribute(snap);
    }
    if (snap->kind == RS_SNAPSHOT_BYTES) {
        return !are_bytes_as_held(snap);
    }
    items = list_items(snap->kind, st, snap->object);
    if (items == NULL) {
        return -1;
    }
    same = are_as_held(snap, items);
    if (same == 0 && remember_after(snap, items) < 0) {
        same = -1;
    }
    Py_DECREF(items);
    return same < 0 ? -1 : !same;
}

Py_ssize_t
rs_snapshot_added(const rs_snapshot *snap, PyObject *op)
{
    Py_ssize_t count = 0;
    if (snap->kind == RS_SNAPSHOT_ATTRIBUTE) {
        return (snap->after[0] == op) - (snap->held == op);
    }
    if (snap->kind == RS_SNAPSHOT_BYTES) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < snap->n_after; i++) {
        count += snap->after[i] == op;
    }
    return count - rs_heap_count(snap->held, op);
}

/* Puts the elements of `items` (for a set: a set) into the container instead of its own.
 * No Python code runs in between: the caller holds what is there now. */
static int
replace_items(const rs_snapshot *snap, rs_state *st, PyObject *items)
{
    PyTypeObject *base = snap->kind == RS_SNAPSHOT_SET ? &PySet_Type : st->deque_type;
    PyObject *nothing;
    if (snap->kind == RS_SNAPSHOT_LIST) {
        return PyList_SetSlice(snap->object, 0, PY_SSIZE_T_MAX, items);
    }
    nothing = call_base(base, "clear", snap->object, NULL);
    if (nothing != NULL) {
        Py_SETREF(nothing,
                  call_base(base, snap->kind == RS_SNAPSHOT_SET ? "update" : "extend",
                            snap->object, items));
    }
    Py_XDECREF(nothing);
    return nothing != NULL ? 0 : -1;
}

/* How sure `made` must be before something is removed. Where that explains all that is new
 * and nothing is missing, a constant of the new source is enough; in a deque, through
 * which threads hand each other work, not any constant. */
static rs_made
threshold(const rs_snapshot *snap, const rs_idmap *held, PyObject *items,
          rs_made_test made, void *arg)
{
    rs_made enough = snap->kind == RS_SNAPSHOT_DEQUE ? RS_MADE_PERHAPS : RS_MADE_HARDLY;
    Py_ssize_t kept = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items); i++) {
        PyObject *item = PyList_GET_ITEM(items, i);
        if (rs_idmap_has(held, item)) {
            kept++;
        } else if (made(item, arg) < enough) {
            return RS_MADE;
        }
    }
    return kept >= held->used ? enough : RS_MADE;
}

/* Removes from list or deque what was made since; 1 if nothing else differs from what was
 * held. */
static int
remove_made(const rs_snapshot *snap, rs_state *st, PyObject *items, rs_made_test made,
            void *arg)
{
    int result = -1;
    rs_made enough;
    rs_idmap held = {0};
    PyObject *kept = PyList_New(0);
    if (kept == NULL || map_elements(&held, snap->held) < 0) {
        goto done;
    }
    enough = threshold(snap, &held, items, made, arg);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items); i++) {
        PyObject *item = PyList_GET_ITEM(items, i);
        if (!rs_idmap_has(&held, item) && made(item, arg) >= enough) {
            continue;
        }
        if (PyList_Append(kept, item) < 0) {
            goto done;
        }
    }
    if (PyList_GET_SIZE(kept) != PyList_GET_SIZE(items) &&
        replace_items(snap, st, kept) < 0) {
        goto done;
    }
    result = are_as_held(snap, kept);
done:
    rs_idmap_clear(&held);
    Py_XDECREF(kept);
    return result;
}

static int
discard_made(const rs_snapshot *snap, PyObject *items, rs_made_test made, void *arg)
{
    int result = -1;
    rs_made enough;
    rs_idmap held = {0};
    if (map_elements(&held, snap->held) < 0) {
        goto done;
    }
    enough = threshold(snap, &held, items, made, arg);
    result = 1;
    for (Py_ssize_t i = 0; result >= 0 && i < PyList_GET_SIZE(items); i++) {
        PyObject *item = PyList_GET_ITEM(items, i);
        if (rs_idmap_has(&held, item)) {
            continue;
        }
        if (made(item, arg) < enough) {
            result = 0;
        } else if (PySet_Discard(snap->object, item) < 0) {
            result = -1;
        }
    }
    if (result == 1 && PySet_GET_SIZE(snap->object) != PySet_GET_SIZE(snap->held)) {
        result = 0; /* others have removed something */
    }
done:
    rs_idmap_clear(&held);
    return result;
}

static int
restore_attribute(const rs_snapshot *snap, rs_made_test made, void *arg)
{
    PyObject *value;
    int result = rs_attribute_read(snap->object, snap->name, &value);
    if (result != 1) {
        return result;
    }
    if (value == snap->held) {
        result = 1;
    } else if (value != snap->after[0] ||
               (made != NULL && (value == NULL || made(value, arg) == RS_MADE_NOT))) {
        result = 0;
    } else if (rs_attribute_write(snap->object, snap->name, snap->held) < 0) {
        result = -1;
    }
    Py_XDECREF(value);
    return result;
}

static int
restore_bytes(const rs_snapshot *snap, rs_made_test made)
{
    Py_ssize_t size = PyBytes_GET_SIZE(snap->held);
    if (made != NULL || (PyByteArray_GET_SIZE(snap->object) != size &&
                         PyByteArray_Resize(snap->object, size) < 0)) {
        PyErr_Clear(); /* exported: can't be resized */
        return 0;
    }
    memcpy(PyByteArray_AS_STRING(snap->object), PyBytes_AS_STRING(snap->held),
           (size_t)size);
    return 1;
}

int
rs_snapshot_restore(rs_snapshot *snap, rs_state *st, rs_made_test made, void *arg)
{
    int result;
    PyObject *items;
    if (snap->kind == RS_SNAPSHOT_ATTRIBUTE) {
        return restore_attribute(snap, made, arg);
    }
    if (snap->kind == RS_SNAPSHOT_BYTES) {
        return restore_bytes(snap, made);
    }
    items = list_items(snap->kind, st, snap->object);
    if (items == NULL) {
        return -1;
    }
    if (!is_still_after(snap, items)) {
        result = 0; /* somebody has changed it since the bodies have run */
    } else if (made == NULL) {
        result = replace_items(snap, st, snap->held) < 0 ? -1 : 1;
    } else if (snap->kind == RS_SNAPSHOT_SET) {
        result = discard_made(snap, items, made, arg);
    } else {
        result = remove_made(snap, st, items, made, arg);
    }
    Py_DECREF(items);
    return result;
}

void
rs_snapshot_clear(rs_snapshot *snap)
{
    PyMem_Free(snap->after);
    snap->after = NULL;
    Py_CLEAR(snap->object);
    Py_CLEAR(snap->name);
    Py_CLEAR(snap->held);
}
