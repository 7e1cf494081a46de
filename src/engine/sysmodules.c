#include "sysmodules.h"

#include "imports.h"
#include "scratch.h"

typedef struct {
    rs_session *session;
    PyObject *real; /* what sys.modules was, nearly always interp's dict */
} proxy_data;

static proxy_data *
get_data(PyObject *self)
{
    return PyObject_GetTypeData(self, Py_TYPE(self));
}

static int
is_mine(PyObject *self)
{
    return rs_imports_mine(get_data(self)->session);
}

/* Is it the import system that asks, not a module body? Then a waiting unit is run. */
static int
asked_by_importlib(void)
{
    PyObject *globals = PyEval_GetGlobals();
    PyObject *importlib = PyDict_GetItemString(PyImport_GetModuleDict(),
                                               "_frozen_importlib");
    return globals != NULL && importlib != NULL && PyModule_Check(importlib) &&
           PyModule_GetDict(importlib) == globals;
}

/* ---- looking up ---- */

/* What the preparing thread sees as sys.modules[key]. Takes over the reference. */
static PyObject *
show(rs_session *s, PyObject *key, PyObject *value)
{
    int package;
    rs_unit *u = rs_imports_unit(s, key, &package);
    if (u == NULL && !package) {
        return value;
    }
    if (asked_by_importlib()) {
        if (u != NULL && value == u->module && rs_scratch_run(s, u) < 0) {
            Py_CLEAR(value);
        } else {
            Py_SETREF(value, rs_imports_present(s, key, value));
        }
    } else if (u != NULL) {
        Py_SETREF(value, rs_imports_present(s, key, value));
    }
    return value;
}

/* New reference; NULL without an exception: there is none. */
static PyObject *
look_up(PyObject *self, PyObject *key)
{
    PyObject *value = PyObject_GetItem(get_data(self)->real, key);
    if (value == NULL) {
        if (PyErr_ExceptionMatches(PyExc_KeyError)) {
            PyErr_Clear();
        }
        return NULL;
    }
    return is_mine(self) ? show(get_data(self)->session, key, value) : value;
}

/* All entries, as the calling thread sees them. New reference. */
static PyObject *
snapshot(PyObject *self)
{
    proxy_data *proxy = get_data(self);
    PyObject *copy, *key, *value;
    Py_ssize_t pos = 0;
    if (!is_mine(self)) {
        return Py_NewRef(proxy->real);
    }
    copy = PyDict_New();
    if (copy != NULL && PyDict_Update(copy, proxy->real) < 0) {
        Py_CLEAR(copy);
    }
    while (copy != NULL && PyDict_Next(copy, &pos, &key, &value)) {
        PyObject *shown;
        if (rs_imports_unit(proxy->session, key, NULL) == NULL) {
            continue;
        }
        shown = rs_imports_present(proxy->session, key, value);
        if (shown == NULL || PyDict_SetItem(copy, key, shown) < 0) {
            Py_CLEAR(copy);
        }
        Py_XDECREF(shown);
    }
    return copy;
}

/* The result of a method of the snapshot. */
static PyObject *
ask_snapshot(PyObject *self, const char *method)
{
    PyObject *entries = snapshot(self);
    PyObject *result = entries != NULL ? PyObject_CallMethod(entries, method, NULL)
                                       : NULL;
    Py_XDECREF(entries);
    return result;
}

static PyObject *
ask_real(PyObject *self, const char *method)
{
    return PyObject_CallMethod(get_data(self)->real, method, NULL);
}

static PyObject *
proxy_subscript(PyObject *self, PyObject *key)
{
    PyObject *value = look_up(self, key);
    if (value == NULL && !PyErr_Occurred()) {
        PyErr_SetObject(PyExc_KeyError, key);
    }
    return value;
}

static PyObject *
proxy_get(PyObject *self, PyObject *args)
{
    PyObject *key, *fallback = Py_None, *value;
    if (!PyArg_ParseTuple(args, "O|O:get", &key, &fallback)) {
        return NULL;
    }
    value = look_up(self, key);
    return value == NULL && !PyErr_Occurred() ? Py_NewRef(fallback) : value;
}

static int
proxy_contains(PyObject *self, PyObject *key)
{
    return PySequence_Contains(get_data(self)->real, key);
}

static Py_ssize_t
proxy_length(PyObject *self)
{
    return PyObject_Size(get_data(self)->real);
}

static PyObject *
proxy_iter(PyObject *self)
{
    return PyObject_GetIter(get_data(self)->real);
}

static PyObject *
proxy_repr(PyObject *self)
{
    return PyObject_Repr(get_data(self)->real);
}

static PyObject *
proxy_keys(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return ask_real(self, "keys");
}

static PyObject *
proxy_reversed(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return ask_real(self, "__reversed__");
}

static PyObject *
proxy_values(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return ask_snapshot(self, "values");
}

static PyObject *
proxy_items(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return ask_snapshot(self, "items");
}

static PyObject *
proxy_copy(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return ask_snapshot(self, "copy");
}

/* `op` itself, or what it shows if it is a proxy. New reference. */
static PyObject *
resolve(PyObject *op)
{
    return Py_TYPE(op)->tp_repr == proxy_repr ? snapshot(op) : Py_NewRef(op);
}

static PyObject *
proxy_richcompare(PyObject *self, PyObject *other, int op)
{
    PyObject *left = resolve(self);
    PyObject *right = resolve(other);
    PyObject *result = left != NULL && right != NULL
                           ? PyObject_RichCompare(left, right, op)
                           : NULL;
    Py_XDECREF(left);
    Py_XDECREF(right);
    return result;
}

static PyObject *
proxy_or(PyObject *left, PyObject *right)
{
    PyObject *a = resolve(left);
    PyObject *b = resolve(right);
    PyObject *result = a != NULL && b != NULL ? PyNumber_Or(a, b) : NULL;
    Py_XDECREF(a);
    Py_XDECREF(b);
    return result;
}

/* ---- changing ---- */

static int
set_item(PyObject *self, PyObject *key, PyObject *value)
{
    proxy_data *proxy = get_data(self);
    if (is_mine(self)) {
        rs_session *s = proxy->session;
        value = rs_imports_live(s, value);
        if (rs_imports_put(s, key, value, asked_by_importlib()) < 0) {
            return -1;
        }
    }
    return PyObject_SetItem(proxy->real, key, value);
}

static int
delete_item(PyObject *self, PyObject *key, int popped)
{
    proxy_data *proxy = get_data(self);
    if (is_mine(self)) {
        rs_session *s = proxy->session;
        if (rs_imports_touch(s, key) < 0 ||
            (asked_by_importlib() && rs_imports_taken(s, key, popped) < 0)) {
            return -1;
        }
    }
    return PyObject_DelItem(proxy->real, key);
}

static int
proxy_ass_subscript(PyObject *self, PyObject *key, PyObject *value)
{
    return value != NULL ? set_item(self, key, value) : delete_item(self, key, 0);
}

static PyObject *
proxy_pop(PyObject *self, PyObject *args)
{
    PyObject *key, *fallback = NULL, *value;
    if (!PyArg_ParseTuple(args, "O|O:pop", &key, &fallback)) {
        return NULL;
    }
    value = look_up(self, key);
    if (value == NULL) {
        if (PyErr_Occurred()) {
            return NULL;
        }
        if (fallback == NULL) {
            PyErr_SetObject(PyExc_KeyError, key);
        }
        return Py_XNewRef(fallback);
    }
    if (delete_item(self, key, 1) < 0) {
        Py_CLEAR(value);
    }
    return value;
}

static PyObject *
proxy_popitem(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    /* owned */
    PyObject *keys = PySequence_List(get_data(self)->real);
    PyObject *key = NULL, *value = NULL, *item = NULL;

    if (keys == NULL) {
        return NULL;
    }
    if (PyList_GET_SIZE(keys) == 0) {
        PyErr_SetString(PyExc_KeyError, "popitem(): dictionary is empty");
        goto done;
    }
    key = Py_NewRef(PyList_GET_ITEM(keys, PyList_GET_SIZE(keys) - 1));
    value = proxy_subscript(self, key);
    if (value != NULL && delete_item(self, key, 0) == 0) {
        item = PyTuple_Pack(2, key, value);
    }
done:
    Py_DECREF(keys);
    Py_XDECREF(key);
    Py_XDECREF(value);
    return item;
}

static PyObject *
proxy_setdefault(PyObject *self, PyObject *args)
{
    PyObject *key, *fallback = Py_None, *value;
    if (!PyArg_ParseTuple(args, "O|O:setdefault", &key, &fallback)) {
        return NULL;
    }
    value = look_up(self, key);
    if (value != NULL || PyErr_Occurred()) {
        return value;
    }
    return set_item(self, key, fallback) < 0 ? NULL : Py_NewRef(fallback);
}

static PyObject *
proxy_update(PyObject *self, PyObject *args, PyObject *kwargs)
{
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    PyObject *changes = PyObject_Call((PyObject *)&PyDict_Type, args, kwargs);
    if (changes == NULL) {
        return NULL;
    }
    while (PyDict_Next(changes, &pos, &key, &value)) {
        if (set_item(self, key, value) < 0) {
            Py_DECREF(changes);
            return NULL;
        }
    }
    Py_DECREF(changes);
    Py_RETURN_NONE;
}

static PyObject *
proxy_ior(PyObject *self, PyObject *other)
{
    PyObject *args = PyTuple_Pack(1, other);
    PyObject *none = args != NULL ? proxy_update(self, args, NULL) : NULL;
    Py_XDECREF(args);
    if (none == NULL) {
        return NULL;
    }
    Py_DECREF(none);
    return Py_NewRef(self);
}

static PyObject *
proxy_clear_entries(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *keys = PySequence_List(get_data(self)->real);
    int result = keys != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(keys); i++) {
        result = delete_item(self, PyList_GET_ITEM(keys, i), 0);
    }
    Py_XDECREF(keys);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *
proxy_fromkeys(PyObject *Py_UNUSED(type), PyObject *args)
{
    PyObject *fromkeys = PyObject_GetAttrString((PyObject *)&PyDict_Type, "fromkeys");
    PyObject *result = fromkeys != NULL ? PyObject_CallObject(fromkeys, args) : NULL;
    Py_XDECREF(fromkeys);
    return result;
}

/* ---- the type ---- */

static int
proxy_traverse(PyObject *self, visitproc visit, void *arg)
{
    proxy_data *proxy = get_data(self);
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(proxy->session);
    Py_VISIT(proxy->real);
    return PyDict_Type.tp_traverse(self, visit, arg);
}

/* No tp_clear of its own: P1 and the operations rely on both references. Neither leads
 * back to a proxy but by way of the session, which the collector doesn't see anyway. */
static void
proxy_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    proxy_data *proxy = get_data(self);
    PyObject_GC_UnTrack(self);
    Py_CLEAR(proxy->session);
    Py_CLEAR(proxy->real);
    PyDict_Type.tp_dealloc(self);
    Py_DECREF(type);
}

static PyMethodDef proxy_methods[] = {
    {"get", proxy_get, METH_VARARGS, NULL},
    {"keys", proxy_keys, METH_NOARGS, NULL},
    {"values", proxy_values, METH_NOARGS, NULL},
    {"items", proxy_items, METH_NOARGS, NULL},
    {"copy", proxy_copy, METH_NOARGS, NULL},
    {"__copy__", proxy_copy, METH_NOARGS, NULL},
    {"__reversed__", proxy_reversed, METH_NOARGS, NULL},
    {"pop", proxy_pop, METH_VARARGS, NULL},
    {"popitem", proxy_popitem, METH_NOARGS, NULL},
    {"setdefault", proxy_setdefault, METH_VARARGS, NULL},
    {"update", (PyCFunction)(void (*)(void))proxy_update, METH_VARARGS | METH_KEYWORDS,
     NULL},
    {"clear", proxy_clear_entries, METH_NOARGS, NULL},
    {"fromkeys", proxy_fromkeys, METH_VARARGS | METH_CLASS, NULL},
    {NULL, NULL, 0, NULL},
};

PyObject *
rs_sysmodules_type(void)
{
    PyType_Slot slots[] = {
        {Py_tp_methods, proxy_methods},
        {Py_mp_subscript, (void *)proxy_subscript},
        {Py_mp_ass_subscript, (void *)proxy_ass_subscript},
        {Py_mp_length, (void *)proxy_length},
        {Py_sq_contains, (void *)proxy_contains},
        {Py_tp_iter, (void *)proxy_iter},
        {Py_tp_repr, (void *)proxy_repr},
        {Py_tp_richcompare, (void *)proxy_richcompare},
        {Py_nb_or, (void *)proxy_or},
        {Py_nb_inplace_or, (void *)proxy_ior},
        {Py_tp_traverse, (void *)proxy_traverse},
        {Py_tp_dealloc, (void *)proxy_dealloc},
        {Py_tp_doc, (void *)"sys.modules, as modules that are being prepared see it."},
        {0, NULL},
    };
    PyType_Spec spec = {
        .name = "resoul._engine.SysModules",
        .basicsize = -(int)sizeof(proxy_data),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
                 Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = slots,
    };
    return PyType_FromSpecWithBases(&spec, (PyObject *)&PyDict_Type);
}

PyObject *
rs_sysmodules_new(rs_session *s, PyObject *real)
{
    PyTypeObject *type = RS_TYPE(s->st->SysModules_Type);
    PyObject *nothing = PyTuple_New(0);
    PyObject *self = nothing != NULL ? PyDict_Type.tp_new(type, nothing, NULL) : NULL;
    Py_XDECREF(nothing);
    if (self != NULL) {
        get_data(self)->session = (rs_session *)Py_NewRef(s);
        get_data(self)->real = Py_NewRef(real);
    }
    return self;
}
