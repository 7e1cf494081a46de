#include "same.h"
#include "syntax.h"

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
