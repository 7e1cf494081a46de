#include "view.h"

#include "imports.h"
#include "same.h"
#include "scratch.h"

typedef struct {
    rs_session *session;
    PyObject *name; /* full name of the package */
    PyObject *live;
} view_data;

/* A type that Python code can't subclass or instantiate, so each view has the data. */
static view_data *
get_data(PyObject *self)
{
    return PyObject_GetTypeData(self, Py_TYPE(self));
}

static PyObject *
full_name(const view_data *view, PyObject *name)
{
    return PyUnicode_FromFormat("%U.%U", view->name, name);
}

/* What the preparing thread sees instead of `value`, the live attribute `name` (NULL: there
 * is none). Takes over the reference to `value`. NULL without an exception: nothing. */
static PyObject *
redirect(view_data *view, PyObject *name, PyObject *value)
{
    rs_session *s = view->session;
    rs_unit *u;
    int package;
    PyObject *full, *shown;
    full = full_name(view, name);
    if (full == NULL) {
        Py_XDECREF(value);
        return NULL;
    }
    u = rs_imports_unit(s, full, &package);
    if (u != NULL && (value == NULL || value == u->module)) {
        Py_XSETREF(value,
                   rs_scratch_run(s, u) < 0 ? NULL : Py_NewRef(u->scratch_module));
    } else if (package && value != NULL) {
        shown = rs_imports_present(s, full, value);
        Py_SETREF(value, shown);
    }
    Py_DECREF(full);
    return value;
}

/* The view's own dict is only for those who ask for it (`from pkg import *`, vars()): a
 * copy of the live namespace as the view shows it. */
static PyObject *
make_dict(PyObject *self, view_data *view)
{
    PyObject *dict = PyModule_GetDict(self);
    Py_ssize_t pos = 0;
    PyObject *key, *value;
    PyObject *copy = PyDict_Copy(PyModule_GetDict(view->live)); /* owned */
    int result = copy != NULL ? PyDict_Update(dict, copy) : -1;
    while (result == 0 && PyDict_Next(copy, &pos, &key, &value)) {
        if (PyModule_Check(value) && PyUnicode_CheckExact(key)) {
            PyObject *full = full_name(view, key);
            PyObject *shown = full != NULL
                                  ? rs_imports_present(view->session, full, value)
                                  : NULL;
            result = shown != NULL ? PyDict_SetItem(dict, key, shown) : -1;
            Py_XDECREF(full);
            Py_XDECREF(shown);
        }
    }
    Py_XDECREF(copy);
    return result < 0 ? NULL : Py_NewRef(dict);
}

static PyObject *
view_getattro(PyObject *self, PyObject *name)
{
    view_data *view = get_data(self);
    rs_session *s = view->session;
    PyObject *value;
    if (view->live == NULL) {
        return PyObject_GenericGetAttr(self, name);
    }
    if (!rs_imports_mine(s) || !PyUnicode_CheckExact(name)) {
        return PyObject_GetAttr(view->live, name);
    }
    if (rs_same_text(name, s->st->names.__dict__)) {
        return make_dict(self, view);
    }
    value = PyObject_GetAttr(view->live, name);
    if (value == NULL) {
        PyObject *error;
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return NULL;
        }
        error = PyErr_GetRaisedException();
        value = redirect(view, name, NULL);
        if (value == NULL && !PyErr_Occurred()) {
            PyErr_SetRaisedException(error);
        } else {
            Py_DECREF(error);
        }
        return value;
    }
    return redirect(view, name, value);
}

static int
view_setattro(PyObject *self, PyObject *name, PyObject *value)
{
    view_data *view = get_data(self);
    if (view->live == NULL) {
        return PyObject_GenericSetAttr(self, name, value);
    }
    if (value != NULL) {
        value = rs_imports_live(view->session, value);
    }
    return PyObject_SetAttr(view->live, name, value);
}

static int
view_traverse(PyObject *self, visitproc visit, void *arg)
{
    view_data *view = get_data(self);
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(view->session);
    Py_VISIT(view->name);
    Py_VISIT(view->live);
    return PyModule_Type.tp_traverse(self, visit, arg);
}

static int
view_clear(PyObject *self)
{
    view_data *view = get_data(self);
    Py_CLEAR(view->live);
    Py_CLEAR(view->session);
    Py_CLEAR(view->name);
    return PyModule_Type.tp_clear(self);
}

static void
view_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    view_data *view = get_data(self);
    PyObject_GC_UnTrack(self);
    Py_CLEAR(view->live);
    Py_CLEAR(view->session);
    Py_CLEAR(view->name);
    PyModule_Type.tp_dealloc(self);
    Py_DECREF(type);
}

PyObject *
rs_view_type(void)
{
    PyType_Slot slots[] = {
        {Py_tp_getattro, (void *)view_getattro},
        {Py_tp_setattro, (void *)view_setattro},
        {Py_tp_traverse, (void *)view_traverse},
        {Py_tp_clear, (void *)view_clear},
        {Py_tp_dealloc, (void *)view_dealloc},
        {Py_tp_doc,
         (void *)"A live package, as a body that is being prepared sees it."},
        {0, NULL},
    };
    PyType_Spec spec = {
        .name = "resoul._engine.View",
        .basicsize = -(int)sizeof(view_data),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
        .slots = slots,
    };
    return PyType_FromSpecWithBases(&spec, (PyObject *)&PyModule_Type);
}

PyObject *
rs_view_new(rs_session *s, PyObject *name, PyObject *live)
{
    PyObject *self = PyObject_CallOneArg(s->st->View_Type, name);
    PyObject *file;
    view_data *view;
    if (self == NULL) {
        return NULL;
    }
    view = get_data(self);
    view->session = (rs_session *)Py_NewRef(s);
    view->name = Py_NewRef(name);
    view->live = Py_NewRef(live);
    /* what "cannot import name" tells is read past the attributes */
    file = PyDict_GetItemWithError(PyModule_GetDict(live), s->st->names.__file__);
    if (file != NULL &&
        PyDict_SetItem(PyModule_GetDict(self), s->st->names.__file__, file) < 0) {
        Py_CLEAR(self);
    }
    return self;
}

PyObject *
rs_view_live(const rs_state *st, PyObject *op)
{
    if (st->View_Type == NULL || !Py_IS_TYPE(op, RS_TYPE(st->View_Type))) {
        return NULL;
    }
    return get_data(op)->live;
}
