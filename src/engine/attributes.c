#include "attributes.h"

#include <string.h>

#include "idmap.h"

/* ---- slots ---- */

/* A slot that Python code gave the class; those of C are the class's own business. */
static int
is_slot(PyObject *value, PyObject *type)
{
    const PyMemberDef *member;
    if (!Py_IS_TYPE(value, &PyMemberDescr_Type) ||
        (PyObject *)((PyDescrObject *)value)->d_type != type ||
        !PyType_HasFeature(RS_TYPE(type), Py_TPFLAGS_HEAPTYPE)) {
        return 0;
    }
    member = ((PyMemberDescrObject *)value)->d_member;
    return member->type == Py_T_OBJECT_EX && (member->flags & Py_READONLY) == 0;
}

static int
add_slots(rs_slots *slots, PyObject *type)
{
    Py_ssize_t pos = 0;
    PyObject *name, *value, *dict = PyType_GetDict(RS_TYPE(type));
    while (dict != NULL && PyDict_Next(dict, &pos, &name, &value)) {
        PyObject **more;
        if (!is_slot(value, type)) {
            continue;
        }
        more = PyMem_Realloc(slots->descriptors,
                             ((size_t)slots->n + 1) * sizeof(*more));
        if (more == NULL) {
            Py_DECREF(dict);
            PyErr_NoMemory();
            return -1;
        }
        slots->descriptors = more;
        slots->descriptors[slots->n++] = Py_NewRef(value);
    }
    Py_XDECREF(dict);
    return 0;
}

int
rs_slots_of(rs_slots *slots, PyTypeObject *type)
{
    PyObject *mro = type->tp_mro;
    if (slots->type == type) {
        return 0;
    }
    rs_slots_clear(slots);
    slots->type = (PyTypeObject *)Py_NewRef(type);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++) {
        if (add_slots(slots, PyTuple_GET_ITEM(mro, i)) < 0) {
            rs_slots_clear(slots);
            return -1;
        }
    }
    return 0;
}

void
rs_slots_clear(rs_slots *slots)
{
    for (Py_ssize_t i = 0; i < slots->n; i++) {
        Py_DECREF(slots->descriptors[i]);
    }
    PyMem_Free(slots->descriptors);
    Py_XDECREF(slots->type);
    *slots = (rs_slots){0};
}

/* The value in a slot: new reference, or NULL. Such a descriptor runs no Python code and
 * fails only where the slot is empty. */
static PyObject *
read_slot(PyObject *descriptor, PyObject *object)
{
    PyObject *value = Py_TYPE(descriptor)
                          ->tp_descr_get(descriptor, object,
                                         (PyObject *)Py_TYPE(object));
    if (value == NULL) {
        PyErr_Clear();
    }
    return value;
}

/* ---- taking ---- */

/* The dict of an instance: new reference; NULL with or without an exception. */
static PyObject *
dict_of(PyObject *object)
{
    return Py_TYPE(object)->tp_dictoffset != 0 ? PyObject_GenericGetDict(object, NULL)
                                               : NULL;
}

int
rs_attributes_take(rs_attributes *a, const rs_slots *slots, PyObject *object)
{
    Py_ssize_t pos = 0, n_dict;
    PyObject *key, *value, *dict = dict_of(object);
    if (dict == NULL && PyErr_Occurred()) {
        return -1;
    }
    n_dict = dict != NULL ? PyDict_GET_SIZE(dict) : 0;
    *a = (rs_attributes){.object = Py_NewRef(object), .dict = dict};
    a->list = PyMem_New(rs_attribute, (size_t)(n_dict + slots->n) + 1);
    if (a->list == NULL) {
        rs_attributes_clear(a);
        PyErr_NoMemory();
        return -1;
    }
    while (dict != NULL && a->n < n_dict && PyDict_Next(dict, &pos, &key, &value)) {
        a->list[a->n++] = (rs_attribute){Py_NewRef(key), Py_NewRef(value), NULL};
    }
    a->n_order = a->n;
    for (Py_ssize_t i = 0; i < slots->n; i++) {
        PyObject *slot = slots->descriptors[i];
        a->list[a->n++] = (rs_attribute){Py_NewRef(slot), read_slot(slot, object),
                                         NULL};
    }
    return 0;
}

/* ---- the difference ---- */

/* Are the keys of the dict those that it had, in that order, perhaps with others behind
 * them? Then old values alone restore the order. */
static int
order_is_kept(const rs_attributes *a, PyObject *dict)
{
    Py_ssize_t pos = 0, i = 0;
    PyObject *key;
    while (i < a->n_order && dict != NULL && PyDict_Next(dict, &pos, &key, NULL)) {
        if (key != a->list[i].key) {
            return 0;
        }
        i++;
    }
    return i == a->n_order;
}

static int
keep_order(rs_attributes *a)
{
    a->order = PyMem_New(PyObject *, (size_t)a->n_order + 1);
    if (a->order == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < a->n_order; i++) {
        a->order[i] = Py_NewRef(a->list[i].key);
    }
    return 0;
}

/* Fills in what became of the values that it had, and counts the keys that it has more.
 * -1 with an exception. */
static Py_ssize_t
read_dict(rs_attributes *a, PyObject *dict, rs_idmap *known)
{
    Py_ssize_t more, pos = 0, i = 0;
    PyObject *key, *value;
    for (; i < a->n_order; i++) {
        if (rs_idmap_set(known, a->list[i].key, a->list[i].key) < 0) {
            return -1;
        }
    }
    more = 0;
    while (dict != NULL && PyDict_Next(dict, &pos, &key, &value)) {
        Py_ssize_t number = rs_idmap_find(known, key);
        if (number >= 0) {
            a->list[number].became = Py_NewRef(value);
        } else {
            more++;
        }
    }
    return more;
}

/* Appends the keys that it has more. 0 or -1. */
static int
add_new(rs_attributes *a, PyObject *dict, const rs_idmap *known, Py_ssize_t more)
{
    Py_ssize_t pos = 0;
    PyObject *key, *value;
    rs_attribute *list = PyMem_Realloc(a->list,
                                       (size_t)(a->n + more + 1) * sizeof(*list));
    if (list == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    a->list = list;
    while (more > 0 && PyDict_Next(dict, &pos, &key, &value)) {
        if (rs_idmap_find(known, key) < 0) {
            a->list[a->n++] = (rs_attribute){Py_NewRef(key), NULL, Py_NewRef(value)};
            more--;
        }
    }
    return 0;
}

static void
clear_attribute(rs_attribute *one)
{
    Py_CLEAR(one->key);
    Py_CLEAR(one->was);
    Py_CLEAR(one->became);
}

/* Drops what is as it was; the rest moves together. */
static void
drop_unchanged(rs_attributes *a)
{
    Py_ssize_t n = 0;
    rs_attribute *fitted;
    for (Py_ssize_t i = 0; i < a->n; i++) {
        if (a->list[i].was == a->list[i].became) {
            clear_attribute(&a->list[i]);
        } else {
            a->list[n++] = a->list[i];
        }
    }
    a->n = n;
    fitted = PyMem_Realloc(a->list, ((size_t)n + 1) * sizeof(*fitted));
    a->list = fitted != NULL ? fitted : a->list;
}

/* A key of the dict that it did not have: borrowed or NULL. */
static PyObject *
find_new(const rs_attributes *a, PyObject *dict)
{
    Py_ssize_t pos = 0, i;
    PyObject *key;
    while (PyDict_Next(dict, &pos, &key, NULL)) {
        for (i = 0; i < a->n_order && a->list[i].key != key; i++) {
        }
        if (i == a->n_order) {
            return key;
        }
    }
    return NULL;
}

/* Without knowing the difference, and without memory of its own. */
static void
put_all_back(const rs_attributes *a, const rs_slots *slots)
{
    PyObject *key, *cause = PyErr_GetRaisedException();
    while (a->dict != NULL && (key = find_new(a, a->dict)) != NULL) {
        Py_INCREF(key);
        if (PyDict_DelItem(a->dict, key) < 0) {
            PyErr_Clear(); /* it is gone already */
        }
        Py_DECREF(key);
    }
    for (Py_ssize_t i = 0; i < a->n_order; i++) {
        if (PyDict_DelItem(a->dict, a->list[i].key) < 0) {
            PyErr_Clear(); /* it was gone */
        }
        if (PyDict_SetItem(a->dict, a->list[i].key, a->list[i].was) < 0) {
            PyErr_WriteUnraisable(a->object);
        }
    }
    for (Py_ssize_t i = 0; i < slots->n; i++) {
        const rs_attribute *one = &a->list[a->n_order + i];
        if (Py_TYPE(one->key)->tp_descr_set(one->key, a->object, one->was) < 0) {
            PyErr_Clear(); /* empty, and to be emptied */
        }
    }
    PyErr_SetRaisedException(cause);
}

int
rs_attributes_settle(rs_attributes *a, const rs_slots *slots)
{
    int result = -1;
    rs_idmap known = {0};
    Py_ssize_t more;

    a->dict_became = dict_of(a->object);
    if (a->dict_became == NULL && PyErr_Occurred()) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < slots->n; i++) {
        rs_attribute *one = &a->list[a->n_order + i];
        one->became = read_slot(one->key, a->object);
    }
    if (!order_is_kept(a, a->dict_became) && keep_order(a) < 0) {
        goto done;
    }
    more = read_dict(a, a->dict_became, &known);
    if (more >= 0 && add_new(a, a->dict_became, &known, more) == 0) {
        drop_unchanged(a);
        result = a->n > 0 || a->order != NULL || a->dict != a->dict_became;
    }
done:
    rs_idmap_clear(&known);
    if (result < 0) {
        put_all_back(a, slots);
    }
    return result;
}

/* ---- putting back ---- */

static int
put_slot_back(const rs_attributes *a, const rs_attribute *one)
{
    PyObject *now = read_slot(one->key, a->object);
    Py_XDECREF(now); /* a slot or nobody holds it */
    if (now != one->became) {
        return 0;
    }
    if (one->was == now) {
        return 1;
    }
    return Py_TYPE(one->key)->tp_descr_set(one->key, a->object, one->was) < 0 ? -1 : 1;
}

static int
put_key_back(const rs_attributes *a, const rs_attribute *one)
{
    PyObject *now = PyDict_GetItemWithError(a->dict, one->key);
    if (now == NULL && PyErr_Occurred()) {
        return -1;
    }
    if (now == one->was) {
        return 1;
    }
    if (a->dict == a->dict_became && now != one->became) {
        return 0;
    }
    if (one->was == NULL) {
        return PyDict_DelItem(a->dict, one->key) < 0 ? -1 : 1;
    }
    return PyDict_SetItem(a->dict, one->key, one->was) < 0 ? -1 : 1;
}

/* Each key in turn goes to the end. Others that somebody has added come first then. */
static int
put_order_back(const rs_attributes *a)
{
    int result = 0;
    for (Py_ssize_t i = 0; result == 0 && i < a->n_order; i++) {
        PyObject *key = a->order[i];
        PyObject *value = Py_XNewRef(PyDict_GetItemWithError(a->dict, key));
        if (value != NULL && (PyDict_DelItem(a->dict, key) < 0 ||
                              PyDict_SetItem(a->dict, key, value) < 0)) {
            result = -1;
        }
        result = PyErr_Occurred() ? -1 : result;
        Py_XDECREF(value);
    }
    return result;
}

/* The instance has another dict now: it gets its own. 1, 0: somebody has given it one since,
 * -1. */
static int
put_dict_back(const rs_attributes *a)
{
    PyObject *now;
    if (a->dict == a->dict_became) {
        return 1;
    }
    now = dict_of(a->object);
    Py_XDECREF(now); /* the instance has it */
    if (now == NULL) {
        return -1;
    }
    if (now != a->dict_became) {
        return 0;
    }
    return PyObject_GenericSetDict(a->object, a->dict, NULL) < 0 ? -1 : 1;
}

int
rs_attributes_put_back(const rs_attributes *a)
{
    int all = put_dict_back(a);
    for (Py_ssize_t i = a->n; all >= 0 && i-- > 0;) {
        const rs_attribute *one = &a->list[i];
        int done = Py_IS_TYPE(one->key, &PyMemberDescr_Type) ? put_slot_back(a, one)
                                                             : put_key_back(a, one);
        all = done < 0 ? -1 : all && done;
    }
    if (all >= 0 && a->order != NULL && put_order_back(a) < 0) {
        return -1;
    }
    return all;
}

/* ---- its references ---- */

int
rs_attributes_visit(const rs_attributes *a, visitproc visit, void *arg)
{
    Py_VISIT(a->object);
    Py_VISIT(a->dict);
    Py_VISIT(a->dict_became);
    for (Py_ssize_t i = 0; i < a->n; i++) {
        Py_VISIT(a->list[i].key);
        Py_VISIT(a->list[i].was);
        Py_VISIT(a->list[i].became);
    }
    for (Py_ssize_t i = 0; a->order != NULL && i < a->n_order; i++) {
        Py_VISIT(a->order[i]);
    }
    return 0;
}

void
rs_attributes_clear(rs_attributes *a)
{
    rs_attributes old = *a;
    *a = (rs_attributes){0};
    for (Py_ssize_t i = 0; i < old.n; i++) {
        clear_attribute(&old.list[i]);
    }
    for (Py_ssize_t i = 0; old.order != NULL && i < old.n_order; i++) {
        Py_DECREF(old.order[i]);
    }
    PyMem_Free(old.list);
    PyMem_Free(old.order);
    Py_XDECREF(old.dict);
    Py_XDECREF(old.dict_became);
    Py_XDECREF(old.object);
}
