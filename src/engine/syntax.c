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
        PyErr_Clear();
        return 0;
    }
    line = PyLong_AsLong(value);
    return line > 0 && line < INT_MAX ? (int)line : 0;
}

int
rs_ast_line(PyObject *node)
{
    int line = number_of(node, "lineno");
    PyObject *decorators = NULL;
    if (rs_ast_is(node, "FunctionDef") || rs_ast_is(node, "AsyncFunctionDef") ||
        rs_ast_is(node, "ClassDef")) {
        decorators = rs_ast_get(node, "decorator_list");
    }
    if (decorators != NULL && PyList_Check(decorators) &&
        PyList_GET_SIZE(decorators) > 0) {
        line = number_of(PyList_GET_ITEM(decorators, 0), "lineno");
    }
    return line;
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

static int
walk_value(PyObject *value, rs_ast_visit visit, void *arg)
{
    int result = 0;
    if (PyList_Check(value)) {
        for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(value); i++) {
            result = walk_value(PyList_GET_ITEM(value, i), visit, arg);
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
        result = walk_value(value, visit, arg);
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

/* ---- names ---- */

typedef struct {
    PyObject *set;
    int annotations;
} name_search;

static int read_node(PyObject *node, void *arg);

static int
read_value(PyObject *node, const char *name, name_search *search)
{
    PyObject *value = rs_ast_get(node, name);
    return value == NULL ? -1 : walk_value(value, read_node, search);
}

/* What a definition evaluates: decorators, default values, perhaps annotations. */
static int
read_function(PyObject *node, name_search *search)
{
    PyObject *args = rs_ast_get(node, "args");
    int lambda = rs_ast_is(node, "Lambda");
    if (args == NULL || read_value(args, "defaults", search) < 0 ||
        read_value(args, "kw_defaults", search) < 0) {
        return -1;
    }
    if (!lambda && read_value(node, "decorator_list", search) < 0) {
        return -1;
    }
    if (!lambda && search->annotations) {
        return walk_value(args, read_node, search) < 0 ||
                       read_value(node, "returns", search) < 0
                   ? -1
                   : 0;
    }
    return 0;
}

static int
read_node(PyObject *node, void *arg)
{
    name_search *search = arg;
    if (rs_ast_is(node, "Name")) {
        PyObject *id = rs_ast_get(node, "id");
        PyObject *context = rs_ast_get(node, "ctx");
        if (id == NULL || context == NULL) {
            return -1;
        }
        return rs_ast_is(context, "Load") && PySet_Add(search->set, id) < 0 ? -1 : 1;
    }
    if (is_function(node) || rs_ast_is(node, "Lambda")) {
        return read_function(node, search) < 0 ? -1 : 1;
    }
    if (rs_ast_is(node, "AugAssign")) { /* its target is read, though it is a Store */
        PyObject *target = rs_ast_get(node, "target");
        PyObject *id = rs_ast_is(target, "Name") ? rs_ast_get(target, "id") : NULL;
        if (target == NULL || (id != NULL && PySet_Add(search->set, id) < 0)) {
            return -1;
        }
        return 0;
    }
    if (rs_ast_is(node, "AnnAssign") && !search->annotations) {
        PyObject *value = rs_ast_get(node, "value");
        PyObject *target = rs_ast_get(node, "target");
        if (value == NULL || target == NULL ||
            walk_value(target, read_node, search) < 0 ||
            walk_value(value, read_node, search) < 0) {
            return -1;
        }
        return 1;
    }
    return 0;
}

int
rs_syntax_reads(PyObject *node, int annotations, PyObject *set)
{
    name_search search = {set, annotations};
    return walk_value(node, read_node, &search);
}

static int
bind_name(PyObject *set, PyObject *node, const char *attribute)
{
    PyObject *name = rs_ast_get(node, attribute);
    if (name == NULL) {
        return -1;
    }
    return PyUnicode_Check(name) ? PySet_Add(set, name) : 0;
}

/* `import a.b` binds a, `import a.b as c` binds c. */
static int
bind_alias(PyObject *set, PyObject *alias)
{
    int result;
    Py_ssize_t dot;
    PyObject *first, *name, *as_name = rs_ast_get(alias, "asname");
    if (as_name == NULL || as_name != Py_None) {
        return as_name == NULL ? -1 : PySet_Add(set, as_name);
    }
    name = rs_ast_get(alias, "name");
    if (name == NULL) {
        return -1;
    }
    dot = PyUnicode_FindChar(name, '.', 0, PyUnicode_GET_LENGTH(name), 1);
    first = PyUnicode_Substring(name, 0, dot < 0 ? PyUnicode_GET_LENGTH(name) : dot);
    result = first != NULL ? PySet_Add(set, first) : -1;
    Py_XDECREF(first);
    return result;
}

static int
bind_node(PyObject *node, void *arg)
{
    PyObject *set = arg;
    if (rs_ast_is(node, "Name")) {
        PyObject *context = rs_ast_get(node, "ctx");
        if (context == NULL) {
            return -1;
        }
        return !rs_ast_is(context, "Load") && bind_name(set, node, "id") < 0 ? -1 : 1;
    }
    if (is_function(node) || rs_ast_is(node, "ClassDef")) {
        return bind_name(set, node, "name") < 0 ? -1 : 1;
    }
    if (rs_ast_is(node, "Lambda")) {
        return 1;
    }
    if (rs_ast_is(node, "comprehension")) { /* its target is its own */
        PyObject *iter = rs_ast_get(node, "iter"), *ifs = rs_ast_get(node, "ifs");
        return iter == NULL || ifs == NULL || walk_value(iter, bind_node, set) < 0 ||
                       walk_value(ifs, bind_node, set) < 0
                   ? -1
                   : 1;
    }
    if (rs_ast_is(node, "alias")) {
        return bind_alias(set, node) < 0 ? -1 : 1;
    }
    if (rs_ast_is(node, "ExceptHandler") || rs_ast_is(node, "MatchAs") ||
        rs_ast_is(node, "MatchStar")) {
        return bind_name(set, node, "name");
    }
    return rs_ast_is(node, "MatchMapping") ? bind_name(set, node, "rest") : 0;
}

int
rs_syntax_binds(PyObject *node, PyObject *set)
{
    return walk_value(node, bind_node, set);
}

/* ---- literals ---- */

/* Constants and displays of such; arithmetic only where the compiler folds it. */
static int
is_literal(PyObject *node, int *folded)
{
    static const char *const displays[] = {"Tuple", "List", "Set", NULL};
    if (rs_ast_is(node, "Constant")) {
        return 1;
    }
    if (rs_ast_is(node, "UnaryOp") || rs_ast_is(node, "BinOp")) {
        *folded = 1;
        return 1;
    }
    for (int i = 0; displays[i] != NULL; i++) {
        if (rs_ast_is(node, displays[i])) {
            PyObject *items = rs_ast_list(node, "elts");
            int result = items != NULL ? 1 : -1;
            for (Py_ssize_t k = 0; result == 1 && k < PyList_GET_SIZE(items); k++) {
                result = is_literal(PyList_GET_ITEM(items, k), folded);
            }
            return result;
        }
    }
    if (rs_ast_is(node, "Dict")) {
        PyObject *keys = rs_ast_list(node, "keys"), *values;
        int result;
        values = keys != NULL ? rs_ast_list(node, "values") : NULL;
        result = values != NULL ? 1 : -1;
        for (Py_ssize_t k = 0; result == 1 && k < PyList_GET_SIZE(keys); k++) {
            result = is_literal(PyList_GET_ITEM(keys, k), folded); /* ** has None */
            if (result == 1) {
                result = is_literal(PyList_GET_ITEM(values, k), folded);
            }
        }
        return result;
    }
    return 0;
}

/* Did the compiler make one constant of an expression? Then there is nothing to do at run
 * time but to load it. */
#define LONGEST_CONSTANT 10

static int
folds(PyObject *expression)
{
    int result = -1;
    /* owned */
    PyObject *statement = NULL, *code = NULL, *text = NULL;
    PyObject *filename = PyUnicode_FromString("<literal>");

    statement = rs_ast_new("Expression", NULL,
                           Py_BuildValue("{s:O}", "body", expression));
    if (statement != NULL && filename != NULL) {
        PyObject *builtins = PyImport_ImportModule("builtins");
        code = builtins != NULL ? PyObject_CallMethod(builtins, "compile", "OOs",
                                                      statement, filename, "eval")
                                : NULL;
        Py_XDECREF(builtins);
    }
    if (code != NULL) {
        text = PyObject_GetAttrString(code, "co_code");
    }
    if (text != NULL && PyBytes_Check(text)) {
        result = PyBytes_GET_SIZE(text) <= LONGEST_CONSTANT &&
                 PyTuple_GET_SIZE(RS_CODE(code)->co_names) == 0;
    }
    Py_XDECREF(filename);
    Py_XDECREF(statement);
    Py_XDECREF(code);
    Py_XDECREF(text);
    return result;
}

static int
check_folding(PyObject *node, void *arg)
{
    int *folded = arg;
    int result;
    if (!rs_ast_is(node, "UnaryOp") && !rs_ast_is(node, "BinOp")) {
        return 0;
    }
    result = folds(node);
    if (result == 0) {
        *folded = 0;
    }
    return result < 0 ? -1 : 1;
}

static PyObject *
evaluate(PyObject *expression)
{
    PyObject *result = NULL;
    /* owned */
    PyObject *wrapped = rs_ast_new("Expression", NULL,
                                   Py_BuildValue("{s:O}", "body", expression));
    PyObject *builtins = PyImport_ImportModule("builtins");
    PyObject *globals = PyDict_New(), *code = NULL;

    if (wrapped != NULL && builtins != NULL && globals != NULL) {
        code = PyObject_CallMethod(builtins, "compile", "Oss", wrapped, "<literal>",
                                   "eval");
    }
    if (code != NULL) {
        result = PyEval_EvalCode(code, globals, globals);
    }
    Py_XDECREF(wrapped);
    Py_XDECREF(builtins);
    Py_XDECREF(globals);
    Py_XDECREF(code);
    return result;
}

int
rs_syntax_literal(PyObject *expression, PyObject **value)
{
    int folded = 0, result = is_literal(expression, &folded);
    *value = NULL;
    if (result == 1 && folded) {
        if (rs_ast_walk(expression, check_folding, &folded) < 0) {
            result = -1;
        } else {
            result = folded;
        }
    }
    if (result == 1) {
        *value = evaluate(expression);
        if (*value == NULL) {
            if (!PyErr_ExceptionMatches(PyExc_TypeError)) {
                return -1;
            }
            PyErr_Clear(); /* an unhashable key: the body will say so */
            result = 0;
        }
    }
    return result;
}
