#include "outside.h"

#include "scope.h"
#include "syntax.h"

/* The name of the module that defines `value` or its type: borrowed or NULL. */
static PyObject *
maker_of(const rs_session *s, PyObject *value)
{
    PyObject *name;
    if (PyModule_Check(value)) {
        name = PyDict_GetItemWithError(PyModule_GetDict(value), s->st->names.__name__);
    } else if (PyFunction_Check(value)) {
        name = PyDict_GetItemWithError(PyFunction_GET_GLOBALS(value),
                                       s->st->names.__name__);
    } else {
        PyTypeObject *type = PyType_Check(value) ? RS_TYPE(value) : Py_TYPE(value);
        name = rs_class_get(type, s->st->names.__module__);
    }
    return name != NULL && PyUnicode_CheckExact(name) ? name : NULL;
}

static int
is_standard(PyObject *name)
{
    PyObject *standard = PySys_GetObject("stdlib_module_names");
    Py_ssize_t dot = PyUnicode_FindChar(name, '.', 0, PyUnicode_GET_LENGTH(name), 1);
    PyObject *top;
    int found;
    if (standard == NULL || dot < -1) {
        return dot < -1 ? -1 : 0;
    }
    top = PyUnicode_Substring(name, 0, dot < 0 ? PyUnicode_GET_LENGTH(name) : dot);
    found = top != NULL ? PySequence_Contains(standard, top) : -1;
    Py_XDECREF(top);
    return found;
}

int
rs_outside_is(const rs_session *s, PyObject *value)
{
    PyObject *name = maker_of(s, value), *module, *answer;
    int result;
    if (name == NULL) { /* a static type says its module in tp_name only: built in */
        return PyErr_Occurred() ? -1 : 0;
    }
    result = is_standard(name);
    if (result != 0) {
        return result < 0 ? -1 : 0;
    }
    module = PyDict_GetItemWithError(PyImport_GetModuleDict(), name);
    if (module == NULL || !PyModule_Check(module) || s->allowed == NULL ||
        s->allowed == Py_None) {
        return PyErr_Occurred() ? -1 : 0;
    }
    answer = PyObject_CallFunctionObjArgs(s->allowed, name, module, NULL);
    result = answer != NULL ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    return result < 0 ? -1 : !result;
}

/* ---- decorators ---- */

/* Goes along `a.b.c` as far as modules lead. Borrowed or NULL. */
static PyObject *
resolve(PyObject *live, PyObject *expression)
{
    PyObject *inner, *value, *name;
    if (rs_ast_is(expression, "Call")) {
        inner = rs_ast_get(expression, "func");
        return inner != NULL ? resolve(live, inner) : NULL;
    }
    if (rs_ast_is(expression, "Name")) {
        name = rs_ast_get(expression, "id");
        return name != NULL ? PyDict_GetItemWithError(live, name) : NULL;
    }
    if (!rs_ast_is(expression, "Attribute")) {
        return NULL;
    }
    inner = rs_ast_get(expression, "value");
    name = inner != NULL ? rs_ast_get(expression, "attr") : NULL;
    value = name != NULL ? resolve(live, inner) : NULL;
    return value != NULL && PyModule_Check(value)
               ? PyDict_GetItemWithError(PyModule_GetDict(value), name)
               : value;
}

int
rs_outside_decorator(const rs_session *s, PyObject *live, PyObject *expression)
{
    PyObject *value = resolve(live, expression);
    int outside;
    if (value == NULL) {
        return PyErr_Occurred() ? -1 : RS_DECORATOR_OWN;
    }
    outside = rs_outside_is(s, value);
    if (outside <= 0) {
        return outside < 0 ? -1 : RS_DECORATOR_OWN;
    }
    return PyType_Check(value) || PyFunction_Check(value) || PyCFunction_Check(value) ||
                   PyModule_Check(value)
               ? RS_DECORATOR_FUNCTION
               : RS_DECORATOR_METHOD;
}
