#include "lines.h"

#include "opcodes.h"
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

typedef struct {
    int store, extended, import_from, import_name;
} opcodes;

static int
find_opcodes(opcodes *ops)
{
    const rs_opcode wanted[] = {
        {"STORE_NAME", &ops->store},
        {"EXTENDED_ARG", &ops->extended},
        {"IMPORT_FROM", &ops->import_from},
        {"IMPORT_NAME", &ops->import_name},
    };
    return rs_opcodes_read(wanted, Py_ARRAY_LENGTH(wanted));
}

static int
note_store(PyObject *notes, PyObject *code, Py_ssize_t offset, Py_ssize_t arg,
           int import)
{
    int result = -1;
    PyObject *note = Py_BuildValue("(ii)", PyCode_Addr2Line(RS_CODE(code), (int)offset),
                                   import);
    if (note != NULL) {
        result = PyDict_SetItem(notes, PyTuple_GET_ITEM(RS_CODE(code)->co_names, arg),
                                note);
        Py_DECREF(note);
    }
    return result;
}

/* name -> (line, by import), of every STORE_NAME in the body: new reference. */
static PyObject *
notes_of(PyObject *code)
{
    opcodes ops;
    PyObject *notes = find_opcodes(&ops) < 0 ? NULL : PyDict_New();
    PyObject *bytes = notes != NULL ? PyCode_GetCode(RS_CODE(code)) : NULL;
    const unsigned char *text;
    Py_ssize_t arg = 0;
    int previous = 0;
    if (bytes == NULL) {
        Py_XDECREF(notes);
        return NULL;
    }
    text = (const unsigned char *)PyBytes_AS_STRING(bytes);
    for (Py_ssize_t i = 0; i + 1 < PyBytes_GET_SIZE(bytes); i += 2) {
        arg = (arg << 8) | text[i + 1];
        if (text[i] == ops.store && arg < PyTuple_GET_SIZE(RS_CODE(code)->co_names) &&
            note_store(notes, code, i, arg,
                       previous == ops.import_from || previous == ops.import_name) <
                0) {
            Py_CLEAR(notes);
            break;
        }
        if (text[i] != ops.extended) {
            arg = 0;
            previous = text[i];
        }
    }
    Py_DECREF(bytes);
    return notes;
}

/* What is noted of `name` in the body: borrowed tuple, or NULL. */
static PyObject *
note_of(rs_session *s, PyObject *body, PyObject *name)
{
    PyObject *notes = rs_idmap_get(&s->lines, body);
    if (notes == NULL) {
        int failed;
        notes = notes_of(body);
        if (notes == NULL) {
            return NULL;
        }
        failed = rs_idmap_set(&s->lines, body, notes) < 0;
        Py_DECREF(notes); /* the map owns it */
        if (failed) {
            return NULL;
        }
    }
    return PyDict_GetItemWithError(notes, name);
}

static int
line_in(rs_session *s, PyObject *code, PyObject *prefix, PyObject *name)
{
    PyObject *body = rs_body_of(code, prefix);
    PyObject *note = body != NULL ? note_of(s, body, name) : NULL;
    if (note == NULL) {
        PyErr_Clear(); /* an update does not fail for want of a line number */
        return 0;
    }
    return (int)PyLong_AsLong(PyTuple_GET_ITEM(note, 0));
}

int
rs_line_of_name(rs_session *s, const rs_unit *u, PyObject *prefix, PyObject *name)
{
    return line_in(s, u->code, prefix, name);
}

int
rs_line_of_old_name(rs_session *s, const rs_unit *u, PyObject *prefix, PyObject *name)
{
    return line_in(s, u->known_code, prefix, name);
}

int
rs_line_of_function(const rs_unit *u, PyObject *qualname, PyObject *func)
{
    PyObject *body = NULL, *prefix, *code = RS_FUNCTION(func)->func_code;
    Py_ssize_t end = PyUnicode_GET_LENGTH(qualname);
    Py_ssize_t dot = PyUnicode_FindChar(qualname, '.', 0, end, -1);
    if (rs_same_text(RS_CODE(code)->co_filename, u->filename)) {
        return RS_CODE(code)->co_firstlineno;
    }
    prefix = dot > 0 ? PyUnicode_Substring(qualname, 0, dot) : NULL;
    if (prefix != NULL) {
        body = rs_body_of(u->code, prefix);
        Py_DECREF(prefix);
    } else {
        PyErr_Clear(); /* only a line number */
    }
    return body != NULL ? RS_CODE(body)->co_firstlineno : 0;
}

int
rs_body_imports(rs_session *s, PyObject *body, PyObject *name)
{
    PyObject *note = body != NULL ? note_of(s, body, name) : NULL;
    if (note == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    return PyLong_AsLong(PyTuple_GET_ITEM(note, 1)) != 0;
}

int
rs_body_defines(PyObject *body, PyObject *qualname)
{
    /* also inside of "<generic parameters of X>"; what is nested in functions has
     * "<locals>" in its name */
    return body != NULL && rs_body_of(body, qualname) != NULL;
}

static int
same_consts_but_code(PyObject *a, PyObject *b)
{
    if (PyTuple_GET_SIZE(a) != PyTuple_GET_SIZE(b)) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(a); i++) {
        PyObject *x = PyTuple_GET_ITEM(a, i), *y = PyTuple_GET_ITEM(b, i);
        if (PyCode_Check(x) && PyCode_Check(y)
                ? !rs_same_text(RS_CODE(x)->co_qualname, RS_CODE(y)->co_qualname)
                : !rs_same_literal(x, y)) {
            return 0;
        }
    }
    return 1;
}

int
rs_body_is_same(PyObject *a, PyObject *b)
{
    int same = 0;
    PyObject *x, *y;
    if (a == NULL || b == NULL) {
        return 0;
    }
    x = PyCode_GetCode(RS_CODE(a));
    y = PyCode_GetCode(RS_CODE(b));
    if (x == NULL || y == NULL) {
        same = -1;
    } else {
        same = rs_same_literal(x, y) &&
               rs_same_literal(RS_CODE(a)->co_names, RS_CODE(b)->co_names) &&
               same_consts_but_code(RS_CODE(a)->co_consts, RS_CODE(b)->co_consts);
    }
    Py_XDECREF(x);
    Py_XDECREF(y);
    return same;
}
