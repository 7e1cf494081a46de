#include "young.h"

#include "op.h"

/* The list of weak references to `op`, or NULL if its class has none. */
static PyWeakReference **
weakrefs_of(PyObject *op)
{
    if (!PyType_SUPPORTS_WEAKREFS(Py_TYPE(op))) {
        return NULL;
    }
    return (PyWeakReference **)PyObject_GET_WEAKREFS_LISTPTR(op);
}

/* ---- moving one ---- */

static void
unlink_ref(PyWeakReference *ref, PyWeakReference **list)
{
    if (*list == ref) {
        *list = ref->wr_next;
    }
    if (ref->wr_prev != NULL) {
        ref->wr_prev->wr_next = ref->wr_next;
    }
    if (ref->wr_next != NULL) {
        ref->wr_next->wr_prev = ref->wr_prev;
    }
    ref->wr_prev = ref->wr_next = NULL;
}

/* At the end: the plain reference and the plain proxy that everybody shares are looked for
 * at the head. */
static void
link_ref(PyWeakReference *ref, PyWeakReference **list)
{
    PyWeakReference *last = *list;
    if (last == NULL) {
        *list = ref;
        return;
    }
    while (last->wr_next != NULL) {
        last = last->wr_next;
    }
    last->wr_next = ref;
    ref->wr_prev = last;
}

/* The object keeps its identity, so all that refer to it follow; it has no reference to
 * what it means, so none is counted. */
static void
retarget(PyWeakReference *ref, PyObject *from, PyObject *to)
{
    unlink_ref(ref, weakrefs_of(from));
    ref->wr_object = to;
    ref->hash = -1;
    link_ref(ref, weakrefs_of(to));
}

/* ---- which ones? ---- */

static int
collect_refs(const rs_idmap *map, rs_idmap *refs)
{
    Py_ssize_t pos = 0;
    PyObject *from, *to;
    while (rs_idmap_next(map, &pos, &from, &to)) {
        PyWeakReference **list = weakrefs_of(from);
        if (list == NULL || weakrefs_of(to) == NULL) {
            continue;
        }
        for (PyWeakReference *ref = *list; ref != NULL; ref = ref->wr_next) {
            if (rs_idmap_set(refs, (PyObject *)ref, from) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

typedef struct {
    rs_refcounts counts;
    rs_idmap *interval;
} weak_arg;

static int
visit_holder(PyObject *op, void *arg)
{
    weak_arg *weak = arg;
    rs_refcounts_add(&weak->counts, op);
    return rs_idmap_set(weak->interval, op, op) < 0 ? -1 : 1;
}

/* How many bases that are not young have this class in their __subclasses__(), which are
 * weak references too: the plain one that everybody shares. */
static Py_ssize_t
registrations(PyObject *donor, const rs_idmap *interval)
{
    PyObject *key, *bases;
    Py_ssize_t n = 0;
    if (!PyType_Check(donor)) {
        return 0;
    }
    key = PyLong_FromVoidPtr(donor);
    bases = RS_TYPE(donor)->tp_bases;
    for (Py_ssize_t i = 0; key != NULL && i < PyTuple_GET_SIZE(bases); i++) {
        PyTypeObject *base = RS_TYPE(PyTuple_GET_ITEM(bases, i));
        PyObject *subclasses = rs_type_subclasses(base);
        if ((base->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0) {
            n++;
        } else if (subclasses != NULL && !rs_idmap_has(interval, subclasses)) {
            n += PyDict_Contains(subclasses, key);
        }
    }
    Py_XDECREF(key);
    PyErr_Clear();
    return n;
}

static int
is_plain_ref(PyWeakReference *ref)
{
    return PyWeakref_CheckRefExact((PyObject *)ref) && ref->wr_callback == NULL;
}

/* Is every reference to this weak reference from a young object? */
static int
is_young_ref(PyObject *op, PyObject *from, Py_ssize_t counted, const weak_arg *weak,
             const rs_session *s)
{
    PyWeakReference *ref = (PyWeakReference *)op;
    Py_ssize_t explained = counted + 1; /* key of the map of references */
    if (is_plain_ref(ref)) {
        explained += registrations(from, weak->interval);
    }
    explained += 2 * rs_idmap_has(weak->interval, op);
    explained += rs_session_holds_by_index(s, op);
    return Py_REFCNT(op) <= explained;
}

int
rs_retarget_weakrefs(rs_young *young, rs_idmap *changed)
{
#ifdef RS_WITHOUT_CURE_17
    (void)young;
    (void)changed;
    return 0;
#else
    rs_idmap refs = {0}, interval = {0};
    weak_arg weak = {{NULL, NULL}, &interval};
    int result = -1;
    if (collect_refs(&young->map, &refs) < 0 ||
        rs_refcounts_init(&weak.counts, &refs) < 0) {
        goto done;
    }
    if (refs.used != 0 && rs_heap_interval(young->s, visit_holder, &weak) < 0) {
        goto done;
    }
    rs_session_visit_lists(young->s, rs_refcounts_one, &weak.counts);
    for (Py_ssize_t i = 0; i < refs.used; i++) {
        PyObject *ref = refs.entries[i].key, *from = refs.entries[i].value;
        if (!is_young_ref(ref, from, weak.counts.n[i], &weak, young->s)) {
            continue;
        }
        retarget((PyWeakReference *)ref, from, rs_idmap_get(&young->map, from));
        if (rs_idmap_set(changed, ref, ref) < 0) {
            goto done;
        }
    }
    result = 0;
done:
    rs_refcounts_clear(&weak.counts);
    rs_idmap_clear(&interval);
    rs_idmap_clear(&refs);
    return result;
#endif
}
