#include "syntax.h"

#include <string.h>

#include "same.h"

/* ---- nodes ---- */

int
rs_ast_is(PyObject *node, const char *type)
{
    return node != NULL && strcmp(Py_TYPE(node)->tp_name, type) == 0;
}

PyObject *
rs_ast_get(PyObject *node, const char *name)
{
    PyObject *value = PyObject_GetAttrString(node, name);
    Py_XDECREF(value); /* the node owns it (S1) */
    return value;
}

PyObject *
rs_ast_list(PyObject *node, const char *name)
{
    PyObject *list = rs_ast_get(node, name);
    if (list != NULL && !PyList_Check(list)) {
        PyErr_Format(PyExc_TypeError, "%s.%s is no list", Py_TYPE(node)->tp_name, name);
        return NULL;
    }
    return list;
}

static int
number_of(PyObject *node, const char *name)
{
    long line;
    PyObject *value = rs_ast_get(node, name);
    if (value == NULL || !PyLong_Check(value)) {
        PyErr_Clear(); /* also of memory: a line that isn't known is 0 */
        return 0;
    }
    line = PyLong_AsLong(value);
    return line > 0 && line < INT_MAX ? (int)line : 0;
}

int
rs_ast_line(PyObject *node)
{
    PyObject *decorators;
    if (!rs_ast_is(node, "FunctionDef") && !rs_ast_is(node, "AsyncFunctionDef") &&
        !rs_ast_is(node, "ClassDef")) {
        return number_of(node, "lineno");
    }
    decorators = rs_ast_get(node, "decorator_list");
    if (decorators == NULL || !PyList_Check(decorators)) {
        PyErr_Clear(); /* as number_of() */
        return number_of(node, "lineno");
    }
    return number_of(PyList_GET_SIZE(decorators) > 0 ? PyList_GET_ITEM(decorators, 0)
                                                     : node,
                     "lineno");
}

int
rs_ast_last_line(PyObject *node)
{
    return number_of(node, "end_lineno");
}

/* ---- parsing, compiling, making ---- */

static PyObject *
call_compile(PyObject *source, PyObject *filename, int flags)
{
    PyObject *result = NULL;
    /* owned */
    PyObject *builtins = PyImport_ImportModule("builtins");
    PyObject *compile = builtins != NULL ? PyObject_GetAttrString(builtins, "compile")
                                         : NULL;
    PyObject *args = Py_BuildValue("(OOsii)", source, filename, "exec", flags, 1);

    if (compile != NULL && args != NULL) {
        result = PyObject_Call(compile, args, NULL);
    }
    Py_XDECREF(builtins);
    Py_XDECREF(compile);
    Py_XDECREF(args);
    return result;
}

PyObject *
rs_ast_parse(PyObject *text, int line, PyObject *filename)
{
    PyObject *tree, *body;
    /* owned */
    PyObject *newline = PyUnicode_FromString("\n");
    PyObject *padding = newline != NULL ? PySequence_Repeat(newline, line - 1) : NULL;
    PyObject *source = padding != NULL ? PyUnicode_Concat(padding, text) : NULL;

    tree = source != NULL ? call_compile(source, filename, PyCF_ONLY_AST) : NULL;
    Py_XDECREF(newline);
    Py_XDECREF(padding);
    Py_XDECREF(source);
    if (tree == NULL) {
        return NULL;
    }
    body = PyObject_GetAttrString(tree, "body");
    Py_DECREF(tree);
    return body;
}

PyObject *
rs_ast_new(const char *type, PyObject *at, PyObject *fields)
{
    PyObject *result = NULL;
    /* owned */
    PyObject *ast = fields != NULL ? PyImport_ImportModule("ast") : NULL;
    PyObject *cls = ast != NULL ? PyObject_GetAttrString(ast, type) : NULL;
    PyObject *no_args = PyTuple_New(0);

    if (cls != NULL && no_args != NULL) {
        result = PyObject_Call(cls, no_args, fields);
    }
    if (result != NULL && at != NULL) {
        PyObject *done = PyObject_CallMethod(ast, "copy_location", "OO", result, at);
        if (done == NULL) {
            Py_CLEAR(result);
        }
        Py_XDECREF(done);
    }
    Py_XDECREF(ast);
    Py_XDECREF(cls);
    Py_XDECREF(no_args);
    Py_XDECREF(fields);
    return result;
}

PyObject *
rs_ast_compile(PyObject *statements, PyObject *filename, int flags)
{
    PyObject *code, *module;
    PyObject *nothing = PyList_New(0);
    if (nothing == NULL) {
        return NULL;
    }
    module = rs_ast_new(
        "Module", NULL,
        Py_BuildValue("{s:O,s:N}", "body", statements, "type_ignores", nothing));
    if (module == NULL) {
        return NULL;
    }
    code = call_compile(module, filename, flags);
    Py_DECREF(module);
    return code;
}

/* ---- walking ---- */

/* The names of a node's fields: borrowed tuple. */
static PyObject *
fields_of(PyObject *node)
{
    PyObject *fields = rs_ast_get((PyObject *)Py_TYPE(node), "_fields");
    if (fields != NULL && !PyTuple_Check(fields)) {
        PyErr_SetString(PyExc_TypeError, "_fields is no tuple");
        return NULL;
    }
    return fields;
}

/* Is it a node, not a value in one? */
static int
is_node(PyObject *op)
{
    /* values are str, int, None ... : of static types */
    return PyType_HasFeature(Py_TYPE(op), Py_TPFLAGS_HEAPTYPE) && !PyList_Check(op);
}

/* A field: new reference, or NULL without an exception if the node lacks it. */
static PyObject *
field(PyObject *node, PyObject *name)
{
    PyObject *value = PyObject_GetAttr(node, name);
    if (value == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
    }
    return value;
}

int
rs_ast_walk_value(PyObject *value, rs_ast_visit visit, void *arg)
{
    int result = 0;
    if (PyList_Check(value)) {
        for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(value); i++) {
            result = rs_ast_walk_value(PyList_GET_ITEM(value, i), visit, arg);
        }
        return result;
    }
    return is_node(value) ? rs_ast_walk(value, visit, arg) : 0;
}

int
rs_ast_walk(PyObject *node, rs_ast_visit visit, void *arg)
{
    PyObject *fields;
    int result = visit(node, arg);
    if (result != 0) {
        return result == 1 ? 0 : result;
    }
    if (Py_EnterRecursiveCall(" in a syntax tree")) {
        return -1;
    }
    fields = fields_of(node);
    result = fields == NULL ? -1 : 0;
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(fields); i++) {
        PyObject *value = field(node, PyTuple_GET_ITEM(fields, i));
        if (value == NULL) {
            result = PyErr_Occurred() ? -1 : 0;
            continue;
        }
        result = rs_ast_walk_value(value, visit, arg);
        Py_DECREF(value);
    }
    Py_LeaveRecursiveCall();
    return result;
}

/* ---- comparing ---- */

static int same_value(PyObject *a, PyObject *b, int but_functions);

static int
is_function(PyObject *node)
{
    return rs_ast_is(node, "FunctionDef") || rs_ast_is(node, "AsyncFunctionDef");
}

/* How a string was written, and comments on types, are no syntax. */
static int
is_no_syntax(PyObject *name)
{
    return rs_text_equals(name, "kind") || rs_text_equals(name, "type_comment") ||
           rs_text_equals(name, "type_ignores");
}

static int
same_node(PyObject *a, PyObject *b, int but_functions)
{
    int result = 1;
    PyObject *fields;
    if (Py_TYPE(a) != Py_TYPE(b)) {
        return but_functions && is_function(a) && is_function(b) ? 1 : 0;
    }
    fields = fields_of(a);
    if (fields == NULL || Py_EnterRecursiveCall(" in a syntax tree")) {
        return -1;
    }
    for (Py_ssize_t i = 0; result == 1 && i < PyTuple_GET_SIZE(fields); i++) {
        PyObject *x, *y, *name = PyTuple_GET_ITEM(fields, i);
        if (is_no_syntax(name) ||
            (but_functions && is_function(a) && !rs_text_equals(name, "name") &&
             !rs_text_equals(name, "decorator_list"))) {
            continue;
        }
        x = field(a, name);
        y = x != NULL || !PyErr_Occurred() ? field(b, name) : NULL;
        if (PyErr_Occurred()) {
            result = -1;
        } else if (x == NULL || y == NULL) {
            result = x == y;
        } else {
            result = same_value(x, y, but_functions);
        }
        Py_XDECREF(x);
        Py_XDECREF(y);
    }
    Py_LeaveRecursiveCall();
    return result;
}

static int
same_value(PyObject *a, PyObject *b, int but_functions)
{
    if (a == b) {
        return 1;
    }
    if (PyList_Check(a)) {
        int result = PyList_Check(b) && PyList_GET_SIZE(a) == PyList_GET_SIZE(b);
        for (Py_ssize_t i = 0; result == 1 && i < PyList_GET_SIZE(a); i++) {
            result = same_value(PyList_GET_ITEM(a, i), PyList_GET_ITEM(b, i),
                                but_functions);
        }
        return result;
    }
    if (is_node(a)) {
        return is_node(b) ? same_node(a, b, but_functions) : 0;
    }
    return is_node(b) ? 0 : rs_same_literal(a, b);
}

int
rs_syntax_same(PyObject *a, PyObject *b)
{
    return a == NULL || b == NULL ? a == b : same_value(a, b, 0);
}

int
rs_syntax_same_but_functions(PyObject *a, PyObject *b)
{
    return a == NULL || b == NULL ? a == b : same_value(a, b, 1);
}

/* ---- moving ---- */

static int shift_value(PyObject *a, PyObject *b, int delta);

static int
shift_node(PyObject *a, PyObject *b, int delta)
{
    int result = 1;
    int line = number_of(a, "lineno"), last = number_of(a, "end_lineno");
    PyObject *fields = fields_of(a);
    if (fields == NULL) {
        return -1;
    }
    if (line != 0 &&
        (number_of(b, "lineno") - line != delta ||
         number_of(b, "end_lineno") - last != delta ||
         number_of(b, "col_offset") != number_of(a, "col_offset") ||
         number_of(b, "end_col_offset") != number_of(a, "end_col_offset"))) {
        return 0;
    }
    if (Py_EnterRecursiveCall(" in a syntax tree")) {
        return -1;
    }
    for (Py_ssize_t i = 0; result == 1 && i < PyTuple_GET_SIZE(fields); i++) {
        PyObject *x = field(a, PyTuple_GET_ITEM(fields, i));
        PyObject *y = field(b, PyTuple_GET_ITEM(fields, i));
        result = PyErr_Occurred() ? -1 : 1;
        if (x != NULL && y != NULL) {
            result = shift_value(x, y, delta);
        }
        Py_XDECREF(x);
        Py_XDECREF(y);
    }
    Py_LeaveRecursiveCall();
    return result;
}

static int
shift_value(PyObject *a, PyObject *b, int delta)
{
    int result = 1;
    if (PyList_Check(a)) {
        for (Py_ssize_t i = 0; result == 1 && i < PyList_GET_SIZE(a); i++) {
            result = shift_value(PyList_GET_ITEM(a, i), PyList_GET_ITEM(b, i), delta);
        }
        return result;
    }
    return is_node(a) ? shift_node(a, b, delta) : 1;
}

int
rs_syntax_shift(PyObject *a, PyObject *b, int *delta)
{
    *delta = rs_ast_line(b) - rs_ast_line(a);
    return shift_value(a, b, *delta);
}

/* ---- hashing ---- */

typedef struct {
    Py_uhash_t hash;
} hashed;

static int
hash_node(PyObject *node, void *arg)
{
    hashed *h = arg;
    PyObject *value = NULL;
    h->hash = h->hash * 1000003U ^ (Py_uhash_t)(uintptr_t)Py_TYPE(node);
    if (rs_ast_is(node, "Name")) {
        value = rs_ast_get(node, "id");
    } else if (rs_ast_is(node, "Constant")) {
        value = rs_ast_get(node, "value");
    } else if (rs_ast_is(node, "Attribute")) {
        value = rs_ast_get(node, "attr");
    } else if (is_function(node) || rs_ast_is(node, "ClassDef")) {
        value = rs_ast_get(node, "name");
    } else {
        return 0;
    }
    if (value == NULL) {
        return -1;
    }
    h->hash = h->hash * 1000003U ^ (Py_uhash_t)PyObject_Hash(value);
    return PyErr_Occurred() ? -1 : 0;
}

Py_hash_t
rs_syntax_hash(PyObject *node)
{
    hashed h = {0};
    if (rs_ast_walk(node, hash_node, &h) < 0) {
        return -1;
    }
    return (Py_hash_t)(h.hash >> 1);
}
