#include "future.h"

#include "hotfix.h"
#include "same.h"
#include "select.h"

const rs_select_shell *
rs_future_shell(const rs_session *s, PyTypeObject *type, const rs_unit **unit)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        const rs_unit *u = &s->units[i];
        for (Py_ssize_t k = 0; u->parts && k < u->selection->n_shells; k++) {
            if (u->selection->shells[k].live == (PyObject *)type) {
                *unit = u;
                return &u->selection->shells[k];
            }
        }
    }
    return NULL;
}

/* What `name` will be in a class of which parts ran. Borrowed, or NULL. */
static PyObject *
future_part(const rs_unit *u, const rs_select_shell *shell, PyObject *name)
{
    PyObject *value = shell->space != NULL ? PyDict_GetItemWithError(shell->space, name)
                                           : NULL;
    PyObject *qualname;
    if (value != NULL) {
        return value;
    }
    value = rs_class_get(RS_TYPE(shell->live), name);
    qualname = PyUnicode_FromFormat("%U.%U", shell->qualname, name);
    if (qualname == NULL) {
        PyErr_Clear(); /* out of memory: the next allocation says so */
        return value;
    }
    if (rs_select_is_gone(u, qualname)) { /* lives on, but has no say in this */
        value = NULL;
    }
    Py_DECREF(qualname);
    return value;
}

/* A name that a snippet gave the class: 1 and *value (NULL: it removed it), or 0. */
static int
assigned(const rs_session *s, const PyTypeObject *type, PyObject *name,
         PyObject **value)
{
    for (Py_ssize_t i = 0; s->hot != NULL && i < s->hot->n_writes; i++) {
        const rs_hot_write *w = &s->hot->writes[i];
        if (w->type == type && rs_same_text(w->key, name)) {
            *value = w->now;
            return 1;
        }
    }
    return 0;
}

PyObject *
rs_future_value(const rs_session *s, PyTypeObject *type, PyObject *name)
{
    PyObject *donor = rs_idmap_get(&s->claimed, type);
    const rs_unit *u = NULL;
    const rs_select_shell *shell = rs_future_shell(s, type, &u);
    PyObject *value;
    if (assigned(s, type, name, &value)) {
        return value;
    }
    if (shell != NULL) {
        return future_part(u, shell, name);
    }
    if (donor != NULL && PyType_Check(donor)) {
        /* what is gone from the source lives on, but has no say in this */
        return rs_class_get(RS_TYPE(donor), name);
    }
    return rs_class_get(type, name);
}
