#include "selecting.h"

#include "mainguard.h"
#include "same.h"

/* ---- effects or bindings? ---- */

/* A statement that only defines and binds names can be tried out in a scratch namespace;
 * others have to reach what lives (DESIGN rule 1). 1: it has an effect, 0, -1. */
static int has_effect(PyObject *node);

static int
any_effect(PyObject *node, const char *field)
{
    int result = 0;
    PyObject *list;
    if (PyObject_HasAttrString(node, field) != 1) {
        return 0;
    }
    list = rs_ast_list(node, field);
    for (Py_ssize_t i = 0; list != NULL && result == 0 && i < PyList_GET_SIZE(list);
         i++) {
        result = has_effect(PyList_GET_ITEM(list, i));
    }
    return list == NULL ? -1 : result;
}

/* Does the assignment bind names only? 1, 0, -1. */
static int
binds_names(PyObject *target)
{
    if (rs_ast_is(target, "Tuple") || rs_ast_is(target, "List")) {
        PyObject *items = rs_ast_list(target, "elts");
        int result = items != NULL ? 1 : -1;
        for (Py_ssize_t i = 0; result == 1 && i < PyList_GET_SIZE(items); i++) {
            result = binds_names(PyList_GET_ITEM(items, i));
        }
        return result;
    }
    if (rs_ast_is(target, "Starred")) {
        PyObject *inner = rs_ast_get(target, "value");
        return inner == NULL ? -1 : binds_names(inner);
    }
    return rs_ast_is(target, "Name");
}

static int
assigns_elsewhere(PyObject *node)
{
    int result = 1;
    PyObject *targets;
    if (rs_ast_is(node, "AnnAssign")) {
        PyObject *target = rs_ast_get(node, "target");
        result = target == NULL ? -1 : binds_names(target);
        return result < 0 ? -1 : !result;
    }
    targets = rs_ast_list(node, "targets");
    for (Py_ssize_t i = 0;
         targets != NULL && result == 1 && i < PyList_GET_SIZE(targets); i++) {
        result = binds_names(PyList_GET_ITEM(targets, i));
    }
    return targets == NULL || result < 0 ? -1 : !result;
}

static int
has_effect(PyObject *node)
{
    static const char *const binders[] = {"Import", "ImportFrom", "Pass",   "Raise",
                                          "Assert", "TypeAlias",  "Global", NULL};
    static const char *const lists[] = {"body",     "orelse", "finalbody",
                                        "handlers", "cases",  NULL};
    int result = 0;
    if (rs_is_function_node(node) || rs_ast_is(node, "ClassDef")) {
        return 0;
    }
    if (rs_ast_is(node, "Assign") || rs_ast_is(node, "AnnAssign")) {
        return assigns_elsewhere(node);
    }
    if (rs_ast_is(node, "Expr")) {
        PyObject *value = rs_ast_get(node, "value");
        return value == NULL ? -1 : !rs_ast_is(value, "Constant");
    }
    for (int i = 0; binders[i] != NULL; i++) {
        if (rs_ast_is(node, binders[i])) {
            return 0;
        }
    }
    if (!rs_ast_is(node, "If") && !rs_ast_is(node, "Try") &&
        !rs_ast_is(node, "TryStar") && !rs_ast_is(node, "Match") &&
        !rs_ast_is(node, "ExceptHandler") && !rs_ast_is(node, "match_case")) {
        return 1;
    }
    for (int i = 0; result == 0 && lists[i] != NULL; i++) {
        result = any_effect(node, lists[i]);
    }
    return result;
}

/* ---- assignments in blocks ---- */

typedef struct {
    rs_selecting *c;
    int failed;
} judge;

/* Names that a block gives data to: what it gives depends on how it runs, so nobody can
 * tell what the old one gave. */
static int
judge_node(PyObject *node, void *arg)
{
    rs_selecting *c = ((judge *)arg)->c;
    PyObject *name, *iter, *set;
    int result = 0;
    if (rs_is_function_node(node) || rs_ast_is(node, "ClassDef") ||
        rs_ast_is(node, "Lambda")) {
        return 1;
    }
    if (!rs_ast_is(node, "Assign") && !rs_ast_is(node, "AnnAssign")) {
        return 0;
    }
    set = PySet_New(NULL);
    if (set == NULL || rs_syntax_binds(node, set) < 0) {
        Py_XDECREF(set);
        return -1;
    }
    iter = PyObject_GetIter(set);
    while (result == 0 && iter != NULL && (name = PyIter_Next(iter)) != NULL) {
        int named, policy = rs_select_policy(c, name, &named);
        PyObject *live = c->live != NULL ? PyDict_GetItemWithError(c->live, name)
                                         : NULL;
        result = policy < 0 ? -1
                            : rs_select_set_verdict(c, name,
                                                    policy == 1 || live == NULL
                                                        ? RS_VERDICT_TAKE
                                                        : RS_VERDICT_KEEP);
        Py_DECREF(name);
    }
    Py_XDECREF(iter);
    Py_DECREF(set);
    return PyErr_Occurred() || result < 0 ? -1 : 1;
}

int
rs_select_run(rs_selecting *c, PyObject *old_node, PyObject *new_node)
{
    judge j = {c, 0};
    int effect = has_effect(new_node);
    if (effect < 0) {
        return -1;
    }
    if (effect) {
        return PyList_Append(c->effects, new_node);
    }
    c->sel->runs = 1;
    if (rs_ast_walk(new_node, judge_node, &j) < 0 ||
        rs_select_rebinds(c, new_node) < 0 ||
        (old_node != NULL && PyList_Append(c->old_body, old_node) < 0)) {
        return -1;
    }
    return PyList_Append(c->new_body, new_node);
}

/* ---- only functions changed ---- */

static int hoist_node(rs_selecting *c, PyObject *a, PyObject *b);

static int
hoist_lists(rs_selecting *c, PyObject *a, PyObject *b, const char *field)
{
    PyObject *x, *y;
    int result = 0;
    if (PyObject_HasAttrString(a, field) != 1) {
        return 0;
    }
    x = rs_ast_list(a, field);
    y = x != NULL ? rs_ast_list(b, field) : NULL;
    for (Py_ssize_t i = 0; y != NULL && result == 0 && i < PyList_GET_SIZE(x); i++) {
        result = hoist_node(c, PyList_GET_ITEM(x, i), PyList_GET_ITEM(y, i));
    }
    return y == NULL ? -1 : result;
}

/* The functions of two blocks that are the same but for them get their code; the block
 * does not run. */
static int
hoist_node(rs_selecting *c, PyObject *a, PyObject *b)
{
    static const char *const lists[] = {"body",     "orelse", "finalbody",
                                        "handlers", "cases",  NULL};
    int result = 0, same = rs_syntax_same(a, b);
    if (same < 0) {
        return -1;
    }
    if (rs_is_function_node(a)) {
        return rs_select_function(c, a, b, same, 1);
    }
    if (rs_ast_is(a, "ClassDef")) {
        return rs_select_class(c, a, b, same, 1);
    }
    for (int i = 0; result == 0 && lists[i] != NULL; i++) {
        result = hoist_lists(c, a, b, lists[i]);
    }
    return result;
}

/* ---- `if` whose test did not change ---- */

/* A copy of the If with other statements; appended to `to`, unless it is empty. */
static int
append_if(PyObject *to, PyObject *node, PyObject *body, PyObject *orelse)
{
    int result = -1;
    PyObject *test = rs_ast_get(node, "test"), *copy, *pass = NULL;
    if (test == NULL) {
        return -1;
    }
    if (PyList_GET_SIZE(body) == 0 && PyList_GET_SIZE(orelse) == 0) {
        return 0;
    }
    if (PyList_GET_SIZE(body) == 0) {
        pass = rs_ast_new("Pass", node, PyDict_New());
        if (pass == NULL || PyList_Append(body, pass) < 0) {
            Py_XDECREF(pass);
            return -1;
        }
        Py_DECREF(pass);
    }
    copy = rs_ast_new(
        "If", node,
        Py_BuildValue("{s:O,s:O,s:O}", "test", test, "body", body, "orelse", orelse));
    if (copy != NULL) {
        result = PyList_Append(to, copy);
        Py_DECREF(copy);
    }
    return result;
}

static int
descend(rs_selecting *c, PyObject *old_node, PyObject *new_node)
{
    static const char *const parts[] = {"body", "orelse"};
    int result = 0;
    PyObject *lists[6] = {NULL}; /* owned: old, new, effects of body and orelse */
    for (int i = 0; i < 6; i++) {
        lists[i] = PyList_New(0);
        result |= lists[i] == NULL ? -1 : 0;
    }
    for (int i = 0; result == 0 && i < 2; i++) {
        rs_selecting inner = *c;
        PyObject *olds = rs_ast_list(old_node, parts[i]);
        PyObject *news = olds != NULL ? rs_ast_list(new_node, parts[i]) : NULL;
        inner.nested = 1;
        inner.old_body = lists[3 * i];
        inner.new_body = lists[3 * i + 1];
        inner.effects = lists[3 * i + 2];
        result = news == NULL ? -1 : rs_select_statements(&inner, olds, news);
        c->annotated |= inner.annotated;
    }
    if (result == 0 && (append_if(c->old_body, old_node, lists[0], lists[3]) < 0 ||
                        append_if(c->new_body, new_node, lists[1], lists[4]) < 0 ||
                        append_if(c->effects, new_node, lists[2], lists[5]) < 0)) {
        result = -1;
    }
    for (int i = 0; i < 6; i++) {
        Py_XDECREF(lists[i]);
    }
    return result;
}

static int
same_test(PyObject *a, PyObject *b)
{
    PyObject *x, *y;
    if (!rs_ast_is(a, "If") || !rs_ast_is(b, "If")) {
        return 0;
    }
    x = rs_ast_get(a, "test");
    y = x != NULL ? rs_ast_get(b, "test") : NULL;
    return y == NULL ? -1 : rs_syntax_same(x, y);
}

/* ---- the main guard ---- */

static int
select_guarded(rs_selecting *c, PyObject *old_node, PyObject *new_node, int same)
{
    PyObject *label;
    int result, only;
    if (same) {
        return hoist_node(c, old_node, new_node);
    }
    only = old_node != NULL ? rs_syntax_same_but_functions(old_node, new_node) : 0;
    if (only != 0) {
        return only < 0 ? -1 : hoist_node(c, old_node, new_node);
    }
    label = PyUnicode_FromString("if __name__ == \"__main__\"");
    result = label == NULL
                 ? -1
                 : rs_select_pend(c, label, "statement", rs_ast_line(new_node), NULL,
                                  "the main guard never runs again");
    Py_XDECREF(label);
    return result;
}

/* Does the block bind a name whose value somebody wants evaluated again? 1, 0, -1. */
static int
binds_named(rs_selecting *c, PyObject *node)
{
    int result = 0;
    PyObject *name, *iter, *set = PySet_New(NULL);
    if (set == NULL || rs_syntax_binds(node, set) < 0) {
        Py_XDECREF(set);
        return -1;
    }
    iter = PyObject_GetIter(set);
    while (result == 0 && iter != NULL && (name = PyIter_Next(iter)) != NULL) {
        int named, policy = rs_select_policy(c, name, &named);
        result = policy < 0 ? -1 : named;
        Py_DECREF(name);
    }
    Py_XDECREF(iter);
    Py_DECREF(set);
    return PyErr_Occurred() ? -1 : result;
}

int
rs_select_block(rs_selecting *c, PyObject *old_node, PyObject *new_node, int same)
{
    int only, guard = rs_mainguard_is(new_node);
    if (guard != 0) {
        return guard < 0 ? -1 : select_guarded(c, old_node, new_node, same);
    }
    if (same) { /* E1: unless somebody names what it binds */
        int named = c->forced != NULL ? binds_named(c, new_node) : 0;
        return named < 0    ? -1
               : named == 0 ? hoist_node(c, old_node, new_node)
                            : rs_select_run(c, old_node, new_node);
    }
    if (old_node == NULL) {
        return rs_select_run(c, old_node, new_node);
    }
    only = rs_syntax_same_but_functions(old_node, new_node);
    if (only != 0) {
        return only < 0 ? -1 : hoist_node(c, old_node, new_node);
    }
    only = same_test(old_node, new_node);
    if (only != 0) {
        return only < 0 ? -1 : descend(c, old_node, new_node);
    }
    return rs_select_run(c, old_node, new_node);
}
