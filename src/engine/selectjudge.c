#include "selectjudge.h"

#include "failure.h"
#include "known.h"
#include "same.h"
#include "selectunit.h"

/* Owned. */
struct rs_judging {
    rs_cut olds, news;
    PyObject *judged; /* set of names of the module: what they define was judged */
};

void
rs_judging_free(rs_judging *judging)
{
    if (judging == NULL) {
        return;
    }
    rs_cut_clear(&judging->olds);
    rs_cut_clear(&judging->news);
    Py_XDECREF(judging->judged);
    PyMem_Free(judging);
}

/* As if the statements were selected; what would run is dropped. */
static int
judge_statements(rs_session *s, rs_unit *u, PyObject *olds, PyObject *news)
{
    rs_selection *sel = u->selection;
    rs_selecting c = {.s = s, .u = u, .sel = sel, .live = u->live};
    int result = -1;
    c.cut = &sel->judging->news;
    c.rebound = sel->rebound;
    c.old_body = c.new_body = c.effects = PyList_New(0);
    if (c.new_body != NULL && rs_select_settings(&c, news) == 0 &&
        rs_select_statements(&c, olds, news) == 0) {
        result = 0;
    }
    rs_selection_forget_parts(sel);
    Py_XDECREF(c.new_body);
    return result;
}

/* ---- statements of the module ---- */

/* All of them if the source could not be cut, else those that are found by no name. */
static int
collect(rs_cut *cut, int all, PyObject *list)
{
    for (Py_ssize_t i = 0; i < cut->count; i++) {
        PyObject *nodes;
        if (cut->at[i].partner >= 0 || (!all && rs_cut_is_named(cut, i))) {
            continue;
        }
        nodes = rs_cut_nodes(cut, i);
        if (nodes == NULL ||
            PyList_SetSlice(list, PY_SSIZE_T_MAX, PY_SSIZE_T_MAX, nodes) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
judge_module(rs_session *s, rs_unit *u)
{
    rs_judging *j = u->selection->judging;
    int all, result = -1;
    PyObject *olds = PyList_New(0), *news = PyList_New(0);

    if (olds == NULL || news == NULL ||
        rs_cut_open(&j->olds, u->known_text, u->path) < 0 ||
        rs_cut_open(&j->news, u->text, u->path) < 0 ||
        rs_unit_match(&j->olds, &j->news, u->selection) < 0 ||
        rs_unit_follow_others(s, u, u->selection->rebound) < 0) {
        goto done;
    }
    all = j->olds.count < 2 || j->news.count < 2;
    if (collect(&j->olds, all, olds) == 0 && collect(&j->news, all, news) == 0) {
        result = judge_statements(s, u, olds, news);
    }
    if (result == 0 && all) {
        rs_judging_free(j);
        u->selection->judging = NULL;
    }
done:
    Py_XDECREF(olds);
    Py_XDECREF(news);
    return result;
}

/* ---- one class ---- */

int
rs_select_is_open(const rs_unit *u)
{
    return u->selection != NULL && u->selection->judging != NULL;
}

int
rs_select_judge_name(rs_session *s, rs_unit *u, PyObject *qualname)
{
    rs_judging *j = u->selection != NULL ? u->selection->judging : NULL;
    Py_ssize_t n = PyUnicode_GET_LENGTH(qualname), end;
    int result;
    /* owned */
    PyObject *name, *olds, *news;

    end = j != NULL ? PyUnicode_FindChar(qualname, '.', 0, n, 1) : -1;
    if (end < 0) {
        return end < -1 ? -1 : 0;
    }
    name = PyUnicode_Substring(qualname, 0, end);
    result = name != NULL ? PySet_Contains(j->judged, name) : -1;
    if (result != 0) {
        Py_XDECREF(name);
        return result < 0 ? -1 : 0;
    }
    olds = PyList_New(0);
    news = PyList_New(0);
    if (olds == NULL || news == NULL || PySet_Add(j->judged, name) < 0 ||
        rs_cut_find_changed(&j->olds, name, olds) < 0 ||
        rs_cut_find_changed(&j->news, name, news) < 0) {
        result = -1;
    } else if (PyList_GET_SIZE(olds) + PyList_GET_SIZE(news) > 0) {
        result = judge_statements(s, u, olds, news);
    }
    Py_DECREF(name);
    Py_XDECREF(olds);
    Py_XDECREF(news);
    return result;
}

/* ---- __init__ ---- */

/* Dict: qualified name -> names that the code of that __init__ uses. Bodies of classes are
 * looked into, and what is around generic ones. 0 or -1. */
static int
collect_inits(PyObject *code, PyObject *inits)
{
    PyObject *consts = RS_CODE(code)->co_consts;
    int result = 0;
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(consts); i++) {
        PyObject *inner = PyTuple_GET_ITEM(consts, i);
        if (!PyCode_Check(inner)) {
            continue;
        }
        if (rs_text_equals(RS_CODE(inner)->co_name, "__init__")) {
            result = PyDict_SetItem(inits, RS_CODE(inner)->co_qualname,
                                    RS_CODE(inner)->co_names);
        } else if ((RS_CODE(inner)->co_flags & CO_OPTIMIZED) == 0 ||
                   PyUnicode_READ_CHAR(RS_CODE(inner)->co_name, 0) == '<') {
            result = collect_inits(inner, inits);
        }
    }
    return result;
}

static int
has_other_names(PyObject *before, PyObject *after)
{
    int there = 1;
    for (Py_ssize_t i = 0; there == 1 && i < PyTuple_GET_SIZE(after); i++) {
        there = PySequence_Contains(before, PyTuple_GET_ITEM(after, i));
    }
    return there < 0 ? -1 : !there;
}

/* RSL613 is said while selecting: an __init__ that assigns other attributes uses names
 * that the old one does not. */
static int
judge_inits(rs_session *s, rs_unit *u)
{
    int result = 0;
    Py_ssize_t pos = 0;
    PyObject *qualname, *after, *before;
    /* owned */
    PyObject *olds = PyDict_New(), *news = PyDict_New();

    if (olds == NULL || news == NULL ||
        (u->known_code != NULL && collect_inits(u->known_code, olds) < 0) ||
        (u->code != NULL && collect_inits(u->code, news) < 0)) {
        result = -1;
    }
    while (result == 0 && PyDict_Next(news, &pos, &qualname, &after)) {
        before = PyDict_GetItemWithError(olds, qualname);
        result = before != NULL     ? has_other_names(before, after)
                 : PyErr_Occurred() ? -1
                                    : 1;
        if (result > 0) {
            result = rs_select_judge_name(s, u, qualname);
        }
    }
    Py_XDECREF(olds);
    Py_XDECREF(news);
    return result;
}

/* ---- units ---- */

/* What does the new source say of what was pending? */
static int
judge_pending(rs_session *s, rs_unit *u)
{
    PyObject *qualname, *before = PyDict_GetItemWithError(s->st->pending, u->name);
    Py_ssize_t pos = 0;
    while (before != NULL && PyDict_Next(before, &pos, &qualname, NULL)) {
        if (rs_select_judge_name(s, u, qualname) < 0) {
            return -1;
        }
    }
    return PyErr_Occurred() ? -1 : 0;
}

static int
judge_unit(rs_session *s, rs_unit *u)
{
    rs_judging *j;
    if (rs_selection_new(u) == NULL) {
        return -1;
    }
    j = u->selection->judging = PyMem_Calloc(1, sizeof(rs_judging));
    if (j == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    j->judged = PySet_New(NULL);
    return j->judged == NULL || judge_module(s, u) < 0 || judge_pending(s, u) < 0
               ? -1
               : judge_inits(s, u);
}

int
rs_select_judge(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        rs_unit *u = &s->units[i];
        PyObject *known = NULL;
        if (u->policy != RS_POLICY_MERGE || u->text == NULL) {
            continue;
        }
        if (rs_known_text(s, u, &known) < 0) {
            return -1;
        }
        if (known != NULL && judge_unit(s, u) < 0) {
            Py_DECREF(known);
            return rs_prepare_error(s, u);
        }
        Py_XDECREF(known);
    }
    return 0;
}
