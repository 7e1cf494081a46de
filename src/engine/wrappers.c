#include "wrappers.h"

#include "same.h"

/* A callable object's own __dict__ is looked into if it is no bigger: wrappers are small. */
#define MAX_INSTANCE_DICT 64

typedef struct {
    visitproc visit;
    void *arg;
    PyObject *self;
} fields_walk;

static int
visit_dict_values(PyObject *dict, visitproc visit, void *arg)
{
    Py_ssize_t pos = 0;
    PyObject *value;
    int result = 0;
    while (result == 0 && PyDict_Next(dict, &pos, NULL, &value)) {
        result = visit(value, arg);
    }
    return result;
}

static int
visit_function(PyObject *func, visitproc visit, void *arg)
{
    PyObject *closure = RS_FUNCTION(func)->func_closure;
    PyObject *dict = RS_FUNCTION(func)->func_dict;
    int result = 0;
    if (closure != NULL) {
        for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(closure); i++) {
            PyObject *contents = PyCell_GET(PyTuple_GET_ITEM(closure, i));
            if (contents != NULL) {
                result = visit(contents, arg);
            }
        }
    }
    if (result == 0 && dict != NULL) {
        result = visit_dict_values(dict, visit, arg);
    }
    return result;
}

/* A field of a descriptor or of a callable instance. */
static int
visit_field(PyObject *field, void *arg)
{
    fields_walk *walk = arg;
    if (PyType_Check(field) || PyModule_Check(field)) {
        return 0;
    }
    if (PyDict_CheckExact(field)) {
        return PyDict_GET_SIZE(field) <= MAX_INSTANCE_DICT
                   ? visit_dict_values(field, walk->visit, walk->arg)
                   : 0;
    }
    return walk->visit(field, walk->arg);
}

int
rs_wrapper_visit(PyObject *value, visitproc visit, void *arg)
{
    fields_walk walk = {visit, arg, value};
    PyTypeObject *type = Py_TYPE(value);
    if (PyFunction_Check(value)) {
        return visit_function(value, visit, arg);
    }
    if (PyType_Check(value) || PyModule_Check(value) || PyDict_Check(value) ||
        PyList_Check(value) || PyTuple_Check(value) || PyAnySet_Check(value) ||
        PyCode_Check(value) || PyFrame_Check(value) || PyGen_Check(value) ||
        type->tp_traverse == NULL || !PyObject_IS_GC(value)) {
        return 0;
    }
    return type->tp_traverse(value, visit_field, &walk);
}

PyObject *
rs_closure_get(PyObject *func, PyObject *name)
{
    PyObject *closure = RS_FUNCTION(func)->func_closure;
    PyCodeObject *code = RS_CODE(RS_FUNCTION(func)->func_code);
    int first = code->co_nlocalsplus - code->co_nfreevars;
    if (closure == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(closure) && i < code->co_nfreevars; i++) {
        if (rs_same_text(PyTuple_GET_ITEM(code->co_localsplusnames, first + i), name)) {
            return PyCell_GET(PyTuple_GET_ITEM(closure, i));
        }
    }
    return NULL;
}

PyObject *
rs_closure_get_ascii(PyObject *func, const char *name)
{
    PyObject *contents = NULL;
    PyObject *text = PyUnicode_FromString(name);
    if (text != NULL) {
        contents = rs_closure_get(func, text);
        Py_DECREF(text);
    }
    return contents;
}

int
rs_is_wrapper(const rs_state *st, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    return type == &PyStaticMethod_Type || type == &PyClassMethod_Type ||
           PyType_IsSubtype(type, &PyProperty_Type) ||
           PyType_IsSubtype(type, st->lru_cache_type) ||
           PyType_IsSubtype(type, st->partial_type) ||
           PyType_IsSubtype(type, st->cached_property_type);
}

int
rs_is_singledispatch(PyObject *func)
{
    PyObject *module;
    if (!PyFunction_Check(func)) {
        return 0;
    }
    module = PyDict_GetItemString(RS_FUNCTION(func)->func_globals, "__name__");
    return rs_text_equals(module, "functools") &&
           rs_text_equals(RS_CODE(RS_FUNCTION(func)->func_code)->co_qualname,
                          "singledispatch.<locals>.wrapper");
}

/* ---- do two wrappers do the same? ---- */

typedef struct {
    const rs_session *s;
    PyObject **fields;
    Py_ssize_t count, room;
    int failed;
} field_list;

static int
collect_field(PyObject *field, void *arg)
{
    field_list *list = arg;
    if (list->count == list->room) {
        list->failed = 1;
        return 1;
    }
    list->fields[list->count++] = field;
    return 0;
}

/* Equal as configuration: identical after the update, equal literals, or containers of
 * which the donor's is still empty (what the live one holds was put in at run time). */
static int
same_field(const rs_session *s, PyObject *live, PyObject *donor, int depth)
{
    PyTypeObject *type = Py_TYPE(donor);
    if (rs_session_live(s, donor) == live || rs_same_literal(live, donor)) {
        return 1;
    }
    if (type != Py_TYPE(live) || depth > 3) {
        return 0;
    }
    if (type == &PyTuple_Type && PyTuple_GET_SIZE(live) == PyTuple_GET_SIZE(donor)) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(donor); i++) {
            if (!same_field(s, PyTuple_GET_ITEM(live, i), PyTuple_GET_ITEM(donor, i),
                            depth + 1)) {
                return 0;
            }
        }
        return 1;
    }
    if (type == &PyDict_Type) {
        Py_ssize_t i = 0, j = 0;
        PyObject *key, *value, *key2, *value2;
        if (PyDict_GET_SIZE(donor) == 0) {
            return 1;
        }
        if (PyDict_GET_SIZE(donor) != PyDict_GET_SIZE(live)) {
            return 0;
        }
        while (PyDict_Next(donor, &j, &key2, &value2) && PyDict_Next(live, &i, &key, &value)) {
            if (!rs_same_literal(key, key2) || !same_field(s, value, value2, depth + 1)) {
                return 0;
            }
        }
        return 1;
    }
    return (type == &PyList_Type && PyList_GET_SIZE(donor) == 0) ||
           (type == &PySet_Type && PySet_GET_SIZE(donor) == 0);
}

int
rs_wrapper_same(const rs_session *s, PyObject *live, PyObject *donor)
{
    enum { ROOM = 32 };
    PyObject *a[ROOM], *b[ROOM];
    field_list live_fields = {s, a, 0, ROOM, 0}, donor_fields = {s, b, 0, ROOM, 0};
    traverseproc traverse = Py_TYPE(live)->tp_traverse;
    if (traverse == NULL || !PyObject_IS_GC(live) || !PyObject_IS_GC(donor)) {
        return 0;
    }
    traverse(live, collect_field, &live_fields);
    Py_TYPE(donor)->tp_traverse(donor, collect_field, &donor_fields);
    if (live_fields.failed || donor_fields.failed ||
        live_fields.count != donor_fields.count) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < live_fields.count; i++) {
        if (!same_field(s, a[i], b[i], 0)) {
            return 0;
        }
    }
    return 1;
}
