#include "maker.h"

#include "imports.h"
#include "match.h"
#include "quiet.h"
#include "stops.h"

/* In the namespace of a decorated class until its module has run; no identifier, so it
 * means nothing to whoever goes through that. */
#define MARK "resoul: a copy of this class is made quietly"

/* `mro` of the temporary metaclass; self: the maker, args: (cls,). */
static PyObject *
metaclass_mro(PyObject *self, PyObject *args)
{
    rs_maker *m = (rs_maker *)self;
    /* owned */
    PyObject *mro = NULL, *order = NULL, *real = NULL;

    real = PyObject_GetAttr((PyObject *)m->metaclass, m->session->st->names.mro);
    mro = real != NULL ? PyObject_Call(real, args, NULL) : NULL;
    order = mro != NULL ? PySequence_List(mro) : NULL;
    if (order != NULL && rs_stops_add(m, order, 0) < 0) {
        Py_CLEAR(order);
    }
    Py_XDECREF(real);
    Py_XDECREF(mro);
    return order;
}

static PyMethodDef mro_method[] = {
    {"mro", metaclass_mro, METH_VARARGS, NULL},
};

/* ---- making a class ---- */

static PyObject *
make_metaclass(rs_maker *m)
{
    PyTypeObject *real = m->metaclass;
    PyObject *result = NULL;
    /* owned */
    PyObject *func = PyCFunction_New(&mro_method[0], (PyObject *)m);
    PyObject *method = func != NULL ? PyInstanceMethod_New(func) : NULL;
    PyObject *name = PyType_GetName(real);
    PyObject *module = PyObject_GetAttr((PyObject *)real,
                                        m->session->st->names.__module__);
    if (method != NULL && name != NULL && module != NULL) {
        result = PyObject_CallFunction((PyObject *)Py_TYPE(real), "O(O){s:O,s:O}", name,
                                       real, "mro", method, "__module__", module);
    }
    Py_XDECREF(func);
    Py_XDECREF(method);
    Py_XDECREF(name);
    Py_XDECREF(module);
    if (result != NULL &&
        !(PyType_Check(result) && PyType_IsSubtype(RS_TYPE(result), real))) {
        Py_CLEAR(result);
    }
    return result;
}

/* The class as it would be without the detour: its metaclass, its mro. */
static int
normalise(rs_maker *m, PyObject *cls, PyObject *temporary)
{
    PyTypeObject *type = RS_TYPE(cls);
    PyObject *bases = Py_NewRef(type->tp_bases);
    int result;
    Py_INCREF(m->metaclass);
    Py_SET_TYPE(cls, m->metaclass);
    Py_DECREF(temporary);
    result = PyType_Type.tp_setattro(cls, m->session->st->names.__bases__, bases);
    PyType_Modified(type);
    rs_type_renew_versions(type);
    Py_DECREF(bases);
    return result;
}

static PyObject *
make_quietly(rs_maker *m, PyObject *args, PyObject *kwargs)
{
    Py_ssize_t refs;
    PyObject *cls;
    PyObject *temporary = make_metaclass(m);
    if (temporary == NULL) {
        PyErr_Clear(); /* its own metaclass doesn't let it be subclassed: then noisily */
        return PyObject_Call((PyObject *)m->metaclass, args, kwargs);
    }
    refs = Py_REFCNT(temporary);
    m->stops = PyList_New(0);
    cls = m->stops != NULL ? PyObject_Call(temporary, args, kwargs) : NULL;
    if (cls != NULL && Py_IS_TYPE(cls, RS_TYPE(temporary)) &&
        normalise(m, cls, temporary) < 0) {
        Py_CLEAR(cls);
    }
    rs_stops_drop(m);
    rs_stops_dispose(temporary, refs);
    return cls;
}

/* As type.__new__ does: the most derived metaclass. A conflict is left to it. */
static PyTypeObject *
find_metaclass(PyObject *explicit, PyObject *bases)
{
    PyTypeObject *winner = &PyType_Type;
    if (explicit != NULL) {
        winner = RS_TYPE(explicit);
    } else if (PyTuple_GET_SIZE(bases) > 0) {
        winner = Py_TYPE(PyTuple_GET_ITEM(bases, 0));
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases); i++) {
        PyTypeObject *type = Py_TYPE(PyTuple_GET_ITEM(bases, i));
        if (!PyType_IsSubtype(winner, type) && PyType_IsSubtype(type, winner)) {
            winner = type;
        }
    }
    return winner;
}

/* args: (name, bases, ...). Sets m->metaclass; the bases or NULL with an exception. */
static PyObject *
take_bases(rs_maker *m, PyObject *args)
{
    PyObject *bases = PyTuple_GET_SIZE(args) >= 2 ? PyTuple_GET_ITEM(args, 1) : NULL;
    if (bases == NULL || !PyTuple_Check(bases)) {
        PyErr_SetString(PyExc_TypeError, "a metaclass is called with a name and bases");
        return NULL;
    }
    Py_XSETREF(m->metaclass,
               (PyTypeObject *)Py_NewRef(find_metaclass(m->explicit, bases)));
    return bases;
}

static PyObject *
maker_prepare(PyObject *self, PyObject *args, PyObject *kwargs)
{
    rs_maker *m = (rs_maker *)self;
    PyObject *prepare, *result;
    if (take_bases(m, args) == NULL) {
        return NULL;
    }
    prepare = PyObject_GetAttrString((PyObject *)m->metaclass, "__prepare__");
    if (prepare == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return NULL;
        }
        PyErr_Clear();
        return PyDict_New();
    }
    result = PyObject_Call(prepare, args, kwargs);
    Py_DECREF(prepare);
    return result;
}

static PyObject *
maker_call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    rs_maker *m = (rs_maker *)self;
    PyObject *bases = take_bases(m, args);
    if (bases == NULL) {
        return NULL;
    }
    if (rs_stops_needed(m->session, bases)) {
        return make_quietly(m, args, kwargs);
    }
    return PyObject_Call((PyObject *)m->metaclass, args, kwargs);
}

/* ---- copies ----
 * dataclass(slots=True) and its like make a second class, by a call of the metaclass with a
 * copy of the first one's namespace. The maker is in that, and hears of it. */

/* __set_name__(copy, name): type.__new__ calls it right before __init_subclass__. */
static PyObject *
maker_set_name(PyObject *self, PyObject *args)
{
    rs_maker *m = (rs_maker *)self;
    rs_session *s = m->session;
    PyObject *copy, *name, *dict;
    int result;
    if (!PyArg_ParseTuple(args, "O!O", &PyType_Type, &copy, &name)) {
        return NULL;
    }
    dict = PyType_GetDict(RS_TYPE(copy));
    result = PyDict_DelItem(dict, name);
    Py_DECREF(dict);
    PyType_Modified(RS_TYPE(copy));
    if (result < 0) {
        return NULL;
    }
    if (!rs_imports_mine(s)) {
        Py_RETURN_NONE;
    }
    m->copied = 1;
    if (rs_idmap_set(&s->quiet, copy, m->live) < 0 ||
        rs_idmap_set(&s->born, copy, copy) < 0 || rs_quiet_hide(s, copy) < 0) {
        return NULL;
    }
    if (m->real_mro == NULL && rs_stops_needed(s, RS_TYPE(copy)->tp_bases) &&
        rs_stops_enter(m, RS_TYPE(copy)) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* The line of a decorated class statement is not the first of its body's code. */
static int
is_decorated(const rs_maker *m)
{
    PyFrameObject *frame = PyEval_GetFrame();
    return frame != NULL && PyFrame_GetLineNumber(frame) !=
                                RS_CODE(PyFunction_GetCode(m->body))->co_firstlineno;
}

static int
mark(rs_maker *m, PyObject *cls)
{
    PyObject *dict;
    int result;
    if (!PyType_Check(cls) || !is_decorated(m) || !rs_imports_mine(m->session)) {
        return 0;
    }
    dict = PyType_GetDict(RS_TYPE(cls));
    result = PyDict_SetItemString(dict, MARK, (PyObject *)m);
    Py_DECREF(dict);
    return result;
}

int
rs_maker_unmark(rs_session *s)
{
    Py_ssize_t pos = 0;
    PyObject *cls;
    while (rs_idmap_next(&s->quiet, &pos, &cls, NULL)) {
        PyObject *dict = PyType_GetDict(RS_TYPE(cls));
        PyObject *m = Py_XNewRef(PyDict_GetItemString(dict, MARK));
        int result = 0;
        if (m != NULL && Py_IS_TYPE(m, RS_TYPE(s->st->Maker_Type))) {
            rs_stops_drop((rs_maker *)m);
            result = PyDict_DelItemString(dict, MARK);
            if (result == 0 && ((rs_maker *)m)->copied) {
                result = rs_idmap_set(&s->quiet, cls, Py_None);
            }
            PyType_Modified(RS_TYPE(cls));
        }
        Py_XDECREF(m);
        Py_DECREF(dict);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- the type ---- */

static int
maker_traverse(PyObject *self, visitproc visit, void *arg)
{
    rs_maker *m = (rs_maker *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(m->session);
    Py_VISIT(m->body);
    Py_VISIT(m->explicit);
    Py_VISIT(m->metaclass);
    Py_VISIT(m->stops);
    Py_VISIT(m->live);
    Py_VISIT(m->real_mro);
    return 0;
}

static int
maker_clear(PyObject *self)
{
    rs_maker *m = (rs_maker *)self;
    Py_CLEAR(m->stops);
    Py_CLEAR(m->body);
    Py_CLEAR(m->explicit);
    Py_CLEAR(m->live);
    Py_CLEAR(m->real_mro);
    return 0;
}

static void
maker_dealloc(PyObject *self)
{
    rs_maker *m = (rs_maker *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    maker_clear(self);
    Py_CLEAR(m->metaclass);
    Py_CLEAR(m->session);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef maker_methods[] = {
    {"__prepare__", (PyCFunction)(void (*)(void))maker_prepare,
     METH_VARARGS | METH_KEYWORDS, NULL},
    {"__set_name__", maker_set_name, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

PyObject *
rs_maker_type(void)
{
    PyType_Slot slots[] = {
        {Py_tp_call, (void *)maker_call},
        {Py_tp_methods, maker_methods},
        {Py_tp_traverse, (void *)maker_traverse},
        {Py_tp_clear, (void *)maker_clear},
        {Py_tp_dealloc, (void *)maker_dealloc},
        {Py_tp_doc, (void *)"Makes a class that will be matched with a live one."},
        {0, NULL},
    };
    PyType_Spec spec = {
        .name = "resoul._engine.Maker",
        .basicsize = sizeof(rs_maker),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
                 Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = slots,
    };
    return PyType_FromSpec(&spec);
}

/* Calls __build_class__ with a maker in the place of the metaclass. */
PyObject *
rs_maker_build(rs_session *s, rs_unit *u, PyObject *live, PyObject *args,
               PyObject *kwargs)
{
    rs_maker *m;
    PyObject *result = NULL;
    /* owned */
    PyObject *changed = kwargs != NULL ? PyDict_Copy(kwargs) : PyDict_New();

    m = changed != NULL ? PyObject_GC_New(rs_maker, RS_TYPE(s->st->Maker_Type)) : NULL;
    if (m == NULL) {
        Py_XDECREF(changed);
        return NULL;
    }
    m->session = (rs_session *)Py_NewRef(s);
    m->unit = u;
    m->body = Py_NewRef(PyTuple_GET_ITEM(args, 0));
    m->explicit = Py_XNewRef(PyDict_GetItemString(changed, "metaclass"));
    m->metaclass = NULL;
    m->stops = NULL;
    m->stop_refs = 0;
    m->told = 0;
    m->live = Py_NewRef(live);
    m->real_mro = NULL;
    m->copied = 0;
    PyObject_GC_Track(m);
    if (PyDict_SetItemString(changed, "metaclass", (PyObject *)m) == 0) {
        result = PyObject_Call(s->real_build_class, args, changed);
    }
    if (result != NULL && mark(m, result) < 0) {
        Py_CLEAR(result);
    }
    Py_DECREF(changed);
    Py_DECREF(m);
    return result;
}
