#include "maker.h"

#include "match.h"
#include "quiet.h"

/* Stands in for the metaclass in one class statement: __build_class__ resolves the bases
 * and runs the body, then calls this one to make the class. */
typedef struct {
    PyObject_HEAD
    rs_session *session;
    rs_unit *unit;           /* borrowed: good while the class statement runs */
    PyObject *body;          /* the function of the class body */
    PyObject *explicit;      /* metaclass=, or NULL */
    PyTypeObject *metaclass; /* what makes the class, once that is known */
    PyObject *stops;         /* list of classes, see make_stop */
    Py_ssize_t stop_refs;    /* references that a fresh stop has */
    int told;                /* the notice about class keywords was given */
} maker;

static int
needs_quiet(const rs_session *s, PyObject *bases)
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

/* The first class behind `stop` in the mro that fires, or NULL. Borrowed. */
static PyTypeObject *
find_next(const rs_session *s, PyObject *mro, PyObject *stop)
{
    Py_ssize_t i = 0, n = PyTuple_GET_SIZE(mro);
    while (i < n && PyTuple_GET_ITEM(mro, i) != stop) {
        i++;
    }
    for (i++; i < n; i++) {
        PyTypeObject *type = RS_TYPE(PyTuple_GET_ITEM(mro, i));
        if (rs_quiet_classify(s, type) == RS_INIT_FIRES) {
            return type;
        }
    }
    return NULL;
}

static int
tell_keywords(maker *m, PyObject *kwargs)
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

/* __init_subclass__ of a stop; self: (maker, number of the stop), args: (cls,). */
static PyObject *
stop_init_subclass(PyObject *self, PyObject *args, PyObject *kwargs)
{
    maker *m = (maker *)PyTuple_GET_ITEM(self, 0);
    Py_ssize_t i = PyLong_AsSsize_t(PyTuple_GET_ITEM(self, 1));
    PyObject *cls, *stop, *hook, *bound, *result;
    PyTypeObject *next;
    if (PyTuple_GET_SIZE(args) != 1 || !PyType_Check(PyTuple_GET_ITEM(args, 0)) ||
        m->stops == NULL || i >= PyList_GET_SIZE(m->stops)) {
        Py_RETURN_NONE; /* kept somewhere after the class was made */
    }
    cls = PyTuple_GET_ITEM(args, 0);
    stop = PyList_GET_ITEM(m->stops, i);
    if (tell_keywords(m, kwargs) < 0) {
        return NULL;
    }
    next = find_next(m->session, RS_TYPE(cls)->tp_mro, stop);
    if (next == NULL) {
        Py_RETURN_NONE;
    }
    hook = rs_class_get(next, m->session->st->names.__init_subclass__);
    bound = Py_TYPE(hook)->tp_descr_get != NULL
                ? Py_TYPE(hook)->tp_descr_get(hook, NULL, cls)
                : Py_NewRef(hook);
    result = bound != NULL ? PyObject_CallNoArgs(bound) : NULL;
    Py_XDECREF(bound);
    return result;
}

static PyObject *metaclass_mro(PyObject *self, PyObject *args);

static PyMethodDef inner_methods[] = {
    {"__init_subclass__", (PyCFunction)(void (*)(void))stop_init_subclass,
     METH_VARARGS | METH_KEYWORDS, NULL},
    {"mro", metaclass_mro, METH_VARARGS, NULL},
};

/* A new class that only has the __init_subclass__ above. */
static int
make_stop(maker *m)
{
    int result = -1;
    /* owned */
    PyObject *self = NULL, *func = NULL, *method = NULL, *stop = NULL;

    self = Py_BuildValue("(On)", m, PyList_GET_SIZE(m->stops));
    func = self != NULL ? PyCFunction_New(&inner_methods[0], self) : NULL;
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

/* `mro` of the temporary metaclass; self: the maker, args: (cls,). */
static PyObject *
metaclass_mro(PyObject *self, PyObject *args)
{
    maker *m = (maker *)self;
    Py_ssize_t n = 0;
    int stopped = 0;
    /* owned */
    PyObject *mro = NULL, *order = NULL, *real = NULL;

    real = PyObject_GetAttr((PyObject *)m->metaclass, m->session->st->names.mro);
    mro = real != NULL ? PyObject_Call(real, args, NULL) : NULL;
    order = mro != NULL ? PySequence_List(mro) : NULL;
    for (Py_ssize_t i = 1; order != NULL && i < PyList_GET_SIZE(order); i++) {
        PyObject *type = PyList_GET_ITEM(order, i);
        rs_init_kind kind = PyType_Check(type)
                                ? rs_quiet_classify(m->session, RS_TYPE(type))
                                : RS_INIT_NONE;
        if (kind == RS_INIT_QUIET && !stopped) {
            if ((n == PyList_GET_SIZE(m->stops) && make_stop(m) < 0) ||
                PyList_Insert(order, i, PyList_GET_ITEM(m->stops, n)) < 0) {
                Py_CLEAR(order);
                break;
            }
            n++;
            i++;
        }
        if (kind != RS_INIT_NONE) {
            stopped = kind == RS_INIT_QUIET;
        }
    }
    Py_XDECREF(real);
    Py_XDECREF(mro);
    return order;
}

/* ---- making a class ---- */

/* A class that isn't needed any more is a cycle, and the collector is off: take it apart,
 * unless somebody has got hold of it. */
static void
dispose(PyObject *type, Py_ssize_t refs)
{
    if (Py_REFCNT(type) <= refs) {
        Py_TYPE(type)->tp_clear(type);
    }
    Py_DECREF(type);
}

static PyObject *
make_metaclass(maker *m)
{
    PyTypeObject *real = m->metaclass;
    PyObject *result = NULL;
    /* owned */
    PyObject *func = PyCFunction_New(&inner_methods[1], (PyObject *)m);
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
normalise(maker *m, PyObject *cls, PyObject *temporary)
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
make_quietly(maker *m, PyObject *args, PyObject *kwargs)
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
    for (Py_ssize_t i = 0; m->stops != NULL && i < PyList_GET_SIZE(m->stops); i++) {
        dispose(Py_NewRef(PyList_GET_ITEM(m->stops, i)), m->stop_refs + 1);
    }
    Py_CLEAR(m->stops);
    dispose(temporary, refs);
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
take_bases(maker *m, PyObject *args)
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
    maker *m = (maker *)self;
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
    maker *m = (maker *)self;
    PyObject *bases = take_bases(m, args);
    if (bases == NULL) {
        return NULL;
    }
    if (needs_quiet(m->session, bases)) {
        return make_quietly(m, args, kwargs);
    }
    return PyObject_Call((PyObject *)m->metaclass, args, kwargs);
}

static int
maker_traverse(PyObject *self, visitproc visit, void *arg)
{
    maker *m = (maker *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(m->session);
    Py_VISIT(m->body);
    Py_VISIT(m->explicit);
    Py_VISIT(m->metaclass);
    Py_VISIT(m->stops);
    return 0;
}

static int
maker_clear(PyObject *self)
{
    maker *m = (maker *)self;
    Py_CLEAR(m->stops);
    Py_CLEAR(m->body);
    Py_CLEAR(m->explicit);
    return 0;
}

static void
maker_dealloc(PyObject *self)
{
    maker *m = (maker *)self;
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
        .basicsize = sizeof(maker),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
                 Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = slots,
    };
    return PyType_FromSpec(&spec);
}

/* Calls __build_class__ with a maker in the place of the metaclass. */
PyObject *
rs_maker_build(rs_session *s, rs_unit *u, PyObject *args, PyObject *kwargs)
{
    maker *m;
    PyObject *result = NULL;
    /* owned */
    PyObject *changed = kwargs != NULL ? PyDict_Copy(kwargs) : PyDict_New();

    m = changed != NULL ? PyObject_GC_New(maker, RS_TYPE(s->st->Maker_Type)) : NULL;
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
    PyObject_GC_Track(m);
    if (PyDict_SetItemString(changed, "metaclass", (PyObject *)m) == 0) {
        result = PyObject_Call(s->real_build_class, args, changed);
    }
    Py_DECREF(changed);
    Py_DECREF(m);
    return result;
}
