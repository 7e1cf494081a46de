#include "base.h"

#include "fits.h"
#include "graft.h"
#include "known.h"
#include "loader.h"

#define ADVICE                                                                       \
    "Give the text that this process imported or that was updated last, unchanged, " \
    "or "                                                                            \
    "leave out base= and use execute=\"all\"."

/* The exception that is set becomes a refusal. 0, or -1 if it is none of the source's. */
static int
refuse_invalid(rs_session *s, const rs_unit *u)
{
    int result;
    PyObject *error;
    if (!PyErr_ExceptionMatches(PyExc_Exception) ||
        PyErr_ExceptionMatches(PyExc_MemoryError)) {
        return -1;
    }
    error = PyErr_GetRaisedException();
    result = rs_refuse(s, "RSL107", u, NULL, 0, ADVICE,
                       "what base= gives does not compile: %S", error);
    Py_DECREF(error);
    return result;
}

/* Is the code of the module body known from elsewhere, and other code? 1, 0, -1. */
static int
contradicts(const rs_session *s, const rs_unit *u, PyObject *code)
{
    int equal;
    PyObject *known = rs_known_body(s->st, u);
    if (known == NULL) {
        return 0;
    }
    Py_INCREF(known);
    equal = PyObject_RichCompareBool(known, code, Py_EQ);
    Py_DECREF(known);
    return equal < 0 ? -1 : !equal;
}

/* Enters a source that fits. */
static int
enter(rs_session *s, rs_unit *u, PyObject *source, PyObject *code, const rs_fit *fit)
{
    int result = -1;
    /* owned */
    PyObject *text = rs_loader_decode(source);
    PyObject *pieces = PyList_AsTuple(fit->codes), *grafted = NULL;

    if (text != NULL && pieces != NULL) {
        grafted = rs_graft(code, pieces);
    }
    if (grafted != NULL &&
        rs_known_store(s->st, u->name, u->module, grafted, text, pieces) == 0) {
        Py_XSETREF(u->known_text, Py_NewRef(text));
        result = 0;
    }
    Py_XDECREF(text);
    Py_XDECREF(pieces);
    Py_XDECREF(grafted);
    return result;
}

static int
believe(rs_session *s, rs_unit *u, PyObject *source)
{
    int result;
    rs_fit fit = {0};
    PyObject *code;
    if (u->data == NULL) {
        return rs_refuse(s, "RSL107", u, NULL, 0, "Use execute=\"all\" without base=.",
                         "the loader of this module gives no source that could be "
                         "compared with base=");
    }
    if (rs_loader_code(u, source, &code) < 0) {
        return refuse_invalid(s, u);
    }
    result = rs_fit_code(u, code, &fit);
    if (result == 0 && fit.other != NULL) {
        result = rs_refuse(
            s, "RSL107", u, fit.other, fit.line, ADVICE,
            "what base= gives is not the source that lives: this function "
            "runs other code");
    } else if (result == 0) {
        int other = contradicts(s, u, code);
        if (other == 1) {
            result = rs_refuse(
                s, "RSL107", u, NULL, 0, ADVICE,
                "what base= gives is not the source that lives: statements "
                "of the module body are other ones");
        } else {
            result = other < 0 ? -1 : enter(s, u, source, code, &fit);
        }
    }
    rs_fit_clear(&fit);
    Py_DECREF(code);
    return result;
}

int
rs_base_believe(rs_session *s)
{
    Py_ssize_t pos = 0;
    PyObject *name, *source;
    if (s->base == NULL) {
        return 0;
    }
    while (PyDict_Next(s->base, &pos, &name, &source)) {
        int result;
        rs_unit *u = rs_session_unit_by_name(s, name);
        if (u != NULL) {
            result = believe(s, u, source);
        } else {
            rs_unit nothing = {.name = name};
            result = rs_refuse(s, "RSL107", &nothing, NULL, 0,
                               "Name modules as sys.modules does.",
                               "base= names a module that takes no part in the update");
        }
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}
