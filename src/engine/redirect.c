#include "redirect.h"

#include "function.h"
#include "late.h"
#include "op.h"
#include "select.h"

/* ---- donors and their parts ---- */

static int
map_pair(rs_young *young, PyObject *from, PyObject *to)
{
    return from != NULL && to != NULL && from != to
               ? rs_idmap_set(&young->map, from, to)
               : 0;
}

static int
add_part(rs_young *young, PyObject *op)
{
    return op != NULL ? rs_idmap_set(&young->parts, op, op) : 0;
}

/* A class keeps its namespace; the cell `__classdict__` in which annotations are evaluated
 * refers to that of the donor (hazard 12). */
static int
open_class(rs_young *young, PyTypeObject *donor, PyTypeObject *live)
{
    PyObject *from = PyType_GetDict(donor), *to = PyType_GetDict(live);
    int result = -1;
    if (
#ifndef RS_WITHOUT_CURE_12
        map_pair(young, from, to) < 0 ||
#endif
        add_part(young, from) < 0 || add_part(young, (PyObject *)donor) < 0) {
        goto done;
    }
    result = 0;
done:
    Py_XDECREF(from);
    Py_XDECREF(to);
    return result;
}

/* What a class computes from its bases changes with them. */
static int
add_lineage(PyObject *op, void *arg)
{
    rs_young *young = arg;
    const PyTypeObject *type = RS_TYPE(op);
    if (PyType_Check(op) &&
        (add_part(young, type->tp_mro) < 0 || add_part(young, type->tp_bases) < 0 ||
         add_part(young, rs_type_subclasses(type)) < 0)) {
        return -1;
    }
    return 1;
}

int
rs_young_open(rs_young *young, rs_session *s)
{
    Py_ssize_t pos = 0;
    PyObject *donor, *live;
    *young = (rs_young){.s = s};
    while (rs_idmap_next(&s->map, &pos, &donor, &live)) {
        if (map_pair(young, donor, live) < 0) {
            return -1;
        }
        if (PyType_Check(donor) && PyType_Check(live) &&
            open_class(young, RS_TYPE(donor), RS_TYPE(live)) < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        const rs_unit *u = &s->units[i];
        if (s->hot != NULL) {
            break; /* the snippet's namespace lives on */
        }
        if (map_pair(young, u->scratch, u->live) < 0 ||
            add_part(young, u->scratch) < 0 || add_part(young, u->scratch_module) < 0) {
            return -1;
        }
        for (Py_ssize_t k = 0; u->parts && k < u->selection->n_shells; k++) {
            PyObject *space = u->selection->shells[k].space;
            if (space != NULL && add_part(young, space) < 0) {
                return -1;
            }
        }
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(s->st->graveyard); i++) {
        if (add_part(young, PyList_GET_ITEM(s->st->graveyard, i)) < 0) {
            return -1;
        }
    }
    if (map_pair(young, s->builtins, PyEval_GetBuiltins()) < 0 ||
        add_part(young, s->builtins) < 0) {
        return -1;
    }
    return rs_heap_interval(s, add_lineage, young);
}

void
rs_young_close(rs_young *young)
{
    rs_idmap_clear(&young->map);
    rs_idmap_clear(&young->parts);
}

/* Descriptors of the layout of a donor can't serve another class (hazard 10). */
static int
is_layout(const rs_young *young, PyObject *op)
{
    return (Py_IS_TYPE(op, &PyMemberDescr_Type) ||
            Py_IS_TYPE(op, &PyGetSetDescr_Type)) &&
           rs_idmap_has(&young->parts, ((PyDescrObject *)op)->d_type);
}

int
rs_young_is_part(const rs_young *young, PyObject *op)
{
    return rs_idmap_has(&young->parts, op) || is_layout(young, op);
}

/* ---- which objects hold references? ---- */

typedef struct {
    const rs_young *young;
    rs_idmap holders;   /* by their contents */
    rs_idmap instances; /* by their class */
    rs_idmap classes;   /* all young ones but donors */
} found;

/* Changed by the journal. (Of a weak reference that is only what it means.) */
static int
is_late(const rs_young *young, PyObject *op)
{
    return rs_idmap_has(&young->s->late, op) && !PyWeakref_Check(op);
}

/* Instances that the collector doesn't list are seen where they are referred to. */
static int
visit_reference(PyObject *op, void *arg)
{
    found *f = arg;
    if (!PyObject_IS_GC(op) && rs_idmap_has(&f->young->map, Py_TYPE(op)) &&
        rs_idmap_set(&f->instances, op, op) < 0) {
        return -1;
    }
    return 0;
}

static int
visit_holder(PyObject *op, void *arg)
{
    found *f = arg;
    if (rs_young_is_part(f->young, op)) {
        /* the namespace may be the only one that knows of an instance */
        return Py_TYPE(op)->tp_traverse(op, visit_reference, f) < 0 ? -1 : 1;
    }
    if (PyType_Check(op)) {
        return rs_idmap_set(&f->classes, op, op) < 0 ? -1 : 1;
    }
    if (Py_TYPE(op)->tp_traverse != NULL &&
        Py_TYPE(op)->tp_traverse(op, visit_reference, f) < 0) {
        return -1;
    }
    if (rs_idmap_has(&f->young->map, Py_TYPE(op)) &&
        rs_idmap_set(&f->instances, op, op) < 0) {
        return -1;
    }
    if (rs_holder_refs(op, &f->young->map) != 0 && !is_late(f->young, op) &&
        rs_idmap_set(&f->holders, op, op) < 0) {
        return -1;
    }
    return 1;
}

/* ---- rewriting them ---- */

static int
rewrite_contents(rs_rewrite *r, const rs_idmap *holders)
{
    Py_ssize_t pos = 0;
    PyObject *op;
    while (rs_idmap_next(holders, &pos, &op, NULL)) {
        if (
#ifdef RS_WITHOUT_CURE_11
            !PyCell_Check(op) &&
#endif
            rs_holder_rewrite(r, op) < 0) {
            return -1;
        }
    }
    return 0;
}

static void
replace(PyObject **slot, PyObject *value)
{
    PyObject *old = *slot;
    *slot = Py_NewRef(value);
    Py_DECREF(old);
}

/* The scratch namespace outlives this: its unit owns it (T6). Call sites may keep what they
 * know of the function, but not what the JIT folded into them (hazard 6): the commit
 * empties its caches. */
static void
adopt_function(const rs_young *young, PyObject *func)
{
    const rs_session *s = young->s;
    const rs_unit *u = rs_session_unit_by_scratch(s, RS_FUNCTION(func)->func_globals);
    uint32_t version = rs_fn_version_if_codes(func);
    int private = RS_FUNCTION(func)->func_builtins == s->builtins;
    if (u == NULL && !private) {
        return;
    }
    if (u != NULL) {
        replace(&RS_FUNCTION(func)->func_globals, u->live);
    }
    if (private) {
        replace(&RS_FUNCTION(func)->func_builtins,
                u != NULL ? rs_unit_builtins(s, u) : PyEval_GetBuiltins());
    }
    rs_fn_clear_version(func);
    if (version != 0) {
        rs_fn_set_version(func, version);
    }
}

static void
adopt_functions(const rs_young *young)
{
    Py_ssize_t pos = 0;
    PyObject *op;
    while (rs_idmap_next(&young->s->young, &pos, &op, NULL)) {
        if (PyFunction_Check(op)) {
            adopt_function(young, op);
        }
    }
}

static int
reclass(rs_rewrite *r, const rs_idmap *instances)
{
    Py_ssize_t pos = 0;
    PyObject *op;
    while (rs_idmap_next(instances, &pos, &op, NULL)) {
        if (rs_holder_reclass(r, op) < 0) {
            return -1;
        }
    }
    return 0;
}

/* New classes with donors among their bases, or made by one. Their namespaces were written
 * behind their backs. */
static int
rewrite_classes(rs_rewrite *r, const rs_idmap *classes)
{
    Py_ssize_t pos = 0;
    PyObject *op;
    while (rs_idmap_next(classes, &pos, &op, NULL)) {
        if (rs_holder_rewrite(r, op) < 0 || rs_holder_reclass(r, op) < 0) {
            return -1;
        }
        PyType_Modified(RS_TYPE(op));
    }
    return 0;
}

/* Contents first, while classes and functions are still those of the donors: containers
 * are rebuilt with their __hash__ and __eq__, which are the new ones, in the namespace in
 * which they were made. */
int
rs_redirect_young(rs_session *s)
{
    rs_young young;
    rs_idmap changed = {0};
    found f = {&young, {0}, {0}, {0}};
    rs_rewrite now = {.st = s->st, .map = &young.map, .rehash = &changed};
    rs_rewrite planned = {.st = s->st, .map = &young.map, .j = &s->journal};
    Py_ssize_t pos = 0;
    PyObject *op;
    int result = -1;

    if (rs_young_open(&young, s) < 0 || rs_late_find(&young) < 0 ||
        rs_retarget_weakrefs(&young, &changed) < 0 ||
        rs_heap_interval(s, visit_holder, &f) < 0 ||
        rewrite_contents(&now, &f.holders) < 0 || rs_rehash(&young, &changed) < 0) {
        goto done;
    }
    while (rs_idmap_next(&changed, &pos, &op, NULL)) {
        if (rs_idmap_set(&s->changed, op, op) < 0) {
            goto done;
        }
    }
    adopt_functions(&young);
    if (reclass(&now, &f.instances) < 0 || rewrite_classes(&planned, &f.classes) < 0) {
        goto done;
    }
    result = 0;
done:
    rs_idmap_clear(&changed);
    rs_idmap_clear(&f.holders);
    rs_idmap_clear(&f.instances);
    rs_idmap_clear(&f.classes);
    rs_young_close(&young);
    return result;
}

int
rs_redirect_holder(rs_session *s, PyObject *holder, const rs_idmap *map, rs_journal *j,
                   Py_ssize_t *left)
{
    rs_rewrite r = {.st = s->st, .map = map, .j = j};
    if (rs_holder_rewrite(&r, holder) < 0 || rs_holder_reclass(&r, holder) < 0) {
        return -1;
    }
    *left += r.left;
    return 0;
}
