#include "attrs.h"

#include "opcodes.h"
#include "same.h"

int
rs_attrs_open(rs_attrs_opcodes *ops)
{
    const rs_opcode wanted[] = {
        {"STORE_ATTR", &ops->store_attr},
        {"DELETE_ATTR", &ops->delete_attr},
        {"EXTENDED_ARG", &ops->extended_arg},
    };
    return rs_opcodes_read(wanted, Py_ARRAY_LENGTH(wanted));
}

static int
uses_setattr(PyObject *names)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        if (PyUnicode_CompareWithASCIIString(name, "setattr") == 0 ||
            PyUnicode_CompareWithASCIIString(name, "delattr") == 0) {
            return 1;
        }
    }
    return 0;
}

static int
add_constants(PyObject *constants, PyObject *names)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); i++) {
        PyObject *constant = PyTuple_GET_ITEM(constants, i);
        if (PyUnicode_CheckExact(constant) && PyUnicode_IsIdentifier(constant) &&
            PySet_Add(names, constant) < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_attrs_stored(const rs_attrs_opcodes *ops, PyObject *code, PyObject *names)
{
    int result = 0;
    PyObject *co_names = RS_CODE(code)->co_names;
    PyObject *bytes = PyCode_GetCode(RS_CODE(code));
    const unsigned char *text;
    Py_ssize_t arg = 0;
    if (bytes == NULL) {
        return -1;
    }
    text = (const unsigned char *)PyBytes_AS_STRING(bytes);
    for (Py_ssize_t i = 0; result == 0 && i + 1 < PyBytes_GET_SIZE(bytes); i += 2) {
        arg = arg << 8 | text[i + 1];
        if ((text[i] == ops->store_attr || text[i] == ops->delete_attr) &&
            arg < PyTuple_GET_SIZE(co_names)) {
            result = PySet_Add(names, PyTuple_GET_ITEM(co_names, arg));
        }
        arg = text[i] == ops->extended_arg ? arg : 0;
    }
    Py_DECREF(bytes);
    if (result == 0 && uses_setattr(co_names)) {
        result = add_constants(RS_CODE(code)->co_consts, names);
    }
    return result;
}

int
rs_attrs_deletes(const rs_attrs_opcodes *ops, PyObject *code)
{
    PyObject *bytes = PyCode_GetCode(RS_CODE(code));
    PyObject *names = RS_CODE(code)->co_names;
    const unsigned char *text;
    int found = 0;
    if (bytes == NULL) {
        return -1;
    }
    text = (const unsigned char *)PyBytes_AS_STRING(bytes);
    for (Py_ssize_t i = 0; !found && i + 1 < PyBytes_GET_SIZE(bytes); i += 2) {
        found = text[i] == ops->delete_attr;
    }
    Py_DECREF(bytes);
    for (Py_ssize_t i = 0; !found && i < PyTuple_GET_SIZE(names); i++) {
        found = rs_text_equals(PyTuple_GET_ITEM(names, i), "delattr");
    }
    return found;
}
