#include "names.h"

#include "lookup.h"

/* ---- take= and delete= ---- */

/* Does "module.path" name something in one of the units, live or new? */
static int
names_something(const rs_session *s, PyObject *full)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        const rs_unit *u = &s->units[i];
        Py_ssize_t n = PyUnicode_GET_LENGTH(u->name);
        PyObject *path;
        int found;
        if (PyUnicode_Tailmatch(full, u->name, 0, n, -1) != 1 ||
            PyUnicode_GET_LENGTH(full) <= n + 1 ||
            PyUnicode_READ_CHAR(full, n) != '.') {
            continue;
        }
        path = PyUnicode_Substring(full, n + 1, PyUnicode_GET_LENGTH(full));
        if (path == NULL) {
            return -1;
        }
        found = rs_lookup_path(u->live, path) != NULL ||
                rs_lookup_path(u->scratch, path) != NULL;
        Py_DECREF(path);
        if (found) {
            return 1;
        }
    }
    return 0;
}

static int
check_names(rs_session *s, PyObject *set, const char *option)
{
    int result = 0;
    PyObject *full, *iter = set != NULL ? PyObject_GetIter(set) : NULL;
    if (iter == NULL) {
        return set != NULL ? -1 : 0;
    }
    while (result == 0 && (full = PyIter_Next(iter)) != NULL) {
        int found = PyUnicode_Check(full) ? names_something(s, full) : 0;
        if (found == 0) {
            result = rs_refuse(
                s, "RSL105", NULL, full, 0,
                "Write \"module.NAME\" or \"module.Class.NAME\" of a module "
                "that takes part in this update.",
                "%s names %R, which is nowhere", option, full);
        } else if (found < 0) {
            result = -1;
        }
        Py_DECREF(full);
    }
    Py_DECREF(iter);
    return result < 0 || PyErr_Occurred() ? -1 : 0;
}

int
rs_names_check_options(rs_session *s)
{
    if (check_names(s, s->take, "take=") < 0) {
        return -1;
    }
    return check_names(s, s->del, "delete=");
}
