#include "match.h"

#include "codes.h"
#include "enumeration.h"
#include "heap.h"
#include "lookup.h"
#include "rewrap.h"
#include "same.h"
#include "wrappers.h"

/* Decorators rarely stand deeper than this around a function. */
#define MAX_WRAPPERS 8

static int match_value(rs_session *s, const rs_scope *scope, PyObject *qualname,
                       PyObject *live, PyObject *donor, int depth);
static int match_scope(rs_session *s, const rs_scope *scope);

/* ---- definitions inside wrappers ---- */

typedef struct {
    PyObject *globals;
    PyObject *qualname;
    PyObject *found;
    int depth;
} definition_search;

static int
is_definition(PyObject *value, PyObject *globals, PyObject *qualname)
{
    PyFunctionObject *func = RS_FUNCTION(value);
    return PyFunction_Check(value) && func->func_globals == globals &&
           rs_same_text(RS_CODE(func->func_code)->co_qualname, qualname);
}

static int
search_definition(PyObject *value, void *arg)
{
    definition_search *search = arg;
    int found;
    if (is_definition(value, search->globals, search->qualname)) {
        search->found = value;
        return 1;
    }
    if (search->depth >= MAX_WRAPPERS) {
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

/* ---- who made a live function? ---- */

static int
is_nested(PyObject *func)
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
            if (RS_FUNCTION(value)->func_globals == globals && !is_nested(value)) {
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
static int
made_by_decorator(const rs_session *s, const rs_unit *u, PyObject *func)
{
    return is_nested(func) && module_uses(s, u, RS_FUNCTION(func)->func_globals);
}

/* Somebody else's definition, as `from other import f` binds it. A function that was
 * assigned from another module at run time looks the same: it is rebound, and reported. */
static int
is_imported(const rs_session *s, PyObject *func)
{
    PyFunctionObject *f = RS_FUNCTION(func);
    PyObject *name = PyDict_GetItemWithError(f->func_globals, s->st->names.__name__);
    PyObject *module, *found;
    if (name == NULL || is_nested(func)) {
        return 0;
    }
    module = PyDict_GetItemWithError(PyImport_GetModuleDict(), name);
    if (module == NULL || !PyModule_Check(module) ||
        PyModule_GetDict(module) != f->func_globals) {
        return 0;
    }
    found = rs_lookup_path(f->func_globals, RS_CODE(f->func_code)->co_qualname);
    return found != NULL && rs_find_definition(found, f->func_globals,
                                               RS_CODE(f->func_code)->co_qualname) == func;
}

/* "wrapt" of "wrapt.wrappers". */
static int
same_top_package(PyObject *a, PyObject *b)
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
static PyObject *
home_of(const rs_session *s, PyObject *value)
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
    PyObject *module = home_of(s, (PyObject *)type);
    if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE) || module == NULL ||
        rs_same_text(module, u->name)) {
        return 1;
    }
    while (PyDict_Next(u->live, &pos, NULL, &value)) {
        home = home_of(s, value);
        if (home != NULL && same_top_package(home, module)) {
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
    return PyFunction_Check(value) && rs_match_foreign(search->s, search->u, value);
}

int
rs_match_foreign(rs_session *s, const rs_unit *u, PyObject *value)
{
    foreign_search search = {s, u};
    if (rs_is_wrapper(s->st, value)) {
        return rs_wrapper_visit(value, is_foreign_function, &search);
    }
    if (PyFunction_Check(value)) {
        return RS_FUNCTION(value)->func_globals != u->live &&
               !made_by_decorator(s, u, value) && !is_imported(s, value);
    }
    if (PyType_Check(value) || PyModule_Check(value) || PyCFunction_Check(value) ||
        rs_is_atom(value)) {
        return 0;
    }
    return Py_TYPE(value)->tp_call != NULL && !class_is_used(s, u, Py_TYPE(value));
}

/* ---- functions ---- */

static int
add_function(rs_session *s, rs_unit *u, PyObject *qualname, PyObject *live,
             PyObject *donor, int mapped)
{
    if (mapped && rs_idmap_set(&s->map, donor, live) < 0) {
        return -1;
    }
    if (rs_idmap_set(&s->claimed, live, donor) < 0) {
        return -1;
    }
    if (rs_codes_pair(s, RS_FUNCTION(live)->func_code, RS_FUNCTION(donor)->func_code) < 0) {
        return -1;
    }
    return rs_session_pair(s, RS_PAIR_FUNCTION, u, qualname, live, donor);
}

/* The same decorator of another module made both. */
static int
made_alike(const PyFunctionObject *a, const PyFunctionObject *b)
{
    return a->func_code == b->func_code && a->func_globals == b->func_globals;
}

/* Are `live` and `donor` what the old and the new source call `qualname`? */
static int
same_function(rs_session *s, const rs_unit *u, PyObject *qualname, PyObject *live,
              PyObject *donor)
{
    PyFunctionObject *a = RS_FUNCTION(live), *b = RS_FUNCTION(donor);
    int own = a->func_globals == u->live;
    if (rs_is_singledispatch(live) != rs_is_singledispatch(donor)) {
        return 0;
    }
    if (!own && !made_by_decorator(s, u, live) && !made_alike(a, b)) {
        return 0;
    }
    if (rs_same_text(a->func_qualname, b->func_qualname)) {
        return 1;
    }
    if (rs_find_definition(donor, u->scratch, qualname) == NULL) {
        return 0;
    }
    /* a lambda or a factory's product, bound to the name that is now defined by `def` */
    return rs_find_definition(live, u->live, qualname) != NULL || (own && is_nested(live));
}

/* What two wrappers hold in free variables and attributes of the same name. */
static int
match_insides(rs_session *s, const rs_scope *scope, PyObject *qualname, PyObject *live,
              PyObject *donor, int depth)
{
    PyCodeObject *code = RS_CODE(RS_FUNCTION(donor)->func_code);
    PyObject *dict = RS_FUNCTION(donor)->func_dict;
    PyObject *live_dict = RS_FUNCTION(live)->func_dict;
    int first = code->co_nlocalsplus - code->co_nfreevars;
    Py_ssize_t pos = 0;
    PyObject *key, *value;
    for (int i = 0; i < code->co_nfreevars; i++) {
        PyObject *name = PyTuple_GET_ITEM(code->co_localsplusnames, first + i);
        PyObject *new_value = rs_closure_get(donor, name);
        PyObject *old_value = rs_closure_get(live, name);
        if (new_value != NULL && old_value != NULL && new_value != old_value &&
            match_value(s, scope, qualname, old_value, new_value, depth + 1) < 0) {
            return -1;
        }
    }
    while (dict != NULL && live_dict != NULL && PyDict_Next(dict, &pos, &key, &value)) {
        PyObject *old_value =
            PyUnicode_CheckExact(key) ? PyDict_GetItemWithError(live_dict, key) : NULL;
        if (old_value != NULL && old_value != value &&
            match_value(s, scope, qualname, old_value, value, depth + 1) < 0) {
            return -1;
        }
    }
    return 0;
}

/* The function inside a live wrapper and the one inside the new wrapper, or the new
 * function itself: a decorator may have come or gone. */
static int
match_innermost(rs_session *s, const rs_scope *scope, PyObject *qualname, PyObject *live,
                PyObject *donor)
{
    rs_unit *u = scope->unit;
    PyObject *old_inner = rs_find_definition(live, u->live, qualname);
    PyObject *new_inner = rs_find_definition(donor, u->scratch, qualname);
    if (old_inner == NULL || new_inner == NULL || rs_idmap_has(&s->claimed, old_inner)) {
        return 0;
    }
    return add_function(s, u, qualname, old_inner, new_inner,
                        !rs_idmap_has(&s->map, new_inner));
}

/* Implementations of singledispatch: the same registered type is the same role. */
static int
match_registry(rs_session *s, const rs_scope *scope, PyObject *qualname, PyObject *live,
               PyObject *donor, int depth)
{
    PyObject *registry = rs_singledispatch_part(live, s->st->names.registry);
    PyObject *new_registry = rs_singledispatch_part(donor, s->st->names.registry);
    PyObject *type, *func;
    Py_ssize_t pos = 0;
    if (registry == NULL || new_registry == NULL || !PyDict_CheckExact(registry) ||
        !PyDict_CheckExact(new_registry)) {
        return 0;
    }
    while (PyDict_Next(new_registry, &pos, &type, &func)) {
        PyObject *before = PyDict_GetItemWithError(registry, rs_session_live(s, type));
        if (before != NULL && before != func &&
            match_value(s, scope, qualname, before, func, depth + 1) < 0) {
            return -1;
        }
    }
    return PyErr_Occurred() ? -1 : 0;
}

static int
match_function(rs_session *s, const rs_scope *scope, PyObject *qualname, PyObject *live,
               PyObject *donor, int depth)
{
    rs_unit *u = scope->unit;
    if (rs_idmap_has(&s->claimed, live) ||
        !same_function(s, u, qualname, live, donor)) {
        return 0;
    }
    if (rs_is_singledispatch(live)) {
        /* it stays with its registry, which others have added to: rewrap.c */
        if (rs_idmap_set(&s->map, donor, live) < 0 ||
            rs_idmap_set(&s->claimed, live, donor) < 0 ||
            rs_idmap_set(&s->rewraps, live, donor) < 0) {
            return -1;
        }
        return match_registry(s, scope, qualname, live, donor, depth);
    }
    if (add_function(s, u, qualname, live, donor, 1) < 0) {
        return -1;
    }
    return match_insides(s, scope, qualname, live, donor, depth);
}

/* ---- classes ---- */

static int
match_class(rs_session *s, const rs_scope *scope, PyObject *live, PyObject *donor)
{
    rs_unit *u = scope->unit;
    PyObject *qualname = RS_HEAPTYPE(donor)->ht_qualname;
    rs_scope inner = rs_scope_of_class(u, live, donor);
    if (!rs_class_made_by(s, live, u->name) || !rs_class_made_by(s, donor, u->name) ||
        !rs_same_text(RS_HEAPTYPE(live)->ht_qualname, qualname) ||
        rs_idmap_has(&s->claimed, live)) {
        return 0;
    }
    if (rs_idmap_set(&s->map, donor, live) < 0 ||
        rs_idmap_set(&s->claimed, live, donor) < 0 ||
        rs_session_pair(s, RS_PAIR_CLASS, u, qualname, live, donor) < 0) {
        return -1;
    }
    return match_scope(s, &inner);
}

/* ---- values ---- */

/* fget, fset and fdel of an exact property, in the order in which it visits them. */
static PyObject *
property_part(PyObject *property, PyObject *name)
{
    PyObject *part = PyObject_GetAttr(property, name);
    if (part == NULL) {
        PyErr_Clear(); /* out of memory only: then the accessors aren't paired */
        return NULL;
    }
    Py_DECREF(part); /* the property owns it */
    return part;
}

static int
match_property(rs_session *s, const rs_scope *scope, PyObject *qualname, PyObject *live,
               PyObject *donor, int depth)
{
    const rs_names *names = &s->st->names;
    PyObject *parts[] = {names->fget, names->fset, names->fdel};
    for (int i = 0; i < 3; i++) {
        PyObject *old_part = property_part(live, parts[i]);
        PyObject *new_part = property_part(donor, parts[i]);
        if (old_part != NULL && new_part != NULL && old_part != new_part &&
            match_value(s, scope, qualname, old_part, new_part, depth + 1) < 0) {
            return -1;
        }
    }
    return 0;
}

/* More functions than a wrapper holds. */
#define MAX_CHILDREN 16

typedef struct {
    const rs_state *st;
    PyObject *items[MAX_CHILDREN];
    int count;
} child_list;

static int
collect_child(PyObject *op, void *arg)
{
    child_list *list = arg;
    if ((PyFunction_Check(op) || rs_is_wrapper(list->st, op)) &&
        list->count < MAX_CHILDREN) {
        list->items[list->count++] = op;
    }
    return 0;
}

/* What two wrappers of one kind hold, in the same order: the wrapped function, which may
 * be a wrapper itself. */
static int
match_children(rs_session *s, const rs_scope *scope, PyObject *qualname, PyObject *live,
               PyObject *donor, int depth)
{
    child_list a = {s->st, {NULL}, 0}, b = {s->st, {NULL}, 0};
    rs_wrapper_visit(live, collect_child, &a);
    rs_wrapper_visit(donor, collect_child, &b);
    for (int i = 0; a.count == b.count && i < a.count; i++) {
        if (match_value(s, scope, qualname, a.items[i], b.items[i], depth + 1) < 0) {
            return -1;
        }
    }
    return match_innermost(s, scope, qualname, live, donor);
}

/* An object that keeps its identity if it still does the same with what it wraps. */
static int
match_wrapper(rs_session *s, const rs_scope *scope, PyObject *qualname, PyObject *live,
              PyObject *donor, int depth)
{
    int same;
    if (rs_session_live(s, (PyObject *)Py_TYPE(donor)) != (PyObject *)Py_TYPE(live)) {
        if (Py_TYPE(live) == s->st->lru_cache_type && PyList_Append(s->caches, live) < 0) {
            return -1;
        }
        return match_innermost(s, scope, qualname, live, donor);
    }
    if (Py_TYPE(live) == &PyProperty_Type) {
        if (match_property(s, scope, qualname, live, donor, depth) < 0) {
            return -1;
        }
    } else if (match_children(s, scope, qualname, live, donor, depth) < 0) {
        return -1;
    }
    if (rs_idmap_has(&s->claimed, live) || !rs_idmap_has(&s->young, donor)) {
        return 0;
    }
    same = rs_wrapper_same(s, live, donor);
    if (!same && rs_is_wrapper(s->st, live) && rs_match_foreign(s, scope->unit, live)) {
        return 0;
    }
    if (Py_TYPE(live) == s->st->lru_cache_type && PyList_Append(s->caches, live) < 0) {
        return -1;
    }
    if (!same && !rs_rewrap_can(s->st, live, donor)) {
        return 0;
    }
    if (rs_idmap_set(&s->rewraps, live, donor) < 0) {
        return -1;
    }
    if (rs_idmap_set(&s->claimed, live, donor) < 0) {
        return -1;
    }
    return rs_idmap_set(&s->map, donor, live);
}

static int
stands_for_definition(const rs_session *s, const rs_scope *scope, PyObject *qualname,
                      PyObject *donor)
{
    PyTypeObject *type = Py_TYPE(donor);
    return PyFunction_Check(donor) || rs_is_wrapper(s->st, donor) ||
           (scope->live_type != NULL &&
            (type->tp_descr_get != NULL || type->tp_descr_set != NULL)) ||
           rs_find_definition(donor, scope->unit->scratch, qualname) != NULL;
}

static int
match_value(rs_session *s, const rs_scope *scope, PyObject *qualname, PyObject *live,
            PyObject *donor, int depth)
{
    if (live == donor || depth > MAX_WRAPPERS || rs_idmap_has(&s->map, donor) ||
        !rs_idmap_has(&s->young, donor)) {
        return 0;
    }
    if (PyType_Check(donor)) {
        return PyType_Check(live) ? match_class(s, scope, live, donor) : 0;
    }
    if (PyFunction_Check(donor) && PyFunction_Check(live)) {
        if (match_function(s, scope, qualname, live, donor, depth) < 0) {
            return -1;
        }
        return match_innermost(s, scope, qualname, live, donor);
    }
    if (stands_for_definition(s, scope, qualname, donor)) {
        return match_wrapper(s, scope, qualname, live, donor, depth);
    }
    return 0;
}

static int
match_scope(rs_session *s, const rs_scope *scope)
{
    Py_ssize_t pos = 0;
    PyObject *name, *donor;
    while (PyDict_Next(scope->donor, &pos, &name, &donor)) {
        PyObject *live, *qualname;
        int result;
        if (!PyUnicode_CheckExact(name)) {
            continue;
        }
        live = PyDict_GetItemWithError(scope->live, name);
        if (live == NULL) {
            continue;
        }
        qualname = rs_scope_qualname(scope, name);
        if (qualname == NULL) {
            return -1;
        }
        result = match_value(s, scope, qualname, live, donor, 0);
        Py_DECREF(qualname);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- originals of names that mean something else at the moment ---- */

/* A function of the unit that was replaced at run time, by a mock for example, comes back
 * when the mock is taken off: it has to have the new code then. */
static int
match_original(rs_session *s, rs_unit *u, PyObject *originals, PyObject *donor)
{
    PyObject *qualname = RS_CODE(RS_FUNCTION(donor)->func_code)->co_qualname;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(originals); i++) {
        PyObject *func = PyList_GET_ITEM(originals, i);
        if (is_definition(func, u->live, qualname) && !is_nested(func) &&
            !rs_idmap_has(&s->claimed, func) &&
            add_function(s, u, qualname, func, donor, !rs_idmap_has(&s->map, donor)) < 0) {
            return -1;
        }
    }
    return 0;
}

/* The young functions that a scope binds without a counterpart where something foreign is
 * live: appended to `donors`. */
static int
collect_covered(rs_session *s, const rs_scope *scope, PyObject *donors)
{
    Py_ssize_t pos = 0;
    PyObject *name, *donor;
    while (PyDict_Next(scope->donor, &pos, &name, &donor)) {
        PyObject *live = PyDict_GetItemWithError(scope->live, name);
        if (live == NULL || live == donor || !PyFunction_Check(donor) ||
            rs_idmap_has(&s->map, donor) || !rs_idmap_has(&s->young, donor) ||
            is_nested(donor) || !rs_match_foreign(s, scope->unit, live)) {
            continue;
        }
        if (PyList_Append(donors, donor) < 0) {
            return -1;
        }
    }
    return 0;
}

/* One walk of the heap, only if something is covered. */
static int
match_covered(rs_session *s, rs_unit *u, PyObject *donors)
{
    int result = -1;
    rs_idmap globals = {0};
    PyObject *originals = PyList_New(0);
    if (originals == NULL || rs_idmap_set(&globals, u->live, u->live) < 0 ||
        rs_heap_functions(s, &globals, NULL, originals) < 0) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(donors); i++) {
        if (match_original(s, u, originals, PyList_GET_ITEM(donors, i)) < 0) {
            goto done;
        }
    }
    result = 0;
done:
    Py_XDECREF(originals);
    rs_idmap_clear(&globals);
    return result;
}

static int
match_originals(rs_session *s, rs_unit *u)
{
    int result = -1;
    PyObject *donors = PyList_New(0);
    rs_scope module = rs_scope_of_unit(u);
    if (donors == NULL || collect_covered(s, &module, donors) < 0) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < s->n_pairs; i++) {
        if (s->pairs[i].kind == RS_PAIR_CLASS && s->pairs[i].unit == u) {
            rs_scope scope = rs_scope_of_class(u, s->pairs[i].live, s->pairs[i].donor);
            if (collect_covered(s, &scope, donors) < 0) {
                goto done;
            }
        }
    }
    result = PyList_GET_SIZE(donors) != 0 ? match_covered(s, u, donors) : 0;
done:
    Py_XDECREF(donors);
    return result;
}

int
rs_match(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        rs_unit *u = &s->units[i];
        rs_scope scope = rs_scope_of_unit(u);
        if (match_scope(s, &scope) < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (match_originals(s, &s->units[i]) < 0) {
            return -1;
        }
    }
    return rs_enum_map(s);
}
