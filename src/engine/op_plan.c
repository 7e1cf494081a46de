#include "op.h"

#include "attribute.h"
#include "body.h"
#include "same.h"

/* ---- planning: places with one value ---- */

/* The operation for that place, with `value` as what it becomes. *fresh is set to 1 if it
 * is new: the caller then notes what the place holds. */
static rs_op *
plan_value(rs_journal *j, rs_op_kind kind, PyObject *target, const void *where,
           PyObject *value, int *fresh)
{
    rs_op *op = rs_op_find(j, kind, target, where);
    *fresh = op == NULL;
    if (op == NULL) {
        op = rs_op_append(j, kind, target, where);
        if (op == NULL) {
            return NULL;
        }
    }
    Py_XSETREF(op->value, Py_XNewRef(value));
    return op;
}

static int
is_namespace_key(PyObject *key)
{
    return PyUnicode_CheckExact(key);
}

int
rs_plan_dict(rs_journal *j, PyObject *dict, PyObject *key, PyObject *value)
{
    PyObject *interned = Py_NewRef(key);
    PyObject *now;
    rs_op *op;
    int fresh;
    if (is_namespace_key(key)) {
        PyUnicode_InternInPlace(&interned); /* one address for one name */
    }
    now = PyDict_GetItemWithError(dict, interned);
    if (now == NULL && (PyErr_Occurred() || !rs_is_plain_key(key))) {
        if (!PyErr_Occurred()) {
            PyErr_Format(PyExc_SystemError,
                         "a key of type %s to change in a dict is not there",
                         Py_TYPE(key)->tp_name);
        }
        Py_DECREF(interned);
        return -1;
    }
    op = plan_value(j, RS_OP_DICT, dict, interned, value, &fresh);
    if (op != NULL && fresh) {
        op->key = Py_NewRef(interned);
        op->seen = Py_XNewRef(now);
    }
    Py_DECREF(interned);
    if (op == NULL) {
        return -1;
    }
    op->phase = value == NULL      ? RS_PHASE_REMOVAL
                : op->seen == NULL ? RS_PHASE_FALLIBLE
                                   : RS_PHASE_CERTAIN;
    return 0;
}

void
rs_plan_key_order(rs_journal *j, PyObject *target, PyObject *key, PyObject *own_key,
                  PyObject *follower)
{
    rs_op *op;
    PyObject *interned = Py_NewRef(key);
    if (is_namespace_key(key)) {
        PyUnicode_InternInPlace(&interned);
    }
    op = rs_op_find(j, PyType_Check(target) ? RS_OP_TYPE : RS_OP_DICT, target,
                    interned);
    if (op != NULL) {
        Py_XSETREF(op->own_key, Py_NewRef(own_key));
        Py_XSETREF(op->follower, Py_XNewRef(follower));
    }
    Py_DECREF(interned);
}

int
rs_plan_type(rs_journal *j, PyTypeObject *type, PyObject *key, PyObject *value)
{
    PyObject *dict = PyType_GetDict(type);
    PyObject *interned = Py_NewRef(key);
    rs_op *op = NULL;
    int fresh, result = -1;
    PyUnicode_InternInPlace(&interned);
    if (rs_plan_touch(j, type) < 0) {
        goto done;
    }
    if (!rs_type_needs_setter(type, interned)) {
        result = rs_plan_dict(j, dict, interned, value);
        goto done;
    }
    op = plan_value(j, RS_OP_TYPE, (PyObject *)type, interned, value, &fresh);
    if (op == NULL) {
        goto done;
    }
    if (fresh) {
        op->key = Py_NewRef(interned);
        op->seen = Py_XNewRef(rs_type_own(type, interned));
        op->phase = RS_PHASE_FALLIBLE;
    }
    result = 0;
done:
    Py_DECREF(interned);
    Py_DECREF(dict);
    return result;
}

static int
plan_word(rs_journal *j, rs_op_kind kind, PyObject *holder, PyObject **word,
          PyObject *value)
{
    int fresh;
    rs_op *op = plan_value(j, kind, holder, word, value, &fresh);
    if (op == NULL) {
        return -1;
    }
    if (fresh) {
        op->word = word;
        op->seen = Py_XNewRef(*word);
    }
    return 0;
}

int
rs_plan_cell(rs_journal *j, PyObject *cell, PyObject *value)
{
    return plan_word(j, RS_OP_CELL, cell, &((PyCellObject *)cell)->ob_ref, value);
}

int
rs_plan_word(rs_journal *j, PyObject *holder, PyObject **word, PyObject *value)
{
    return plan_word(j, RS_OP_WORD, holder, word, value);
}

int
rs_plan_list(rs_journal *j, PyObject *list, Py_ssize_t index, PyObject *value)
{
    int fresh;
    rs_op *op = plan_value(j, RS_OP_LIST, list, (const void *)(uintptr_t)(index + 1),
                           value, &fresh);
    if (op == NULL) {
        return -1;
    }
    if (fresh) {
        op->index = index;
        op->seen = Py_NewRef(PyList_GET_ITEM(list, index));
    }
    return 0;
}

int
rs_plan_attribute(rs_journal *j, PyObject *object, PyObject *name, PyObject *value)
{
    int fresh, result;
    PyObject *now, *interned;
    rs_op *op;
    result = rs_attribute_read(object, name, &now);
    if (result != 1) {
        if (result == 0) {
            PyErr_Format(PyExc_SystemError, "attribute %U of a %s is no plain one",
                         name, Py_TYPE(object)->tp_name);
        }
        return -1;
    }
    interned = Py_NewRef(name);
    PyUnicode_InternInPlace(&interned);
    op = plan_value(j, RS_OP_ATTRIBUTE, object, interned, value, &fresh);
    if (op != NULL && fresh) {
        op->key = Py_NewRef(interned);
        op->seen = Py_XNewRef(now);
        op->phase = RS_PHASE_FALLIBLE;
    }
    Py_DECREF(interned);
    Py_XDECREF(now);
    return op != NULL ? 0 : -1;
}

/* ---- planning: bodies, functions, classes ---- */

static int
plan_body(rs_journal *j, PyObject *live, PyObject *donor)
{
    int fresh;
    rs_op *op = plan_value(j, RS_OP_BODY, live, NULL, donor, &fresh);
    if (op == NULL) {
        return -1;
    }
    op->phase = rs_body_is_certain(live, donor) ? RS_PHASE_CERTAIN : RS_PHASE_FALLIBLE;
    op->fold = 0;
    return 0;
}

int
rs_plan_body(rs_journal *j, PyObject *live, PyObject *donor)
{
    const char *why;
    if (!rs_body_can_take(live, donor, &why)) {
        PyErr_Format(PyExc_TypeError, "a %s can't take the contents of a %s: %s",
                     Py_TYPE(live)->tp_name, Py_TYPE(donor)->tp_name, why);
        return -1;
    }
    return plan_body(j, live, donor);
}

int
rs_plan_body_cache(rs_journal *j, PyObject *cache, PyObject *empty)
{
    if (rs_plan_body(j, cache, empty) < 0) {
        return -1;
    }
    rs_op_find(j, RS_OP_BODY, cache, NULL)->cache = 1;
    return 0;
}

int
rs_plan_body_derived(rs_journal *j, PyObject *live, PyObject *donor)
{
    for (Py_ssize_t i = 0; i < j->used; i++) {
        if (j->ops[i].kind == RS_OP_BODY && j->ops[i].value == live &&
            Py_TYPE(donor) == Py_TYPE(live)) {
            return plan_body(j, j->ops[i].target, donor);
        }
    }
    if (!rs_body_can_rebuild(live, donor)) {
        PyErr_Format(PyExc_SystemError, "a %s can't be filled anew from a %s",
                     Py_TYPE(live)->tp_name, Py_TYPE(donor)->tp_name);
        return -1;
    }
    if (plan_body(j, live, donor) < 0) {
        return -1;
    }
    rs_op_find(j, RS_OP_BODY, live, NULL)->fold = rs_body_fold(live);
    return 0;
}

int
rs_plan_weakref(rs_journal *j, PyObject *ref, PyObject *to)
{
    int fresh;
    rs_op *op = plan_value(j, RS_OP_WEAKREF, ref, NULL, to, &fresh);
    if (op == NULL) {
        return -1;
    }
    if (fresh) {
        op->seen = Py_XNewRef(rs_weakref_referent(ref));
        op->index = -1;
    }
    return 0;
}

/* Code whose free variables have no cells is a crash at the next call (hazard 2). */
static int
check_closure(PyObject *func, PyObject *const fields[RS_FN_FIELDS], unsigned mask)
{
#ifndef RS_WITHOUT_CURE_2
    PyObject *code = RS_FUNCTION(func)->func_code;
    PyObject *closure = RS_FUNCTION(func)->func_closure;
    Py_ssize_t cells;
    if ((mask & (1U << RS_FN_CODE)) != 0) {
        code = fields[RS_FN_CODE];
    }
    if ((mask & (1U << RS_FN_CLOSURE)) != 0) {
        closure = fields[RS_FN_CLOSURE];
    }
    cells = closure != NULL ? PyTuple_GET_SIZE(closure) : 0;
    if (cells != PyCode_GetNumFree(RS_CODE(code))) {
        PyErr_Format(PyExc_SystemError, "function %U: %zd cells for %zd free variables",
                     RS_FUNCTION(func)->func_qualname, cells,
                     (Py_ssize_t)PyCode_GetNumFree(RS_CODE(code)));
        return -1;
    }
#else
    (void)func;
    (void)fields;
    (void)mask;
#endif
    return 0;
}

int
rs_plan_function(rs_journal *j, PyObject *func, PyObject *const fields[RS_FN_FIELDS],
                 unsigned mask, uint32_t version)
{
    rs_op *op = rs_op_find(j, RS_OP_FUNCTION, func, NULL);
    rs_op_fields *own = op != NULL ? op->fields : NULL;
    if (check_closure(func, fields, mask) < 0) {
        return -1;
    }
    if (op == NULL) {
        own = PyMem_Calloc(1, sizeof(*own));
        if (own == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        op = rs_op_append(j, RS_OP_FUNCTION, func, NULL);
        if (op == NULL) {
            PyMem_Free(own);
            return -1;
        }
        op->fields = own;
    }
    for (int i = 0; i < RS_FN_FIELDS; i++) {
        if ((mask & (1U << i)) == 0) {
            continue;
        }
        if ((own->mask & (1U << i)) == 0) {
            own->seen[i] = Py_XNewRef(*rs_fn_slot(func, i));
        }
        Py_XSETREF(own->fields[i], Py_XNewRef(fields[i]));
    }
    own->mask |= mask;
    own->version = version;
    return 0;
}

int
rs_plan_twin(rs_journal *j, PyObject *func, PyObject *twin)
{
    const rs_op *op = rs_op_find(j, RS_OP_FUNCTION, func, NULL);
    if (op == NULL) {
        return 0;
    }
    /* the array does not move, though the operation may */
    return rs_plan_function(j, twin, op->fields->fields, op->fields->mask,
                            op->fields->version);
}

int
rs_plan_bases(rs_journal *j, PyTypeObject *type, PyObject *bases)
{
    int fresh;
    rs_op *op;
    PyObject **followers = PyMem_Calloc((size_t)PyTuple_GET_SIZE(type->tp_bases) + 1,
                                        sizeof(PyObject *));
    if (followers == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    op = plan_value(j, RS_OP_BASES, (PyObject *)type, NULL, bases, &fresh);
    if (op == NULL || !fresh) {
        PyMem_Free(followers);
    }
    if (op == NULL) {
        return -1;
    }
    if (fresh) {
        op->seen = Py_NewRef(type->tp_bases);
        op->index = PyTuple_GET_SIZE(type->tp_bases);
        op->followers = followers;
        op->phase = RS_PHASE_FALLIBLE;
    }
    return rs_plan_touch(j, type);
}

int
rs_plan_metaclass(rs_journal *j, PyTypeObject *type, PyTypeObject *metaclass)
{
    int fresh;
    rs_op *op;
    if (Py_TYPE(type)->tp_basicsize != metaclass->tp_basicsize ||
        Py_TYPE(type)->tp_itemsize != metaclass->tp_itemsize) {
        PyErr_Format(PyExc_TypeError, "class %s: metaclass %s is laid out otherwise",
                     type->tp_name, metaclass->tp_name);
        return -1;
    }
    op = plan_value(j, RS_OP_METACLASS, (PyObject *)type, NULL, (PyObject *)metaclass,
                    &fresh);
    if (op == NULL) {
        return -1;
    }
    if (fresh) {
        op->seen = Py_NewRef((PyObject *)Py_TYPE(type));
    }
#ifndef RS_WITHOUT_CURE_21
    return rs_plan_touch(j, type);
#else
    return 0;
#endif
}

int
rs_plan_class(rs_journal *j, PyObject *instance, PyTypeObject *type)
{
    int fresh;
    rs_op *op = plan_value(j, RS_OP_CLASS, instance, NULL, (PyObject *)type, &fresh);
    if (op == NULL) {
        return -1;
    }
    if (fresh) {
        op->seen = Py_NewRef((PyObject *)Py_TYPE(instance));
        op->phase = RS_PHASE_FALLIBLE;
    }
    return 0;
}

int
rs_plan_touch(rs_journal *j, PyTypeObject *type)
{
    return rs_idmap_set(&j->touched, (PyObject *)type, (PyObject *)type);
}
