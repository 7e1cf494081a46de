#include "abandoned.h"

#include "holder.h"

/* A namespace that leads to more than this is kept for good: so are what it holds and the
 * generators. */
#define MAX_OBJECTS 20000

typedef struct {
    PyObject *space;
    rs_idmap inside; /* what `space` leads to, as far as that was looked at */
    int too_many;
} search;

/* ---- what is inside? ---- */

static int
is_made_in(PyObject *op, const PyObject *space)
{
    return PyFunction_Check(op) && PyFunction_GET_GLOBALS(op) == space;
}

/* A class with a method that was made there. */
static int
is_class_of(PyObject *op, const PyObject *space)
{
    PyObject *dict = PyType_GetDict(RS_TYPE(op)), *value;
    Py_ssize_t pos = 0;
    int found = 0;
    while (!found && dict != NULL && PyDict_Next(dict, &pos, NULL, &value)) {
        found = is_made_in(value, space);
    }
    Py_XDECREF(dict);
    return found;
}

/* Modules, and classes and functions of others, lead to the whole program. */
static int
is_outside(PyObject *op, const PyObject *space)
{
    if (!PyObject_IS_GC(op) || PyModule_Check(op) ||
        (PyDict_Check(op) && !PyDict_CheckExact(op))) {
        return 1;
    }
    if (PyFunction_Check(op)) {
        return !is_made_in(op, space);
    }
    return PyType_Check(op) && !is_class_of(op, space);
}

static int
add(PyObject *op, void *arg)
{
    search *found = arg;
    if (rs_idmap_has(&found->inside, op) || is_outside(op, found->space)) {
        return 0;
    }
    if (found->inside.used >= MAX_OBJECTS) {
        found->too_many = 1;
        return 0;
    }
    return rs_idmap_set(&found->inside, op, op);
}

static int
look_inside(search *found)
{
    if (add(found->space, found) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < found->inside.used; i++) {
        PyObject *op = found->inside.entries[i].key;
        if (Py_TYPE(op)->tp_traverse != NULL &&
            Py_TYPE(op)->tp_traverse(op, add, found) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- what of it can others reach? ---- */

typedef struct {
    const rs_idmap *inside;
    rs_idmap *reached;
} reach_arg;

static int
reach(PyObject *op, void *arg)
{
    reach_arg *r = arg;
    if (!rs_idmap_has(r->inside, op) || rs_idmap_has(r->reached, op)) {
        return 0;
    }
    return rs_idmap_set(r->reached, op, op);
}

/* As the collector does: what has more references than come from inside, and what that
 * leads to. */
static int
find_reached(const search *found, const rs_refcounts *counts, rs_idmap *reached)
{
    reach_arg r = {&found->inside, reached};
    rs_idmap held = {0};
    Py_ssize_t pos = 0;
    PyObject *op;
    int result = 0;
    for (Py_ssize_t i = 0; result == 0 && i < found->inside.used; i++) {
        op = found->inside.entries[i].key;
        if (Py_REFCNT(op) > counts->n[i] + 2) { /* found->inside */
            result = rs_idmap_set(&held, op, op);
        }
    }
    while (result == 0 && rs_idmap_next(&held, &pos, &op, NULL)) {
        result = reach(op, &r);
    }
    for (Py_ssize_t i = 0; result == 0 && i < reached->used; i++) {
        op = reached->entries[i].key;
        if (Py_TYPE(op)->tp_traverse != NULL) {
            result = Py_TYPE(op)->tp_traverse(op, reach, &r);
        }
    }
    rs_idmap_clear(&held);
    return result;
}

/* ---- closing ---- */

/* Of an async generator that is up to its event loop. */
static void
close_one(PyObject *generator)
{
    PyObject *done;
    if (PyAsyncGen_CheckExact(generator)) {
        return;
    }
    done = PyObject_CallMethod(generator, "close", NULL);
    if (done == NULL) {
        PyErr_WriteUnraisable(generator); /* as when it is deallocated */
    }
    Py_XDECREF(done);
}

int
rs_abandoned_close(PyObject *space, PyObject *borrowers, PyObject *const *known,
                   size_t n_known)
{
    search found = {space, {0}, 0};
    rs_refcounts counts = {NULL, NULL};
    rs_idmap reached = {0};
    int result = -1;
    if (look_inside(&found) < 0 || rs_refcounts_init(&counts, &found.inside) < 0) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < found.inside.used; i++) {
        rs_refcounts_add(&counts, found.inside.entries[i].key);
    }
    rs_refcounts_add(&counts, borrowers);
    for (size_t i = 0; i < n_known; i++) {
        if (known[i] != NULL) {
            rs_refcounts_add(&counts, known[i]);
        }
    }
    if (!found.too_many && find_reached(&found, &counts, &reached) < 0) {
        goto done;
    }
    for (Py_ssize_t i = 0; !found.too_many && i < PyList_GET_SIZE(borrowers); i++) {
        PyObject *generator = PyList_GET_ITEM(borrowers, i);
        if (rs_idmap_has(&found.inside, generator) &&
            !rs_idmap_has(&reached, generator)) {
            close_one(generator);
        }
    }
    result = 0;
done:
    rs_refcounts_clear(&counts);
    rs_idmap_clear(&reached);
    rs_idmap_clear(&found.inside);
    return result;
}
