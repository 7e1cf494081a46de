#include "heap.h"

#include <limits.h>

#include "frozen.h"
#include "gcwatch.h"
#include "hotfix.h"
#include "select.h"

typedef struct rs_heap {
    rs_gcwatch watch; /* has marker a */
    PyObject *b;      /* marker: a list, empty; NULL: still preparing */
    PyObject *gc;     /* the module */
    int held;         /* the collector is */
    int released;
    rs_idmap kept;            /* when released: the interval, but for s->young */
    int switched;             /* bodies turned it on (1) or off (-1); known when ... */
    PyObject *body_threshold; /* ... released; what they set, or NULL */
} rs_heap;

/* ---- begin and end ---- */

static PyObject *
collector_calls(PyObject *self, PyObject *args)
{
    rs_session *s = (rs_session *)self;
    if (s->heap != NULL && PyTuple_GET_SIZE(args) > 0) {
        rs_gcwatch_called(&s->heap->watch, PyTuple_GET_ITEM(args, 0));
    }
    Py_RETURN_NONE;
}

static PyMethodDef collector_callback = {
    "_resoul_collection", collector_calls, METH_VARARGS,
    PyDoc_STR("While an update is prepared: a collection starts or stops.")};

/* The switch of the collector belongs to the program: a body that says gc.disable() means
 * it. So it stays on, and the collector is kept from running by a threshold that is never
 * reached, and that no program would choose. */
#define NEVER INT_MAX

static PyObject *
threshold_of(PyObject *gc)
{
    return PyObject_CallMethod(gc, "get_threshold", NULL);
}

static int
set_threshold(PyObject *gc, PyObject *numbers)
{
    PyObject *set = PyObject_GetAttrString(gc, "set_threshold");
    PyObject *done = set != NULL ? PyObject_CallObject(set, numbers) : NULL;
    Py_XDECREF(set);
    Py_XDECREF(done);
    return done != NULL ? 0 : -1;
}

static int
hold_collector(rs_session *s)
{
    rs_heap *heap = s->heap;
    PyObject *never = Py_BuildValue("(i)", NEVER);
    int result = -1;
    s->gc_was_on = PyGC_IsEnabled();
    Py_XSETREF(heap->gc, PyImport_ImportModule("gc"));
    Py_XSETREF(s->gc_threshold, heap->gc != NULL ? threshold_of(heap->gc) : NULL);
    if (never != NULL && s->gc_threshold != NULL) {
        result = set_threshold(heap->gc, never);
        heap->held = 1;
    }
    Py_XDECREF(never);
    return result;
}

static int
restore_collector(const rs_session *s, PyObject *gc)
{
    if (s->gc_was_on) {
        PyGC_Enable();
    } else {
        PyGC_Disable();
    }
    return set_threshold(gc, s->gc_threshold);
}

/* What bodies had done to it before the update had to wait. */
static int
apply_wishes(const rs_heap *heap)
{
    if (heap->switched > 0) {
        PyGC_Enable();
    } else if (heap->switched < 0) {
        PyGC_Disable();
    }
    return heap->body_threshold != NULL ? set_threshold(heap->gc, heap->body_threshold)
                                        : 0;
}

/* What bodies did to the collector stays if they succeeded. */
static int
release_collector(const rs_heap *heap, const rs_session *s)
{
    PyObject *now;
    int result = 0;
    if (!heap->held) {
        return 0;
    }
    if (!s->journal.committed) {
        return restore_collector(s, heap->gc);
    }
    now = threshold_of(heap->gc);
    if (now == NULL) {
        return -1;
    }
    if (PyTuple_Check(now) && PyLong_AsLong(PyTuple_GET_ITEM(now, 0)) == NEVER) {
        result = set_threshold(heap->gc, s->gc_threshold);
    }
    Py_DECREF(now);
    return result == 0 ? apply_wishes(heap) : -1;
}

int
rs_heap_begin(rs_session *s)
{
    s->heap = PyMem_Calloc(1, sizeof(*s->heap));
    if (s->heap == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (hold_collector(s) < 0) {
        return -1;
    }
    return rs_gcwatch_begin(&s->heap->watch, (PyObject *)s, s->heap->gc,
                            &collector_callback);
}

void
rs_heap_end(rs_session *s)
{
    rs_heap *heap = s->heap;
    PyObject *pending;
    if (heap == NULL) {
        return;
    }
    s->heap = NULL;
    pending = PyErr_GetRaisedException();
    rs_gcwatch_end(&heap->watch);
    if (release_collector(heap, s) < 0) {
        PyErr_Clear(); /* no memory for a moment: a threshold that stays is worse */
        if (release_collector(heap, s) < 0) {
            PyErr_WriteUnraisable(heap->gc);
        }
    }
    Py_CLEAR(heap->b);
    Py_CLEAR(heap->gc);
    Py_CLEAR(heap->body_threshold);
    rs_idmap_clear(&heap->kept);
    PyMem_Free(heap);
    PyErr_SetRaisedException(pending);
}

void
rs_heap_undo(rs_session *s)
{
    PyObject *pending = PyErr_GetRaisedException();
    PyObject *gc = s->gc_threshold != NULL ? PyImport_ImportModule("gc") : NULL;
    if (s->gc_threshold != NULL && (gc == NULL || restore_collector(s, gc) < 0)) {
        PyErr_WriteUnraisable(s->update);
    }
    Py_XDECREF(gc);
    PyErr_SetRaisedException(pending);
}

/* ---- the interval ---- */

typedef struct {
    const rs_heap *heap;
    const rs_session *s;
    rs_heap_visit visit;
    void *arg;
    int inside;
    int result; /* -1: stopped with an exception */
} interval_arg;

static int
pass_on(PyObject *op, interval_arg *interval)
{
    int result = interval->visit(op, interval->arg);
    if (result < 0) {
        interval->result = -1;
    }
    return result > 0;
}

static int
visit_between(PyObject *op, void *arg)
{
    interval_arg *interval = arg;
    if (op == interval->heap->b) {
        return 0;
    }
    if (!interval->inside) {
        interval->inside = op == interval->heap->watch.a;
        return 1;
    }
    if (rs_idmap_has(&interval->s->young, op) ||
        rs_idmap_has(&interval->heap->watch.survivors, op)) {
        return 1; /* had its turn */
    }
    return pass_on(op, interval);
}

/* What is between the markers in memory, and what a collection moved. */
static int
visit_interval(const rs_session *s, interval_arg *interval)
{
    Py_ssize_t pos = 0;
    PyObject *op;
    const rs_idmap *moved = s->heap->released ? &s->heap->kept
                                              : &s->heap->watch.survivors;
    while (rs_idmap_next(moved, &pos, &op, NULL)) {
        if (!rs_idmap_has(&s->young, op) && !pass_on(op, interval)) {
            return interval->result;
        }
    }
    if (!s->heap->released) {
        PyUnstable_GC_VisitObjects(visit_between, interval);
    }
    return interval->result;
}

int
rs_heap_interval(rs_session *s, rs_heap_visit visit, void *arg)
{
    interval_arg interval = {s->heap, s, visit, arg, 0, 0};
    Py_ssize_t pos = 0;
    PyObject *op;
    while (rs_idmap_next(&s->young, &pos, &op, NULL)) {
        if (!pass_on(op, &interval)) {
            return interval.result;
        }
    }
    return visit_interval(s, &interval);
}

/* ---- which of it is the update's? ---- */

static int
collect(PyObject *op, void *arg)
{
    return rs_idmap_set(arg, op, op) < 0 ? -1 : 1;
}

/* Does code of the units, or of modules that they import for the first time, run in the
 * namespace of this function? */
static int
is_young_function(const rs_session *s, PyObject *op)
{
    if (s->hot != NULL) {
        return PyFunction_Check(op) && rs_hot_made(s, op);
    }
    return PyFunction_Check(op) &&
           (RS_FUNCTION(op)->func_builtins == s->builtins ||
            rs_session_unit_by_scratch(s, RS_FUNCTION(op)->func_globals) != NULL);
}

static int
is_young_class(const rs_session *s, PyObject *op)
{
    PyObject *dict, *module;
    if (!PyType_Check(op)) {
        return 0;
    }
    if (s->hot != NULL) {
        return rs_hot_made_now(s, op);
    }
    dict = PyType_GetDict(RS_TYPE(op));
    module = dict != NULL ? PyDict_GetItemWithError(dict, s->st->names.__module__)
                          : NULL;
    Py_XDECREF(dict);
    return module != NULL && rs_session_unit_by_name(s, module) != NULL;
}

/* A generator or coroutine uses the namespace of its function without owning it. */
static int
is_young_frame(const rs_session *s, PyObject *op)
{
    const char *name = PyGen_CheckExact(op)        ? "gi_frame"
                       : PyCoro_CheckExact(op)     ? "cr_frame"
                       : PyAsyncGen_CheckExact(op) ? "ag_frame"
                                                   : NULL;
    PyObject *frame, *globals;
    int young = 0;
    if (name == NULL) {
        return 0;
    }
    frame = PyObject_GetAttrString(op, name);
    if (frame != NULL && PyFrame_Check(frame)) {
        globals = PyFrame_GetGlobals((PyFrameObject *)frame);
        young = rs_session_unit_by_scratch(s, globals) != NULL;
        Py_DECREF(globals);
    }
    Py_XDECREF(frame);
    PyErr_Clear();
    return young;
}

static int
add(rs_session *s, PyObject *op)
{
    return rs_idmap_has(&s->young, op) ? 0 : rs_idmap_set(&s->young, op, op);
}

static int
add_roots(rs_session *s, const rs_idmap *interval)
{
    Py_ssize_t pos = 0;
    PyObject *op;
    for (Py_ssize_t i = 0; s->hot == NULL && i < s->n_units; i++) {
        const rs_unit *u = &s->units[i];
        if (u->scratch != NULL &&
            (add(s, u->scratch) < 0 || add(s, u->scratch_module) < 0)) {
            return -1;
        }
        for (Py_ssize_t k = 0; u->parts && k < u->selection->n_shells; k++) {
            PyObject *space = u->selection->shells[k].space;
            if (space != NULL && add(s, space) < 0) {
                return -1;
            }
        }
    }
    while (rs_idmap_next(interval, &pos, &op, NULL)) {
        if ((is_young_function(s, op) || is_young_class(s, op) ||
             is_young_frame(s, op)) &&
            add(s, op) < 0) {
            return -1;
        }
    }
    return 0;
}

typedef struct {
    rs_session *s;
    const rs_idmap *interval;
    rs_idmap untracked; /* -> how many references to it were seen, an int */
} reach_arg;

/* A container that the collector doesn't track, since what it holds can't form a cycle, is
 * in no interval: dicts until 3.13, tuples from 3.14, frozensets from 3.15 on. It is young
 * if all references to it come from young objects, or are there because it was watched. */
static int
reach_untracked(reach_arg *reached, PyObject *op)
{
    PyObject *seen = rs_idmap_get(&reached->untracked, op), *more;
    Py_ssize_t n = seen != NULL ? PyLong_AsSsize_t(seen) + 1 : 1;
    int result;
    if (n + (seen != NULL) + rs_leaks_holds(reached->s, op) == Py_REFCNT(op)) {
        return rs_idmap_set(&reached->s->young, op, op);
    }
    more = PyLong_FromSsize_t(n);
    if (more == NULL) {
        return -1;
    }
    result = rs_idmap_set(&reached->untracked, op, more);
    Py_DECREF(more);
    return result;
}

static int
reach(PyObject *op, void *arg)
{
    reach_arg *reached = arg;
    if (rs_idmap_has(&reached->s->young, op)) {
        return 0;
    }
    if (rs_idmap_has(reached->interval, op)) {
        return rs_idmap_set(&reached->s->young, op, op);
    }
    if ((PyDict_CheckExact(op) || PyTuple_CheckExact(op) ||
         PyFrozenSet_CheckExact(op)) &&
        !PyObject_GC_IsTracked(op)) {
        return reach_untracked(reached, op);
    }
    return 0;
}

/* Changed while the snippet ran, and nobody refers to it: it was made for no longer. */
static int
reach_abandoned(void *arg, PyObject *op, Py_ssize_t held)
{
    reach_arg *reached = arg;
    int tracked = PyObject_GC_IsTracked(op);
    int between = rs_idmap_has(reached->interval, op);
    if ((tracked && !between) || rs_idmap_has(&reached->s->young, op)) {
        return 0;
    }
    held += 2 * between + rs_heap_holds(reached->s, op);
    return Py_REFCNT(op) == held ? rs_idmap_set(&reached->s->young, op, op) : 0;
}

/* What other threads made meanwhile is not kept (H2): it would live too long, be finalized
 * in this thread, and a tuple that is being built can't be resized with two owners. */
static int
add_reachable(rs_session *s, const rs_idmap *interval)
{
    reach_arg reached = {s, interval, {0}};
    Py_ssize_t pos = 0;
    PyObject *op;
    int result = 0;
    if (s->hot != NULL) {
        result = rs_hot_visit_roots(s, reach, &reached);
        result = result == 0 ? rs_leaks_visit_changed(s, reach_abandoned, &reached)
                             : result;
    }
    while (result == 0 && rs_idmap_next(&s->young, &pos, &op, NULL)) {
        if (Py_TYPE(op)->tp_traverse != NULL) {
            result = Py_TYPE(op)->tp_traverse(op, reach, &reached);
        }
    }
    rs_idmap_clear(&reached.untracked); /* never the last reference: no Python code */
    return result;
}

int
rs_heap_mark(rs_session *s)
{
    if (s->heap->b == NULL) {
        s->heap->b = PyList_New(0);
    }
    return s->heap->b != NULL ? 0 : -1;
}

int
rs_heap_young(rs_session *s)
{
    interval_arg between = {s->heap, s, collect, NULL, 0, 0};
    rs_idmap interval = {0};
    int unseen, result = -1;
    if (rs_heap_mark(s) < 0) {
        return -1;
    }
    unseen = rs_gcwatch_unseen(&s->heap->watch);
    if (unseen < 0) {
        return -1;
    }
    /* from here to the end no Python code runs: the interval stays as it is */
    between.arg = &interval;
    if (visit_interval(s, &between) < 0) {
        goto done;
    }
    if (unseen || !between.inside) {
        if (rs_refuse(
                s, "RSL402", NULL, NULL, 0,
                "Leave gc.callbacks and gc.freeze() alone in module bodies.",
                "gc.freeze(), or a garbage collection that was not announced, while "
                "module bodies ran: nobody knows what they made") == 0) {
            rs_raise_refusals(s);
        }
        goto done;
    }
    if (add_roots(s, &interval) == 0 && add_reachable(s, &interval) == 0) {
        result = 0;
    }
done:
    rs_idmap_clear(&interval);
    return result;
}

/* ---- waiting ---- */

typedef struct {
    const rs_session *s;
    const rs_idmap *kept;
} refers_arg;

/* Also through containers that the collector doesn't track, which are in no interval. */
static int
is_kept(PyObject *op, void *arg)
{
    const refers_arg *refers = arg;
    if (rs_idmap_has(&refers->s->young, op) || rs_idmap_has(refers->kept, op)) {
        return 1;
    }
    return (PyDict_CheckExact(op) || PyTuple_CheckExact(op) ||
            PyFrozenSet_CheckExact(op)) &&
                   !PyObject_GC_IsTracked(op)
               ? Py_TYPE(op)->tp_traverse(op, is_kept, arg)
               : 0;
}

static int
refers_to_kept(refers_arg *refers, PyObject *op)
{
    traverseproc traverse = Py_TYPE(op)->tp_traverse;
    return traverse != NULL && traverse(op, is_kept, refers) != 0;
}

/* Out of `interval` what leads to young objects, until no more is found. */
static int
keep_referrers(const rs_session *s, const rs_idmap *interval, rs_idmap *kept)
{
    refers_arg refers = {s, kept};
    Py_ssize_t before, pos;
    PyObject *op;
    do {
        before = kept->used;
        pos = 0;
        while (rs_idmap_next(interval, &pos, &op, NULL)) {
            if (!rs_idmap_has(kept, op) && refers_to_kept(&refers, op) &&
                rs_idmap_set(kept, op, op) < 0) {
                return -1;
            }
        }
    } while (kept->used != before);
    return 0;
}

typedef struct {
    const rs_idmap *kept;
    rs_idmap *tuples;
} tuples_arg;

static int
note_tuple(PyObject *op, void *arg)
{
    tuples_arg *t = arg;
    return PyTuple_CheckExact(op) && rs_idmap_has(t->kept, op)
               ? rs_idmap_set(t->tuples, op, op)
               : 0;
}

static int
note_tuples_of(const rs_idmap *holders, tuples_arg *t)
{
    Py_ssize_t pos = 0;
    PyObject *op;
    while (rs_idmap_next(holders, &pos, &op, NULL)) {
        if (Py_TYPE(op)->tp_traverse != NULL &&
            Py_TYPE(op)->tp_traverse(op, note_tuple, t) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Somebody may be building a tuple that nothing refers to yet (G3). */
static int
drop_bare_tuples(const rs_session *s, const rs_idmap *found, rs_idmap *kept)
{
    rs_idmap tuples = {0};
    tuples_arg t = {found, &tuples};
    Py_ssize_t pos = 0;
    PyObject *op;
    int result = -1;
    if (note_tuples_of(&s->young, &t) < 0 || note_tuples_of(found, &t) < 0) {
        goto done;
    }
    while (rs_idmap_next(found, &pos, &op, NULL)) {
        if ((!PyTuple_CheckExact(op) || rs_idmap_has(&tuples, op)) &&
            rs_idmap_set(kept, op, op) < 0) {
            goto done;
        }
    }
    result = 0;
done:
    rs_idmap_clear(&tuples);
    return result;
}

/* No Python code runs in it: the interval stays as it is. */
static int
keep_interval(rs_session *s)
{
    rs_idmap interval = {0}, found = {0};
    interval_arg between = {s->heap, s, collect, &interval, 0, 0};
    int result = -1;
    if (visit_interval(s, &between) == 0 && keep_referrers(s, &interval, &found) == 0 &&
        drop_bare_tuples(s, &found, &s->heap->kept) == 0) {
        result = 0;
    }
    rs_idmap_clear(&interval);
    rs_idmap_clear(&found);
    return result;
}

static int
note_wishes(rs_session *s)
{
    rs_heap *heap = s->heap;
    PyObject *now = threshold_of(heap->gc);
    if (now == NULL) {
        return -1;
    }
    if (PyTuple_Check(now) && PyLong_AsLong(PyTuple_GET_ITEM(now, 0)) != NEVER) {
        heap->body_threshold = Py_NewRef(now);
    }
    Py_DECREF(now);
    if (PyGC_IsEnabled() != s->gc_was_on) {
        heap->switched = s->gc_was_on ? -1 : 1;
    }
    return 0;
}

int
rs_heap_release(rs_session *s)
{
    rs_heap *heap = s->heap;
    if (keep_interval(s) < 0 || note_wishes(s) < 0) {
        return -1;
    }
    heap->released = 1;
    rs_gcwatch_end(&heap->watch);
    Py_CLEAR(heap->b);
    heap->held = 0;
    return restore_collector(s, heap->gc);
}

int
rs_heap_resume(rs_session *s)
{
    return hold_collector(s);
}

int
rs_heap_is_marked(const rs_session *s)
{
    return s->heap != NULL && !s->heap->released;
}

Py_ssize_t
rs_heap_holds(const rs_session *s, const PyObject *op)
{
    return s->heap != NULL ? 2 * (rs_idmap_has(&s->heap->watch.survivors, op) +
                                  rs_idmap_has(&s->heap->kept, op))
                           : 0;
}
