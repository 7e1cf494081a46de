#include "instrument.h"

#include <string.h>

#include "probe.h"
#include "probing.h"
#include "recode.h"
#include "same.h"
#include "syntax.h"

/* The name of the function that a snippet becomes the body of; no program has it. */
#define BODY "__hotfix_body__"
#define LOCAL BODY ".<locals>."

/* ---- code ---- */

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
    PyObject *name = without_body(RS_CODE(code)->co_qualname);
    if (name == NULL) {
        return PyErr_Occurred() ? NULL : Py_NewRef(code);
    }
    return rs_recode(code, Py_BuildValue("{s:N}", "co_qualname", name));
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
                                                 : rs_probe_for(s, constant);
        if (other == NULL && !PyErr_Occurred()) {
            other = without_body(constant);
        }
        if (other == NULL && PyErr_Occurred()) {
            Py_DECREF(constants);
            return NULL;
        }
        PyTuple_SET_ITEM(constants, i, other != NULL ? other : Py_NewRef(constant));
    }
    result = constants != NULL
                 ? rs_recode(code, Py_BuildValue("{s:N}", "co_consts", constants))
                 : NULL;
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

/* 1, 0, -1. */
static int
is_future_import(PyObject *node)
{
    PyObject *module;
    if (!rs_ast_is(node, "ImportFrom")) {
        return 0;
    }
    module = rs_ast_get(node, "module");
    return module == NULL ? -1 : rs_text_equals(module, "__future__");
}

/* def __hotfix_body__(): statements -- a list with that definition, and before it what has
 * to be at module level: imports from __future__. New reference. */
static PyObject *
as_function(PyObject *statements)
{
    PyObject *function = NULL;
    /* owned */
    PyObject *nothing = NULL, *body = PyList_New(0), *list = PyList_New(0);

    for (Py_ssize_t i = 0;
         body != NULL && list != NULL && i < PyList_GET_SIZE(statements); i++) {
        PyObject *node = PyList_GET_ITEM(statements, i);
        int future = is_future_import(node);
        if (future < 0 || PyList_Append(future ? list : body, node) < 0) {
            goto error;
        }
    }
    if (body == NULL || list == NULL) {
        goto error;
    }
    if (PyList_GET_SIZE(body) == 0) {
        PyObject *pass = rs_ast_new("Pass", PyList_GET_ITEM(statements, 0),
                                    PyDict_New());
        if (pass == NULL || PyList_Append(body, pass) < 0) {
            Py_XDECREF(pass);
            goto error;
        }
        Py_DECREF(pass);
    }
    nothing = rs_ast_new("arguments", NULL,
                         Py_BuildValue("{s:[],s:[],s:[],s:[],s:[]}", "posonlyargs",
                                       "args", "kwonlyargs", "kw_defaults",
                                       "defaults"));
    function = nothing != NULL
                   ? rs_ast_new("FunctionDef", PyList_GET_ITEM(body, 0),
                                Py_BuildValue("{s:s,s:O,s:O,s:[],s:[]}", "name", BODY,
                                              "args", nothing, "body", body,
                                              "decorator_list", "type_params"))
                   : NULL;
    if (function == NULL || PyList_Append(list, function) < 0) {
        goto error;
    }
    Py_DECREF(function);
    Py_DECREF(nothing);
    Py_DECREF(body);
    return list;
error:
    Py_XDECREF(function);
    Py_XDECREF(nothing);
    Py_XDECREF(body);
    Py_XDECREF(list);
    return NULL;
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
    /* parsed once more: the tree is changed in place */
    statements = result->clean != NULL ? rs_ast_parse(text, 1, filename) : NULL;
    if (statements != NULL && rs_probing_tree(s, statements, inside) == 0) {
        result->probed = rs_instrument_compile(s, statements, filename, inside);
    }
    Py_XDECREF(statements);
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
