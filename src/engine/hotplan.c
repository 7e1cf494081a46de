#include "hotfix.h"

#include "importers.h"
#include "lines.h"
#include "names.h"
#include "same.h"
#include "wrappers.h"

/* ---- names ---- */

static const char *
word_for(const rs_session *s, PyObject *value)
{
    if (value == NULL) {
        return "binding";
    }
    if (PyType_Check(value)) {
        return "class";
    }
    if (PyModule_Check(value)) {
        return "binding";
    }
    return PyFunction_Check(value) || PyCFunction_Check(value) ||
                   rs_is_wrapper(s->st, value)
               ? "function"
               : "data";
}

/* The line of the snippet that made it; 0 if it is not known. */
static int
line_of(const rs_session *s, PyObject *value)
{
    return value != NULL && PyFunction_Check(value) && rs_hot_made(s, value)
               ? RS_CODE(RS_FUNCTION(value)->func_code)->co_firstlineno
               : 0;
}

/* What is new under its own name belongs where it was put: it can be pickled, and the next
 * reload finds it. */
static int
settle_in(rs_session *s, const rs_hot_write *w, const rs_unit *u)
{
    PyObject *now = w->now;
    if (!rs_hot_made(s, now) || rs_idmap_has(&s->map, now)) {
        return 0;
    }
    if (PyFunction_Check(now) && rs_same_text(RS_FUNCTION(now)->func_name, w->key) &&
        rs_text_equals(RS_FUNCTION(now)->func_module, "__hotfix__")) {
        Py_XSETREF(RS_FUNCTION(now)->func_module, Py_NewRef(u->name));
        Py_SETREF(RS_FUNCTION(now)->func_qualname, Py_NewRef(w->qualname));
    }
    if (PyType_Check(now) && rs_same_text(RS_HEAPTYPE(now)->ht_name, w->key) &&
        rs_text_equals(rs_class_get(RS_TYPE(now), s->st->names.__module__),
                       "__hotfix__")) {
        return PyType_Type.tp_setattro(now, s->st->names.__module__, u->name);
    }
    return 0;
}

/* Is it what an import of a submodule binds in its package? 1, 0, -1. */
static int
is_submodule(const rs_unit *u, const rs_hot_write *w)
{
    PyObject *full, *module;
    if (w->type != NULL || w->now == NULL || !PyModule_Check(w->now)) {
        return 0;
    }
    full = PyUnicode_FromFormat("%U.%U", u->name, w->key);
    if (full == NULL) {
        return -1;
    }
    module = PyDict_GetItemWithError(PyImport_GetModuleDict(), full);
    Py_DECREF(full);
    return module == NULL && PyErr_Occurred() ? -1 : module == w->now;
}

/* Call sites know the functions of a property by the version of the class. */
static int
plan_rewrapped(rs_session *s, const rs_unit *u, const rs_hot_write *w)
{
    if (w->type != NULL && rs_plan_touch(&s->journal, w->type) < 0) {
        return -1;
    }
    return rs_change(s, u, w->qualname, "function", "updated", 0, NULL);
}

static int
plan_write(rs_session *s, const rs_hot_write *w)
{
    rs_unit *u = &s->units[w->unit];
    rs_scope scope = {u,    w->dict,
                      NULL, w->type,
                      NULL, w->type != NULL ? RS_HEAPTYPE(w->type)->ht_qualname : NULL};
    PyObject *value = w->now != NULL ? rs_session_live(s, w->now) : NULL;
    int submodule;
    if (w->poured || value == w->old) {
        return w->rewrapped ? plan_rewrapped(s, u, w) : 0;
    }
    if (value != NULL && settle_in(s, w, u) < 0) {
        return -1;
    }
    if (rs_names_set(s, &scope, w->key, value) < 0) {
        return -1;
    }
    if (w->type == NULL && w->old != NULL && value != NULL &&
        rs_importers_plan(s, u, w->key, w->old, value) < 0) {
        return -1;
    }
    submodule = is_submodule(u, w);
    if (submodule != 0) {
        return submodule < 0 ? -1 : 0; /* an import did that */
    }
    return rs_change(s, u, w->qualname, word_for(s, value != NULL ? value : w->old),
                     w->old == NULL  ? "added"
                     : value == NULL ? "removed"
                                     : "rebound",
                     line_of(s, w->now), NULL);
}

int
rs_hot_plan_names(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->hot->n_writes; i++) {
        if (plan_write(s, &s->hot->writes[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- fields ---- */

/* A change of what lies in a module that need not be a unit: no name of it was written. */
static int
tell(rs_session *s, PyObject *module, PyObject *qualname, const char *kind,
     const char *reason)
{
    PyObject *name = module != NULL && PyUnicode_Check(module) ? module : NULL;
    const rs_unit *unit = name != NULL ? rs_session_unit_by_name(s, name) : NULL;
    const rs_unit as_unit = {.name = name};
    return rs_change(s, unit != NULL ? unit : &as_unit, qualname, kind, "updated", 0,
                     "%s", reason);
}

static int
plan_fields(rs_session *s, const rs_hot_field *f)
{
    PyObject *fields[RS_FN_FIELDS], *code;
    unsigned mask = 0;
    for (int i = 0; i < RS_FN_FIELDS; i++) {
        fields[i] = f->now[i] != NULL ? rs_session_live(s, f->now[i]) : NULL;
        if (fields[i] != f->fields[i]) {
            mask |= 1U << i;
        }
    }
    code = rs_without_probes(&s->hot->code, fields[RS_FN_CODE]);
    if (code != NULL) {
        fields[RS_FN_CODE] = code;
    }
    if (mask == 0 || rs_idmap_has(&s->claimed, f->op)) {
        return 0;
    }
    if (rs_plan_function(&s->journal, f->op, fields, mask,
                         rs_state_new_version(s->st)) < 0) {
        return -1;
    }
    return tell(s, RS_FUNCTION(f->op)->func_module, RS_FUNCTION(f->op)->func_qualname,
                "function", "fields of it were set");
}

int
rs_hot_plan_fields(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->hot->n_fields; i++) {
        const rs_hot_field *f = &s->hot->fields[i];
        if (f->bases == NULL) {
            if (plan_fields(s, f) < 0) {
                return -1;
            }
        } else if (f->now_bases != NULL && f->now_bases != f->bases &&
                   (rs_plan_bases(&s->journal, RS_TYPE(f->op), f->now_bases) < 0 ||
                    tell(s, rs_class_get(RS_TYPE(f->op), s->st->names.__module__),
                         RS_HEAPTYPE(f->op)->ht_qualname, "class", "bases") < 0)) {
            return -1;
        }
    }
    return 0;
}
