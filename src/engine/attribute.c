#include "attribute.h"

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

int
rs_attribute_read(PyObject *object, PyObject *name, PyObject **value)
{
    PyObject *of_class = class_attribute(Py_TYPE(object), name);
    *value = NULL;
    if (of_class == NULL && PyErr_Occurred()) {
        return -1;
    }
    if (of_class != NULL && !Py_IS_TYPE(of_class, &PyMemberDescr_Type) &&
        !PyFunction_Check(of_class) &&
        (Py_TYPE(of_class)->tp_descr_get != NULL ||
         Py_TYPE(of_class)->tp_descr_set != NULL)) {
        return 0;
    }
    *value = PyObject_GenericGetAttr(object, name);
    if (*value == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear();
    } else if (*value == of_class ||
               (PyMethod_Check(*value) && PyMethod_GET_FUNCTION(*value) == of_class &&
                PyMethod_GET_SELF(*value) == object)) {
        Py_CLEAR(*value);
    }
    return 1;
}

int
rs_attribute_write(PyObject *object, PyObject *name, PyObject *value)
{
    return PyObject_GenericSetAttr(object, name, value);
}
