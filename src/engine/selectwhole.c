#include "selecting.h"

#include <string.h>

#include "outside.h"
#include "same.h"

/* ---- may only parts of it run? ---- */

static int
same_parts(PyObject *a, PyObject *b, const char *const *names)
{
    int result = 1;
    for (; result == 1 && *names != NULL; names++) {
        PyObject *x, *y;
        if (PyObject_HasAttrString(a, *names) != 1) {
            continue; /* type_params, before they existed */
        }
        x = rs_ast_get(a, *names);
        y = x != NULL ? rs_ast_get(b, *names) : NULL;
        result = y == NULL ? -1 : rs_syntax_same(x, y);
    }
    return result;
}

/* The class statement itself, without what stands in its body. 1, 0, -1. */
static int
same_statement(PyObject *a, PyObject *b)
{
    static const char *const parts[] = {"decorator_list", "bases", "keywords",
                                        "type_params", NULL};
    return same_parts(a, b, parts);
}

/* typing.NamedTuple made it out of a class that nobody keeps. */
static int
is_namedtuple(PyTypeObject *type)
{
    return PyType_IsSubtype(type, &PyTuple_Type) &&
           PyDict_GetItemString(rs_class_dict(type), "_field_defaults") != NULL;
}

/* A protocol knows the names of all its members. */
static int
is_protocol(PyTypeObject *type)
{
    return PyDict_GetItemString(rs_class_dict(type), "_is_protocol") == Py_True;
}

/* Is there somebody who is told when a class is made: a decorator, a metaclass, an
 * __init_subclass__? 2: only decorators of packages, which take the class as it is. */
static int
has_listeners(const rs_selecting *c, PyTypeObject *type, PyObject *node)
{
    PyObject *decorators = rs_ast_list(node, "decorator_list");
    int result = 0;
    if (decorators == NULL) {
        return -1;
    }
    if (Py_TYPE(type) != &PyType_Type || is_namedtuple(type)) {
        return 1;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(decorators); i++) {
        int kind = rs_outside_decorator(c->s, c->u->live,
                                        PyList_GET_ITEM(decorators, i));
        if (kind <= RS_DECORATOR_OWN) {
            return kind < 0 ? -1 : 1;
        }
        result = 2;
    }
    for (Py_ssize_t i = 1; i < PyTuple_GET_SIZE(type->tp_mro); i++) {
        PyTypeObject *base = RS_TYPE(PyTuple_GET_ITEM(type->tp_mro, i));
        if (base != &PyBaseObject_Type &&
            rs_class_get(base, c->s->st->names.__init_subclass__) != NULL) {
            return 1;
        }
    }
    return result;
}

/* abc.ABCMeta looks at functions only for abstract methods, which are planned anyway. */
static int
is_plain_metaclass(PyTypeObject *type)
{
    return Py_TYPE(type) == &PyType_Type ||
           strcmp(Py_TYPE(type)->tp_name, "ABCMeta") == 0;
}

/* Names whose coming or going changes more than themselves. */
int
rs_select_is_weighty(PyObject *name)
{
    static const char *const names[] = {"__slots__",      "__eq__",
                                        "__hash__",       "__new__",
                                        "__prepare__",    "__init_subclass__",
                                        "__set_name__",   "__class_getitem__",
                                        "__init__",       "__post_init__",
                                        "__match_args__", NULL};
    for (int i = 0; names[i] != NULL; i++) {
        if (rs_text_equals(name, names[i])) {
            return 1;
        }
    }
    return 0;
}

int
rs_select_is_docstring(PyObject *node)
{
    PyObject *value = rs_ast_is(node, "Expr") ? rs_ast_get(node, "value") : NULL;
    return rs_ast_is(value, "Constant");
}

/* A decorator that only wraps: the class needn't hear of it. */
int
rs_select_plain_decorator(PyObject *decorator)
{
    static const char *const names[] = {"staticmethod",   "classmethod",     "property",
                                        "abstractmethod", "cached_property", NULL};
    PyObject *id = NULL;
    if (rs_ast_is(decorator, "Name")) {
        id = rs_ast_get(decorator, "id");
    } else if (rs_ast_is(decorator, "Attribute")) {
        id = rs_ast_get(decorator, "attr");
        if (rs_text_equals(id, "setter") || rs_text_equals(id, "getter") ||
            rs_text_equals(id, "deleter")) {
            return 1;
        }
    }
    for (int i = 0; id != NULL && names[i] != NULL; i++) {
        if (rs_text_equals(id, names[i])) {
            return 1;
        }
    }
    return 0;
}

/* A function came, went, or has other decorators: does whoever made the class have to see
 * it? 1, 0, -1. */
static int
wants_listeners(const rs_selecting *c, const rs_statement_pair *pair, int listeners)
{
    PyObject *node = pair->new_node != NULL ? pair->new_node : pair->old_node;
    PyObject *name = rs_ast_get(node, "name");
    PyObject *decorators = name != NULL ? rs_ast_list(node, "decorator_list") : NULL;
    int special;
    if (decorators == NULL) {
        return -1;
    }
    special = rs_is_dunder(name);
    if ((pair->old_node == NULL || pair->new_node == NULL) && is_protocol(c->type)) {
        return 1;
    }
    if (pair->old_node != NULL && pair->new_node != NULL) {
        int alike = rs_pairing_same_decorators(pair->old_node, pair->new_node);
        if (alike != 0) {
            return alike < 0 ? -1 : 0;
        }
    } else if (rs_select_is_weighty(name)) {
        return 1;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(decorators); i++) {
        special |= !rs_select_plain_decorator(PyList_GET_ITEM(decorators, i));
    }
    return special && listeners &&
           (!is_plain_metaclass(c->type) || pair->old_node == NULL ||
            rs_class_get(c->type, c->s->st->names.__dataclass_fields__) != NULL);
}

static int
binds_weighty(PyObject *node)
{
    int result = 0;
    PyObject *name, *iter, *set = PySet_New(NULL);
    if (set == NULL || rs_syntax_binds(node, set) < 0) {
        Py_XDECREF(set);
        return -1;
    }
    iter = PyObject_GetIter(set);
    while (iter != NULL && (name = PyIter_Next(iter)) != NULL) {
        result |= rs_select_is_weighty(name);
        Py_DECREF(name);
    }
    Py_XDECREF(iter);
    Py_DECREF(set);
    return PyErr_Occurred() ? -1 : result;
}

/* Does a change in the class body ask for the whole class? 1, 0, -1. */
static int
asks_for_whole(rs_selecting *c, const rs_statement_pair *pair, int listeners)
{
    PyObject *node = pair->new_node != NULL ? pair->new_node : pair->old_node;
    PyObject *targets;
    int named = 0;
    if (pair->same) {
        return 0;
    }
    if (rs_is_function_node(node)) {
        return wants_listeners(c, pair, listeners);
    }
    if (rs_ast_is(node, "Pass") || rs_select_is_docstring(node)) {
        return 0;
    }
    if (rs_ast_is(node, "ClassDef")) {
        return listeners && (pair->old_node == NULL || pair->new_node == NULL);
    }
    if (rs_is_block_node(node) && pair->old_node != NULL && pair->new_node != NULL) {
        int only = rs_syntax_same_but_functions(pair->old_node, pair->new_node);
        return only < 0 ? -1 : !only;
    }
    if (listeners || (!rs_ast_is(node, "Assign") && !rs_ast_is(node, "AnnAssign") &&
                      !rs_ast_is(node, "Import") && !rs_ast_is(node, "ImportFrom"))) {
        return 1;
    }
    targets = rs_ast_is(node, "Assign") ? rs_ast_list(node, "targets") : NULL;
    for (Py_ssize_t i = 0; targets != NULL && i < PyList_GET_SIZE(targets); i++) {
        named |= !rs_ast_is(PyList_GET_ITEM(targets, i), "Name");
    }
    return PyErr_Occurred() ? -1 : named ? 1 : binds_weighty(node);
}

/* Definitions in the body that would be bound more than once, and of which one runs: what
 * they build up (`@x.setter`) is built as a whole. */
static int
is_chained(const rs_pairing *pairing, const rs_statement_pair *pair)
{
    PyObject *name;
    PyObject *node = pair->new_node != NULL ? pair->new_node : pair->old_node;
    if (!rs_is_function_node(node) || pair->same ||
        (pair->old_node != NULL && pair->new_node != NULL &&
         rs_pairing_same_decorators(pair->old_node, pair->new_node) == 1)) {
        return 0;
    }
    name = rs_ast_get(node, "name");
    for (Py_ssize_t i = 0; i < pairing->count; i++) {
        PyObject *other = pairing->at[i].new_node;
        if (other != NULL && other != node && rs_is_function_node(other) &&
            rs_same_text(rs_ast_get(other, "name"), name)) {
            return 1;
        }
    }
    return 0;
}

/* Do the assignments stand in another order, which gives fields and members theirs? */
static int
has_other_order(const rs_pairing *pairing)
{
    int last = 0;
    for (Py_ssize_t i = 0; i < pairing->count; i++) {
        const rs_statement_pair *pair = &pairing->at[i];
        int line;
        if (pair->old_node == NULL || pair->new_node == NULL ||
            (!rs_ast_is(pair->new_node, "Assign") &&
             !rs_ast_is(pair->new_node, "AnnAssign"))) {
            continue;
        }
        line = rs_ast_line(pair->old_node);
        if (line < last) {
            return 1;
        }
        last = line;
    }
    return 0;
}

int
rs_select_whole(rs_selecting *c, const rs_selecting *inner, PyObject *old_node,
                PyObject *new_node, const rs_pairing *pairing)
{
    static const char *const parts[] = {"decorator_list", "bases", "keywords", NULL};
    int listeners, same, whole = 0;
    same = same_statement(old_node, new_node);
    if (same < 0) {
        return -1;
    }
    if (!same && inner->maker == NULL) {
        return 1;
    }
    for (int i = 0; whole == 0 && parts[i] != NULL; i++) {
        PyObject *part = rs_ast_get(new_node, parts[i]);
        whole = part != NULL ? rs_select_reads(c, part, c->rebound) : -1;
    }
    if (inner->maker != NULL) {
        return whole < 0
                   ? -1
                   : rs_select_check_maker(inner, new_node, same && !whole, pairing);
    }
    listeners = has_listeners(c, inner->type, new_node);
    if (listeners < 0) {
        return -1;
    }
    if (whole == 0 && listeners) {
        whole = has_other_order(pairing);
    }
    for (Py_ssize_t i = 0; whole == 0 && i < pairing->count; i++) {
        rs_selecting scope = *inner;
        PyObject *node = pairing->at[i].new_node;
        int plain = listeners == 2 && node != NULL ? rs_select_is_plain_value(node) : 0;
        whole = plain < 0
                    ? -1
                    : asks_for_whole(&scope, &pairing->at[i], listeners != 0 && !plain);
        if (whole == 0) {
            whole = is_chained(pairing, &pairing->at[i]);
        }
    }
    return whole;
}
