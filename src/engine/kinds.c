#include "kinds.h"

#include "foreign.h"
#include "heap.h"
#include "lines.h"
#include "redirect.h"
#include "scope.h"
#include "wrappers.h"

/* What the walk found of one holder. */
typedef struct {
    rs_session *s;
    rs_idmap holders;   /* holder -> itself */
    rs_idmap counts;    /* old object -> int: references that holders report */
    rs_idmap redirects; /* those of s->replaced that holders can do with */
    rs_idmap missing;   /* old object -> int: references that nobody reports */
    rs_idmap young;     /* namespaces of young instances */
    int failed;
} walk_state;

typedef struct {
    walk_state *walk;
    PyObject *holder;
} visit_state;

static int
count_reference(PyObject *op, void *arg)
{
    visit_state *state = arg;
    walk_state *walk = state->walk;
    PyObject *count;
    if (!rs_idmap_has(&walk->s->replaced, op)) {
        return 0;
    }
    count = rs_idmap_get(&walk->counts, op);
    count = PyLong_FromSsize_t(count != NULL ? PyLong_AsSsize_t(count) + 1 : 1);
    if (count == NULL || rs_idmap_set(&walk->counts, op, count) < 0 ||
        rs_idmap_set(&walk->holders, state->holder, state->holder) < 0) {
        Py_XDECREF(count);
        walk->failed = 1;
        return 1;
    }
    Py_DECREF(count);
    return 0;
}

static int
look_at(PyObject *holder, void *arg)
{
    walk_state *walk = arg;
    visit_state state = {walk, holder};
    if (Py_TYPE(holder)->tp_traverse != NULL) {
        Py_TYPE(holder)->tp_traverse(holder, count_reference, &state);
    }
    return walk->failed ? -1 : 1;
}

/* Instances keep attributes without a dict until they get one, which is as young as they
 * are, but not in s->young: on 3.13 when their class was exchanged. */
static int
collect_namespaces(walk_state *walk)
{
    Py_ssize_t pos = 0;
    PyObject *op;
    while (rs_idmap_next(&walk->s->young, &pos, &op, NULL)) {
        int result;
        PyObject *dict;
        if ((Py_TYPE(op)->tp_flags & Py_TPFLAGS_MANAGED_DICT) == 0) {
            continue;
        }
        dict = PyObject_GenericGetDict(op, NULL);
        if (dict == NULL) {
            return -1;
        }
        result = rs_idmap_set(&walk->young, dict, dict);
        Py_DECREF(dict);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

/* A namespace whose own entry is planned already, by name; something that the update made,
 * which may well wrap the old object; or a list of the session. */
static int
is_planned(const walk_state *walk, PyObject *holder)
{
    const rs_session *s = walk->s;
    if (rs_idmap_has(&walk->young, holder) || holder == s->caches ||
        rs_idmap_has(&s->young, holder) || rs_session_unit_by_live(s, holder) != NULL ||
        rs_session_unit_by_scratch(s, holder) != NULL) {
        return 1;
    }
    for (Py_ssize_t i = 0; PyDict_Check(holder) && i < s->n_pairs; i++) {
        if (s->pairs[i].kind == RS_PAIR_CLASS &&
            (rs_class_dict(RS_TYPE(s->pairs[i].live)) == holder ||
             rs_class_dict(RS_TYPE(s->pairs[i].donor)) == holder)) {
            return 1;
        }
    }
    return 0;
}

/* An object that a decorator of any kind made of the function with the old one's name. */
static int
wraps_definition(const rs_session *s, PyObject *old, PyObject *value)
{
    PyObject *names = rs_idmap_get(&s->replaced_names, old);
    const rs_unit *u = rs_session_unit_by_name(s, PyTuple_GET_ITEM(names, 0));
    return u != NULL && Py_TYPE(value)->tp_call != NULL &&
           rs_find_definition(value, u->live, PyTuple_GET_ITEM(names, 1)) != NULL;
}

/* Whoever held a function can do something with a class or a wrapper, but not with data. */
static int
collect_redirects(walk_state *walk)
{
    Py_ssize_t pos = 0;
    PyObject *old, *value;
    while (rs_idmap_next(&walk->s->replaced, &pos, &old, &value)) {
        if ((PyFunction_Check(value) || PyType_Check(value) ||
             rs_is_wrapper(walk->s->st, value) ||
             wraps_definition(walk->s, old, value)) &&
            rs_idmap_set(&walk->redirects, old, value) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
redirect_holders(walk_state *walk, Py_ssize_t *left)
{
    Py_ssize_t pos = 0;
    PyObject *holder;
    if (collect_redirects(walk) < 0) {
        return -1;
    }
    while (walk->redirects.used != 0 &&
           rs_idmap_next(&walk->holders, &pos, &holder, NULL)) {
        if (!is_planned(walk, holder) &&
            rs_redirect_holder(walk->s, holder, &walk->redirects, &walk->s->journal,
                               left) < 0) {
            return -1;
        }
    }
    return 0;
}

/* How many donors are matched with it. */
static Py_ssize_t
donors_of(const rs_session *s, const PyObject *live)
{
    Py_ssize_t n = 0, pos = 0;
    PyObject *value;
    while (rs_idmap_next(&s->map, &pos, NULL, &value)) {
        n += value == live;
    }
    return n;
}

/* References that nobody found: frames that run, C code. Maps have one to each key and each
 * value. */
static Py_ssize_t
unexplained(const walk_state *walk, PyObject *old)
{
    const rs_session *s = walk->s;
    PyObject *count = rs_idmap_get(&walk->counts, old);
    Py_ssize_t found = count != NULL ? PyLong_AsSsize_t(count) : 0;
    return Py_REFCNT(old) - found - rs_session_holds(s, old) - donors_of(s, old) -
           rs_idmap_has(&s->replaced, old) - rs_idmap_has(&s->replaced_names, old) -
           rs_idmap_has(&walk->counts, old) - 2 * rs_idmap_has(&walk->holders, old);
}

static int
report(rs_session *s, PyObject *old, Py_ssize_t left)
{
    PyObject *names = rs_idmap_get(&s->replaced_names, old);
    const rs_unit *u = rs_session_unit_by_name(s, PyTuple_GET_ITEM(names, 0));
    PyObject *qualname = PyTuple_GET_ITEM(names, 1);
    int line = u != NULL ? rs_line_of_name(s, u, NULL, qualname) : 0;
    if (line < 0) {
        return -1;
    }
    return rs_notice(
        s, "RSL605", u, qualname, line,
        "it is another kind of object now, and %zd references to the old one, "
        "of type %s, can't be redirected",
        left, Py_TYPE(old)->tp_name);
}

/* Counted before anything is planned for the holders: plans hold references as well. */
static int
count_unexplained(walk_state *walk)
{
    Py_ssize_t pos = 0;
    PyObject *old;
    while (rs_idmap_next(&walk->s->replaced, &pos, &old, NULL)) {
        PyObject *missing = PyLong_FromSsize_t(unexplained(walk, old));
        int failed = missing == NULL || rs_idmap_set(&walk->missing, old, missing) < 0;
        Py_XDECREF(missing);
        if (failed) {
            return -1;
        }
    }
    return 0;
}

/* References that holders other than the namespaces of units report. */
static Py_ssize_t
held_elsewhere(const walk_state *walk, PyObject *old)
{
    Py_ssize_t n = 0, pos = 0;
    PyObject *holder;
    while (rs_idmap_next(&walk->holders, &pos, &holder, NULL)) {
        n += is_planned(walk, holder) ? 0 : rs_heap_count(holder, old);
    }
    return n;
}

static int
report_all(walk_state *walk, Py_ssize_t left)
{
    Py_ssize_t pos = 0;
    PyObject *old;
    while (rs_idmap_next(&walk->s->replaced, &pos, &old, NULL)) {
        Py_ssize_t missing = PyLong_AsSsize_t(rs_idmap_get(&walk->missing, old)) + left;
        if (!rs_idmap_has(&walk->redirects, old)) {
            missing += held_elsewhere(walk, old);
        }
        if (missing > 0 && report(walk->s, old, missing) < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_kinds_plan(rs_session *s)
{
    int result = -1;
    Py_ssize_t left = 0;
    walk_state walk = {s, {0}, {0}, {0}, {0}, {0}, 0};
    if (s->replaced.used == 0) {
        return 0;
    }
    if (collect_namespaces(&walk) == 0 && rs_heap_walk(look_at, &walk) == 0 &&
        count_unexplained(&walk) == 0 && redirect_holders(&walk, &left) == 0) {
        result = report_all(&walk, left);
    }
    rs_idmap_clear(&walk.holders);
    rs_idmap_clear(&walk.counts);
    rs_idmap_clear(&walk.redirects);
    rs_idmap_clear(&walk.missing);
    rs_idmap_clear(&walk.young);
    return result;
}
