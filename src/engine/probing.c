#include "probing.h"

#include <string.h>

#include "probe.h"
#include "same.h"
#include "syntax.h"

typedef enum { IN_MODULE, IN_FUNCTION, IN_CLASS } scope_kind;

/* Where in the tree we are. */
typedef struct {
    const rs_session *s;
    scope_kind scope;
    PyObject *class_name; /* of the class around, in which names are private; or NULL */
} place;

static int probe_tree(const place *p, PyObject *node);

/* ---- nodes ---- */

static PyObject *
context(const char *name)
{
    return rs_ast_new(name, NULL, PyDict_New());
}

/* `(probe @ node)`: new reference. `name` may be NULL. */
static PyObject *
wrap(const place *p, PyObject *node, rs_note_kind kind, PyObject *name)
{
    PyObject *at;
    /* owned */
    PyObject *mark = rs_probe_mark(p->s, kind, name);
    PyObject *constant = mark != NULL
                             ? rs_ast_new("Constant", node,
                                          Py_BuildValue("{s:O}", "value", mark))
                             : NULL;

    Py_XDECREF(mark);
    at = constant != NULL ? context("MatMult") : NULL;
    if (at == NULL) {
        Py_XDECREF(constant);
        return NULL;
    }
    return rs_ast_new(
        "BinOp", node,
        Py_BuildValue("{s:N,s:N,s:O}", "left", constant, "op", at, "right", node));
}

/* Sets the field and drops the reference to `value`, which may be NULL with an exception. */
static int
set_field(PyObject *node, const char *field, PyObject *value)
{
    int result = value != NULL ? PyObject_SetAttrString(node, field, value) : -1;
    Py_XDECREF(value);
    return result;
}

/* node.field = (probe @ node.field) */
static int
wrap_field(const place *p, PyObject *node, const char *field, rs_note_kind kind,
           PyObject *name)
{
    PyObject *value = rs_ast_get(node, field);
    return value != NULL ? set_field(node, field, wrap(p, value, kind, name)) : -1;
}

/* May the expression be an object that lives, and can be changed? */
static int
may_live(PyObject *node)
{
    return rs_ast_is(node, "Name") || rs_ast_is(node, "Attribute") ||
           rs_ast_is(node, "Subscript") || rs_ast_is(node, "Call") ||
           rs_ast_is(node, "IfExp") || rs_ast_is(node, "NamedExpr") ||
           rs_ast_is(node, "Await") || rs_ast_is(node, "BoolOp") ||
           rs_ast_is(node, "Yield") || rs_ast_is(node, "YieldFrom");
}

/* The name of an attribute as the compiler stores it: new reference. */
static PyObject *
stored_name(const place *p, PyObject *attr)
{
    Py_ssize_t n, skip = 0, size;
    if (attr == NULL || p->class_name == NULL) {
        return Py_XNewRef(attr);
    }
    n = PyUnicode_GET_LENGTH(attr);
    if (n < 3 || PyUnicode_READ_CHAR(attr, 0) != '_' ||
        PyUnicode_READ_CHAR(attr, 1) != '_' ||
        (PyUnicode_READ_CHAR(attr, n - 1) == '_' &&
         PyUnicode_READ_CHAR(attr, n - 2) == '_')) {
        return Py_NewRef(attr);
    }
    size = PyUnicode_GET_LENGTH(p->class_name);
    while (skip < size && PyUnicode_READ_CHAR(p->class_name, skip) == '_') {
        skip++;
    }
    if (skip == size) {
        return Py_NewRef(attr);
    }
    PyObject *bare = PyUnicode_Substring(p->class_name, skip, size);
    PyObject *result = bare != NULL ? PyUnicode_FromFormat("_%U%U", bare, attr) : NULL;
    Py_XDECREF(bare);
    return result;
}

/* ---- calls ---- */

static int
wrap_item(const place *p, PyObject *list, Py_ssize_t i, rs_note_kind kind)
{
    PyObject *wrapped = wrap(p, PyList_GET_ITEM(list, i), kind, NULL);
    return wrapped != NULL ? PyList_SetItem(list, i, wrapped) : -1; /* steals */
}

static int
wrap_items(const place *p, PyObject *list)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        PyObject *item = PyList_GET_ITEM(list, i);
        if (rs_ast_is(item, "Starred") || rs_ast_is(item, "keyword")) {
            PyObject *value = rs_ast_get(item, "value");
            if (value == NULL ||
                (may_live(value) &&
                 wrap_field(p, item, "value", RS_NOTE_REACH, NULL) < 0)) {
                return -1;
            }
            continue;
        }
        if (may_live(item) && wrap_item(p, list, i, RS_NOTE_REACH) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
is_one_of(PyObject *name, const char *const *names)
{
    for (int i = 0; name != NULL && names[i] != NULL; i++) {
        if (rs_text_equals(name, names[i])) {
            return 1;
        }
    }
    return name != NULL ? 0 : -1;
}

/* setattr(x, ...), vars(x), x.__setattr__(...), object.__setattr__(x, ...): attributes of x,
 * nobody knows which. */
static int
probe_setters(const place *p, PyObject *func, PyObject *args)
{
    static const char *const functions[] = {"setattr", "delattr", "vars", NULL};
    static const char *const methods[] = {"__setattr__", "__delattr__", "__setstate__",
                                          NULL};
    int first = PyList_GET_SIZE(args) > 0 && may_live(PyList_GET_ITEM(args, 0));
    int named = 0;
    if (rs_ast_is(func, "Name")) {
        named = is_one_of(rs_ast_get(func, "id"), functions);
        return named > 0 && first ? wrap_item(p, args, 0, RS_NOTE_WHOLE) : named;
    }
    if (rs_ast_is(func, "Attribute")) {
        named = is_one_of(rs_ast_get(func, "attr"), methods);
    }
    if (named > 0) {
        return first && wrap_item(p, args, 0, RS_NOTE_WHOLE) < 0
                   ? -1
                   : wrap_field(p, func, "value", RS_NOTE_WHOLE, NULL);
    }
    return named;
}

/* `x.method(...)`, `function(...)`: what is called, its object and its arguments. */
static int
probe_call(const place *p, PyObject *node)
{
    PyObject *func = rs_ast_get(node, "func");
    PyObject *args = rs_ast_list(node, "args");
    PyObject *keywords = rs_ast_list(node, "keywords");
    if (func == NULL || args == NULL || keywords == NULL) {
        return -1;
    }
    if (probe_setters(p, func, args) < 0) {
        return -1;
    }
    if (rs_ast_is(func, "Attribute")) {
        PyObject *object = rs_ast_get(func, "value");
        if (object == NULL || (may_live(object) &&
                               wrap_field(p, func, "value", RS_NOTE_REACH, NULL) < 0)) {
            return -1;
        }
    } else if (may_live(func) && wrap_field(p, node, "func", RS_NOTE_REACH, NULL) < 0) {
        return -1;
    }
    return wrap_items(p, args) < 0 ? -1 : wrap_items(p, keywords);
}

/* `@registry.add` calls it. */
static int
probe_decorators(const place *p, PyObject *node)
{
    PyObject *decorators = rs_ast_list(node, "decorator_list");
    for (Py_ssize_t i = 0; decorators != NULL && i < PyList_GET_SIZE(decorators); i++) {
        PyObject *decorator = PyList_GET_ITEM(decorators, i);
        if (rs_ast_is(decorator, "Attribute") &&
            wrap_field(p, decorator, "value", RS_NOTE_REACH, NULL) < 0) {
            return -1;
        }
    }
    return decorators == NULL ? -1 : wrap_items(p, decorators);
}

/* ---- augmented assignments ---- */

static PyObject *
load_name(PyObject *at, PyObject *id)
{
    return rs_ast_new("Name", at,
                      Py_BuildValue("{s:O,s:N}", "id", id, "ctx", context("Load")));
}

/* value = (probed, value)[1]: `probed` (stolen, may be NULL) is evaluated after the target
 * and before the right side. */
static int
put_before_value(PyObject *node, PyObject *probed)
{
    PyObject *value = rs_ast_get(node, "value");
    /* owned */
    PyObject *pair = NULL, *one = NULL;
    int result = -1;

    if (probed == NULL || value == NULL) {
        goto done;
    }
    pair = rs_ast_new(
        "Tuple", value,
        Py_BuildValue("{s:[OO],s:N}", "elts", probed, value, "ctx", context("Load")));
    one = rs_ast_new("Constant", value, Py_BuildValue("{s:i}", "value", 1));
    if (pair == NULL || one == NULL) {
        goto done;
    }
    result = set_field(node, "value",
                       rs_ast_new("Subscript", value,
                                  Py_BuildValue("{s:O,s:O,s:N}", "value", pair, "slice",
                                                one, "ctx", context("Load"))));
done:
    Py_XDECREF(probed);
    Py_XDECREF(pair);
    Py_XDECREF(one);
    return result;
}

/* `x += ...` changes x itself where it is a container. */
static int
probe_augmented_name(const place *p, PyObject *node, PyObject *target)
{
    PyObject *id = rs_ast_get(target, "id"), *probed = NULL;
    PyObject *name = id != NULL ? load_name(target, id) : NULL;
    if (name != NULL) {
        probed = wrap(p, name, RS_NOTE_ITEMS, NULL);
        Py_DECREF(name);
    }
    return put_before_value(node, probed);
}

/* What a probe is before: borrowed, or the node itself. NULL with an exception. */
static PyObject *
without_probe(PyObject *node)
{
    PyObject *op;
    if (!rs_ast_is(node, "BinOp")) {
        return node;
    }
    op = rs_ast_get(node, "op");
    if (op == NULL || !rs_ast_is(op, "MatMult")) {
        return op != NULL ? node : NULL;
    }
    return rs_ast_get(node, "right");
}

/* An expression that gives what the target's part (`field` of it) has given, without
 * evaluating that again: a name or constant itself; else what a temporary keeps that the
 * field becomes an assignment to. New reference; NULL with an exception, or without one if
 * there is no place for a temporary. */
static PyObject *
again(const place *p, PyObject *target, const char *field, const char *temporary)
{
    PyObject *part = rs_ast_get(target, field), *inner, *id, *store, *kept;
    if (part == NULL) {
        return NULL;
    }
    inner = without_probe(part);
    if (inner == NULL || rs_ast_is(inner, "Name")) {
        id = inner != NULL ? rs_ast_get(inner, "id") : NULL;
        return id != NULL ? load_name(inner, id) : NULL;
    }
    if (rs_ast_is(inner, "Constant")) {
        return Py_NewRef(inner);
    }
    if (p->scope == IN_CLASS) {
        return NULL;
    }
    id = PyUnicode_FromString(temporary);
    if (id == NULL) {
        return NULL;
    }
    store = rs_ast_new("Name", part,
                       Py_BuildValue("{s:O,s:N}", "id", id, "ctx", context("Store")));
    kept = store != NULL
               ? rs_ast_new("NamedExpr", part,
                            Py_BuildValue("{s:N,s:O}", "target", store, "value", part))
               : NULL;
    if (set_field(target, field, kept) < 0) {
        Py_DECREF(id);
        return NULL;
    }
    kept = load_name(target, id);
    Py_DECREF(id);
    return kept;
}

/* 1, 0, -1. */
static int
has_slice(PyObject *key)
{
    PyObject *elts;
    if (!rs_ast_is(key, "Tuple")) {
        return rs_ast_is(key, "Slice");
    }
    elts = rs_ast_list(key, "elts");
    for (Py_ssize_t i = 0; elts != NULL && i < PyList_GET_SIZE(elts); i++) {
        if (rs_ast_is(PyList_GET_ITEM(elts, i), "Slice")) {
            return 1;
        }
    }
    return elts != NULL ? 0 : -1;
}

/* `x[k] += ...`: what is there may be changed in place. */
static int
probe_augmented_item(const place *p, PyObject *node, PyObject *target)
{
    PyObject *slice = rs_ast_get(target, "slice"), *pair, *probed = NULL;
    /* owned */
    PyObject *object = NULL, *key = NULL;

    if (slice == NULL || has_slice(slice) != 0) { /* slices of lists are copies */
        return PyErr_Occurred() ? -1 : 0;
    }
    object = again(p, target, "value", RS_PROBING_TEMPORARY "object");
    key = object != NULL ? again(p, target, "slice", RS_PROBING_TEMPORARY "key") : NULL;
    if (key == NULL) {
        Py_XDECREF(object);
        return PyErr_Occurred() ? -1
                                : wrap_field(p, target, "value", RS_NOTE_INSIDE, NULL);
    }
    pair = rs_ast_new(
        "Tuple", target,
        Py_BuildValue("{s:[NN],s:N}", "elts", object, key, "ctx", context("Load")));
    if (pair != NULL) {
        probed = wrap(p, pair, RS_NOTE_ITEM, NULL);
        Py_DECREF(pair);
    }
    return put_before_value(node, probed);
}

/* The place has its probe; what is in it may be changed in place as well. */
static int
probe_augmented(const place *p, PyObject *node, PyObject *target)
{
    PyObject *name;
    int result;
    if (rs_ast_is(target, "Name")) {
        return probe_augmented_name(p, node, target);
    }
    if (rs_ast_is(target, "Subscript")) {
        return probe_augmented_item(p, node, target);
    }
    name = stored_name(p, rs_ast_get(target, "attr"));
    result = name != NULL ? wrap_field(p, target, "value", RS_NOTE_INSIDE, name) : -1;
    Py_XDECREF(name);
    return result;
}

/* ---- places ---- */

static int
probe_attribute(const place *p, PyObject *node)
{
    PyObject *ctx = rs_ast_get(node, "ctx"), *name = rs_ast_get(node, "attr");
    int result, is_store;
    if (ctx == NULL || name == NULL) {
        return -1;
    }
    if (rs_ast_is(ctx, "Load")) {
        return rs_text_equals(name, "__dict__")
                   ? wrap_field(p, node, "value", RS_NOTE_WHOLE, NULL)
                   : 0;
    }
    is_store = rs_ast_is(ctx, "Store") && !rs_text_equals(name, "__dict__");
    name = stored_name(p, name);
    if (name == NULL) {
        return -1;
    }
    result = wrap_field(p, node, "value", is_store ? RS_NOTE_ATTRIBUTE : RS_NOTE_DELETE,
                        name);
    Py_DECREF(name);
    return result;
}

static int
probe_subscript(const place *p, PyObject *node)
{
    PyObject *ctx = rs_ast_get(node, "ctx"), *value = rs_ast_get(node, "value");
    if (ctx == NULL || value == NULL) {
        return -1;
    }
    if (rs_ast_is(ctx, "Load")) {
        return may_live(value) ? wrap_field(p, node, "value", RS_NOTE_READ, NULL) : 0;
    }
    return wrap_field(p, node, "value", RS_NOTE_ITEMS, NULL);
}

/* The node itself, when all below it have their probes. */
static int
probe_node(const place *p, PyObject *node)
{
    if (rs_ast_is(node, "Attribute")) {
        return probe_attribute(p, node);
    }
    if (rs_ast_is(node, "Subscript")) {
        return probe_subscript(p, node);
    }
    if (rs_ast_is(node, "Call")) {
        return probe_call(p, node);
    }
    if (rs_ast_is(node, "FunctionDef") || rs_ast_is(node, "AsyncFunctionDef") ||
        rs_ast_is(node, "ClassDef")) {
        return probe_decorators(p, node);
    }
    return 0;
}

/* ---- the walk ---- */

/* Annotations may be evaluated later, or never, and patterns take no expressions. */
static int
is_left_alone(PyObject *node, PyObject *field)
{
    static const char *const names[] = {"annotation", "returns", "type_params",
                                        "pattern", NULL};
    if (rs_ast_is(node, "TypeAlias")) {
        return 1;
    }
    for (int i = 0; names[i] != NULL; i++) {
        if (rs_text_equals(field, names[i])) {
            return 1;
        }
    }
    return 0;
}

static int
is_tree(PyObject *value)
{
    return PyType_HasFeature(Py_TYPE(value), Py_TPFLAGS_HEAPTYPE) &&
           !PyList_Check(value);
}

static int
probe_value(const place *p, PyObject *value)
{
    if (!PyList_Check(value)) {
        return is_tree(value) ? probe_tree(p, value) : 0;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(value); i++) {
        PyObject *item = PyList_GET_ITEM(value, i);
        if (is_tree(item) && probe_tree(p, item) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Where `field` of the node is. */
static place
place_of(const place *p, PyObject *node, PyObject *field)
{
    place inner = *p;
    if (!rs_text_equals(field, "body")) {
        return inner; /* decorators, defaults, bases are outside */
    }
    if (rs_ast_is(node, "ClassDef")) {
        inner.scope = IN_CLASS;
        inner.class_name = rs_ast_get(node, "name");
    } else if (rs_ast_is(node, "FunctionDef") || rs_ast_is(node, "AsyncFunctionDef")) {
        inner.scope = IN_FUNCTION;
    }
    return inner;
}

static int
probe_fields(const place *p, PyObject *node)
{
    PyObject *fields = rs_ast_get((PyObject *)Py_TYPE(node), "_fields");
    int result = fields != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(fields); i++) {
        PyObject *value, *name = PyTuple_GET_ITEM(fields, i);
        place inner;
        if (is_left_alone(node, name)) {
            continue;
        }
        value = PyObject_GetAttr(node, name);
        if (value == NULL) {
            if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
                return -1;
            }
            PyErr_Clear();
            continue;
        }
        inner = place_of(p, node, name);
        result = PyErr_Occurred() ? -1 : probe_value(&inner, value);
        Py_DECREF(value);
    }
    return result;
}

static int
probe_tree(const place *p, PyObject *node)
{
    int result;
    PyObject *target = rs_ast_is(node, "AugAssign") ? rs_ast_get(node, "target") : NULL;
    if (Py_EnterRecursiveCall(" in a syntax tree")) {
        return -1;
    }
    result = PyErr_Occurred() ? -1 : probe_fields(p, node);
    if (result == 0) {
        result = target != NULL ? probe_augmented(p, node, target)
                                : probe_node(p, node);
    }
    Py_LeaveRecursiveCall();
    return result;
}

int
rs_probing_tree(rs_session *s, PyObject *statements, int in_function)
{
    place p = {s, in_function ? IN_FUNCTION : IN_MODULE, NULL};
    return probe_value(&p, statements);
}
