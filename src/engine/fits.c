#include "fits.h"

#include <string.h>

#include "foreign.h"
#include "lookup.h"
#include "same.h"
#include "scope.h"

/* ---- functions ---- */

/* Definitions that live otherwise, in source order, as far as the same name has not been
 * found alive. All owned. */
typedef struct {
    PyObject *others; /* dict: qualified name -> line */
    PyObject *equals; /* set of qualified names */
} names_found;

/* Compare one definition with what is live under its qualified name. */
static int
compare_function(const rs_unit *u, PyCodeObject *code, rs_fit *found,
                 names_found *names)
{
    int equal, result = 0;
    PyObject *line, *live_code, *live = rs_live_definition(u, code->co_qualname);
    live = live != NULL ? rs_find_definition(live, u->live, code->co_qualname) : NULL;
    found->functions++;
    if (live == NULL || !PyFunction_Check(live)) {
        return 0;
    }
    live_code = PyFunction_GET_CODE(live);
    if (!rs_same_text(RS_CODE(live_code)->co_qualname, code->co_qualname)) {
        return 0;
    }
    equal = PyObject_RichCompareBool(live_code, (PyObject *)code, Py_EQ);
    if (equal < 0) {
        return -1;
    }
    if (equal) {
        found->equal++;
        return PySet_Add(names->equals, code->co_qualname) < 0
                   ? -1
                   : PyList_Append(found->codes, live_code);
    }
    line = PyLong_FromLong(code->co_firstlineno);
    if (line == NULL ||
        PyDict_SetDefault(names->others, code->co_qualname, line) == NULL) {
        result = -1;
    }
    Py_XDECREF(line);
    return result;
}

static int
has_prefix(PyObject *name, const char *prefix)
{
    PyObject *text = PyUnicode_FromString(prefix);
    int result = text != NULL
                     ? (int)PyUnicode_Tailmatch(name, text, 0, PY_SSIZE_T_MAX, -1)
                     : -1;
    Py_XDECREF(text);
    return result;
}

/* Definitions of a module or class body: its functions, and those of its classes, also if
 * they have type parameters. Lambdas and comprehensions have no name to look up. */
static int
compare_body(const rs_unit *u, const PyCodeObject *body, rs_fit *found,
             names_found *names)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(body->co_consts); i++) {
        PyObject *constant = PyTuple_GET_ITEM(body->co_consts, i);
        int is_body;
        if (!PyCode_Check(constant)) {
            continue;
        }
        is_body = (RS_CODE(constant)->co_flags & CO_OPTIMIZED) == 0
                      ? 1
                      : has_prefix(RS_CODE(constant)->co_name, "<generic");
        if (is_body < 0 ||
            (is_body && compare_body(u, RS_CODE(constant), found, names) < 0)) {
            return -1;
        }
        if (!is_body && PyUnicode_READ_CHAR(RS_CODE(constant)->co_name, 0) != '<' &&
            compare_function(u, RS_CODE(constant), found, names) < 0) {
            return -1;
        }
    }
    return 0;
}

/* The first of names->others that is none of names->equals. */
static int
find_other(rs_fit *found, const names_found *names)
{
    Py_ssize_t pos = 0;
    PyObject *name, *line;
    while (PyDict_Next(names->others, &pos, &name, &line)) {
        int equal = PySet_Contains(names->equals, name);
        if (equal < 0) {
            return -1;
        }
        if (!equal) {
            found->other = Py_NewRef(name);
            found->line = (int)PyLong_AsLong(line);
            return 0;
        }
    }
    return 0;
}

int
rs_fit_code(const rs_unit *u, PyObject *code, rs_fit *found)
{
    int result = -1;
    names_found names = {PyDict_New(), PySet_New(NULL)};
    found->codes = PyList_New(0);
    if (names.others != NULL && names.equals != NULL && found->codes != NULL &&
        compare_body(u, RS_CODE(code), found, &names) == 0) {
        result = find_other(found, &names);
    }
    Py_XDECREF(names.others);
    Py_XDECREF(names.equals);
    return result;
}

void
rs_fit_clear(rs_fit *found)
{
    Py_CLEAR(found->codes);
    Py_CLEAR(found->other);
}

/* ---- literals ---- */

static int
is_node(PyObject *node, const char *type)
{
    return strcmp(Py_TYPE(node)->tp_name, type) == 0;
}

/* ast.literal_eval(node); NULL without an exception if it is no literal. */
static PyObject *
literal_of(PyObject *ast, PyObject *node)
{
    PyObject *value = PyObject_CallMethod(ast, "literal_eval", "O", node);
    if (value == NULL && (PyErr_ExceptionMatches(PyExc_ValueError) ||
                          PyErr_ExceptionMatches(PyExc_TypeError))) {
        PyErr_Clear();
    }
    return value;
}

/* `name = value` and `name: type = value`: *name and *value (owned), or 0, or -1. */
static int
read_assignment(PyObject *statement, PyObject **name, PyObject **value)
{
    PyObject *target = NULL;
    int result = 0;
    *name = *value = NULL;
    if (is_node(statement, "Assign")) {
        PyObject *targets = PyObject_GetAttrString(statement, "targets");
        if (targets == NULL) {
            return -1;
        }
        target = PyList_GET_SIZE(targets) == 1 ? Py_NewRef(PyList_GET_ITEM(targets, 0))
                                               : NULL;
        Py_DECREF(targets);
    } else if (is_node(statement, "AnnAssign")) {
        target = PyObject_GetAttrString(statement, "target");
        if (target == NULL) {
            return -1;
        }
    }
    if (target != NULL && is_node(target, "Name")) {
        *name = PyObject_GetAttrString(target, "id");
        *value = PyObject_GetAttrString(statement, "value");
        result = *name != NULL && *value != NULL ? *value != Py_None : -1;
    }
    if (result != 1) {
        Py_CLEAR(*name);
        Py_CLEAR(*value);
    }
    Py_XDECREF(target);
    return result;
}

/* Name -> the literal that the last assignment to it says, None if that says another
 * thing. 0 or -1. */
static int
collect_literal(PyObject *ast, PyObject *statement, PyObject *literals)
{
    int result;
    /* owned */
    PyObject *name, *value, *literal = NULL, *boxed = NULL;

    result = read_assignment(statement, &name, &value);
    if (result != 1) {
        return result;
    }
    literal = literal_of(ast, value);
    if (literal != NULL) { /* in a tuple: None is a literal too */
        boxed = PyTuple_Pack(1, literal);
    }
    if (PyErr_Occurred()) {
        result = -1;
    } else {
        result = PyDict_SetItem(literals, name, boxed != NULL ? boxed : Py_None);
    }
    Py_DECREF(name);
    Py_DECREF(value);
    Py_XDECREF(literal);
    Py_XDECREF(boxed);
    return result;
}

static int
compare_literals(PyObject *literals, PyObject *live, rs_fit *found)
{
    Py_ssize_t pos = 0;
    PyObject *name, *boxed;
    while (PyDict_Next(literals, &pos, &name, &boxed)) {
        PyObject *value = PyDict_GetItemWithError(live, name);
        if (value == NULL && PyErr_Occurred()) {
            return -1;
        }
        if (boxed == Py_None) {
            continue;
        }
        if (value != NULL && rs_same_literal(value, PyTuple_GET_ITEM(boxed, 0))) {
            found->equal++;
        } else if (found->other == NULL) {
            found->other = Py_NewRef(name);
        }
    }
    return 0;
}

/* The dict of the live class that the statement defines, if nothing but `type` made it;
 * NULL if not, or with an exception. Borrowed. */
static PyObject *
plain_class_dict(PyObject *statement, PyObject *live)
{
    PyObject *cls, *name = PyObject_GetAttrString(statement, "name");
    if (name == NULL) {
        return NULL;
    }
    cls = PyDict_GetItemWithError(live, name);
    Py_DECREF(name);
    return cls != NULL && PyType_CheckExact(cls) ? rs_class_dict(RS_TYPE(cls)) : NULL;
}

static int
fit_body(PyObject *ast, PyObject *node, PyObject *live, rs_fit *found)
{
    int result = -1;
    /* owned */
    PyObject *body = PyObject_GetAttrString(node, "body");
    PyObject *literals = PyDict_New();

    if (body == NULL || literals == NULL) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(body); i++) {
        PyObject *dict, *statement = PyList_GET_ITEM(body, i);
        if (collect_literal(ast, statement, literals) < 0) {
            goto done;
        }
        dict = is_node(statement, "ClassDef") ? plain_class_dict(statement, live)
                                              : NULL;
        if (dict != NULL ? fit_body(ast, statement, dict, found) < 0
                         : PyErr_Occurred() != NULL) {
            goto done;
        }
    }
    result = compare_literals(literals, live, found);
done:
    Py_XDECREF(body);
    Py_XDECREF(literals);
    return result;
}

int
rs_fit_literals(const rs_unit *u, PyObject *text, rs_fit *found)
{
    int result = -1;
    PyObject *ast = PyImport_ImportModule("ast");
    PyObject *tree = ast != NULL ? PyObject_CallMethod(ast, "parse", "O", text) : NULL;
    if (tree != NULL) {
        result = fit_body(ast, tree, u->live, found);
        Py_DECREF(tree);
    }
    Py_XDECREF(ast);
    return result;
}
