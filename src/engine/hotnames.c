#include "hotfix.h"

#include "opcodes.h"
#include "same.h"
#include "syntax.h"

/* ---- where a NameError is expected ---- */

typedef struct {
    PyObject *ranges; /* list of (first line, last line) */
} guard_search;

/* 1, or 0: perhaps with an exception. */
static int
names_error(PyObject *node)
{
    static const char *const caught[] = {"NameError", "Exception", "BaseException",
                                         NULL};
    PyObject *id;
    if (node == Py_None) {
        return 1; /* except: */
    }
    if (rs_ast_is(node, "Tuple")) {
        PyObject *items = rs_ast_list(node, "elts");
        for (Py_ssize_t i = 0; items != NULL && i < PyList_GET_SIZE(items); i++) {
            if (names_error(PyList_GET_ITEM(items, i))) {
                return 1;
            }
        }
        return 0;
    }
    id = rs_ast_is(node, "Name") ? rs_ast_get(node, "id") : NULL;
    for (int i = 0; id != NULL && caught[i] != NULL; i++) {
        if (rs_text_equals(id, caught[i])) {
            return 1;
        }
    }
    return 0;
}

static int
find_guards(PyObject *node, void *arg)
{
    guard_search *search = arg;
    PyObject *handlers, *body;
    int guards = 0;
    if (!rs_ast_is(node, "Try")) {
        return 0;
    }
    handlers = rs_ast_list(node, "handlers");
    body = rs_ast_list(node, "body");
    if (handlers == NULL || body == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(handlers); i++) {
        PyObject *type = rs_ast_get(PyList_GET_ITEM(handlers, i), "type");
        guards |= type != NULL && names_error(type);
        if (PyErr_Occurred()) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; guards && i < PyList_GET_SIZE(body); i++) {
        PyObject *statement = PyList_GET_ITEM(body, i);
        PyObject *range = Py_BuildValue("(ii)", rs_ast_line(statement),
                                        rs_ast_last_line(statement));
        int failed = range == NULL || PyList_Append(search->ranges, range) < 0;
        Py_XDECREF(range);
        if (failed) {
            return -1;
        }
    }
    return 0;
}

static int
is_guarded(PyObject *ranges, int line)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(ranges); i++) {
        PyObject *range = PyList_GET_ITEM(ranges, i);
        if (line >= PyLong_AsLong(PyTuple_GET_ITEM(range, 0)) &&
            line <= PyLong_AsLong(PyTuple_GET_ITEM(range, 1))) {
            return 1;
        }
    }
    return 0;
}

/* ---- names that code reads and stores ---- */

typedef struct {
    rs_session *s;
    int load_global, store_global, delete_global, extended_arg;
    PyObject *ranges;   /* guards */
    PyObject *stored;   /* set of names that some code of the snippet stores globally */
    PyObject *told;     /* set of names that were refused */
    PyObject *function; /* whose code is looked at; borrowed */
} name_check;

typedef int (*use_of_name)(name_check *c, PyObject *code, int op, PyObject *name,
                           int line);

/* Annotations may name what is there for type checkers only (3.14 evaluates them when
 * somebody asks). */
static int
walk_code(name_check *c, PyObject *code, use_of_name use)
{
    PyObject *bytes, *constants;
    const unsigned char *text;
    int arg = 0, result = 0;
    if (rs_text_equals(RS_CODE(code)->co_name, "__annotate__")) {
        return 0;
    }
    bytes = PyCode_GetCode(RS_CODE(code));
    if (bytes == NULL) {
        return -1;
    }
    text = (const unsigned char *)PyBytes_AS_STRING(bytes);
    for (Py_ssize_t i = 0; result == 0 && i + 1 < PyBytes_GET_SIZE(bytes); i += 2) {
        int op = text[i];
        arg |= text[i + 1];
        if (op == c->load_global || op == c->store_global || op == c->delete_global) {
            int index = op == c->load_global ? arg >> 1 : arg;
            result = use(c, code, op, PyTuple_GET_ITEM(RS_CODE(code)->co_names, index),
                         PyCode_Addr2Line(RS_CODE(code), (int)i));
        }
        arg = op == c->extended_arg ? arg << 8 : 0;
    }
    Py_DECREF(bytes);
    constants = RS_CODE(code)->co_consts;
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(constants); i++) {
        if (PyCode_Check(PyTuple_GET_ITEM(constants, i))) {
            result = walk_code(c, PyTuple_GET_ITEM(constants, i), use);
        }
    }
    return result;
}

static int
note_store(name_check *c, PyObject *code, int op, PyObject *name, int line)
{
    (void)code;
    (void)line;
    return op == c->store_global ? PySet_Add(c->stored, name) : 0;
}

/* 1 if reading the name gives something once the hotfix lives, 0, -1. */
static int
is_bound(const name_check *c, PyObject *name)
{
    const struct rs_hot *hot = c->s->hot;
    PyObject *globals = RS_FUNCTION(c->function)->func_globals;
    PyObject *builtins = RS_FUNCTION(c->function)->func_builtins;
    int result = PyDict_Contains(globals, name);
    if (result == 0) {
        result = PyDict_Contains(builtins, name);
    }
    if (result == 0) {
        result = PySet_Contains(c->stored, name);
    }
    for (Py_ssize_t i = 0; result >= 0 && i < hot->n_writes; i++) {
        const rs_hot_write *w = &hot->writes[i];
        if (w->dict == globals && rs_same_text(w->key, name)) {
            result = w->now != NULL;
        }
    }
    return result;
}

static int
check_use(name_check *c, PyObject *code, int op, PyObject *name, int line)
{
    int bound, told;
    const rs_unit as_unit = {.name = c->s->hot->o.label,
                             .filename = c->s->hot->o.filename};
    if (op != c->load_global || is_guarded(c->ranges, line)) {
        return 0;
    }
    bound = is_bound(c, name);
    told = bound == 0 ? PySet_Contains(c->told, name) : 0;
    if (bound != 0 || told != 0) {
        return bound < 0 || told < 0 ? -1 : 0;
    }
    if (PySet_Add(c->told, name) < 0) {
        return -1;
    }
    return rs_refuse(c->s, "RSL741", &as_unit, RS_CODE(code)->co_qualname, line,
                     "Import or define it in the snippet, or say inside= which module "
                     "it is a name of.",
                     "the name '%U' is not bound: calling this would raise NameError",
                     name);
}

static int
check_functions(name_check *c)
{
    Py_ssize_t pos = 0;
    PyObject *op;
    while (rs_idmap_next(&c->s->young, &pos, &op, NULL)) {
        if (PyFunction_Check(op) && rs_hot_made(c->s, op)) {
            c->function = op;
            if (walk_code(c, RS_FUNCTION(op)->func_code, check_use) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

int
rs_hot_check_names(rs_session *s)
{
    name_check c = {.s = s};
    rs_opcode opcodes[] = {{"LOAD_GLOBAL", &c.load_global},
                           {"STORE_GLOBAL", &c.store_global},
                           {"DELETE_GLOBAL", &c.delete_global},
                           {"EXTENDED_ARG", &c.extended_arg}};
    guard_search search = {PyList_New(0)};
    int result = -1;
    c.ranges = search.ranges;
    c.stored = PySet_New(NULL);
    c.told = PySet_New(NULL);
    if (c.ranges != NULL && c.stored != NULL && c.told != NULL &&
        rs_opcodes_read(opcodes, Py_ARRAY_LENGTH(opcodes)) == 0 &&
        rs_ast_walk_value(s->hot->code.tree, find_guards, &search) == 0 &&
        walk_code(&c, s->hot->code.clean, note_store) == 0) {
        result = check_functions(&c);
    }
    Py_XDECREF(c.ranges);
    Py_XDECREF(c.stored);
    Py_XDECREF(c.told);
    return result;
}
