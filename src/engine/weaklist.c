#include "weaklist.h"

PyWeakReference **
rs_weaklist_of(PyObject *op)
{
    if (!PyType_SUPPORTS_WEAKREFS(Py_TYPE(op))) {
        return NULL;
    }
    return (PyWeakReference **)PyObject_GET_WEAKREFS_LISTPTR(op);
}

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

void
rs_weaklist_move(PyObject *op, PyObject *from, PyObject *to, Py_hash_t *hash)
{
    PyWeakReference *ref = (PyWeakReference *)op;
    Py_hash_t before = ref->hash;
    unlink_ref(ref, rs_weaklist_of(from));
    ref->wr_object = to;
    ref->hash = *hash;
    *hash = before;
    link_ref(ref, rs_weaklist_of(to));
}

void
rs_weaklist_rehash(PyObject *ref, Py_hash_t before)
{
    if (before != -1 && PyObject_Hash(ref) == -1) {
        PyErr_Clear(); /* then nothing can find it by hash */
    }
}
