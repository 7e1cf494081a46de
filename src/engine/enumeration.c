#include "enumeration.h"

#include "same.h"

/* Own tables of an enumeration: exchanged, never copied. */
static const char *const table_names[] = {
    "_member_map_",      "_member_names_",      "_value2member_map_",
    "_hashable_values_", "_unhashable_values_", "_unhashable_values_map_"};
#define N_TABLES (sizeof(table_names) / sizeof(table_names[0]))

/* The member map of a class that is an enumeration (borrowed), or NULL. */
static PyObject *
member_map(const rs_session *s, PyTypeObject *type)
{
    PyObject *map = rs_class_get(type, s->st->names._member_map_);
    return map != NULL && PyDict_CheckExact(map) ? map : NULL;
}

/* A member's own namespace: new reference, or NULL with an exception if it has none. */
static PyObject *
member_dict(PyObject *member)
{
    return PyObject_GenericGetDict(member, NULL);
}

static PyObject *
member_value(const rs_session *s, PyObject *member, PyObject *name)
{
    PyObject *value = NULL;
    PyObject *dict = member_dict(member);
    (void)s;
    if (dict != NULL) {
        value = Py_XNewRef(PyDict_GetItemWithError(dict, name));
        Py_DECREF(dict);
    }
    return value;
}

/* 1 if `name` is the member's own name, 0 if it is an alias, -1. */
static int
is_canonical(const rs_session *s, PyObject *member, PyObject *name)
{
    PyObject *own = member_value(s, member, s->st->names._name_);
    int same = rs_same_text(own, name);
    Py_XDECREF(own);
    return own == NULL && PyErr_Occurred() ? -1 : same;
}

static int
map_members(rs_session *s, PyObject *live_map, PyObject *donor_map)
{
    Py_ssize_t pos = 0;
    PyObject *name, *donor;
    while (PyDict_Next(donor_map, &pos, &name, &donor)) {
        PyObject *live = PyDict_GetItemWithError(live_map, name);
        int canonical;
        if (live == NULL || live == donor || rs_idmap_has(&s->map, donor)) {
            continue;
        }
        canonical = is_canonical(s, donor, name);
        if (canonical > 0) {
            canonical = is_canonical(s, live, name);
        }
        if (canonical < 0 || (canonical && rs_idmap_set(&s->map, donor, live) < 0)) {
            return -1;
        }
    }
    return 0;
}

int
rs_enum_handles(const rs_session *s, const rs_scope *scope, PyObject *name,
                PyObject *value)
{
    PyObject *live_map = member_map(s, scope->live_type);
    PyObject *donor_map = scope->donor_type != NULL ? member_map(s, scope->donor_type)
                                                    : NULL;
    (void)value;
    if (live_map == NULL || donor_map == NULL) {
        return 0;
    }
    for (size_t i = 0; i < N_TABLES; i++) {
        if (rs_text_equals(name, table_names[i])) {
            return 1;
        }
    }
    return PyDict_GetItemWithError(live_map, name) != NULL ||
           PyDict_GetItemWithError(donor_map, name) != NULL;
}

/* ---- values of members that stay ---- */

static int
refuse_payload(rs_session *s, const rs_scope *scope, PyObject *qualname,
               PyObject *before, PyObject *after)
{
    return rs_refuse(s, "RSL205", scope->unit, qualname, 0,
                     "Keep the value, or give the new member another name.",
                     "the value was %R and is %R, but the member *is* its value (a "
                     "subclass of %s), which can't change",
                     before, after, scope->live_type->tp_base->tp_name);
}

/* A type whose instances are their value for good. */
static int
is_payload(PyObject *type)
{
    PyTypeObject *const values[] = {&PyLong_Type,     &PyUnicode_Type, &PyFloat_Type,
                                    &PyBytes_Type,    &PyTuple_Type,   &PyComplex_Type,
                                    &PyFrozenSet_Type};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (type != NULL && PyType_Check(type) &&
            PyType_IsSubtype(RS_TYPE(type), values[i])) {
            return 1;
        }
    }
    return 0;
}

/* The live member's attributes become the new member's. */
static int
plan_attributes(rs_session *s, const rs_scope *scope, PyObject *qualname,
                PyObject *live, PyObject *donor)
{
    int result = -1, changed = 0;
    Py_ssize_t pos = 0;
    PyObject *key, *value;
    PyObject *live_dict = member_dict(live), *donor_dict = member_dict(donor);
    PyObject *member_type = rs_class_get(scope->live_type, s->st->names._member_type_);
    if (live_dict == NULL || donor_dict == NULL) {
        goto done;
    }
    while (PyDict_Next(donor_dict, &pos, &key, &value)) {
        PyObject *before = PyDict_GetItemWithError(live_dict, key);
        PyObject *after = rs_session_live(s, value);
        if (before == after || (before != NULL && rs_same_literal(before, after))) {
            continue;
        }
        if (rs_same_text(key, s->st->names._value_) && before != NULL &&
            is_payload(member_type)) {
            result = refuse_payload(s, scope, qualname, before, after);
            goto done;
        }
        changed |= !rs_same_text(key, s->st->names._sort_order_);
        if (rs_plan_dict(&s->journal, live_dict, key, after) < 0) {
            goto done;
        }
    }
    /* what ~member gave the last time may have another name or value now */
    if (PyDict_GetItemWithError(live_dict, s->st->names._inverted_) != NULL &&
        PyDict_GetItemWithError(donor_dict, s->st->names._inverted_) == NULL &&
        rs_plan_dict(&s->journal, live_dict, s->st->names._inverted_, NULL) < 0) {
        goto done;
    }
    result = changed && qualname != NULL
                 ? rs_change(s, scope->unit, qualname, "data", "updated", 0,
                             "member of the enumeration")
                 : 0;
done:
    Py_XDECREF(live_dict);
    Py_XDECREF(donor_dict);
    return result;
}

/* ---- names of the class dict ---- */

static int
plan_member(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *donor)
{
    int result = 0;
    PyObject *live_map = member_map(s, scope->live_type);
    PyObject *before = PyDict_GetItemWithError(live_map, name);
    PyObject *after = rs_session_live(s, donor);
    PyObject *own_before = PyDict_GetItemWithError(scope->live, name);
    PyObject *own_after = PyDict_GetItemWithError(scope->donor, name);
    PyObject *qualname = rs_scope_qualname(scope, name);
    if (qualname == NULL) {
        return -1;
    }
    if (before == after) {
        if (is_canonical(s, donor, name) > 0) {
            result = plan_attributes(s, scope, qualname, before, donor);
        }
    } else {
        result = rs_change(s, scope->unit, qualname, "data",
                           before == NULL ? "added" : "rebound", 0,
                           "member of the enumeration");
        if (result == 0 && own_after != NULL) {
            own_after = rs_session_live(s, own_after);
            if (own_after != own_before) {
                result = rs_plan_type(&s->journal, scope->live_type, name, own_after);
            }
        }
    }
    Py_DECREF(qualname);
    return result;
}

static int
plan_gone_member(rs_session *s, const rs_scope *scope, PyObject *name)
{
    int result;
    PyObject *qualname = rs_scope_qualname(scope, name);
    if (qualname == NULL) {
        return -1;
    }
    result = rs_change(s, scope->unit, qualname, "data", "deleted", 0,
                       "member of the enumeration");
    Py_DECREF(qualname);
    if (result == 0 && PyDict_GetItemWithError(scope->live, name) != NULL) {
        result = rs_plan_type(&s->journal, scope->live_type, name, NULL);
    }
    return result;
}

/* ---- tables ---- */

/* Combinations of flags that were made at run time keep their identity, and are what the
 * new class makes of the same value. */
static int
plan_combinations(rs_session *s, const rs_scope *scope)
{
    Py_ssize_t pos = 0;
    PyObject *key, *member;
    PyObject *live = rs_class_get(scope->live_type, s->st->names._value2member_map_);
    if (live == NULL || !PyDict_CheckExact(live)) {
        return 0;
    }
    while (PyDict_Next(live, &pos, &key, &member)) {
        PyObject *donor = rs_idmap_get(&s->combinations, member);
        if (donor != NULL && plan_attributes(s, scope, NULL, member, donor) < 0) {
            return -1;
        }
    }
    return 0;
}

/* 1 if `member` is a combination, not a named member; 0; -1. */
static int
is_combination(rs_session *s, PyObject *live_map, PyObject *member)
{
    int named;
    PyObject *name = member_value(s, member, s->st->names._name_);
    if (name == NULL) {
        return PyErr_Occurred() ? -1 : 1;
    }
    named = PyUnicode_Check(name) && PyDict_GetItemWithError(live_map, name) != NULL;
    Py_DECREF(name);
    return !named;
}

/* Makes the combinations of the live class in the donor as well, and maps them. Values
 * that it does not take any more are forgotten, as in a fresh class. */
static int
map_combinations(rs_session *s, PyObject *live_type, PyObject *donor_type)
{
    int result = 0;
    Py_ssize_t pos = 0;
    PyObject *key, *member;
    PyObject *live_map = member_map(s, RS_TYPE(live_type));
    PyObject *table = rs_class_get(RS_TYPE(live_type), s->st->names._value2member_map_);
    PyObject *copy = table != NULL && PyDict_CheckExact(table) ? PyDict_Copy(table)
                                                               : NULL;
    if (copy == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    while (result >= 0 && PyDict_Next(copy, &pos, &key, &member)) {
        PyObject *donor;
        result = PyLong_CheckExact(key) ? is_combination(s, live_map, member) : 0;
        if (result <= 0) {
            continue;
        }
        donor = PyObject_CallOneArg(donor_type, key);
        if (donor == NULL) {
            PyErr_Clear(); /* the new class says that this value is none of it */
            continue;
        }
        if ((PyObject *)Py_TYPE(donor) == donor_type && !rs_idmap_has(&s->map, donor)) {
            result = rs_idmap_set(&s->map, donor, member) < 0 ||
                             rs_idmap_set(&s->combinations, member, donor) < 0
                         ? -1
                         : 0;
        }
        Py_DECREF(donor);
    }
    Py_DECREF(copy);
    return result < 0 ? -1 : 0;
}

static int
plan_tables(rs_session *s, const rs_scope *scope)
{
    for (size_t i = 0; i < N_TABLES; i++) {
        PyObject *live = PyDict_GetItemString(scope->live, table_names[i]);
        PyObject *donor = PyDict_GetItemString(scope->donor, table_names[i]);
        if (live == NULL || donor == NULL || Py_TYPE(live) != Py_TYPE(donor) ||
            !(PyDict_CheckExact(live) || PyList_CheckExact(live))) {
            continue;
        }
        if (rs_plan_body(&s->journal, live, donor) < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_enum_plan(rs_session *s, const rs_scope *scope, int *changed)
{
    Py_ssize_t pos = 0;
    PyObject *name, *member;
    PyObject *live_map = member_map(s, scope->live_type);
    PyObject *donor_map = member_map(s, scope->donor_type);
    (void)changed;
    if (live_map == NULL || donor_map == NULL) {
        return 0;
    }
    while (PyDict_Next(donor_map, &pos, &name, &member)) {
        if (plan_member(s, scope, name, member) < 0) {
            return -1;
        }
    }
    pos = 0;
    while (PyDict_Next(live_map, &pos, &name, &member)) {
        if (PyDict_GetItemWithError(donor_map, name) == NULL &&
            plan_gone_member(s, scope, name) < 0) {
            return -1;
        }
    }
    return plan_combinations(s, scope) < 0 ? -1 : plan_tables(s, scope);
}

int
rs_enum_map(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_pairs; i++) {
        PyObject *live_map, *donor_map;
        if (s->pairs[i].kind != RS_PAIR_CLASS) {
            continue;
        }
        live_map = member_map(s, RS_TYPE(s->pairs[i].live));
        donor_map = member_map(s, RS_TYPE(s->pairs[i].donor));
        if (live_map != NULL && donor_map != NULL &&
            (map_members(s, live_map, donor_map) < 0 ||
             map_combinations(s, s->pairs[i].live, s->pairs[i].donor) < 0)) {
            return -1;
        }
    }
    return 0;
}
