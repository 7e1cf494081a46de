#include "match.h"

#include "codes.h"
#include "enumeration.h"
#include "foreign.h"
#include "lines.h"
#include "lookup.h"
#include "originals.h"
#include "rewrap.h"
#include "same.h"
#include "selectjudge.h"
#include "wrappers.h"

static int match_value(rs_session *s, const rs_scope *scope, PyObject *qualname,
                       PyObject *live, PyObject *donor, int depth);
static int match_scope(rs_session *s, const rs_scope *scope);
static int stays(rs_session *s, const rs_scope *scope, PyObject *name,
                 PyObject *qualname, PyObject *live, PyObject *donor);

/* ---- functions ---- */

int
rs_match_function(rs_session *s, rs_unit *u, PyObject *qualname, PyObject *live,
                  PyObject *donor, int mapped)
{
    if (mapped && rs_idmap_set(&s->map, donor, live) < 0) {
        return -1;
    }
    if (rs_idmap_set(&s->claimed, live, donor) < 0) {
        return -1;
    }
    if (rs_codes_pair(s, RS_FUNCTION(live)->func_code, RS_FUNCTION(donor)->func_code) <
        0) {
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
    int own = rs_runs_in(live, u->live);
    if (rs_is_singledispatch(live) != rs_is_singledispatch(donor)) {
        return 0;
    }
    if (!own && !rs_made_by_decorator(s, u, live) && !made_alike(a, b)) {
        return 0;
    }
    if (rs_same_text(a->func_qualname, b->func_qualname)) {
        return 1;
    }
    if (rs_find_definition(donor, u->scratch, qualname) == NULL) {
        return 0;
    }
    /* a lambda or a factory's product, bound to the name that is now defined by `def` */
    return rs_find_definition(live, u->live, qualname) != NULL ||
           (own && rs_function_is_nested(live));
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
        PyObject *old_value = PyUnicode_CheckExact(key)
                                  ? PyDict_GetItemWithError(live_dict, key)
                                  : NULL;
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
match_innermost(rs_session *s, const rs_scope *scope, PyObject *qualname,
                PyObject *live, PyObject *donor)
{
    rs_unit *u = scope->unit;
    PyObject *old_inner = rs_find_definition(live, u->live, qualname);
    PyObject *new_inner = rs_find_definition(donor, u->scratch, qualname);
    if (old_inner == NULL || new_inner == NULL ||
        rs_idmap_has(&s->claimed, old_inner)) {
        return 0;
    }
    return rs_match_function(s, u, qualname, old_inner, new_inner,
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
    if (rs_match_function(s, u, qualname, live, donor, 1) < 0) {
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

int
rs_match_class(rs_session *s, rs_unit *u, PyObject *live, PyObject *donor)
{
    rs_scope scope = rs_scope_of_class(u, live, donor);
    if (match_class(s, &scope, live, donor) < 0) {
        return -1;
    }
    return rs_idmap_get(&s->claimed, live) == donor;
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
        if (Py_TYPE(live) == s->st->lru_cache_type &&
            PyList_Append(s->caches, live) < 0) {
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
    if (!same && rs_is_wrapper(s->st, live) && rs_is_foreign(s, scope->unit, live)) {
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
    if (live == donor || depth > RS_MAX_WRAPPERS || rs_idmap_has(&s->map, donor) ||
        !rs_idmap_has(&s->young, donor)) {
        return 0;
    }
    if (PyType_Check(donor)) {
        return PyType_Check(live) ? match_class(s, scope, live, donor) : 0;
    }
    if (PyFunction_Check(donor) && rs_select_is_apart(scope->unit, donor)) {
        return 0;
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
match_name(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *donor)
{
    int result;
    PyObject *qualname, *live = PyDict_GetItemWithError(scope->live, name);
    if (live == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    qualname = rs_scope_qualname(scope, name);
    if (qualname == NULL) {
        return -1;
    }
    Py_INCREF(live);
    result = stays(s, scope, name, qualname, live, donor);
    if (result >= 0) {
        result = result > 0 ? rs_idmap_set(&s->map, donor, live)
                            : match_value(s, scope, qualname, live, donor, 0);
    }
    Py_DECREF(live);
    Py_DECREF(qualname);
    return result;
}

/* Over a copy: the parser is asked meanwhile, and a thread that the body started may add
 * names. */
static int
match_scope(rs_session *s, const rs_scope *scope)
{
    int result = 0;
    Py_ssize_t pos = 0;
    PyObject *name, *donor, *names = PyDict_Copy(scope->donor);
    if (names == NULL) {
        return -1;
    }
    while (result == 0 && PyDict_Next(names, &pos, &name, &donor)) {
        if (PyUnicode_CheckExact(name)) {
            result = match_name(s, scope, name, donor);
        }
    }
    Py_DECREF(names);
    return result;
}

typedef struct {
    rs_session *s;
    int depth;
} cache_search;

static int
find_cache(PyObject *op, void *arg)
{
    cache_search *search = arg;
    int result = 0;
    if (Py_TYPE(op) == search->s->st->lru_cache_type &&
        PyList_Append(search->s->caches, op) < 0) {
        return -1;
    }
    if (search->depth < RS_MAX_WRAPPERS && !PyType_Check(op) && !PyModule_Check(op)) {
        search->depth++;
        result = rs_wrapper_visit(op, find_cache, search);
        search->depth--;
    }
    return result;
}

/* Caches around a function that does something else now are emptied. */
static int
note_caches(rs_session *s, const rs_unit *u, const rs_select_def *def)
{
    cache_search search = {s, 0};
    PyObject *value = rs_live_definition(u, def->qualname);
    int relation = rs_same_code(RS_FUNCTION(def->live)->func_code,
                                RS_FUNCTION(def->donor)->func_code);
    if (relation != RS_CODE_DIFFERS || value == NULL) {
        return relation < 0 ? -1 : 0;
    }
    return find_cache(value, &search) < 0 ? -1 : 0;
}

/* Classes of which parts ran, and functions whose decorators did not. */
static int
match_parts(rs_session *s, rs_unit *u)
{
    const rs_selection *sel = u->parts ? u->selection : NULL;
    for (Py_ssize_t i = 0; sel != NULL && i < sel->n_shells; i++) {
        rs_scope scope = rs_scope_of_shell(u, &sel->shells[i]);
        if (scope.donor != NULL && match_scope(s, &scope) < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; sel != NULL && i < sel->n_defs; i++) {
        const rs_select_def *def = &sel->defs[i];
        if (def->inner && def->donor != NULL && def->live != NULL &&
            !rs_idmap_has(&s->claimed, def->live) &&
            (note_caches(s, u, def) < 0 ||
             rs_match_function(s, u, def->qualname, def->live, def->donor, 1) < 0)) {
            return -1;
        }
    }
    return 0;
}

/* Can an assignment in the class body have made it? What the compiler, the metaclass or a
 * definition made is matched as such, and the body needn't be parsed. */
static int
is_assigned(const rs_session *s, const rs_scope *scope, PyObject *name,
            PyObject *qualname, PyObject *donor)
{
    PyObject *body, *names;
    if (Py_TYPE(donor) == &PyGetSetDescr_Type ||
        rs_text_equals(name, "__static_attributes__") ||
        rs_same_text(name, s->st->names.__annotations__)) {
        return 0;
    }
    body = rs_body_of(scope->unit->code, scope->prefix);
    if (body == NULL) {
        return 1;
    }
    if (rs_is_wrapper(s->st, donor) && rs_body_defines(body, qualname)) {
        return 0;
    }
    names = RS_CODE(body)->co_names;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        if (rs_same_text(PyTuple_GET_ITEM(names, i), name)) {
            return 1;
        }
    }
    return 0;
}

/* What its statement made again, though it did not change: the live one stays. 1, 0, -1. */
static int
stays(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *qualname,
      PyObject *live, PyObject *donor)
{
    if (scope->live_type == NULL || PyFunction_Check(donor) || PyType_Check(donor) ||
        Py_TYPE(live) != Py_TYPE(donor) || live == donor ||
        !rs_idmap_has(&s->young, donor) || rs_idmap_has(&s->map, donor)) {
        return 0;
    }
    if (rs_select_is_open(scope->unit) &&
        is_assigned(s, scope, name, qualname, donor) &&
        rs_select_judge_name(s, scope->unit, qualname) < 0) {
        return -1;
    }
    return rs_select_verdict(scope->unit, qualname) == RS_VERDICT_SAME;
}

int
rs_match(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        rs_unit *u = &s->units[i];
        rs_scope scope = rs_scope_of_unit(u);
        if (match_scope(s, &scope) < 0 || match_parts(s, u) < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (rs_match_originals(s, &s->units[i]) < 0) {
            return -1;
        }
    }
    return rs_enum_map(s);
}
