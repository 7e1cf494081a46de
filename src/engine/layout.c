#include "layout.h"

#include "same.h"

/* The class that decides the layout of `type`: the first one, going up, that adds to it. */
static PyTypeObject *
layout_root(const rs_state *st, PyTypeObject *type)
{
    PyTypeObject *base;
    while ((base = type->tp_base) != NULL && rs_layout_walks_up(type, base) &&
           (type->tp_dealloc == st->subtype_dealloc ||
            type->tp_dealloc == base->tp_dealloc)) {
        type = base;
    }
    return type;
}

/* The same for a base of which no instance is at stake: abc.ABC and typing.Generic add
 * nothing to object but the collector's flag. */
static PyTypeObject *
last_that_adds(PyTypeObject *type)
{
    PyTypeObject *base;
    while ((base = type->tp_base) != NULL && type->tp_basicsize == base->tp_basicsize &&
           type->tp_itemsize == base->tp_itemsize &&
           type->tp_dictoffset == base->tp_dictoffset &&
           type->tp_weaklistoffset == base->tp_weaklistoffset) {
        type = base;
    }
    return type;
}

static PyTypeObject *
live_type(const rs_session *s, PyTypeObject *type)
{
    return RS_TYPE(rs_session_live(s, (PyObject *)type));
}

/* Both add the same slots in the same order to the same base. */
static int
same_slots(PyTypeObject *a, PyTypeObject *b)
{
    Py_ssize_t size = a->tp_base->tp_basicsize;
    PyObject *slots_a, *slots_b;
    if (!(a->tp_flags & Py_TPFLAGS_HEAPTYPE) || !(b->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        return 0;
    }
    if (a->tp_dictoffset == size && b->tp_dictoffset == size) {
        size += (Py_ssize_t)sizeof(PyObject *);
    }
    if (a->tp_weaklistoffset == size && b->tp_weaklistoffset == size) {
        size += (Py_ssize_t)sizeof(PyObject *);
    }
    slots_a = RS_HEAPTYPE(a)->ht_slots;
    slots_b = RS_HEAPTYPE(b)->ht_slots;
    if (slots_a != NULL && slots_b != NULL) {
        if (!rs_same_literal(slots_a, slots_b)) {
            return 0;
        }
        size += (Py_ssize_t)sizeof(PyObject *) * PyTuple_GET_SIZE(slots_a);
    }
    return size == a->tp_basicsize && size == b->tp_basicsize;
}

int
rs_layout_fits(const rs_session *s, PyTypeObject *live, PyTypeObject *donor)
{
    PyTypeObject *live_root = layout_root(s->st, live);
    PyTypeObject *donor_root = layout_root(s->st, donor);
    PyTypeObject *donor_last = last_that_adds(donor_root);
    if (live->tp_free != donor->tp_free || !rs_layout_flags_agree(live, donor)) {
        return 0;
    }
    /* a donor that adds to the layout itself is mapped to `live`: that says nothing */
    if (donor_root != donor && live_type(s, donor_root) == live_root) {
        return 1;
    }
    /* 3.15 walks past a class that has nothing but a __dict__, but not past Generic, which
     * has a deallocator of its own */
    if (donor_last != donor &&
        live_type(s, donor_last) == live_type(s, last_that_adds(live_root))) {
        return 1;
    }
    if (live_root->tp_base == NULL || donor_root->tp_base == NULL) {
        return 0;
    }
    /* their bases may differ, as long as these lay out instances alike */
    return live_type(s, last_that_adds(donor_root->tp_base)) ==
               live_type(s, last_that_adds(live_root->tp_base)) &&
           same_slots(live_root, donor_root);
}
