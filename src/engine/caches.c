#include "caches.h"

#include "heap.h"
#include "op.h"
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

/* ---- what functools.singledispatch has found ---- */

/* Dicts that changed and may be registries: those have `object` as a key. 0 or -1. */
static int
collect_registries(const rs_session *s, rs_idmap *registries)
{
    for (Py_ssize_t i = 0; i < s->journal.used; i++) {
        const rs_op *op = &s->journal.ops[i];
        int found;
        if ((op->kind != RS_OP_DICT && op->kind != RS_OP_BODY) || op->cache ||
            !PyDict_CheckExact(op->target) ||
            (op->kind == RS_OP_DICT && !PyType_Check(op->key))) {
            continue;
        }
        found = PyDict_Contains(op->target, (PyObject *)&PyBaseObject_Type);
        if (found < 0 ||
            (found && rs_idmap_set(registries, op->target, op->target) < 0)) {
            return -1;
        }
    }
    return 0;
}

/* Has the dispatcher found what the registry does not have? */
static int
is_stale(PyObject *registry, PyObject *data)
{
    PyObject *found, *known;
    Py_ssize_t pos = 0;
    int stale = 0;
    while (!stale && PyDict_Next(data, &pos, NULL, &found)) {
        Py_ssize_t at = 0;
        stale = 1;
        while (stale && PyDict_Next(registry, &at, NULL, &known)) {
            stale = known != found;
        }
    }
    return stale;
}

/* Appends what the dispatcher has found to `list`, if its registry is one of those, or,
 * without any, if it is stale. 0 or -1. */
static int
collect_found(const rs_state *st, PyObject *dispatcher, const rs_idmap *registries,
              PyObject **list)
{
    PyObject *registry = rs_singledispatch_part(dispatcher, st->names.registry), *data;
    int result = 0;
    if (registry == NULL || !PyDict_CheckExact(registry) ||
        (registries != NULL && !rs_idmap_has(registries, registry))) {
        return 0;
    }
    result = rs_dispatch_cache_data(st, dispatcher, &data);
    if (result == 1) {
        if (registries != NULL || is_stale(registry, data)) {
            *list = *list != NULL ? *list : PyList_New(0); /* mostly there are none */
            result = *list != NULL ? PyList_Append(*list, data) : -1;
        }
        Py_DECREF(data);
    }
    return result < 0 ? -1 : 0;
}

static int
collect_all_found(const rs_state *st, PyObject *namespace, int classes,
                  const rs_idmap *registries, PyObject **list)
{
    Py_ssize_t pos = 0;
    PyObject *value;
    int result = 0;
    while (result >= 0 && PyDict_Next(namespace, &pos, NULL, &value)) {
        PyObject *inside;
        result = rs_dispatcher_of(st, value, &inside);
        if (result == 1) {
            result = collect_found(st, inside, registries, list);
            Py_DECREF(inside);
        } else if (result == 0 && classes && PyType_Check(value)) {
            inside = PyType_GetDict(RS_TYPE(value));
            if (inside != NULL) {
                result = collect_all_found(st, inside, 0, registries, list);
                Py_DECREF(inside);
            }
        }
    }
    return result;
}

/* Dispatchers that modules and their classes have by a name forget what they found. 0 or
 * -1. */
static int
forget_found(const rs_state *st, const rs_idmap *registries)
{
    PyObject *modules = PyImport_GetModuleDict(), *module, *list = NULL;
    Py_ssize_t pos = 0;
    int result = 0;
    while (result == 0 && PyDict_Next(modules, &pos, NULL, &module)) {
        if (PyModule_Check(module)) {
            result = collect_all_found(st, PyModule_GetDict(module), 1, registries,
                                       &list);
        }
    }
    for (Py_ssize_t i = 0; list != NULL && i < PyList_GET_SIZE(list); i++) {
        PyDict_Clear(PyList_GET_ITEM(list, i));
    }
    Py_XDECREF(list);
    return result;
}

static int
forget_dispatched(const rs_session *s)
{
    rs_idmap registries = {0};
    int result = collect_registries(s, &registries);
    if (result == 0 && registries.used != 0) {
        result = forget_found(s->st, &registries);
    }
    rs_idmap_clear(&registries);
    return result;
}

int
rs_caches_forget_stale(const rs_session *s)
{
    return forget_found(s->st, NULL);
}

int
rs_caches_empty(rs_session *s)
{
    if (forget_dispatched(s) < 0) {
        return -1;
    }
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
