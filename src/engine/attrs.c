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
uses(PyObject *names, const char *function)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        if (rs_text_equals(PyTuple_GET_ITEM(names, i), function)) {
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
rs_attrs_stored(const rs_attrs_opcodes *ops, PyObject *code, PyObject *names,
                int *deletes)
{
    int result = 0;
    PyObject *co_names = RS_CODE(code)->co_names;
    int deleting = uses(co_names, "delattr");
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
            *deletes |= text[i] == ops->delete_attr;
        }
        arg = text[i] == ops->extended_arg ? arg : 0;
    }
    Py_DECREF(bytes);
    *deletes |= deleting;
    if (result == 0 && (deleting || uses(co_names, "setattr"))) {
        result = add_constants(RS_CODE(code)->co_consts, names);
    }
    return result;
}
