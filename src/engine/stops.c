#include "stops.h"

#include "match.h"
#include "quiet.h"

int
rs_stops_needed(const rs_session *s, PyObject *bases)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases); i++) {
        PyObject *base = PyTuple_GET_ITEM(bases, i);
        PyObject *mro = PyType_Check(base) ? RS_TYPE(base)->tp_mro : NULL;
        for (Py_ssize_t k = 0; mro != NULL && k < PyTuple_GET_SIZE(mro); k++) {
            if (rs_quiet_classify(s, RS_TYPE(PyTuple_GET_ITEM(mro, k))) ==
                RS_INIT_QUIET) {
                return 1;
            }
        }
    }
    return 0;
}

/* ---- stops ----
 * type.__new__ calls super(cls, cls).__init_subclass__(). So while the class is made its
 * mro has a stop in front of each run of classes whose hooks are to be quiet:
 *
 *     donor -> young, fires -> STOP -> live, quiet -> live, quiet -> Generic, fires -> object
 *                               '------------------------------------^
 */

/* The first class behind `stop` in the mro that fires, or NULL. Borrowed. *quiet: are
 * there others before it? */
static PyTypeObject *
find_next(const rs_session *s, PyObject *mro, PyObject *stop, int *quiet)
{
    Py_ssize_t i = 0, n = PyTuple_GET_SIZE(mro);
    *quiet = 0;
    while (i < n && PyTuple_GET_ITEM(mro, i) != stop) {
        i++;
    }
    for (i++; i < n; i++) {
        PyTypeObject *type = RS_TYPE(PyTuple_GET_ITEM(mro, i));
        rs_init_kind kind = rs_quiet_classify(s, type);
        if (kind == RS_INIT_FIRES) {
            return type;
        }
        *quiet |= kind == RS_INIT_QUIET;
    }
    return NULL;
}

static int
tell_keywords(rs_maker *m, PyObject *kwargs)
{
    PyObject *code = PyFunction_GetCode(m->body);
    PyObject *names;
    int result;
    if (m->told || kwargs == NULL || PyDict_GET_SIZE(kwargs) == 0) {
        return 0;
    }
    m->told = 1;
    names = PyDict_Keys(kwargs);
    if (names == NULL) {
        return -1;
    }
    result = rs_notice(
        m->session, "RSL607", m->unit, RS_CODE(code)->co_qualname,
        RS_CODE(code)->co_firstlineno,
        "class keywords %R reached no __init_subclass__: that of a base "
        "class outside the update ran when the class was first made, and "
        "doesn't run again",
        names);
    Py_DECREF(names);
    return result;
}

/* What `next` has for `cls`. */
static PyObject *
call_next(const rs_session *s, PyTypeObject *next, PyObject *cls, PyObject *kwargs)
{
    PyObject *hook = rs_class_get(next, s->st->names.__init_subclass__);
    PyObject *result = NULL;
    /* owned */
    PyObject *none = PyTuple_New(0);
    PyObject *bound = Py_TYPE(hook)->tp_descr_get != NULL
                          ? Py_TYPE(hook)->tp_descr_get(hook, NULL, cls)
                          : Py_NewRef(hook);
    if (none != NULL && bound != NULL) {
        result = PyObject_Call(bound, none, kwargs);
    }
    Py_XDECREF(none);
    Py_XDECREF(bound);
    return result;
}

static void
set_mro(PyTypeObject *type, PyObject **mro)
{
    PyObject *before = type->tp_mro;
    type->tp_mro = *mro;
    *mro = before;
    PyType_Modified(type);
}

static void
leave_stops(rs_maker *m, PyTypeObject *type)
{
    if (m->real_mro != NULL) {
        set_mro(type, &m->real_mro);
        Py_CLEAR(m->real_mro);
    }
}

/* __init_subclass__ of a stop; self: (maker, number of the stop), args: (cls,). */
static PyObject *
stop_init_subclass(PyObject *self, PyObject *args, PyObject *kwargs)
{
    rs_maker *m = (rs_maker *)PyTuple_GET_ITEM(self, 0);
    Py_ssize_t i = PyLong_AsSsize_t(PyTuple_GET_ITEM(self, 1));
    PyObject *cls, *result;
    PyTypeObject *next;
    int quiet;
    if (PyTuple_GET_SIZE(args) != 1 || !PyType_Check(PyTuple_GET_ITEM(args, 0)) ||
        m->stops == NULL || i >= PyList_GET_SIZE(m->stops)) {
        Py_RETURN_NONE; /* kept somewhere after the class was made */
    }
    cls = PyTuple_GET_ITEM(args, 0);
    next = find_next(m->session, RS_TYPE(cls)->tp_mro, PyList_GET_ITEM(m->stops, i),
                     &quiet);
    if (quiet && tell_keywords(m, kwargs) < 0) {
        return NULL;
    }
    result = next != NULL ? call_next(m->session, next, cls, quiet ? NULL : kwargs)
                          : Py_NewRef(Py_None);
    if (i == 0) {
        leave_stops(m, RS_TYPE(cls));
    }
    return result;
}

static PyMethodDef stop_methods[] = {
    {"__init_subclass__", (PyCFunction)(void (*)(void))stop_init_subclass,
     METH_VARARGS | METH_KEYWORDS, NULL},
};

/* A new class that only has the __init_subclass__ above. */
static int
make_stop(rs_maker *m)
{
    int result = -1;
    /* owned */
    PyObject *self = NULL, *func = NULL, *method = NULL, *stop = NULL;

    self = Py_BuildValue("(On)", m, PyList_GET_SIZE(m->stops));
    func = self != NULL ? PyCFunction_New(&stop_methods[0], self) : NULL;
    method = func != NULL ? PyClassMethod_New(func) : NULL;
    if (method != NULL) {
        stop = PyObject_CallFunction((PyObject *)&PyType_Type, "s(){s:(),s:O}",
                                     "object", "__slots__", "__init_subclass__",
                                     method);
    }
    if (stop != NULL) {
        m->stop_refs = Py_REFCNT(stop);
        result = PyList_Append(m->stops, stop);
    }
    Py_XDECREF(self);
    Py_XDECREF(func);
    Py_XDECREF(method);
    Py_XDECREF(stop);
    return result;
}

/* Puts stops into `order`, an mro. `stopped`: is there one at its beginning? 0 or -1. */
int
rs_stops_add(rs_maker *m, PyObject *order, int stopped)
{
    Py_ssize_t n = stopped;
    for (Py_ssize_t i = 1 + stopped; i < PyList_GET_SIZE(order); i++) {
        PyObject *type = PyList_GET_ITEM(order, i);
        rs_init_kind kind = PyType_Check(type)
                                ? rs_quiet_classify(m->session, RS_TYPE(type))
                                : RS_INIT_NONE;
        if (kind == RS_INIT_QUIET && !stopped) {
            if ((n == PyList_GET_SIZE(m->stops) && make_stop(m) < 0) ||
                PyList_Insert(order, i, PyList_GET_ITEM(m->stops, n)) < 0) {
                return -1;
            }
            n++;
            i++;
        }
        if (kind != RS_INIT_NONE) {
            stopped = kind == RS_INIT_QUIET;
        }
    }
    return 0;
}

/* ---- getting rid of them ---- */

void
rs_stops_dispose(PyObject *type, Py_ssize_t refs)
{
    if (Py_REFCNT(type) <= refs) {
        Py_TYPE(type)->tp_clear(type);
    }
    Py_DECREF(type);
}

void
rs_stops_drop(rs_maker *m)
{
    for (Py_ssize_t i = 0; m->stops != NULL && i < PyList_GET_SIZE(m->stops); i++) {
        rs_stops_dispose(Py_NewRef(PyList_GET_ITEM(m->stops, i)), m->stop_refs + 1);
    }
    Py_CLEAR(m->stops);
}

/* ---- an mro that is there already ---- */

int
rs_stops_enter(rs_maker *m, PyTypeObject *copy)
{
    int result = -1;
    /* owned */
    PyObject *order = PySequence_List(copy->tp_mro), *mro = NULL;

    Py_XSETREF(m->stops, PyList_New(0));
    if (order != NULL && m->stops != NULL && make_stop(m) == 0 &&
        PyList_Insert(order, 1, PyList_GET_ITEM(m->stops, 0)) == 0 &&
        rs_stops_add(m, order, 1) == 0) {
        mro = PyList_AsTuple(order);
    }
    if (mro != NULL) {
        set_mro(copy, &mro);
        m->real_mro = mro;
        result = 0;
    }
    Py_XDECREF(order);
    return result;
}
