#include "instrument.h"

#include <string.h>

#include "leaks.h"
#include "same.h"
#include "syntax.h"

/* The name of the function that a snippet becomes the body of; no program has it. */
#define BODY "__hotfix_body__"
#define LOCAL BODY ".<locals>."

/* A constant that stands for a probe until the code is there: mark, kind, name. */
#define MARK "\x01resoul probe "

/* ---- probes ---- */

typedef struct {
    PyObject_HEAD
    rs_session *s;
    rs_note_kind kind;
    PyObject *name; /* of an attribute, or NULL */
} probe;

static PyObject *
probe_note(PyObject *left, PyObject *right)
{
    const probe *self = (probe *)left;
    if (self->s->leaks != NULL &&
        rs_leaks_note(self->s, self->kind, right, self->name) < 0) {
        return NULL;
    }
    return Py_NewRef(right);
}

static void
probe_dealloc(PyObject *op)
{
    probe *self = (probe *)op;
    PyTypeObject *type = Py_TYPE(op);
    Py_DECREF(self->s);
    Py_XDECREF(self->name);
    type->tp_free(op);
    Py_DECREF(type);
}

PyObject *
rs_probe_type(PyObject *engine)
{
    PyType_Slot slots[] = {
        {Py_tp_dealloc, (void *)probe_dealloc},
        {Py_nb_matrix_multiply, (void *)probe_note},
        {Py_tp_doc, (void *)"Notes what a hotfix snippet is about to change."},
        {0, NULL},
    };
    PyType_Spec spec = {
        .name = "resoul._engine.Probe",
        .basicsize = sizeof(probe),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = slots,
    };
    return PyType_FromModuleAndSpec(engine, &spec, NULL);
}

/* The probe that a constant stands for: new reference; NULL without an exception if it
 * stands for itself. */
static PyObject *
probe_for(rs_session *s, PyObject *constant)
{
    Py_ssize_t n = (Py_ssize_t)sizeof(MARK) - 1;
    Py_ssize_t size = PyUnicode_CheckExact(constant) ? PyUnicode_GET_LENGTH(constant)
                                                     : 0;
    probe *made;
    if (size <= n) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        if (PyUnicode_READ_CHAR(constant, i) != (unsigned char)MARK[i]) {
            return NULL;
        }
    }
    made = PyObject_New(probe, RS_TYPE(s->st->Probe_Type));
    if (made == NULL) {
        return NULL;
    }
    made->s = (rs_session *)Py_NewRef((PyObject *)s);
    made->kind = (rs_note_kind)(PyUnicode_READ_CHAR(constant, n) - '0');
    made->name = NULL;
    if (size > n + 1) {
        made->name = PyUnicode_Substring(constant, n + 1, size);
        if (made->name == NULL) {
            Py_DECREF(made);
            return NULL;
        }
        PyUnicode_InternInPlace(&made->name);
    }
    return (PyObject *)made;
}

/* ---- putting probes into the tree ---- */

static int probe_value(PyObject *holder, PyObject *name, PyObject *value);

/* `(probe @ node)`: new reference. `name` may be NULL. Steals nothing. */
static PyObject *
wrap(PyObject *node, rs_note_kind kind, PyObject *name)
{
    /* owned */
    PyObject *mark = name != NULL
                         ? PyUnicode_FromFormat("%s%d%U", MARK, (int)kind, name)
                         : PyUnicode_FromFormat("%s%d", MARK, (int)kind);
    PyObject *constant = NULL, *at = NULL;

    if (mark != NULL) {
        constant = rs_ast_new("Constant", node, Py_BuildValue("{s:O}", "value", mark));
    }
    if (constant != NULL) {
        at = rs_ast_new("MatMult", NULL, PyDict_New());
    }
    Py_XDECREF(mark);
    if (at == NULL) {
        Py_XDECREF(constant);
        return NULL;
    }
    return rs_ast_new(
        "BinOp", node,
        Py_BuildValue("{s:N,s:N,s:O}", "left", constant, "op", at, "right", node));
}

/* node.field = (probe @ node.field) */
static int
wrap_field(PyObject *node, const char *field, rs_note_kind kind, PyObject *name)
{
    int result;
    PyObject *value = rs_ast_get(node, field);
    PyObject *wrapped = value != NULL ? wrap(value, kind, name) : NULL;
    if (wrapped == NULL) {
        return -1;
    }
    result = PyObject_SetAttrString(node, field, wrapped);
    Py_DECREF(wrapped);
    return result;
}

/* May the expression be an object that lives, and can be changed? */
static int
may_live(PyObject *node)
{
    return rs_ast_is(node, "Name") || rs_ast_is(node, "Attribute") ||
           rs_ast_is(node, "Subscript") || rs_ast_is(node, "Call") ||
           rs_ast_is(node, "IfExp") || rs_ast_is(node, "NamedExpr") ||
           rs_ast_is(node, "Await") || rs_ast_is(node, "BoolOp");
}

static int
wrap_items(PyObject *list)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        PyObject *item = PyList_GET_ITEM(list, i);
        PyObject *wrapped;
        if (rs_ast_is(item, "Starred") || rs_ast_is(item, "keyword")) {
            PyObject *value = rs_ast_get(item, "value");
            if (value == NULL || (may_live(value) &&
                                  wrap_field(item, "value", RS_NOTE_REACH, NULL) < 0)) {
                return -1;
            }
            continue;
        }
        if (!may_live(item)) {
            continue;
        }
        wrapped = wrap(item, RS_NOTE_REACH, NULL);
        if (wrapped == NULL || PyList_SetItem(list, i, wrapped) < 0) { /* steals */
            return -1;
        }
    }
    return 0;
}

/* `x.method(...)`, `function(...)`: what is called, its object and its arguments. */
static int
probe_call(PyObject *node)
{
    PyObject *func = rs_ast_get(node, "func");
    PyObject *args = rs_ast_list(node, "args");
    PyObject *keywords = rs_ast_list(node, "keywords");
    if (func == NULL || args == NULL || keywords == NULL) {
        return -1;
    }
    if (rs_ast_is(func, "Attribute")) {
        PyObject *object = rs_ast_get(func, "value");
        if (object == NULL ||
            (may_live(object) && wrap_field(func, "value", RS_NOTE_REACH, NULL) < 0)) {
            return -1;
        }
    } else if (may_live(func) && wrap_field(node, "func", RS_NOTE_REACH, NULL) < 0) {
        return -1;
    }
    return wrap_items(args) < 0 ? -1 : wrap_items(keywords);
}

/* `x += ...` changes x itself where it is a container: the right side becomes
 * `(probe @ x, ...)[1]`, which is evaluated after x. */
static int
probe_augmented_name(PyObject *node, PyObject *target)
{
    PyObject *id = rs_ast_get(target, "id"), *value = rs_ast_get(node, "value");
    /* owned */
    PyObject *name = NULL, *wrapped = NULL, *pair = NULL, *one = NULL, *item = NULL;
    int result = -1;

    if (id == NULL || value == NULL) {
        return -1;
    }
    name = rs_ast_new("Name", target,
                      Py_BuildValue("{s:O,s:N}", "id", id, "ctx",
                                    rs_ast_new("Load", NULL, PyDict_New())));
    wrapped = name != NULL ? wrap(name, RS_NOTE_ITEMS, NULL) : NULL;
    if (wrapped == NULL) {
        goto done;
    }
    pair = rs_ast_new("Tuple", value,
                      Py_BuildValue("{s:[OO],s:N}", "elts", wrapped, value, "ctx",
                                    rs_ast_new("Load", NULL, PyDict_New())));
    one = rs_ast_new("Constant", value, Py_BuildValue("{s:i}", "value", 1));
    if (pair == NULL || one == NULL) {
        goto done;
    }
    item = rs_ast_new("Subscript", value,
                      Py_BuildValue("{s:O,s:O,s:N}", "value", pair, "slice", one, "ctx",
                                    rs_ast_new("Load", NULL, PyDict_New())));
    result = item != NULL ? PyObject_SetAttrString(node, "value", item) : -1;
done:
    Py_XDECREF(name);
    Py_XDECREF(wrapped);
    Py_XDECREF(pair);
    Py_XDECREF(one);
    Py_XDECREF(item);
    return result;
}

static int
probe_augmented(PyObject *node)
{
    PyObject *target = rs_ast_get(node, "target");
    if (target == NULL) {
        return -1;
    }
    if (rs_ast_is(target, "Name")) {
        return probe_augmented_name(node, target);
    }
    /* the place has its probe; what is in it may be changed in place as well */
    return wrap_field(target, "value", RS_NOTE_INSIDE,
                      rs_ast_is(target, "Attribute") ? rs_ast_get(target, "attr")
                                                     : NULL);
}

/* `@registry.add` calls it. */
static int
probe_decorators(PyObject *node)
{
    PyObject *decorators = rs_ast_list(node, "decorator_list");
    for (Py_ssize_t i = 0; decorators != NULL && i < PyList_GET_SIZE(decorators); i++) {
        PyObject *decorator = PyList_GET_ITEM(decorators, i);
        if (rs_ast_is(decorator, "Attribute") &&
            wrap_field(decorator, "value", RS_NOTE_REACH, NULL) < 0) {
            return -1;
        }
    }
    return decorators == NULL ? -1 : wrap_items(decorators);
}

static int
is_stored(PyObject *node)
{
    PyObject *ctx = rs_ast_get(node, "ctx");
    return ctx == NULL ? -1 : !rs_ast_is(ctx, "Load");
}

/* The node itself, when all below it have their probes. */
static int
probe_node(PyObject *node)
{
    if (rs_ast_is(node, "Attribute")) {
        int stored = is_stored(node);
        return stored <= 0 ? stored
                           : wrap_field(node, "value", RS_NOTE_ATTRIBUTE,
                                        rs_ast_get(node, "attr"));
    }
    if (rs_ast_is(node, "Subscript")) {
        int stored = is_stored(node);
        PyObject *value = rs_ast_get(node, "value");
        if (stored < 0 || value == NULL || !(stored || may_live(value))) {
            return stored < 0 || value == NULL ? -1 : 0;
        }
        return wrap_field(node, "value", stored ? RS_NOTE_ITEMS : RS_NOTE_READ, NULL);
    }
    if (rs_ast_is(node, "Call")) {
        return probe_call(node);
    }
    if (rs_ast_is(node, "AugAssign")) {
        return probe_augmented(node);
    }
    if (rs_ast_is(node, "FunctionDef") || rs_ast_is(node, "AsyncFunctionDef") ||
        rs_ast_is(node, "ClassDef")) {
        return probe_decorators(node);
    }
    return 0;
}

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
probe_tree(PyObject *node)
{
    int result = 0;
    PyObject *fields = rs_ast_get((PyObject *)Py_TYPE(node), "_fields");
    if (fields == NULL || Py_EnterRecursiveCall(" in a syntax tree")) {
        return -1;
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(fields); i++) {
        PyObject *value, *name = PyTuple_GET_ITEM(fields, i);
        if (is_left_alone(node, name)) {
            continue;
        }
        value = PyObject_GetAttr(node, name);
        if (value == NULL) {
            if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
                result = -1;
            }
            PyErr_Clear();
            continue;
        }
        result = probe_value(node, name, value);
        Py_DECREF(value);
    }
    Py_LeaveRecursiveCall();
    return result == 0 ? probe_node(node) : -1;
}

static int
probe_value(PyObject *holder, PyObject *name, PyObject *value)
{
    (void)holder;
    (void)name;
    if (PyList_Check(value)) {
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(value); i++) {
            PyObject *item = PyList_GET_ITEM(value, i);
            if (is_tree(item) && probe_tree(item) < 0) {
                return -1;
            }
        }
        return 0;
    }
    return is_tree(value) ? probe_tree(value) : 0;
}

/* ---- code ---- */

static PyObject *
replace_constants(PyObject *code, PyObject *constants)
{
    PyObject *result = NULL;
    /* owned */
    PyObject *replace = PyObject_GetAttrString(code, "replace");
    PyObject *no_args = PyTuple_New(0);
    PyObject *kwargs = Py_BuildValue("{s:O}", "co_consts", constants);

    if (replace != NULL && no_args != NULL && kwargs != NULL) {
        result = PyObject_Call(replace, no_args, kwargs);
    }
    Py_XDECREF(replace);
    Py_XDECREF(no_args);
    Py_XDECREF(kwargs);
    return result;
}

/* "name" of "__hotfix_body__.<locals>.name": new reference; NULL without an exception if
 * it doesn't begin like that. */
static PyObject *
without_body(PyObject *text)
{
    Py_ssize_t n = (Py_ssize_t)sizeof(LOCAL) - 1;
    if (!PyUnicode_CheckExact(text) || PyUnicode_GET_LENGTH(text) <= n) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        if (PyUnicode_READ_CHAR(text, i) != (unsigned char)LOCAL[i]) {
            return NULL;
        }
    }
    return PyUnicode_Substring(text, n, PyUnicode_GET_LENGTH(text));
}

static PyObject *
rename_code(PyObject *code)
{
    PyObject *result = NULL;
    PyObject *name = without_body(RS_CODE(code)->co_qualname);
    /* owned */
    PyObject *replace, *no_args, *kwargs;

    if (name == NULL) {
        return PyErr_Occurred() ? NULL : Py_NewRef(code);
    }
    replace = PyObject_GetAttrString(code, "replace");
    no_args = PyTuple_New(0);
    kwargs = Py_BuildValue("{s:O}", "co_qualname", name);
    if (replace != NULL && no_args != NULL && kwargs != NULL) {
        result = PyObject_Call(replace, no_args, kwargs);
    }
    Py_DECREF(name);
    Py_XDECREF(replace);
    Py_XDECREF(no_args);
    Py_XDECREF(kwargs);
    return result;
}

/* The same code with probes where their marks are, and without the function around it in
 * qualified names. New reference. */
static PyObject *
finish_code(rs_session *s, PyObject *code)
{
    PyObject *old = RS_CODE(code)->co_consts, *result, *renamed;
    PyObject *constants = PyTuple_New(PyTuple_GET_SIZE(old));
    for (Py_ssize_t i = 0; constants != NULL && i < PyTuple_GET_SIZE(old); i++) {
        PyObject *constant = PyTuple_GET_ITEM(old, i);
        PyObject *other = PyCode_Check(constant) ? finish_code(s, constant)
                                                 : probe_for(s, constant);
        if (other == NULL && !PyErr_Occurred()) {
            other = without_body(constant);
        }
        if (other == NULL && PyErr_Occurred()) {
            Py_DECREF(constants);
            return NULL;
        }
        PyTuple_SET_ITEM(constants, i, other != NULL ? other : Py_NewRef(constant));
    }
    result = constants != NULL ? replace_constants(code, constants) : NULL;
    Py_XDECREF(constants);
    if (result == NULL) {
        return NULL;
    }
    renamed = rename_code(result);
    Py_DECREF(result);
    return renamed;
}

/* N2. Constants of both are in the same order but for marks. 0 or -1. */
static int
pair_codes(rs_instrumented *in, PyObject *probed, PyObject *clean)
{
    PyObject *a = RS_CODE(probed)->co_consts, *b = RS_CODE(clean)->co_consts;
    Py_ssize_t i = 0, k = 0;
    if (rs_idmap_set(&in->twins, probed, clean) < 0 ||
        rs_idmap_set(&in->own, probed, probed) < 0 ||
        rs_idmap_set(&in->own, clean, clean) < 0) {
        return -1;
    }
    for (;;) {
        while (i < PyTuple_GET_SIZE(a) && !PyCode_Check(PyTuple_GET_ITEM(a, i))) {
            i++;
        }
        while (k < PyTuple_GET_SIZE(b) && !PyCode_Check(PyTuple_GET_ITEM(b, k))) {
            k++;
        }
        if (i == PyTuple_GET_SIZE(a) || k == PyTuple_GET_SIZE(b)) {
            break;
        }
        if (pair_codes(in, PyTuple_GET_ITEM(a, i++), PyTuple_GET_ITEM(b, k++)) < 0) {
            return -1;
        }
    }
    if (i != PyTuple_GET_SIZE(a) || k != PyTuple_GET_SIZE(b)) {
        PyErr_SetString(PyExc_SystemError, "code with probes has other code in it");
        return -1;
    }
    return 0;
}

/* def __hotfix_body__(): statements -- a list with that definition. New reference. */
static PyObject *
as_function(PyObject *statements)
{
    PyObject *first = PyList_GET_ITEM(statements, 0);
    PyObject *function, *list = NULL;
    PyObject *nothing = rs_ast_new("arguments", NULL,
                                   Py_BuildValue("{s:[],s:[],s:[],s:[],s:[]}",
                                                 "posonlyargs", "args", "kwonlyargs",
                                                 "kw_defaults", "defaults"));
    if (nothing == NULL) {
        return NULL;
    }
    function = rs_ast_new("FunctionDef", first,
                          Py_BuildValue("{s:s,s:N,s:O,s:[],s:[]}", "name", BODY, "args",
                                        nothing, "body", statements, "decorator_list",
                                        "type_params"));
    if (function != NULL) {
        list = PyList_New(1);
    }
    if (list == NULL) {
        Py_XDECREF(function);
        return NULL;
    }
    PyList_SET_ITEM(list, 0, function);
    return list;
}

/* The code of the function that a module body defines: new reference. */
static PyObject *
function_code(PyObject *module_code)
{
    PyObject *constants = RS_CODE(module_code)->co_consts;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); i++) {
        PyObject *constant = PyTuple_GET_ITEM(constants, i);
        if (PyCode_Check(constant)) {
            return Py_NewRef(constant);
        }
    }
    PyErr_SetString(PyExc_SystemError, "the snippet's function has no code");
    return NULL;
}

PyObject *
rs_instrument_compile(rs_session *s, PyObject *statements, PyObject *filename,
                      int inside)
{
    PyObject *code, *result;
    PyObject *body = inside && PyList_GET_SIZE(statements) > 0 ? as_function(statements)
                                                               : Py_NewRef(statements);
    code = body != NULL ? rs_ast_compile(body, filename, 0) : NULL;
    Py_XDECREF(body);
    if (code != NULL && inside && PyList_GET_SIZE(statements) > 0) {
        Py_SETREF(code, function_code(code));
    }
    if (code == NULL) {
        return NULL;
    }
    result = finish_code(s, code);
    Py_DECREF(code);
    return result;
}

/* Parsed once more: the parser's tree is changed in place. */
static PyObject *
probed_statements(PyObject *text, PyObject *filename)
{
    PyObject *statements = rs_ast_parse(text, 1, filename);
    for (Py_ssize_t i = 0; statements != NULL && i < PyList_GET_SIZE(statements); i++) {
        if (probe_tree(PyList_GET_ITEM(statements, i)) < 0) {
            Py_CLEAR(statements);
        }
    }
    return statements;
}

int
rs_instrument(rs_session *s, PyObject *text, PyObject *filename, int inside,
              rs_instrumented *result)
{
    PyObject *statements, *check;
    memset(result, 0, sizeof(*result));
    result->tree = rs_ast_parse(text, 1, filename);
    if (result->tree == NULL) {
        return -1;
    }
    /* as a module first: a `return` between the statements is an error, inside as well */
    check = rs_instrument_compile(s, result->tree, filename, 0);
    if (check == NULL) {
        return -1;
    }
    if (!inside) {
        result->clean = check;
    } else {
        Py_DECREF(check);
        result->clean = rs_instrument_compile(s, result->tree, filename, 1);
    }
    statements = result->clean != NULL ? probed_statements(text, filename) : NULL;
    if (statements == NULL) {
        return -1;
    }
    result->probed = rs_instrument_compile(s, statements, filename, inside);
    Py_DECREF(statements);
    if (result->probed == NULL) {
        return -1;
    }
    return pair_codes(result, result->probed, result->clean);
}

void
rs_instrumented_clear(rs_instrumented *code)
{
    Py_CLEAR(code->tree);
    Py_CLEAR(code->clean);
    Py_CLEAR(code->probed);
    rs_idmap_clear(&code->twins);
    rs_idmap_clear(&code->own);
}
