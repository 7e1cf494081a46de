#include "rewrap.h"

#include <string.h>

#include "same.h"
#include "scope.h"
#include "wrappers.h"

/* The word of `op` that its type's member table calls `name`, or NULL. */
static PyObject **
member_word(PyObject *op, const char *name)
{
    PyMemberDef *member = Py_TYPE(op)->tp_members;
    for (; member != NULL && member->name != NULL; member++) {
        if (strcmp(member->name, name) == 0) {
            return (PyObject **)(void *)((char *)op + member->offset);
        }
    }
    return NULL;
}

/* 3.14 brought functools.Placeholder: a partial counts them in a field of its own. */
static int
has_placeholder(PyObject *partial)
{
    PyObject **args = member_word(partial, "args");
    if (args == NULL || *args == NULL || !PyTuple_Check(*args)) {
        return 1;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(*args); i++) {
        PyObject *arg = PyTuple_GET_ITEM(*args, i);
        if (strcmp(Py_TYPE(arg)->tp_name, "functools._PlaceholderType") == 0) {
            return 1;
        }
    }
    return 0;
}

int
rs_rewrap_can(const rs_state *st, PyObject *live, PyObject *donor)
{
    if (Py_TYPE(live) != Py_TYPE(donor)) {
        return 0;
    }
    if (Py_TYPE(live) == &PyProperty_Type) {
        return member_word(live, "fget") != NULL &&
               member_word(live, "__doc__") != NULL;
    }
    return Py_TYPE(live) == st->partial_type && member_word(live, "func") != NULL &&
           !has_placeholder(live) && !has_placeholder(donor);
}

static int
plan_parts(rs_session *s, PyObject *live, PyObject *donor, const char *const *parts)
{
    for (; *parts != NULL; parts++) {
        PyObject **word = member_word(live, *parts);
        PyObject **donor_word = member_word(donor, *parts);
        PyObject *value;
        if (word == NULL || donor_word == NULL) {
            continue;
        }
        value = *donor_word != NULL ? rs_session_live(s, *donor_word) : NULL;
        if (value != *word && rs_plan_word(&s->journal, live, word, value) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- singledispatch ---- */

/* Registrations of the new source are added; those made at run time, or by other modules,
 * stay. */
static int
plan_registry(rs_session *s, PyObject *registry, PyObject *new_registry)
{
    Py_ssize_t pos = 0;
    int result = 0;
    PyObject *type, *func;
    PyObject *joined = PyDict_Copy(registry);
    if (joined == NULL) {
        return -1;
    }
    while (result == 0 && PyDict_Next(new_registry, &pos, &type, &func)) {
        result = PyDict_SetItem(joined, rs_session_live(s, type),
                                rs_session_live(s, func));
    }
    if (result == 0) {
        result = rs_plan_body_derived(&s->journal, registry, joined);
    }
    Py_DECREF(joined);
    return result;
}

/* What singledispatch has found may be wrong now. */
static int
plan_empty_cache(rs_session *s, PyObject *live)
{
    PyObject *data, *empty;
    int result = rs_dispatch_cache_data(s->st, live, &data);
    if (result <= 0) {
        return result;
    }
    empty = PyDict_New();
    result = empty != NULL ? rs_plan_body_cache(&s->journal, data, empty) : -1;
    Py_DECREF(data);
    Py_XDECREF(empty);
    return result;
}

static int
plan_dispatch(rs_session *s, PyObject *live, PyObject *donor)
{
    PyObject *registry = rs_singledispatch_part(live, s->st->names.registry);
    PyObject *new_registry = rs_singledispatch_part(donor, s->st->names.registry);
    if (registry == NULL || new_registry == NULL || !PyDict_CheckExact(registry) ||
        !PyDict_CheckExact(new_registry)) {
        return 0;
    }
    if (plan_registry(s, registry, new_registry) < 0) {
        return -1;
    }
    return plan_empty_cache(s, live);
}

/* Attributes of a wrapper that an update brings: what was copied from the function, and
 * what the source set on an lru_cache, which keeps nothing else there. */
static int
follows(const rs_state *st, PyObject *live, PyObject *key)
{
    return rs_is_dunder(key) || (Py_TYPE(live) == st->lru_cache_type &&
                                 !rs_same_text(key, st->names.cache_parameters));
}

/* What functools.update_wrapper() and its like copied from the function follows it. */
static int
plan_attributes(rs_session *s, PyObject *live, PyObject *donor)
{
    int result = 0;
    Py_ssize_t pos = 0;
    PyObject *key, *value, *dict, *new_dict;
    if (Py_TYPE(live)->tp_dictoffset == 0 &&
        (Py_TYPE(live)->tp_flags & Py_TPFLAGS_MANAGED_DICT) == 0) {
        return 0;
    }
    dict = PyObject_GenericGetDict(live, NULL);
    new_dict = dict != NULL ? PyObject_GenericGetDict(donor, NULL) : NULL;
    if (new_dict == NULL) {
        result = -1;
    }
    while (result == 0 && PyDict_Next(new_dict, &pos, &key, &value)) {
        PyObject *now, *then = rs_session_live(s, value);
        if (!PyUnicode_CheckExact(key) || !follows(s->st, live, key)) {
            continue;
        }
        now = PyDict_GetItemWithError(dict, key);
        if (now != then && !(now != NULL && rs_same_literal(now, then))) {
            result = rs_plan_dict(&s->journal, dict, key, then);
        }
    }
    Py_XDECREF(dict);
    Py_XDECREF(new_dict);
    return result;
}

int
rs_rewrap_plan(rs_session *s)
{
    static const char *const property_parts[] = {"fget", "fset", "fdel", "__doc__",
                                                 NULL};
    static const char *const partial_parts[] = {"func", "args", "keywords", NULL};
    Py_ssize_t pos = 0;
    PyObject *live, *donor;
    while (rs_idmap_next(&s->rewraps, &pos, &live, &donor)) {
        int result;
        if (PyFunction_Check(live)) {
            result = plan_dispatch(s, live, donor);
        } else if (Py_TYPE(live) == &PyProperty_Type) {
            result = plan_parts(s, live, donor, property_parts);
        } else if (Py_TYPE(live) == s->st->partial_type) {
            result = plan_parts(s, live, donor, partial_parts);
        } else {
            result = plan_attributes(s, live, donor);
        }
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}
