#include "graft.h"

#include "recode.h"

static PyObject *
copy_tuple(PyObject *tuple)
{
    Py_ssize_t n = PyTuple_GET_SIZE(tuple);
    PyObject *copy = PyTuple_New(n);
    for (Py_ssize_t i = 0; copy != NULL && i < n; i++) {
        PyTuple_SET_ITEM(copy, i, Py_NewRef(PyTuple_GET_ITEM(tuple, i)));
    }
    return copy;
}

/* `real`: dict of pieces, each under itself; hashing and comparing code objects runs no
 * user code, since their constants are of built-in types. */
static PyObject *
graft(PyObject *code, PyObject *real)
{
    PyObject *old = RS_CODE(code)->co_consts, *consts = NULL;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(old); i++) {
        PyObject *piece, *constant = PyTuple_GET_ITEM(old, i);
        if (!PyCode_Check(constant)) {
            continue;
        }
        piece = Py_XNewRef(PyDict_GetItemWithError(real, constant));
        if (piece == NULL && !PyErr_Occurred()) {
            piece = graft(constant, real);
        }
        if (piece != NULL && piece != constant && consts == NULL) {
            consts = copy_tuple(old);
        }
        if (piece == NULL || (piece != constant && consts == NULL)) {
            Py_XDECREF(piece);
            Py_XDECREF(consts);
            return NULL;
        }
        if (piece != constant) {
            PyTuple_SET_ITEM(consts, i, piece); /* `old` keeps the constant */
            Py_DECREF(constant);
        } else {
            Py_DECREF(piece);
        }
    }
    return consts != NULL ? rs_recode(code, Py_BuildValue("{s:N}", "co_consts", consts))
                          : Py_NewRef(code);
}

PyObject *
rs_graft(PyObject *code, PyObject *pieces)
{
    PyObject *result = NULL, *real = PyDict_New();
    for (Py_ssize_t i = 0; real != NULL && i < PyTuple_GET_SIZE(pieces); i++) {
        PyObject *piece = PyTuple_GET_ITEM(pieces, i);
        if (PyDict_SetItem(real, piece, piece) < 0) {
            Py_CLEAR(real);
        }
    }
    if (real != NULL) {
        result = graft(code, real);
        Py_DECREF(real);
    }
    return result;
}

PyObject *
rs_graft_pieces(PyObject *code)
{
    PyObject *consts = RS_CODE(code)->co_consts, *pieces, *list = PyList_New(0);
    for (Py_ssize_t i = 0; list != NULL && i < PyTuple_GET_SIZE(consts); i++) {
        PyObject *constant = PyTuple_GET_ITEM(consts, i);
        if (PyCode_Check(constant) && PyList_Append(list, constant) < 0) {
            Py_CLEAR(list);
        }
    }
    pieces = list != NULL ? PyList_AsTuple(list) : NULL;
    Py_XDECREF(list);
    return pieces;
}
