#include "outside.h"
#include "selecting.h"

#include "foreign.h"
#include "lookup.h"
#include "same.h"

/* A metaclass of a package (SQLAlchemy's, Django's, pydantic's) made of the class body what
 * nobody else can make: tables, fields, validators. A second class for the donor would be
 * registered with it, and what it made can't be carried over. So nothing of such a class
 * runs that it would have to see: that is refused, and the rest runs in parts. */

int
rs_select_maker(const rs_selecting *c, PyTypeObject *type, PyObject *node,
                PyObject **maker)
{
    PyObject *mro = Py_TYPE(type)->tp_mro;
    PyObject *decorators = rs_ast_list(node, "decorator_list");
    *maker = NULL;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++) {
        int outside = rs_outside_is(c->s, PyTuple_GET_ITEM(mro, i));
        if (outside != 0) {
            *maker = outside > 0 ? PyTuple_GET_ITEM(mro, i) : NULL;
            return outside < 0 ? -1 : 0;
        }
    }
    for (Py_ssize_t i = 0; decorators != NULL && i < PyList_GET_SIZE(decorators); i++) {
        PyObject *decorator = PyList_GET_ITEM(decorators, i);
        int kind = rs_outside_decorator(c->s, c->u->live, decorator);
        if (kind == RS_DECORATOR_METHOD) {
            *maker = decorator;
            return 0;
        }
        if (kind < 0) {
            return -1;
        }
    }
    return decorators == NULL ? -1 : 0;
}

static PyObject *
name_of(const rs_selecting *inner)
{
    PyObject *maker = inner->maker, *module;
    if (!PyType_Check(maker)) {
        return PyUnicode_FromString("a decorator of another package");
    }
    module = rs_class_get(RS_TYPE(maker), inner->s->st->names.__module__);
    return PyUnicode_FromFormat("the metaclass %S.%s", module, RS_TYPE(maker)->tp_name);
}

/* RSL207. 0 or -1. */
static int
refuse(const rs_selecting *inner, PyObject *node, PyObject *name, const char *what)
{
    int result = -1;
    /* owned */
    PyObject *maker = name_of(inner);
    PyObject *qualname = name != NULL ? rs_select_qualname(inner, name)
                                      : Py_NewRef(inner->prefix);
    if (maker != NULL && qualname != NULL) {
        result = rs_refuse(
            inner->s, "RSL207", inner->u, qualname, rs_ast_line(node),
            "Undo this edit for now, and restart to have it.",
            "%s, and %U made of the class body what can't be made again while the "
            "class lives",
            what, maker);
    }
    Py_XDECREF(maker);
    Py_XDECREF(qualname);
    return result;
}

/* RSL617. 0 or -1. */
static int
warn(const rs_selecting *inner, PyObject *node, PyObject *name, const char *what)
{
    int result = -1;
    /* owned */
    PyObject *maker = name_of(inner);
    PyObject *qualname = rs_select_qualname(inner, name);
    if (maker != NULL && qualname != NULL) {
        result = rs_notice(inner->s, "RSL617", inner->u, qualname, rs_ast_line(node),
                           "%s, and %U is not told: if it looks at this name when it "
                           "makes a class, it goes by what it saw then",
                           what, maker);
    }
    Py_XDECREF(maker);
    Py_XDECREF(qualname);
    return result;
}

/* ---- functions ---- */

static int
has_other_decorators(PyObject *node)
{
    PyObject *decorators = rs_ast_list(node, "decorator_list");
    for (Py_ssize_t i = 0; decorators != NULL && i < PyList_GET_SIZE(decorators); i++) {
        if (!rs_select_plain_decorator(PyList_GET_ITEM(decorators, i))) {
            return 1;
        }
    }
    return decorators == NULL ? -1 : 0;
}

/* Has a base class of a package that name, for its metaclass to look for? 1, 0, -1. */
static int
overrides(const rs_selecting *inner, PyObject *name)
{
    PyObject *mro = inner->type->tp_mro;
    if (rs_is_dunder(name) && rs_class_get(&PyBaseObject_Type, name) != NULL) {
        return 0;
    }
    for (Py_ssize_t i = 1; i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *base = PyTuple_GET_ITEM(mro, i);
        if (rs_class_get(RS_TYPE(base), name) != NULL) {
            int outside = rs_outside_is(inner->s, base);
            if (outside != 0) {
                return outside;
            }
        }
    }
    return PyErr_Occurred() ? -1 : 0;
}

static int
check_function(const rs_selecting *inner, const rs_statement_pair *pair)
{
    PyObject *node = pair->new_node, *decorators;
    PyObject *name = rs_ast_get(node, "name");
    int alike = 0, special;
    if (name == NULL) {
        return -1;
    }
    special = has_other_decorators(node);
    if (pair->old_node != NULL) {
        alike = rs_pairing_same_decorators(pair->old_node, node);
        special |= has_other_decorators(pair->old_node);
    }
    if (alike < 0 || special < 0) {
        return -1;
    }
    if (alike) {
        decorators = rs_ast_get(node, "decorator_list");
        special = special && decorators != NULL
                      ? rs_select_reads((rs_selecting *)inner, decorators,
                                        inner->rebound)
                      : 0;
        return special <= 0 ? special
                            : refuse(inner, node, name,
                                     "its decorators read a name that changed");
    }
    if (special) {
        return refuse(inner, node, name, "its decorators are new");
    }
    if (pair->old_node != NULL) {
        return 0;
    }
    if (rs_select_is_weighty(name)) {
        return refuse(inner, node, name, "this special method is new");
    }
    special = overrides(inner, name);
    return special <= 0 ? special
                        : warn(inner, node, name,
                               "this method overrides one of its base class now");
}

/* ---- data ---- */

/* `x: ClassVar[...]`, in any spelling. */
static int
is_class_variable(PyObject *node)
{
    PyObject *annotation = rs_ast_get(node, "annotation"), *id = NULL;
    if (rs_ast_is(annotation, "Subscript")) {
        annotation = rs_ast_get(annotation, "value");
    }
    if (rs_ast_is(annotation, "Attribute")) {
        id = rs_ast_get(annotation, "attr");
    } else if (rs_ast_is(annotation, "Name")) {
        id = rs_ast_get(annotation, "id");
    }
    return id != NULL && rs_text_equals(id, "ClassVar");
}

/* The name that the statement gives a plain value, with that value (new reference):
 * 1, 0, -1. */
static int
plain_value(PyObject *node, PyObject **name, PyObject **value)
{
    PyObject *target = NULL, *targets, *expression;
    *value = NULL;
    if (rs_ast_is(node, "AnnAssign") && is_class_variable(node)) {
        target = rs_ast_get(node, "target");
    } else if (rs_ast_is(node, "Assign")) {
        targets = rs_ast_list(node, "targets");
        if (targets == NULL) {
            return -1;
        }
        target = PyList_GET_SIZE(targets) == 1 ? PyList_GET_ITEM(targets, 0) : NULL;
    }
    if (!rs_ast_is(target, "Name")) {
        return PyErr_Occurred() ? -1 : 0;
    }
    *name = rs_ast_get(target, "id");
    expression = *name != NULL ? rs_ast_get(node, "value") : NULL;
    if (expression == NULL || expression == Py_None || rs_is_dunder(*name)) {
        return PyErr_Occurred() ? -1 : 0;
    }
    return rs_syntax_literal(expression, value);
}

int
rs_select_is_plain_value(PyObject *node)
{
    PyObject *name, *value;
    int result = plain_value(node, &name, &value);
    Py_XDECREF(value);
    return result;
}

static int
check_data(const rs_selecting *inner, const rs_statement_pair *pair)
{
    static const char what[] = "this is new or has another value";
    PyObject *name = NULL, *old_name = NULL;
    /* owned */
    PyObject *value = NULL, *old_value = NULL;
    int result = plain_value(pair->new_node, &name, &value);
    if (result == 1 && pair->old_node != NULL) {
        result = plain_value(pair->old_node, &old_name, &old_value);
        if (result == 1 && rs_class_get(inner->type, old_name) == NULL) {
            result = 0; /* it did not come to the class as it was written */
        }
    }
    if (result == 0) {
        result = refuse(inner, pair->new_node, name, what);
    } else if (result == 1) {
        int container = PyList_Check(value) || PyDict_Check(value) ||
                        PyAnySet_Check(value);
        result = container || pair->old_node == NULL
                     ? warn(inner, pair->new_node, name, what)
                     : 0;
    }
    Py_XDECREF(value);
    Py_XDECREF(old_value);
    return result;
}

/* ---- the body ---- */

static int
check_inner_class(const rs_selecting *inner, const rs_statement_pair *pair)
{
    PyObject *name = rs_ast_get(pair->new_node, "name"), *qualname;
    int only = pair->old_node != NULL
                   ? rs_syntax_same_but_functions(pair->old_node, pair->new_node)
                   : 0;
    if (only < 0 || name == NULL) {
        return -1;
    }
    qualname = rs_select_qualname(inner, name);
    if (qualname == NULL) {
        return -1;
    }
    only = only && rs_live_class(inner->s, inner->u, qualname) != NULL;
    Py_DECREF(qualname);
    return only ? 0 : refuse(inner, pair->new_node, name, "this inner class changed");
}

static int
check_removed(const rs_selecting *inner, PyObject *node)
{
    PyObject *name = NULL;
    if (rs_is_function_node(node)) {
        return 0; /* it stays, and is told of */
    }
    if (rs_ast_is(node, "Assign") || rs_ast_is(node, "AnnAssign")) {
        PyObject *value;
        int plain = plain_value(node, &name, &value);
        Py_XDECREF(value);
        if (plain < 0 || (plain && rs_class_get(inner->type, name) != NULL)) {
            return plain < 0 ? -1 : 0;
        }
    } else if (rs_ast_is(node, "ClassDef")) {
        name = rs_ast_get(node, "name");
    } else if (rs_ast_is(node, "Pass") || rs_select_is_docstring(node)) {
        return 0;
    }
    return refuse(inner, node, name, "this is gone from the source");
}

/* An assignment that did not change, and that somebody wants to be run: take=. */
static int
check_wanted(const rs_selecting *inner, PyObject *node)
{
    int named = 0, plain = rs_select_is_plain_value(node), result = 0;
    PyObject *name, *iter, *set = PySet_New(NULL);
    if (plain != 0 || set == NULL || rs_syntax_binds(node, set) < 0) {
        Py_XDECREF(set);
        return plain > 0 ? 0 : -1;
    }
    iter = PyObject_GetIter(set);
    while (result == 0 && iter != NULL && (name = PyIter_Next(iter)) != NULL) {
        int policy = rs_select_policy((rs_selecting *)inner, name, &named);
        result = policy < 0 ? -1
                 : policy == 1 && named
                     ? refuse(inner, node, name,
                              "take= or _reload_data asks to run this again")
                     : 0;
        Py_DECREF(name);
    }
    Py_XDECREF(iter);
    Py_DECREF(set);
    return PyErr_Occurred() ? -1 : result;
}

static int
check_pair(const rs_selecting *inner, const rs_statement_pair *pair)
{
    PyObject *node = pair->new_node;
    if (node == NULL) {
        return check_removed(inner, pair->old_node);
    }
    if (rs_is_function_node(node)) {
        return check_function(inner, pair);
    }
    if (pair->same && (rs_ast_is(node, "Assign") || rs_ast_is(node, "AnnAssign"))) {
        return check_wanted(inner, node);
    }
    if (pair->same || rs_ast_is(node, "Pass") || rs_ast_is(node, "Import") ||
        rs_ast_is(node, "ImportFrom") || rs_select_is_docstring(node)) {
        return 0;
    }
    if (rs_ast_is(node, "ClassDef")) {
        return check_inner_class(inner, pair);
    }
    if (rs_ast_is(node, "Assign") || rs_ast_is(node, "AnnAssign")) {
        return check_data(inner, pair);
    }
    if (rs_is_block_node(node) && pair->old_node != NULL) {
        int only = rs_syntax_same_but_functions(pair->old_node, node);
        if (only != 0) {
            return only < 0 ? -1 : 0;
        }
    }
    return refuse(inner, node, NULL, "a statement of the class body changed");
}

int
rs_select_check_maker(const rs_selecting *inner, PyObject *new_node, int same_header,
                      const rs_pairing *pairing)
{
    if (!same_header) {
        return refuse(inner, new_node, NULL,
                      "bases, keywords or decorators are others");
    }
    for (Py_ssize_t i = 0; i < pairing->count; i++) {
        if (check_pair(inner, &pairing->at[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_select_warn_untold(const rs_selecting *inner, PyObject *node)
{
    PyObject *mro = inner->type->tp_mro;
    for (Py_ssize_t i = 1; inner->s->only_changed && i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *base = PyTuple_GET_ITEM(mro, i);
        int outside = 0;
        if (rs_class_get(RS_TYPE(base), inner->s->st->names.__init_subclass__) !=
            NULL) {
            outside = rs_outside_is(inner->s, base);
        }
        if (outside != 0) {
            return outside < 0
                       ? -1
                       : rs_notice(inner->s, "RSL617", inner->u, inner->prefix,
                                   rs_ast_line(node),
                                   "the class body changed, and __init_subclass__ of "
                                   "%s is not called again: it goes by what it saw",
                                   RS_TYPE(base)->tp_name);
        }
    }
    return PyErr_Occurred() ? -1 : 0;
}
