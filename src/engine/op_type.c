#include "op.h"

#include <string.h>

/* ---- names of a class ---- */

static int
is_dunder(PyObject *key)
{
    Py_ssize_t n = PyUnicode_GET_LENGTH(key);
    return n > 4 && PyUnicode_READ_CHAR(key, 0) == '_' &&
           PyUnicode_READ_CHAR(key, 1) == '_' &&
           PyUnicode_READ_CHAR(key, n - 1) == '_' &&
           PyUnicode_READ_CHAR(key, n - 2) == '_';
}

static int
is_text(PyObject *key, const char *text)
{
    return PyUnicode_CompareWithASCIIString(key, text) == 0;
}

/* Is there a data descriptor of that name in the metaclass, also type's own one? It would
 * get the value instead of the class's dict: `__module__` would drop `__firstlineno__`,
 * `__doc__` can't be deleted, a property of a metaclass is Python code. */
static int
metaclass_catches(PyTypeObject *metaclass, PyObject *key)
{
    PyObject *mro = metaclass->tp_mro;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *dict = PyType_GetDict(RS_TYPE(PyTuple_GET_ITEM(mro, i)));
        PyObject *found = dict != NULL ? PyDict_GetItemWithError(dict, key) : NULL;
        int catches = found != NULL && Py_TYPE(found)->tp_descr_set != NULL;
        Py_XDECREF(dict);
        if (found != NULL) {
            return catches;
        }
    }
    return 0;
}

/* These live in fields of the class, or set flags of it. */
static int
is_field(PyObject *key)
{
    return is_text(key, "__abstractmethods__") || is_text(key, "__qualname__") ||
           is_text(key, "__name__");
}

int
rs_type_needs_setter(PyTypeObject *type, PyObject *key)
{
#ifdef RS_WITHOUT_CURE_13 /* operators would stay as they were */
    (void)type;
    return is_field(key);
#else
    if (!is_dunder(key)) {
        return 0;
    }
    return is_field(key) || !metaclass_catches(Py_TYPE(type), key);
#endif
}

PyObject *
rs_type_own(PyTypeObject *type, PyObject *key)
{
    PyObject *dict, *found;
    if (is_text(key, "__qualname__")) {
        return RS_HEAPTYPE(type)->ht_qualname;
    }
    if (is_text(key, "__name__")) {
        return RS_HEAPTYPE(type)->ht_name;
    }
    dict = PyType_GetDict(type);
    found = PyDict_GetItemWithError(dict, key);
    Py_DECREF(dict); /* the class keeps it */
    return found;
}

/* type.__setattr__, whatever the metaclass defines. Three names are type's own data
 * descriptors: those are called directly. */
static int
write_type(PyTypeObject *type, PyObject *key, PyObject *value)
{
    PyObject *dict, *descr;
    int result;
    if (!is_field(key)) {
        return PyType_Type.tp_setattro((PyObject *)type, key, value);
    }
    dict = PyType_GetDict(&PyType_Type);
    descr = PyDict_GetItemWithError(dict, key);
    result = Py_TYPE(descr)->tp_descr_set(descr, (PyObject *)type, value);
    Py_DECREF(dict);
    return result;
}

/* A name that comes back: where it was. */
static int
insert_in_type(const rs_op *op)
{
    PyTypeObject *type = RS_TYPE(op->target);
    PyObject *error, *dict;
    int result = write_type(type, op->own_key, op->value);
    if (result < 0) {
        return -1;
    }
    dict = PyType_GetDict(type);
    result = rs_dict_move_last_before(dict, op->follower);
    Py_DECREF(dict);
    if (result < 0) {
        error = PyErr_GetRaisedException();
        write_type(type, op->own_key, NULL);
        PyErr_SetRaisedException(error);
    }
    return result;
}

/* CPython's setters take back what they did, but for want of memory only half of it: then the
 * operation counts as done. */
static int
torn_by_memory(rs_op *op, int result)
{
    if (result < 0) {
        op->done = op->torn = PyErr_ExceptionMatches(PyExc_MemoryError);
    }
    return result;
}

static int
do_type(rs_op *op)
{
    PyObject *dict;
    if (op->value == op->seen) {
        return 0;
    }
    if (op->value == NULL) {
        dict = PyType_GetDict(RS_TYPE(op->target));
        rs_op_note_order(op, dict);
        Py_DECREF(dict);
    } else if (op->seen == NULL && op->own_key != NULL) {
        return torn_by_memory(op, insert_in_type(op));
    }
    return torn_by_memory(op, write_type(RS_TYPE(op->target), op->key, op->value));
}

static int
undo_type(rs_op *op)
{
    PyObject *dict;
    if (op->value == op->seen) {
        return 0;
    }
    if (op->torn &&
        (rs_type_own(RS_TYPE(op->target), op->key) != NULL) == (op->seen != NULL)) {
        /* it is still there (or still absent); perhaps a slot knows better */
        return op->seen != NULL ? write_type(RS_TYPE(op->target), op->key, op->seen)
                                : 0;
    }
    if (op->value != NULL) {
        return write_type(RS_TYPE(op->target), op->key, op->seen);
    }
    if (write_type(RS_TYPE(op->target), op->own_key, op->seen) < 0) {
        return -1;
    }
    dict = PyType_GetDict(RS_TYPE(op->target));
    if (rs_dict_move_last_before(dict, op->follower) < 0) {
        PyErr_Clear(); /* without memory it stays last */
    }
    Py_DECREF(dict);
    return 0;
}

/* ---- bases ---- */

static int
call_setter(PyTypeObject *owner, const char *name, PyObject *op, PyObject *value)
{
    PyObject *dict = PyType_GetDict(owner);
    PyObject *descr = PyDict_GetItemString(dict, name);
    int result = -1;
    if (descr == NULL) {
        PyErr_NoMemory(); /* for the name: the descriptors are always there */
    } else {
        result = Py_TYPE(descr)->tp_descr_set(descr, op, value);
    }
    if (result < 0 && !PyErr_Occurred()) {
        PyErr_NoMemory(); /* 3.12 does not always say so */
    }
    Py_DECREF(dict);
    return result;
}

/* Would `base` as the first ancestor keep the layout of instances of `type`? Only what a
 * class of the user with nothing of its own in its instances has. */
static int
fits_as_base(const PyTypeObject *type, PyObject *base)
{
    const unsigned long mask = Py_TPFLAGS_PREHEADER | Py_TPFLAGS_HAVE_GC;
    return PyType_Check(base) && RS_TYPE(base)->tp_basicsize <= type->tp_basicsize &&
           RS_TYPE(base)->tp_itemsize == type->tp_itemsize &&
           (RS_TYPE(base)->tp_flags & mask & ~type->tp_flags) == 0;
}

/* Until 3.14 CPython refuses other bases for a direct child of object (and object for
 * another class), only because it compares deallocators. It compares those of the present
 * and the new best base, so the new one is put in place first. */
int
rs_set_bases(PyTypeObject *type, PyObject *bases)
{
    PyObject *error;
    if (call_setter(&PyType_Type, "__bases__", (PyObject *)type, bases) == 0) {
        return 0;
    }
    if (!PyErr_ExceptionMatches(PyExc_TypeError) || !PyTuple_Check(bases)) {
        return -1;
    }
    error = PyErr_GetRaisedException();
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases); i++) {
        PyTypeObject *before = type->tp_base;
        PyObject *base = PyTuple_GET_ITEM(bases, i);
        if (before != &PyBaseObject_Type && base != (PyObject *)&PyBaseObject_Type) {
            break;
        }
        if (!fits_as_base(type, base)) {
            continue;
        }
        type->tp_base = (PyTypeObject *)Py_NewRef(base);
        if (call_setter(&PyType_Type, "__bases__", (PyObject *)type, bases) == 0) {
            Py_DECREF(before); /* what is not object is in the bases that were */
            Py_DECREF(error);
            return 0;
        }
        PyErr_Clear();
        type->tp_base = before;
        Py_DECREF(base);
    }
    PyErr_SetRaisedException(error);
    return -1;
}

PyObject *
rs_type_subclasses(const PyTypeObject *type)
{
    if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0 || type->tp_subclasses == NULL ||
        !PyDict_CheckExact((PyObject *)type->tp_subclasses)) {
        return NULL;
    }
    return (PyObject *)type->tp_subclasses;
}

/* Who comes after the class in the __subclasses__() of each of its bases. */
static void
note_followers(rs_op *op)
{
    PyObject *key = PyLong_FromVoidPtr(op->target);
    for (Py_ssize_t i = 0; key != NULL && i < op->index; i++) {
        PyObject *subclasses = rs_type_subclasses(
            RS_TYPE(PyTuple_GET_ITEM(op->seen, i)));
        PyObject *follower = subclasses != NULL
                                 ? rs_dict_follower(subclasses, key, NULL)
                                 : NULL;
        Py_XSETREF(op->followers[i], Py_XNewRef(follower)); /* an int: no finalizer */
    }
    PyErr_Clear();
    Py_XDECREF(key);
}

/* CPython takes the class out of all old bases and appends it to all new ones; in a base
 * that is both it belongs where it was (hazard 28). */
static void
restore_followers(rs_op *op, PyObject *bases)
{
    for (Py_ssize_t i = 0; i < op->index; i++) {
        PyObject *base = PyTuple_GET_ITEM(op->seen, i);
        PyObject *subclasses = rs_type_subclasses(RS_TYPE(base));
        int stays = 0;
        for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(bases); k++) {
            stays |= PyTuple_GET_ITEM(bases, k) == base;
        }
        if (stays && subclasses != NULL && op->followers[i] != NULL) {
            if (rs_dict_move_last_before(subclasses, op->followers[i]) < 0) {
                PyErr_Clear(); /* without memory it stays last */
            }
        }
    }
}

static int
do_bases(rs_op *op)
{
    note_followers(op);
    if (torn_by_memory(op, rs_set_bases(RS_TYPE(op->target), op->value)) < 0) {
        return -1;
    }
#ifndef RS_WITHOUT_CURE_28
    restore_followers(op, op->value);
#endif
    return 0;
}

static int
undo_bases(rs_op *op)
{
    if (op->torn && rs_set_bases(RS_TYPE(op->target), op->value) < 0) {
        return -1;
    }
    if (rs_set_bases(RS_TYPE(op->target), op->seen) < 0) {
        return -1;
    }
#ifndef RS_WITHOUT_CURE_28
    restore_followers(op, op->seen);
#endif
    return 0;
}

/* ---- class of an object ---- */

int
rs_set_class(PyObject *op, PyTypeObject *type)
{
#ifdef RS_WITHOUT_CURE_8 /* attributes in the object are laid out by the old class */
    PyTypeObject *before = Py_TYPE(op);
    Py_SET_TYPE(op, (PyTypeObject *)Py_NewRef(type));
    Py_DECREF(before);
    return 0;
#else
    return call_setter(&PyBaseObject_Type, "__class__", op, (PyObject *)type);
#endif
}

/* A metaclass that is `type` can't be changed or taken by the setter; nothing about a
 * class depends on it but caches, and those are told (hazard 21). */
static void
put_metaclass(rs_op *op, PyObject *metaclass, PyObject *other)
{
    PyObject *place = (PyObject *)Py_TYPE(op->target);
    rs_put(&place, metaclass, other, &op->displaced);
    Py_SET_TYPE(op->target, RS_TYPE(place));
}

/* ---- all kinds ---- */

int
rs_op_type_do(rs_op *op)
{
    switch (op->kind) {
    case RS_OP_TYPE:
        return do_type(op);
    case RS_OP_BASES:
        return do_bases(op);
    case RS_OP_METACLASS:
        put_metaclass(op, op->value, op->seen);
        return 0;
    case RS_OP_CLASS:
        return rs_set_class(op->target, RS_TYPE(op->value));
    default:
        Py_UNREACHABLE();
    }
}

int
rs_op_type_undo(rs_op *op)
{
    switch (op->kind) {
    case RS_OP_TYPE:
        return undo_type(op);
    case RS_OP_BASES:
        return undo_bases(op);
    case RS_OP_METACLASS:
        put_metaclass(op, op->seen, op->value);
        return 0;
    case RS_OP_CLASS:
        return rs_set_class(op->target, RS_TYPE(op->seen));
    default:
        Py_UNREACHABLE();
    }
}
