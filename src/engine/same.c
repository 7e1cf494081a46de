#include "same.h"

#include <string.h>

/* Literals nest as deep as the compiler lets them; what lies deeper "nobody can tell". */
#define MAX_DEPTH 40

static int same_literal(PyObject *a, PyObject *b, int depth);

int
rs_same_text(PyObject *a, PyObject *b)
{
    if (a == b) {
        return a != NULL;
    }
    if (a == NULL || b == NULL || !PyUnicode_Check(a) || !PyUnicode_Check(b)) {
        return 0;
    }
    return PyUnicode_Compare(a, b) == 0;
}

int
rs_text_equals(PyObject *text, const char *ascii)
{
    return text != NULL && PyUnicode_Check(text) &&
           PyUnicode_CompareWithASCIIString(text, ascii) == 0;
}

static int
same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof(double)) == 0;
}

static int
same_sequence(PyObject *a, PyObject *b, int depth)
{
    Py_ssize_t n = PySequence_Fast_GET_SIZE(a);
    PyObject **x = PySequence_Fast_ITEMS(a), **y = PySequence_Fast_ITEMS(b);
    if (n != PySequence_Fast_GET_SIZE(b)) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        if (!same_literal(x[i], y[i], depth)) {
            return 0;
        }
    }
    return 1;
}

/* In the order of the entries: a literal with other order is another source. */
static int
same_dict(PyObject *a, PyObject *b, int depth)
{
    Py_ssize_t i = 0, j = 0;
    PyObject *key, *value, *key2, *value2;
    if (PyDict_GET_SIZE(a) != PyDict_GET_SIZE(b)) {
        return 0;
    }
    while (PyDict_Next(a, &i, &key, &value)) {
        if (!PyDict_Next(b, &j, &key2, &value2) || !same_literal(key, key2, depth) ||
            !same_literal(value, value2, depth)) {
            return 0;
        }
    }
    return 1;
}

/* Sets of atoms only: then membership runs no Python code. */
static int
same_set(PyObject *a, PyObject *b)
{
    int same = 0;
    PyObject *iter, *item;
    if (PySet_GET_SIZE(a) != PySet_GET_SIZE(b)) {
        return 0;
    }
    iter = PyObject_GetIter(a);
    if (iter == NULL) {
        PyErr_Clear(); /* out of memory: nobody can tell */
        return 0;
    }
    same = 1;
    while (same && (item = PyIter_Next(iter)) != NULL) {
        same = rs_is_atom(item) && PySet_Contains(b, item) == 1;
        Py_DECREF(item);
    }
    Py_DECREF(iter);
    if (PyErr_Occurred()) {
        PyErr_Clear(); /* as above */
        return 0;
    }
    return same;
}

static int
same_scalar(PyObject *a, PyObject *b)
{
    PyTypeObject *type = Py_TYPE(a);
    if (type == &PyFloat_Type) {
        return same_bits(PyFloat_AS_DOUBLE(a), PyFloat_AS_DOUBLE(b));
    }
    if (type == &PyComplex_Type) {
        Py_complex x = PyComplex_AsCComplex(a), y = PyComplex_AsCComplex(b);
        return same_bits(x.real, y.real) && same_bits(x.imag, y.imag);
    }
    if (type == &PyUnicode_Type) {
        return PyUnicode_Compare(a, b) == 0;
    }
    if (type == &PyLong_Type || type == &PyBytes_Type || type == &PyByteArray_Type) {
        int same = PyObject_RichCompareBool(a, b, Py_EQ);
        if (same < 0) {
            PyErr_Clear(); /* nobody can tell */
        }
        return same == 1;
    }
    return 0; /* bool, None, Ellipsis: the same only if identical */
}

static int
same_literal(PyObject *a, PyObject *b, int depth)
{
    PyTypeObject *type = Py_TYPE(a);
    if (a == b) {
        return 1;
    }
    if (type != Py_TYPE(b) || depth > MAX_DEPTH) {
        return 0;
    }
    if (type == &PyTuple_Type || type == &PyList_Type) {
        return same_sequence(a, b, depth + 1);
    }
    if (type == &PyDict_Type) {
        return same_dict(a, b, depth + 1);
    }
    if (type == &PySet_Type || type == &PyFrozenSet_Type) {
        return same_set(a, b);
    }
    return same_scalar(a, b);
}

int
rs_same_literal(PyObject *a, PyObject *b)
{
    return a != NULL && b != NULL ? same_literal(a, b, 0) : a == b;
}

static int
is_atom(PyObject *op, int depth)
{
    PyTypeObject *type = Py_TYPE(op);
    if (op == Py_None || op == Py_Ellipsis || op == Py_NotImplemented ||
        type == &PyBool_Type || type == &PyLong_Type || type == &PyFloat_Type ||
        type == &PyComplex_Type || type == &PyUnicode_Type || type == &PyBytes_Type ||
        type == &PyCode_Type) {
        return 1;
    }
    if (type == &PyTuple_Type && depth < MAX_DEPTH) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(op); i++) {
            if (!is_atom(PyTuple_GET_ITEM(op, i), depth + 1)) {
                return 0;
            }
        }
        return 1;
    }
    return 0;
}

int
rs_is_atom(PyObject *op)
{
    return is_atom(op, 0);
}

int
rs_same_value(PyObject *a, PyObject *b)
{
    return a == b || (a != NULL && b != NULL && rs_is_atom(a) && rs_same_literal(a, b));
}

int
rs_is_plain_key(PyObject *key)
{
    if (PyTuple_CheckExact(key)) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(key); i++) {
            if (!rs_is_plain_key(PyTuple_GET_ITEM(key, i))) {
                return 0;
            }
        }
        return 1;
    }
    if (PyType_Check(key)) {
        return Py_TYPE(key)->tp_hash == PyBaseObject_Type.tp_hash;
    }
    return PyUnicode_CheckExact(key) || PyLong_CheckExact(key) ||
           PyBytes_CheckExact(key) || PyBool_Check(key) || PyFloat_CheckExact(key) ||
           PyFunction_Check(key) || key == Py_None;
}

/* ---- code ---- */

/* Is `value` the line that 3.13+ has a class body store in __firstlineno__? */
static int
is_first_line(const PyCodeObject *code, PyObject *value)
{
    int overflow;
    return (code->co_flags & CO_OPTIMIZED) == 0 && PyLong_CheckExact(value) &&
           PyLong_AsLongAndOverflow(value, &overflow) == code->co_firstlineno &&
           !overflow;
}

/* A constant of each; nested code objects by relation. 0 or -1. */
static int
compare_constant(const PyCodeObject *a, PyObject *x, const PyCodeObject *b, PyObject *y,
                 int *relation)
{
    if (PyCode_Check(x) && PyCode_Check(y)) {
        int nested = rs_same_code(x, y);
        if (nested < 0) {
            return -1;
        }
        if (nested < *relation) {
            *relation = nested;
        }
    } else if (is_first_line(a, x) && is_first_line(b, y)) {
        if (!rs_same_literal(x, y) && *relation > RS_CODE_MOVED) {
            *relation = RS_CODE_MOVED;
        }
    } else if (!rs_same_literal(x, y)) {
        *relation = RS_CODE_DIFFERS;
    }
    return 0;
}

/* All constants, in order. */
static int
compare_consts(const PyCodeObject *a, const PyCodeObject *b, int *relation)
{
    Py_ssize_t n = PyTuple_GET_SIZE(a->co_consts);
    if (n != PyTuple_GET_SIZE(b->co_consts)) {
        *relation = RS_CODE_DIFFERS;
    }
    for (Py_ssize_t i = 0; i < n && *relation != RS_CODE_DIFFERS; i++) {
        if (compare_constant(a, PyTuple_GET_ITEM(a->co_consts, i), b,
                             PyTuple_GET_ITEM(b->co_consts, i), relation) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
same_shape(const PyCodeObject *a, const PyCodeObject *b)
{
    return a->co_flags == b->co_flags && a->co_argcount == b->co_argcount &&
           a->co_posonlyargcount == b->co_posonlyargcount &&
           a->co_kwonlyargcount == b->co_kwonlyargcount &&
           a->co_stacksize == b->co_stacksize && rs_same_text(a->co_name, b->co_name) &&
           rs_same_text(a->co_qualname, b->co_qualname) &&
           rs_same_literal(a->co_names, b->co_names) &&
           rs_same_literal(a->co_localsplusnames, b->co_localsplusnames) &&
           rs_same_literal(a->co_localspluskinds, b->co_localspluskinds) &&
           rs_same_literal(a->co_exceptiontable, b->co_exceptiontable);
}

/* ---- class bodies ---- */

/* Constants of class bodies have other numbers when the line of the class becomes or ceases
 * to be one of them (an equal number is one already; 3.14+ has an instruction for it while
 * it is below 256). So they are compared as instructions read them. */
typedef struct {
    const PyCodeObject *code;
    const unsigned char *text;
    Py_ssize_t arg; /* of the instruction that is looked at */
} class_text;

/* Does the instruction at `at` load the class's first line, and the next one store it? */
static int
loads_first_line(const class_text *one, Py_ssize_t at, Py_ssize_t size)
{
    PyObject *consts = one->code->co_consts, *names = one->code->co_names;
    Py_ssize_t name = at + 3 < size ? one->text[at + 3] : size;
    return name < PyTuple_GET_SIZE(names) &&
           rs_text_equals(PyTuple_GET_ITEM(names, name), "__firstlineno__") &&
           (one->arg == one->code->co_firstlineno ||
            (one->arg < PyTuple_GET_SIZE(consts) &&
             is_first_line(one->code, PyTuple_GET_ITEM(consts, one->arg))));
}

/* The same instruction of both, which reads a constant if its number is in `readers`. */
static int
compare_instruction(const class_text *a, const class_text *b, Py_ssize_t at,
                    PyObject *readers, int *relation)
{
    PyObject *x = a->code->co_consts, *y = b->code->co_consts;
    PyObject *number = PyLong_FromLong(a->text[at]);
    int reads = number != NULL ? PySequence_Contains(readers, number) : -1;
    Py_XDECREF(number);
    if (reads < 0) {
        return -1;
    }
    if (a->text[at] != b->text[at] ||
        (reads ? a->arg >= PyTuple_GET_SIZE(x) || b->arg >= PyTuple_GET_SIZE(y)
               : a->arg != b->arg)) {
        *relation = RS_CODE_DIFFERS;
        return 0;
    }
    return !reads ? 0
                  : compare_constant(a->code, PyTuple_GET_ITEM(x, a->arg), b->code,
                                     PyTuple_GET_ITEM(y, b->arg), relation);
}

static int
compare_class_texts(class_text a, class_text b, Py_ssize_t size, PyObject *readers,
                    long extended, int *relation)
{
    for (Py_ssize_t i = 0; i + 1 < size && *relation != RS_CODE_DIFFERS; i += 2) {
        a.arg = (a.arg << 8) | a.text[i + 1];
        b.arg = (b.arg << 8) | b.text[i + 1];
        if (a.text[i] == extended && b.text[i] == extended) {
            continue;
        }
        if (loads_first_line(&a, i, size) && loads_first_line(&b, i, size)) {
            *relation = Py_MIN(*relation, RS_CODE_MOVED);
        } else if (compare_instruction(&a, &b, i, readers, relation) < 0) {
            return -1;
        }
        a.arg = b.arg = 0;
    }
    return 0;
}

static int
compare_classes(const PyCodeObject *a, PyObject *text_a, const PyCodeObject *b,
                PyObject *text_b, int *relation)
{
    int result = -1;
    long extended;
    class_text x = {a, (const unsigned char *)PyBytes_AS_STRING(text_a), 0};
    class_text y = {b, (const unsigned char *)PyBytes_AS_STRING(text_b), 0};
    /* owned */
    PyObject *opcode = NULL, *readers = NULL, *number = NULL;

    if (PyBytes_GET_SIZE(text_a) != PyBytes_GET_SIZE(text_b)) {
        *relation = RS_CODE_DIFFERS;
        return 0;
    }
    opcode = PyImport_ImportModule("opcode");
    readers = opcode != NULL ? PyObject_GetAttrString(opcode, "hasconst") : NULL;
    number = readers != NULL ? PyObject_GetAttrString(opcode, "EXTENDED_ARG") : NULL;
    extended = number != NULL ? PyLong_AsLong(number) : -1;
    if (extended >= 0) {
        result = compare_class_texts(x, y, PyBytes_GET_SIZE(text_a), readers, extended,
                                     relation);
    }
    Py_XDECREF(opcode);
    Py_XDECREF(readers);
    Py_XDECREF(number);
    return result;
}

/* ---- any code ---- */

static int
compare_lines(const PyCodeObject *a, const PyCodeObject *b)
{
    return a->co_firstlineno == b->co_firstlineno &&
                   rs_same_literal(a->co_linetable, b->co_linetable)
               ? RS_CODE_SAME
               : RS_CODE_MOVED;
}

int
rs_same_code(PyObject *a, PyObject *b)
{
    int relation = RS_CODE_DIFFERS, result = -1;
    /* owned */
    PyObject *text_a = NULL, *text_b = NULL;

    if (a == b) {
        return RS_CODE_SAME;
    }
    if (!same_shape(RS_CODE(a), RS_CODE(b))) {
        return RS_CODE_DIFFERS;
    }
    /* the code as compiled: what specialisation wrote into it is undone in the copy */
    text_a = PyCode_GetCode(RS_CODE(a));
    text_b = text_a != NULL ? PyCode_GetCode(RS_CODE(b)) : NULL;
    if (text_b == NULL) {
        goto done;
    }
    if (rs_same_literal(text_a, text_b)) {
        relation = compare_lines(RS_CODE(a), RS_CODE(b));
        if (compare_consts(RS_CODE(a), RS_CODE(b), &relation) < 0) {
            goto done;
        }
    }
    if (relation == RS_CODE_DIFFERS && (RS_CODE(a)->co_flags & CO_OPTIMIZED) == 0) {
        relation = compare_lines(RS_CODE(a), RS_CODE(b));
        if (compare_classes(RS_CODE(a), text_a, RS_CODE(b), text_b, &relation) < 0) {
            goto done;
        }
    }
    result = relation;
done:
    Py_XDECREF(text_a);
    Py_XDECREF(text_b);
    return result;
}
