#include "hooks.h"

/* Calls the hook that the module has under `name`, if any. 0 or -1. */
static int
call_hook(rs_session *s, const rs_unit *u, PyObject *name)
{
    PyObject *result;
    PyObject *hook = Py_XNewRef(PyDict_GetItemWithError(u->live, name));
    if (hook == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    result = PyObject_CallOneArg(hook, s->update);
    Py_DECREF(hook);
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

/* The hook's exception becomes a refusal, and the cause of the RefusedError. */
static int
refuse_for(rs_session *s, const rs_unit *u)
{
    PyObject *error, *cause = PyErr_GetRaisedException();
    if (rs_refuse(s, "RSL401", u, s->st->names.__before_reload__, 0,
                  "The hook decides; its exception is the cause of this error.",
                  "__before_reload__ raised %s: %S", Py_TYPE(cause)->tp_name,
                  cause) < 0 ||
        rs_raise_refusals(s) < 0) {
        Py_DECREF(cause);
        return -1;
    }
    error = PyErr_GetRaisedException();
    PyException_SetCause(error, cause); /* steals */
    PyErr_SetRaisedException(error);
    return -1;
}

int
rs_hooks_before(rs_session *s)
{
    for (Py_ssize_t i = 0; s->hot == NULL && i < s->n_units; i++) {
        s->n_before = i + 1;
        s->hooks_ran |= PyDict_GetItemWithError(s->units[i].live,
                                                s->st->names.__before_reload__) != NULL;
        if (call_hook(s, &s->units[i], s->st->names.__before_reload__) < 0) {
            return refuse_for(s, &s->units[i]);
        }
    }
    return 0;
}

int
rs_hooks_after(rs_session *s)
{
    for (Py_ssize_t i = 0; s->hot == NULL && i < s->n_units; i++) {
        if (call_hook(s, &s->units[i], s->st->names.__after_reload__) < 0) {
            return -1;
        }
    }
    return 0;
}

void
rs_hooks_failed(rs_session *s)
{
    PyObject *pending = PyErr_GetRaisedException();
    for (Py_ssize_t i = 0; i < s->n_before; i++) {
        if (call_hook(s, &s->units[i], s->st->names.__reload_failed__) < 0) {
            PyErr_WriteUnraisable(s->units[i].module);
        }
    }
    PyErr_SetRaisedException(pending);
}
