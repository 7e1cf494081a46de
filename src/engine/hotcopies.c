#include "hotfix.h"

#include "holder.h"

/* Another function that does what this one does now. */
static PyObject *
copy_function(PyObject *live)
{
    PyObject *copy = PyFunction_New(RS_FUNCTION(live)->func_code,
                                    RS_FUNCTION(live)->func_globals);
    for (int i = 0; copy != NULL && i < RS_FN_FIELDS; i++) {
        PyObject *value = *rs_fn_slot(live, i);
        if (i == RS_FN_DICT && value != NULL) {
            value = PyDict_Copy(value);
            if (value == NULL) {
                Py_CLEAR(copy);
                break;
            }
            Py_XSETREF(*rs_fn_slot(copy, i), value);
        } else {
            Py_XSETREF(*rs_fn_slot(copy, i), Py_XNewRef(value));
        }
    }
    if (copy != NULL) {
        rs_fn_clear_version(copy);
    }
    return copy;
}

int
rs_hot_copy_original(rs_session *s, PyObject *live)
{
    PyObject *copy;
    int result;
    if (rs_idmap_has(&s->hot->originals, live)) {
        return 0;
    }
    copy = copy_function(live);
    result = copy != NULL ? rs_idmap_set(&s->hot->originals, live, copy) : -1;
    Py_XDECREF(copy);
    return result;
}

int
rs_hot_redirect_originals(rs_session *s)
{
    rs_rewrite r = {.st = s->st, .map = &s->hot->originals};
    Py_ssize_t pos = 0;
    PyObject *op;
    while (rs_idmap_next(&s->young, &pos, &op, NULL)) {
        if (rs_holder_refs(op, &s->hot->originals) != 0 &&
            rs_holder_rewrite(&r, op) < 0) {
            return -1;
        }
    }
    return 0;
}
