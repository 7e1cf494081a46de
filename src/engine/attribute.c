#include "attribute.h"

#include "same.h"

/* What the class of an instance has under `name`; borrowed or NULL. */
static PyObject *
class_attribute(PyTypeObject *type, PyObject *name)
{
    PyObject *mro = type->tp_mro;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *dict = PyType_GetDict(RS_TYPE(PyTuple_GET_ITEM(mro, i)));
        PyObject *value = dict != NULL ? PyDict_GetItemWithError(dict, name) : NULL;
        Py_XDECREF(dict); /* the class keeps it */
        if (value != NULL || PyErr_Occurred()) {
            return value;
        }
    }
    return NULL;
}

/* A field of a built-in type, with code in C for getting and setting it. */
static int
is_field(PyObject *descr, PyObject *name)
{
    const PyGetSetDescrObject *field = (PyGetSetDescrObject *)descr;
    if (!Py_IS_TYPE(descr, &PyGetSetDescr_Type) || field->d_getset->get == NULL ||
        field->d_getset->set == NULL) {
        return 0;
    }
    return !PyType_HasFeature(PyDescr_TYPE(descr), Py_TPFLAGS_HEAPTYPE) ||
           rs_text_equals(name, "__dict__");
}

static int
may_have_dict(PyObject *object)
{
    return Py_TYPE(object)->tp_dictoffset != 0 ||
           (Py_TYPE(object)->tp_flags & Py_TPFLAGS_MANAGED_DICT) != 0;
}

/* The value is what the class has as well: does the instance have it, too? 1, 0, -1. */
static int
is_own_value(PyObject *object, PyObject *name)
{
    PyObject *dict = may_have_dict(object) ? PyObject_GenericGetDict(object, NULL)
                                           : NULL;
    int found;
    if (dict == NULL) {
        PyErr_Clear();
        return 0;
    }
    found = PyDict_CheckExact(dict) ? PyDict_Contains(dict, name) : 0;
    Py_DECREF(dict);
    return found;
}

int
rs_attribute_read(PyObject *object, PyObject *name, PyObject **value)
{
    PyObject *of_class = class_attribute(Py_TYPE(object), name);
    *value = NULL;
    if (of_class == NULL && PyErr_Occurred()) {
        return -1;
    }
    if (of_class != NULL && PyFunction_Check(object)) {
        return 0; /* what a function is made of is no attribute (function.h) */
    }
    if (of_class != NULL && !Py_IS_TYPE(of_class, &PyMemberDescr_Type) &&
        !PyFunction_Check(of_class) && !is_field(of_class, name) &&
        (Py_TYPE(of_class)->tp_descr_get != NULL ||
         Py_TYPE(of_class)->tp_descr_set != NULL)) {
        return 0;
    }
    *value = PyObject_GenericGetAttr(object, name);
    if (*value == NULL) {
        if (PyErr_ExceptionMatches(PyExc_MemoryError)) {
            return -1;
        }
        PyErr_Clear(); /* none; a cell that is empty says ValueError */
    } else if (*value == of_class) {
        int own = is_own_value(object, name);
        if (own <= 0) {
            Py_CLEAR(*value);
        }
        return own < 0 ? -1 : 1;
    } else if (PyMethod_Check(*value) && PyMethod_GET_FUNCTION(*value) == of_class &&
               PyMethod_GET_SELF(*value) == object) {
        Py_CLEAR(*value);
    }
    return 1;
}

int
rs_attribute_write(PyObject *object, PyObject *name, PyObject *value)
{
    return PyObject_GenericSetAttr(object, name, value);
}
