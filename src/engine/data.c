#include "data.h"

#include <string.h>

#include "body.h"
#include "foreign.h"
#include "importers.h"
#include "lines.h"
#include "same.h"
#include "selectjudge.h"
#include "unlisted.h"
#include "wrappers.h"

/* How deep containers that stay are compared with the ones that were made again. */
#define MAX_NESTING 8

/* ---- what was made by this update? ---- */

int
rs_data_is_new(const rs_session *s, PyObject *op)
{
    return rs_idmap_has(&s->young, op);
}

/* ---- kinds ---- */

static int
is_type_alias(PyObject *value)
{
    return strcmp(Py_TYPE(value)->tp_name, "typing.TypeAliasType") == 0;
}

static int
is_container(const rs_state *st, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    return type == &PyDict_Type || type == &PyList_Type || type == &PySet_Type ||
           type == &PyByteArray_Type || type == st->deque_type;
}

/* Descriptors say what an attribute of an instance means; other values are data. */
static int
is_descriptor(PyObject *value)
{
    return Py_TYPE(value)->tp_descr_get != NULL || Py_TYPE(value)->tp_descr_set != NULL;
}

int
rs_stands_for_code(const rs_session *s, const rs_scope *scope, PyObject *qualname,
                   PyObject *live)
{
    return PyFunction_Check(live) || PyType_Check(live) || PyModule_Check(live) ||
           PyCFunction_Check(live) || rs_is_wrapper(s->st, live) ||
           (scope->live_type != NULL && is_descriptor(live)) ||
           rs_find_definition(live, scope->unit->live, qualname) != NULL;
}

/* A lambda that stands in the body itself. */
static int
is_made_by_body(PyObject *body, PyObject *live)
{
    for (Py_ssize_t i = 0;
         PyFunction_Check(live) && i < PyTuple_GET_SIZE(RS_CODE(body)->co_consts);
         i++) {
        PyObject *code = PyTuple_GET_ITEM(RS_CODE(body)->co_consts, i);
        if (PyCode_Check(code) &&
            rs_same_code(code, RS_FUNCTION(live)->func_code) == RS_CODE_SAME) {
            return 1;
        }
    }
    return 0;
}

int
rs_came_from_source(rs_session *s, const rs_scope *scope, PyObject *name,
                    PyObject *qualname, PyObject *live)
{
    PyObject *old_body;
    if (!rs_stands_for_code(s, scope, qualname, live)) {
        return 0;
    }
    old_body = rs_body_of(scope->unit->known_code, scope->prefix);
    if (old_body == NULL) { /* not known: only what is defined right there */
        return (PyType_Check(live) && rs_class_made_by(s, live, scope->unit->name) &&
                rs_same_text(RS_HEAPTYPE(live)->ht_qualname, qualname)) ||
               rs_find_definition(live, scope->unit->live, qualname) != NULL;
    }
    if (rs_body_defines(old_body, qualname) || is_made_by_body(old_body, live)) {
        return 1;
    }
    return rs_body_imports(s, old_body, name);
}

/* A function or class of the module under a second name. */
static int
is_alias(PyObject *value, PyObject *qualname)
{
    PyObject *own = NULL;
    if (PyFunction_Check(value)) {
        own = RS_FUNCTION(value)->func_qualname;
    } else if (PyType_Check(value)) {
        own = RS_HEAPTYPE(value)->ht_qualname;
    }
    return own != NULL && !rs_same_text(own, qualname) &&
           PyUnicode_FindChar(own, '<', 0, PyUnicode_GET_LENGTH(own), 1) < 0;
}

int
rs_kind_of(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *qualname,
           PyObject *donor)
{
    PyObject *live = rs_session_live(s, donor);
    int young = rs_idmap_has(&s->young, donor);
    if (PyModule_Check(live)) {
        return RS_KIND_BINDING;
    }
    if (PyFunction_Check(donor) || PyType_Check(donor) || PyCFunction_Check(donor)) {
        return young && !is_alias(donor, qualname) ? RS_KIND_DEFINITION
                                                   : RS_KIND_BINDING;
    }
    if (rs_is_wrapper(s->st, donor) || is_type_alias(donor) ||
        (scope->live_type != NULL && is_descriptor(donor)) ||
        rs_find_definition(donor, scope->unit->scratch, qualname) != NULL) {
        return young ? RS_KIND_DEFINITION : RS_KIND_BINDING;
    }
    if (scope->live_type == NULL) {
        int binds = rs_importers_binds(s, scope->unit, name);
        if (binds != 0) {
            return binds < 0 ? -1 : RS_KIND_BINDING;
        }
    }
    return RS_KIND_DATA;
}

/* ---- policy ---- */

/* 1 if `names` (a set, list or tuple of the exact types) holds `name`. */
static int
names_hold(PyObject *names, PyObject *name)
{
    if (PyAnySet_CheckExact(names)) {
        return PySet_Contains(names, name);
    }
    if (PyList_CheckExact(names) || PyTuple_CheckExact(names)) {
        PyObject **items = PySequence_Fast_ITEMS(names);
        for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(names); i++) {
            if (rs_same_text(items[i], name)) {
                return 1;
            }
        }
        return 0;
    }
    return rs_same_text(names, name);
}

static int
named_in_full(PyObject *set, const rs_scope *scope, PyObject *qualname)
{
    int found;
    PyObject *full;
    if (set == NULL || PySet_GET_SIZE(set) == 0) {
        return 0;
    }
    full = PyUnicode_FromFormat("%U.%U", scope->unit->name, qualname);
    found = full != NULL ? PySet_Contains(set, full) : -1;
    Py_XDECREF(full);
    return found;
}

/* 1: takes the new value, 0: keeps the live one, -1. */
static int
policy_takes(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *qualname)
{
    PyObject *all = PyDict_GetItemWithError(scope->donor,
                                            s->st->names._reload_all_data);
    PyObject *some = PyDict_GetItemWithError(scope->donor, s->st->names._reload_data);
    int takes = named_in_full(s->take, scope, qualname);
    rs_verdict verdict;
    if (rs_select_judge_name(s, scope->unit, qualname) < 0) {
        return -1;
    }
    verdict = rs_select_verdict(scope->unit, qualname);
    if (takes != 0) {
        return takes;
    }
    if (scope->unit->parts) { /* what runs was decided before */
        return verdict != RS_VERDICT_KEEP && verdict != RS_VERDICT_SAME;
    }
    if (all == Py_True) {
        return 1;
    }
    if (some != NULL) {
        return names_hold(some, name);
    }
    if (all != NULL) {
        return 0; /* the scope speaks for itself: nothing is named */
    }
    if (scope->live_type == NULL && name == s->st->names.__all__) {
        return 1;
    }
    return scope->unit->policy == RS_POLICY_MERGE
               ? verdict == RS_VERDICT_TAKE
               : scope->unit->policy == RS_POLICY_TAKE;
}

int
rs_data_decide(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *qualname,
               PyObject *live, PyObject *donor)
{
    int takes;
    if (live == donor || (rs_is_atom(donor) && rs_same_literal(live, donor))) {
        return RS_DATA_SAME;
    }
    takes = policy_takes(s, scope, name, qualname);
    if (takes <= 0) {
        return takes < 0 ? -1 : RS_DATA_KEEP;
    }
    if (Py_TYPE(live) == Py_TYPE(donor) && rs_data_is_new(s, donor) &&
        is_container(s->st, donor)) {
        return RS_DATA_BODY;
    }
    return RS_DATA_REBIND;
}

/* ---- one object ---- */

static int map_kept(rs_session *s, PyObject *live, PyObject *donor, int depth);

static int
map_nested(rs_session *s, PyObject *live, PyObject *donor, int depth)
{
    if (PyDict_CheckExact(donor)) {
        Py_ssize_t pos = 0;
        PyObject *key, *value;
        while (PyDict_Next(donor, &pos, &key, &value)) {
            PyObject *old = PyUnicode_CheckExact(key) || PyLong_CheckExact(key)
                                ? PyDict_GetItemWithError(live, key)
                                : NULL;
            if (old != NULL && map_kept(s, old, value, depth + 1) < 0) {
                return -1;
            }
        }
    } else if (PyList_CheckExact(donor) &&
               PyList_GET_SIZE(donor) == PyList_GET_SIZE(live)) {
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(donor); i++) {
            if (map_kept(s, PyList_GET_ITEM(live, i), PyList_GET_ITEM(donor, i),
                         depth + 1) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* `live` stays and `donor` was made again: what holds the second one means the first. */
static int
map_kept(rs_session *s, PyObject *live, PyObject *donor, int depth)
{
    PyObject *type = rs_session_live(s, (PyObject *)Py_TYPE(donor));
    if (live == donor || rs_is_atom(donor) || depth > MAX_NESTING ||
        type != (PyObject *)Py_TYPE(live) || rs_idmap_has(&s->map, donor) ||
        !rs_data_is_new(s, donor) || PyType_Check(donor) || PyFunction_Check(donor)) {
        return 0;
    }
    if (rs_idmap_set(&s->map, donor, live) < 0) {
        return -1;
    }
    return map_nested(s, live, donor, depth);
}

/* Containers at the same path keep their identity when their contents are taken. */
static int
map_taken(rs_session *s, PyObject *live, PyObject *donor, int depth)
{
    Py_ssize_t pos = 0;
    PyObject *key, *value;
    const char *why;
    if (live == donor || depth > MAX_NESTING || rs_idmap_has(&s->map, donor) ||
        Py_TYPE(live) != Py_TYPE(donor) || !rs_data_is_new(s, donor) ||
        !is_container(s->st, donor) || !rs_body_can_take(live, donor, &why)) {
        return 0;
    }
    if (rs_idmap_set(&s->map, donor, live) < 0 ||
        rs_idmap_set(&s->bodies, live, donor) < 0) {
        return -1;
    }
    while (PyDict_CheckExact(donor) && PyDict_Next(donor, &pos, &key, &value)) {
        PyObject *old = PyUnicode_CheckExact(key) || PyLong_CheckExact(key)
                            ? PyDict_GetItemWithError(live, key)
                            : NULL;
        if (old != NULL && map_taken(s, old, value, depth + 1) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
map_name(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *donor)
{
    int result = 0;
    PyObject *live = PyDict_GetItemWithError(scope->live, name);
    PyObject *qualname;
    if (live == NULL || live == donor || rs_idmap_has(&s->map, donor)) {
        return 0;
    }
    qualname = rs_scope_qualname(scope, name);
    if (qualname == NULL) {
        return -1;
    }
    result = rs_kind_of(s, scope, name, qualname, donor);
    if (result == RS_KIND_DATA) {
        int code = rs_came_from_source(s, scope, name, qualname, live);
        result = code != 0 ? (code < 0 ? -1 : RS_KIND_DEFINITION) : RS_KIND_DATA;
    }
    if (result == RS_KIND_DATA) {
        result = rs_data_decide(s, scope, name, qualname, live, donor);
        if (result == RS_DATA_KEEP) {
            result = map_kept(s, live, donor, 0);
        } else if (result == RS_DATA_BODY) {
            result = map_taken(s, live, donor, 0);
        }
    }
    Py_DECREF(qualname);
    return result < 0 ? -1 : 0;
}

/* Over a copy: sources of importers are read meanwhile, and a thread that the body
 * started may add names. */
static int
map_scope(rs_session *s, const rs_scope *scope)
{
    int result = 0;
    Py_ssize_t pos = 0;
    PyObject *name, *donor;
    PyObject *names = PyDict_Copy(scope->donor);
    if (names == NULL) {
        return -1;
    }
    while (result == 0 && PyDict_Next(names, &pos, &name, &donor)) {
        if (PyUnicode_CheckExact(name) && !rs_scope_is_special(scope, name)) {
            result = map_name(s, scope, name, donor);
        }
    }
    Py_DECREF(names);
    return result;
}

int
rs_data_map(rs_session *s)
{
    if (rs_unlisted_add(s) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        rs_scope scope = rs_scope_of_unit(&s->units[i]);
        if (map_scope(s, &scope) < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        rs_unit *u = &s->units[i];
        for (Py_ssize_t k = 0; u->parts && k < u->selection->n_shells; k++) {
            rs_scope scope = rs_scope_of_shell(u, &u->selection->shells[k]);
            if (scope.donor != NULL && map_scope(s, &scope) < 0) {
                return -1;
            }
        }
    }
    for (Py_ssize_t i = 0; i < s->n_pairs; i++) {
        if (s->pairs[i].kind == RS_PAIR_CLASS) {
            rs_scope scope = rs_scope_of_class(s->pairs[i].unit, s->pairs[i].live,
                                               s->pairs[i].donor);
            if (map_scope(s, &scope) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

int
rs_data_plan_bodies(rs_session *s)
{
    Py_ssize_t pos = 0;
    PyObject *live, *donor;
    while (rs_idmap_next(&s->bodies, &pos, &live, &donor)) {
        if (rs_plan_body(&s->journal, live, donor) < 0) {
            return -1;
        }
    }
    return 0;
}
