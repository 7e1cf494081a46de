#include "superseded.h"

#include "foreign.h"
#include "recode.h"
#include "same.h"

/* `name`, with `to` instead of `from` at its beginning. New reference. */
static PyObject *
rename_text(PyObject *name, PyObject *from, PyObject *to)
{
    Py_ssize_t n = PyUnicode_GET_LENGTH(from);
    PyObject *tail, *result;
    if (PyUnicode_Tailmatch(name, from, 0, PY_SSIZE_T_MAX, -1) != 1) {
        return Py_NewRef(name);
    }
    tail = PyUnicode_Substring(name, n, PyUnicode_GET_LENGTH(name));
    result = tail != NULL ? PyUnicode_Concat(to, tail) : NULL;
    Py_XDECREF(tail);
    return result;
}

/* The code as it would be if the function around it were called like another one. New
 * reference. */
static PyObject *
rename_code(PyObject *code, PyObject *from, PyObject *to, PyObject *name, int flags)
{
    PyObject *consts = RS_CODE(code)->co_consts;
    /* owned */
    PyObject *qualname = rename_text(RS_CODE(code)->co_qualname, from, to);
    PyObject *renamed = PyTuple_New(PyTuple_GET_SIZE(consts));

    for (Py_ssize_t i = 0; renamed != NULL && i < PyTuple_GET_SIZE(consts); i++) {
        PyObject *constant = PyTuple_GET_ITEM(consts, i);
        constant = PyCode_Check(constant)
                       ? rename_code(constant, from, to, RS_CODE(constant)->co_name,
                                     RS_CODE(constant)->co_flags)
                       : Py_NewRef(constant);
        if (constant == NULL) {
            Py_CLEAR(renamed);
            break;
        }
        PyTuple_SET_ITEM(renamed, i, constant);
    }
    if (qualname == NULL || renamed == NULL) {
        Py_XDECREF(qualname);
        Py_XDECREF(renamed);
        return NULL;
    }
    return rs_recode(code,
                     Py_BuildValue("{s:O,s:N,s:N,s:i}", "co_name", name, "co_qualname",
                                   qualname, "co_consts", renamed, "co_flags", flags));
}

/* 1, 0 or -1. Both go through replace(), which leaves out what 3.14 notes of parameters. */
static int
is_contained(PyObject *live, PyObject *donor)
{
    PyObject *qualname = RS_CODE(donor)->co_qualname, *name = RS_CODE(donor)->co_name;
    int flags = RS_CODE(live)->co_flags & ~RS_CODE_METHOD;
    int donor_flags = RS_CODE(donor)->co_flags & ~RS_CODE_METHOD;
    int relation = -1;
    /* owned */
    PyObject *a = rename_code(live, RS_CODE(live)->co_qualname, qualname, name, flags);
    PyObject *b = a != NULL ? rename_code(donor, qualname, qualname, name, donor_flags)
                            : NULL;

    if (b != NULL) {
        relation = rs_same_code(a, b);
    }
    Py_XDECREF(a);
    Py_XDECREF(b);
    return relation < 0 ? -1 : relation != RS_CODE_DIFFERS;
}

/* "fix_1042@3f9c" of "<hotfix fix_1042@3f9c>": new reference. */
static PyObject *
name_of(PyObject *code)
{
    PyObject *filename = RS_CODE(code)->co_filename;
    return PyUnicode_Substring(filename, 8, PyUnicode_GET_LENGTH(filename) - 1);
}

int
rs_superseded_report(rs_session *s, const rs_pair *pair, int line)
{
    PyObject *live = RS_FUNCTION(pair->live)->func_code;
    PyObject *donor = RS_FUNCTION(pair->donor)->func_code, *name;
    int contained, result;
    if (s->hot != NULL || !rs_is_hotfix_code(live)) {
        return 0;
    }
    contained = is_contained(live, donor);
    name = contained >= 0 ? name_of(live) : NULL;
    if (name == NULL) {
        return -1;
    }
    result = rs_change(
        s, pair->unit, pair->qualname, "function", "updated", line,
        contained ? "the source contains hotfix %U" : "removes hotfix %U", name);
    if (result == 0 && !contained) {
        result = rs_notice(s, "RSL620", pair->unit, pair->qualname, line,
                           "hotfix %U is gone: the source does not contain it", name);
    }
    Py_DECREF(name);
    return result < 0 ? -1 : 1;
}
