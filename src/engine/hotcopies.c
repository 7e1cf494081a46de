#include "hotfix.h"

#include "holder.h"
#include "loader.h"

/* Another function that does what this one does now. */
static PyObject *
copy_function(PyObject *live)
{
    PyObject *copy = PyFunction_New(RS_FUNCTION(live)->func_code,
                                    RS_FUNCTION(live)->func_globals);
    for (int i = 0; copy != NULL && i < RS_FN_FIELDS; i++) {
        PyObject *value = *rs_fn_slot(live, i);
        if (i == RS_FN_DICT && value != NULL) {
            value = PyDict_Copy(value);
            if (value == NULL) {
                Py_CLEAR(copy);
                break;
            }
            Py_XSETREF(*rs_fn_slot(copy, i), value);
        } else {
            Py_XSETREF(*rs_fn_slot(copy, i), Py_XNewRef(value));
        }
    }
    if (copy != NULL) {
        rs_fn_clear_version(copy);
    }
    return copy;
}

int
rs_hot_copy_original(rs_session *s, PyObject *live)
{
    PyObject *copy;
    int result;
    if (rs_idmap_has(&s->hot->originals, live)) {
        return 0;
    }
    copy = copy_function(live);
    result = copy != NULL ? rs_idmap_set(&s->hot->originals, live, copy) : -1;
    Py_XDECREF(copy);
    return result;
}

/* ---- descriptors and caches around such functions ---- */

static int original_of(rs_session *s, PyObject *op, PyObject **original);

/* What `op` has under `name`, as it was: 1 if that is a copy, 0, -1. New reference. */
static int
original_part(rs_session *s, PyObject *op, const char *name, PyObject **original)
{
    PyObject *value = PyObject_GetAttrString(op, name);
    int result = value != NULL ? original_of(s, value, original) : -1;
    Py_XDECREF(value);
    return result;
}

static int
copy_property(rs_session *s, PyObject *live, PyObject **copy)
{
    static const char *const names[] = {"fget", "fset", "fdel"};
    PyObject *parts[4] = {NULL};
    int result = 0;
    for (int i = 0; i < 3 && result >= 0; i++) {
        int copied = original_part(s, live, names[i], &parts[i]);
        result = copied < 0 ? -1 : result | copied;
    }
    if (result > 0) {
        parts[3] = PyObject_GetAttrString(live, "__doc__");
        if (parts[3] != NULL) {
            *copy = PyObject_CallFunctionObjArgs((PyObject *)&PyProperty_Type, parts[0],
                                                 parts[1], parts[2], parts[3], NULL);
        }
        result = *copy != NULL ? 1 : -1;
    }
    for (int i = 0; i < 4; i++) {
        Py_XDECREF(parts[i]);
    }
    return result;
}

static int
copy_method(rs_session *s, PyObject *live, PyObject **copy)
{
    PyObject *func = NULL;
    int result = original_part(s, live, "__func__", &func);
    if (result > 0) {
        *copy = PyObject_CallOneArg((PyObject *)Py_TYPE(live), func);
        result = *copy != NULL ? 1 : -1;
    }
    Py_XDECREF(func);
    return result;
}

/* functools.lru_cache(**parameters)(func). New reference. */
static PyObject *
make_cache(PyObject *func, PyObject *parameters)
{
    PyObject *functools = PyImport_ImportModule("functools"), *result = NULL;
    PyObject *maker = functools != NULL ? PyObject_GetAttrString(functools, "lru_cache")
                                        : NULL;
    PyObject *nothing = maker != NULL ? PyTuple_New(0) : NULL;
    PyObject *decorator = nothing != NULL ? PyObject_Call(maker, nothing, parameters)
                                          : NULL;
    if (decorator != NULL) {
        result = PyObject_CallOneArg(decorator, func);
    }
    Py_XDECREF(functools);
    Py_XDECREF(maker);
    Py_XDECREF(nothing);
    Py_XDECREF(decorator);
    return result;
}

/* With a cache of its own. One that does not say how it was made stays what it is. */
static int
copy_cache(rs_session *s, PyObject *live, PyObject **copy)
{
    PyObject *func = NULL, *tells = NULL, *wrapped = NULL, *parameters = NULL;
    int result = rs_optional_attribute(live, "cache_parameters", &tells);
    if (result > 0) {
        result = rs_optional_attribute(live, "__wrapped__", &wrapped);
    }
    if (result > 0) {
        result = original_of(s, wrapped, &func);
    }
    if (result > 0) {
        parameters = PyObject_CallNoArgs(tells);
        if (parameters == NULL) {
            result = -1;
        } else if (!PyDict_Check(parameters)) {
            result = 0;
        } else {
            *copy = make_cache(func, parameters);
            result = *copy != NULL ? 1 : -1;
        }
    }
    Py_XDECREF(func);
    Py_XDECREF(tells);
    Py_XDECREF(wrapped);
    Py_XDECREF(parameters);
    return result;
}

/* `op` as it was, or itself: 1 if it is a copy, 0, -1. New reference. */
static int
original_of(rs_session *s, PyObject *op, PyObject **original)
{
    PyObject *copy = NULL, *known = rs_idmap_get(&s->hot->originals, op);
    int result = 0;
    if (known != NULL) {
        *original = Py_NewRef(known);
        return 1;
    }
    if (Py_TYPE(op) == &PyProperty_Type) {
        result = copy_property(s, op, &copy);
    } else if (Py_TYPE(op) == &PyStaticMethod_Type ||
               Py_TYPE(op) == &PyClassMethod_Type) {
        result = copy_method(s, op, &copy);
    } else if (Py_TYPE(op) == s->st->lru_cache_type) {
        result = copy_cache(s, op, &copy);
    }
    if (result > 0 && rs_idmap_set(&s->hot->originals, op, copy) < 0) {
        Py_DECREF(copy);
        return -1;
    }
    *original = result < 0 ? NULL : copy != NULL ? copy : Py_NewRef(op);
    return result;
}

int
rs_hot_copy_wrapper(rs_session *s, PyObject *live)
{
    PyObject *original = NULL;
    int result = original_of(s, live, &original);
    Py_XDECREF(original);
    return result < 0 ? -1 : 0;
}

/* ---- what originals refer to ---- */

/* Cells of a copy that hold something of which there is a copy: `@wraps` and the like. The
 * live function shares the others with it. 0 or -1. */
static int
copy_closure(rs_session *s, PyObject *copy)
{
    PyObject *closure = RS_FUNCTION(copy)->func_closure, *mine = NULL;
    for (Py_ssize_t i = 0; closure != NULL && i < PyTuple_GET_SIZE(closure); i++) {
        PyObject *held = PyCell_Get(PyTuple_GET_ITEM(closure, i));
        PyObject *original = NULL, *cell;
        int copied = held != NULL ? original_of(s, held, &original) : 0;
        Py_XDECREF(held);
        if (copied > 0 && mine == NULL) {
            mine = PyTuple_New(PyTuple_GET_SIZE(closure));
            for (Py_ssize_t k = 0; mine != NULL && k < PyTuple_GET_SIZE(closure); k++) {
                PyTuple_SET_ITEM(mine, k, Py_NewRef(PyTuple_GET_ITEM(closure, k)));
            }
        }
        cell = copied > 0 && mine != NULL ? PyCell_New(original) : NULL;
        Py_XDECREF(original);
        if (copied < 0 || (copied > 0 && cell == NULL)) {
            Py_XDECREF(mine);
            return -1;
        }
        if (cell != NULL) {
            PyTuple_SetItem(mine, i, cell); /* nobody else has it yet */
        }
    }
    if (mine != NULL) {
        Py_SETREF(RS_FUNCTION(copy)->func_closure, mine);
    }
    return 0;
}

/* `__wrapped__`. 0 or -1. */
static int
copy_attributes(rs_session *s, PyObject *copy)
{
    PyObject *dict = RS_FUNCTION(copy)->func_dict, *key, *value;
    Py_ssize_t pos = 0;
    int result = 0;
    while (dict != NULL && result == 0 && PyDict_Next(dict, &pos, &key, &value)) {
        PyObject *original = NULL;
        int copied;
        Py_INCREF(key); /* functools runs: other threads may */
        Py_INCREF(value);
        copied = original_of(s, value, &original);
        result = copied <= 0 ? copied : PyDict_SetItem(dict, key, original);
        Py_XDECREF(original);
        Py_DECREF(value);
        Py_DECREF(key);
    }
    return result;
}

int
rs_hot_copy_insides(rs_session *s)
{
    PyObject *copies = PyList_New(0), *copy;
    Py_ssize_t pos = 0;
    int result = copies != NULL ? 0 : -1;
    while (result == 0 && rs_idmap_next(&s->hot->originals, &pos, NULL, &copy)) {
        result = PyFunction_Check(copy) ? PyList_Append(copies, copy) : 0;
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(copies); i++) {
        copy = PyList_GET_ITEM(copies, i);
        result = copy_closure(s, copy) < 0 ? -1 : copy_attributes(s, copy);
    }
    Py_XDECREF(copies);
    return result;
}

int
rs_hot_redirect_originals(rs_session *s)
{
    rs_rewrite r = {.st = s->st, .map = &s->hot->originals};
    Py_ssize_t pos = 0;
    PyObject *op;
    while (rs_idmap_next(&s->young, &pos, &op, NULL)) {
        if (rs_holder_refs(op, &s->hot->originals) != 0 &&
            rs_holder_rewrite(&r, op) < 0) {
            return -1;
        }
    }
    return 0;
}
