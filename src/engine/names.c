#include "names.h"

#include "body.h"
#include "data.h"
#include "foreign.h"
#include "importers.h"
#include "lines.h"
#include "pending.h"
#include "same.h"
#include "selectwarn.h"
#include "wrappers.h"

/* A value is imported through so many modules at most. */
#define MAX_PASSED_ON 8

int
rs_names_set(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *value)
{
    if (scope->live_type != NULL) {
        return rs_plan_type(&s->journal, scope->live_type, name, value);
    }
    return rs_plan_dict(&s->journal, scope->live, name, value);
}

/* The line of a definition or assignment in the new source; 0 if it is not known. What a
 * class was given by its machinery has the line of the class. */
static int
line_of(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *value)
{
    int line;
    PyObject *body = NULL;
    if (PyFunction_Check(value)) {
        PyObject *code = RS_FUNCTION(value)->func_code;
        if (rs_same_text(RS_CODE(code)->co_filename, scope->unit->filename) &&
            rs_idmap_has(&s->young, value)) {
            return RS_CODE(code)->co_firstlineno;
        }
    } else if (rs_class_made_by(s, value, scope->unit->name)) {
        body = rs_body_of(scope->unit->code, RS_HEAPTYPE(value)->ht_qualname);
    }
    if (body == NULL) {
        line = rs_line_of_name(s, scope->unit, scope->prefix, name);
        if (line != 0 || scope->prefix == NULL) {
            return line;
        }
        body = rs_body_of(scope->unit->code, scope->prefix);
    }
    return body != NULL ? RS_CODE(body)->co_firstlineno : 0;
}

const char *
rs_names_word(PyObject *value)
{
    if (PyType_Check(value)) {
        return "class";
    }
    return PyModule_Check(value) ? "binding" : "function";
}

static const char *
word_for_kind(int kind, PyObject *value)
{
    return kind == RS_KIND_DATA      ? "data"
           : kind == RS_KIND_BINDING ? "binding"
                                     : rs_names_word(value);
}

/* Importers follow a module's name that means another object now. */
static int
rebind(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *live,
       PyObject *value)
{
    if (rs_names_set(s, scope, name, value) < 0) {
        return -1;
    }
    if (scope->live_type != NULL || live == NULL) {
        return 0;
    }
    return rs_importers_plan(s, scope->unit, name, live, value);
}

/* ---- one name ---- */

static int
plan_data(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *qualname,
          PyObject *live, PyObject *donor)
{
    const char *why = NULL;
    int same, action = rs_data_decide(s, scope, name, qualname, live, donor);
    switch (action) {
    case RS_DATA_SAME:
        return 0;
    case RS_DATA_KEEP:
        if (scope->unit->selection != NULL) {
            return rs_pending_note(s, scope, qualname, live, donor,
                                   line_of(s, scope, name, donor));
        }
        same = rs_same_literal(live, donor)
                   ? 1
                   : rs_body_is_same(rs_body_of(scope->unit->known_code, scope->prefix),
                                     rs_body_of(scope->unit->code, scope->prefix));
        if (same != 0) { /* no statement says anything new about the name */
            return same < 0 ? -1 : 0;
        }
        return rs_change(s, scope->unit, qualname, "data", "kept",
                         line_of(s, scope, name, donor),
                         "the policy is to keep what lives");
    case RS_DATA_BODY:
        if (!rs_body_can_take(live, donor, &why)) {
            return rs_refuse(s, PyByteArray_CheckExact(live) ? "RSL301" : "RSL302",
                             scope->unit, qualname, line_of(s, scope, name, donor),
                             "Release it, or keep the data (data=\"keep\").",
                             "the %s can't take new contents: %s",
                             Py_TYPE(live)->tp_name, why);
        }
        if (rs_same_literal(live, donor)) {
            return 0;
        }
        if (rs_change(s, scope->unit, qualname, "data", "taken",
                      line_of(s, scope, name, donor), "in place") < 0) {
            return -1;
        }
        return 1;
    case RS_DATA_REBIND:
        if (rs_same_literal(live, donor)) {
            return 0;
        }
        if (rebind(s, scope, name, live, rs_session_live(s, donor)) < 0 ||
            rs_change(s, scope->unit, qualname, "data", "taken",
                      line_of(s, scope, name, donor), NULL) < 0) {
            return -1;
        }
        return 1;
    default:
        return -1;
    }
}

/* Is it data at its origin, and not an old definition's name that becomes data? 1, 0, -1. */
static int
is_data_at_origin(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *live,
                  PyObject *donor)
{
    int kind = rs_kind_of(s, scope, name, name, donor);
    int was_code = kind == RS_KIND_DATA
                       ? rs_came_from_source(s, scope, name, name, live)
                       : 1;
    return kind < 0 || was_code < 0 ? -1 : !was_code;
}

/* What the name will mean that `donor` was imported from, which the data policy of the
 * unit decides that it belongs to. NULL on error; borrowed. */
static PyObject *
value_at_origin(rs_session *s, rs_unit *u, PyObject *name, PyObject *donor, int depth)
{
    int action, is_data;
    rs_scope scope = rs_scope_of_unit(u);
    PyObject *original, *value = donor;
    PyObject *live = PyDict_GetItemWithError(scope.live, name);
    rs_unit *origin = rs_importers_origin(s, u, name, &original);
    if (origin != NULL) {
        if (depth < MAX_PASSED_ON) {
            value = value_at_origin(s, origin, original, donor, depth + 1);
        }
        Py_DECREF(original);
        return value;
    }
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (live == NULL || depth == 0 ||
        PyDict_GetItemWithError(scope.donor, name) != donor) {
        return donor;
    }
    is_data = is_data_at_origin(s, &scope, name, live, donor);
    if (is_data <= 0) {
        return is_data < 0 ? NULL : donor;
    }
    action = rs_data_decide(s, &scope, name, name, live, donor);
    return action < 0 ? NULL : action == RS_DATA_REBIND ? donor : live;
}

/* What a binding will mean: also where the origin keeps a value of another type than the
 * donor has. NULL on error; borrowed. */
static PyObject *
bound_value(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *donor)
{
    PyObject *value = rs_session_live(s, donor);
    if (value != donor || scope->live_type != NULL ||
        !(rs_is_atom(donor) || rs_idmap_has(&s->young, donor))) {
        return value;
    }
    return value_at_origin(s, scope->unit, name, donor, 0);
}

/* Code that something else than the module's source holds. */
static int
is_generated(const rs_unit *u, PyObject *func)
{
    return !rs_same_text(RS_CODE(RS_FUNCTION(func)->func_code)->co_filename,
                         u->filename);
}

/* The function itself, or the one inside a staticmethod or classmethod (borrowed), or
 * NULL. */
static PyObject *
plain_function(PyObject *value)
{
    PyObject *inner;
    if (PyFunction_Check(value)) {
        return value;
    }
    if (Py_TYPE(value) != &PyStaticMethod_Type &&
        Py_TYPE(value) != &PyClassMethod_Type) {
        return NULL;
    }
    inner = PyObject_GetAttrString(value, "__func__");
    if (inner == NULL) {
        PyErr_Clear(); /* out of memory: it is not looked into */
        return NULL;
    }
    Py_DECREF(inner); /* the wrapper owns it */
    return PyFunction_Check(inner) ? inner : NULL;
}

/* The same machinery made both, namedtuple() for example, each time the body ran. */
static int
both_generated(const rs_unit *u, PyObject *live, PyObject *donor)
{
    PyObject *a = plain_function(live), *b = plain_function(donor);
    if (a == NULL || b == NULL || !is_generated(u, a) || !is_generated(u, b)) {
        return 0;
    }
    a = RS_FUNCTION(a)->func_code;
    b = RS_FUNCTION(b)->func_code;
    return rs_same_text(RS_CODE(a)->co_filename, RS_CODE(b)->co_filename) &&
           rs_same_text(RS_CODE(a)->co_qualname, RS_CODE(b)->co_qualname);
}

/* Is `donor` a value that another updated module has a name for? 2 if `live` is what that
 * name means now, so that the binding only follows. */
static int
comes_from_unit(const rs_session *s, const rs_unit *unit, PyObject *live,
                PyObject *donor)
{
    int found = 0;
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        Py_ssize_t pos = 0;
        PyObject *name, *value;
        while (&s->units[i] != unit &&
               PyDict_Next(s->units[i].scratch, &pos, &name, &value)) {
            if (value != donor) {
                continue;
            }
            if (PyDict_GetItemWithError(s->units[i].live, name) == live) {
                return 2;
            }
            found = 1;
        }
    }
    return found;
}

/* Did the program, not a source, bind the name to what is live there? 1, 0, -1. */
static int
put_at_run_time(rs_session *s, const rs_scope *scope, PyObject *name,
                PyObject *qualname, PyObject *live, PyObject *donor, int kind)
{
    const rs_unit *u = scope->unit;
    PyObject *old_body = rs_body_of(u->known_code, scope->prefix);
    int from_unit = kind == RS_KIND_BINDING ? comes_from_unit(s, u, live, donor) : 0;
    if (from_unit == 2 || s->hot != NULL) {
        return 0;
    }
    if (rs_is_foreign(s, u, live) && !both_generated(u, live, donor)) {
        int bound = scope->live_type == NULL ? rs_importers_bound(s, u, name, live) : 0;
        if (bound <= 0) {
            return bound < 0 ? -1 : 1;
        }
    }
    if (kind == RS_KIND_DEFINITION && !rs_stands_for_code(s, scope, qualname, live)) {
        /* the old source had a definition there, and now there is data */
        return rs_body_defines(old_body, qualname);
    }
    if (kind == RS_KIND_BINDING && !from_unit) {
        /* nothing changed in the source that could have changed the binding */
        return rs_body_is_same(old_body, rs_body_of(u->code, scope->prefix));
    }
    return 0;
}

/* Did the unit's own code define `live` under this qualified name? */
int
rs_names_is_own(const rs_session *s, const rs_scope *scope, PyObject *qualname,
                PyObject *live)
{
    if (PyType_Check(live)) {
        return rs_class_made_by(s, live, scope->unit->name) &&
               rs_same_text(RS_HEAPTYPE(live)->ht_qualname, qualname);
    }
    return rs_find_definition(live, scope->unit->live, qualname) != NULL;
}

/* Does the function that is live become the inner one of an object that is called instead
 * of it (lru_cache, a decorator that is a class)? What a descriptor gives is the function. */
static int
is_wrapped_now(const rs_session *s, const rs_scope *scope, PyObject *qualname,
               PyObject *live, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    return PyFunction_Check(live) && !PyFunction_Check(value) &&
           type->tp_call != NULL && type != &PyStaticMethod_Type &&
           type != &PyClassMethod_Type && rs_idmap_has(&s->young, value) &&
           rs_find_definition(value, scope->unit->scratch, qualname) != NULL;
}

/* A definition that is another object now: its holders follow (kinds.c). A function whose
 * code something else took over follows by itself, but what wraps it now would be missing
 * there. */
static int
note_replaced(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *qualname,
              PyObject *live, PyObject *value)
{
    int result;
    PyObject *full;
    int own = rs_came_from_source(s, scope, name, qualname, live);
    if (own <= 0 || rs_select_is_apart(scope->unit, value) || PyType_Check(live) ||
        (rs_idmap_has(&s->claimed, live) &&
         !is_wrapped_now(s, scope, qualname, live, value)) ||
        PyModule_Check(live) || !rs_names_is_own(s, scope, qualname, live)) {
        return own < 0 ? -1 : 0;
    }
    full = PyTuple_Pack(2, scope->unit->name, qualname);
    result = full == NULL || rs_idmap_set(&s->replaced, live, value) < 0
                 ? -1
                 : rs_idmap_set(&s->replaced_names, live, full);
    Py_XDECREF(full);
    return result;
}

static int
plan_other(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *qualname,
           PyObject *live, PyObject *donor, int kind)
{
    int foreign;
    PyObject *value = rs_session_live(s, donor);
    if (kind == RS_KIND_BINDING) {
        value = bound_value(s, scope, name, donor);
    }
    if (value == NULL) {
        return -1;
    }
    if (value == live || (kind == RS_KIND_BINDING && rs_same_literal(value, live)) ||
        (PyFunction_Check(value) && PyFunction_Check(live) &&
         is_generated(scope->unit, value) && rs_function_same(s, live, value))) {
        return 0;
    }
    foreign = put_at_run_time(s, scope, name, qualname, live, donor, kind);
    if (foreign < 0) {
        return -1;
    }
    if (foreign) {
        return rs_change(s, scope->unit, qualname, word_for_kind(kind, donor), "kept",
                         line_of(s, scope, name, donor),
                         "the live value was put there at run time") < 0
                   ? -1
               : kind == RS_KIND_DEFINITION
                   ? rs_warn_cover(s, scope, qualname, donor,
                                   line_of(s, scope, name, donor))
                   : 0;
    }
    if (note_replaced(s, scope, name, qualname, live, value) < 0 ||
        rebind(s, scope, name, live, value) < 0 ||
        rs_change(s, scope->unit, qualname, word_for_kind(kind, donor), "rebound",
                  line_of(s, scope, name, donor), NULL) < 0) {
        return -1;
    }
    return 1;
}

static int
plan_new(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *qualname,
         PyObject *donor, int kind)
{
    PyObject *value = kind == RS_KIND_BINDING ? bound_value(s, scope, name, donor)
                                              : rs_session_live(s, donor);
    if (value == NULL || rs_names_set(s, scope, name, value) < 0 ||
        rs_change(s, scope->unit, qualname, word_for_kind(kind, donor), "added",
                  line_of(s, scope, name, donor), NULL) < 0) {
        return -1;
    }
    return 1;
}

int
rs_names_plan(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *donor)
{
    int kind, was_code = 0, result = -1;
    PyObject *live = PyDict_GetItemWithError(scope->live, name);
    PyObject *qualname = rs_scope_qualname(scope, name);
    if (qualname == NULL) {
        return -1;
    }
    kind = rs_kind_of(s, scope, name, qualname, donor);
    if (kind < 0) {
        goto done;
    }
    if (live != NULL && kind == RS_KIND_DATA) {
        was_code = rs_came_from_source(s, scope, name, qualname, live);
        if (was_code < 0) {
            goto done;
        }
    }
    if (live == NULL) {
        result = plan_new(s, scope, name, qualname, donor, kind);
    } else if (kind == RS_KIND_DATA && !was_code) {
        result = plan_data(s, scope, name, qualname, live, donor);
    } else {
        result = plan_other(s, scope, name, qualname, live, donor, kind);
    }
done:
    Py_DECREF(qualname);
    return result;
}

/* ---- modules ---- */

/* Doc and annotations always come from the whole new source (rule 13). */
static int
plan_module_machinery(rs_session *s, const rs_scope *scope)
{
    const rs_names *n = &s->st->names;
    PyObject *follow[] = {n->__doc__,      n->__annotations__,
                          n->__annotate__, n->__conditional_annotations__,
                          n->_reload_data, n->_reload_all_data,
                          n->_del_func};
    for (size_t i = 0; i < sizeof(follow) / sizeof(follow[0]); i++) {
        PyObject *donor = PyDict_GetItemWithError(scope->donor, follow[i]);
        PyObject *live = PyDict_GetItemWithError(scope->live, follow[i]);
        PyObject *value = donor != NULL ? rs_session_live(s, donor) : NULL;
        if (donor == NULL && scope->unit->parts &&
            !(follow[i] == n->__annotations__ && scope->unit->selection->annotated) &&
            !rs_select_is_gone(scope->unit, follow[i])) {
            continue;
        }
        if (value == live || rs_same_literal(value, live)) {
            continue;
        }
        if (rs_names_set(s, scope, follow[i], value) < 0 ||
            (i == 0 && rs_change(s, scope->unit, NULL, "module", "updated", 1,
                                 "docstring") < 0)) {
            return -1;
        }
    }
    return 0;
}

static int
plan_module(rs_session *s, const rs_scope *scope, PyObject *new_names,
            PyObject *old_names)
{
    Py_ssize_t pos = 0;
    PyObject *name, *value;
    while (PyDict_Next(new_names, &pos, &name, &value)) {
        if (PyUnicode_CheckExact(name) && !rs_scope_is_special(scope, name) &&
            rs_names_plan(s, scope, name, value) < 0) {
            return -1;
        }
    }
    if (scope->unit->parts) {
        return rs_names_plan_gone(s, scope) < 0 ? -1 : plan_module_machinery(s, scope);
    }
    pos = 0;
    while (PyDict_Next(old_names, &pos, &name, &value)) {
        if (PyUnicode_CheckExact(name) && !rs_scope_is_special(scope, name) &&
            PyDict_GetItemWithError(new_names, name) == NULL &&
            rs_names_drop(s, scope, name, value) < 0) {
            return -1;
        }
    }
    return plan_module_machinery(s, scope);
}

int
rs_names_plan_modules(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        rs_scope scope = rs_scope_of_unit(&s->units[i]);
        /* copies: importers' sources are read meanwhile, and other threads run then */
        PyObject *new_names = PyDict_Copy(scope.donor);
        PyObject *old_names = PyDict_Copy(scope.live);
        int result = new_names == NULL || old_names == NULL
                         ? -1
                         : plan_module(s, &scope, new_names, old_names);
        Py_XDECREF(new_names);
        Py_XDECREF(old_names);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}
