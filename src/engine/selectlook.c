#include "selectunit.h"

#include <string.h>

#include "lookup.h"
#include "same.h"

/* ---- which statements are looked at ---- */

static int
append_all(PyObject *to, PyObject *from)
{
    return from == NULL ? -1
                        : PyList_SetSlice(to, PY_SSIZE_T_MAX, PY_SSIZE_T_MAX, from);
}

/* Chunks that have no counterpart. */
static int
collect_changed(rs_unit_work *w)
{
    if (rs_cut_parse_changed(&w->olds) < 0 || rs_cut_parse_changed(&w->news) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < w->olds.count; i++) {
        if (w->olds.at[i].partner < 0 &&
            append_all(w->old_nodes, rs_cut_nodes(&w->olds, i)) < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < w->news.count; i++) {
        if (w->news.at[i].partner < 0 &&
            append_all(w->new_nodes, rs_cut_nodes(&w->news, i)) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
move_matched(rs_unit_work *w, rs_selection *sel)
{
    for (Py_ssize_t i = 0; i < w->news.count; i++) {
        const rs_cut_chunk *chunk = &w->news.at[i], *before;
        if (chunk->partner < 0) {
            continue;
        }
        before = &w->olds.at[chunk->partner];
        if (rs_select_moved(sel, before->line, before->last_line,
                            chunk->line - before->line) < 0) {
            return -1;
        }
    }
    return 0;
}

/* The first part of what take= names of this unit: names of the module. */
static int
find_taken(const rs_session *s, const rs_unit *u, PyObject *set)
{
    Py_ssize_t n = PyUnicode_GET_LENGTH(u->name);
    PyObject *full, *iter = s->take != NULL ? PyObject_GetIter(s->take) : NULL;
    int result = iter == NULL && s->take != NULL ? -1 : 0;
    while (result == 0 && iter != NULL && (full = PyIter_Next(iter)) != NULL) {
        if (PyUnicode_Check(full) && PyUnicode_GET_LENGTH(full) > n + 1 &&
            PyUnicode_Tailmatch(full, u->name, 0, n, -1) == 1 &&
            PyUnicode_READ_CHAR(full, n) == '.') {
            Py_ssize_t end = PyUnicode_FindChar(full, '.', n + 1,
                                                PyUnicode_GET_LENGTH(full), 1);
            PyObject *name = PyUnicode_Substring(
                full, n + 1, end < 0 ? PyUnicode_GET_LENGTH(full) : end);
            result = name != NULL ? PySet_Add(set, name) : -1;
            Py_XDECREF(name);
        }
        Py_DECREF(full);
    }
    Py_XDECREF(iter);
    return PyErr_Occurred() ? -1 : result;
}

/* The same of what is pending, if the policy is to take it. */
static int
find_pending(const rs_session *s, const rs_unit *u, PyObject *set)
{
    PyObject *qualname, *pending = PyDict_GetItemWithError(s->st->pending, u->name);
    Py_ssize_t pos = 0;
    int result = PyErr_Occurred() ? -1 : 0;
    while (result == 0 && u->policy == RS_POLICY_TAKE && pending != NULL &&
           PyDict_Next(pending, &pos, &qualname, NULL)) {
        Py_ssize_t n = PyUnicode_GET_LENGTH(qualname);
        Py_ssize_t end = PyUnicode_FindChar(qualname, '.', 0, n, 1);
        PyObject *name = PyUnicode_Substring(qualname, 0, end < 0 ? n : end);
        result = name != NULL ? PySet_Add(set, name) : -1;
        Py_XDECREF(name);
    }
    return result;
}

/* Is a chunk that did not change looked at all the same? */
static int
is_wanted(rs_selecting *c, rs_unit_work *w, Py_ssize_t number, int all_data)
{
    const char *text;
    int found = rs_cut_mentions(&w->news, number, c->rebound);
    if (found == 0) {
        found = rs_cut_mentions(&w->news, number, w->forced);
    }
    if (found != 0) {
        return found;
    }
    if (all_data && !rs_cut_is_definition(&w->news, number)) {
        return 1;
    }
    text = PyUnicode_AsUTF8(w->news.at[number].text);
    return text == NULL ? -1 : strstr(text, "_reload_") != NULL;
}

/* Does the module say that all its data is reloaded? */
static int
takes_all_data(rs_selecting *c)
{
    int named;
    PyObject *nothing = PyUnicode_FromString("");
    int policy = nothing != NULL ? rs_select_policy(c, nothing, &named) : -1;
    Py_XDECREF(nothing);
    return policy < 0 ? -1 : policy == 1 && named;
}

/* A set of names in `_reload_data` of the module. */
static int
find_named(rs_selecting *c, PyObject *set)
{
    PyObject *value = PyDict_GetItemWithError(c->sel->settings,
                                              c->s->st->names._reload_data);
    PyObject *name, *iter;
    int result = 0;
    if (value == NULL && !PyErr_Occurred()) {
        value = PyDict_GetItemWithError(c->live, c->s->st->names._reload_data);
    }
    if (value == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    if (PyUnicode_CheckExact(value)) {
        return PySet_Add(set, value);
    }
    if (!PyAnySet_CheckExact(value) && !PyList_CheckExact(value) &&
        !PyTuple_CheckExact(value)) {
        return 0;
    }
    iter = PyObject_GetIter(value);
    while (result == 0 && iter != NULL && (name = PyIter_Next(iter)) != NULL) {
        result = PyUnicode_CheckExact(name) ? PySet_Add(set, name) : 0;
        Py_DECREF(name);
    }
    Py_XDECREF(iter);
    return PyErr_Occurred() ? -1 : result;
}

static int
calls_node(PyObject *node, void *arg)
{
    PyObject *func, *id;
    if (rs_is_function_node(node) || rs_ast_is(node, "Lambda")) {
        return 1;
    }
    func = rs_ast_is(node, "Call") ? rs_ast_get(node, "func") : NULL;
    id = rs_ast_is(func, "Name") ? rs_ast_get(func, "id") : NULL;
    if (id == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    return PySet_Contains(arg, id) == 1 ? 2 : 0;
}

/* An unchanged statement whose result could be another now: said, not run (E1). */
int
rs_select_warn_of(rs_selecting *c, PyObject *node)
{
    int reads, calls;
    if (rs_is_function_node(node) || rs_ast_is(node, "ClassDef")) {
        return 0;
    }
    calls = rs_ast_walk(node, calls_node, c->sel->changed);
    reads = calls == 0 ? rs_select_reads(c, node, c->rebound) : 0;
    if (calls < 0 || reads < 0) {
        return -1;
    }
    if (!calls && !reads) {
        return 0;
    }
    return rs_notice(c->s, "RSL611", c->u, c->prefix, rs_ast_line(node),
                     "this statement did not change and is not run again, but it %s "
                     "something that changed; %s",
                     calls ? "calls" : "reads",
                     c->maker != NULL ? "the program has to be restarted to run it"
                                      : "name what it binds in take= to run it");
}

/* The same for the statements of a class that nobody has looked at. */
static int
warn_of_class(rs_selecting *c, PyObject *node)
{
    PyObject *body = rs_ast_list(node, "body"), *name = rs_ast_get(node, "name");
    rs_selecting inner = *c;
    PyTypeObject *live;
    int result = 0;
    if (body == NULL || name == NULL) {
        return -1;
    }
    inner.prefix = rs_select_qualname(c, name);
    if (inner.prefix == NULL) {
        return -1;
    }
    live = (PyTypeObject *)Py_XNewRef(rs_live_class(c->s, c->u, inner.prefix));
    if (live != NULL) {
        result = rs_select_maker(c, live, node, &inner.maker);
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(body); i++) {
        PyObject *statement = PyList_GET_ITEM(body, i);
        result = rs_ast_is(statement, "ClassDef")
                     ? warn_of_class(&inner, statement)
                     : rs_select_warn_of(&inner, statement);
    }
    Py_XDECREF(live);
    Py_DECREF(inner.prefix);
    return result;
}

/* Its statements say themselves what moves. */
static void
forget_move(rs_selection *sel, int first)
{
    for (Py_ssize_t i = 0; i < sel->n_moves; i++) {
        if (sel->moves[i].first == first) {
            sel->moves[i] = (rs_select_move){0, -1, 0};
        }
    }
}

int
rs_unit_find_forced(rs_selecting *c, rs_unit_work *w)
{
    w->forced = PySet_New(NULL);
    if (w->forced == NULL || find_taken(c->s, c->u, w->forced) < 0 ||
        find_pending(c->s, c->u, w->forced) < 0 || find_named(c, w->forced) < 0) {
        return -1;
    }
    return 0;
}

/* Statements whose text is the same: definitions that read what is rebound, and what is
 * named, run; others are told of. Twice, since what runs may rebind more. */
int
rs_unit_look_again(rs_selecting *c, rs_unit_work *w)
{
    int result = 0, all_data = takes_all_data(c);
    /* owned */
    PyObject *done = PySet_New(NULL);
    if (all_data < 0 || done == NULL) {
        result = -1;
    }
    for (int round = 0; result == 0 && round < 2; round++) {
        for (Py_ssize_t i = 0; result == 0 && i < w->news.count; i++) {
            PyObject *olds, *news, *number;
            int wanted;
            if (w->news.at[i].partner < 0) {
                continue;
            }
            number = PyLong_FromSsize_t(i);
            wanted = number != NULL ? PySet_Contains(done, number) : -1;
            wanted = wanted == 0 ? is_wanted(c, w, i, all_data) : wanted < 0 ? -1 : 0;
            if (wanted > 0) {
                olds = rs_cut_nodes(&w->olds, w->news.at[i].partner);
                news = olds != NULL ? rs_cut_nodes(&w->news, i) : NULL;
                c->forced = w->forced;
                forget_move(c->sel, w->olds.at[w->news.at[i].partner].line);
                result = news == NULL || PySet_Add(done, number) < 0 ||
                                 rs_select_settings(c, news) < 0 ||
                                 rs_select_statements(c, olds, news) < 0
                             ? -1
                             : 0;
                c->forced = NULL;
            }
            result = wanted < 0 ? -1 : result;
            Py_XDECREF(number);
        }
    }
    Py_XDECREF(done);
    return result;
}

/* New code that runs now reads a class as it lives: its new parts come with the commit. */
static int
warn_of_early(rs_selecting *c, PyObject *classes)
{
    int result = 0;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(c->new_body); i++) {
        PyObject *node = PyList_GET_ITEM(c->new_body, i);
        int reads = rs_is_function_node(node) || rs_ast_is(node, "ClassDef")
                        ? 0
                        : rs_select_reads(c, node, classes);
        result = reads <= 0 ? reads
                            : rs_notice(c->s, "RSL619", c->u, NULL, rs_ast_line(node),
                                        "this statement ran before the update was made "
                                        "and has seen a class as it was: its new parts "
                                        "live from the commit on");
    }
    return result;
}

/* The names of classes of the module of which parts run: a new set. */
static PyObject *
partial_classes(const rs_selection *sel)
{
    PyObject *names = PySet_New(NULL);
    for (Py_ssize_t i = 0; names != NULL && i < sel->n_shells; i++) {
        PyObject *qualname = sel->shells[i].qualname;
        if (PyUnicode_FindChar(qualname, '.', 0, PyUnicode_GET_LENGTH(qualname), 1) <
                0 &&
            PySet_Add(names, qualname) < 0) {
            Py_CLEAR(names);
        }
    }
    return names;
}

/* Do unchanged statements use what changed? */
int
rs_unit_warn(rs_selecting *c, rs_unit_work *w)
{
    int result = 0;
    PyObject *words = PyNumber_Or(c->sel->changed, c->rebound);
    PyObject *classes = words != NULL ? partial_classes(c->sel) : NULL;
    if (classes == NULL || warn_of_early(c, classes) < 0) {
        Py_XDECREF(words);
        Py_XDECREF(classes);
        return -1;
    }
    Py_DECREF(classes);
    for (Py_ssize_t i = 0; result == 0 && i < w->news.count; i++) {
        PyObject *nodes;
        if (w->news.at[i].partner < 0) {
            continue;
        }
        result = rs_cut_mentions(&w->news, i, words);
        if (result > 0 && rs_cut_is_definition(&w->news, i)) {
            int looked = is_wanted(c, w, i, 0);
            result = looked < 0 ? -1 : !looked;
        }
        if (result <= 0) {
            continue;
        }
        nodes = rs_cut_nodes(&w->news, i);
        result = nodes == NULL ? -1 : 0;
        for (Py_ssize_t k = 0; result == 0 && k < PyList_GET_SIZE(nodes); k++) {
            PyObject *node = PyList_GET_ITEM(nodes, k);
            int there = PySequence_Contains(c->new_body, node);
            if (there != 0) {
                result = there < 0 ? -1 : 0;
            } else {
                result = rs_ast_is(node, "ClassDef") ? warn_of_class(c, node)
                                                     : rs_select_warn_of(c, node);
            }
        }
    }
    Py_DECREF(words);
    return result;
}

/* Chunks of the same text that can't just be moved are looked at like others. */
static int
part_makers(rs_unit_work *w)
{
    for (Py_ssize_t i = 0; RS_CLASS_LINES && i < w->news.count; i++) {
        rs_cut_chunk *chunk = &w->news.at[i];
        const char *text = PyUnicode_AsUTF8(chunk->text), *found;
        if (text == NULL) {
            return -1;
        }
        found = strstr(text, "class ");
        if (found == text) {
            found = strstr(text + 1, "class ");
        }
        if (chunk->partner >= 0 && found != NULL &&
            chunk->line != w->olds.at[chunk->partner].line &&
            strstr(text, "def ") != NULL) {
            w->olds.at[chunk->partner].partner = -1;
            chunk->partner = -1;
        }
    }
    return 0;
}

int
rs_unit_collect(rs_unit_work *w, rs_selection *sel)
{
    if (part_makers(w) < 0) {
        return -1;
    }
    return collect_changed(w) < 0 ? -1 : move_matched(w, sel);
}

/* ---- other modules ---- */

int
rs_unit_follow_others(rs_session *s, rs_unit *u, PyObject *rebound)
{
    for (rs_unit *other = s->units; other < u; other++) {
        PyObject *name, *iter;
        int result = 0;
        if (other->selection == NULL) {
            continue;
        }
        iter = PyObject_GetIter(other->selection->rebound);
        while (result == 0 && iter != NULL && (name = PyIter_Next(iter)) != NULL) {
            PyObject *theirs = PyDict_GetItemWithError(other->live, name);
            PyObject *ours = PyDict_GetItemWithError(u->live, name);
            if (ours != NULL && ours == theirs) {
                result = PySet_Add(rebound, name);
            }
            Py_DECREF(name);
        }
        Py_XDECREF(iter);
        if (PyErr_Occurred()) {
            return -1;
        }
    }
    return 0;
}
