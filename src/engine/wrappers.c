#include "wrappers.h"

#include <string.h>

#include "attribute.h"
#include "same.h"
#include "scope.h"

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

/* One of the two: the name itself, or how it is written. */
static PyObject *
closure_get(PyObject *func, PyObject *name, const char *ascii)
{
    PyObject *closure = RS_FUNCTION(func)->func_closure;
    PyCodeObject *code = RS_CODE(RS_FUNCTION(func)->func_code);
    int first = code->co_nlocalsplus - code->co_nfreevars;
    if (closure == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(closure) && i < code->co_nfreevars;
         i++) {
        PyObject *own = PyTuple_GET_ITEM(code->co_localsplusnames, first + i);
        if (name != NULL ? rs_same_text(own, name) : rs_text_equals(own, ascii)) {
            return PyCell_GET(PyTuple_GET_ITEM(closure, i));
        }
    }
    return NULL;
}

PyObject *
rs_closure_get(PyObject *func, PyObject *name)
{
    return closure_get(func, name, NULL);
}

PyObject *
rs_closure_get_ascii(PyObject *func, const char *name)
{
    return closure_get(func, NULL, name);
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
    if (!PyFunction_Check(func) ||
        !rs_text_equals(RS_CODE(RS_FUNCTION(func)->func_code)->co_qualname,
                        "singledispatch.<locals>.wrapper")) {
        return 0;
    }
    module = PyDict_GetItemString(RS_FUNCTION(func)->func_globals, "__name__");
    return rs_text_equals(module, "functools");
}

int
rs_dispatcher_of(const rs_state *st, PyObject *op, PyObject **dispatcher)
{
    PyObject *inner = NULL;
    int result = 1;
    if (PyFunction_Check(op)) {
        inner = Py_NewRef(op);
    } else if (strcmp(Py_TYPE(op)->tp_name, "singledispatchmethod") == 0) {
        result = rs_attribute_read(op, st->names.dispatcher, &inner);
    }
    if (result == 1 && inner != NULL && rs_is_singledispatch(inner)) {
        *dispatcher = inner;
        return 1;
    }
    Py_XDECREF(inner);
    return result < 0 ? -1 : 0;
}

int
rs_dispatch_cache_data(const rs_state *st, PyObject *dispatcher, PyObject **data)
{
    PyObject *cache = rs_singledispatch_part(dispatcher, st->names.dispatch_cache);
    int result;
    *data = NULL;
    result = cache != NULL ? rs_attribute_read(cache, st->names.data, data) : 0;
    if (result == 1 && (*data == NULL || !PyDict_CheckExact(*data))) {
        Py_CLEAR(*data);
        result = 0;
    }
    return result;
}

PyObject *
rs_singledispatch_part(PyObject *func, PyObject *name)
{
    PyObject *dispatch = rs_closure_get_ascii(func, "dispatch");
    return dispatch != NULL && PyFunction_Check(dispatch)
               ? rs_closure_get(dispatch, name)
               : NULL;
}

/* ---- do two wrappers do the same? ---- */

/* Enough for every wrapper that does little but wrap. */
#define MAX_FIELDS 48

typedef struct {
    PyObject *fields[MAX_FIELDS];
    Py_ssize_t count;
} field_list;

static int
collect_field(PyObject *field, void *arg)
{
    field_list *list = arg;
    if (list->count == MAX_FIELDS) {
        return 1;
    }
    list->fields[list->count++] = field;
    return 0;
}

/* Removes one reference to `field`, if it is there. */
static void
remove_field(field_list *list, const PyObject *field)
{
    for (Py_ssize_t i = 0; i < list->count; i++) {
        if (list->fields[i] == field) {
            for (; i + 1 < list->count; i++) {
                list->fields[i] = list->fields[i + 1];
            }
            list->count--;
            return;
        }
    }
}

static int same_field(const rs_session *s, PyObject *live, PyObject *donor, int depth);

static int
same_optional(const rs_session *s, PyObject *live, PyObject *donor, int depth)
{
    if (live == NULL || donor == NULL) {
        return live == donor;
    }
    return same_field(s, live, donor, depth + 1);
}

static int
same_items(const rs_session *s, PyObject *live, PyObject *donor, int depth)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(donor); i++) {
        if (!same_field(s, PyTuple_GET_ITEM(live, i), PyTuple_GET_ITEM(donor, i),
                        depth)) {
            return 0;
        }
    }
    return 1;
}

static int
same_entries(const rs_session *s, PyObject *live, PyObject *donor, int depth)
{
    Py_ssize_t i = 0, j = 0;
    PyObject *key, *value, *key2, *value2;
    while (PyDict_Next(donor, &j, &key2, &value2) &&
           PyDict_Next(live, &i, &key, &value)) {
        if (!rs_same_literal(key, key2) || !same_field(s, value, value2, depth)) {
            return 0;
        }
    }
    return 1;
}

/* Functions that something generated, in the same way for both: code and defaults, and
 * what it closed over. */
static int
same_function(const rs_session *s, PyObject *live, PyObject *donor, int depth)
{
    PyFunctionObject *a = RS_FUNCTION(live), *b = RS_FUNCTION(donor);
    PyObject *closure_a = a->func_closure, *closure_b = b->func_closure;
    if (rs_same_code(a->func_code, b->func_code) != RS_CODE_SAME ||
        !same_optional(s, a->func_defaults, b->func_defaults, depth) ||
        !same_optional(s, a->func_kwdefaults, b->func_kwdefaults, depth)) {
        return 0;
    }
    if (closure_a == NULL || closure_b == NULL) {
        return closure_a == closure_b;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(closure_a); i++) {
        if (!same_optional(s, PyCell_GET(PyTuple_GET_ITEM(closure_a, i)),
                           PyCell_GET(PyTuple_GET_ITEM(closure_b, i)), depth)) {
            return 0;
        }
    }
    return 1;
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
    if (type == &PyTuple_Type) {
        return PyTuple_GET_SIZE(live) == PyTuple_GET_SIZE(donor) &&
               same_items(s, live, donor, depth + 1);
    }
    if (type == &PyDict_Type) {
        return PyDict_GET_SIZE(donor) == 0 ||
               (PyDict_GET_SIZE(donor) == PyDict_GET_SIZE(live) &&
                same_entries(s, live, donor, depth + 1));
    }
    if (type == &PyFunction_Type) {
        return same_function(s, live, donor, depth);
    }
    return (type == &PyList_Type && PyList_GET_SIZE(donor) == 0) ||
           (type == &PySet_Type && PySet_GET_SIZE(donor) == 0);
}

/* The object's own namespace (new reference) or NULL: it has none. */
static PyObject *
own_dict(PyObject *op)
{
    PyObject *dict = NULL;
    if (Py_TYPE(op)->tp_dictoffset != 0 ||
        (Py_TYPE(op)->tp_flags & Py_TPFLAGS_MANAGED_DICT) != 0) {
        dict = PyObject_GenericGetDict(op, NULL);
        if (dict == NULL) {
            PyErr_Clear(); /* without memory for it nobody can tell: not the same */
        }
    }
    return dict;
}

/* Attributes by name; __doc__, __wrapped__ and their like follow the source anyway. */
static int
same_attributes(const rs_session *s, PyObject *live, PyObject *donor)
{
    Py_ssize_t pos = 0;
    PyObject *key, *value;
    if (live == NULL || donor == NULL) {
        return live == donor;
    }
    while (PyDict_Next(donor, &pos, &key, &value)) {
        PyObject *now;
        if (!PyUnicode_CheckExact(key)) {
            return 0;
        }
        if (rs_is_dunder(key)) {
            continue;
        }
        now = PyDict_GetItemWithError(live, key);
        if (now == NULL || !same_field(s, now, value, 0)) {
            return 0;
        }
    }
    return 1;
}

/* What the object refers to beside its attributes and its class. */
static void
collect_fields(PyObject *op, PyObject *dict, field_list *list)
{
    Py_ssize_t pos = 0;
    PyObject *value;
    Py_TYPE(op)->tp_traverse(op, collect_field, list);
    remove_field(list, (PyObject *)Py_TYPE(op));
    if (dict != NULL) {
        Py_ssize_t before = list->count;
        remove_field(list, dict);
        while (before == list->count && PyDict_Next(dict, &pos, NULL, &value)) {
            remove_field(list, value);
            before = list->count;
        }
    }
}

static int
same_fields(const rs_session *s, PyObject *live, PyObject *live_dict, PyObject *donor,
            PyObject *donor_dict)
{
    field_list a = {{NULL}, 0}, b = {{NULL}, 0};
    collect_fields(live, live_dict, &a);
    collect_fields(donor, donor_dict, &b);
    if (a.count != b.count || a.count == MAX_FIELDS) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < a.count; i++) {
        if (!same_field(s, a.fields[i], b.fields[i], 0)) {
            return 0;
        }
    }
    return 1;
}

/* The size of an lru_cache as it is: new reference. What its cache_parameters() tells may
 * have been copied from a cache that it wraps. */
static PyObject *
lru_size(PyObject *cache)
{
    PyObject *size = NULL;
    PyObject *info = PyObject_CallMethod(cache, "cache_info", NULL);
    if (info != NULL) {
        size = PyObject_GetAttrString(info, "maxsize");
        Py_DECREF(info);
    }
    return size;
}

/* Whether it tells types apart only functools' own closure knows. */
static int
lru_typed(const rs_session *s, PyObject *dict)
{
    PyObject *tells = PyDict_GetItemWithError(dict, s->st->names.cache_parameters);
    PyObject *typed = tells != NULL && PyFunction_Check(tells)
                          ? rs_closure_get_ascii(tells, "typed")
                          : NULL;
    return typed == Py_True;
}

static int
same_lru_cache(const rs_session *s, PyObject *live, PyObject *live_dict,
               PyObject *donor, PyObject *donor_dict)
{
    PyObject *a = lru_size(live), *b = lru_size(donor);
    int same = a != NULL && b != NULL && rs_same_literal(a, b) &&
               lru_typed(s, live_dict) == lru_typed(s, donor_dict);
    if (PyErr_Occurred()) {
        PyErr_Clear(); /* without memory to ask nobody can tell: not the same */
    }
    Py_XDECREF(a);
    Py_XDECREF(b);
    return same;
}

int
rs_wrapper_same(const rs_session *s, PyObject *live, PyObject *donor)
{
    int same = 0;
    PyObject *live_dict, *donor_dict;
    if (!PyObject_IS_GC(live) || !PyObject_IS_GC(donor) ||
        Py_TYPE(live)->tp_traverse == NULL || Py_TYPE(donor)->tp_traverse == NULL) {
        return 0;
    }
    live_dict = own_dict(live);
    donor_dict = own_dict(donor);
    if (Py_TYPE(live) == s->st->lru_cache_type) {
        same = live_dict != NULL && donor_dict != NULL &&
               same_lru_cache(s, live, live_dict, donor, donor_dict);
    } else {
        same = same_attributes(s, live_dict, donor_dict) &&
               same_fields(s, live, live_dict, donor, donor_dict);
    }
    Py_XDECREF(live_dict);
    Py_XDECREF(donor_dict);
    return same;
}

int
rs_function_same(const rs_session *s, PyObject *live, PyObject *donor)
{
    return same_function(s, live, donor, 0);
}
