#include <string.h>

#include "same.h"
#include "selecting.h"

/* ---- records ---- */

PyObject *
rs_select_qualname(const rs_selecting *c, PyObject *name)
{
    return c->prefix != NULL ? PyUnicode_FromFormat("%U.%U", c->prefix, name)
                             : Py_NewRef(name);
}

int
rs_select_set_verdict(rs_selecting *c, PyObject *name, rs_verdict verdict)
{
    int result = -1;
    PyObject *qualname = rs_select_qualname(c, name);
    PyObject *number = PyLong_FromLong(verdict);
    if (qualname != NULL && number != NULL) {
        /* of several statements that bind it the ones that changed decide */
        result = verdict == RS_VERDICT_SAME
                     ? PyDict_Contains(c->sel->verdicts, qualname)
                     : 0;
        if (result == 0) {
            result = PyDict_SetItem(c->sel->verdicts, qualname, number);
        }
        result = result < 0 ? -1 : 0;
    }
    Py_XDECREF(qualname);
    Py_XDECREF(number);
    return result;
}

int
rs_select_pend(rs_selecting *c, PyObject *name, const char *kind, int line,
               PyObject *old_expression, const char *reason)
{
    int result = -1, known = 0;
    /* owned */
    PyObject *qualname = rs_select_qualname(c, name), *base = NULL, *entry = NULL;
    PyObject *entries, *before;

    if (qualname == NULL) {
        return -1;
    }
    entries = PyDict_GetItemWithError(c->s->st->pending, c->u->name);
    before = entries != NULL ? PyDict_GetItemWithError(entries, qualname) : NULL;
    if (before != NULL) { /* what lives is of an older source yet */
        known = PyTuple_GET_ITEM(before, 3) == Py_True;
        base = Py_NewRef(PyTuple_GET_ITEM(before, 4));
    } else if (old_expression != NULL) {
        known = rs_syntax_literal(old_expression, &base);
    }
    if (known >= 0 && !PyErr_Occurred()) {
        entry = Py_BuildValue("(sisOO)", kind, line, reason, known ? Py_True : Py_False,
                              base != NULL ? base : Py_None);
    }
    if (entry != NULL) {
        result = PyDict_SetItem(c->sel->pending, qualname, entry);
    }
    Py_DECREF(qualname);
    Py_XDECREF(base);
    Py_XDECREF(entry);
    return result;
}

int
rs_select_moved(rs_selection *sel, int first, int last, int delta)
{
    rs_select_move *moves = rs_room(sel->moves, sel->n_moves, &sel->moves_room,
                                    sizeof(rs_select_move));
    if (moves == NULL) {
        return -1;
    }
    sel->moves = moves;
    moves[sel->n_moves++] = (rs_select_move){first, last, delta};
    return 0;
}

int
rs_select_shift(rs_selection *sel, PyObject *old_node, PyObject *new_node)
{
    int delta, result = rs_syntax_shift(old_node, new_node, &delta);
    if (result == 1 && delta != 0 && rs_select_makes_classes(new_node) != 0) {
        result = PyErr_Occurred() ? -1 : 0; /* their lines are constants */
    }
    if (result == 1 && rs_select_moved(sel, rs_ast_line(old_node),
                                       rs_ast_last_line(old_node), delta) < 0) {
        result = -1;
    }
    return result;
}

static int
add_all(PyObject *to, PyObject *from, PyObject *live)
{
    int result = 0;
    PyObject *name, *iter = PyObject_GetIter(from);
    while (result == 0 && iter != NULL && (name = PyIter_Next(iter)) != NULL) {
        if (live == NULL || PyDict_GetItemWithError(live, name) != NULL) {
            result = PySet_Add(to, name);
        }
        Py_DECREF(name);
    }
    Py_XDECREF(iter);
    return PyErr_Occurred() ? -1 : result;
}

int
rs_select_rebinds(rs_selecting *c, PyObject *node)
{
    PyObject *set = PySet_New(NULL);
    int result = set != NULL && rs_syntax_binds(node, set) == 0
                     ? add_all(c->rebound, set, c->live)
                     : -1;
    Py_XDECREF(set);
    return result;
}

PyObject *
rs_select_unreached(PyObject *statement)
{
    PyObject *load = rs_ast_new("Load", NULL, PyDict_New()), *test;
    if (load == NULL) {
        return NULL;
    }
    test = rs_ast_new(
        "Name", statement,
        Py_BuildValue("{s:s,s:N}", "id", "__resoul_never__", "ctx", load));
    if (test == NULL) {
        return NULL;
    }
    return rs_ast_new(
        "If", statement,
        Py_BuildValue("{s:N,s:[O],s:[]}", "test", test, "body", statement, "orelse"));
}

/* ---- questions ---- */

int
rs_select_lazy_annotations(const rs_selecting *c)
{
    return RS_LAZY_ANNOTATIONS || (c->sel->flags & CO_FUTURE_ANNOTATIONS) != 0;
}

int
rs_select_reads(rs_selecting *c, PyObject *node, PyObject *names)
{
    int result;
    PyObject *set, *common;
    if (PySet_GET_SIZE(names) == 0) {
        return 0;
    }
    set = PySet_New(NULL);
    if (set == NULL || rs_syntax_reads(node, !rs_select_lazy_annotations(c), set) < 0) {
        Py_XDECREF(set);
        return -1;
    }
    common = PyNumber_And(set, names);
    result = common != NULL ? PySet_GET_SIZE(common) > 0 : -1;
    Py_DECREF(set);
    Py_XDECREF(common);
    return result;
}

int
rs_select_bound_elsewhere(rs_selecting *c, PyObject *name, PyObject *but)
{
    int result = 0;
    PyObject *list;
    if (c->siblings == NULL) {
        list = PyList_New(0);
        result = list != NULL ? rs_cut_find_binders(c->cut, name, but, list) : -1;
        result = result < 0 ? -1 : PyList_GET_SIZE(list) > 0;
        Py_XDECREF(list);
        return result;
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(c->siblings); i++) {
        PyObject *node = PyList_GET_ITEM(c->siblings, i);
        PyObject *set = node != but ? PySet_New(NULL) : NULL;
        if (node == but) {
            continue;
        }
        result = set != NULL && rs_syntax_binds(node, set) == 0
                     ? PySet_Contains(set, name)
                     : -1;
        Py_XDECREF(set);
    }
    return result;
}

#if RS_CLASS_LINES
static int
find_class(PyObject *node, void *arg)
{
    (void)arg;
    return rs_ast_is(node, "ClassDef") ? 2 : 0;
}

static int
find_maker(PyObject *node, void *arg)
{
    int found = 0;
    PyObject *body;
    if (!rs_is_function_node(node)) {
        return 0;
    }
    body = rs_ast_list(node, "body");
    for (Py_ssize_t i = 0; body != NULL && found == 0 && i < PyList_GET_SIZE(body);
         i++) {
        found = rs_ast_walk(PyList_GET_ITEM(body, i), find_class, arg);
    }
    return body == NULL ? -1 : found != 0 ? found : 1;
}

int
rs_select_makes_classes(PyObject *node)
{
    int found = rs_ast_walk(node, find_maker, NULL);
    return found < 0 ? -1 : found > 0;
}
#else
int
rs_select_makes_classes(PyObject *node)
{
    (void)node;
    return 0;
}
#endif

/* ---- names that go ---- */

int
rs_select_goes(rs_selecting *c, PyObject *name, int line)
{
    int result = rs_select_bound_elsewhere(c, name, NULL);
    PyObject *qualname, *number;
    if (result != 0) {
        return result < 0 ? -1 : 0;
    }
    qualname = rs_select_qualname(c, name);
    number = PyLong_FromLong(line);
    result = qualname != NULL && number != NULL
                 ? PyDict_SetItem(c->sel->gone, qualname, number)
                 : -1;
    Py_XDECREF(qualname);
    Py_XDECREF(number);
    return result;
}

static int
annotates(PyObject *node, void *arg)
{
    (void)arg;
    if (rs_is_function_node(node) || rs_ast_is(node, "ClassDef") ||
        rs_ast_is(node, "Lambda")) {
        return 1;
    }
    return rs_ast_is(node, "AnnAssign") ? 2 : 0;
}

/* Nothing in the place is annotated any more: what there was goes. */
int
rs_select_annotations_go(rs_selecting *c, PyObject *statements)
{
    static const char *const names[] = {"__annotations__", "__annotate__",
                                        "__annotate_func__", "__annotations_cache__",
                                        NULL};
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(statements); i++) {
        int found = rs_ast_walk(PyList_GET_ITEM(statements, i), annotates, NULL);
        if (found != 0) {
            return found < 0 ? -1 : 0;
        }
    }
    for (int i = 0; names[i] != NULL; i++) {
        PyObject *name = PyUnicode_FromString(names[i]);
        int result = name != NULL ? rs_select_goes(c, name, 0) : -1;
        Py_XDECREF(name);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

/* Names that the old statement bound and the new one does not. */
static int
find_gone(rs_selecting *c, const rs_statement_pair *pair)
{
    int result = -1;
    PyObject *name, *iter = NULL;
    /* owned */
    PyObject *olds = PySet_New(NULL), *news = PySet_New(NULL), *gone = NULL;

    if (pair->old_node == NULL || pair->same) {
        result = 0;
        goto done;
    }
    if (rs_ast_is(pair->old_node, "AnnAssign") &&
        !rs_ast_is(pair->new_node, "AnnAssign")) {
        c->annotated = 1;
    }
    if (olds == NULL || news == NULL || rs_syntax_binds(pair->old_node, olds) < 0 ||
        (pair->new_node != NULL && rs_syntax_binds(pair->new_node, news) < 0)) {
        goto done;
    }
    gone = PyNumber_Subtract(olds, news);
    iter = gone != NULL ? PyObject_GetIter(gone) : NULL;
    result = iter == NULL ? -1 : 0;
    while (result == 0 && (name = PyIter_Next(iter)) != NULL) {
        result = rs_select_goes(c, name, rs_ast_line(pair->old_node));
        Py_DECREF(name);
    }
    if (PyErr_Occurred()) {
        result = -1;
    }
done:
    Py_XDECREF(iter);
    Py_XDECREF(olds);
    Py_XDECREF(news);
    Py_XDECREF(gone);
    return result;
}

/* A statement that is gone leaves what it did, and its code for the match. */
static int
remove_statement(rs_selecting *c, PyObject *node)
{
    if (rs_is_function_node(node) || rs_ast_is(node, "ClassDef")) {
        return PyList_Append(c->old_body, node);
    }
    return 0;
}

/* ---- a statement ---- */

static int
is_import(PyObject *node)
{
    return rs_ast_is(node, "Import") || rs_ast_is(node, "ImportFrom") ||
           rs_ast_is(node, "TypeAlias");
}

static int
binds_only_names(PyObject *node)
{
    PyObject *targets;
    if (rs_ast_is(node, "AnnAssign")) {
        PyObject *target = rs_ast_get(node, "target");
        return target == NULL ? -1 : rs_ast_is(target, "Name");
    }
    targets = rs_ast_list(node, "targets");
    for (Py_ssize_t i = 0; targets != NULL && i < PyList_GET_SIZE(targets); i++) {
        PyObject *target = PyList_GET_ITEM(targets, i);
        if (rs_ast_is(target, "Attribute") || rs_ast_is(target, "Subscript")) {
            return 0;
        }
    }
    return targets == NULL ? -1 : 1;
}

static int
is_nothing(PyObject *node)
{
    PyObject *value = rs_ast_is(node, "Expr") ? rs_ast_get(node, "value") : NULL;
    return rs_ast_is(node, "Pass") || rs_ast_is(value, "Constant");
}

static int
select_other(rs_selecting *c, const rs_statement_pair *pair)
{
    PyObject *node = pair->new_node;
    int names;
    if (is_nothing(node)) {
        return 0;
    }
    if (rs_is_block_node(node)) {
        return rs_select_block(c, pair->old_node, node, pair->same);
    }
    if (rs_ast_is(node, "Assign") || rs_ast_is(node, "AnnAssign")) {
        names = binds_only_names(node);
        if (names != 0) {
            return names < 0 ? -1 : rs_select_data(c, pair->old_node, node, pair->same);
        }
    }
    if (pair->same) {
        return 0;
    }
    if (is_import(node)) {
        c->sel->runs = 1;
        return rs_select_run(c, pair->old_node, node);
    }
    return PyList_Append(c->effects, node);
}

static int
is_definition(PyObject *node)
{
    return rs_is_function_node(node) || rs_ast_is(node, "ClassDef");
}

/* What did not change and does not run only moves. */
static int
select_plain(rs_selecting *c, const rs_statement_pair *pair)
{
    Py_ssize_t before = PyList_GET_SIZE(c->new_body) + PyList_GET_SIZE(c->effects);
    int result = select_other(c, pair);
    if (result < 0 || !pair->same ||
        PyList_GET_SIZE(c->new_body) + PyList_GET_SIZE(c->effects) != before) {
        return result;
    }
    if (c->prefix != NULL && rs_select_warn_of(c, pair->new_node) < 0) {
        return -1;
    }
    return rs_select_shift(c->sel, pair->old_node, pair->new_node) < 0 ? -1 : 0;
}

/* Definitions after the rest: which names take another value is known by then. */
int
rs_select_statements(rs_selecting *c, PyObject *olds, PyObject *news)
{
    rs_pairing pairing = {NULL, 0};
    int result = rs_pairing_make(&pairing, olds, news);
    for (Py_ssize_t i = 0; result == 0 && i < pairing.count; i++) {
        const rs_statement_pair *pair = &pairing.at[i];
        result = find_gone(c, pair);
        if (result == 0 && pair->new_node == NULL) {
            result = remove_statement(c, pair->old_node);
        } else if (result == 0 && !is_definition(pair->new_node)) {
            result = select_plain(c, pair);
        }
    }
    for (Py_ssize_t i = 0; result == 0 && i < pairing.count; i++) {
        const rs_statement_pair *pair = &pairing.at[i];
        PyObject *node = pair->new_node;
        if (node == NULL || !is_definition(node)) {
            continue;
        }
        result = rs_is_function_node(node)
                     ? rs_select_function(c, pair->old_node, node, pair->same, 0)
                     : rs_select_class(c, pair->old_node, node, pair->same, 0);
    }
    rs_pairing_clear(&pairing);
    return result;
}
