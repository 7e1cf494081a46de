#include "op.h"
#include "same.h"
#include "weaklist.h"
#include "young.h"

/* ---- which ones? ---- */

/* weakref.WeakSet and its like, WeakMethod: references with a callback that belongs to the
 * container or reference, not to whoever made the object. */
static int
is_librarys(const rs_session *s, PyObject *callback)
{
    PyObject *name;
    if (!PyFunction_Check(callback)) {
        return 0;
    }
    name = PyDict_GetItemWithError(PyFunction_GET_GLOBALS(callback),
                                   s->st->names.__name__);
    return rs_text_equals(name, "weakref") || rs_text_equals(name, "_weakrefset");
}

/* A definition goes on living, so its finalizers wait. An instance that the body made a
 * second time goes: what its class does then (close a file, end a thread) has to be done
 * for that very instance. */
static int
is_to_follow(const rs_session *s, const PyWeakReference *ref, PyObject *from)
{
    PyObject *callback = ref->wr_callback;
    return callback == NULL || PyType_Check(from) || PyFunction_Check(from) ||
           is_librarys(s, callback);
}

int
rs_weakrefs_collect(const rs_young *young, rs_idmap *refs)
{
#ifndef RS_WITHOUT_CURE_17
    Py_ssize_t pos = 0;
    PyObject *from, *to;
    while (rs_idmap_next(&young->map, &pos, &from, &to)) {
        PyWeakReference **list = rs_weaklist_of(from);
        if (list == NULL || rs_weaklist_of(to) == NULL) {
            continue;
        }
        for (PyWeakReference *ref = *list; ref != NULL; ref = ref->wr_next) {
            if (is_to_follow(young->s, ref, from) &&
                rs_idmap_set(refs, (PyObject *)ref, (PyObject *)ref) < 0) {
                return -1;
            }
        }
    }
#else
    (void)young;
    (void)refs;
    (void)is_to_follow;
#endif
    return 0;
}

/* ---- who refers to them? ---- */

Py_ssize_t
rs_weakref_registrations(PyObject *ref, const rs_idmap *interval)
{
    PyObject *key, *bases, *donor;
    Py_ssize_t n = 0;
    if (!PyWeakref_CheckRefExact(ref) ||
        ((PyWeakReference *)ref)->wr_callback != NULL) {
        return 0;
    }
    donor = rs_weakref_referent(ref);
    if (donor == NULL || !PyType_Check(donor)) {
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

/* ---- at once ---- */

int
rs_retarget_weakrefs(rs_young *young, rs_idmap *changed)
{
    rs_idmap refs = {0};
    Py_ssize_t pos = 0;
    PyObject *ref;
    int result = rs_weakrefs_collect(young, &refs);
    while (result == 0 && rs_idmap_next(&refs, &pos, &ref, NULL)) {
        PyObject *from = rs_weakref_referent(ref);
        if (from != NULL && !rs_idmap_has(&young->s->late, ref)) {
            Py_hash_t hash = -1;
            rs_weaklist_move(ref, from, rs_idmap_get(&young->map, from), &hash);
            rs_weaklist_rehash(ref, hash);
            result = rs_idmap_set(changed, ref, ref);
        }
    }
    rs_idmap_clear(&refs);
    return result;
}
