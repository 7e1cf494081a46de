#include "quiet.h"

#include "imports.h"
#include "lookup.h"
#include "maker.h"
#include "match.h"
#include "op.h"
#include "parts.h"
#include "scratch.h"

/* ---- young, live and harmless classes ---- */

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
    module = rs_class_get(type, s->st->names.__module__);
    u = module != NULL ? rs_imports_unit(s, module, NULL) : NULL;
    qualname = RS_HEAPTYPE(type)->ht_qualname;
    return u != NULL &&
           PyUnicode_FindChar(qualname, '<', 0, PyUnicode_GET_LENGTH(qualname), 1) <
               0 &&
           rs_live_definition(u, qualname) != (PyObject *)type;
}

/* The standard library's __init_subclass__ prepare the class they are given (Generic,
 * Protocol), and register nothing. */
static int
is_standard(const rs_session *s, PyTypeObject *type)
{
    PyObject *module = rs_class_get(type, s->st->names.__module__);
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

/* What becomes of the __init_subclass__ that the class itself defines. */
rs_init_kind
rs_quiet_classify(const rs_session *s, PyTypeObject *type)
{
    if (type == &PyBaseObject_Type ||
        rs_class_get(type, s->st->names.__init_subclass__) == NULL) {
        return RS_INIT_NONE;
    }
    return rs_quiet_is_young(s, type) || is_standard(s, type) ? RS_INIT_FIRES
                                                              : RS_INIT_QUIET;
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

/* The opposite. Not by assigning __bases__: that makes new mro tuples, which nobody would
 * count as young holders. */
static int
show(rs_session *s, PyObject *cls)
{
    PyObject *bases = RS_TYPE(cls)->tp_bases;
    int result = 0;
    /* owned */
    PyObject *key = PyLong_FromVoidPtr(cls);
    PyObject *ref = PyWeakref_NewRef(cls, NULL);

    if (key == NULL || ref == NULL) {
        result = -1;
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(bases); i++) {
        PyTypeObject *base = RS_TYPE(PyTuple_GET_ITEM(bases, i));
        PyObject *subclasses = rs_type_subclasses(base);
        if (subclasses != NULL && !rs_quiet_is_young(s, base)) {
            result = PyDict_SetItem(subclasses, key, ref);
        }
    }
    Py_XDECREF(key);
    Py_XDECREF(ref);
    PyType_Modified(RS_TYPE(cls));
    rs_type_renew_versions(RS_TYPE(cls));
    return result;
}

int
rs_quiet_settle(rs_session *s)
{
    PyObject *donor, *live;
    Py_ssize_t pos = 0;
    while (rs_idmap_next(&s->quiet, &pos, &donor, &live)) {
        if (live != Py_None && !rs_idmap_has(&s->map, donor) && show(s, donor) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- the hook ---- */

/* A class statement whose class will be matched; `live` is the counterpart. */
static PyObject *
build_donor(rs_session *s, rs_unit *u, PyTypeObject *live, PyObject *args,
            PyObject *kwargs)
{
    PyObject *metaclass = kwargs != NULL ? PyDict_GetItemString(kwargs, "metaclass")
                                         : NULL;
    PyObject *donor, *kept = Py_NewRef(live);
    int with_maker = PyTuple_GET_SIZE(args) > 2 || metaclass != NULL;
    if (metaclass != NULL && !PyType_Check(metaclass)) {
        with_maker = 0; /* a function that makes something: its own business */
    }
#ifdef RS_WITHOUT_CURE_16
    with_maker = 0;
#endif
    donor = with_maker ? rs_maker_build(s, u, kept, args, kwargs)
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
    if (u != NULL && rs_parts_class(s, u, args, &cls)) {
        return cls;
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
