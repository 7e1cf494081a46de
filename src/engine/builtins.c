#include "builtins.h"

#include "scratch.h"

typedef struct {
    PyDictObject dict;
    rs_session *session;
    PyObject *real;
} rs_builtins;

/* What another updated module has made anew, under the name that it has there: borrowed or
 * NULL. */
static PyObject *
made_by(const rs_unit *other, PyObject *value)
{
    Py_ssize_t pos = 0;
    PyObject *name, *there;
    while (PyDict_Next(other->live, &pos, &name, &there)) {
        if (there == value && PyUnicode_CheckExact(name)) {
            return PyDict_GetItemWithError(other->scratch, name);
        }
    }
    return NULL;
}

/* The value as new code has to see it: modules that are updated, and their definitions, are
 * the new ones. Borrowed; NULL with an exception. */
static PyObject *
renewed(rs_session *s, const rs_unit *u, PyObject *value)
{
    int definition = PyFunction_Check(value) || PyType_Check(value);
    if (!u->parts || (!definition && !PyModule_Check(value))) {
        return value;
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        rs_unit *other = &s->units[i];
        PyObject *made;
        if (other == u || !other->parts) {
            continue;
        }
        if (other->module == value) {
            return rs_scratch_run(s, other) < 0 ? NULL : other->scratch_module;
        }
        made = definition ? made_by(other, value) : NULL;
        if (made != NULL || PyErr_Occurred()) {
            return made;
        }
    }
    return value;
}

/* The live value of a name for the code that asks, which runs in a scratch namespace. */
static PyObject *
live_value(const rs_builtins *self, PyObject *name)
{
    const rs_session *s = self->session;
    const rs_unit *u;
    PyObject *value;
    PyObject *globals = PyEval_GetGlobals();
    if (s == NULL || globals == NULL || s->n_units == 0) {
        return NULL;
    }
    u = rs_session_unit_by_scratch(s, globals);
    if (u == NULL || name == s->st->names.__builtins__) {
        return NULL;
    }
    value = PyDict_GetItemWithError(u->live, name);
    return value != NULL ? renewed(self->session, u, value) : NULL;
}

/* The eval loop asks builtins that are no exact dict through this. */
static PyObject *
builtins_subscript(PyObject *op, PyObject *name)
{
    const rs_builtins *self = (const rs_builtins *)op;
    const rs_names *n = &self->session->st->names;
    PyObject *value = NULL;
    if (!PyUnicode_CheckExact(name)) {
        PyErr_SetObject(PyExc_KeyError, name);
        return NULL;
    }
    if (name != n->__import__ && name != n->__build_class__ &&
        name != n->__lazy_import__) {
        value = live_value(self, name);
    }
    if (value == NULL && !PyErr_Occurred()) {
        value = PyDict_GetItemWithError(op, name);
    }
    if (value == NULL && !PyErr_Occurred()) {
        value = PyDict_GetItemWithError(self->real, name); /* added meanwhile */
    }
    if (value == NULL && !PyErr_Occurred()) {
        PyErr_SetObject(PyExc_KeyError, name);
    }
    return Py_XNewRef(value);
}

static int
builtins_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((rs_builtins *)op)->real);
    return PyDict_Type.tp_traverse(op, visit, arg);
}

static int
builtins_clear(PyObject *op)
{
    return PyDict_Type.tp_clear(op);
}

static void
builtins_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    rs_builtins *self = (rs_builtins *)op;
    PyObject_GC_UnTrack(op);
    Py_CLEAR(self->session);
    Py_CLEAR(self->real);
    PyObject_GC_Track(op); /* the dict's own destructor untracks it */
    PyDict_Type.tp_dealloc(op);
    Py_DECREF(type);
}

PyObject *
rs_builtins_type(void)
{
    PyType_Slot slots[] = {
        {Py_tp_doc, (void *)"Builtins of code that is being prepared."},
        {Py_mp_subscript, (void *)builtins_subscript},
        {Py_tp_traverse, (void *)builtins_traverse},
        {Py_tp_clear, (void *)builtins_clear},
        {Py_tp_dealloc, (void *)builtins_dealloc},
        {0, NULL},
    };
    PyType_Spec spec = {
        .name = "resoul._engine.Builtins",
        .basicsize = sizeof(rs_builtins),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
                 Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = slots,
    };
    return PyType_FromSpecWithBases(&spec, (PyObject *)&PyDict_Type);
}

PyObject *
rs_builtins_new(rs_session *s, PyObject *real)
{
    PyObject *no_args = PyTuple_New(0);
    rs_builtins *self = NULL;
    if (no_args != NULL) {
        self = (rs_builtins *)PyDict_Type.tp_new(RS_TYPE(s->st->Builtins_Type), no_args,
                                                 NULL);
        Py_DECREF(no_args);
    }
    if (self == NULL) {
        return NULL;
    }
    self->session = (rs_session *)Py_NewRef(s);
    self->real = Py_NewRef(real);
    if (PyDict_Update((PyObject *)self, real) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}
