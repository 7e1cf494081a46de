#include "failure.h"

#include "hotfix.h"

/* Where `exc` happened, as far as it tells: file (owned) and line. A syntax error names
 * its place itself. Never fails: unknown is NULL and 0. */
static PyObject *
syntax_place(PyObject *exc, int *line)
{
    PyObject *filename = PyObject_GetAttrString(exc, "filename");
    PyObject *lineno = filename != NULL ? PyObject_GetAttrString(exc, "lineno") : NULL;
    if (filename != NULL && PyUnicode_Check(filename) && lineno != NULL &&
        PyLong_Check(lineno)) {
        *line = (int)PyLong_AsLong(lineno);
    } else {
        Py_CLEAR(filename);
    }
    Py_XDECREF(lineno);
    PyErr_Clear();
    return filename;
}

static int
traceback_line(PyTracebackObject *tb)
{
    /* tb_lineno of the structure may not be computed yet; the attribute is. */
    PyObject *number = PyObject_GetAttrString((PyObject *)tb, "tb_lineno");
    int line = number != NULL && PyLong_Check(number) ? (int)PyLong_AsLong(number) : 0;
    Py_XDECREF(number);
    PyErr_Clear();
    return line;
}

static const rs_unit *
unit_of_file(const rs_session *s, PyObject *filename)
{
    if (s->hot != NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (PyUnicode_Compare(filename, s->units[i].filename) == 0) {
            return &s->units[i];
        }
    }
    return NULL;
}

/* The innermost entry of the traceback that lies in the file of a module that is updated,
 * which may be another one that *unit imports; without such a one, the innermost. */
static PyObject *
traceback_place(rs_session *s, PyObject *exc, const rs_unit **unit, int *line)
{
    PyObject *filename = NULL;
    PyObject *first = PyException_GetTraceback(exc);
    int own = 0;
    for (PyTracebackObject *tb = (PyTracebackObject *)first; tb != NULL;
         tb = tb->tb_next) {
        PyCodeObject *code = PyFrame_GetCode(tb->tb_frame);
        const rs_unit *here = unit_of_file(s, code->co_filename);
        if (here != NULL || !own) {
            Py_XSETREF(filename, Py_NewRef(code->co_filename));
            *line = traceback_line(tb);
            own = here != NULL;
            *unit = own ? here : *unit;
        }
        Py_DECREF(code);
    }
    Py_XDECREF(first);
    return filename;
}

/* "weapons.py:12" or what is known of it (new reference), and the unit that it is in. */
static PyObject *
describe_place(rs_session *s, PyObject *exc, const rs_unit **unit)
{
    int line = 0;
    PyObject *text, *filename = NULL;
    if (PyErr_GivenExceptionMatches(exc, PyExc_SyntaxError)) {
        filename = syntax_place(exc, &line);
    }
    if (filename == NULL) {
        line = 0;
        filename = traceback_place(s, exc, unit, &line);
    }
    if (filename == NULL && *unit != NULL) {
        filename = Py_XNewRef((*unit)->filename);
    }
    if (filename == NULL) {
        return PyUnicode_FromString("<unknown>");
    }
    text = line > 0 ? PyUnicode_FromFormat("%U:%d", filename, line)
                    : Py_NewRef(filename);
    Py_DECREF(filename);
    return text;
}

/* The time was over: what the caller is told is a TimeoutError that shows where. Steals
 * `exc`; NULL with an exception on failure. */
static PyObject *
timeout_error(rs_session *s, PyObject *exc)
{
    PyObject *seconds = PyFloat_FromDouble(s->timeout);
    PyObject *tb = PyException_GetTraceback(exc);
    PyObject *message = NULL, *error = NULL;
    if (seconds != NULL) {
        message = PyUnicode_FromFormat("%s was still running after %S s (timeout=)",
                                       s->hot != NULL         ? "the snippet"
                                       : s->journal.committed ? "a statement"
                                                              : "the body of a module",
                                       seconds);
    }
    if (message != NULL) {
        error = PyObject_CallOneArg(PyExc_TimeoutError, message);
    }
    if (error != NULL && tb != NULL && PyException_SetTraceback(error, tb) < 0) {
        Py_CLEAR(error);
    }
    Py_XDECREF(seconds);
    Py_XDECREF(message);
    Py_XDECREF(tb);
    Py_DECREF(exc);
    return error;
}

static PyObject *
describe_exception(PyObject *exc)
{
    PyObject *text = PyObject_Str(exc);
    PyObject *result;
    if (text == NULL) {
        PyErr_Clear();
        return PyUnicode_FromFormat("%s (its str() failed)", Py_TYPE(exc)->tp_name);
    }
    result = PyUnicode_GET_LENGTH(text) != 0
                 ? PyUnicode_FromFormat("%s: %U", Py_TYPE(exc)->tp_name, text)
                 : PyUnicode_FromString(Py_TYPE(exc)->tp_name);
    Py_DECREF(text);
    return result;
}

/* Either: "preparing m failed at m.py:2: ValueError: x". `whom`: instead of the unit. */
static int
raise_error(rs_session *s, const rs_unit *unit, PyObject *whom, const char *doing,
            const char *outcome)
{
    PyObject *place = NULL, *what = NULL, *message = NULL, *error = NULL;
    PyObject *exc = PyErr_GetRaisedException();
    if (exc == NULL) {
        PyErr_SetString(PyExc_SystemError, "a failure without an exception");
        exc = PyErr_GetRaisedException();
    }
    if (PyErr_GivenExceptionMatches(exc, s->st->PrepareError)) {
        PyErr_SetRaisedException(exc);
        return -1;
    }
    if (PyErr_GivenExceptionMatches(exc, s->st->PrepareTimeout)) {
        exc = timeout_error(s, exc);
        if (exc == NULL) {
            return -1;
        }
    }
    place = describe_place(s, exc, &unit);
    what = place != NULL ? describe_exception(exc) : NULL;
    if (what != NULL) {
        whom = whom == NULL && unit != NULL ? unit->name : whom;
        message = whom != NULL ? PyUnicode_FromFormat("%s %U failed at %U: %U%s", doing,
                                                      whom, place, what, outcome)
                               : PyUnicode_FromFormat("%s failed at %U: %U%s", doing,
                                                      place, what, outcome);
    }
    if (message != NULL) {
        error = PyObject_CallOneArg(s->st->PrepareError, message);
    }
    if (error != NULL) {
        PyException_SetContext(error, Py_NewRef(exc));
        PyException_SetCause(error, Py_NewRef(exc));
        PyErr_SetRaisedException(error);
    }
    Py_XDECREF(place);
    Py_XDECREF(what);
    Py_XDECREF(message);
    Py_DECREF(exc);
    return -1;
}

int
rs_prepare_error(rs_session *s, const rs_unit *unit)
{
    if (s->hot != NULL) {
        const rs_unit snippet = {.name = s->hot->o.label,
                                 .filename = s->hot->o.filename};
        return raise_error(s, &snippet, NULL, "hotfix",
                           "; what it had changed was taken back");
    }
    return raise_error(s, unit, NULL, "preparing", "");
}

int
rs_effects_error(rs_session *s, const rs_unit *unit)
{
    return raise_error(s, unit, NULL, "running changed statements of",
                       "; the update was undone");
}

int
rs_migrate_error(rs_session *s, PyObject *module, PyObject *qualname)
{
    PyObject *cause = PyErr_GetRaisedException();
    PyObject *whom = module != NULL ? PyUnicode_FromFormat("%U.%U", module, qualname)
                                    : Py_NewRef(qualname);
    if (whom == NULL) {
        Py_DECREF(cause);
        return -1;
    }
    PyErr_SetRaisedException(cause);
    raise_error(s, NULL, whom, "migrating an instance of", "; nothing has changed");
    Py_DECREF(whom);
    return -1;
}
