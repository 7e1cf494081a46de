#include "foreign.h"

#include "lookup.h"
#include "same.h"
#include "scope.h"
#include "wrappers.h"

typedef struct {
    PyObject *globals;
    PyObject *qualname;
    PyObject *found;
    int depth;
} definition_search;

static int
is_text_of(PyObject *dict, const char *key, PyObject *text)
{
    PyObject *value = PyDict_GetItemString(dict, key);
    return value != NULL && rs_same_text(value, text);
}

/* Did a hotfix pour code into it that has another namespace? */
static int
is_hotfixed(PyObject *func, PyObject *globals)
{
    PyObject *own = RS_FUNCTION(func)->func_globals;
    PyObject *name = PyDict_GetItemString(own, "__name__");
    return rs_text_equals(name, "__hotfix__") &&
           is_text_of(globals, "__name__", RS_FUNCTION(func)->func_module);
}

int
rs_runs_in(PyObject *func, PyObject *globals)
{
    return RS_FUNCTION(func)->func_globals == globals || is_hotfixed(func, globals);
}

int
rs_is_definition(PyObject *value, PyObject *globals, PyObject *qualname)
{
    PyFunctionObject *func = RS_FUNCTION(value);
    if (!PyFunction_Check(value)) {
        return 0;
    }
    if (func->func_globals == globals) {
        return rs_same_text(RS_CODE(func->func_code)->co_qualname, qualname) ||
               (rs_is_hotfix_code(func->func_code) &&
                rs_same_text(func->func_qualname, qualname));
    }
    return rs_same_text(func->func_qualname, qualname) && is_hotfixed(value, globals);
}

int
rs_is_hotfix_code(PyObject *code)
{
    static const char prefix[] = "<hotfix ";
    PyObject *name = RS_CODE(code)->co_filename;
    for (Py_ssize_t i = 0; i < (Py_ssize_t)sizeof(prefix) - 1; i++) {
        if (i >= PyUnicode_GET_LENGTH(name) ||
            PyUnicode_READ_CHAR(name, i) != (unsigned char)prefix[i]) {
            return 0;
        }
    }
    return 1;
}

static int
search_definition(PyObject *value, void *arg)
{
    definition_search *search = arg;
    int found;
    if (rs_is_definition(value, search->globals, search->qualname)) {
        search->found = value;
        return 1;
    }
    if (search->depth >= RS_MAX_WRAPPERS) {
        return 0;
    }
    search->depth++;
    found = rs_wrapper_visit(value, search_definition, search);
    search->depth--;
    return found;
}

PyObject *
rs_find_definition(PyObject *value, PyObject *globals, PyObject *qualname)
{
    definition_search search = {globals, qualname, NULL, 0};
    search_definition(value, &search);
    return search.found;
}

int
rs_function_is_nested(PyObject *func)
{
    PyObject *qualname = RS_CODE(RS_FUNCTION(func)->func_code)->co_qualname;
    Py_ssize_t end = PyUnicode_GET_LENGTH(qualname);
    return PyUnicode_FindChar(qualname, '<', 0, end, 1) >= 0;
}

/* Does a name of the live module lead to the module whose namespace is `globals`: the
 * module itself, or a function or class out of it? Then its source uses that module. */
static int
module_uses(const rs_session *s, const rs_unit *u, PyObject *globals)
{
    Py_ssize_t pos = 0;
    PyObject *value;
    PyObject *name = PyDict_GetItemWithError(globals, s->st->names.__name__);
    while (PyDict_Next(u->live, &pos, NULL, &value)) {
        if (PyFunction_Check(value)) {
            if (RS_FUNCTION(value)->func_globals == globals &&
                !rs_function_is_nested(value)) {
                return 1;
            }
        } else if (PyModule_Check(value)) {
            if (PyModule_GetDict(value) == globals) {
                return 1;
            }
        } else if (name != NULL && rs_class_made_by(s, value, name)) {
            return 1;
        }
    }
    return 0;
}

/* A function that a decorator of another module returned while the source of `u` ran. */
int
rs_made_by_decorator(const rs_session *s, const rs_unit *u, PyObject *func)
{
    return rs_function_is_nested(func) &&
           module_uses(s, u, RS_FUNCTION(func)->func_globals);
}

/* Somebody else's definition, as `from other import f` binds it. A function that was
 * assigned from another module at run time looks the same: it is rebound, and reported. */
static int
is_imported(const rs_session *s, PyObject *func)
{
    PyFunctionObject *f = RS_FUNCTION(func);
    PyObject *name = PyDict_GetItemWithError(f->func_globals, s->st->names.__name__);
    PyObject *module, *found;
    if (name == NULL || rs_function_is_nested(func)) {
        return 0;
    }
    module = PyDict_GetItemWithError(PyImport_GetModuleDict(), name);
    if (module == NULL || !PyModule_Check(module) ||
        PyModule_GetDict(module) != f->func_globals) {
        return 0;
    }
    found = rs_lookup_path(f->func_globals, RS_CODE(f->func_code)->co_qualname);
    return found != NULL &&
           rs_find_definition(found, f->func_globals,
                              RS_CODE(f->func_code)->co_qualname) == func;
}

/* "wrapt" of "wrapt.wrappers". */
int
rs_same_top_package(PyObject *a, PyObject *b)
{
    Py_ssize_t n = PyUnicode_GET_LENGTH(a), m = PyUnicode_GET_LENGTH(b);
    Py_ssize_t end_a = PyUnicode_FindChar(a, '.', 0, n, 1);
    Py_ssize_t end_b = PyUnicode_FindChar(b, '.', 0, m, 1);
    n = end_a >= 0 ? end_a : n;
    m = end_b >= 0 ? end_b : m;
    if (n != m) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        if (PyUnicode_READ_CHAR(a, i) != PyUnicode_READ_CHAR(b, i)) {
            return 0;
        }
    }
    return 1;
}

/* The name of the module that `value` is, or that made it; borrowed or NULL. */
PyObject *
rs_home_of(const rs_session *s, PyObject *value)
{
    PyObject *name = NULL;
    if (PyModule_Check(value)) {
        name = PyDict_GetItemWithError(PyModule_GetDict(value), s->st->names.__name__);
    } else if (PyFunction_Check(value)) {
        name = RS_FUNCTION(value)->func_module;
    } else if (PyType_Check(value)) {
        name = rs_class_get(RS_TYPE(value), s->st->names.__module__);
    }
    return name != NULL && PyUnicode_Check(name) ? name : NULL;
}

/* Is `type` a class of the unit, or of a package that the unit's live names lead to? */
static int
class_is_used(const rs_session *s, const rs_unit *u, PyTypeObject *type)
{
    Py_ssize_t pos = 0;
    PyObject *value, *home;
    PyObject *module = rs_home_of(s, (PyObject *)type);
    if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE) || module == NULL ||
        rs_same_text(module, u->name)) {
        return 1;
    }
    while (PyDict_Next(u->live, &pos, NULL, &value)) {
        home = rs_home_of(s, value);
        if (home != NULL && rs_same_top_package(home, module)) {
            return 1;
        }
    }
    return 0;
}

typedef struct {
    rs_session *s;
    const rs_unit *u;
} foreign_search;

static int
is_foreign_function(PyObject *value, void *arg)
{
    foreign_search *search = arg;
    return PyFunction_Check(value) && rs_is_foreign(search->s, search->u, value);
}

int
rs_is_foreign(rs_session *s, const rs_unit *u, PyObject *value)
{
    foreign_search search = {s, u};
    if (rs_is_wrapper(s->st, value)) {
        return rs_wrapper_visit(value, is_foreign_function, &search);
    }
    if (PyFunction_Check(value)) {
        return !rs_runs_in(value, u->live) && !rs_made_by_decorator(s, u, value) &&
               !is_imported(s, value);
    }
    if (PyType_Check(value) || PyModule_Check(value) || PyCFunction_Check(value) ||
        rs_is_atom(value)) {
        return 0;
    }
    return Py_TYPE(value)->tp_call != NULL && !class_is_used(s, u, Py_TYPE(value));
}
