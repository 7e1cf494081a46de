#include <stdarg.h>

#include "session.h"

/* Appends to `list` a record of `type` made of `count` owned values; steals them also on
 * failure. A value that is NULL: its making failed, the exception is set. */
static int
append_record(PyObject *list, PyObject *type, PyObject **values, Py_ssize_t count)
{
    int result = -1;
    PyObject *record = PyStructSequence_New(RS_TYPE(type));
    for (Py_ssize_t i = 0; i < count; i++) {
        if (values[i] == NULL) {
            Py_CLEAR(record);
        }
        if (record != NULL) {
            PyStructSequence_SetItem(record, i, values[i]);
        } else {
            Py_XDECREF(values[i]);
        }
    }
    if (record != NULL) {
        result = PyList_Append(list, record);
        Py_DECREF(record);
    }
    return result;
}

static PyObject *
text_or_empty(PyObject *text)
{
    return text != NULL && PyUnicode_Check(text) ? Py_NewRef(text)
                                                 : PyUnicode_FromString("");
}

static PyObject *
format_text(const char *format, va_list args)
{
    return format != NULL ? PyUnicode_FromFormatV(format, args)
                          : PyUnicode_FromString("");
}

int
rs_refuse(rs_session *s, const char *code, const rs_unit *unit, PyObject *qualname,
          int line, const char *todo, const char *found, ...)
{
    PyObject *values[7];
    va_list args;
    va_start(args, found);
    values[0] = PyUnicode_FromString(code);
    values[1] = text_or_empty(unit != NULL ? unit->name : NULL);
    values[2] = text_or_empty(qualname);
    values[3] = text_or_empty(unit != NULL ? unit->filename : NULL);
    values[4] = PyLong_FromLong(line);
    values[5] = format_text(found, args);
    values[6] = PyUnicode_FromString(todo);
    va_end(args);
    return append_record(s->refusals, s->st->Reason, values, 7);
}

int
rs_notice(rs_session *s, const char *code, const rs_unit *unit, PyObject *qualname,
          int line, const char *message, ...)
{
    PyObject *values[6];
    va_list args;
    va_start(args, message);
    values[0] = PyUnicode_FromString(code);
    values[1] = text_or_empty(unit != NULL ? unit->name : NULL);
    values[2] = text_or_empty(qualname);
    values[3] = text_or_empty(unit != NULL ? unit->filename : NULL);
    values[4] = PyLong_FromLong(line);
    values[5] = format_text(message, args);
    va_end(args);
    return append_record(s->notices, s->st->Notice, values, 6);
}

int
rs_change(rs_session *s, const rs_unit *unit, PyObject *qualname, const char *kind,
          const char *action, int line, const char *reason, ...)
{
    PyObject *values[7];
    va_list args;
    va_start(args, reason);
    values[0] = text_or_empty(unit != NULL ? unit->name : NULL);
    values[1] = text_or_empty(qualname);
    values[2] = PyUnicode_FromString(kind);
    values[3] = PyUnicode_FromString(action);
    values[4] = format_text(reason, args);
    values[5] = text_or_empty(unit != NULL ? unit->filename : NULL);
    values[6] = PyLong_FromLong(line);
    va_end(args);
    return append_record(s->changes, s->st->Change, values, 7);
}

int
rs_refuse_notices(rs_session *s)
{
    for (Py_ssize_t i = 0; s->strict && i < PyList_GET_SIZE(s->notices); i++) {
        PyObject *notice = PyList_GET_ITEM(s->notices, i), *values[7];
        for (Py_ssize_t k = 0; k < 6; k++) {
            values[k] = Py_NewRef(PyStructSequence_GetItem(notice, k));
        }
        values[6] = PyUnicode_FromString("Without strict=True that is a warning.");
        if (append_record(s->refusals, s->st->Reason, values, 7) < 0) {
            return -1;
        }
    }
    return 0;
}

/* " (weapons.py:12)", as far as it is known. */
static PyObject *
reason_place(PyObject *reason)
{
    PyObject *filename = PyStructSequence_GetItem(reason, 3);
    long line = PyLong_AsLong(PyStructSequence_GetItem(reason, 4));
    if (PyUnicode_GET_LENGTH(filename) == 0) {
        return PyUnicode_FromString("");
    }
    return line > 0 ? PyUnicode_FromFormat(" (%U:%ld)", filename, line)
                    : PyUnicode_FromFormat(" (%U)", filename);
}

/* "RSL201 weapons.Gun (weapons.py:12): found. todo" */
static PyObject *
reason_line(PyObject *reason)
{
    PyObject *module = PyStructSequence_GetItem(reason, 1);
    PyObject *qualname = PyStructSequence_GetItem(reason, 2);
    int has_module = PyUnicode_GET_LENGTH(module) != 0;
    int has_qualname = PyUnicode_GET_LENGTH(qualname) != 0;
    PyObject *line, *place = reason_place(reason);
    if (place == NULL) {
        return NULL;
    }
    line = PyUnicode_FromFormat(
        "%U%s%U%s%U%U: %U. %U", PyStructSequence_GetItem(reason, 0),
        has_module || has_qualname ? " " : "", module,
        has_module && has_qualname ? "." : "", qualname, place,
        PyStructSequence_GetItem(reason, 5), PyStructSequence_GetItem(reason, 6));
    Py_DECREF(place);
    return line;
}

int
rs_raise_refusals(rs_session *s)
{
    int result = -1;
    PyObject *lines = PyList_New(0), *newline = NULL, *text = NULL, *error = NULL;
    if (lines == NULL) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(s->refusals); i++) {
        PyObject *line = reason_line(PyList_GET_ITEM(s->refusals, i));
        if (line == NULL || PyList_Append(lines, line) < 0) {
            Py_XDECREF(line);
            goto done;
        }
        Py_DECREF(line);
    }
    newline = PyUnicode_FromString("\n");
    text = newline != NULL ? PyUnicode_Join(newline, lines) : NULL;
    error = text != NULL ? PyObject_CallOneArg(s->st->RefusedError, text) : NULL;
    if (error != NULL && PyObject_SetAttrString(error, "reasons", s->refusals) == 0) {
        PyErr_SetObject(s->st->RefusedError, error);
        result = 0;
    }
done:
    Py_XDECREF(lines);
    Py_XDECREF(newline);
    Py_XDECREF(text);
    Py_XDECREF(error);
    return result;
}
