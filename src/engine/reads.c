#include "pairing.h"
#include "syntax.h"

/* ---- names ---- */

typedef struct {
    PyObject *set;
    int annotations;
} name_search;

static int read_node(PyObject *node, void *arg);

static int
read_value(PyObject *node, const char *name, name_search *search)
{
    PyObject *value = rs_ast_get(node, name);
    return value == NULL ? -1 : rs_ast_walk_value(value, read_node, search);
}

/* What a definition evaluates: decorators, default values, perhaps annotations. */
static int
read_function(PyObject *node, name_search *search)
{
    PyObject *args = rs_ast_get(node, "args");
    int lambda = rs_ast_is(node, "Lambda");
    if (args == NULL || read_value(args, "defaults", search) < 0 ||
        read_value(args, "kw_defaults", search) < 0) {
        return -1;
    }
    if (!lambda && read_value(node, "decorator_list", search) < 0) {
        return -1;
    }
    if (!lambda && search->annotations) {
        return rs_ast_walk_value(args, read_node, search) < 0 ||
                       read_value(node, "returns", search) < 0
                   ? -1
                   : 0;
    }
    return 0;
}

static int
read_node(PyObject *node, void *arg)
{
    name_search *search = arg;
    if (rs_ast_is(node, "Name")) {
        PyObject *id = rs_ast_get(node, "id");
        PyObject *context = rs_ast_get(node, "ctx");
        if (id == NULL || context == NULL) {
            return -1;
        }
        return rs_ast_is(context, "Load") && PySet_Add(search->set, id) < 0 ? -1 : 1;
    }
    if (rs_is_function_node(node) || rs_ast_is(node, "Lambda")) {
        return read_function(node, search) < 0 ? -1 : 1;
    }
    if (rs_ast_is(node, "AugAssign")) { /* its target is read, though it is a Store */
        PyObject *target = rs_ast_get(node, "target");
        PyObject *id = rs_ast_is(target, "Name") ? rs_ast_get(target, "id") : NULL;
        if (target == NULL || (id != NULL && PySet_Add(search->set, id) < 0)) {
            return -1;
        }
        return 0;
    }
    if (rs_ast_is(node, "AnnAssign") && !search->annotations) {
        PyObject *value = rs_ast_get(node, "value");
        PyObject *target = rs_ast_get(node, "target");
        if (value == NULL || target == NULL ||
            rs_ast_walk_value(target, read_node, search) < 0 ||
            rs_ast_walk_value(value, read_node, search) < 0) {
            return -1;
        }
        return 1;
    }
    return 0;
}

int
rs_syntax_reads(PyObject *node, int annotations, PyObject *set)
{
    name_search search = {set, annotations};
    return rs_ast_walk_value(node, read_node, &search);
}

static int
bind_name(PyObject *set, PyObject *node, const char *attribute)
{
    PyObject *name = rs_ast_get(node, attribute);
    if (name == NULL) {
        return -1;
    }
    return PyUnicode_Check(name) ? PySet_Add(set, name) : 0;
}

/* `import a.b` binds a, `import a.b as c` binds c. */
static int
bind_alias(PyObject *set, PyObject *alias)
{
    int result;
    Py_ssize_t dot;
    PyObject *first, *name, *as_name = rs_ast_get(alias, "asname");
    if (as_name == NULL || as_name != Py_None) {
        return as_name == NULL ? -1 : PySet_Add(set, as_name);
    }
    name = rs_ast_get(alias, "name");
    if (name == NULL) {
        return -1;
    }
    dot = PyUnicode_FindChar(name, '.', 0, PyUnicode_GET_LENGTH(name), 1);
    first = PyUnicode_Substring(name, 0, dot < 0 ? PyUnicode_GET_LENGTH(name) : dot);
    result = first != NULL ? PySet_Add(set, first) : -1;
    Py_XDECREF(first);
    return result;
}

static int
bind_node(PyObject *node, void *arg)
{
    PyObject *set = arg;
    if (rs_ast_is(node, "Name")) {
        PyObject *context = rs_ast_get(node, "ctx");
        if (context == NULL) {
            return -1;
        }
        return !rs_ast_is(context, "Load") && bind_name(set, node, "id") < 0 ? -1 : 1;
    }
    if (rs_is_function_node(node) || rs_ast_is(node, "ClassDef")) {
        return bind_name(set, node, "name") < 0 ? -1 : 1;
    }
    if (rs_ast_is(node, "Lambda")) {
        return 1;
    }
    if (rs_ast_is(node, "comprehension")) { /* its target is its own */
        PyObject *iter = rs_ast_get(node, "iter"), *ifs = rs_ast_get(node, "ifs");
        return iter == NULL || ifs == NULL ||
                       rs_ast_walk_value(iter, bind_node, set) < 0 ||
                       rs_ast_walk_value(ifs, bind_node, set) < 0
                   ? -1
                   : 1;
    }
    if (rs_ast_is(node, "alias")) {
        return bind_alias(set, node) < 0 ? -1 : 1;
    }
    if (rs_ast_is(node, "ExceptHandler") || rs_ast_is(node, "MatchAs") ||
        rs_ast_is(node, "MatchStar")) {
        return bind_name(set, node, "name");
    }
    return rs_ast_is(node, "MatchMapping") ? bind_name(set, node, "rest") : 0;
}

int
rs_syntax_binds(PyObject *node, PyObject *set)
{
    return rs_ast_walk_value(node, bind_node, set);
}
