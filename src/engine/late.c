#include "late.h"

#include <assert.h>

#include "op.h"
#include "weaklist.h"

/* ---- which ones? ---- */

typedef struct {
    rs_young *young;
    rs_idmap interval;
    rs_idmap wanted; /* what may be late */
    rs_refcounts counts;
} late_arg;

static int
collect(PyObject *op, void *arg)
{
    return rs_idmap_set(arg, op, op) < 0 ? -1 : 1;
}

static void
clear(late_arg *late)
{
    rs_refcounts_clear(&late->counts);
    rs_idmap_clear(&late->wanted);
    rs_idmap_clear(&late->interval);
}

static int
is_hashed_by_items(PyObject *op)
{
    return PyTuple_Check(op) || PyFrozenSet_Check(op);
}

/* Weak references are in `wanted` already; around them and around donors there are tuples,
 * around these others. */
static int
has_wanted(const late_arg *late, PyObject *op)
{
    const rs_idmap *map = &late->young->map;
    int is_instance = PyType_HasFeature(Py_TYPE(op), Py_TPFLAGS_HEAPTYPE) &&
                      rs_idmap_has(map, Py_TYPE(op));
    return rs_holder_refs(op, map) > is_instance ||
           rs_holder_refs(op, &late->wanted) != 0;
}

static int
collect_compounds(late_arg *late)
{
    Py_ssize_t known;
    do {
        known = late->wanted.used;
        for (Py_ssize_t i = 0; i < late->interval.used; i++) {
            PyObject *op = late->interval.entries[i].key;
            if (is_hashed_by_items(op) && !rs_idmap_has(&late->wanted, op) &&
                !rs_young_is_part(late->young, op) && has_wanted(late, op) &&
                rs_idmap_set(&late->wanted, op, op) < 0) {
                return -1;
            }
        }
    } while (late->wanted.used != known);
    return 0;
}

/* Does somebody refer to it who is not young? */
static int
is_held(const late_arg *late, Py_ssize_t i)
{
    const rs_session *s = late->young->s;
    PyObject *op = late->wanted.entries[i].key;
    Py_ssize_t known = late->counts.n[i] + rs_session_holds_by_index(s, op);
    known += 2; /* late->wanted */
    known += 2 * rs_idmap_has(&late->interval, op);
    known += rs_idmap_has(&late->young->map, op);
    known += 2 * rs_idmap_has(&late->young->parts, op);
    known += rs_weakref_registrations(op, &late->interval);
    return Py_REFCNT(op) > known;
}

/* What contains something late is late. */
static int
add_outer(const late_arg *late)
{
    rs_idmap *found = &late->young->s->late;
    Py_ssize_t known;
    do {
        known = found->used;
        for (Py_ssize_t i = 0; i < late->wanted.used; i++) {
            PyObject *op = late->wanted.entries[i].key;
            if (is_hashed_by_items(op) && !rs_idmap_has(found, op) &&
                rs_holder_refs(op, found) != 0 && rs_idmap_set(found, op, op) < 0) {
                return -1;
            }
        }
    } while (found->used != known);
    return 0;
}

/* Adds those of late->wanted to `held` (which has not been among what holds them). */
static int
add_held(late_arg *late, rs_idmap *held)
{
    const rs_session *s = late->young->s;
    rs_idmap found = {0};
    Py_ssize_t pos = 0;
    PyObject *op;
    int result = 0;
    for (Py_ssize_t i = 0; i < late->interval.used; i++) {
        rs_refcounts_add(&late->counts, late->interval.entries[i].key);
    }
    rs_session_visit_lists(s, rs_refcounts_one, &late->counts);
    for (Py_ssize_t i = 0; result == 0 && i < late->wanted.used; i++) {
        if (is_held(late, i)) {
            op = late->wanted.entries[i].key;
            result = rs_idmap_set(&found, op, op);
        }
    }
    while (result == 0 && rs_idmap_next(&found, &pos, &op, NULL)) {
        result = rs_idmap_set(held, op, op);
    }
    rs_idmap_clear(&found);
    return result;
}

int
rs_late_find(rs_young *young)
{
    late_arg late = {young, {0}, {0}, {NULL, NULL}};
    int result = -1;
    rs_idmap_clear(&young->s->late);
    if (rs_weakrefs_collect(young, &late.wanted) < 0 ||
        rs_heap_interval(young->s, collect, &late.interval) < 0 ||
        collect_compounds(&late) < 0) {
        goto done;
    }
    if (late.wanted.used == 0) {
        result = 0;
        goto done;
    }
    if (rs_refcounts_init(&late.counts, &late.wanted) == 0 &&
        add_held(&late, &young->s->late) == 0 && add_outer(&late) == 0) {
        result = 0;
    }
done:
    clear(&late);
    return result;
}

/* ---- what becomes of them ---- */

/* The operation that was just planned is carried out: what contains its target depends on
 * it. */
static void
carry_out(rs_session *s)
{
    for (; s->late_end < s->journal.used; s->late_end++) {
        int result = rs_op_value_do(&s->journal.ops[s->late_end]);
        assert(result == 0);
        (void)result;
    }
}

static int
plan_weakref(const rs_young *young, PyObject *ref)
{
    PyObject *from = rs_weakref_referent(ref);
    PyObject *to = from != NULL ? rs_idmap_get(&young->map, from) : NULL;
    return to != NULL ? rs_plan_weakref(&young->s->journal, ref, to) : 0;
}

static int
plan_frozenset(const rs_young *young, PyObject *set, PyObject *members)
{
    PyObject *fresh;
    int result = -1;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(members); i++) {
        PyObject *to = rs_mapped(&young->map, PyList_GET_ITEM(members, i));
        PyList_SetItem(members, i, Py_NewRef(to));
    }
    fresh = PyFrozenSet_New(members);
    if (fresh != NULL) {
        result = rs_plan_body_derived(&young->s->journal, set, fresh);
    }
    Py_XDECREF(fresh);
    return result;
}

/* Inner ones first. */
static int
plan_compound(const rs_young *young, PyObject *op, rs_idmap *planned)
{
    rs_rewrite r = {.st = young->s->st, .map = &young->map, .j = &young->s->journal};
    PyObject *items;
    int result = 0;
    if (!is_hashed_by_items(op) || !rs_idmap_has(&young->s->late, op) ||
        rs_idmap_has(planned, op)) {
        return 0;
    }
    items = PyTuple_Check(op) ? PyTuple_GetSlice(op, 0, PY_SSIZE_T_MAX) : NULL;
    Py_XSETREF(items, PySequence_List(items != NULL ? items : op));
    if (items == NULL || rs_idmap_set(planned, op, op) < 0) {
        result = -1;
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(items); i++) {
        result = plan_compound(young, PyList_GET_ITEM(items, i), planned);
    }
    if (result == 0) {
        result = PyTuple_Check(op) ? rs_rewrite_items(&r, op)
                                   : plan_frozenset(young, op, items);
        carry_out(young->s);
    }
    Py_XDECREF(items);
    return result;
}

int
rs_late_plan(rs_young *young)
{
    rs_session *s = young->s;
    rs_idmap planned = {0};
    Py_ssize_t pos = 0;
    PyObject *op;
    int result = 0;
    s->late_first = s->late_end = s->journal.used;
    while (result == 0 && rs_idmap_next(&s->late, &pos, &op, NULL)) {
        result = PyWeakref_Check(op) ? plan_weakref(young, op) : 0;
    }
    carry_out(s);
    for (Py_ssize_t i = s->late_first; i < s->late_end; i++) {
        rs_weaklist_rehash(s->journal.ops[i].target, s->journal.ops[i].index);
    }
    pos = 0;
    while (result == 0 && rs_idmap_next(&s->late, &pos, &op, NULL)) {
        result = plan_compound(young, op, &planned);
    }
    rs_late_close(s);
    rs_idmap_clear(&planned);
    return result;
}

void
rs_late_open(rs_session *s)
{
    for (Py_ssize_t i = s->late_first; i < s->late_end; i++) {
        int result = rs_op_value_do(&s->journal.ops[i]);
        assert(result == 0); /* a word, a weak reference or a frozenset's table */
        (void)result;
    }
}

void
rs_late_close(rs_session *s)
{
    for (Py_ssize_t i = s->late_end - 1; i >= s->late_first; i--) {
        int result = rs_op_value_undo(&s->journal.ops[i]);
        assert(result == 0);
        (void)result;
    }
}

/* ---- who finds them by hash? ---- */

int
rs_late_held(rs_young *young, rs_idmap *held)
{
    const rs_session *s = young->s;
    late_arg late = {young, {0}, {0}, {NULL, NULL}};
    Py_ssize_t pos = 0;
    PyObject *op;
    int result = -1;
    while (rs_idmap_next(&s->late, &pos, &op, NULL)) {
        if (rs_idmap_set(held, op, op) < 0) {
            return -1;
        }
    }
    pos = 0;
    while (rs_idmap_next(&s->changed, &pos, &op, NULL)) {
        if (rs_idmap_set(&late.wanted, op, op) < 0) {
            goto done;
        }
    }
    if (rs_heap_interval(young->s, collect, &late.interval) == 0 &&
        rs_refcounts_init(&late.counts, &late.wanted) == 0 &&
        add_held(&late, held) == 0) {
        result = 0;
    }
done:
    clear(&late);
    return result;
}
