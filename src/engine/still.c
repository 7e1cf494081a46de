#include "still.h"

#include <marshal.h>

#include "fromimports.h"
#include "lookup.h"
#include "room.h"
#include "same.h"
#include "scope.h"
#include "select.h"

#define TODO "Prepare the update again."

/* All but unit owned. */
typedef struct {
    const rs_unit *unit;
    PyObject *prefix; /* qualified name of a class, or NULL */
    PyObject *dict;   /* NULL: `name` is a qualified name in the module */
    PyObject *name;
    PyObject *live; /* the object, or (is_literal) a copy of what it said */
    int is_literal;
} binding;

struct rs_still {
    binding *bindings;
    Py_ssize_t used, room;
};

/* ---- noting ---- */

static int
add(struct rs_still *still, const rs_scope *scope, PyObject *name, PyObject *live,
    int is_literal)
{
    binding *b;
    binding *more = rs_room(still->bindings, still->used, &still->room,
                            sizeof(binding));
    if (more == NULL) {
        return -1;
    }
    still->bindings = more;
    b = &still->bindings[still->used++];
    b->unit = scope->unit;
    b->prefix = Py_XNewRef(scope->prefix);
    b->dict = Py_XNewRef(scope->live);
    b->name = Py_NewRef(name);
    b->live = Py_NewRef(live);
    b->is_literal = is_literal;
    return 0;
}

/* Does it take its new value because the program had not changed the old one? */
static int
is_merged(const rs_session *s, const rs_scope *scope, PyObject *qualname)
{
    PyObject *full;
    int named;
    if (scope->unit->policy != RS_POLICY_MERGE ||
        rs_select_verdict(scope->unit, qualname) != RS_VERDICT_TAKE) {
        return 0;
    }
    full = PyUnicode_FromFormat("%U.%U", scope->unit->name, qualname);
    named = full != NULL ? PySet_Contains(s->take, full) : -1;
    Py_XDECREF(full);
    return named < 0 ? -1 : !named;
}

/* A copy of a literal, of new objects; NULL without an exception: it is none. */
static PyObject *
copy_literal(PyObject *live)
{
    PyObject *copy = NULL,
             *bytes = PyMarshal_WriteObjectToString(live, Py_MARSHAL_VERSION);
    if (bytes != NULL) {
        copy = PyMarshal_ReadObjectFromString(PyBytes_AS_STRING(bytes),
                                              PyBytes_GET_SIZE(bytes));
        Py_DECREF(bytes);
    }
    if (copy == NULL && PyErr_ExceptionMatches(PyExc_ValueError)) {
        PyErr_Clear(); /* an object of another kind is inside */
    }
    return copy;
}

static int
note_literal(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *live)
{
    PyObject *copy = NULL, *qualname = rs_scope_qualname(scope, name);
    int result = qualname != NULL ? is_merged(s, scope, qualname) : -1;
    if (result == 1) {
        copy = copy_literal(live);
        result = copy == NULL && PyErr_Occurred() ? -1 : 0;
        if (copy != NULL && rs_same_literal(live, copy)) {
            result = add(s->still, scope, name, copy, 1);
        }
    }
    Py_XDECREF(copy);
    Py_XDECREF(qualname);
    return result;
}

/* Was `live` chosen because it has that name? */
static int
is_matched(const rs_session *s, PyObject *donor, PyObject *live)
{
    return donor != live && !rs_is_atom(live) &&
           (rs_idmap_get(&s->map, donor) == live || rs_idmap_has(&s->claimed, live) ||
            rs_idmap_has(&s->rewraps, live) || rs_idmap_has(&s->bodies, live));
}

static int
note_scope(rs_session *s, const rs_scope *scope)
{
    Py_ssize_t pos = 0;
    PyObject *name, *donor;
    while (PyDict_Next(scope->donor, &pos, &name, &donor)) {
        PyObject *live = PyUnicode_CheckExact(name)
                             ? PyDict_GetItemWithError(scope->live, name)
                             : NULL;
        if (live == NULL && PyErr_Occurred()) {
            return -1;
        }
        if (live == NULL || live == donor) {
            continue;
        }
        if ((is_matched(s, donor, live) && add(s->still, scope, name, live, 0) < 0) ||
            note_literal(s, scope, name, live) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
note_unit(rs_session *s, rs_unit *u)
{
    rs_scope scope = rs_scope_of_unit(u);
    int result = note_scope(s, &scope);
    for (Py_ssize_t i = 0; result == 0 && u->parts && i < u->selection->n_shells; i++) {
        scope = rs_scope_of_shell(u, &u->selection->shells[i]);
        if (scope.donor != NULL) {
            result = note_scope(s, &scope);
        }
    }
    return result;
}

/* What is found under the qualified name of a definition: it, or what wraps it. */
static int
note_pair(rs_session *s, const rs_pair *pair)
{
    rs_scope scope = {.unit = pair->unit};
    PyObject *live = rs_live_definition(pair->unit, pair->qualname);
    return live != NULL ? add(s->still, &scope, pair->qualname, live, 0) : 0;
}

int
rs_still_note(rs_session *s)
{
    s->serial = s->st->serial;
    s->still = PyMem_Calloc(1, sizeof(struct rs_still));
    if (s->still == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (note_unit(s, &s->units[i]) < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < s->n_pairs; i++) {
        const rs_pair *pair = &s->pairs[i];
        rs_scope scope;
        if (note_pair(s, pair) < 0) {
            return -1;
        }
        if (pair->kind != RS_PAIR_CLASS) {
            continue;
        }
        scope = rs_scope_of_class(pair->unit, pair->live, pair->donor);
        scope.prefix = pair->qualname;
        if (note_scope(s, &scope) < 0) {
            return -1;
        }
    }
    return 0;
}

void
rs_still_forget(rs_session *s)
{
    struct rs_still *still = s->still;
    s->still = NULL;
    for (Py_ssize_t i = 0; still != NULL && i < still->used; i++) {
        Py_XDECREF(still->bindings[i].prefix);
        Py_XDECREF(still->bindings[i].dict);
        Py_DECREF(still->bindings[i].name);
        Py_DECREF(still->bindings[i].live);
    }
    if (still != NULL) {
        PyMem_Free(still->bindings);
        PyMem_Free(still);
    }
}

/* ---- checking ---- */

/* A definition is noted by its name, and by its qualified one. */
static int
is_refused(const rs_session *s, const rs_unit *u, PyObject *qualname)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(s->refusals); i++) {
        PyObject *reason = PyList_GET_ITEM(s->refusals, i);
        if (rs_same_text(PyStructSequence_GetItem(reason, 1), u->name) &&
            rs_same_text(PyStructSequence_GetItem(reason, 2), qualname)) {
            return 1;
        }
    }
    return 0;
}

static int
check_binding(rs_session *s, const binding *b)
{
    rs_scope scope = {.unit = (rs_unit *)(uintptr_t)b->unit, .prefix = b->prefix};
    PyObject *qualname, *now = b->dict != NULL
                                   ? PyDict_GetItemWithError(b->dict, b->name)
                                   : rs_live_definition(b->unit, b->name);
    int result;
    if (b->is_literal ? rs_same_literal(now, b->live) : now == b->live) {
        return 0;
    }
    if (PyErr_Occurred()) {
        return -1;
    }
    qualname = rs_scope_qualname(&scope, b->name);
    if (qualname == NULL) {
        return -1;
    }
    if (is_refused(s, b->unit, qualname)) {
        Py_DECREF(qualname);
        return 0;
    }
    result = rs_refuse(s, "RSL403", b->unit, qualname, 0, TODO,
                       b->is_literal
                           ? "since the update was prepared the program has changed "
                             "the value that was to be replaced (merge)"
                           : "since the update was prepared the name means something "
                             "else");
    Py_DECREF(qualname);
    return result;
}

static int
check_module(rs_session *s, const rs_unit *u)
{
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *now = PyDict_GetItemWithError(modules, u->name);
    if (now == NULL && PyErr_Occurred()) {
        return -1;
    }
    return now == u->module
               ? 0
               : rs_refuse(s, "RSL403", u, NULL, 0, TODO,
                           "since the update was prepared another module has taken its "
                           "place in sys.modules");
}

static int
is_listed(PyObject *tuple, PyObject *text)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        if (rs_same_text(PyTuple_GET_ITEM(tuple, i), text)) {
            return 1;
        }
    }
    return 0;
}

/* Is `module` among the values of what rs_fromimports_of gives, itself or as a name in its
 * package? 1, 0, -1. */
static int
is_from_imported(PyObject *table, PyObject *module)
{
    Py_ssize_t pos = 0;
    PyObject *places;
    while (PyDict_Next(table, &pos, NULL, &places)) {
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(places); i++) {
            PyObject *place = PyList_GET_ITEM(places, i); /* (module, name) */
            PyObject *full;
            int same;
            if (rs_same_text(PyTuple_GET_ITEM(place, 0), module)) {
                return 1;
            }
            full = PyUnicode_FromFormat("%U.%U", PyTuple_GET_ITEM(place, 0),
                                        PyTuple_GET_ITEM(place, 1));
            if (full == NULL) {
                return -1;
            }
            same = rs_same_text(full, module);
            Py_DECREF(full);
            if (same) {
                return 1;
            }
        }
    }
    return 0;
}

/* May the unit's body have read something of `module`? 1, 0, -1. */
static int
imports(rs_session *s, const rs_unit *u, PyObject *module)
{
    PyObject *package, *table;
    int result;
    if (u->code == NULL || is_listed(RS_CODE(u->code)->co_names, module)) {
        return 1;
    }
    package = PyDict_GetItemWithError(u->live, s->st->names.__package__);
    if (package == NULL && PyErr_Occurred()) {
        return -1;
    }
    if (package != NULL && !PyUnicode_Check(package)) {
        package = NULL;
    }
    table = rs_fromimports_of(u->code, package);
    if (table == NULL) {
        return -1;
    }
    result = is_from_imported(table, module);
    Py_DECREF(table);
    return result;
}

static int
check_updated(rs_session *s, PyObject *module, const rs_unit *own)
{
    if (own != NULL) {
        return rs_refuse(s, "RSL403", own, NULL, 0, TODO,
                         "since the update was prepared the module was updated");
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        const rs_unit *u = &s->units[i];
        int result = imports(s, u, module);
        if (result == 1) {
            result = rs_refuse(s, "RSL403", u, NULL, 0, TODO,
                               "since the update was prepared %U was updated, which it "
                               "imports",
                               module);
        }
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

static int
check_updates(rs_session *s)
{
    Py_ssize_t pos = 0;
    PyObject *module, *serial;
    if (s->st->lost_serial > s->serial) {
        return rs_refuse(s, "RSL403", NULL, NULL, 0, TODO,
                         "since the update was prepared another one was made, and for "
                         "want of memory nobody knows of what");
    }
    while (PyDict_Next(s->st->updated, &pos, &module, &serial)) {
        if (PyLong_AsSsize_t(serial) > s->serial &&
            check_updated(s, module, rs_session_unit_by_name(s, module)) < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_still_check(rs_session *s)
{
    const struct rs_still *still = s->still;
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (check_module(s, &s->units[i]) < 0) {
            return -1;
        }
    }
    if (check_updates(s) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < still->used; i++) {
        if (check_binding(s, &still->bindings[i]) < 0) {
            return -1;
        }
    }
    if (PyList_GET_SIZE(s->refusals) != 0) {
        rs_raise_refusals(s);
        return -1;
    }
    rs_still_forget(s); /* a plan explains all references to live objects */
    return 0;
}

/* ---- after a commit ---- */

int
rs_still_committed(rs_session *s)
{
    rs_state *st = s->st;
    PyObject *serial = PyLong_FromSsize_t(++st->serial);
    int result = serial != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < s->n_units; i++) {
        result = PyDict_SetItem(st->updated, s->units[i].name, serial);
    }
    Py_XDECREF(serial);
    if (result < 0) {
        st->lost_serial = st->serial;
    }
    return result;
}
