#include "scratch.h"

#include "builtins.h"
#include "importhook.h"
#include "imports.h"
#include "order.h"
#include "parts.h"
#include "quiet.h"

/* ---- opening ---- */

static int
set_hook(rs_session *s, PyObject *key, PyObject *hook, PyObject *real)
{
    int result = hook == NULL || PyDict_SetItem(s->builtins, key, hook) < 0 ||
                         rs_imports_shadow(s, hook, real) < 0
                     ? -1
                     : 0;
    Py_XDECREF(hook);
    return result;
}

/* A copy of the real builtins in which importing and making classes is ours. */
static int
make_builtins(rs_session *s)
{
    const rs_names *names = &s->st->names;
    PyObject *module = PyImport_AddModule("builtins");
    PyObject *real;
    if (module == NULL) {
        return -1;
    }
    real = PyModule_GetDict(module);
    s->real_import = Py_XNewRef(PyDict_GetItemWithError(real, names->__import__));
    s->real_build_class = Py_XNewRef(
        PyDict_GetItemWithError(real, names->__build_class__));
    s->real_lazy_import = Py_XNewRef(
        PyDict_GetItemWithError(real, names->__lazy_import__));
    if (s->real_import == NULL || s->real_build_class == NULL) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_ImportError, "builtins lacks __import__ or "
                                               "__build_class__");
        }
        return -1;
    }
    s->builtins = rs_builtins_new(s, real);
    if (s->builtins == NULL || rs_imports_shadow(s, s->builtins, real) < 0 ||
        set_hook(s, names->__import__, rs_importhook_new(s), s->real_import) < 0 ||
        set_hook(s, names->__build_class__, rs_quiet_hook(s), s->real_build_class) <
            0) {
        return -1;
    }
    if (rs_parts_hooks(s) < 0) {
        return -1;
    }
    if (s->real_lazy_import != NULL) {
        return set_hook(s, names->__lazy_import__, rs_importhook_new_lazy(s),
                        s->real_lazy_import);
    }
    return 0;
}

/* The scratch dict has `name` exactly if the live one has. A list is copied, so that a
 * body which appends to its __path__ appends to its own. */
static int
copy_name(rs_unit *u, PyObject *name)
{
    PyObject *value = PyDict_GetItemWithError(u->live, name);
    int result;
    if (value == NULL) {
        if (PyErr_Occurred()) {
            return -1;
        }
        result = PyDict_Contains(u->scratch, name);
        return result > 0 ? PyDict_DelItem(u->scratch, name) : result;
    }
    value = PyList_CheckExact(value) ? PyList_GetSlice(value, 0, PyList_GET_SIZE(value))
                                     : Py_NewRef(value);
    result = value != NULL ? PyDict_SetItem(u->scratch, name, value) : -1;
    Py_XDECREF(value);
    return result;
}

/* A package's submodules are its attributes though its body needn't mention them. */
static int
copy_submodules(rs_session *s, rs_unit *u)
{
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    int has_path = PyDict_Contains(u->live, s->st->names.__path__);
    if (has_path <= 0) {
        return has_path;
    }
    while (PyDict_Next(u->live, &pos, &key, &value)) {
        PyObject *full;
        int result;
        if (!PyModule_Check(value) || !PyUnicode_CheckExact(key)) {
            continue;
        }
        full = PyUnicode_FromFormat("%U.%U", u->name, key);
        if (full == NULL) {
            return -1;
        }
        result = PyDict_GetItemWithError(PyImport_GetModuleDict(), full) == value
                     ? rs_imports_bind_child(s, full, 1)
                     : 0;
        Py_DECREF(full);
        if (result < 0 || PyErr_Occurred()) {
            return -1;
        }
    }
    return 0;
}

static int
make_module(rs_session *s, rs_unit *u)
{
    const rs_names *names = &s->st->names;
    PyObject *copied[] = {names->__file__,   names->__package__, names->__spec__,
                          names->__loader__, names->__path__,    names->__cached__};
    u->scratch_module = PyModule_NewObject(u->name);
    if (u->scratch_module == NULL) {
        return -1;
    }
    u->scratch = Py_NewRef(PyModule_GetDict(u->scratch_module));
    for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++) {
        if (copy_name(u, copied[i]) < 0) {
            return -1;
        }
    }
    return PyDict_SetItem(u->scratch, names->__builtins__, s->builtins);
}

int
rs_scratch_open(rs_session *s)
{
    if (rs_imports_open(s) < 0 || make_builtins(s) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (make_module(s, &s->units[i]) < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (copy_submodules(s, &s->units[i]) < 0) {
            return -1;
        }
    }
    return rs_order_find(s);
}

/* ---- running ---- */

/* Of modules that import each other the one begins that began it the first time, unless
 * we are in the midst of running one. Asked once: it may be a submodule of this one, which
 * comes first then. */
static int
run_entry(rs_session *s, rs_unit *u)
{
    rs_unit *entry = &s->units[u->entry];
    if (entry == u || u->entered) {
        return 0;
    }
    u->entered = 1;
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (s->units[i].phase == RS_UNIT_RUNNING) {
            return 0;
        }
    }
    return rs_scratch_run(s, entry);
}

/* As an import would, packages first. */
static int
run_parents(rs_session *s, const rs_unit *u)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(u->name);
    Py_ssize_t dot = 0;
    while ((dot = PyUnicode_FindChar(u->name, '.', dot + 1, length, 1)) > 0) {
        PyObject *name = PyUnicode_Substring(u->name, 0, dot);
        rs_unit *parent;
        if (name == NULL) {
            return -1;
        }
        parent = rs_imports_unit(s, name, NULL);
        Py_DECREF(name);
        if (parent != NULL && rs_scratch_run(s, parent) < 0) {
            return -1;
        }
    }
    return dot == -2 ? -1 : 0;
}

static int
run_body(const rs_unit *u)
{
#ifdef RS_WITHOUT_CURE_14 /* where all threads see it, half done */
    PyObject *where = u->live;
#else
    PyObject *where = u->scratch;
#endif
    PyObject *result = u->code != NULL ? PyEval_EvalCode(u->code, where, where)
                                       : PyObject_CallMethod(u->loader, "exec_module",
                                                             "O", u->scratch_module);
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

/* What an import does at its end: the package gets the submodule as an attribute. If the
 * package isn't at it, that has happened long ago; then only what showed the live one. */
static int
bind_in_parent(rs_session *s, const rs_unit *u)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(u->name);
    Py_ssize_t dot = PyUnicode_FindChar(u->name, '.', 0, length, -1);
    PyObject *name;
    rs_unit *parent;
    if (dot <= 0) {
        return dot == -2 ? -1 : 0;
    }
    name = PyUnicode_Substring(u->name, 0, dot);
    if (name == NULL) {
        return -1;
    }
    parent = rs_imports_unit(s, name, NULL);
    Py_DECREF(name);
    return parent == NULL
               ? 0
               : rs_imports_bind_child(s, u->name, parent->phase == RS_UNIT_RUNNING);
}

int
rs_scratch_run(rs_session *s, rs_unit *u)
{
    if (u->error == NULL && u->phase == RS_UNIT_WAITING &&
        (run_entry(s, u) < 0 || run_parents(s, u) < 0)) {
        return -1;
    }
    if (u->error != NULL) {
        PyErr_SetRaisedException(Py_NewRef(u->error));
        return -1;
    }
    if (u->phase != RS_UNIT_WAITING) {
        return 0; /* perhaps since a parent's body has imported it */
    }
    u->phase = RS_UNIT_RUNNING;
    if (rs_parts_begin(s, u) < 0 || run_body(u) < 0 || rs_parts_end(s, u) < 0 ||
        bind_in_parent(s, u) < 0) {
        u->phase = RS_UNIT_WAITING;
        u->error = PyErr_GetRaisedException();
        PyErr_SetRaisedException(Py_NewRef(u->error));
        return -1;
    }
    u->phase = RS_UNIT_DONE;
    return 0;
}

/* PyImport_Import* would come back to the hook, since it asks the frame's builtins
 * (hazard 22). */
PyObject *
rs_scratch_forward(const char *name, PyObject *args, PyObject *kwargs)
{
    PyObject *func, *result;
#ifndef RS_WITHOUT_CURE_22
    PyObject *module = Py_XNewRef(PyImport_AddModule("builtins"));
#else
    PyObject *module = PyImport_ImportModule("builtins");
#endif
    if (module == NULL) {
        return NULL;
    }
    func = PyObject_GetAttrString(module, name);
    Py_DECREF(module);
    if (func == NULL) {
        return NULL;
    }
    result = PyObject_Call(func, args, kwargs);
    Py_DECREF(func);
    return result;
}
