#include "check.h"

#include "base.h"
#include "foreign.h"
#include "lock.h"
#include "lookup.h"
#include "pairing.h"
#include "pending.h"
#include "same.h"
#include "scope.h"
#include "select.h"
#include "selectwarn.h"
#include "source.h"
#include "syntax.h"

/* ---- telling ---- */

typedef struct {
    rs_session *s;
    rs_unit *u;
    PyObject *prefix; /* qualified name of the class, or NULL */
} place;

static int tell_body(const place *at, PyObject *body);

static PyObject *
qualname_in(const place *at, PyObject *name)
{
    return at->prefix != NULL ? PyUnicode_FromFormat("%U.%U", at->prefix, name)
                              : Py_NewRef(name);
}

static int
lives(const place *at, PyObject *qualname)
{
    return rs_live_definition(at->u, qualname) != NULL;
}

static const rs_select_shell *
shell_of(const place *at, PyObject *qualname)
{
    const rs_selection *sel = at->u->selection;
    for (Py_ssize_t i = 0; i < sel->n_shells; i++) {
        if (rs_same_text(sel->shells[i].qualname, qualname)) {
            return &sel->shells[i];
        }
    }
    return NULL;
}

static int
tell_definition(const place *at, PyObject *node)
{
    int result, is_class = rs_ast_is(node, "ClassDef");
    PyObject *name = rs_ast_get(node, "name");
    PyObject *qualname = name != NULL ? qualname_in(at, name) : NULL;
    if (qualname == NULL) {
        return -1;
    }
    if (is_class && shell_of(at, qualname) != NULL) {
        place inner = {at->s, at->u, qualname};
        PyObject *body = rs_ast_list(node, "body");
        result = body == NULL ? -1 : tell_body(&inner, body);
    } else {
        int there = lives(at, qualname);
        result = rs_change(at->s, at->u, qualname, is_class ? "class" : "function",
                           there ? "updated" : "added", rs_ast_line(node),
                           is_class && there ? "its whole body runs" : NULL);
    }
    Py_DECREF(qualname);
    return result;
}

static int
tell_names(const place *at, PyObject *node)
{
    int result = 0, data = rs_ast_is(node, "Assign") || rs_ast_is(node, "AnnAssign");
    PyObject *name, *iter, *set = PySet_New(NULL);
    if (set == NULL || rs_syntax_binds(node, set) < 0) {
        Py_XDECREF(set);
        return -1;
    }
    iter = PyObject_GetIter(set);
    while (result == 0 && iter != NULL && (name = PyIter_Next(iter)) != NULL) {
        PyObject *qualname = qualname_in(at, name);
        rs_verdict verdict = qualname != NULL ? rs_select_verdict(at->u, qualname)
                                              : RS_VERDICT_NONE;
        if (qualname == NULL) {
            result = -1;
        } else if (verdict != RS_VERDICT_KEEP && verdict != RS_VERDICT_SAME) {
            int there = lives(at, qualname);
            result = rs_change(at->s, at->u, qualname, data ? "data" : "binding",
                               !there ? "added"
                               : data ? "taken"
                                      : "rebound",
                               rs_ast_line(node), NULL);
        }
        Py_XDECREF(qualname);
        Py_DECREF(name);
    }
    Py_XDECREF(iter);
    Py_DECREF(set);
    return PyErr_Occurred() ? -1 : result;
}

static int
tell_body(const place *at, PyObject *body)
{
    int result = 0;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(body); i++) {
        PyObject *node = PyList_GET_ITEM(body, i);
        if (rs_is_function_node(node) || rs_ast_is(node, "ClassDef")) {
            result = tell_definition(at, node);
        } else if (rs_ast_is(node, "If")) {
            PyObject *then = rs_ast_list(node, "body");
            PyObject *orelse = then != NULL ? rs_ast_list(node, "orelse") : NULL;
            result = orelse == NULL || tell_body(at, then) < 0 ? -1
                                                               : tell_body(at, orelse);
        } else if (!rs_ast_is(node, "Pass") && !rs_ast_is(node, "Expr")) {
            result = tell_names(at, node);
        }
    }
    return result;
}

static int
tell_effects(const place *at, PyObject *effects)
{
    int result = 0;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(effects); i++) {
        PyObject *node = PyList_GET_ITEM(effects, i);
        result = rs_change(at->s, at->u, NULL, "statement", "runs", rs_ast_line(node),
                           "after the swap");
    }
    return result;
}

/* Names that a module or class has of its own: planned, but not worth a word. */
static int
is_machinery(PyObject *qualname, PyObject *live)
{
    Py_ssize_t n = PyUnicode_GET_LENGTH(qualname);
    return !PyFunction_Check(live) && n > 2 &&
           PyUnicode_READ_CHAR(qualname, n - 1) == '_' &&
           PyUnicode_READ_CHAR(qualname, n - 2) == '_';
}

/* `_del_func = True` in the scope of the name, for a function. 1, 0, -1. */
static int
goes_with_functions(const place *at, PyObject *qualname, PyObject *live)
{
    const rs_selection *sel = at->u->selection;
    Py_ssize_t dot = PyUnicode_FindChar(qualname, '.', 0,
                                        PyUnicode_GET_LENGTH(qualname), -1);
    PyObject *prefix, *key, *value;
    if (PyType_Check(live) || rs_find_definition(live, at->u->live, qualname) == NULL) {
        return 0;
    }
    prefix = PyUnicode_Substring(qualname, 0, dot < 0 ? 0 : dot + 1);
    key = prefix != NULL ? PyUnicode_Concat(prefix, at->s->st->names._del_func) : NULL;
    Py_XDECREF(prefix);
    if (key == NULL) {
        return -1;
    }
    value = PyDict_GetItemWithError(sel->settings, key);
    if (value == NULL && !rs_select_is_gone(at->u, key)) {
        value = rs_live_definition(at->u, key);
    }
    Py_DECREF(key);
    return PyErr_Occurred() ? -1 : value == Py_True;
}

static int
tell_one_gone(const place *at, PyObject *qualname, PyObject *live)
{
    const char *kind = PyFunction_Check(live) ? "function"
                       : PyType_Check(live)   ? "class"
                                              : "data";
    int line = rs_select_gone_line(at->u, qualname), asked;
    PyObject *full = PyUnicode_FromFormat("%U.%U", at->u->name, qualname);
    asked = full != NULL ? PySet_Contains(at->s->del, full) : -1;
    Py_XDECREF(full);
    if (asked == 0) {
        asked = goes_with_functions(at, qualname, live) * 2;
    }
    if (asked != 0) {
        return asked < 0 ? -1
                         : rs_change(at->s, at->u, qualname, kind, "deleted", line,
                                     asked == 2 ? "_del_func" : "asked for");
    }
    if (rs_change(at->s, at->u, qualname, kind, "stays", line,
                  "gone from the source, and still lives") < 0) {
        return -1;
    }
    return rs_warn_removed(at->s, at->u, qualname, line);
}

static int
tell_gone(const place *at, PyObject *gone)
{
    int result = 0;
    PyObject *qualname, *iter = PyObject_GetIter(gone);
    while (result == 0 && iter != NULL && (qualname = PyIter_Next(iter)) != NULL) {
        PyObject *live = rs_live_definition(at->u, qualname);
        if (live != NULL && !is_machinery(qualname, live)) {
            result = tell_one_gone(at, qualname, live);
        }
        Py_DECREF(qualname);
    }
    Py_XDECREF(iter);
    return PyErr_Occurred() ? -1 : result;
}

static int
tell_unit(rs_session *s, rs_unit *u)
{
    place at = {s, u, NULL};
    const rs_selection *sel = u->selection;
    return tell_body(&at, sel->new_body) < 0 || tell_effects(&at, sel->effects) < 0
               ? -1
               : tell_gone(&at, sel->gone);
}

/* ---- the whole ---- */

static int
refuse_all(rs_session *s)
{
    if (PyList_GET_SIZE(s->refusals) == 0) {
        return 0;
    }
    rs_raise_refusals(s);
    return -1;
}

static int
fill(rs_session *s)
{
    int result = -1;
    PyObject *names = PyTuple_New(s->n_units);
    for (Py_ssize_t i = 0; names != NULL && i < s->n_units; i++) {
        PyTuple_SET_ITEM(names, i, Py_NewRef(s->units[i].name));
    }
    if (names != NULL && PyObject_SetAttrString(s->update, "modules", names) == 0 &&
        PyObject_SetAttrString(s->update, "changes", s->changes) == 0) {
        result = PyObject_SetAttrString(s->update, "warnings", s->notices);
    }
    Py_XDECREF(names);
    return result;
}

static int
check(rs_session *s, PyObject *modules)
{
    if (rs_source_resolve(s, modules) < 0 || refuse_all(s) < 0 ||
        rs_source_read(s) < 0 || refuse_all(s) < 0 || rs_base_believe(s) < 0 ||
        refuse_all(s) < 0 || rs_select(s) < 0 || refuse_all(s) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (tell_unit(s, &s->units[i]) < 0) {
            return -1;
        }
    }
    if (rs_pending_report(s) < 0 || rs_refuse_notices(s) < 0 || refuse_all(s) < 0) {
        return -1;
    }
    return fill(s);
}

PyObject *
rs_check(PyObject *engine, rs_state *st, const rs_update_options *options)
{
    int result;
    rs_session *s = rs_session_new(engine, st);
    if (s == NULL) {
        return NULL;
    }
    if (rs_lock_acquire(st) < 0) {
        Py_DECREF(s);
        return NULL;
    }
    st->running = s;
    s->thread = PyThread_get_thread_ident();
    s->update = Py_NewRef(options->update);
    s->allowed = Py_NewRef(options->allowed);
    s->data = Py_NewRef(options->data);
    s->take = Py_NewRef(options->take);
    s->del = Py_NewRef(options->del);
    s->base = options->base != Py_None ? Py_NewRef(options->base) : NULL;
    s->only_changed = 1;
    s->strict = options->strict;
    result = check(s, options->modules);
    rs_lock_release(st);
    rs_session_finish(s);
    return result == 0 ? Py_NewRef(Py_None) : NULL;
}
