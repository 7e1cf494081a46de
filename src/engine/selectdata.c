#include "selecting.h"

#include "data.h"
#include "foreign.h"
#include "lookup.h"
#include "same.h"
#include "selectwarn.h"

/* ---- policy ---- */

static int
names_hold(PyObject *names, PyObject *name)
{
    if (PyAnySet_CheckExact(names)) {
        return PySet_Contains(names, name);
    }
    if (PyList_CheckExact(names) || PyTuple_CheckExact(names)) {
        PyObject **items = PySequence_Fast_ITEMS(names);
        for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(names); i++) {
            if (rs_same_text(items[i], name)) {
                return 1;
            }
        }
        return 0;
    }
    return rs_same_text(names, name);
}

/* A setting of the place (`_reload_data`), as the new source has it if it is a literal
 * there, else as it lives. Borrowed or NULL. */
static PyObject *
setting(const rs_selecting *c, PyObject *name)
{
    PyObject *value, *qualname = rs_select_qualname(c, name);
    if (qualname == NULL) {
        return NULL;
    }
    value = PyDict_GetItemWithError(c->sel->settings, qualname);
    if (value == NULL && !PyErr_Occurred() &&
        PyDict_Contains(c->sel->gone, qualname) == 0 && c->live != NULL) {
        value = PyDict_GetItemWithError(c->live, name);
    }
    Py_DECREF(qualname);
    return value;
}

static int
is_taken(const rs_selecting *c, PyObject *name)
{
    int result;
    PyObject *full, *qualname = rs_select_qualname(c, name);
    if (qualname == NULL || c->s->take == NULL) {
        Py_XDECREF(qualname);
        return qualname == NULL ? -1 : 0;
    }
    full = PyUnicode_FromFormat("%U.%U", c->u->name, qualname);
    result = full != NULL ? PySet_Contains(c->s->take, full) : -1;
    Py_DECREF(qualname);
    Py_XDECREF(full);
    return result;
}

int
rs_select_policy(rs_selecting *c, PyObject *name, int *named)
{
    const rs_names *n = &c->s->st->names;
    PyObject *all, *some;
    int taken = is_taken(c, name);
    *named = taken == 1;
    if (taken != 0) {
        return taken;
    }
    all = setting(c, n->_reload_all_data);
    some = all != NULL || !PyErr_Occurred() ? setting(c, n->_reload_data) : NULL;
    if (PyErr_Occurred()) {
        return -1;
    }
    if (all == Py_True) {
        *named = 1;
        return 1;
    }
    if (some != NULL) {
        *named = names_hold(some, name);
        return *named;
    }
    if (all != NULL) {
        return 0;
    }
    if (c->prefix == NULL && rs_same_text(name, n->__all__)) {
        return 1;
    }
    return c->u->policy == RS_POLICY_TAKE ? 1 : c->u->policy == RS_POLICY_KEEP ? 0 : 2;
}

/* ---- literals ---- */

/* The expression that a statement assigns: borrowed, or NULL without an exception. */
static PyObject *
value_of(PyObject *node)
{
    PyObject *value = node != NULL ? rs_ast_get(node, "value") : NULL;
    return value == Py_None ? NULL : value;
}

/* What the pending change of an earlier update left as the value that the source gave:
 * 1 and *value (new reference), 0, -1. */
static int
pending_base(const rs_selecting *c, PyObject *name, PyObject **value)
{
    int result = 0;
    PyObject *entries, *entry, *qualname = rs_select_qualname(c, name);
    if (qualname == NULL) {
        return -1;
    }
    entries = PyDict_GetItemWithError(c->s->st->pending, c->u->name);
    entry = entries != NULL ? PyDict_GetItemWithError(entries, qualname) : NULL;
    if (entry != NULL && PyTuple_GET_ITEM(entry, 3) == Py_True) {
        *value = Py_NewRef(PyTuple_GET_ITEM(entry, 4));
        result = 1;
    }
    Py_DECREF(qualname);
    return PyErr_Occurred() ? -1 : result;
}

static int
is_pending(const rs_selecting *c, PyObject *name)
{
    int result;
    PyObject *entries, *qualname = rs_select_qualname(c, name);
    if (qualname == NULL) {
        return -1;
    }
    entries = PyDict_GetItemWithError(c->s->st->pending, c->u->name);
    result = entries != NULL ? PyDict_Contains(entries, qualname) : 0;
    Py_DECREF(qualname);
    return PyErr_Occurred() ? -1 : result;
}

/* The value that the old source gave to one name: 1, 0: nobody can tell, -1. */
static int
old_literal(const rs_selecting *c, PyObject *name, PyObject *old_expression,
            PyObject **value)
{
    int result = pending_base(c, name, value);
    if (result == 0 && old_expression != NULL) {
        result = rs_syntax_literal(old_expression, value);
    }
    return result;
}

/* ---- one name ---- */

/* A name that stands for code is a binding, whatever the data policy says. */
static int
is_binding(const rs_selecting *c, PyObject *name, PyObject *live, PyObject *expression)
{
    int result;
    rs_scope scope = {c->u, c->live, NULL, c->type, NULL, c->prefix};
    PyObject *qualname;
    if (expression == NULL || rs_ast_is(expression, "Constant")) {
        return 0;
    }
    qualname = rs_select_qualname(c, name);
    if (qualname == NULL) {
        return -1;
    }
    result = rs_stands_for_code(c->s, &scope, qualname, live);
    Py_DECREF(qualname);
    return result;
}

/* Does the name mean what the old source defines under it: a class or a function that is
 * data from now on? */
static int
defines(const rs_selecting *c, PyObject *name, PyObject *live)
{
    PyObject *own, *qualname = rs_select_qualname(c, name);
    int result;
    if (qualname == NULL) {
        PyErr_Clear(); /* out of memory: the next allocation says so */
        return 0;
    }
    own = PyType_Check(live) ? (PyObject *)rs_live_class(c->s, c->u, qualname)
                             : rs_find_definition(live, c->u->live, qualname);
    result = PyType_Check(live) ? own == live : own != NULL;
    Py_DECREF(qualname);
    return result;
}

/* What becomes of a name that has the value `live`, as its statement changed: a verdict, or
 * -1. */
static int
decide_live(rs_selecting *c, PyObject *name, PyObject *live, PyObject *old_expression,
            PyObject *expression, int policy, int added)
{
    int verdict = RS_VERDICT_KEEP, known;
    PyObject *old_value = NULL, *new_value = NULL;
    known = rs_is_dunder(name) || defines(c, name, live)
                ? 1
                : is_binding(c, name, live, expression);
    if (known != 0) {
        return known < 0 ? -1 : RS_VERDICT_TAKE;
    }
    known = expression != NULL ? rs_syntax_literal(expression, &new_value) : 0;
    if (known < 0) {
        return -1;
    }
    if (known) { /* it says what lives, or what it said before a pending change */
        int back = pending_base(c, name, &old_value);
        int same_now = rs_same_literal(live, new_value) ||
                       (back == 1 && rs_same_literal(old_value, new_value));
        Py_CLEAR(old_value);
        Py_CLEAR(new_value);
        if (back < 0 || same_now) {
            return back < 0 ? -1 : RS_VERDICT_SAME;
        }
    }
    if (policy == 2 && !added) {
        known = old_literal(c, name, old_expression, &old_value);
        if (known < 0) {
            return -1;
        }
        if (known && rs_same_literal(live, old_value)) {
            verdict = RS_VERDICT_TAKE;
        }
        Py_XDECREF(old_value);
    }
    return verdict;
}

/* What becomes of one name: a verdict, or -1. `expression`s: what the statements assign to
 * it, or NULL where that can't be told. */
static int
decide(rs_selecting *c, PyObject *name, PyObject *old_expression, PyObject *expression,
       int added, int same)
{
    int named, policy = rs_select_policy(c, name, &named);
    int verdict;
    PyObject *live;
    if (policy < 0) {
        return -1;
    }
    live = c->live != NULL ? PyDict_GetItemWithError(c->live, name) : NULL;
    if (same) {
        int waits = policy == 1 && !named ? is_pending(c, name) : named;
        return waits < 0 ? -1 : waits ? RS_VERDICT_TAKE : RS_VERDICT_SAME;
    }
    if (live == NULL) {
        return PyErr_Occurred() ? -1 : RS_VERDICT_TAKE;
    }
    if (policy == 1) {
        return RS_VERDICT_TAKE;
    }
    Py_INCREF(live); /* literals are compiled: other threads may run */
    verdict = decide_live(c, name, live, old_expression, expression, policy, added);
    Py_DECREF(live);
    return verdict;
}

/* ---- a statement ---- */

typedef struct {
    rs_selecting *c;
    PyObject *old_node, *new_node;
    int same;
    int runs, keeps;
} assignment;

/* The item of a display that goes to target number `i` of `n`: borrowed or NULL. */
static PyObject *
item_for(PyObject *expression, Py_ssize_t i, Py_ssize_t n)
{
    PyObject *items;
    if (expression == NULL ||
        (!rs_ast_is(expression, "Tuple") && !rs_ast_is(expression, "List"))) {
        return NULL;
    }
    items = rs_ast_list(expression, "elts");
    if (items == NULL || PyList_GET_SIZE(items) != n) {
        PyErr_Clear();
        return NULL;
    }
    return PyList_GET_ITEM(items, i);
}

static const char *
reason_of(rs_selecting *c, PyObject *name)
{
    int named, policy = rs_select_policy(c, name, &named);
    return policy == 2 ? "the program changed it, or nobody can tell whether it did"
                       : "the policy is to keep what lives";
}

static int
assign_name(assignment *a, PyObject *name, PyObject *old_expression,
            PyObject *expression)
{
    rs_selecting *c = a->c;
    int verdict = decide(c, name, old_expression, expression, a->old_node == NULL,
                         a->same);
    if (verdict == RS_VERDICT_SAME && a->same) {
        int waits = is_pending(c, name);
        if (waits != 0) {
            return waits < 0 ? -1 : rs_select_set_verdict(c, name, RS_VERDICT_KEEP);
        }
    }
    if (verdict < 0 || rs_select_set_verdict(c, name, (rs_verdict)verdict) < 0) {
        return -1;
    }
    if (verdict == RS_VERDICT_TAKE) {
        a->runs = 1;
        if (c->live != NULL && PyDict_GetItemWithError(c->live, name) != NULL &&
            PySet_Add(c->rebound, name) < 0) {
            return -1;
        }
    }
    if (verdict == RS_VERDICT_KEEP) {
        int told;
        PyObject *live = Py_XNewRef(PyDict_GetItemWithError(c->live, name));
        a->keeps = 1;
        told = rs_warn_kept_type(c, name, live, old_expression, expression,
                                 rs_ast_line(a->new_node));
        Py_XDECREF(live);
        if (told < 0) {
            return -1;
        }
        return rs_select_pend(c, name, "data", rs_ast_line(a->new_node), old_expression,
                              reason_of(c, name));
    }
    return 0;
}

static int
assign_target(assignment *a, PyObject *target, PyObject *old_expression,
              PyObject *expression)
{
    if (rs_ast_is(target, "Name")) {
        PyObject *name = rs_ast_get(target, "id");
        return name == NULL ? -1 : assign_name(a, name, old_expression, expression);
    }
    if (rs_ast_is(target, "Starred")) {
        PyObject *inner = rs_ast_get(target, "value");
        return inner == NULL ? -1 : assign_target(a, inner, NULL, NULL);
    }
    if (rs_ast_is(target, "Tuple") || rs_ast_is(target, "List")) {
        PyObject *items = rs_ast_list(target, "elts");
        Py_ssize_t n = items != NULL ? PyList_GET_SIZE(items) : -1;
        for (Py_ssize_t i = 0; i < n; i++) {
            if (assign_target(a, PyList_GET_ITEM(items, i),
                              item_for(old_expression, i, n),
                              item_for(expression, i, n)) < 0) {
                return -1;
            }
        }
        return n < 0 ? -1 : 0;
    }
    return 0;
}

static int
assign_targets(assignment *a)
{
    PyObject *old_value = value_of(a->old_node), *new_value = value_of(a->new_node);
    PyObject *targets;
    if (PyErr_Occurred()) {
        return -1;
    }
    if (rs_ast_is(a->new_node, "AnnAssign")) {
        PyObject *target = rs_ast_get(a->new_node, "target");
        return target == NULL ? -1 : assign_target(a, target, old_value, new_value);
    }
    targets = rs_ast_list(a->new_node, "targets");
    for (Py_ssize_t i = 0; targets != NULL && i < PyList_GET_SIZE(targets); i++) {
        if (assign_target(a, PyList_GET_ITEM(targets, i), old_value, new_value) < 0) {
            return -1;
        }
    }
    return targets == NULL ? -1 : 0;
}

/* A setting counts from this update on. */
static int
note_setting(rs_selecting *c, PyObject *node)
{
    const rs_names *n = &c->s->st->names;
    PyObject *targets, *target, *id, *value = NULL, *expression, *qualname;
    int result = 0;
    targets = rs_ast_is(node, "Assign") ? rs_ast_list(node, "targets") : NULL;
    if (targets == NULL || PyList_GET_SIZE(targets) != 1) {
        return PyErr_Occurred() ? -1 : 0;
    }
    target = PyList_GET_ITEM(targets, 0);
    id = rs_ast_is(target, "Name") ? rs_ast_get(target, "id") : NULL;
    expression = value_of(node);
    if (id == NULL || expression == NULL ||
        (!rs_same_text(id, n->_reload_data) && !rs_same_text(id, n->_reload_all_data) &&
         !rs_same_text(id, n->_del_func))) {
        return PyErr_Occurred() ? -1 : 0;
    }
    result = rs_syntax_literal(expression, &value);
    if (result <= 0) {
        return result;
    }
    qualname = rs_select_qualname(c, id);
    result = qualname != NULL ? PyDict_SetItem(c->sel->settings, qualname, value) : -1;
    Py_XDECREF(qualname);
    Py_DECREF(value);
    return result;
}

int
rs_select_settings(rs_selecting *c, PyObject *statements)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(statements); i++) {
        if (note_setting(c, PyList_GET_ITEM(statements, i)) < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_select_data(rs_selecting *c, PyObject *old_node, PyObject *new_node, int same)
{
    assignment a = {c, old_node, new_node, same, 0, 0};
    if (rs_ast_is(new_node, "AnnAssign")) {
        c->annotated |= !same;
        if (value_of(new_node) == NULL) {
            return PyErr_Occurred() ? -1 : 0;
        }
    }
    if (assign_targets(&a) < 0) {
        return -1;
    }
    if (!a.runs) {
        return 0;
    }
    c->sel->runs = 1;
    if (old_node != NULL && PyList_Append(c->old_body, old_node) < 0) {
        return -1;
    }
    return PyList_Append(c->new_body, new_node);
}
