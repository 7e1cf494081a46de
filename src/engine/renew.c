#include "renew.h"

#include "frames.h"
#include "function.h"
#include "future.h"
#include "heap.h"

/* ---- in which namespace ---- */

/* Did bodies run in scratch namespaces? A snippet has its own for good. */
static int
has_scratch(const rs_session *s)
{
    return s->hot == NULL && s->builtins != NULL;
}

static void
replace(PyObject **slot, PyObject *value)
{
    PyObject *old = *slot;
    *slot = Py_NewRef(value);
    Py_DECREF(old);
}

static void
move(PyObject *func, PyObject *globals, PyObject *builtins)
{
    replace(&RS_FUNCTION(func)->func_globals, globals);
    replace(&RS_FUNCTION(func)->func_builtins, builtins);
    rs_fn_clear_version(func);
}

/* Planning has moved what bodies made into the live namespaces (redirect.c). */
static void
move_to_scratch(rs_session *s)
{
    Py_ssize_t pos = 0;
    PyObject *op;
    while (rs_idmap_next(&s->young, &pos, &op, NULL)) {
        const rs_unit *u = PyFunction_Check(op) ? rs_session_unit_by_live(
                                                      s, RS_FUNCTION(op)->func_globals)
                                                : NULL;
        if (u != NULL && u->scratch != NULL) {
            move(op, u->scratch, s->builtins);
        }
    }
}

typedef struct {
    rs_renew *r;
    PyObject *functions; /* list */
} left;

/* Functions that read scratch namespaces, and frames of such that are over, which a traceback
 * may have: they don't own what they refer to. */
static int
find_left(PyObject *op, void *arg)
{
    left *found = arg;
    rs_session *s = found->r->s;
    PyObject *globals;
    if (PyFunction_Check(op)) {
        return op == found->r->callable ||
                       rs_session_unit_by_scratch(s, RS_FUNCTION(op)->func_globals) ==
                           NULL ||
                       PyList_Append(found->functions, op) == 0
                   ? 1
                   : -1;
    }
    if (PyFrame_Check(op)) {
        rs_unit *u;
        globals = PyFrame_GetGlobals((PyFrameObject *)op);
        u = rs_session_unit_by_scratch(s, globals);
        Py_DECREF(globals); /* its function or the unit has it */
        if (u != NULL && !u->borrowed) {
            u->borrowed = -1; /* told below: a walk makes nothing */
        }
    }
    return 1;
}

static int
keep_used(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (s->units[i].borrowed < 0 && rs_frames_keep(s, &s->units[i]) < 0) {
            s->units[i].borrowed = 1; /* nobody empties it */
            return -1;
        }
    }
    return 0;
}

/* Also functions that hooks have made: who knows where they are by now. 0 or -1. */
static int
move_to_live(rs_renew *r)
{
    left found = {r, PyList_New(0)};
    int result = -1;
    if (found.functions == NULL || rs_heap_walk(find_left, &found) < 0 ||
        keep_used(r->s) < 0) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(found.functions); i++) {
        PyObject *func = PyList_GET_ITEM(found.functions, i);
        const rs_unit *u = rs_session_unit_by_scratch(r->s,
                                                      RS_FUNCTION(func)->func_globals);
        move(func, u->live, rs_unit_builtins(r->s, u));
    }
    result = 0;
done:
    Py_XDECREF(found.functions);
    return result;
}

/* ---- functions ---- */

/* Cells that hold a donor class, as methods have for super(), get the live one. */
static PyObject *
live_closure(const rs_session *s, PyObject *closure)
{
    Py_ssize_t n = PyTuple_GET_SIZE(closure);
    PyObject *result = PyTuple_New(n);
    for (Py_ssize_t i = 0; result != NULL && i < n; i++) {
        PyObject *cell = PyTuple_GET_ITEM(closure, i);
        PyObject *value = PyCell_GET(cell);
        if (value != NULL && PyType_Check(value) &&
            rs_session_live(s, value) != value) {
            cell = PyCell_New(rs_session_live(s, value));
            if (cell == NULL) {
                Py_CLEAR(result);
                break;
            }
        } else {
            Py_INCREF(cell);
        }
        PyTuple_SET_ITEM(result, i, cell); /* steals */
    }
    return result;
}

/* A function like `func` in the scratch namespace, or `func` itself if it is none of the
 * update's modules. New reference or NULL. */
static PyObject *
renewed(const rs_session *s, PyObject *func)
{
    PyObject *globals, *copy, *closure;
    const rs_unit *u;
    if (!has_scratch(s) || !PyFunction_Check(func)) {
        return Py_NewRef(func);
    }
    globals = RS_FUNCTION(func)->func_globals;
    u = rs_session_unit_by_live(s, globals);
    u = u != NULL ? u : rs_session_unit_by_scratch(s, globals);
    if (u == NULL || u->scratch == NULL) {
        return Py_NewRef(func);
    }
    copy = PyFunction_New(RS_FUNCTION(func)->func_code, u->scratch);
    if (copy == NULL) {
        return NULL;
    }
    closure = RS_FUNCTION(func)->func_closure;
    if (closure != NULL) {
        closure = live_closure(s, closure);
        if (closure == NULL) {
            Py_DECREF(copy);
            return NULL;
        }
        Py_XSETREF(RS_FUNCTION(copy)->func_closure, closure);
    }
    Py_XSETREF(RS_FUNCTION(copy)->func_defaults,
               Py_XNewRef(RS_FUNCTION(func)->func_defaults));
    Py_XSETREF(RS_FUNCTION(copy)->func_kwdefaults,
               Py_XNewRef(RS_FUNCTION(func)->func_kwdefaults));
    Py_XSETREF(RS_FUNCTION(copy)->func_dict, Py_XNewRef(RS_FUNCTION(func)->func_dict));
    return copy;
}

PyObject *
rs_renew_bind(rs_renew *r, PyObject *value, PyObject *object)
{
    descrgetfunc get;
    if (value != r->value) {
        PyObject *callable = renewed(r->s, value);
        if (callable == NULL) {
            return NULL;
        }
        Py_XSETREF(r->callable, callable);
        r->value = value;
    }
    get = Py_TYPE(r->callable)->tp_descr_get;
    return get != NULL ? get(r->callable, object, (PyObject *)Py_TYPE(object))
                       : Py_NewRef(r->callable);
}

/* ---- super() ---- */

typedef struct {
    PyObject_HEAD
    rs_session *s;
    PyObject *real; /* what super() gives: for names that no class will have */
    PyObject *after;
    PyObject *object;
} future_super;

static PyObject *
super_getattro(PyObject *op, PyObject *name)
{
    const future_super *self = (const future_super *)op;
    PyObject *mro = Py_TYPE(self->object)->tp_mro;
    int passed = 0;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *value = passed ? rs_future_value(
                                       self->s, RS_TYPE(PyTuple_GET_ITEM(mro, i)), name)
                                 : NULL;
        if (value != NULL) {
            rs_renew once = {.s = self->s};
            PyObject *bound = rs_renew_bind(&once, value, self->object);
            Py_XDECREF(once.callable);
            return bound;
        }
        passed |= PyTuple_GET_ITEM(mro, i) == self->after;
    }
    return PyObject_GetAttr(self->real, name);
}

static int
super_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((future_super *)op)->real);
    Py_VISIT(((future_super *)op)->after);
    Py_VISIT(((future_super *)op)->object);
    return 0;
}

static void
super_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    future_super *self = (future_super *)op;
    PyObject_GC_UnTrack(op);
    Py_XDECREF(self->s);
    Py_XDECREF(self->real);
    Py_XDECREF(self->after);
    Py_XDECREF(self->object);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyObject *
make_super_type(void)
{
    PyType_Slot slots[] = {
        {Py_tp_doc, (void *)"super() before the swap: what the bases will have."},
        {Py_tp_getattro, (void *)super_getattro},
        {Py_tp_traverse, (void *)super_traverse},
        {Py_tp_dealloc, (void *)super_dealloc},
        {0, NULL},
    };
    PyType_Spec spec = {
        .name = "resoul._engine.Super",
        .basicsize = sizeof(future_super),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
                 Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = slots,
    };
    return PyType_FromSpec(&spec);
}

/* Of a real super object: new reference or NULL. */
static PyObject *
part_of(PyObject *real, const char *name)
{
    PyObject *key = PyUnicode_FromString(name);
    PyObject *part = key != NULL ? PyObject_GenericGetAttr(real, key) : NULL;
    Py_XDECREF(key);
    return part;
}

/* What super() itself gives. Without arguments it finds those of the function that calls,
 * since this is none with a frame. A donor that code knows by its name means the class that
 * lives. */
static PyObject *
real_super(const rs_session *s, PyObject *args)
{
    PyObject *type, *result;
    if (PyTuple_GET_SIZE(args) != 2) {
        return PyObject_CallObject((PyObject *)&PySuper_Type, args);
    }
    type = rs_session_live(s, PyTuple_GET_ITEM(args, 0));
    Py_INCREF(type);
    result = PyObject_CallFunctionObjArgs((PyObject *)&PySuper_Type, type,
                                          PyTuple_GET_ITEM(args, 1), NULL);
    Py_DECREF(type);
    return result;
}

/* `super` meanwhile; self is (session, type). */
static PyObject *
super_call(PyObject *self, PyObject *args)
{
    rs_session *s = (rs_session *)PyTuple_GET_ITEM(self, 0);
    PyTypeObject *type = RS_TYPE(PyTuple_GET_ITEM(self, 1));
    PyObject *real = real_super(s, args);
    PyObject *after, *object;
    future_super *result = NULL;
    if (real == NULL) {
        return NULL;
    }
    after = part_of(real, "__thisclass__");
    object = after != NULL ? part_of(real, "__self__") : NULL;
    if (object != NULL && object != Py_None && !PyType_Check(object) &&
        s->n_units > 0) {
        result = (future_super *)type->tp_alloc(type, 0);
        if (result != NULL) {
            result->s = (rs_session *)Py_NewRef(s);
            result->real = Py_NewRef(real);
            result->after = Py_NewRef(after);
            result->object = Py_NewRef(object);
        }
    } else if (object != NULL) {
        result = (future_super *)Py_NewRef(real);
    }
    Py_XDECREF(after);
    Py_XDECREF(object);
    Py_DECREF(real);
    return (PyObject *)result;
}

static PyMethodDef super_method = {"super", super_call, METH_VARARGS, NULL};

static int
put_super(rs_renew *r)
{
    int result = -1;
    PyObject *self, *function = NULL;
    r->name = PyUnicode_InternFromString("super");
    if (r->name == NULL) {
        return -1;
    }
    r->super = Py_XNewRef(PyDict_GetItemWithError(r->s->builtins, r->name));
    r->super_type = make_super_type();
    self = r->super_type != NULL ? PyTuple_Pack(2, r->s, r->super_type) : NULL;
    if (self != NULL) {
        function = PyCFunction_New(&super_method, self);
    }
    if (function != NULL) {
        result = PyDict_SetItem(r->s->builtins, r->name, function);
    }
    Py_XDECREF(self);
    Py_XDECREF(function);
    return result;
}

/* ---- the whole ---- */

int
rs_renew_begin(rs_renew *r, rs_session *s)
{
    *r = (rs_renew){.s = s};
    if (!has_scratch(s)) {
        return 0;
    }
    if (put_super(r) < 0) {
        return -1;
    }
    move_to_scratch(s);
    return 0;
}

int
rs_renew_end(rs_renew *r)
{
    PyObject *pending = PyErr_GetRaisedException();
    int result = 0;
    if (r->super != NULL) {
        result = PyDict_SetItem(r->s->builtins, r->name, r->super);
        Py_CLEAR(r->super);
    }
    Py_CLEAR(r->super_type);
    /* after a failure all that is young goes: nothing has to be moved, and the traceback's
     * frames borrow from the functions what these have */
    if (pending == NULL && result == 0 && has_scratch(r->s)) {
        result = move_to_live(r);
    }
    Py_CLEAR(r->name);
    Py_CLEAR(r->callable);
    if (pending != NULL) {
        PyErr_Clear();
        PyErr_SetRaisedException(pending);
    }
    return result;
}
