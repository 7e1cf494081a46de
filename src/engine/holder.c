#include "holder.h"

#include "op.h"
#include "stacks.h"

/* ---- counting ---- */

typedef struct {
    const rs_idmap *map;
    Py_ssize_t n;
} refs_arg;

static int
count_ref(PyObject *op, void *arg)
{
    refs_arg *refs = arg;
    refs->n += rs_idmap_has(refs->map, op);
    return 0;
}

Py_ssize_t
rs_holder_refs(PyObject *holder, const rs_idmap *map)
{
    refs_arg refs = {map, 0};
    if (Py_TYPE(holder)->tp_traverse != NULL) {
        Py_TYPE(holder)->tp_traverse(holder, count_ref, &refs);
    }
    return refs.n;
}

int
rs_refcounts_init(rs_refcounts *counts, const rs_idmap *targets)
{
    counts->targets = targets;
    counts->n = PyMem_Calloc((size_t)targets->used + 1, sizeof(Py_ssize_t));
    if (counts->n == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

void
rs_refcounts_clear(rs_refcounts *counts)
{
    PyMem_Free(counts->n);
    counts->n = NULL;
}

int
rs_refcounts_one(PyObject *op, void *arg)
{
    rs_refcounts *counts = arg;
    Py_ssize_t i = rs_idmap_find(counts->targets, op);
    if (i >= 0) {
        counts->n[i]++;
    }
    return 0;
}

void
rs_refcounts_add(rs_refcounts *counts, PyObject *holder)
{
    if (Py_TYPE(holder)->tp_traverse != NULL) {
        Py_TYPE(holder)->tp_traverse(holder, rs_refcounts_one, counts);
    }
}

/* ---- one reference ---- */

int
rs_rewrite_slot(rs_rewrite *r, PyObject *holder, PyObject **slot)
{
    PyObject *from = *slot;
    PyObject *to = from != NULL ? rs_idmap_get(r->map, from) : NULL;
    if (to == NULL) {
        return 0;
    }
    r->done++;
    if (r->j != NULL) {
        return rs_plan_word(r->j, holder, slot, to);
    }
    *slot = Py_NewRef(to);
    Py_DECREF(from);
    return 0;
}

int
rs_holder_reclass(rs_rewrite *r, PyObject *holder)
{
    PyObject *to = rs_idmap_get(r->map, Py_TYPE(holder));
    if (to == NULL || !PyType_Check(to)) {
        return 0;
    }
    r->done++;
    if (r->j != NULL) {
        return PyType_Check(holder)
                   ? rs_plan_metaclass(r->j, RS_TYPE(holder), RS_TYPE(to))
                   : rs_plan_class(r->j, holder, RS_TYPE(to));
    }
    if (rs_set_class(holder, RS_TYPE(to)) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError)) {
            return -1;
        }
        PyErr_Clear(); /* the layout differs: it is left */
    }
    return 0;
}

/* ---- classes ---- */

static int
plan_bases(rs_rewrite *r, PyTypeObject *type)
{
    Py_ssize_t n = PyTuple_GET_SIZE(type->tp_bases);
    PyObject *bases = PyTuple_New(n);
    int changed = 0, result = 0;
    if (bases == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *base = PyTuple_GET_ITEM(type->tp_bases, i);
        changed |= rs_idmap_has(r->map, base);
        PyTuple_SET_ITEM(bases, i, Py_NewRef(rs_mapped(r->map, base)));
    }
    if (changed) {
        result = rs_plan_bases(r->j, type, bases);
    }
    Py_DECREF(bases);
    return result;
}

/* ---- suspended frames ---- */

static int
is_suspended(PyObject *holder)
{
    return PyGen_CheckExact(holder) || PyCoro_CheckExact(holder) ||
           PyAsyncGen_CheckExact(holder);
}

static int
rewrite_locals(rs_rewrite *r, PyFrameObject *frame)
{
    PyObject *locals = PyFrame_GetLocals(frame);
    PyObject *items = locals != NULL ? PyMapping_Items(locals) : NULL;
    int result = items != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(items); i++) {
        PyObject *item = PyList_GET_ITEM(items, i);
        PyObject *to = rs_idmap_get(r->map, PyTuple_GET_ITEM(item, 1));
        if (to != NULL) {
            result = PyObject_SetItem(locals, PyTuple_GET_ITEM(item, 0), to);
        }
    }
    if (result == 0) {
        rs_frame_write_locals(frame);
    }
    Py_XDECREF(items);
    Py_XDECREF(locals);
    return result;
}

/* Its variables; what is on its stack is left. A live frame is left alone: its variables
 * can't be changed at commit without memory. */
static int
rewrite_suspended(rs_rewrite *r, PyObject *holder)
{
    PyFrameObject *frame;
    int result;
    if (r->j != NULL) {
        return 0;
    }
    result = rs_generator_frame(holder, &frame);
    if (result == 1) {
        result = rewrite_locals(r, frame);
        Py_DECREF(frame);
    }
    return result;
}

/* ---- anything else ---- */

/* Values that lie in the instance itself are reached through its dict. */
static int
rewrite_attributes(rs_rewrite *r, PyObject *holder)
{
    PyObject *dict;
    int result;
    if ((Py_TYPE(holder)->tp_flags & Py_TPFLAGS_MANAGED_DICT) == 0) {
        return 0;
    }
    dict = PyObject_GenericGetDict(holder, NULL);
    if (dict == NULL) {
        return -1;
    }
    result = PyDict_CheckExact(dict) ? rs_rewrite_items(r, dict) : 0;
    Py_DECREF(dict);
    return result;
}

/* Calls of the function that is cached may have got donors as arguments or results. */
static int
empty_cache(const rs_rewrite *r, PyObject *holder)
{
    PyObject *done;
    if (r->j != NULL || !PyObject_TypeCheck(holder, r->st->lru_cache_type)) {
        return 0;
    }
    done = PyObject_CallMethod((PyObject *)r->st->lru_cache_type, "cache_clear", "O",
                               holder);
    Py_XDECREF(done);
    return done != NULL ? 0 : -1;
}

/* Frames have their references on a stack, modules in memory of their own; namespaces of
 * functions are redirect.c's. */
static int
is_closed(PyObject *holder)
{
    return is_suspended(holder) || PyFrame_Check(holder) || PyTraceBack_Check(holder) ||
           PyModule_Check(holder) || PyType_Check(holder) || PyFunction_Check(holder);
}

/* Every word between the head and the end of the fixed part that is a key of the map, if
 * there are just as many of them as the `refs` references that the holder reports, that of
 * its class not counted. */
static int
rewrite_words(rs_rewrite *r, PyObject *holder, Py_ssize_t refs)
{
    PyObject **words = (PyObject **)holder;
    size_t first = sizeof(PyObject) / sizeof(PyObject *);
    size_t end = (size_t)Py_TYPE(holder)->tp_basicsize / sizeof(PyObject *);
    Py_ssize_t n = 0;
    if (is_closed(holder)) {
        return 0;
    }
    if (PyWeakref_Check(holder)) {
        first = sizeof(PyWeakReference) / sizeof(PyObject *);
    }
    for (size_t i = first; i < end; i++) {
        n += words[i] != NULL && rs_idmap_has(r->map, words[i]);
    }
    if (n == 0 || n != refs) {
        return 0;
    }
    for (size_t i = first; i < end; i++) {
        if (rs_rewrite_slot(r, holder, &words[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- all kinds ---- */

static int
rewrite_kind(rs_rewrite *r, PyObject *holder)
{
    if (PyCell_Check(holder)) {
        return rs_rewrite_slot(r, holder, &((PyCellObject *)holder)->ob_ref);
    }
    if (PyWeakref_Check(holder)) {
        return rs_rewrite_slot(r, holder, &((PyWeakReference *)holder)->wr_callback);
    }
    if (rs_is_container(r->st, holder)) {
        return rs_rewrite_items(r, holder);
    }
    if (is_suspended(holder)) {
        return rewrite_suspended(r, holder);
    }
    return empty_cache(r, holder);
}

int
rs_holder_hashes_contents(PyObject *op)
{
    hashfunc hash = Py_TYPE(op)->tp_hash;
    return hash != NULL && hash != PyBaseObject_Type.tp_hash &&
           hash != PyObject_HashNotImplemented;
}

/* References that are not to its class: that is for later. */
static Py_ssize_t
content_refs(const rs_rewrite *r, PyObject *holder)
{
    int heap = (Py_TYPE(holder)->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0;
    return rs_holder_refs(holder, r->map) -
           (heap && rs_idmap_has(r->map, Py_TYPE(holder)));
}

static int
rewrite_now(rs_rewrite *r, PyObject *holder)
{
    Py_ssize_t refs = content_refs(r, holder);
    if (refs == 0) {
        return 0;
    }
    if (rewrite_kind(r, holder) < 0) {
        return -1;
    }
    if (content_refs(r, holder) != 0 && rewrite_attributes(r, holder) < 0) {
        return -1;
    }
    if (rewrite_words(r, holder, content_refs(r, holder)) < 0) {
        return -1;
    }
    /* a dict may be the attributes of an instance that hashes them */
    if (r->rehash != NULL &&
        (PyDict_CheckExact(holder) || rs_holder_hashes_contents(holder)) &&
        rs_idmap_set(r->rehash, holder, holder) < 0) {
        return -1;
    }
    r->left += content_refs(r, holder);
    return 0;
}

static int
has_moved(const rs_rewrite *r, PyObject *holder)
{
    return r->moved != NULL && rs_is_container(r->st, holder) &&
           rs_holder_refs(holder, r->moved) != 0;
}

/* The journal changes nothing now, so what it covers is counted by its operations. */
static int
rewrite_planned(rs_rewrite *r, PyObject *holder)
{
    Py_ssize_t refs = content_refs(r, holder);
    if ((refs == 0 && !has_moved(r, holder)) || rs_journal_replaces(r->j, holder)) {
        return 0;
    }
    r->done = 0;
    if (rewrite_kind(r, holder) < 0) {
        return -1;
    }
    if (r->done < refs && rewrite_attributes(r, holder) < 0) {
        return -1;
    }
    if (r->done < refs && rewrite_words(r, holder, refs - r->done) < 0) {
        return -1;
    }
    r->left += refs > r->done ? refs - r->done : 0;
    return 0;
}

int
rs_holder_rewrite(rs_rewrite *r, PyObject *holder)
{
    if (PyType_Check(holder)) {
        return r->j != NULL ? plan_bases(r, RS_TYPE(holder)) : 0;
    }
    return r->j != NULL ? rewrite_planned(r, holder) : rewrite_now(r, holder);
}
