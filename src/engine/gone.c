#include "names.h"

#include "hotfix.h"
#include "lines.h"
#include "same.h"
#include "selectwarn.h"

/* ---- names that are gone ---- */

/* 1 if the old source bound or read the name there, 0 if not, -1 if it is not known. */
static int
was_in_source(const rs_scope *scope, PyObject *name)
{
    PyObject *code = rs_body_of(scope->unit->known_code, scope->prefix);
    if (code == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(RS_CODE(code)->co_names); i++) {
        if (rs_same_text(PyTuple_GET_ITEM(RS_CODE(code)->co_names, i), name)) {
            return 1;
        }
    }
    return 0;
}

static int
named_for_deletion(const rs_session *s, const rs_scope *scope, PyObject *qualname)
{
    int found = 0;
    PyObject *full;
    if (s->del == NULL || PySet_GET_SIZE(s->del) == 0) {
        return 0;
    }
    full = PyUnicode_FromFormat("%U.%U", scope->unit->name, qualname);
    found = full != NULL ? PySet_Contains(s->del, full) : -1;
    Py_XDECREF(full);
    return found;
}

static int
drop(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *qualname,
     const char *word, const char *why)
{
    if (rs_names_set(s, scope, name, NULL) < 0 ||
        rs_change(s, scope->unit, qualname, word, "deleted", 0, why) < 0) {
        return -1;
    }
    return 1;
}

/* `_del_func = True`, as the source has it now. */
static int
deletes_functions(const rs_session *s, const rs_scope *scope)
{
    PyObject *name = s->st->names._del_func, *qualname;
    PyObject *value = PyDict_GetItemWithError(scope->donor, name);
    int gone = 0;
    if (value == NULL && scope->unit->parts) {
        qualname = rs_scope_qualname(scope, name);
        gone = qualname == NULL || rs_select_is_gone(scope->unit, qualname);
        Py_XDECREF(qualname);
        value = gone ? NULL : PyDict_GetItemWithError(scope->live, name);
    }
    return value == Py_True;
}

/* The snippet says `del` of a class that it replaces: that is planned and told already. */
static int
snippet_deletes(const rs_session *s, const rs_scope *scope, PyObject *name)
{
    for (Py_ssize_t i = 0; s->hot != NULL && i < s->hot->n_writes; i++) {
        const rs_hot_write *w = &s->hot->writes[i];
        if (w->now == NULL && w->type != NULL && w->type == scope->live_type &&
            rs_same_text(w->key, name)) {
            return 1;
        }
    }
    return 0;
}

int
rs_names_drop(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *live)
{
    int result = 0, deletes, own;
    PyObject *qualname;
    const char *word;
    if (snippet_deletes(s, scope, name)) {
        return 0;
    }
    qualname = rs_scope_qualname(scope, name);
    if (qualname == NULL) {
        return -1;
    }
    own = rs_names_is_own(s, scope, qualname, live);
    word = own ? rs_names_word(live) : "data";
    deletes = named_for_deletion(s, scope, qualname);
    if (deletes != 0) {
        result = deletes < 0 ? -1 : drop(s, scope, name, qualname, word, "asked for");
    } else if (own && !PyType_Check(live) && deletes_functions(s, scope)) {
        result = drop(s, scope, name, qualname, word, "_del_func");
    } else if (own || scope->unit->parts || was_in_source(scope, name) == 1) {
        int line = rs_select_gone_line(scope->unit, qualname);
        if (line == 0) {
            line = rs_line_of_old_name(s, scope->unit, scope->prefix, name);
        }
        result = rs_change(s, scope->unit, qualname, word, "stays", line,
                           "gone from the source, and still lives") < 0
                     ? -1
                     : rs_warn_removed(s, scope->unit, qualname, line);
    } else if (was_in_source(scope, name) < 0) {
        result = rs_change(s, scope->unit, qualname, word, "stays", 0,
                           "not in the source: put there at run time, or gone from it");
    }
    Py_DECREF(qualname);
    return result;
}

/* The function that computes annotations (3.14). */
static int
is_annotate(const rs_session *s, PyObject *name)
{
    return rs_same_text(name, s->st->names.__annotate__) ||
           rs_text_equals(name, "__annotate_func__");
}

int
rs_names_plan_gone(rs_session *s, const rs_scope *scope)
{
    int result = 0;
    Py_ssize_t pos = 0;
    PyObject *name, *live, *names = PyDict_Copy(scope->live);
    if (names == NULL) {
        return -1;
    }
    while (result >= 0 && PyDict_Next(names, &pos, &name, &live)) {
        PyObject *qualname;
        int gone;
        if (!PyUnicode_CheckExact(name)) {
            continue;
        }
        qualname = rs_scope_qualname(scope, name);
        gone = qualname != NULL ? rs_select_is_gone(scope->unit, qualname) ||
                                      named_for_deletion(s, scope, qualname) == 1
                                : -1;
        Py_XDECREF(qualname);
        if (gone < 0) {
            result = -1;
        } else if (gone && rs_same_text(name, s->st->names.__doc__)) {
            result = rs_names_set(s, scope, name, Py_None);
        } else if (gone && rs_scope_is_special(scope, name) &&
                   (!PyFunction_Check(live) || is_annotate(s, name))) {
            result = scope->live_type == NULL ? 0 : rs_names_set(s, scope, name, NULL);
        } else if (gone) {
            result = rs_names_drop(s, scope, name, live);
        }
    }
    Py_DECREF(names);
    return result < 0 ? -1 : 0;
}
