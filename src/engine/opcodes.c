#include "opcodes.h"

/* 0 or -1. */
static int
read_one(const rs_opcode *wanted, PyObject *opmap)
{
    PyObject *number = PyMapping_GetItemString(opmap, wanted->name);
    *wanted->number = -1;
    if (number == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_KeyError)) {
            return -1;
        }
        PyErr_Clear();
        return 0;
    }
    *wanted->number = (int)PyLong_AsLong(number);
    Py_DECREF(number);
    return *wanted->number == -1 && PyErr_Occurred() ? -1 : 0;
}

int
rs_opcodes_read(const rs_opcode *wanted, size_t count)
{
    int result = 0;
    PyObject *module = PyImport_ImportModule("opcode");
    PyObject *opmap = module != NULL ? PyObject_GetAttrString(module, "opmap") : NULL;
    Py_XDECREF(module);
    if (opmap == NULL) {
        return -1;
    }
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = read_one(&wanted[i], opmap);
    }
    Py_DECREF(opmap);
    return result;
}
