#include "abstract.h"

#include "future.h"
#include "same.h"
#include "select.h"

static int value_is_abstract(const rs_session *s, PyObject *value, int depth);

/* The flag that abc.abstractmethod sets, read off functions and the standard wrappers of
 * functions; other objects are asked by nobody here. */
static int
visit_accessor(const rs_session *s, PyObject *value, PyObject *name, int depth)
{
    int is_abstract = 0;
    PyObject *part = PyObject_GetAttr(value, name);
    if (part == NULL) {
        PyErr_Clear(); /* an exact built-in type: it has no such part */
        return 0;
    }
    is_abstract = part != Py_None && value_is_abstract(s, part, depth + 1);
    Py_DECREF(part);
    return is_abstract;
}

static int
value_is_abstract(const rs_session *s, PyObject *value, int depth)
{
    const rs_names *n = &s->st->names;
    if (PyFunction_Check(value)) {
        PyObject *dict = RS_FUNCTION(value)->func_dict;
        return dict != NULL &&
               PyDict_GetItemWithError(dict, n->__isabstractmethod__) == Py_True;
    }
    if (depth > 3) {
        return 0;
    }
    if (Py_TYPE(value) == &PyProperty_Type) {
        return visit_accessor(s, value, n->fget, depth) ||
               visit_accessor(s, value, n->fset, depth) ||
               visit_accessor(s, value, n->fdel, depth);
    }
    if (Py_TYPE(value) == &PyStaticMethod_Type ||
        Py_TYPE(value) == &PyClassMethod_Type) {
        return visit_accessor(s, value, n->__wrapped__, depth);
    }
    return 0;
}

/* Is `name` abstract for `type`, going by the method resolution order that it has? */
static int
stays_abstract(const rs_session *s, PyTypeObject *type, PyObject *name)
{
    PyObject *mro = type->tp_mro;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *value = rs_future_value(s, RS_TYPE(PyTuple_GET_ITEM(mro, i)), name);
        if (value != NULL) {
            return value_is_abstract(s, value, 0);
        }
    }
    return 0;
}

static int
add_abstract(const rs_session *s, PyTypeObject *type, PyObject *names, PyObject *result)
{
    int failed = 0;
    PyObject *name, *iter = names != NULL ? PyObject_GetIter(names) : NULL;
    if (iter == NULL) {
        return names != NULL ? -1 : 0;
    }
    while (!failed && (name = PyIter_Next(iter)) != NULL) {
        if (PyUnicode_CheckExact(name) && stays_abstract(s, type, name)) {
            failed = PySet_Add(result, name) < 0;
        }
        Py_DECREF(name);
    }
    Py_DECREF(iter);
    return failed || PyErr_Occurred() ? -1 : 0;
}

/* __abstractmethods__ := those of `names` that stay abstract for `type`. */
static int
plan_set(rs_session *s, PyTypeObject *type, PyObject *names, int *changed)
{
    int result = -1;
    PyObject *key = s->st->names.__abstractmethods__;
    PyObject *before = rs_class_get(type, key);
    PyObject *after = PyFrozenSet_New(NULL), *fresh = PySet_New(NULL);
    if (after == NULL || fresh == NULL || add_abstract(s, type, names, fresh) < 0 ||
        (!rs_idmap_has(&s->claimed, type) &&
         add_abstract(s, type, before, fresh) < 0)) {
        goto done;
    }
    Py_SETREF(after, PyFrozenSet_New(fresh));
    if (after == NULL) {
        goto done;
    }
    if (before != NULL && rs_same_literal(before, after)) {
        result = 0;
        goto done;
    }
    *changed = 1;
    result = rs_plan_type(&s->journal, type, key, after);
done:
    Py_XDECREF(after);
    Py_XDECREF(fresh);
    return result;
}

/* Subclasses that take no part; those that do have their own turn. */
static int
plan_subclasses(rs_session *s, PyTypeObject *type, PyObject *names, int depth)
{
    int result = 0, ignored = 0;
    PyObject *list = PyObject_CallMethod((PyObject *)&PyType_Type, "__subclasses__",
                                         "O", (PyObject *)type);
    if (list == NULL || depth > 100) {
        Py_XDECREF(list);
        return list == NULL ? -1 : 0;
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(list); i++) {
        PyObject *subclass = PyList_GET_ITEM(list, i);
        PyObject *own = rs_class_get(RS_TYPE(subclass),
                                     s->st->names.__abstractmethods__);
        if (own != NULL && !rs_idmap_has(&s->claimed, subclass) &&
            !rs_idmap_has(&s->young, subclass)) {
            result = plan_set(s, RS_TYPE(subclass), names, &ignored);
        }
        if (result == 0) {
            result = plan_subclasses(s, RS_TYPE(subclass), names, depth + 1);
        }
    }
    Py_DECREF(list);
    return result;
}

int
rs_abstract_plan(rs_session *s, const rs_scope *scope, int *changed)
{
    PyObject *key = s->st->names.__abstractmethods__;
    PyObject *before = PyDict_GetItemWithError(scope->live, key);
    PyObject *after = PyDict_GetItemWithError(scope->donor, key);
    int own_changed = 0;
    if (after == NULL) {
        *changed |= before != NULL;
        return before != NULL ? rs_plan_type(&s->journal, scope->live_type, key, NULL)
                              : 0;
    }
    if (before != NULL && rs_same_literal(before, after)) {
        return 0;
    }
    if (plan_set(s, scope->live_type, after, &own_changed) < 0) {
        return -1;
    }
    *changed |= own_changed;
    return own_changed ? plan_subclasses(s, scope->live_type, after, 0) : 0;
}

/* Names that may be abstract in the class as it will be: a set, or NULL. */
static PyObject *
candidates(const rs_scope *scope, PyObject *before)
{
    Py_ssize_t pos = 0;
    PyObject *name, *set = PySet_New(before);
    while (set != NULL && PyDict_Next(scope->donor, &pos, &name, NULL)) {
        if (PyUnicode_CheckExact(name) && PySet_Add(set, name) < 0) {
            Py_CLEAR(set);
        }
    }
    return set;
}

int
rs_abstract_plan_parts(rs_session *s, const rs_scope *scope, int *changed)
{
    PyObject *key = s->st->names.__abstractmethods__;
    PyObject *before = PyDict_GetItemWithError(scope->live, key);
    PyObject *after = NULL, *names, *set = PySet_New(NULL);
    int result = 0;
    if (before == NULL || !PyFrozenSet_CheckExact(before)) {
        Py_XDECREF(set);
        return PyErr_Occurred() ? -1 : 0;
    }
    names = candidates(scope, before);
    if (set != NULL && names != NULL &&
        add_abstract(s, scope->live_type, names, set) == 0) {
        after = PyFrozenSet_New(set);
    }
    if (after == NULL) {
        result = -1;
    } else if (!rs_same_literal(before, after)) {
        *changed = 1;
        result = rs_plan_type(&s->journal, scope->live_type, key, after) < 0
                     ? -1
                     : plan_subclasses(s, scope->live_type, after, 0);
    }
    Py_XDECREF(names);
    Py_XDECREF(set);
    Py_XDECREF(after);
    return result;
}
