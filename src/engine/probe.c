#include "probe.h"

#include <string.h>

typedef struct {
    PyObject_HEAD
    rs_session *s;
    rs_note_kind kind;
    PyObject *name; /* of an attribute, or NULL */
} probe;

static PyObject *
probe_note(PyObject *left, PyObject *right)
{
    const probe *self;
    if (Py_TYPE(left)->tp_as_number == NULL ||
        Py_TYPE(left)->tp_as_number->nb_matrix_multiply != probe_note) {
        Py_RETURN_NOTIMPLEMENTED; /* somebody got hold of one: x @ probe */
    }
    self = (probe *)left;
    if (self->s->leaks != NULL &&
        rs_leaks_note(self->s, self->kind, right, self->name) < 0) {
        return NULL;
    }
    return Py_NewRef(right);
}

static void
probe_dealloc(PyObject *op)
{
    probe *self = (probe *)op;
    PyTypeObject *type = Py_TYPE(op);
    Py_DECREF(self->s);
    Py_XDECREF(self->name);
    type->tp_free(op);
    Py_DECREF(type);
}

PyObject *
rs_probe_type(PyObject *engine)
{
    PyType_Slot slots[] = {
        {Py_tp_dealloc, (void *)probe_dealloc},
        {Py_nb_matrix_multiply, (void *)probe_note},
        {Py_tp_doc, (void *)"Notes what a hotfix snippet is about to change."},
        {0, NULL},
    };
    PyType_Spec spec = {
        .name = "resoul._engine.Probe",
        .basicsize = sizeof(probe),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = slots,
    };
    return PyType_FromModuleAndSpec(engine, &spec, NULL);
}

/* ---- marks ---- */

#define MARK "\x01resoul probe "

/* O2: nobody can know where the session is. */
static PyObject *
prefix_of(const rs_session *s)
{
    return PyUnicode_FromFormat(MARK "%p ", (const void *)s);
}

PyObject *
rs_probe_mark(const rs_session *s, rs_note_kind kind, PyObject *name)
{
    PyObject *result, *prefix = prefix_of(s);
    if (prefix == NULL) {
        return NULL;
    }
    result = name != NULL ? PyUnicode_FromFormat("%U%d%U", prefix, (int)kind, name)
                          : PyUnicode_FromFormat("%U%d", prefix, (int)kind);
    Py_DECREF(prefix);
    return result;
}

/* 1 if the constant is a mark, and *size of what is before kind and name; 0; -1. */
static int
is_mark(const rs_session *s, PyObject *constant, Py_ssize_t *size)
{
    PyObject *prefix;
    int result;
    if (!PyUnicode_CheckExact(constant) || PyUnicode_GET_LENGTH(constant) == 0 ||
        PyUnicode_READ_CHAR(constant, 0) != (unsigned char)MARK[0]) {
        return 0;
    }
    prefix = prefix_of(s);
    if (prefix == NULL) {
        return -1;
    }
    *size = PyUnicode_GET_LENGTH(prefix);
    result = PyUnicode_GET_LENGTH(constant) > *size
                 ? (int)PyUnicode_Tailmatch(constant, prefix, 0, PY_SSIZE_T_MAX, -1)
                 : 0;
    Py_DECREF(prefix);
    return result;
}

PyObject *
rs_probe_for(rs_session *s, PyObject *constant)
{
    Py_ssize_t n = 0;
    probe *made;
    if (is_mark(s, constant, &n) <= 0) {
        return NULL;
    }
    made = PyObject_New(probe, RS_TYPE(s->st->Probe_Type));
    if (made == NULL) {
        return NULL;
    }
    made->s = (rs_session *)Py_NewRef((PyObject *)s);
    made->kind = (rs_note_kind)(PyUnicode_READ_CHAR(constant, n) - '0');
    made->name = NULL;
    if (PyUnicode_GET_LENGTH(constant) > n + 1) {
        made->name = PyUnicode_Substring(constant, n + 1,
                                         PyUnicode_GET_LENGTH(constant));
        if (made->name == NULL) {
            Py_DECREF(made);
            return NULL;
        }
        PyUnicode_InternInPlace(&made->name);
    }
    return (PyObject *)made;
}
