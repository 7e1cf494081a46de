#include "lines.h"

#include "same.h"

PyObject *
rs_body_of(PyObject *code, PyObject *qualname)
{
    PyObject *found = NULL;
    if (code == NULL || qualname == NULL) {
        return code;
    }
    for (Py_ssize_t i = 0;
         found == NULL && i < PyTuple_GET_SIZE(RS_CODE(code)->co_consts); i++) {
        PyObject *inner = PyTuple_GET_ITEM(RS_CODE(code)->co_consts, i);
        if (!PyCode_Check(inner)) {
            continue;
        }
        /* later definitions win, but a name is rarely defined twice */
        found = rs_same_text(RS_CODE(inner)->co_qualname, qualname)
                    ? inner
                    : rs_body_of(inner, qualname);
    }
    return found;
}

/* The number of an instruction in this CPython, or -1 with an exception. */
static int
opcode_of(const char *name)
{
    int number = -1;
    PyObject *opcode = PyImport_ImportModule("opcode");
    PyObject *map = opcode != NULL ? PyObject_GetAttrString(opcode, "opmap") : NULL;
    PyObject *value = map != NULL ? PyMapping_GetItemString(map, name) : NULL;
    if (value != NULL) {
        number = (int)PyLong_AsLong(value);
    }
    Py_XDECREF(opcode);
    Py_XDECREF(map);
    Py_XDECREF(value);
    return number;
}

/* name -> line, of every STORE_NAME in the body: new reference. */
static PyObject *
lines_of(PyObject *code)
{
    int store = opcode_of("STORE_NAME"), extended = opcode_of("EXTENDED_ARG");
    PyObject *lines = store < 0 || extended < 0 ? NULL : PyDict_New();
    PyObject *bytes = lines != NULL ? PyCode_GetCode(RS_CODE(code)) : NULL;
    const unsigned char *text = bytes != NULL ? (unsigned char *)PyBytes_AS_STRING(bytes)
                                              : NULL;
    Py_ssize_t arg = 0, n = bytes != NULL ? PyBytes_GET_SIZE(bytes) : -1;
    for (Py_ssize_t i = 0; i + 1 < n; i += 2) {
        arg = (arg << 8) | text[i + 1];
        if (text[i] == store && arg < PyTuple_GET_SIZE(RS_CODE(code)->co_names)) {
            PyObject *line = PyLong_FromLong(PyCode_Addr2Line(RS_CODE(code), (int)i));
            PyObject *name = PyTuple_GET_ITEM(RS_CODE(code)->co_names, arg);
            if (line == NULL || PyDict_SetItem(lines, name, line) < 0) {
                Py_XDECREF(line);
                Py_CLEAR(lines);
                break;
            }
            Py_DECREF(line);
        }
        if (text[i] != extended) {
            arg = 0;
        }
    }
    if (bytes == NULL) {
        Py_CLEAR(lines);
    }
    Py_XDECREF(bytes);
    return lines;
}

int
rs_line_of_name(rs_session *s, const rs_unit *u, PyObject *prefix, PyObject *name)
{
    PyObject *body = rs_body_of(u->code, prefix);
    PyObject *lines, *line;
    if (body == NULL) {
        return 0;
    }
    lines = rs_idmap_get(&s->lines, body);
    if (lines == NULL) {
        lines = lines_of(body);
        if (lines == NULL || rs_idmap_set(&s->lines, body, lines) < 0) {
            Py_XDECREF(lines);
            return -1;
        }
        Py_DECREF(lines); /* the map owns it */
    }
    line = PyDict_GetItemWithError(lines, name);
    return line != NULL ? (int)PyLong_AsLong(line) : PyErr_Occurred() ? -1 : 0;
}
