#include "selectunit.h"

/* ---- names that mean something else at the end of the body ---- */

static int
is_import(PyObject *node)
{
    return rs_ast_is(node, "Import") || rs_ast_is(node, "ImportFrom");
}

/* The statement that gives `name` the value which a statement on `line` reads, if another
 * one rebinds or deletes the name later: borrowed; NULL without an exception if there is
 * none, so that what lives is what is read. */
static PyObject *
passing_binder(rs_cut *cut, PyObject *name, int line)
{
    PyObject *last = NULL, *list = PyList_New(0);
    int later = 0;
    if (list == NULL || rs_cut_find_binders(cut, name, NULL, list) < 0) {
        Py_XDECREF(list);
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        PyObject *node = PyList_GET_ITEM(list, i);
        int at = rs_ast_line(node);
        if (at < line) {
            last = node;
        }
        later |= at > line && !is_import(node); /* of the same, most likely */
    }
    Py_DECREF(list); /* the cut owns the statements */
    return later ? last : NULL;
}

static int
refuse(rs_selecting *c, PyObject *node, PyObject *name, PyObject *binder)
{
    return rs_refuse(c->s, "RSL108", c->u, NULL, rs_ast_line(node),
                     "Give the two values two names, or use execute=\"all\".",
                     "this statement reads %U as line %d binds it, and another value "
                     "lives under that name by now",
                     name, rs_ast_line(binder));
}

static int
check_statement(rs_selecting *c, rs_unit_work *w, PyObject *node)
{
    int result = 0;
    PyObject *name, *iter, *set = PySet_New(NULL);
    if (set == NULL || rs_syntax_reads(node, !rs_select_lazy_annotations(c), set) < 0) {
        Py_XDECREF(set);
        return -1;
    }
    iter = PyObject_GetIter(set);
    while (result == 0 && iter != NULL && (name = PyIter_Next(iter)) != NULL) {
        PyObject *binder = passing_binder(&w->news, name, rs_ast_line(node));
        int runs = binder != NULL ? PySequence_Contains(c->new_body, binder) : 1;
        if (PyErr_Occurred() || runs < 0) {
            result = -1;
        } else if (!runs) {
            result = refuse(c, node, name, binder);
        }
        Py_DECREF(name);
    }
    Py_XDECREF(iter);
    Py_DECREF(set);
    return PyErr_Occurred() ? -1 : result;
}

int
rs_unit_check_order(rs_selecting *c, rs_unit_work *w)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(c->new_body); i++) {
        if (check_statement(c, w, PyList_GET_ITEM(c->new_body, i)) < 0) {
            return -1;
        }
    }
    return 0;
}
