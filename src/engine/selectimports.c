#include "selectunit.h"

#include <string.h>

#include "same.h"

/* The compiler makes other code of `m.f()` where the module imports `m`: what is compiled
 * on its own has to know which names are imported. */

static int
collect_loads(PyObject *node, void *arg)
{
    PyObject *id = rs_ast_is(node, "Name") ? rs_ast_get(node, "id") : NULL;
    return PyErr_Occurred() || (id != NULL && PySet_Add(arg, id) < 0) ? -1 : 0;
}

/* Adds what an import outside of functions and classes binds. */
static int
collect_imported(PyObject *node, void *arg)
{
    if (rs_is_function_node(node) || rs_ast_is(node, "ClassDef") ||
        rs_ast_is(node, "Lambda")) {
        return 1;
    }
    if (!rs_ast_is(node, "Import") && !rs_ast_is(node, "ImportFrom")) {
        return 0;
    }
    return rs_syntax_binds(node, arg) < 0 ? -1 : 1;
}

static int
walk_all(PyObject *nodes, rs_ast_visit visit, PyObject *set)
{
    for (Py_ssize_t i = 0; nodes != NULL && i < PyList_GET_SIZE(nodes); i++) {
        if (rs_ast_walk(PyList_GET_ITEM(nodes, i), visit, set) < 0) {
            return -1;
        }
    }
    return nodes == NULL ? -1 : 0;
}

/* Names of `wanted` that the source imports: new set or NULL. */
static PyObject *
find_imported(rs_cut *cut, PyObject *wanted)
{
    PyObject *common, *set = PySet_New(NULL);
    for (Py_ssize_t i = 0; set != NULL && i < cut->count; i++) {
        const char *text = PyUnicode_AsUTF8(cut->at[i].text);
        int found = text == NULL ? -1 : strstr(text, "import") != NULL;
        if (found == 1 && rs_cut_is_definition(cut, i)) {
            found = 0;
        }
        if (found == 1) {
            found = rs_cut_mentions(cut, i, wanted);
        }
        if (found < 0 ||
            (found > 0 && walk_all(rs_cut_nodes(cut, i), collect_imported, set) < 0)) {
            Py_CLEAR(set);
        }
    }
    common = set != NULL ? PyNumber_And(set, wanted) : NULL;
    Py_XDECREF(set);
    return common;
}

/* `import a, b` */
static PyObject *
import_of(PyObject *names, PyObject *at)
{
    PyObject *name, *iter = PyObject_GetIter(names), *aliases = PyList_New(0);
    int result = iter == NULL || aliases == NULL ? -1 : 0;
    while (result == 0 && (name = PyIter_Next(iter)) != NULL) {
        PyObject *alias = rs_ast_new("alias", at, Py_BuildValue("{s:O}", "name", name));
        result = alias != NULL ? PyList_Append(aliases, alias) : -1;
        Py_XDECREF(alias);
        Py_DECREF(name);
    }
    Py_XDECREF(iter);
    if (result < 0 || PyErr_Occurred()) {
        Py_XDECREF(aliases);
        return NULL;
    }
    return rs_ast_new("Import", at, Py_BuildValue("{s:N}", "names", aliases));
}

/* `if False: import a, b`: the compiler sees it and makes no code of it, so that it may stand
 * in statements that run in the live module, too. */
static PyObject *
dead_import_of(PyObject *names, PyObject *at)
{
    PyObject *statement = import_of(names, at), *test;
    if (statement == NULL) {
        return NULL;
    }
    test = rs_ast_new("Constant", at, Py_BuildValue("{s:O}", "value", Py_False));
    if (test == NULL) {
        Py_DECREF(statement);
        return NULL;
    }
    return rs_ast_new(
        "If", at,
        Py_BuildValue("{s:N,s:[N],s:[]}", "test", test, "body", statement, "orelse"));
}

int
rs_unit_tell_imports(rs_cut *cut, PyObject *body)
{
    int result = -1;
    PyObject *at, *dead = NULL;
    PyObject *names = NULL, *wanted = PySet_New(NULL);
    if (PyList_GET_SIZE(body) == 0) {
        Py_XDECREF(wanted);
        return wanted == NULL ? -1 : 0;
    }
    at = PyList_GET_ITEM(body, PyList_GET_SIZE(body) - 1);
    if (wanted != NULL && walk_all(body, collect_loads, wanted) == 0) {
        names = find_imported(cut, wanted);
    }
    if (names != NULL && PySet_GET_SIZE(names) == 0) {
        result = 0;
    } else if (names != NULL) {
        dead = dead_import_of(names, at);
        result = dead != NULL ? PyList_Append(body, dead) : -1;
    }
    Py_XDECREF(wanted);
    Py_XDECREF(names);
    Py_XDECREF(dead);
    return result;
}
