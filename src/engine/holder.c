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

/* What `*slot` of the holder refers to, if it is a key of the map, is exchanged. The map
 * keeps the old object alive. */
static int
rewrite_slot(rs_rewrite *r, PyObject *holder, PyObject **slot)
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

/* ---- tuples, lists, deques ---- */

static int
rewrite_tuple(rs_rewrite *r, PyObject *tuple)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        if (rewrite_slot(r, tuple, &((PyTupleObject *)tuple)->ob_item[i]) < 0) {
            return -1;
        }
    }
#ifndef RS_WITHOUT_CURE_18
    if (r->j == NULL) {
        rs_tuple_forget_hash(tuple);
    }
#endif
    return 0;
}

/* A live list to which a body appended a donor though it has the live object already (a
 * registration that ran again): that item goes. NULL without exception if there is no
 * such item; else the items that stay, as a list. */
static PyObject *
without_doubles(const rs_rewrite *r, PyObject *list)
{
    rs_idmap there = {0};
    PyObject *kept = PyList_New(0);
    int dropped = 0;
    if (kept == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        PyObject *item = PyList_GET_ITEM(list, i);
        if (!rs_idmap_has(r->map, item) && rs_idmap_set(&there, item, item) < 0) {
            goto fail;
        }
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        PyObject *item = PyList_GET_ITEM(list, i), *to = rs_mapped(r->map, item);
        if (item != to && rs_idmap_has(&there, to)) {
            dropped = 1;
        } else if (PyList_Append(kept, to) < 0 || rs_idmap_set(&there, to, to) < 0) {
            goto fail;
        }
    }
    if (!dropped) {
        Py_CLEAR(kept);
    }
    rs_idmap_clear(&there);
    return kept;
fail:
    rs_idmap_clear(&there);
    Py_DECREF(kept);
    return NULL;
}

static int
plan_list(rs_rewrite *r, PyObject *list)
{
    PyObject *kept = PyList_CheckExact(list) ? without_doubles(r, list) : NULL;
    int result = 0;
    if (PyErr_Occurred()) {
        return -1;
    }
    if (kept != NULL) {
        r->done += rs_holder_refs(list, r->map);
        result = rs_plan_body_derived(r->j, list, kept);
        Py_DECREF(kept);
        return result;
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(list); i++) {
        PyObject *to = rs_idmap_get(r->map, PyList_GET_ITEM(list, i));
        if (to != NULL) {
            r->done++;
            result = rs_plan_list(r->j, list, i, to);
        }
    }
    return result;
}

static int
rewrite_list(rs_rewrite *r, PyObject *list)
{
    if (r->j != NULL) {
        return plan_list(r, list);
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        if (rewrite_slot(r, list, &((PyListObject *)list)->ob_item[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
plan_deque(rs_rewrite *r, PyObject *deque, PyObject *items)
{
    PyObject *maxlen = PyObject_GetAttrString(deque, "maxlen");
    PyObject *fresh = NULL;
    int result = -1;
    if (maxlen == NULL || Py_TYPE(deque) != r->st->deque_type) {
        result = maxlen != NULL ? 0 : -1; /* a subclass: it is left */
        goto done;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(items); i++) {
        PyObject *to = rs_mapped(r->map, PyList_GET_ITEM(items, i));
        PyList_SetItem(items, i, Py_NewRef(to));
    }
    r->done += rs_holder_refs(deque, r->map);
    fresh = PyObject_CallFunctionObjArgs((PyObject *)r->st->deque_type, items, maxlen,
                                         NULL);
    result = fresh != NULL ? rs_plan_body_derived(r->j, deque, fresh) : -1;
done:
    Py_XDECREF(maxlen);
    Py_XDECREF(fresh);
    return result;
}

static int
rewrite_deque(rs_rewrite *r, PyObject *deque)
{
    ssizeobjargproc set = r->st->deque_type->tp_as_sequence->sq_ass_item;
    PyObject *items = PySequence_List(deque);
    int result = items != NULL ? 0 : -1;
    if (items != NULL && r->j != NULL) {
        result = plan_deque(r, deque, items);
    } else if (items != NULL) {
        for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(items); i++) {
            PyObject *to = rs_idmap_get(r->map, PyList_GET_ITEM(items, i));
            if (to != NULL) {
                result = set(deque, i, to);
            }
        }
    }
    Py_XDECREF(items);
    return result;
}

/* ---- sets ---- */

static int
rewrite_set(rs_rewrite *r, PyObject *set)
{
    PyObject *fresh;
    int result;
    if (r->j == NULL) {
        return rs_holder_rebuild_set(set, r->map);
    }
    if (!PySet_CheckExact(set)) {
        return 0; /* it is left */
    }
    r->done += rs_holder_refs(set, r->map);
    fresh = PySet_New(set);
    result = fresh != NULL ? rs_holder_rebuild_set(fresh, r->map) : -1;
    if (result == 0) {
        result = rs_plan_body_derived(r->j, set, fresh);
    }
    Py_XDECREF(fresh);
    return result;
}

/* ---- dicts ---- */

static int
has_mapped_key(const rs_rewrite *r, PyObject *dict)
{
    PyObject *key;
    Py_ssize_t pos = 0;
    while (PyDict_Next(dict, &pos, &key, NULL)) {
        if (rs_idmap_has(r->map, key)) {
            return 1;
        }
    }
    return 0;
}

/* Is looking for it certain to call no Python code? */
static int
is_plain_key(PyObject *key)
{
    if (PyTuple_CheckExact(key)) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(key); i++) {
            if (!is_plain_key(PyTuple_GET_ITEM(key, i))) {
                return 0;
            }
        }
        return 1;
    }
    if (PyType_Check(key)) {
        return Py_TYPE(key)->tp_hash == PyBaseObject_Type.tp_hash;
    }
    return PyUnicode_CheckExact(key) || PyLong_CheckExact(key) ||
           PyBytes_CheckExact(key) || PyBool_Check(key) || PyFloat_CheckExact(key) ||
           PyFunction_Check(key) || key == Py_None;
}

static int
has_plain_keys(PyObject *dict)
{
    PyObject *key;
    Py_ssize_t pos = 0;
    while (PyDict_Next(dict, &pos, &key, NULL)) {
        if (!is_plain_key(key)) {
            return 0;
        }
    }
    return 1;
}

/* Values only. Pairs are copied first: setting may run Python code. */
static int
rewrite_values(rs_rewrite *r, PyObject *dict, int planned)
{
    rs_idmap pairs = {0};
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    int result = 0;
    while (result == 0 && PyDict_Next(dict, &pos, &key, &value)) {
        PyObject *to = rs_idmap_get(r->map, value);
        if (to != NULL) {
            result = rs_idmap_set(&pairs, key, to);
        }
    }
    pos = 0;
    while (result == 0 && rs_idmap_next(&pairs, &pos, &key, &value)) {
        r->done++;
        result = planned ? rs_plan_dict(r->j, dict, key, value)
                         : PyDict_SetItem(dict, key, value);
    }
    rs_idmap_clear(&pairs);
    return result;
}

static int
plan_dict(rs_rewrite *r, PyObject *dict)
{
    PyObject *fresh;
    int result;
    if (!has_mapped_key(r, dict) && has_plain_keys(dict)) {
        return rewrite_values(r, dict, 1);
    }
    if (!PyDict_CheckExact(dict)) {
        return 0; /* it is left */
    }
    r->done += rs_holder_refs(dict, r->map);
    fresh = PyDict_Copy(dict);
    result = fresh != NULL ? rs_holder_rebuild_dict(fresh, r->map) : -1;
    if (result == 0) {
        result = rs_plan_body_derived(r->j, dict, fresh);
    }
    Py_XDECREF(fresh);
    return result;
}

static int
rewrite_dict(rs_rewrite *r, PyObject *dict)
{
    if (r->j != NULL) {
        return plan_dict(r, dict);
    }
    return has_mapped_key(r, dict) ? rs_holder_rebuild_dict(dict, r->map)
                                   : rewrite_values(r, dict, 0);
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
            result = rs_frame_set_local(frame, locals, PyTuple_GET_ITEM(item, 0), to);
        }
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
    result = PyDict_CheckExact(dict) ? rewrite_dict(r, dict) : 0;
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
    for (size_t i = first; i < end; i++) {
        n += words[i] != NULL && rs_idmap_has(r->map, words[i]);
    }
    if (n == 0 || n != refs) {
        return 0;
    }
    for (size_t i = first; i < end; i++) {
        if (rewrite_slot(r, holder, &words[i]) < 0) {
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
        return rewrite_slot(r, holder, &((PyCellObject *)holder)->ob_ref);
    }
    if (PyTuple_Check(holder)) {
        return rewrite_tuple(r, holder);
    }
    if (PyList_Check(holder)) {
        return rewrite_list(r, holder);
    }
    if (PyDict_Check(holder)) {
        return rewrite_dict(r, holder);
    }
    if (PyAnySet_Check(holder)) {
        return rewrite_set(r, holder);
    }
    if (PyObject_TypeCheck(holder, r->st->deque_type)) {
        return rewrite_deque(r, holder);
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

/* The journal changes nothing now, so what it covers is counted by its operations. */
static int
rewrite_planned(rs_rewrite *r, PyObject *holder)
{
    Py_ssize_t refs = content_refs(r, holder);
    if (refs == 0 || rs_journal_replaces(r->j, holder)) {
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
