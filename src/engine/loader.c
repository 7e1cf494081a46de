#include "loader.h"

int
rs_optional_attribute(PyObject *op, const char *name, PyObject **value)
{
    *value = PyObject_GetAttrString(op, name);
    if (*value != NULL) {
        return 1;
    }
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return -1;
    }
    PyErr_Clear();
    return 0;
}

PyObject *
rs_namespace_get(PyObject *live, const char *name)
{
    PyObject *key = PyUnicode_FromString(name);
    PyObject *value = key != NULL ? PyDict_GetItemWithError(live, key) : NULL;
    Py_XDECREF(key);
    return value == Py_None ? NULL : value;
}

/* __loader__, else __spec__.loader; *loader NULL if there is neither. */
static int
recorded_loader(PyObject *live, PyObject **loader)
{
    PyObject *spec;
    *loader = Py_XNewRef(rs_namespace_get(live, "__loader__"));
    if (*loader != NULL || PyErr_Occurred()) {
        return *loader != NULL ? 0 : -1;
    }
    spec = rs_namespace_get(live, "__spec__");
    if (spec == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    Py_INCREF(spec);
    if (rs_optional_attribute(spec, "loader", loader) < 0) {
        Py_DECREF(spec);
        return -1;
    }
    Py_DECREF(spec);
    if (*loader == Py_None) {
        Py_CLEAR(*loader);
    }
    return 0;
}

int
rs_is_machinery(PyObject *machinery, PyObject *loader, const char *name)
{
    int result;
    PyObject *type = PyObject_GetAttrString(machinery, name);
    if (type == NULL) {
        return -1;
    }
    result = loader == type ||
             (PyType_Check(type) && PyType_IsSubtype(Py_TYPE(loader), RS_TYPE(type)));
    Py_DECREF(type);
    return result;
}

static int
is_binary(PyObject *machinery, PyObject *loader)
{
    const char *const names[] = {"BuiltinImporter", "FrozenImporter",
                                 "ExtensionFileLoader"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int result = rs_is_machinery(machinery, loader, names[i]);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

/* A module that something executed from a file without import machinery. */
static int
loader_from_file(PyObject *machinery, PyObject *live, PyObject *name, PyObject **loader)
{
    PyObject *file = rs_namespace_get(live, "__file__");
    if (file == NULL || !PyUnicode_Check(file)) {
        return PyErr_Occurred() ? -1 : RS_LOADER_NONE;
    }
    *loader = PyObject_CallMethod(machinery, "SourceFileLoader", "OO", name, file);
    return *loader != NULL ? RS_LOADER_PYTHON : -1;
}

int
rs_loader_find(PyObject *live, PyObject *name, PyObject **loader)
{
    int result;
    PyObject *machinery = PyImport_ImportModule("importlib.machinery");
    *loader = NULL;
    if (machinery == NULL) {
        return -1;
    }
    result = recorded_loader(live, loader);
    if (result == 0 && *loader != NULL) {
        result = is_binary(machinery, *loader);
    }
    if (result == 1 && rs_namespace_get(live, "__file__") == NULL &&
        rs_namespace_get(live, "__spec__") == NULL && !PyErr_Occurred()) {
        /* `python -c`, interactive: __main__ has the built-in loader, but no origin. */
        result = RS_LOADER_NONE;
    } else if (result == 1) {
        result = RS_LOADER_BINARY;
    } else if (result == 0 && *loader == NULL) {
        result = loader_from_file(machinery, live, name, loader);
    } else if (result == 0) {
        result = RS_LOADER_PYTHON;
    }
    if (result != RS_LOADER_PYTHON) {
        Py_CLEAR(*loader);
    }
    Py_DECREF(machinery);
    return result;
}
