#include "copied.h"

#include <string.h>

#include "foreign.h"
#include "lookup.h"
#include "same.h"
#include "select.h"
#include "wrappers.h"

/* Fields of functions that functools.update_wrapper() and its like copy, and the names
 * that they have in a dict. */
static const struct {
    int field;
    const char *name;
} parts[] = {
    {RS_FN_DOC, "__doc__"},
    {RS_FN_ANNOTATIONS, "__annotations__"},
    {RS_FN_TYPEPARAMS, "__type_params__"},
#if RS_LAZY_ANNOTATIONS
    {RS_FN_ANNOTATE, "__annotate__"},
#endif
};

typedef struct {
    rs_session *s;
    PyObject *live, *donor;
    int depth;
} copies;

/* What reading an attribute gives where the field is empty. */
static int
says_nothing(PyObject *value)
{
    return value == NULL || value == Py_None ||
           (PyTuple_CheckExact(value) && PyTuple_GET_SIZE(value) == 0) ||
           (PyDict_CheckExact(value) && PyDict_GET_SIZE(value) == 0);
}

/* Does `value` say what the function said? */
static int
is_copy(PyObject *value, PyObject *own)
{
    if (says_nothing(value) || says_nothing(own)) {
        return says_nothing(value) && says_nothing(own);
    }
    return value == own || rs_same_literal(value, own);
}

/* What reading an empty field gives: new reference. */
static PyObject *
nothing_of(int field)
{
    return field == RS_FN_ANNOTATIONS  ? PyDict_New()
           : field == RS_FN_TYPEPARAMS ? PyTuple_New(0)
                                       : Py_NewRef(Py_None);
}

static int
follow_dict(const copies *c, PyObject *dict)
{
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        PyObject *own = *rs_fn_slot(c->live, parts[i].field);
        PyObject *then = *rs_fn_slot(c->donor, parts[i].field);
        PyObject *name = PyUnicode_InternFromString(parts[i].name), *value;
        int result = name == NULL ? -1 : 0;
        value = name != NULL ? PyDict_GetItemWithError(dict, name) : NULL;
        if (value != NULL && is_copy(value, own) && !is_copy(then, own)) {
            PyObject *given = then != NULL ? Py_NewRef(rs_session_live(c->s, then))
                                           : nothing_of(parts[i].field);
            result = given != NULL ? rs_plan_dict(&c->s->journal, dict, name, given)
                                   : -1;
            Py_XDECREF(given);
        }
        Py_XDECREF(name);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

static int
follow_function(const copies *c, PyObject *wrapper)
{
    PyObject *fields[RS_FN_FIELDS] = {NULL};
    unsigned mask = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        int field = parts[i].field;
        PyObject *value = *rs_fn_slot(wrapper, field);
        PyObject *own = *rs_fn_slot(c->live, field);
        PyObject *then = *rs_fn_slot(c->donor, field);
        if (is_copy(value, own) && !is_copy(then, own)) {
            fields[field] = then != NULL ? rs_session_live(c->s, then) : NULL;
            mask |= 1U << field;
        }
    }
#if RS_LAZY_ANNOTATIONS
    if ((mask & (1U << RS_FN_ANNOTATE)) != 0) { /* what was evaluated is out of date */
        PyObject *then = *rs_fn_slot(c->donor, RS_FN_ANNOTATIONS);
        fields[RS_FN_ANNOTATIONS] = then != NULL ? rs_session_live(c->s, then) : NULL;
        mask |= 1U << RS_FN_ANNOTATIONS;
    }
#endif
    return mask == 0 ? 0
                     : rs_plan_function(&c->s->journal, wrapper, fields, mask,
                                        rs_fn_version_if_codes(wrapper));
}

/* A property has the docstring of its getter. */
static int
follow_property(const copies *c, PyObject *property)
{
    PyObject *own = *rs_fn_slot(c->live, RS_FN_DOC);
    PyObject *then = *rs_fn_slot(c->donor, RS_FN_DOC);
    PyMemberDef *member = Py_TYPE(property)->tp_members;
    for (; member != NULL && member->name != NULL; member++) {
        PyObject **word = (PyObject **)(void *)((char *)property + member->offset);
        if (strcmp(member->name, "__doc__") == 0 && is_copy(*word, own) &&
            !is_copy(then, own)) {
            return rs_plan_word(&c->s->journal, property, word,
                                then != NULL ? then : Py_None);
        }
    }
    return 0;
}

static int
has_dict(PyObject *op)
{
    return Py_TYPE(op)->tp_dictoffset != 0 ||
           (Py_TYPE(op)->tp_flags & Py_TPFLAGS_MANAGED_DICT) != 0;
}

/* One wrapper, and what stands between it and the function. 0 or -1. */
static int
visit_wrapper(PyObject *op, void *arg)
{
    copies *c = arg;
    int result = 0;
    PyObject *annotations = RS_FUNCTION(c->donor)->func_annotations;
    if (annotations != NULL && PyTuple_CheckExact(annotations) &&
        PyFunction_GetAnnotations(c->donor) == NULL) { /* makes the dict of it */
        return -1;
    }
    if (op == c->live || c->depth > RS_MAX_WRAPPERS || PyType_Check(op) ||
        PyModule_Check(op) || PyCode_Check(op)) {
        return 0;
    }
    if (PyFunction_Check(op)) {
        PyObject *dict = RS_FUNCTION(op)->func_dict;
        if (dict == NULL ||
            PyDict_GetItemWithError(dict, c->s->st->names.__wrapped__) == NULL ||
            rs_idmap_has(&c->s->claimed, op)) {
            return 0;
        }
        result = follow_function(c, op);
        if (result == 0) { /* functools.wraps copies the dict of an lru_cache */
            result = follow_dict(c, dict);
        }
    } else if (Py_TYPE(op) == &PyProperty_Type) {
        result = follow_property(c, op);
    } else if (has_dict(op)) {
        PyObject *dict = PyObject_GenericGetDict(op, NULL);
        result = dict != NULL && PyDict_Check(dict) ? follow_dict(c, dict) : -1;
        Py_XDECREF(dict);
        if (result == 0 && Py_TYPE(op) == c->s->st->lru_cache_type) {
            result = PyList_Append(c->s->caches, op);
        }
    }
    if (result == 0 && (PyFunction_Check(op) || rs_is_wrapper(c->s->st, op))) {
        c->depth++;
        result = rs_wrapper_visit(op, visit_wrapper, c);
        c->depth--;
    }
    return result;
}

int
rs_copied_plan(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        const rs_unit *u = &s->units[i];
        for (Py_ssize_t k = 0; u->parts && k < u->selection->n_defs; k++) {
            const rs_select_def *def = &u->selection->defs[k];
            copies c = {s, def->live, def->donor, 0};
            PyObject *value;
            if (!def->inner || def->live == NULL || def->donor == NULL) {
                continue;
            }
            value = rs_live_definition(u, def->qualname);
            if (value != NULL && visit_wrapper(value, &c) < 0) {
                return -1;
            }
        }
    }
    return 0;
}
