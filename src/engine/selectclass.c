#include "selecting.h"

#include "lookup.h"
#include "same.h"
#include "selectwarn.h"

/* ---- names in classes that run as a whole ---- */

static int
give_names(rs_selecting *c, PyObject *node, rs_verdict verdict)
{
    int result = 0;
    PyObject *name, *iter, *set = PySet_New(NULL);
    if (set == NULL || rs_syntax_binds(node, set) < 0) {
        Py_XDECREF(set);
        return -1;
    }
    iter = PyObject_GetIter(set);
    while (result == 0 && iter != NULL && (name = PyIter_Next(iter)) != NULL) {
        result = rs_select_set_verdict(c, name, verdict);
        Py_DECREF(name);
    }
    Py_XDECREF(iter);
    Py_DECREF(set);
    return PyErr_Occurred() ? -1 : result;
}

/* What becomes of the data: as if the statements had been picked one by one. */
static int
judge_body(rs_selecting *inner, const rs_pairing *pairing)
{
    PyObject *nothing = PyList_New(0);
    rs_selecting c = *inner;
    int result = nothing == NULL ? -1 : 0;
    c.old_body = c.new_body = nothing;
    for (Py_ssize_t i = 0; result == 0 && i < pairing->count; i++) {
        const rs_statement_pair *pair = &pairing->at[i];
        PyObject *node = pair->new_node;
        if (node == NULL || rs_ast_is(node, "ClassDef")) {
            continue;
        }
        if (rs_is_function_node(node)) {
            result = pair->same ? 0 : rs_warn_init(&c, pair->old_node, node);
        } else if (rs_ast_is(node, "Assign") || rs_ast_is(node, "AnnAssign")) {
            result = rs_select_data(&c, pair->old_node, node, pair->same);
        } else if (pair->same) {
            result = give_names(&c, node, RS_VERDICT_SAME);
        }
    }
    Py_XDECREF(nothing);
    return result;
}

static int
run_whole(rs_selecting *c, PyObject *old_node, PyObject *new_node, rs_selecting *inner,
          const rs_pairing *pairing)
{
    c->sel->runs = 1;
    if (old_node != NULL && PyList_Append(c->old_body, old_node) < 0) {
        return -1;
    }
    if (pairing != NULL && judge_body(inner, pairing) < 0) {
        return -1;
    }
    return PyList_Append(c->new_body, new_node);
}

/* ---- in parts ---- */

static int
collect_static(PyObject *node, void *arg)
{
    PyObject *value, *id, *context, *attribute;
    if (rs_ast_is(node, "ClassDef")) {
        return 1; /* has its own */
    }
    if (!rs_ast_is(node, "Attribute")) {
        return 0;
    }
    value = rs_ast_get(node, "value");
    context = rs_ast_get(node, "ctx");
    attribute = rs_ast_get(node, "attr");
    if (value == NULL || context == NULL || attribute == NULL) {
        return -1;
    }
    id = rs_ast_is(value, "Name") && rs_ast_is(context, "Store")
             ? rs_ast_get(value, "id")
             : NULL;
    return id != NULL && rs_text_equals(id, "self") && PySet_Add(arg, attribute) < 0
               ? -1
               : 0;
}

static PyObject *
static_attributes(PyObject *body)
{
    PyObject *set = PySet_New(NULL);
    for (Py_ssize_t i = 0; set != NULL && i < PyList_GET_SIZE(body); i++) {
        if (rs_ast_walk(PyList_GET_ITEM(body, i), collect_static, set) < 0) {
            Py_CLEAR(set);
        }
    }
    return set;
}

static rs_select_shell *
new_shell(rs_selection *sel)
{
    rs_select_shell *shells = rs_room(sel->shells, sel->n_shells, &sel->shells_room,
                                      sizeof(rs_select_shell));
    if (shells == NULL) {
        return NULL;
    }
    sel->shells = shells;
    shells[sel->n_shells] = (rs_select_shell){0};
    return &shells[sel->n_shells++];
}

/* `node` with another body; its decorators, bases and keywords have no say. */
static int
hollow_out(PyObject *node, PyObject *body, int shell)
{
    int result = PyObject_SetAttrString(node, "body", body);
    static const char *const parts[] = {"decorator_list", "bases", "keywords", NULL};
    if (shell && result == 0) { /* a class begins where its first decorator stands */
        PyObject *line = PyLong_FromLong(rs_ast_line(node));
        result = line != NULL ? PyObject_SetAttrString(node, "lineno", line) : -1;
        Py_XDECREF(line);
    }
    for (int i = 0; shell && result == 0 && parts[i] != NULL; i++) {
        PyObject *empty = PyList_New(0);
        result = empty != NULL ? PyObject_SetAttrString(node, parts[i], empty) : -1;
        Py_XDECREF(empty);
    }
    return result;
}

static int
add_pass(PyObject *body, PyObject *at)
{
    int result;
    PyObject *pass;
    if (PyList_GET_SIZE(body) > 0) {
        return 0;
    }
    pass = rs_ast_new("Pass", at, PyDict_New());
    result = pass != NULL ? PyList_Append(body, pass) : -1;
    Py_XDECREF(pass);
    return result;
}

/* Annotations are one function of the whole class from 3.14 on, and one dict before: all
 * of them are made again, without the values. */
static int
add_annotations(PyObject *body, PyObject *statements)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(statements); i++) {
        PyObject *node = PyList_GET_ITEM(statements, i);
        int there;
        if (!rs_ast_is(node, "AnnAssign")) {
            continue;
        }
        there = PySequence_Contains(body, node);
        if (there == 0) {
            there = PyObject_SetAttrString(node, "value", Py_None) < 0 ||
                            PyList_Append(body, node) < 0
                        ? -1
                        : 0;
        }
        if (there < 0) {
            return -1;
        }
    }
    return 0;
}

static int
select_doc(rs_selecting *inner, PyObject *old_body, PyObject *new_body)
{
    PyObject *a = PyList_GET_SIZE(old_body) > 0 ? PyList_GET_ITEM(old_body, 0) : NULL;
    PyObject *b = PyList_GET_SIZE(new_body) > 0 ? PyList_GET_ITEM(new_body, 0) : NULL;
    int same;
    a = a != NULL && rs_select_is_docstring(a) ? a : NULL;
    b = b != NULL && rs_select_is_docstring(b) ? b : NULL;
    same = rs_syntax_same(a, b);
    if (same != 0 || b == NULL) {
        if (same == 0 &&
            rs_select_goes(inner, inner->s->st->names.__doc__, rs_ast_line(a)) < 0) {
            return -1;
        }
        return same < 0 ? -1 : 0;
    }
    return PyList_Append(inner->new_body, b);
}

static int
run_parts(rs_selecting *c, rs_selecting *inner, PyObject *old_node, PyObject *new_node)
{
    PyObject *olds = rs_ast_list(old_node, "body");
    PyObject *news = olds != NULL ? rs_ast_list(new_node, "body") : NULL;
    PyObject *attributes = news != NULL ? static_attributes(news) : NULL;
    Py_ssize_t gone = PyDict_GET_SIZE(c->sel->gone);
    rs_select_shell *shell;
    int result;
    if (attributes == NULL) {
        return -1;
    }
    if (select_doc(inner, olds, news) < 0 ||
        rs_select_statements(inner, olds, news) < 0 ||
        (inner->annotated && (add_annotations(inner->new_body, news) < 0 ||
                              rs_select_annotations_go(inner, news) < 0))) {
        Py_DECREF(attributes);
        return -1;
    }
    if (PyList_GET_SIZE(inner->new_body) == 0 &&
        PyList_GET_SIZE(inner->old_body) == 0 &&
        PyDict_GET_SIZE(c->sel->gone) == gone) {
        Py_DECREF(attributes);
        return 0;
    }
    shell = new_shell(c->sel);
    if (shell == NULL) {
        Py_DECREF(attributes);
        return -1;
    }
    shell->qualname = Py_NewRef(inner->prefix);
    shell->live = Py_NewRef(inner->type);
    shell->static_attributes = attributes;
    shell->line = rs_ast_line(new_node);
    result = add_pass(inner->new_body, new_node) < 0 ||
                     add_pass(inner->old_body, old_node) < 0 ||
                     hollow_out(new_node, inner->new_body, 1) < 0 ||
                     hollow_out(old_node, inner->old_body, 0) < 0 ||
                     PyList_Append(c->old_body, old_node) < 0
                 ? -1
                 : 0;
    return result < 0 ? -1 : PyList_Append(c->new_body, new_node);
}

/* Is there a shell of that name already (a class that is defined twice)? */
static int
has_shell(const rs_selection *sel, PyObject *qualname)
{
    for (Py_ssize_t i = 0; i < sel->n_shells; i++) {
        if (rs_same_text(sel->shells[i].qualname, qualname)) {
            return 1;
        }
    }
    return 0;
}

/* Nothing of the class runs: its first line, which it knows, moves. */
static int
move_header(rs_selecting *c, PyObject *old_node, PyObject *new_node)
{
    int first = rs_ast_line(old_node);
    return rs_select_moved(c->sel, first, first, rs_ast_line(new_node) - first);
}

/* Does the live class say which of its data is evaluated again? */
static int
speaks(const rs_selecting *c, PyObject *qualname)
{
    const rs_names *n = &c->s->st->names;
    const PyTypeObject *live = rs_live_class(c->s, c->u, qualname);
    return live != NULL && (rs_class_get(live, n->_reload_data) != NULL ||
                            rs_class_get(live, n->_reload_all_data) != NULL);
}

int
rs_select_class(rs_selecting *c, PyObject *old_node, PyObject *new_node, int same,
                int hoist)
{
    int whole, looks, result = -1;
    rs_pairing pairing = {NULL, 0};
    rs_selecting inner = *c;
    PyObject *name = rs_ast_get(new_node, "name"), *olds, *news;
    /* owned */
    PyTypeObject *live = NULL;
    PyObject *qualname = name != NULL ? rs_select_qualname(c, name) : NULL;
    PyObject *old_body = PyList_New(0), *new_body = PyList_New(0);
    PyObject *rebound = PySet_New(c->rebound);

    if (qualname == NULL || old_body == NULL || new_body == NULL || rebound == NULL) {
        goto done;
    }
    looks = same ? rs_select_reads(c, new_node, c->rebound) : 1;
    if (looks < 0) {
        goto done;
    }
    looks |= c->forced != NULL || c->sel->other_futures || speaks(c, qualname);
    if (same && !looks && !hoist) {
        int moves = rs_select_shift(c->sel, old_node, new_node);
        if (moves != 0) {
            result = moves < 0 ? -1 : 0;
            goto done;
        }
    }
    if (!same && c->prefix == NULL && PySet_Add(c->sel->changed, name) < 0) {
        goto done;
    }
    live = (PyTypeObject *)Py_XNewRef(rs_live_class(c->s, c->u, qualname));
    if (old_node == NULL || live == NULL) {
        result = hoist ? 0 : run_whole(c, old_node, new_node, NULL, NULL);
        goto done;
    }
    inner.prefix = qualname;
    inner.type = live;
    inner.live = rs_class_dict(live);
    inner.maker = NULL;
    inner.nested = 0;
    inner.annotated = 0;
    inner.old_body = old_body;
    inner.new_body = new_body;
    inner.rebound = rebound;
    olds = rs_ast_list(old_node, "body");
    news = olds != NULL ? rs_ast_list(new_node, "body") : NULL;
    inner.siblings = news;
    if (news == NULL || rs_select_maker(c, live, old_node, &inner.maker) < 0 ||
        rs_select_settings(&inner, news) < 0 ||
        rs_pairing_make(&pairing, olds, news) < 0) {
        goto done;
    }
    whole = hoist ? 0 : rs_select_whole(c, &inner, old_node, new_node, &pairing);
    if (whole == 0 && has_shell(c->sel, qualname)) {
        whole = 1;
    }
    if (whole != 0) {
        result = whole < 0 || rs_select_warn_untold(&inner, new_node) < 0
                     ? -1
                     : run_whole(c, old_node, new_node, &inner, &pairing);
    } else {
        result = run_parts(c, &inner, old_node, new_node);
        if (result == 0 && PyList_GET_SIZE(new_body) == 0) {
            result = move_header(c, old_node, new_node);
        }
    }
done:
    rs_pairing_clear(&pairing);
    Py_XDECREF(live);
    Py_XDECREF(qualname);
    Py_XDECREF(old_body);
    Py_XDECREF(new_body);
    Py_XDECREF(rebound);
    return result;
}
