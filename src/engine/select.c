#include "select.h"

#include <string.h>

#include "failure.h"
#include "known.h"
#include "same.h"
#include "selectjudge.h"
#include "selectunit.h"

/* ---- the selection of one unit ---- */

static int is_complete(const rs_selection *sel);

static rs_selection *
allocate(void)
{
    rs_selection *sel = PyMem_Calloc(1, sizeof(rs_selection));
    if (sel == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    sel->old_body = PyList_New(0);
    sel->new_body = PyList_New(0);
    sel->effects = PyList_New(0);
    sel->pieces = PyList_New(0);
    sel->verdicts = PyDict_New();
    sel->settings = PyDict_New();
    sel->pending = PyDict_New();
    sel->gone = PyDict_New();
    sel->rebound = PySet_New(NULL);
    sel->changed = PySet_New(NULL);
    return sel;
}

rs_selection *
rs_selection_new(rs_unit *u)
{
    u->selection = allocate();
    if (u->selection != NULL && !is_complete(u->selection)) {
        rs_selection_clear(u);
    }
    return u->selection;
}

static int
is_complete(const rs_selection *sel)
{
    return sel->old_body != NULL && sel->new_body != NULL && sel->effects != NULL &&
           sel->pieces != NULL && sel->verdicts != NULL && sel->settings != NULL &&
           sel->pending != NULL && sel->gone != NULL && sel->rebound != NULL &&
           sel->changed != NULL;
}

void
rs_selection_forget_parts(rs_selection *sel)
{
    for (Py_ssize_t i = 0; i < sel->n_defs; i++) {
        Py_XDECREF(sel->defs[i].qualname);
        Py_XDECREF(sel->defs[i].live);
        Py_XDECREF(sel->defs[i].keeps);
        Py_XDECREF(sel->defs[i].donor);
    }
    for (Py_ssize_t i = 0; i < sel->n_shells; i++) {
        Py_XDECREF(sel->shells[i].qualname);
        Py_XDECREF(sel->shells[i].live);
        Py_XDECREF(sel->shells[i].space);
        Py_XDECREF(sel->shells[i].static_attributes);
    }
    PyMem_Free(sel->defs);
    PyMem_Free(sel->shells);
    PyMem_Free(sel->moves);
    sel->defs = NULL;
    sel->shells = NULL;
    sel->moves = NULL;
    sel->n_defs = sel->defs_room = 0;
    sel->n_shells = sel->shells_room = 0;
    sel->n_moves = sel->moves_room = 0;
}

void
rs_selection_clear(rs_unit *u)
{
    rs_selection *sel = u->selection;
    u->selection = NULL;
    if (sel == NULL) {
        return;
    }
    rs_selection_forget_parts(sel);
    rs_judging_free(sel->judging);
    Py_XDECREF(sel->old_body);
    Py_XDECREF(sel->new_body);
    Py_XDECREF(sel->effects);
    Py_XDECREF(sel->pieces);
    Py_XDECREF(sel->verdicts);
    Py_XDECREF(sel->settings);
    Py_XDECREF(sel->pending);
    Py_XDECREF(sel->gone);
    Py_XDECREF(sel->rebound);
    Py_XDECREF(sel->changed);
    PyMem_Free(sel);
}

int
rs_selection_visit(const rs_unit *u, visitproc visit, void *arg)
{
    const rs_selection *sel = u->selection;
    for (Py_ssize_t i = 0; sel != NULL && i < sel->n_defs; i++) {
        Py_VISIT(sel->defs[i].live);
        Py_VISIT(sel->defs[i].donor);
    }
    for (Py_ssize_t i = 0; sel != NULL && i < sel->n_shells; i++) {
        Py_VISIT(sel->shells[i].live);
        Py_VISIT(sel->shells[i].space);
    }
    return 0;
}

rs_verdict
rs_select_verdict(const rs_unit *u, PyObject *qualname)
{
    PyObject *number = u->selection != NULL
                           ? PyDict_GetItemWithError(u->selection->verdicts, qualname)
                           : NULL;
    return number != NULL ? (rs_verdict)PyLong_AsLong(number) : RS_VERDICT_NONE;
}

int
rs_select_is_apart(const rs_unit *u, PyObject *donor)
{
    const rs_selection *sel = u->parts ? u->selection : NULL;
    for (Py_ssize_t i = 0; sel != NULL && sel->apart && i < sel->n_defs; i++) {
        if (sel->defs[i].apart && sel->defs[i].donor == donor) {
            return 1;
        }
    }
    return 0;
}

int
rs_select_is_gone(const rs_unit *u, PyObject *qualname)
{
    return u->selection != NULL && PyDict_Contains(u->selection->gone, qualname) == 1;
}

int
rs_select_gone_line(const rs_unit *u, PyObject *qualname)
{
    PyObject *line = u->selection != NULL
                         ? PyDict_GetItemWithError(u->selection->gone, qualname)
                         : NULL;
    return line != NULL ? (int)PyLong_AsLong(line) : 0;
}

/* ---- the docstring and the annotations of the module ---- */

static PyObject *
docstring_of(rs_cut *cut, int *failed)
{
    PyObject *nodes, *value;
    const char *text = cut->count > 0 ? PyUnicode_AsUTF8(cut->at[0].text) : "";
    if (text == NULL || strpbrk(text, "\"'") == NULL) {
        *failed |= text == NULL;
        return NULL;
    }
    nodes = rs_cut_nodes(cut, 0);
    if (nodes == NULL) {
        *failed = 1;
        return NULL;
    }
    if (PyList_GET_SIZE(nodes) == 0 || !rs_ast_is(PyList_GET_ITEM(nodes, 0), "Expr")) {
        return NULL;
    }
    value = rs_ast_get(PyList_GET_ITEM(nodes, 0), "value");
    value = rs_ast_is(value, "Constant") ? rs_ast_get(value, "value") : NULL;
    return value != NULL && PyUnicode_Check(value) ? PyList_GET_ITEM(nodes, 0) : NULL;
}

static int
select_docstring(rs_unit_work *w, rs_selection *sel)
{
    int failed = 0, same;
    PyObject *a, *b;
    if (w->olds.count > 0 && w->news.count > 0 && w->news.at[0].partner == 0) {
        return 0;
    }
    a = docstring_of(&w->olds, &failed);
    b = docstring_of(&w->news, &failed);
    if (failed) {
        return -1;
    }
    same = rs_syntax_same(a, b);
    sel->documented = same == 0;
    return same != 0 || b == NULL ? (same < 0 ? -1 : 0)
                                  : PyList_Insert(sel->new_body, 0, b);
}

/* All of them are made again, because they are one function (3.14) or one dict. */
static int
select_annotations(rs_selecting *c, rs_selection *sel)
{
    int result = 0;
    PyObject *nodes = rs_ast_parse(c->u->text, 1, c->u->path);
    if (nodes == NULL) {
        return -1;
    }
    result = rs_select_annotations_go(c, nodes);
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(nodes); i++) {
        PyObject *node = PyList_GET_ITEM(nodes, i);
        if (rs_ast_is(node, "AnnAssign")) {
            result = PyObject_SetAttrString(node, "value", Py_None) < 0
                         ? -1
                         : PyList_Append(sel->new_body, node);
        }
    }
    Py_DECREF(nodes);
    return result;
}

/* ---- a unit ---- */

/* Statements in chunks without a partner: also those that are the same, if they are
 * named. */
static int
look_first(rs_selecting *c, const rs_unit_work *w)
{
    int result;
    c->forced = PySet_GET_SIZE(w->forced) > 0 ? w->forced : NULL;
    result = rs_select_statements(c, w->old_nodes, w->new_nodes);
    c->forced = NULL;
    return result;
}

static int
select_unit(rs_session *s, rs_unit *u)
{
    int result = -1;
    rs_unit_work w = {{0}, {0}, PyList_New(0), PyList_New(0), NULL};
    rs_selection *sel = rs_selection_new(u);
    rs_selecting c = {.s = s, .u = u, .sel = sel, .live = u->live, .cut = &w.news};
    if (sel == NULL || w.old_nodes == NULL || w.new_nodes == NULL) {
        goto done;
    }
    c.old_body = sel->old_body;
    c.new_body = sel->new_body;
    c.effects = sel->effects;
    c.rebound = sel->rebound;
    if (rs_cut_open(&w.olds, u->known_text, u->path) < 0 ||
        rs_cut_open(&w.news, u->text, u->path) < 0 ||
        rs_unit_match(&w.olds, &w.news, sel) < 0 || rs_unit_collect(&w, sel) < 0 ||
        select_docstring(&w, sel) < 0 ||
        rs_unit_follow_others(s, u, sel->rebound) < 0 ||
        rs_select_settings(&c, w.new_nodes) < 0 || rs_unit_find_forced(&c, &w) < 0 ||
        look_first(&c, &w) < 0 || rs_unit_look_again(&c, &w) < 0 ||
        rs_unit_check_order(&c, &w) < 0 || rs_unit_warn(&c, &w) < 0 ||
        (c.annotated && select_annotations(&c, sel) < 0)) {
        goto done;
    }
    sel->annotated = c.annotated;
    result = rs_unit_compile(s, u, &w);
    u->parts = 1;
done:
    Py_XDECREF(w.old_nodes);
    Py_XDECREF(w.new_nodes);
    Py_XDECREF(w.forced);
    rs_cut_clear(&w.olds);
    rs_cut_clear(&w.news);
    return result;
}

/* 1: both texts are known; 0: refused; -1. */
static int
check_texts(rs_session *s, rs_unit *u, int may_guess)
{
    PyObject *known;
    const char *found = NULL;
    if (u->text == NULL) {
        found = "the loader of this module gives no source text";
    } else if (u->own_compile) {
        found = "the loader of this module compiles sources in its own way";
    } else {
        if ((may_guess && rs_known_guess(s, u) < 0) ||
            rs_known_text(s, u, &known) < 0) {
            return -1;
        }
        found = known == NULL ? "the source that lives is not known: the module was "
                                "imported before resoul, and its file has changed since"
                              : NULL;
        Py_XDECREF(known);
    }
    if (found == NULL) {
        return 1;
    }
    return rs_refuse(s, "RSL106", u, NULL, 0,
                     "Use execute=\"all\", or give the old source with base=.",
                     "what changed can't be told: %s", found) < 0
               ? -1
               : 0;
}

int
rs_select(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (check_texts(s, &s->units[i], 1) < 0) {
            return -1;
        }
    }
    if (PyList_GET_SIZE(s->refusals) > 0) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        rs_unit *u = &s->units[i];
        Py_ssize_t notices = PyList_GET_SIZE(s->notices);
        int result = select_unit(s, u);
        if (result == 0) { /* the recorded text is of another time: look closer */
            rs_selection_clear(u);
            Py_CLEAR(u->known_text);
            u->guessed = 0;
            result = PyList_SetSlice(s->notices, notices, PY_SSIZE_T_MAX, NULL) < 0
                         ? -1
                         : check_texts(s, u, 0);
            if (result == 0) {
                continue;
            }
            result = result < 0 ? -1 : select_unit(s, u);
        }
        if (result < 0) {
            return rs_prepare_error(s, u);
        }
        rs_session_breathe(s);
    }
    return 0;
}
