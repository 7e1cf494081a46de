#include "op.h"

#include "same.h"

/* ---- may it? ---- */

static int
is_function_body(PyObject *code)
{
    return (RS_CODE(code)->co_flags & CO_OPTIMIZED) != 0;
}

/* The body of `class C[T]` lies in code that looks like a function's, but runs where and
 * when the class statement does. */
static int
is_type_scope(PyObject *code)
{
    static const char prefix[] = "<generic parameters of ";
    PyObject *name = RS_CODE(code)->co_name;
    Py_ssize_t n = (Py_ssize_t)sizeof(prefix) - 1;
    if (PyUnicode_GET_LENGTH(name) < n) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        if (PyUnicode_READ_CHAR(name, i) != (Py_UCS4)prefix[i]) {
            return 0;
        }
    }
    return 1;
}

static int
stores_its_line(PyObject *code)
{
    PyObject *names = RS_CODE(code)->co_names;
    if (is_function_body(code)) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        if (rs_text_equals(PyTuple_GET_ITEM(names, i), "__firstlineno__")) {
            return 1;
        }
    }
    return 0;
}

/* inside: `code` lies in a function, so it may run again. */
static int
is_fixed(PyObject *code, int inside)
{
    PyObject *consts = RS_CODE(code)->co_consts;
    if (inside && stores_its_line(code)) {
        return 1;
    }
    inside |= is_function_body(code) && !is_type_scope(code);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(consts); i++) {
        PyObject *constant = PyTuple_GET_ITEM(consts, i);
        if (PyCode_Check(constant) && is_fixed(constant, inside)) {
            return 1;
        }
    }
    return 0;
}

int
rs_lines_fixed(PyObject *code)
{
    return is_fixed(code, 0);
}

/* ---- planning ---- */

/* One operation for each code object, so that a code object that is nested twice, or planned
 * twice, moves once (J5). */
int
rs_plan_own_lines(rs_journal *j, PyObject *code, int delta)
{
    rs_op *op = rs_op_find(j, RS_OP_LINES, code, NULL);
    if (op == NULL) {
        op = rs_op_append(j, RS_OP_LINES, code, NULL);
        if (op == NULL) {
            return -1;
        }
        op->line = RS_CODE(code)->co_firstlineno;
    }
    op->delta = delta;
    if ((int64_t)op->line + delta < 0) {
        PyErr_Format(PyExc_SystemError, "code %U: line %d moved by %d",
                     RS_CODE(code)->co_qualname, op->line, delta);
        return -1;
    }
    return 0;
}

static int
plan_lines(rs_journal *j, PyObject *code, int delta)
{
    PyObject *consts = RS_CODE(code)->co_consts;
    if (rs_plan_own_lines(j, code, delta) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(consts); i++) {
        PyObject *constant = PyTuple_GET_ITEM(consts, i);
        if (PyCode_Check(constant) && plan_lines(j, constant, delta) < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_plan_lines(rs_journal *j, PyObject *code, int delta)
{
    return rs_lines_fixed(code) ? 1 : plan_lines(j, code, delta);
}

/* ---- doing ---- */

/* The table of lines and what monitoring remembers of them count from the first line, so
 * that nothing else has to follow. But the hash of the code is another one now. */
void
rs_op_lines_shift(PyObject *code, int delta)
{
    RS_CODE(code)->co_firstlineno += delta;
    rs_tuple_forget_hash(RS_CODE(code)->co_consts);
}
