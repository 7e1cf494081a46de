#include "mainguard.h"

static int
has_type(PyObject *node, const char *type)
{
    /* Nodes of `ast` are of classes of that name, made by the parser itself. */
    return node != NULL && strcmp(Py_TYPE(node)->tp_name, type) == 0;
}

static int
is_string(PyObject *node, const char *type, const char *attribute, const char *text)
{
    int result = 0;
    PyObject *value;
    if (!has_type(node, type)) {
        return 0;
    }
    value = PyObject_GetAttrString(node, attribute);
    if (value == NULL) {
        return -1;
    }
    if (PyUnicode_Check(value)) {
        result = PyUnicode_CompareWithASCIIString(value, text) == 0;
    }
    Py_DECREF(value);
    return result;
}

static int
are_name_and_main(PyObject *a, PyObject *b)
{
    int result = is_string(a, "Name", "id", "__name__");
    return result == 1 ? is_string(b, "Constant", "value", "__main__") : result;
}

/* 1 if `test` is false as soon as the module is not the main one; 0; -1. */
static int
is_guard(PyObject *test)
{
    int result = -1;
    PyObject *left = NULL, *ops = NULL, *others = NULL;
    if (has_type(test, "BoolOp")) {
        ops = PyObject_GetAttrString(test, "op");
        others = PyObject_GetAttrString(test, "values");
        if (ops == NULL || others == NULL) {
            goto done;
        }
        result = 0;
        for (Py_ssize_t i = 0;
             has_type(ops, "And") && result == 0 && i < PyList_GET_SIZE(others); i++) {
            result = is_guard(PyList_GET_ITEM(others, i));
        }
        goto done;
    }
    if (!has_type(test, "Compare")) {
        return 0;
    }
    left = PyObject_GetAttrString(test, "left");
    ops = PyObject_GetAttrString(test, "ops");
    others = PyObject_GetAttrString(test, "comparators");
    if (left == NULL || ops == NULL || others == NULL) {
        goto done;
    }
    result = 0;
    if (PyList_GET_SIZE(ops) == 1 && has_type(PyList_GET_ITEM(ops, 0), "Eq")) {
        PyObject *right = PyList_GET_ITEM(others, 0);
        result = are_name_and_main(left, right);
        if (result == 0) {
            result = are_name_and_main(right, left);
        }
    }
done:
    Py_XDECREF(left);
    Py_XDECREF(ops);
    Py_XDECREF(others);
    return result;
}

int
rs_mainguard_is(PyObject *statement)
{
    PyObject *test;
    int result;
    if (!has_type(statement, "If")) {
        return 0;
    }
    test = PyObject_GetAttrString(statement, "test");
    result = test != NULL ? is_guard(test) : -1;
    Py_XDECREF(test);
    return result;
}

/* `if <test>:` becomes `if False:`, at the same place. */
static int
close_guard(PyObject *ast, PyObject *statement, PyObject *test)
{
    int result = -1;
    PyObject *located = NULL;
    PyObject *constant = PyObject_CallMethod(ast, "Constant", "O", Py_False);
    if (constant != NULL) {
        located = PyObject_CallMethod(ast, "copy_location", "OO", constant, test);
    }
    if (located != NULL) {
        result = PyObject_SetAttrString(statement, "test", located);
    }
    Py_XDECREF(constant);
    Py_XDECREF(located);
    return result;
}

static int
close_guards(PyObject *ast, PyObject *body)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(body); i++) {
        PyObject *statement = PyList_GET_ITEM(body, i);
        PyObject *test, *orelse = NULL;
        int found;
        if (!has_type(statement, "If")) {
            continue;
        }
        test = PyObject_GetAttrString(statement, "test");
        found = test != NULL ? is_guard(test) : -1;
        if (found == 1) {
            found = close_guard(ast, statement, test);
        }
        if (found == 0) { /* an elif is an If in the else of its If */
            orelse = PyObject_GetAttrString(statement, "orelse");
            found = orelse != NULL ? close_guards(ast, orelse) : -1;
        }
        Py_XDECREF(test);
        Py_XDECREF(orelse);
        if (found < 0) {
            return -1;
        }
    }
    return 0;
}

PyObject *
rs_mainguard_parse(PyObject *source, PyObject *filename)
{
    PyObject *tree = NULL, *body = NULL;
    PyObject *ast = PyImport_ImportModule("ast");
    if (ast == NULL) {
        return NULL;
    }
    tree = PyObject_CallMethod(ast, "parse", "OO", source, filename);
    if (tree != NULL) {
        body = PyObject_GetAttrString(tree, "body");
    }
    if (body == NULL || close_guards(ast, body) < 0) {
        Py_CLEAR(tree);
    }
    Py_XDECREF(body);
    Py_DECREF(ast);
    return tree;
}
