#include "hotfix.h"

#include "same.h"
#include "syntax.h"
#include "wrappers.h"

/* What a method that is defined outside of its class can't have meant. */
typedef struct {
    int super;   /* super() or __class__: the cell that only a class body gives */
    int private; /* a name that the class's name is put before */
} class_use;

static int
is_private(PyObject *name)
{
    Py_ssize_t n = name != NULL && PyUnicode_Check(name) ? PyUnicode_GET_LENGTH(name)
                                                         : 0;
    return n > 2 && PyUnicode_READ_CHAR(name, 0) == '_' &&
           PyUnicode_READ_CHAR(name, 1) == '_' &&
           !(PyUnicode_READ_CHAR(name, n - 1) == '_' &&
             PyUnicode_READ_CHAR(name, n - 2) == '_');
}

static int
look_at_node(PyObject *node, void *arg)
{
    class_use *use = arg;
    if (rs_ast_is(node, "ClassDef")) {
        return 1; /* what is in there has a class */
    }
    if (rs_ast_is(node, "Name")) {
        PyObject *id = rs_ast_get(node, "id");
        use->super |= rs_text_equals(id, "__class__");
        use->private |= is_private(id);
    } else if (rs_ast_is(node, "Attribute")) {
        use->private |= is_private(rs_ast_get(node, "attr"));
    } else if (rs_ast_is(node, "arg") || rs_ast_is(node, "keyword")) {
        use->private |= is_private(rs_ast_get(node, "arg"));
    } else if (rs_ast_is(node, "Call")) {
        PyObject *func = rs_ast_get(node, "func");
        PyObject *args = func != NULL ? rs_ast_list(node, "args") : NULL;
        use->super |= args != NULL && PyList_GET_SIZE(args) == 0 &&
                      rs_ast_is(func, "Name") &&
                      rs_text_equals(rs_ast_get(func, "id"), "super");
    }
    return PyErr_Occurred() ? -1 : 0;
}

/* ---- the statement ---- */

typedef struct {
    PyObject *code;
    PyObject *list; /* borrowed: the statements among which it stands */
    Py_ssize_t index;
} def_search;

/* 1, 0, -1. */
static int
is_def_of(PyObject *node, PyObject *code)
{
    PyObject *name;
    if (!rs_ast_is(node, "FunctionDef") && !rs_ast_is(node, "AsyncFunctionDef")) {
        return 0;
    }
    name = rs_ast_get(node, "name");
    return name == NULL ? -1
                        : rs_same_text(name, RS_CODE(code)->co_name) &&
                              rs_ast_line(node) == RS_CODE(code)->co_firstlineno;
}

/* Statements at module level, and in compound statements there. */
static int
find_def(def_search *search, PyObject *list)
{
    static const char *const fields[] = {"body", "orelse", "finalbody", NULL};
    for (Py_ssize_t i = 0; search->list == NULL && i < PyList_GET_SIZE(list); i++) {
        PyObject *node = PyList_GET_ITEM(list, i);
        int found = is_def_of(node, search->code);
        if (found != 0) {
            search->list = found > 0 ? list : NULL;
            search->index = i;
            return found < 0 ? -1 : 0;
        }
        if (!rs_ast_is(node, "If") && !rs_ast_is(node, "Try") &&
            !rs_ast_is(node, "With") && !rs_ast_is(node, "For") &&
            !rs_ast_is(node, "While")) {
            continue;
        }
        for (int k = 0; fields[k] != NULL; k++) {
            PyObject *inner = PyObject_HasAttrString(node, fields[k])
                                  ? rs_ast_get(node, fields[k])
                                  : NULL;
            if (inner != NULL && PyList_Check(inner) && find_def(search, inner) < 0) {
                return -1;
            }
        }
    }
    return PyErr_Occurred() ? -1 : 0;
}

/* ---- code in the context of the class ---- */

/* The code called `name` that begins on `line`, in a class body called `class_name`. Borrowed,
 * or NULL without an exception. */
static PyObject *
find_code(PyObject *code, PyObject *class_name, PyObject *name, int line, int in_class)
{
    PyObject *constants = RS_CODE(code)->co_consts;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); i++) {
        PyObject *child = PyTuple_GET_ITEM(constants, i), *found;
        if (!PyCode_Check(child)) {
            continue;
        }
        if (in_class && rs_same_text(RS_CODE(child)->co_name, name) &&
            RS_CODE(child)->co_firstlineno == line) {
            return child;
        }
        found = find_code(child, class_name, name, line,
                          in_class ||
                              rs_same_text(RS_CODE(child)->co_name, class_name));
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

/* class NAME: node */
static PyObject *
as_class(PyObject *name, PyObject *node)
{
    PyObject *result;
    PyObject *decorators = PyList_New(0);
    if (decorators == NULL ||
        PyObject_SetAttrString(node, "decorator_list", decorators) < 0) {
        Py_XDECREF(decorators);
        return NULL;
    }
    Py_DECREF(decorators);
    result = rs_ast_new("ClassDef", node,
                        Py_BuildValue("{s:O,s:[],s:[],s:[O],s:[],s:[]}", "name", name,
                                      "bases", "keywords", "body", node,
                                      "decorator_list", "type_params"));
    return result;
}

/* The function's code, compiled as a method of the class: new reference. */
static PyObject *
compile_in_class(rs_session *s, PyTypeObject *type, PyObject *code)
{
    struct rs_hot *hot = s->hot;
    PyObject *name = RS_HEAPTYPE(type)->ht_name, *node, *cls = NULL, *whole = NULL;
    PyObject *found = NULL;
    PyObject *statements = rs_ast_parse(hot->o.text, 1, hot->o.filename);
    def_search search = {code, NULL, 0};
    if (statements == NULL || find_def(&search, statements) < 0 ||
        search.list == NULL) {
        goto done;
    }
    node = PyList_GET_ITEM(search.list, search.index);
    cls = as_class(name, node);
    if (cls == NULL) {
        goto done;
    }
    PyList_SetItem(search.list, search.index, Py_NewRef(cls)); /* steals */
    whole = rs_instrument_compile(s, statements, hot->o.filename,
                                  hot->o.inside != Py_None);
    if (whole != NULL) {
        /* without decorators the code begins on the line of its `def` */
        found = Py_XNewRef(
            find_code(whole, name, RS_CODE(code)->co_name, rs_ast_line(node), 0));
    }
done:
    Py_XDECREF(statements);
    Py_XDECREF(cls);
    Py_XDECREF(whole);
    return found;
}

static PyObject *
free_name(PyObject *code, Py_ssize_t i)
{
    const PyCodeObject *c = RS_CODE(code);
    return PyTuple_GET_ITEM(c->co_localsplusnames,
                            c->co_nlocalsplus - c->co_nfreevars + i);
}

/* A closure for `code`: cells of the function, and one for its class. New reference; NULL
 * and no exception: it needs none. */
static PyObject *
closure_for(PyObject *func, PyObject *code, PyTypeObject *type)
{
    Py_ssize_t n = RS_CODE(code)->co_nfreevars;
    PyObject *old = RS_FUNCTION(func)->func_closure;
    PyObject *closure = n != 0 ? PyTuple_New(n) : NULL;
    for (Py_ssize_t i = 0; closure != NULL && i < n; i++) {
        PyObject *name = free_name(code, i), *cell = NULL;
        if (rs_text_equals(name, "__class__")) {
            cell = PyCell_New((PyObject *)type);
        }
        for (Py_ssize_t k = 0; cell == NULL && old != NULL && k < PyTuple_GET_SIZE(old);
             k++) {
            if (rs_same_text(free_name(RS_FUNCTION(func)->func_code, k), name)) {
                cell = Py_NewRef(PyTuple_GET_ITEM(old, k));
            }
        }
        if (cell == NULL) {
            if (!PyErr_Occurred()) {
                PyErr_Format(PyExc_SystemError, "no cell for '%U'", name);
            }
            Py_CLEAR(closure);
            break;
        }
        PyTuple_SET_ITEM(closure, i, cell);
    }
    return closure;
}

/* Steals `code`. 0 or -1. */
static int
give_code(rs_session *s, PyObject *func, PyObject *code, PyTypeObject *type)
{
    PyObject *closure = closure_for(func, code, type);
    PyObject *old_code = RS_FUNCTION(func)->func_code;
    PyObject *old_closure = RS_FUNCTION(func)->func_closure;
    if (closure == NULL && PyErr_Occurred()) {
        Py_DECREF(code);
        return -1;
    }
    if (rs_idmap_set(&s->hot->code.own, code, code) < 0) {
        Py_XDECREF(closure);
        Py_DECREF(code);
        return -1;
    }
    RS_FUNCTION(func)->func_code = code;
    RS_FUNCTION(func)->func_closure = closure;
    rs_fn_clear_version(func);
    Py_DECREF(old_code);
    Py_XDECREF(old_closure);
    return 0;
}

/* ---- one method ---- */

typedef struct {
    rs_session *s;
    const rs_hot_write *w;
    int depth;
} placing;

static int
refuse(placing *p, PyObject *func, const char *found)
{
    const rs_unit *u = &p->s->units[p->w->unit];
    return rs_refuse(
        p->s, "RSL742", u, p->w->qualname,
        RS_CODE(RS_FUNCTION(func)->func_code)->co_firstlineno,
        "Define the method at the top of the snippet, or write super() with "
        "its arguments and private names with the name of the class.",
        "%s in it can't mean class %s", found, p->w->type->tp_name);
}

/* super() in a function that was made in another class means that one. 0 or -1. */
static int
turn_class_cell(placing *p, PyObject *func, PyObject *cell)
{
    PyTypeObject *type = p->w->type;
    PyObject *cls = PyCell_GET(cell);
    PyObject *closure;
    if (cls == (PyObject *)type || cls == NULL || !PyType_Check(cls) ||
        PyType_IsSubtype(type, RS_TYPE(cls))) {
        return 0;
    }
    if (!rs_same_text(RS_HEAPTYPE(cls)->ht_name, RS_HEAPTYPE(type)->ht_name)) {
        PyObject *names = RS_CODE(RS_FUNCTION(func)->func_code)->co_names;
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
            PyObject *name = PyTuple_GET_ITEM(names, i);
            Py_ssize_t n = PyUnicode_GET_LENGTH(RS_HEAPTYPE(cls)->ht_name);
            if (PyUnicode_GET_LENGTH(name) > n + 3 &&
                PyUnicode_READ_CHAR(name, 0) == '_' &&
                PyUnicode_Tailmatch(name, RS_HEAPTYPE(cls)->ht_name, 1, n + 1, -1) ==
                    1 &&
                PyUnicode_READ_CHAR(name, n + 1) == '_' &&
                PyUnicode_READ_CHAR(name, n + 2) == '_') {
                return refuse(p, func, "a private name");
            }
        }
    }
    closure = closure_for(func, RS_FUNCTION(func)->func_code, type);
    if (closure == NULL) {
        return -1;
    }
    Py_SETREF(RS_FUNCTION(func)->func_closure, closure);
    return 0;
}

typedef struct {
    PyObject *code;
    class_use use;
} use_search;

/* The definition or lambda that the code was made by; several lambdas on one line count
 * together. */
static int
look_for_use(PyObject *node, void *arg)
{
    use_search *search = arg;
    int lambda = rs_ast_is(node, "Lambda") &&
                 rs_text_equals(RS_CODE(search->code)->co_name, "<lambda>") &&
                 rs_ast_line(node) == RS_CODE(search->code)->co_firstlineno;
    int found = lambda ? 1 : is_def_of(node, search->code);
    return found <= 0 ? found : rs_ast_walk(node, look_at_node, &search->use);
}

/* What is made in a function, or is a lambda, can't be put into a class. */
static int
check_nested(placing *p, PyObject *func)
{
    use_search search = {RS_FUNCTION(func)->func_code, {0, 0}};
    if (rs_ast_walk_value(p->s->hot->code.tree, look_for_use, &search) < 0) {
        return -1;
    }
    if (search.use.super || search.use.private) {
        return refuse(p, func, search.use.super ? "super()" : "a private name");
    }
    return 0;
}

static int
place_function(placing *p, PyObject *func)
{
    rs_session *s = p->s;
    PyObject *code = RS_FUNCTION(func)->func_code, *placed;
    def_search search = {code, NULL, 0};
    class_use use = {0, 0};
    for (Py_ssize_t i = 0; i < RS_CODE(code)->co_nfreevars; i++) {
        if (rs_text_equals(free_name(code, i), "__class__")) {
            return turn_class_cell(
                p, func, PyTuple_GET_ITEM(RS_FUNCTION(func)->func_closure, i));
        }
    }
    if (find_def(&search, s->hot->code.tree) < 0) {
        return -1;
    }
    if (search.list == NULL) {
        return check_nested(p, func);
    }
    if (rs_ast_walk(PyList_GET_ITEM(search.list, search.index), look_at_node, &use) <
        0) {
        return -1;
    }
    if (!use.super && !use.private) {
        return 0;
    }
    placed = compile_in_class(s, p->w->type, code);
    if (placed == NULL) {
        return PyErr_Occurred() ? -1 : refuse(p, func, "super() or a private name");
    }
    return give_code(s, func, placed, p->w->type);
}

static int
visit(PyObject *op, void *arg)
{
    placing *p = arg;
    int result = 0;
    if (PyType_Check(op) || PyModule_Check(op) || !rs_idmap_has(&p->s->young, op)) {
        return 0;
    }
    if (PyFunction_Check(op) && rs_hot_made(p->s, op)) {
        result = place_function(p, op);
    }
    if (result == 0 && p->depth < 8) {
        p->depth++;
        result = rs_wrapper_visit(op, visit, p);
        p->depth--;
    }
    return result;
}

int
rs_hot_place_methods(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->hot->n_writes; i++) {
        placing p = {s, &s->hot->writes[i], 0};
        if (p.w->type != NULL && p.w->now != NULL && visit(p.w->now, &p) < 0) {
            return -1;
        }
    }
    return 0;
}
