#include "quiet.h"

#include "imports.h"
#include "lookup.h"
#include "op.h"
#include "scratch.h"

/* Stands in for the metaclass in one class statement: __build_class__ resolves the bases
 * and runs the body, then calls this one to make the class. */
typedef struct {
    PyObject_HEAD
    rs_session *session;
    rs_unit *unit;         /* borrowed: good while the class statement runs */
    PyObject *body;        /* the function of the class body */
    PyObject *explicit;    /* metaclass=, or NULL */
    PyTypeObject *metaclass; /* what makes the class, once that is known */
    PyObject *stops;       /* list of classes, see make_stop */
    Py_ssize_t stop_refs;  /* references that a fresh stop has */
    int told;              /* the notice about class keywords was given */
} maker;

/* ---- young, live and harmless classes ---- */

static PyObject *
own_entry(PyTypeObject *type, PyObject *name)
{
    PyObject *dict = PyType_GetDict(type);
    PyObject *value = dict != NULL ? PyDict_GetItemWithError(dict, name) : NULL;
    Py_XDECREF(dict); /* the class keeps it */
    return value;
}

int
rs_quiet_is_young(const rs_session *s, PyTypeObject *type)
{
    PyObject *module, *qualname;
    rs_unit *u;
    if (rs_idmap_has(&s->born, type) || rs_idmap_has(&s->young, type)) {
        return 1;
    }
    if (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) {
        return 0;
    }
    /* made without a class statement, as dataclass(slots=True) does */
    module = own_entry(type, s->st->names.__module__);
    u = module != NULL ? rs_imports_unit(s, module, NULL) : NULL;
    qualname = RS_HEAPTYPE(type)->ht_qualname;
    return u != NULL &&
           PyUnicode_FindChar(qualname, '<', 0, PyUnicode_GET_LENGTH(qualname), 1) < 0 &&
           rs_live_definition(u, qualname) != (PyObject *)type;
}

/* The standard library's __init_subclass__ prepare the class they are given (Generic,
 * Protocol), and register nothing. */
static int
is_standard(const rs_session *s, PyTypeObject *type)
{
    PyObject *module = own_entry(type, s->st->names.__module__);
    PyObject *standard = PySys_GetObject("stdlib_module_names");
    PyObject *top;
    Py_ssize_t dot;
    int found;
    if (module == NULL || !PyUnicode_CheckExact(module) || standard == NULL) {
        return module == NULL;
    }
    dot = PyUnicode_FindChar(module, '.', 0, PyUnicode_GET_LENGTH(module), 1);
    top = PyUnicode_Substring(module, 0, dot < 0 ? PyUnicode_GET_LENGTH(module) : dot);
    found = top != NULL ? PySequence_Contains(standard, top) : -1;
    Py_XDECREF(top);
    if (found < 0) {
        PyErr_Clear();
    }
    return found > 0;
}

typedef enum { HOOK_NONE, HOOK_FIRES, HOOK_QUIET } hook_kind;

/* What becomes of the __init_subclass__ that the class itself defines. */
static hook_kind
classify(const rs_session *s, PyTypeObject *type)
{
    if (type == &PyBaseObject_Type ||
        own_entry(type, s->st->names.__init_subclass__) == NULL) {
        return HOOK_NONE;
    }
    return rs_quiet_is_young(s, type) || is_standard(s, type) ? HOOK_FIRES : HOOK_QUIET;
}

static int
needs_quiet(const rs_session *s, PyObject *bases)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases); i++) {
        PyObject *base = PyTuple_GET_ITEM(bases, i);
        PyObject *mro = PyType_Check(base) ? RS_TYPE(base)->tp_mro : NULL;
        for (Py_ssize_t k = 0; mro != NULL && k < PyTuple_GET_SIZE(mro); k++) {
            if (classify(s, RS_TYPE(PyTuple_GET_ITEM(mro, k))) == HOOK_QUIET) {
                return 1;
            }
        }
    }
    return 0;
}

int
rs_quiet_hide(rs_session *s, PyObject *donor)
{
    PyObject *bases = RS_TYPE(donor)->tp_bases;
    int result = 0;
    PyObject *key = PyLong_FromVoidPtr(donor); /* owned */
    if (key == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(bases); i++) {
        PyTypeObject *base = RS_TYPE(PyTuple_GET_ITEM(bases, i));
        PyObject *subclasses = rs_type_subclasses(base);
        if (subclasses == NULL || rs_quiet_is_young(s, base)) {
            continue; /* a young base has to tell the donor when it changes */
        }
        result = PyDict_Contains(subclasses, key);
        if (result > 0) {
            rs_type_stop_caching(RS_TYPE(donor));
            result = PyDict_DelItem(subclasses, key);
        }
    }
    Py_DECREF(key);
    return result;
}

/* Assigning its own bases makes the mro anew, and tells them of the class. */
static int
show(rs_session *s, PyObject *cls)
{
    PyTypeObject *type = RS_TYPE(cls);
    PyObject *bases = Py_NewRef(type->tp_bases);
    int result = PyType_Type.tp_setattro(cls, s->st->names.__bases__, bases);
    PyType_Modified(type);
    rs_type_renew_versions(type);
    Py_DECREF(bases);
    return result;
}

int
rs_quiet_settle(rs_session *s)
{
    PyObject *donor;
    Py_ssize_t pos = 0;
    while (rs_idmap_next(&s->quiet, &pos, &donor, NULL)) {
        if (!rs_idmap_has(&s->map, donor) && show(s, donor) < 0) {
            return -1;
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
        if (classify(s, type) == HOOK_FIRES) {
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
    result = rs_notice(m->session, "RSL607", m->unit, RS_CODE(code)->co_qualname,
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
    hook = own_entry(next, m->session->st->names.__init_subclass__);
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
        stop = PyObject_CallFunction((PyObject *)&PyType_Type, "s(){s:(),s:O}", "object",
                                     "__slots__", "__init_subclass__", method);
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
        hook_kind kind =
            PyType_Check(type) ? classify(m->session, RS_TYPE(type)) : HOOK_NONE;
        if (kind == HOOK_QUIET && !stopped) {
            if ((n == PyList_GET_SIZE(m->stops) && make_stop(m) < 0) ||
                PyList_Insert(order, i, PyList_GET_ITEM(m->stops, n)) < 0) {
                Py_CLEAR(order);
                break;
            }
            n++;
            i++;
        }
        if (kind != HOOK_NONE) {
            stopped = kind == HOOK_QUIET;
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
    PyObject *module = PyObject_GetAttr((PyObject *)real, m->session->st->names.__module__);
    if (method != NULL && name != NULL && module != NULL) {
        result = PyObject_CallFunction((PyObject *)Py_TYPE(real), "O(O){s:O,s:O}", name, real,
                                       "mro", method, "__module__", module);
    }
    Py_XDECREF(func);
    Py_XDECREF(method);
    Py_XDECREF(name);
    Py_XDECREF(module);
    if (result != NULL && !(PyType_Check(result) && PyType_IsSubtype(RS_TYPE(result), real))) {
        Py_CLEAR(result);
    }
    return result;
}

/* The class as it would be without the detour: its metaclass, its mro. */
static int
normalise(maker *m, PyObject *cls, PyObject *temporary)
{
    Py_INCREF(m->metaclass);
    Py_SET_TYPE(cls, m->metaclass);
    Py_DECREF(temporary);
    return show(m->session, cls);
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
rs_quiet_maker_type(void)
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

/* ---- the hook ---- */

/* Calls __build_class__ with a maker in the place of the metaclass. */
static PyObject *
build_with_maker(rs_session *s, rs_unit *u, PyObject *args, PyObject *kwargs)
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

/* A class statement whose class will be matched; `live` is the counterpart. */
static PyObject *
build_donor(rs_session *s, rs_unit *u, PyTypeObject *live, PyObject *args, PyObject *kwargs)
{
    PyObject *metaclass = kwargs != NULL ? PyDict_GetItemString(kwargs, "metaclass") : NULL;
    PyObject *donor, *kept = Py_NewRef(live);
    int with_maker = PyTuple_GET_SIZE(args) > 2 || metaclass != NULL;
    if (metaclass != NULL && !PyType_Check(metaclass)) {
        with_maker = 0; /* a function that makes something: its own business */
    }
#ifdef RS_WITHOUT_CURE_16
    with_maker = 0;
#endif
    donor = with_maker ? build_with_maker(s, u, args, kwargs)
                       : PyObject_Call(s->real_build_class, args, kwargs);
    if (donor != NULL && PyType_Check(donor) && rs_imports_mine(s)) {
        int result = rs_idmap_set(&s->quiet, donor, kept);
#ifndef RS_WITHOUT_CURE_16
        if (result == 0) {
            result = rs_quiet_hide(s, donor);
        }
#endif
        if (result < 0) {
            Py_CLEAR(donor);
        }
    }
    Py_DECREF(kept);
    return donor;
}

static PyObject *
build_mine(rs_session *s, PyObject *args, PyObject *kwargs)
{
    PyObject *body = PyTuple_GET_SIZE(args) >= 2 ? PyTuple_GET_ITEM(args, 0) : NULL;
    PyTypeObject *live = NULL;
    rs_unit *u = NULL;
    PyObject *cls;
    if (body != NULL && PyFunction_Check(body)) {
        u = rs_session_unit_by_scratch(s, PyFunction_GetGlobals(body));
    }
    if (u != NULL) {
        live = rs_live_class(s, u, RS_CODE(PyFunction_GetCode(body))->co_qualname);
    }
    cls = live != NULL ? build_donor(s, u, live, args, kwargs)
                       : PyObject_Call(s->real_build_class, args, kwargs);
    if (cls != NULL && PyType_Check(cls) && rs_imports_mine(s) &&
        rs_idmap_set(&s->born, cls, cls) < 0) {
        Py_CLEAR(cls);
    }
    return cls;
}

static PyObject *
build_hook(PyObject *self, PyObject *args, PyObject *kwargs)
{
    rs_session *s = (rs_session *)self;
    if (!rs_imports_mine(s)) {
        return rs_scratch_forward("__build_class__", args, kwargs);
    }
    return build_mine(s, args, kwargs);
}

static PyMethodDef hook_methods[] = {
    {"__build_class__", (PyCFunction)(void (*)(void))build_hook,
     METH_VARARGS | METH_KEYWORDS, NULL},
};

PyObject *
rs_quiet_hook(rs_session *s)
{
    return PyCFunction_New(&hook_methods[0], (PyObject *)s);
}
