#include "redirect.h"

#include "late.h"
#include "same.h"

/* A donor that should be unreachable by now. */
typedef struct {
    rs_young young;
    rs_idmap donors;     /* donor -> live */
    rs_refcounts counts; /* references that are explained */
    PyObject **bad;      /* a class whose instance still holds that donor; None: nobody
                             knows who does; NULL: fine. Owned */
    rs_idmap stuck;      /* young holders that can't be rewritten */
    rs_idmap moved;      /* what somebody may find by a hash that is another one now */
    rs_idmap holders;    /* live ones */
    rs_idmap namespaces; /* dict among them -> class that it belongs to */
} leftovers;

/* ---- what is explained? ---- */

static int
collect_donors(leftovers *l)
{
    const rs_session *s = l->young.s;
    Py_ssize_t pos = 0;
    PyObject *donor, *live;
    while (rs_idmap_next(&s->map, &pos, &donor, &live)) {
        /* frames may borrow a scratch namespace or the builtins: they have a graveyard */
        if (donor != live && !rs_is_immortal(donor) && !rs_is_atom(donor) &&
            donor != s->builtins && rs_session_unit_by_scratch(s, donor) == NULL &&
            rs_idmap_set(&l->donors, donor, live) < 0) {
            return -1;
        }
    }
    return 0;
}

typedef struct {
    leftovers *l;
    rs_idmap unlisted; /* instances of donors that the collector doesn't know */
} explain_arg;

static int
explain_reference(PyObject *op, void *arg)
{
    explain_arg *explain = arg;
    rs_refcounts_one(op, &explain->l->counts);
    if (!PyObject_IS_GC(op) && rs_idmap_has(&explain->l->donors, Py_TYPE(op)) &&
        rs_idmap_set(&explain->unlisted, op, op) < 0) {
        return -1;
    }
    return 0;
}

static int
explain_holder(PyObject *op, void *arg)
{
    explain_arg *explain = arg;
    leftovers *l = explain->l;
    if (Py_TYPE(op)->tp_traverse == NULL) {
        return 1;
    }
    if (Py_TYPE(op)->tp_traverse(op, explain_reference, explain) < 0) {
        return -1;
    }
    if (rs_holder_refs(op, &l->donors) != 0 && !PyType_Check(op) &&
        !rs_young_is_part(&l->young, op) && !rs_idmap_has(&l->donors, op) &&
        !rs_idmap_has(&l->young.s->late, op) && rs_idmap_set(&l->stuck, op, op) < 0) {
        return -1;
    }
    return 1;
}

/* References from young objects, from the session and from this. */
static int
explain(leftovers *l)
{
    const rs_session *s = l->young.s;
    explain_arg explained = {l, {0}};
    Py_ssize_t pos = 0;
    PyObject *op;
    int result = -1;
    if (rs_heap_interval(l->young.s, explain_holder, &explained) < 0) {
        goto done;
    }
    while (rs_idmap_next(&explained.unlisted, &pos, &op, NULL)) {
        rs_refcounts_one((PyObject *)Py_TYPE(op), &l->counts);
    }
    rs_session_visit_lists(s, rs_refcounts_one, &l->counts);
    for (Py_ssize_t i = 0; i < l->donors.used; i++) {
        PyObject *donor = l->donors.entries[i].key;
        l->counts.n[i] += rs_session_holds_by_index(s, donor);
        l->counts.n[i] += 1; /* l->donors */
        l->counts.n[i] += rs_idmap_has(&l->young.map, donor);
        l->counts.n[i] += 2 * rs_idmap_has(&l->young.parts, donor);
        l->counts.n[i] += 2 * rs_idmap_has(&l->stuck, donor);
        l->counts.n[i] += 2 * rs_idmap_has(&l->moved, donor);
    }
    result = 0;
done:
    rs_idmap_clear(&explained.unlisted);
    return result;
}

static Py_ssize_t
unexplained(const leftovers *l, Py_ssize_t i)
{
    return Py_REFCNT(l->donors.entries[i].key) - l->counts.n[i];
}

static int
any_unexplained(const leftovers *l)
{
    for (Py_ssize_t i = 0; i < l->donors.used; i++) {
        if (unexplained(l, i) > 0) {
            return 1;
        }
    }
    return 0;
}

/* ---- live holders ---- */

typedef struct {
    leftovers *l;
    rs_idmap *interval;
    Py_ssize_t *found;
} walk_arg;

static int
collect(PyObject *op, void *arg)
{
    return rs_idmap_set(arg, op, op) < 0 ? -1 : 1;
}

/* Lists find nothing by hash, but may hold a registration that was made again. */
static int
finds_moved(const leftovers *l, PyObject *op)
{
    return (PyDict_Check(op) || PySet_Check(op) || PyList_Check(op)) &&
           rs_holder_refs(op, &l->moved) != 0;
}

static int
visit_live(PyObject *op, void *arg)
{
    walk_arg *walk = arg;
    rs_refcounts found = {&walk->l->donors, walk->found};
    int has_donors = rs_holder_refs(op, &walk->l->donors) != 0;
    if ((!has_donors && !finds_moved(walk->l, op)) ||
        rs_idmap_has(walk->interval, op) || rs_young_is_part(&walk->l->young, op)) {
        return 1;
    }
    if (has_donors) {
        rs_refcounts_add(&found, op);
    }
    return rs_idmap_set(&walk->l->holders, op, op) < 0 ? -1 : 1;
}

/* A class's namespace has to be written as such. */
static int
visit_class(PyObject *op, void *arg)
{
    leftovers *l = arg;
    PyObject *dict = PyType_Check(op) ? PyType_GetDict(RS_TYPE(op)) : NULL;
    int result = 0;
    if (dict != NULL && rs_idmap_has(&l->holders, dict)) {
        result = rs_idmap_set(&l->namespaces, dict, op);
    }
    Py_XDECREF(dict);
    return result < 0 ? -1 : 1;
}

/* A young dict or set with what changes at commit among its keys. */
static int
visit_young(PyObject *op, void *arg)
{
    leftovers *l = arg;
    if ((PyDict_Check(op) || PySet_Check(op)) && !rs_young_is_part(&l->young, op) &&
        rs_holder_refs(op, &l->young.s->late) != 0) {
        return rs_idmap_set(&l->holders, op, op) < 0 ? -1 : 1;
    }
    return 1;
}

/* Is there one that the collector doesn't know, and of which a reference is missing? */
static int
may_be_untracked(const leftovers *l, const Py_ssize_t *found)
{
    for (Py_ssize_t i = 0; i < l->donors.used; i++) {
        if (!PyObject_IS_GC(l->donors.entries[i].key) && unexplained(l, i) > found[i]) {
            return 1;
        }
    }
    return 0;
}

/* One walk for all donors that somebody unknown refers to. `found` gets how many
 * references it found. */
static int
find_live_holders(leftovers *l, Py_ssize_t *found)
{
    rs_idmap interval = {0};
    walk_arg walk = {l, &interval, found};
    Py_ssize_t pos = 0;
    PyObject *op;
    int any_dict = 0, result = -1;
    if (rs_heap_interval(l->young.s, collect, &interval) < 0 ||
        rs_heap_walk(visit_live, &walk) < 0 ||
        (may_be_untracked(l, found) && rs_heap_walk_untracked(visit_live, &walk) < 0)) {
        goto done;
    }
    while (rs_idmap_next(&l->holders, &pos, &op, NULL)) {
        any_dict |= PyDict_CheckExact(op);
    }
    result = any_dict ? rs_heap_walk(visit_class, l) : 0;
done:
    rs_idmap_clear(&interval);
    return result;
}

/* ---- who is to blame? ---- */

/* The function of a suspended frame is what it runs: nobody gets at it. */
static int
runs(PyObject *op, PyObject *func)
{
    PyObject *code = NULL;
    int same;
    if (!PyFunction_Check(func) ||
        !(PyGen_CheckExact(op) || PyCoro_CheckExact(op) || PyAsyncGen_CheckExact(op))) {
        return 0;
    }
    code = (PyObject *)PyGen_GetCode((PyGenObject *)op);
    same = code == RS_FUNCTION(func)->func_code;
    Py_DECREF(code);
    return same && rs_heap_count(op, func) == 1;
}

typedef struct {
    leftovers *l;
    PyObject *holder;
} blame_arg;

static int
blame_reference(PyObject *op, void *arg)
{
    blame_arg *blame = arg;
    Py_ssize_t i = rs_idmap_find(&blame->l->donors, op);
    if (i >= 0 && blame->l->bad[i] == NULL && !runs(blame->holder, op)) {
        blame->l->bad[i] = Py_NewRef((PyObject *)Py_TYPE(blame->holder));
    }
    return 0;
}

static void
blame(leftovers *l, PyObject *holder)
{
    blame_arg blamed = {l, holder};
    Py_TYPE(holder)->tp_traverse(holder, blame_reference, &blamed);
}

/* ---- planning live holders ---- */

static int
plan_namespace(rs_rewrite *r, PyTypeObject *type, PyObject *dict)
{
    rs_idmap names = {0};
    Py_ssize_t pos = 0;
    PyObject *name, *value;
    int result = 0;
    while (result == 0 && PyDict_Next(dict, &pos, &name, &value)) {
        PyObject *to = rs_idmap_get(r->map, value);
        if (to != NULL && PyUnicode_CheckExact(name)) {
            result = rs_idmap_set(&names, name, to);
        }
    }
    pos = 0;
    while (result == 0 && rs_idmap_next(&names, &pos, &name, &value)) {
        result = rs_plan_type(r->j, type, name, value);
    }
    rs_idmap_clear(&names);
    return result;
}

static int
plan_live_holders(leftovers *l)
{
    rs_session *s = l->young.s;
    Py_ssize_t pos = 0;
    PyObject *holder;
    while (rs_idmap_next(&l->holders, &pos, &holder, NULL)) {
        rs_rewrite r = {
            .st = s->st, .map = &l->young.map, .j = &s->journal, .moved = &l->moved};
        PyObject *type = rs_idmap_get(&l->namespaces, holder);
        if (type != NULL) {
            if (plan_namespace(&r, RS_TYPE(type), holder) < 0) {
                return -1;
            }
            continue;
        }
        if (rs_holder_rewrite(&r, holder) < 0 || rs_holder_reclass(&r, holder) < 0) {
            return -1;
        }
        if (r.left != 0) {
            blame(l, holder);
        }
    }
    return 0;
}

/* ---- young holders that can't be rewritten ---- */

typedef struct {
    leftovers *l;
    rs_idmap interval;
    rs_refcounts counts;
    rs_idmap reached;
} reach_arg;

static int
reach(PyObject *op, void *arg)
{
    reach_arg *r = arg;
    if (rs_idmap_has(&r->interval, op) && !rs_idmap_has(&r->reached, op) &&
        !rs_idmap_has(&r->l->donors, op) && !rs_young_is_part(&r->l->young, op)) {
        return rs_idmap_set(&r->reached, op, op);
    }
    return 0;
}

/* Somebody who is not young refers to it: running code or a live object. */
static int
reach_held(reach_arg *r)
{
    const rs_session *s = r->l->young.s;
    rs_session_visit_lists(s, rs_refcounts_one, &r->counts);
    for (Py_ssize_t i = 0; i < r->interval.used; i++) {
        PyObject *op = r->interval.entries[i].key;
        Py_ssize_t known = r->counts.n[i] + rs_session_holds_by_index(s, op) + 2;
        known += 2 * rs_idmap_has(&r->l->young.parts, op) +
                 2 * rs_idmap_has(&r->l->stuck, op) +
                 rs_idmap_has(&r->l->young.map, op) + rs_idmap_has(&r->l->donors, op);
        if (Py_REFCNT(op) > known && reach(op, r) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Most of what can't be rewritten goes with the scratch namespace. What the journal
 * publishes or somebody else holds doesn't. */
static int
blame_stuck(leftovers *l)
{
    reach_arg r = {l, {0}, {NULL, NULL}, {0}};
    Py_ssize_t pos = 0;
    PyObject *op;
    int result = -1;
    if (l->stuck.used == 0) {
        return 0;
    }
    if (rs_heap_interval(l->young.s, collect, &r.interval) < 0 ||
        rs_refcounts_init(&r.counts, &r.interval) < 0) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < r.interval.used; i++) {
        rs_refcounts_add(&r.counts, r.interval.entries[i].key);
    }
    if (rs_journal_visit(&l->young.s->journal, reach, &r) < 0 || reach_held(&r) < 0) {
        goto done;
    }
    while (rs_idmap_next(&r.reached, &pos, &op, NULL)) {
        if (rs_idmap_has(&l->stuck, op)) {
            blame(l, op);
        }
        if (Py_TYPE(op)->tp_traverse != NULL &&
            Py_TYPE(op)->tp_traverse(op, reach, &r) < 0) {
            goto done;
        }
    }
    result = 0;
done:
    rs_refcounts_clear(&r.counts);
    rs_idmap_clear(&r.interval);
    rs_idmap_clear(&r.reached);
    return result;
}

/* ---- report ---- */

static const rs_pair *
pair_of(const rs_session *s, PyObject *donor)
{
    for (Py_ssize_t i = 0; i < s->n_pairs; i++) {
        if (s->pairs[i].donor == donor) {
            return &s->pairs[i];
        }
    }
    return NULL;
}

static int
remember(rs_session *s, PyObject *live, PyObject *donor)
{
    PyObject *pair = PyTuple_Pack(2, live, donor);
    int result = -1;
    if (s->leftovers == NULL) {
        s->leftovers = PyList_New(0);
    }
    if (pair != NULL && s->leftovers != NULL) {
        result = PyList_Append(s->leftovers, pair);
    }
    Py_XDECREF(pair);
    return result;
}

/* The unit that has it under a global name. */
static const rs_unit *
unit_of(const rs_session *s, PyObject *donor, PyObject **name)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        PyObject *value;
        Py_ssize_t pos = 0;
        while (PyDict_Next(s->units[i].scratch, &pos, name, &value)) {
            if (value == donor) {
                return &s->units[i];
            }
        }
    }
    *name = NULL;
    return NULL;
}

static int
report(rs_session *s, PyObject *donor, PyObject *live, PyObject *type)
{
    const rs_pair *pair = pair_of(s, donor);
    PyObject *name = pair != NULL ? pair->qualname : NULL;
    const rs_unit *u = pair != NULL ? pair->unit : unit_of(s, donor, &name);
    const char *holder = type != Py_None ? RS_TYPE(type)->tp_name
                                         : "something outside Python";
    if (PyType_Check(donor)) {
        return rs_refuse(
            s, "RSL206", u, name, 0,
            "Make the module body not hand out the class there, or restart.",
            "an object of type %s holds the new class %s, and the reference "
            "can't be rewritten",
            holder, RS_TYPE(donor)->tp_name);
    }
    if (PyFunction_Check(donor)) {
        if (rs_notice(s, "RSL601", u,
                      name != NULL ? name : RS_FUNCTION(donor)->func_qualname,
                      RS_CODE(RS_FUNCTION(donor)->func_code)->co_firstlineno,
                      "%s holds a second copy of this function; it is updated together "
                      "with it from now on",
                      holder) < 0) {
            return -1;
        }
        return remember(s, live, donor);
    }
    return rs_notice(s, "RSL602", u, name, 0,
                     "%s holds a second object of type %s, which the module made again",
                     holder, Py_TYPE(donor)->tp_name);
}

static int
report_all(leftovers *l)
{
    for (Py_ssize_t i = 0; i < l->donors.used; i++) {
        if (l->bad[i] != NULL && report(l->young.s, l->donors.entries[i].key,
                                        l->donors.entries[i].value, l->bad[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- all of it ---- */

/* Caches of the JIT may have references of their own. */
static int
empty_caches(const rs_session *s)
{
    PyObject *done;
    if (s->st->clear_caches == NULL) {
        return 0;
    }
    done = PyObject_CallNoArgs(s->st->clear_caches);
    Py_XDECREF(done);
    return done != NULL ? 0 : -1;
}

static int
search(leftovers *l)
{
    Py_ssize_t *found;
    int result = -1;
    if (!any_unexplained(l) && l->moved.used == 0) {
        return 0;
    }
    if (empty_caches(l->young.s) < 0) {
        return -1;
    }
    if (!any_unexplained(l) && l->moved.used == 0) {
        return 0;
    }
    found = PyMem_Calloc((size_t)l->donors.used, sizeof(*found));
    if (found == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (find_live_holders(l, found) < 0) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < l->donors.used; i++) {
        if (unexplained(l, i) - found[i] >
            2 * rs_idmap_has(&l->holders, l->donors.entries[i].key)) {
            l->bad[i] = Py_NewRef(Py_None);
        }
    }
    rs_late_open(l->young.s);
    result = rs_heap_interval(l->young.s, visit_young, l) < 0 ? -1
                                                              : plan_live_holders(l);
    rs_late_close(l->young.s);
done:
    PyMem_Free(found);
    return result;
}

int
rs_redirect_leftovers(rs_session *s)
{
    leftovers l = {0};
    int result = -1;
    Py_CLEAR(s->leftovers);
    if (rs_young_open(&l.young, s) < 0 || rs_late_plan(&l.young) < 0 ||
        rs_late_held(&l.young, &l.moved) < 0 || collect_donors(&l) < 0 ||
        rs_refcounts_init(&l.counts, &l.donors) < 0) {
        goto done;
    }
    l.bad = PyMem_Calloc((size_t)l.donors.used + 1, sizeof(*l.bad));
    if (l.bad == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    if (explain(&l) == 0 && search(&l) == 0 && blame_stuck(&l) == 0) {
        result = report_all(&l);
    }
done:
    for (Py_ssize_t i = 0; l.bad != NULL && i < l.donors.used; i++) {
        Py_XDECREF(l.bad[i]);
    }
    PyMem_Free(l.bad);
    rs_refcounts_clear(&l.counts);
    rs_idmap_clear(&l.donors);
    rs_idmap_clear(&l.stuck);
    rs_idmap_clear(&l.moved);
    rs_idmap_clear(&l.holders);
    rs_idmap_clear(&l.namespaces);
    rs_young_close(&l.young);
    return result;
}
