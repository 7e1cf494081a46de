#include "selectwarn.h"

#include "foreign.h"
#include "instances.h"
#include "lines.h"
#include "lookup.h"
#include "outside.h"
#include "same.h"

/* ---- kept values ---- */

/* The type of what an expression gives, as far as its syntax tells: borrowed or NULL, with
 * an exception or without. */
static PyTypeObject *
type_of(PyObject *expression)
{
    static const struct {
        const char *node;
        PyTypeObject *type;
    } displays[] = {
        {"Dict", &PyDict_Type},       {"DictComp", &PyDict_Type},
        {"List", &PyList_Type},       {"ListComp", &PyList_Type},
        {"Set", &PySet_Type},         {"SetComp", &PySet_Type},
        {"Tuple", &PyTuple_Type},     {"JoinedStr", &PyUnicode_Type},
        {"Lambda", &PyFunction_Type}, {"GeneratorExp", &PyGen_Type},
    };
    PyTypeObject *type = NULL;
    PyObject *value;
    for (size_t i = 0; i < Py_ARRAY_LENGTH(displays); i++) {
        if (rs_ast_is(expression, displays[i].node)) {
            return displays[i].type;
        }
    }
    if (rs_syntax_literal(expression, &value) == 1) {
        type = Py_TYPE(value); /* a static one: the value may go */
        Py_DECREF(value);
    }
    return type;
}

int
rs_warn_kept_type(rs_selecting *c, PyObject *name, PyObject *live,
                  PyObject *old_expression, PyObject *expression, int line)
{
    int result;
    PyObject *qualname;
    PyTypeObject *before, *after = expression != NULL ? type_of(expression) : NULL;
    if (after == NULL || live == NULL || after == Py_TYPE(live)) {
        return PyErr_Occurred() ? -1 : 0;
    }
    before = old_expression != NULL ? type_of(old_expression) : NULL;
    if (before == after || PyErr_Occurred()) {
        return PyErr_Occurred() ? -1 : 0;
    }
    qualname = rs_select_qualname(c, name);
    if (qualname == NULL) {
        return -1;
    }
    result = rs_notice(
        c->s, "RSL616", c->u, qualname, line,
        "the value that lives is kept: it is of type %.100s, and the new "
        "source gives one of type %.100s; take= takes that",
        Py_TYPE(live)->tp_name, after->tp_name);
    Py_DECREF(qualname);
    return result;
}

/* ---- what is around a function ---- */

/* Decorators that ask the function itself for its signature, whenever they need it. */
static int
have_memory(PyObject *decorators)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(decorators); i++) {
        if (!rs_select_plain_decorator(PyList_GET_ITEM(decorators, i))) {
            return 1;
        }
    }
    return 0;
}

int
rs_warn_decorated(rs_selecting *c, PyObject *qualname, PyObject *old_node,
                  PyObject *new_node)
{
    PyObject *decorators = rs_ast_list(new_node, "decorator_list");
    PyObject *x = rs_ast_get(old_node, "args"), *y = rs_ast_get(new_node, "args");
    int same;
    if (decorators == NULL || x == NULL || y == NULL) {
        return -1;
    }
    if (!c->s->only_changed || !have_memory(decorators)) {
        return 0;
    }
    same = rs_syntax_same(x, y);
    if (same == 1) {
        x = rs_ast_get(old_node, "returns");
        y = rs_ast_get(new_node, "returns");
        same = x == NULL || y == NULL ? -1 : rs_syntax_same(x, y);
    }
    if (same != 0) {
        return same < 0 ? -1 : 0;
    }
    return rs_notice(c->s, "RSL614", c->u, qualname, rs_ast_line(new_node),
                     "the signature or annotations changed, and the decorators, which "
                     "did not change, are not run again: what they remember of the "
                     "function is old");
}

/* Is the decorator one of those that `node` has? 1, 0, -1. */
static int
has_decorator(PyObject *node, PyObject *decorator)
{
    PyObject *decorators = rs_ast_list(node, "decorator_list");
    int result = decorators != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(decorators); i++) {
        result = rs_syntax_same(PyList_GET_ITEM(decorators, i), decorator);
    }
    return result;
}

int
rs_warn_redecorated(rs_selecting *c, PyObject *qualname, PyObject *live,
                    PyObject *old_node, PyObject *new_node)
{
    PyObject *decorators = rs_ast_list(old_node, "decorator_list");
    /* what is bound to the name is the function itself: they were called for what they do */
    int bare = live != NULL && rs_live_definition(c->u, qualname) == live;
    for (Py_ssize_t i = 0; decorators != NULL && i < PyList_GET_SIZE(decorators); i++) {
        PyObject *decorator = PyList_GET_ITEM(decorators, i);
        int kind, stays = has_decorator(new_node, decorator);
        if (stays < 0) {
            return -1;
        }
        if (stays || rs_select_plain_decorator(decorator)) {
            continue;
        }
        kind = rs_outside_decorator(c->s, c->u->live, decorator);
        if (kind < 0) {
            return -1;
        }
        if (bare || kind == RS_DECORATOR_METHOD) {
            return rs_notice(c->s, "RSL618", c->u, qualname, rs_ast_line(new_node),
                             "its decorators changed and run again; what the old ones "
                             "registered stays beside the new");
        }
    }
    return decorators == NULL ? -1 : 0;
}

static int
warn_covered(rs_session *s, const rs_unit *u, PyObject *qualname, int line, int updated)
{
    return rs_notice(s, "RSL615", u, qualname, line,
                     updated
                         ? "what the program put in the place of this function stays; "
                           "the function itself is updated"
                         : "what the program put in the place of this definition "
                           "stays; the new one is not used");
}

int
rs_warn_cover(rs_session *s, const rs_scope *scope, PyObject *qualname, PyObject *donor,
              int line)
{
    const rs_unit *u = scope->unit;
    PyObject *func = rs_find_definition(donor, u->scratch, qualname), *value = NULL,
             *old_code, *new_code;
    int relation = RS_CODE_DIFFERS;
    if (func != NULL) {
        value = rs_session_live(s, func);
    }
    old_code = value != func && PyFunction_Check(value)
                   ? RS_FUNCTION(value)->func_code
                   : rs_body_of(u->known_code, qualname);
    new_code = func != NULL ? RS_FUNCTION(func)->func_code
                            : rs_body_of(u->code, qualname);
    if (old_code != NULL && new_code != NULL) {
        relation = rs_same_code(old_code, new_code);
    }
    if (relation != RS_CODE_DIFFERS) {
        return relation < 0 ? -1 : 0;
    }
    return warn_covered(s, u, qualname, line, value != func);
}

/* Who made the object, as far as that can be told: a name of a module, or NULL. */
static PyObject *
maker_of(const rs_session *s, PyObject *op)
{
    PyObject *globals = PyFunction_Check(op) ? RS_FUNCTION(op)->func_globals : NULL;
    PyObject *name = globals != NULL
                         ? PyDict_GetItemWithError(globals, s->st->names.__name__)
                         : NULL;
    if (name != NULL && PyUnicode_Check(name)) {
        return name;
    }
    name = rs_home_of(s, op);
    return name != NULL ? name : rs_home_of(s, (PyObject *)Py_TYPE(op));
}

/* May one of the decorators have made `value`? They are told by what they are out of. 1, 0,
 * -1. */
static int
may_be_decorated(rs_selecting *c, PyObject *decorators, PyObject *value)
{
    int result = 0;
    PyObject *maker = maker_of(c->s, value), *name, *iter;
    PyObject *names = PySet_New(NULL);
    if (names == NULL || rs_syntax_reads(decorators, 0, names) < 0) {
        Py_XDECREF(names);
        return -1;
    }
    iter = PyObject_GetIter(names);
    while (result == 0 && iter != NULL && (name = PyIter_Next(iter)) != NULL) {
        PyObject *decorator = PyDict_GetItemWithError(c->u->live, name);
        PyObject *other = decorator != NULL ? maker_of(c->s, decorator) : NULL;
        result = maker == NULL || (other != NULL && rs_same_top_package(maker, other));
        Py_DECREF(name);
    }
    Py_XDECREF(iter);
    Py_DECREF(names);
    return PyErr_Occurred() ? -1 : result;
}

int
rs_warn_wrapped(rs_selecting *c, PyObject *qualname, PyObject *live, PyObject *new_node)
{
    PyObject *value = rs_live_definition(c->u, qualname);
    PyObject *decorators = rs_ast_list(new_node, "decorator_list");
    int made;
    if (decorators == NULL) {
        return -1;
    }
    if (!c->s->only_changed || value == NULL || value == live ||
        !rs_is_foreign(c->s, c->u, value)) {
        return 0;
    }
    made = may_be_decorated(c, decorators, value);
    if (made != 0) {
        return made < 0 ? -1 : 0;
    }
    return warn_covered(c->s, c->u, qualname, rs_ast_line(new_node), 1);
}

/* ---- instances ---- */

typedef struct {
    PyObject *self;  /* name of the first parameter */
    PyObject *names; /* dict: attribute -> line */
} stores;

static int
collect_store(PyObject *node, void *arg)
{
    stores *found = arg;
    PyObject *value, *context, *attribute, *id, *line;
    int result;
    if (rs_ast_is(node, "ClassDef") || rs_is_function_node(node) ||
        rs_ast_is(node, "Lambda")) {
        return 1;
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
    if (id == NULL || !rs_same_text(id, found->self)) {
        return PyErr_Occurred() ? -1 : 0;
    }
    line = PyLong_FromLong(rs_ast_line(node));
    result = line != NULL && PyDict_SetDefault(found->names, attribute, line) != NULL
                 ? 0
                 : -1;
    Py_XDECREF(line);
    return result;
}

static PyObject *
first_parameter(PyObject *node)
{
    static const char *const lists[] = {"posonlyargs", "args"};
    PyObject *args = rs_ast_get(node, "args");
    for (int i = 0; args != NULL && i < 2; i++) {
        PyObject *list = rs_ast_list(args, lists[i]);
        if (list == NULL) {
            return NULL;
        }
        if (PyList_GET_SIZE(list) > 0) {
            return rs_ast_get(PyList_GET_ITEM(list, 0), "arg");
        }
    }
    return NULL;
}

/* Attributes that the function assigns to its first parameter: dict attribute -> line.
 * Without a node: an empty one. New reference. */
static PyObject *
stores_of(PyObject *node)
{
    stores found = {NULL, PyDict_New()};
    PyObject *body = NULL;
    if (found.names == NULL || node == NULL) {
        return found.names;
    }
    found.self = first_parameter(node);
    body = found.self != NULL ? rs_ast_list(node, "body") : NULL;
    for (Py_ssize_t i = 0; body != NULL && i < PyList_GET_SIZE(body); i++) {
        if (rs_ast_walk(PyList_GET_ITEM(body, i), collect_store, &found) < 0) {
            break;
        }
    }
    if (PyErr_Occurred()) {
        Py_CLEAR(found.names);
    }
    return found.names;
}

/* Does the __init__ of a base mention the name? Then instances have it from there. */
static int
init_mentions(PyTypeObject *base, PyObject *init_name, PyObject *name)
{
    PyObject *init = rs_class_get(base, init_name), *names;
    if (init == NULL || !PyFunction_Check(init)) {
        return 0;
    }
    names = RS_CODE(RS_FUNCTION(init)->func_code)->co_names;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        if (rs_same_text(PyTuple_GET_ITEM(names, i), name)) {
            return 1;
        }
    }
    return 0;
}

/* Do all instances give something for the attribute: is it in the class, a base, or bound
 * by the new body? 1, 0, -1. */
static int
is_provided(rs_selecting *c, PyObject *init_name, PyObject *name)
{
    PyObject *mro = c->type->tp_mro;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++) {
        PyTypeObject *base = RS_TYPE(PyTuple_GET_ITEM(mro, i));
        PyObject *value = rs_class_get(base, name);
        if ((value != NULL && Py_TYPE(value) != &PyMemberDescr_Type) ||
            (i > 0 && init_mentions(base, init_name, name))) {
            return 1;
        }
    }
    return rs_select_bound_elsewhere(c, name, NULL);
}

/* Drops what instances have. 0 or -1. */
static int
keep_missing(rs_selecting *c, PyObject *init_name, PyObject *names, PyObject *olds)
{
    int result = 0;
    PyObject *all = PyDict_Keys(names);
    for (Py_ssize_t i = 0; result == 0 && all != NULL && i < PyList_GET_SIZE(all);
         i++) {
        PyObject *name = PyList_GET_ITEM(all, i);
        int there = PyDict_Contains(olds, name);
        there = there == 0 ? is_provided(c, init_name, name) : there;
        result = there <= 0 ? there : PyDict_DelItem(names, name);
    }
    Py_XDECREF(all);
    return all == NULL ? -1 : result;
}

static int
tell_missing(rs_selecting *c, PyObject *init_name, PyObject *names)
{
    int result = -1;
    Py_ssize_t pos = 0;
    PyObject *line;
    /* owned */
    PyObject *list = PyDict_Keys(names), *comma = PyUnicode_FromString(", ");
    PyObject *text = list != NULL && comma != NULL ? PyUnicode_Join(comma, list) : NULL;
    PyObject *qualname = rs_select_qualname(c, init_name);

    PyDict_Next(names, &pos, NULL, &line);
    if (text != NULL && qualname != NULL) {
        result = rs_notice(c->s, "RSL613", c->u, qualname, (int)PyLong_AsLong(line),
                           "it assigns attributes now that instances which live may "
                           "lack: %U; a default in the class would serve them, or "
                           "__migrate_instance__",
                           text);
    }
    Py_XDECREF(list);
    Py_XDECREF(comma);
    Py_XDECREF(text);
    Py_XDECREF(qualname);
    return result;
}

/* Can there be instances that nothing migrates? 1, 0, -1. */
static int
lack_what_is_new(rs_selecting *c)
{
    PyObject *hook = c->s->st->names.__migrate_instance__;
    int migrated = rs_select_bound_elsewhere(c, hook, NULL);
    for (Py_ssize_t i = 0; migrated == 0 && i < PyTuple_GET_SIZE(c->type->tp_mro);
         i++) {
        migrated = rs_class_get(RS_TYPE(PyTuple_GET_ITEM(c->type->tp_mro, i)), hook) !=
                   NULL;
    }
    return migrated != 0 ? -(migrated < 0)
                         : rs_instances_possible(c->s, c->u, c->type, 1);
}

int
rs_warn_init(rs_selecting *c, PyObject *old_node, PyObject *new_node)
{
    int result = -1;
    PyObject *name = rs_ast_get(new_node, "name");
    /* owned */
    PyObject *olds = NULL, *news = NULL;

    if (name == NULL || c->type == NULL || !rs_text_equals(name, "__init__")) {
        return name == NULL ? -1 : 0;
    }
    olds = stores_of(old_node);
    news = olds != NULL ? stores_of(new_node) : NULL;
    if (news == NULL || keep_missing(c, name, news, olds) < 0) {
        goto done;
    }
    result = PyDict_GET_SIZE(news) == 0 ? 0 : lack_what_is_new(c);
    if (result == 1) {
        result = tell_missing(c, name, news);
    }
done:
    Py_XDECREF(olds);
    Py_XDECREF(news);
    return result;
}

/* ---- what is gone ---- */

int
rs_warn_removed(rs_session *s, const rs_unit *u, PyObject *qualname, int line)
{
    PyObject *live = rs_live_definition(u, qualname);
    if (line == 0 && live != NULL && PyFunction_Check(live) &&
        rs_same_text(RS_CODE(RS_FUNCTION(live)->func_code)->co_filename, u->filename)) {
        line = RS_CODE(RS_FUNCTION(live)->func_code)->co_firstlineno;
    }
    return rs_notice(s, "RSL612", u, qualname, line,
                     "gone from the source%s, and still lives; %s removes it",
                     line != 0 ? ", where it was on this line" : "",
                     s->hot != NULL ? "del in the snippet" : "delete=");
}
