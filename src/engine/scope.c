#include "scope.h"

#include "same.h"

rs_scope
rs_scope_of_unit(rs_unit *u)
{
    rs_scope scope = {u, u->live, u->scratch, NULL, NULL, NULL};
    return scope;
}

rs_scope
rs_scope_of_class(rs_unit *u, PyObject *live, PyObject *donor)
{
    rs_scope scope = {u,
                      rs_class_dict(RS_TYPE(live)),
                      rs_class_dict(RS_TYPE(donor)),
                      RS_TYPE(live),
                      RS_TYPE(donor),
                      RS_HEAPTYPE(donor)->ht_qualname};
    return scope;
}

rs_scope
rs_scope_of_shell(rs_unit *u, const rs_select_shell *shell)
{
    rs_scope scope = {u,
                      rs_class_dict(RS_TYPE(shell->live)),
                      shell->space,
                      RS_TYPE(shell->live),
                      NULL,
                      shell->qualname};
    return scope;
}

/* The length of the "_Class" that the compiler put before a private name, or 0. */
static Py_ssize_t
mangling_of(PyObject *prefix, PyObject *name)
{
    Py_ssize_t end = PyUnicode_GET_LENGTH(prefix), n = PyUnicode_GET_LENGTH(name);
    Py_ssize_t start = PyUnicode_FindChar(prefix, '.', 0, end, -1) + 1;
    Py_ssize_t length;
    while (start < end && PyUnicode_READ_CHAR(prefix, start) == '_') {
        start++; /* the class's own leading underscores are left out */
    }
    length = end - start + 1;
    if (start == end || n < length + 3 || PyUnicode_READ_CHAR(name, 0) != '_' ||
        PyUnicode_READ_CHAR(name, length) != '_' ||
        PyUnicode_READ_CHAR(name, length + 1) != '_') {
        return 0;
    }
    for (Py_ssize_t i = start; i < end; i++) {
        if (PyUnicode_READ_CHAR(prefix, i) !=
            PyUnicode_READ_CHAR(name, i - start + 1)) {
            return 0;
        }
    }
    return length;
}

PyObject *
rs_scope_qualname(const rs_scope *scope, PyObject *name)
{
    Py_ssize_t mangling;
    PyObject *plain, *result;
    if (scope->prefix == NULL) {
        return Py_NewRef(name);
    }
    mangling = mangling_of(scope->prefix, name);
    plain = PyUnicode_Substring(name, mangling, PyUnicode_GET_LENGTH(name));
    if (plain == NULL) {
        return NULL;
    }
    result = PyUnicode_FromFormat("%U.%U", scope->prefix, plain);
    Py_DECREF(plain);
    return result;
}

int
rs_is_dunder(PyObject *name)
{
    Py_ssize_t n = PyUnicode_GET_LENGTH(name);
    return n > 4 && PyUnicode_READ_CHAR(name, 0) == '_' &&
           PyUnicode_READ_CHAR(name, 1) == '_' &&
           PyUnicode_READ_CHAR(name, n - 1) == '_' &&
           PyUnicode_READ_CHAR(name, n - 2) == '_';
}

static int
is_one_of(PyObject *name, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (rs_text_equals(name, *list)) {
            return 1;
        }
    }
    return 0;
}

int
rs_scope_is_special(const rs_scope *scope, PyObject *name)
{
    static const char *const settings[] = {"_reload_data", "_reload_all_data",
                                           "_del_func", NULL};
    static const char *const module_names[] = {"__builtins__",
                                               "__name__",
                                               "__spec__",
                                               "__loader__",
                                               "__package__",
                                               "__file__",
                                               "__path__",
                                               "__cached__",
                                               "__doc__",
                                               "__annotate__",
                                               "__annotations__",
                                               "__conditional_annotations__",
                                               NULL};
    static const char *const class_names[] = {"_abc_impl",
                                              "_fields",
                                              "_field_defaults",
                                              "_is_protocol",
                                              "_is_runtime_protocol",
                                              "_member_map_",
                                              "_member_names_",
                                              "_value2member_map_",
                                              "_hashable_values_",
                                              "_unhashable_values_",
                                              "_unhashable_values_map_",
                                              "_member_type_",
                                              "_value_repr_",
                                              "_new_member_",
                                              "_use_args_",
                                              "_generate_next_value_",
                                              "_flag_mask_",
                                              "_singles_mask_",
                                              "_all_bits_",
                                              "_boundary_",
                                              "_inverted_",
                                              NULL};
    if (PyUnicode_GET_LENGTH(name) == 0 || PyUnicode_READ_CHAR(name, 0) != '_') {
        return 0; /* as most names */
    }
    if (is_one_of(name, settings)) {
        return 1;
    }
    if (scope->live_type == NULL) {
        return is_one_of(name, module_names);
    }
    return rs_is_dunder(name) || is_one_of(name, class_names);
}

PyObject *
rs_class_dict(const PyTypeObject *type)
{
    /* the class owns its dict: the borrowed reference is good as long as the class is */
    PyObject *dict = PyType_GetDict((PyTypeObject *)type);
    Py_XDECREF(dict);
    return dict;
}

PyObject *
rs_class_get(const PyTypeObject *type, PyObject *name)
{
    PyObject *dict = rs_class_dict(type);
    return dict != NULL ? PyDict_GetItemWithError(dict, name) : NULL;
}

int
rs_class_made_by(const rs_session *s, PyObject *type, PyObject *module)
{
    if (!PyType_Check(type) || !(RS_TYPE(type)->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        return 0;
    }
    return rs_same_text(rs_class_get(RS_TYPE(type), s->st->names.__module__), module);
}
