#include "parts.h"

#include "leaks.h"
#include "lookup.h"
#include "same.h"
#include "scope.h"
#include "space.h"

/* ---- functions ---- */

/* The live default value of a parameter: borrowed or NULL. */
static PyObject *
live_default(PyObject *func, PyObject *name)
{
    const PyCodeObject *code = RS_CODE(RS_FUNCTION(func)->func_code);
    PyObject *defaults = RS_FUNCTION(func)->func_defaults;
    PyObject *kwdefaults = RS_FUNCTION(func)->func_kwdefaults;
    Py_ssize_t n = defaults != NULL && PyTuple_Check(defaults)
                       ? PyTuple_GET_SIZE(defaults)
                       : 0;
    for (Py_ssize_t i = 0; i < n && i < code->co_argcount; i++) {
        PyObject *own = PyTuple_GET_ITEM(code->co_localsplusnames,
                                         code->co_argcount - 1 - i);
        if (rs_same_text(own, name)) {
            return PyTuple_GET_ITEM(defaults, n - 1 - i);
        }
    }
    return kwdefaults != NULL && PyDict_Check(kwdefaults)
               ? PyDict_GetItemWithError(kwdefaults, name)
               : NULL;
}

static int
lost_default(PyObject *qualname, PyObject *name)
{
    PyErr_Format(PyExc_RuntimeError,
                 "%U lost the default value of %U while the update was prepared",
                 qualname, name);
    return -1;
}

static int
keep_defaults(const rs_select_def *def, PyObject *func)
{
    const PyCodeObject *code = RS_CODE(RS_FUNCTION(func)->func_code);
    PyObject *defaults = RS_FUNCTION(func)->func_defaults, *changed;
    PyObject *kwdefaults = RS_FUNCTION(func)->func_kwdefaults;
    Py_ssize_t n = defaults != NULL ? PyTuple_GET_SIZE(defaults) : 0;
    int result = 0;
    if (n > 0) {
        changed = PyTuple_New(n);
        for (Py_ssize_t i = 0; changed != NULL && i < n; i++) {
            PyObject *name = PyTuple_GET_ITEM(code->co_localsplusnames,
                                              code->co_argcount - n + i);
            PyObject *value = PyTuple_GET_ITEM(defaults, i);
            if (PySet_Contains(def->keeps, name) == 1) {
                value = live_default(def->live, name);
            }
            if (value == NULL) {
                Py_DECREF(changed);
                return lost_default(def->qualname, name);
            }
            PyTuple_SET_ITEM(changed, i, Py_NewRef(value));
        }
        result = changed != NULL ? PyFunction_SetDefaults(func, changed) : -1;
        Py_XDECREF(changed);
    }
    for (int i = 0; result == 0 && kwdefaults != NULL && i < code->co_kwonlyargcount;
         i++) {
        PyObject *value,
            *name = PyTuple_GET_ITEM(code->co_localsplusnames, code->co_argcount + i);
        if (PySet_Contains(def->keeps, name) != 1) {
            continue;
        }
        value = live_default(def->live, name);
        result = value != NULL ? PyDict_SetItem(kwdefaults, name, value)
                               : lost_default(def->qualname, name);
    }
    return result;
}

/* What a mark does: self is (session, unit number, number of the definition). */
static PyObject *
mark_call(PyObject *self, PyObject *func)
{
    rs_session *s = (rs_session *)PyTuple_GET_ITEM(self, 0);
    Py_ssize_t unit = PyLong_AsSsize_t(PyTuple_GET_ITEM(self, 1));
    Py_ssize_t number = PyLong_AsSsize_t(PyTuple_GET_ITEM(self, 2));
    rs_unit *u = unit < s->n_units ? &s->units[unit] : NULL;
    rs_select_def *def;
    if (u == NULL || u->selection == NULL || number < 0 ||
        number >= u->selection->n_defs) {
        return Py_NewRef(func);
    }
    def = &u->selection->defs[number];
    if (def->shadowed) {
        PyObject *live = rs_live_definition(u, def->qualname);
        return Py_NewRef(live != NULL ? live : func);
    }
    if (!PyFunction_Check(func)) {
        return Py_NewRef(func);
    }
    Py_XSETREF(def->donor, Py_NewRef(func));
    if (def->keeps != NULL && keep_defaults(def, func) < 0) {
        return NULL;
    }
    if (def->annotations) {
        Py_XSETREF(RS_FUNCTION(func)->func_annotations,
                   Py_XNewRef(RS_FUNCTION(def->live)->func_annotations));
    }
    if (def->inner) {
        PyObject *live = rs_live_definition(u, def->qualname);
        if (live != NULL) {
            return Py_NewRef(live);
        }
    }
    return Py_NewRef(func);
}

static PyMethodDef mark_method = {"mark", mark_call, METH_O, NULL};

/* `__resoul_def__(number)`: the mark of a definition. */
static PyObject *
def_hook(PyObject *self, PyObject *number)
{
    rs_session *s = (rs_session *)self;
    PyObject *globals = PyEval_GetGlobals(), *bound, *mark = NULL;
    rs_unit *u = globals != NULL ? rs_session_unit_by_scratch(s, globals) : NULL;
    if (u == NULL || !PyLong_CheckExact(number)) {
        PyErr_SetString(PyExc_RuntimeError,
                        "__resoul_def__ is for modules that are updated");
        return NULL;
    }
    bound = Py_BuildValue("(OnO)", s, (Py_ssize_t)(u - s->units), number);
    if (bound != NULL) {
        mark = PyCFunction_New(&mark_method, bound);
        Py_DECREF(bound);
    }
    return mark;
}

static PyMethodDef def_method = {"__resoul_def__", def_hook, METH_O, NULL};

int
rs_parts_hooks(rs_session *s)
{
    int result = -1;
    PyObject *hook = PyCFunction_New(&def_method, (PyObject *)s);
    if (hook != NULL &&
        PyDict_SetItemString(s->builtins, "__resoul_def__", hook) == 0) {
        result = PyDict_SetItemString(s->builtins, "__resoul_never__", Py_False);
    }
    Py_XDECREF(hook);
    return result;
}

/* ---- the module ---- */

/* Public names of both namespaces, for `from m import *`. */
static PyObject *
public_names(const rs_unit *u)
{
    PyObject *dicts[] = {u->live, u->scratch};
    PyObject *names = PyList_New(0);
    for (int i = 0; names != NULL && i < 2; i++) {
        Py_ssize_t pos = 0;
        PyObject *name;
        while (PyDict_Next(dicts[i], &pos, &name, NULL)) {
            if (PyUnicode_CheckExact(name) && PyUnicode_GET_LENGTH(name) > 0 &&
                PyUnicode_READ_CHAR(name, 0) != '_' && PyList_Append(names, name) < 0) {
                Py_CLEAR(names);
                break;
            }
        }
    }
    return names;
}

/* `__getattr__` of a scratch module: self is (session, unit number). */
static PyObject *
module_getattr(PyObject *self, PyObject *name)
{
    rs_session *s = (rs_session *)PyTuple_GET_ITEM(self, 0);
    Py_ssize_t unit = PyLong_AsSsize_t(PyTuple_GET_ITEM(self, 1));
    rs_unit *u = unit < s->n_units ? &s->units[unit] : NULL;
    PyObject *value = u != NULL ? PyDict_GetItemWithError(u->live, name) : NULL;
    if (value != NULL || PyErr_Occurred()) {
        return Py_XNewRef(value);
    }
    if (u == NULL) {
        PyErr_SetObject(PyExc_AttributeError, name);
        return NULL;
    }
    if (rs_same_text(name, s->st->names.__all__)) {
        return public_names(u);
    }
    return PyObject_GetAttr(u->module, name);
}

static PyMethodDef getattr_method = {"__getattr__", module_getattr, METH_O, NULL};

static int
set_getattr(rs_session *s, rs_unit *u)
{
    int result = -1;
    PyObject *bound = Py_BuildValue("(On)", s, (Py_ssize_t)(u - s->units));
    PyObject *hook = bound != NULL ? PyCFunction_New(&getattr_method, bound) : NULL;
    if (hook != NULL) {
        result = PyDict_SetItemString(u->scratch, "__getattr__", hook);
    }
    Py_XDECREF(bound);
    Py_XDECREF(hook);
    return result;
}

/* ---- stand-ins ---- */

static PyObject *
stand_in(const rs_unit *u, PyObject *live)
{
    PyFunctionObject *f = RS_FUNCTION(live);
    PyObject *result = PyFunction_NewWithQualName(f->func_code, u->scratch,
                                                  f->func_qualname);
    if (result == NULL ||
        (f->func_defaults != NULL &&
         PyFunction_SetDefaults(result, f->func_defaults) < 0) ||
        (f->func_kwdefaults != NULL &&
         PyFunction_SetKwDefaults(result, f->func_kwdefaults) < 0) ||
        (f->func_closure != NULL &&
         PyFunction_SetClosure(result, f->func_closure) < 0)) {
        Py_XDECREF(result);
        return NULL;
    }
    if (f->func_dict != NULL) {
        RS_FUNCTION(result)->func_dict = PyDict_Copy(f->func_dict);
        if (RS_FUNCTION(result)->func_dict == NULL) {
            Py_CLEAR(result);
        }
    }
    return result;
}

/* For the functions that `code` names; their code is appended to `waiting`. */
static int
stand_in_for(rs_session *s, rs_unit *u, PyObject *code, PyObject *waiting)
{
    PyObject *names = RS_CODE(code)->co_names, *constants = RS_CODE(code)->co_consts;
    int result = 0;
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(names); i++) {
        PyObject *own, *name = PyTuple_GET_ITEM(names, i);
        PyObject *live = PyDict_GetItemWithError(u->live, name);
        if (live == NULL || !PyFunction_Check(live) ||
            PyFunction_GET_GLOBALS(live) != u->live ||
            PyDict_GetItemWithError(u->scratch, name) != NULL) {
            continue;
        }
        Py_INCREF(live);
        own = stand_in(u, live);
        result = own == NULL || PyDict_SetItem(u->scratch, name, own) < 0 ||
                         rs_idmap_set(&s->stand_ins, own, live) < 0
                     ? -1
                     : PyList_Append(waiting, PyFunction_GET_CODE(live));
        Py_XDECREF(own);
        Py_DECREF(live);
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(constants); i++) {
        PyObject *inner = PyTuple_GET_ITEM(constants, i);
        result = PyCode_Check(inner) ? PyList_Append(waiting, inner) : 0;
    }
    return result;
}

/* What the unit's new code can reach, however long the way. */
static int
make_stand_ins(rs_session *s, rs_unit *u)
{
    int result;
    PyObject *waiting = PyList_New(0);
    if (waiting == NULL) {
        return -1;
    }
    result = PyList_Append(waiting, u->code);
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(waiting); i++) {
        result = stand_in_for(s, u, PyList_GET_ITEM(waiting, i), waiting);
    }
    Py_DECREF(waiting);
    return result;
}

int
rs_parts_begin(rs_session *s, rs_unit *u)
{
    if (!u->parts) {
        return 0;
    }
    if (set_getattr(s, u) < 0) {
        return -1;
    }
    if (!u->selection->runs) {
        return 0;
    }
    return rs_leaks_see_names(s, u->live) < 0 ? -1 : make_stand_ins(s, u);
}

static int
drop(PyObject *dict, PyObject *name)
{
    int found = PyDict_Contains(dict, name);
    return found > 0 ? PyDict_DelItem(dict, name) : found;
}

static int
drop_stand_ins(rs_session *s, rs_unit *u)
{
    int result = 0;
    Py_ssize_t pos = 0;
    PyObject *name, *value, *names = PyList_New(0);
    if (names == NULL) {
        return -1;
    }
    while (result == 0 && PyDict_Next(u->scratch, &pos, &name, &value)) {
        PyObject *live = rs_idmap_get(&s->stand_ins, value);
        if (live != NULL && PyDict_GetItemWithError(u->live, name) == live) {
            result = PyList_Append(names, name);
        }
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(names); i++) {
        result = PyDict_DelItem(u->scratch, PyList_GET_ITEM(names, i));
    }
    Py_DECREF(names);
    return result;
}

/* Those that nobody has got hold of go. */
static int
forget_unused(rs_session *s)
{
    rs_idmap used = {0};
    Py_ssize_t pos = 0;
    PyObject *own, *live;
    while (rs_idmap_next(&s->stand_ins, &pos, &own, &live)) {
        if (Py_REFCNT(own) > 1 && rs_idmap_set(&used, own, live) < 0) {
            rs_idmap_clear(&used);
            return -1;
        }
    }
    rs_idmap_clear(&s->stand_ins);
    s->stand_ins = used;
    return 0;
}

/* What the live module says of itself stays where nothing new was said. */
static int
drop_machinery(const rs_session *s, rs_unit *u)
{
    const rs_names *n = &s->st->names;
    PyObject *annotations[] = {n->__annotations__, n->__annotate__,
                               n->__conditional_annotations__};
    int result = 0;
    if (!u->selection->documented) {
        result = drop(u->scratch, n->__doc__);
    }
    for (size_t i = 0; result == 0 && !u->selection->annotated && i < 3; i++) {
        result = drop(u->scratch, annotations[i]);
    }
    return result;
}

int
rs_parts_settle(rs_session *s)
{
    int result = 0;
    PyObject *name = PyUnicode_FromString("__getattr__");
    for (Py_ssize_t i = 0; name != NULL && result == 0 && i < s->n_units; i++) {
        PyObject *scratch = s->units[i].parts ? s->units[i].scratch : NULL;
        PyObject *own = scratch != NULL ? PyDict_GetItemWithError(scratch, name) : NULL;
        if (own != NULL && PyCFunction_Check(own) &&
            PyCFunction_GET_FUNCTION(own) == module_getattr) {
            result = PyDict_DelItem(scratch, name);
        }
    }
    result = name == NULL || PyErr_Occurred() ? -1 : result;
    Py_XDECREF(name);
    return result;
}

int
rs_parts_end(rs_session *s, rs_unit *u)
{
    if (!u->parts) {
        return 0;
    }
    if (drop_stand_ins(s, u) < 0 || forget_unused(s) < 0) {
        return -1;
    }
    return drop_machinery(s, u);
}

/* ---- classes ---- */

int
rs_parts_class(rs_session *s, rs_unit *u, PyObject *args, PyObject **result)
{
    PyObject *body = PyTuple_GET_ITEM(args, 0);
    PyObject *code = PyFunction_GetCode(body);
    rs_selection *sel = u->selection;
    for (Py_ssize_t i = 0; u->parts && i < sel->n_shells; i++) {
        rs_select_shell *shell = &sel->shells[i];
        if (shell->space == NULL &&
            rs_same_text(shell->qualname, RS_CODE(code)->co_qualname)) {
            *result = rs_space_build(s, shell, args);
            return 1;
        }
    }
    return 0;
}
