#include "gcwatch.h"

#include <stdlib.h>

/* How often the collector has run, all generations together; -1 with an exception. */
static Py_ssize_t
count_collections(const rs_gcwatch *w)
{
    PyObject *stats = PyObject_CallNoArgs(w->get_stats);
    Py_ssize_t sum = 0;
    if (stats == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; PyList_Check(stats) && i < PyList_GET_SIZE(stats); i++) {
        PyObject *n = PyDict_GetItemString(PyList_GET_ITEM(stats, i), "collections");
        sum += n != NULL ? PyLong_AsSsize_t(n) : 0;
    }
    Py_DECREF(stats);
    return PyErr_Occurred() ? -1 : sum;
}

/* ---- start: note addresses ---- */

typedef struct {
    rs_gcwatch *w;
    Py_ssize_t room;
    int inside;
} note_arg;

static int
note_address(PyObject *op, void *arg)
{
    note_arg *note = arg;
    rs_gcwatch *w = note->w;
    if (!note->inside) {
        note->inside = op == w->a;
        return 1;
    }
    if (w->n_addresses == note->room) {
        Py_ssize_t room = note->room != 0 ? note->room * 2 : 1024;
        const void **more = PyMem_RawRealloc(w->addresses,
                                             (size_t)room * sizeof(*more));
        if (more == NULL) {
            w->failed = 1;
            return 0;
        }
        w->addresses = more;
        note->room = room;
    }
    w->addresses[w->n_addresses++] = op;
    return 1;
}

/* Everything after the marker is noted, up to the oldest objects: there is no second
 * marker, since objects made by other callbacks must not be missed. Older generations come
 * later, so this stops where the youngest one ends: at `end`, made a moment ago. */
typedef struct {
    note_arg note;
    PyObject *end;
} start_arg;

static int
note_until_end(PyObject *op, void *arg)
{
    start_arg *start = arg;
    return op != start->end && note_address(op, &start->note);
}

static int
by_address(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    return (x > y) - (x < y);
}

static void
collection_starts(rs_gcwatch *w)
{
    start_arg start = {{w, 0, 0}, PyList_New(0)};
    w->seen++;
    if (start.end == NULL) {
        PyErr_Clear();
        w->failed = 1;
        return;
    }
    PyMem_RawFree(w->addresses);
    w->addresses = NULL;
    w->n_addresses = 0;
    PyUnstable_GC_VisitObjects(note_until_end, &start);
    Py_DECREF(start.end);
    if (w->n_addresses > 0) {
        qsort(w->addresses, (size_t)w->n_addresses, sizeof(*w->addresses), by_address);
    }
}

/* ---- stop: who is still there? ---- */

static int
was_young(const rs_gcwatch *w, const void *op)
{
    return w->n_addresses > 0 && bsearch(&op, w->addresses, (size_t)w->n_addresses,
                                         sizeof(*w->addresses), by_address) != NULL;
}

static int
keep(rs_gcwatch *w, PyObject *op)
{
    if (rs_idmap_set(&w->survivors, op, op) < 0) {
        PyErr_Clear();
        w->failed = 1;
        return -1;
    }
    return 0;
}

/* An address that belongs to another object by now belongs to a younger one. */
static int
keep_survivor(PyObject *op, void *arg)
{
    rs_gcwatch *w = arg;
    return PyTuple_CheckExact(op) || !was_young(w, op) || keep(w, op) == 0;
}

static int
keep_tuple(PyObject *op, void *arg)
{
    rs_gcwatch *w = arg;
    if (PyTuple_CheckExact(op) && was_young(w, op) &&
        !rs_idmap_has(&w->survivors, op)) {
        return keep(w, op);
    }
    return 0;
}

static void
collection_stops(rs_gcwatch *w)
{
    Py_ssize_t pos = 0;
    PyObject *op;
    PyUnstable_GC_VisitObjects(keep_survivor, w);
    while (rs_idmap_next(&w->survivors, &pos, &op, NULL)) {
        if (Py_TYPE(op)->tp_traverse != NULL) {
            Py_TYPE(op)->tp_traverse(op, keep_tuple, w);
        }
    }
    PyMem_RawFree(w->addresses);
    w->addresses = NULL;
    w->n_addresses = 0;
    /* back to the end of the youngest generation */
    PyObject_GC_UnTrack(w->a);
    PyObject_GC_Track(w->a);
}

void
rs_gcwatch_called(rs_gcwatch *w, PyObject *phase)
{
    if (w->a == NULL || !PyUnicode_Check(phase)) {
        return;
    }
    if (PyUnicode_CompareWithASCIIString(phase, "start") == 0) {
        collection_starts(w);
    } else {
        collection_stops(w);
    }
}

int
rs_gcwatch_unseen(const rs_gcwatch *w)
{
    Py_ssize_t now = count_collections(w);
    if (now < 0) {
        return -1;
    }
#ifdef RS_WITHOUT_CURE_19
    return 0;
#else
    return w->failed || now - w->before != w->seen;
#endif
}

/* ---- begin and end ---- */

int
rs_gcwatch_begin(rs_gcwatch *w, PyObject *self, PyObject *gc, PyMethodDef *callback)
{
    w->callbacks = PyObject_GetAttrString(gc, "callbacks");
    w->get_stats = PyObject_GetAttrString(gc, "get_stats");
    w->callback = PyCFunction_New(callback, self);
    if (w->callbacks == NULL || w->get_stats == NULL || w->callback == NULL) {
        return -1;
    }
    w->before = count_collections(w);
    if (w->before < 0) {
        return -1;
    }
#ifndef RS_WITHOUT_CURE_19
    if (PyList_Check(w->callbacks) && PyList_Append(w->callbacks, w->callback) < 0) {
        return -1;
    }
#endif
    w->a = PyList_New(0);
    return w->a != NULL ? 0 : -1;
}

static void
remove_callback(const rs_gcwatch *w)
{
    if (w->callbacks == NULL || !PyList_Check(w->callbacks)) {
        return;
    }
    for (Py_ssize_t i = PyList_GET_SIZE(w->callbacks) - 1; i >= 0; i--) {
        if (PyList_GET_ITEM(w->callbacks, i) == w->callback &&
            PySequence_DelItem(w->callbacks, i) < 0) {
            PyErr_WriteUnraisable(w->callback);
        }
    }
}

void
rs_gcwatch_end(rs_gcwatch *w)
{
    PyObject *pending = PyErr_GetRaisedException();
    remove_callback(w);
    Py_CLEAR(w->callbacks);
    Py_CLEAR(w->callback);
    Py_CLEAR(w->get_stats);
    Py_CLEAR(w->a);
    rs_idmap_clear(&w->survivors);
    PyMem_RawFree(w->addresses);
    w->addresses = NULL;
    w->n_addresses = 0;
    PyErr_SetRaisedException(pending);
}
