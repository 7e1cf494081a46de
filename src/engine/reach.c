#include "reach.h"

#include <string.h>

#include "attribute.h"
#include "hotfix.h"
#include "threads.h"
#include "wrappers.h"

/* How many steps from a module: a submodule's class's container is three. */
#define MAX_DEPTH 3

static int see_value(rs_reach *r, PyObject *value, int depth, int foreign);

static int
collect_names(PyObject *names, PyObject *code)
{
    PyObject *const lists[] = {RS_CODE(code)->co_names, RS_CODE(code)->co_consts};
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(lists[0]); i++) {
        if (PySet_Add(names, PyTuple_GET_ITEM(lists[0], i)) < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(lists[1]); i++) {
        PyObject *constant = PyTuple_GET_ITEM(lists[1], i);
        if (PyCode_Check(constant) && collect_names(names, constant) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Attributes that the body sets, and functions that it defines; methods set those of
 * instances that are as new as they are. */
static int
collect_stored(rs_reach *r, PyObject *code, int in_class)
{
    PyObject *constants = RS_CODE(code)->co_consts;
    int deletes = 0;
    if (rs_attrs_stored(&r->opcodes, code, r->stored, &deletes) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); i++) {
        PyObject *constant = PyTuple_GET_ITEM(constants, i);
        int is_function;
        if (!PyCode_Check(constant)) {
            continue;
        }
        is_function = (RS_CODE(constant)->co_flags & CO_OPTIMIZED) != 0;
        if (!(in_class && is_function) &&
            collect_stored(r, constant, in_class || !is_function) < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_reach_open(rs_reach *r, rs_session *s, int effects, const rs_reach_visitor *visitor,
              void *arg)
{
    memset(r, 0, sizeof(*r));
    r->s = s;
    r->visitor = visitor;
    r->arg = arg;
    r->names = PySet_New(NULL);
    r->stored = PySet_New(NULL);
    if (r->names == NULL || r->stored == NULL || rs_attrs_open(&r->opcodes) < 0) {
        return -1;
    }
    r->thorough = s->hot != NULL;
    r->scale = r->thorough ? 100 : 1;
    r->whole = r->thorough && rs_threads_more();
    if (r->thorough) {
        PyObject *code = rs_hot_code(s);
        return collect_names(r->names, code) < 0 || collect_stored(r, code, 0) < 0 ? -1
                                                                                   : 0;
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        PyObject *code = effects ? s->units[i].effects : s->units[i].code;
        if (code == NULL) {
            r->all_names |= !effects;
        } else if (collect_names(r->names, code) < 0 ||
                   collect_stored(r, code, 0) < 0) {
            return -1;
        }
    }
    return 0;
}

void
rs_reach_clear(rs_reach *r)
{
    Py_CLEAR(r->names);
    Py_CLEAR(r->stored);
    rs_idmap_clear(&r->seen);
    rs_idmap_clear(&r->types);
    rs_idmap_clear(&r->losing);
}

/* 1 and remembered if `op` is to be visited; 0 if it was, or there are too many; -1. */
static int
is_new(rs_reach *r, PyObject *op)
{
    if (rs_idmap_has(&r->seen, op)) {
        return 0;
    }
    if (r->seen.used >= RS_REACH_MAX * (Py_ssize_t)r->scale) {
        r->missed++;
        return 0;
    }
    return rs_idmap_set(&r->seen, op, op) < 0 ? -1 : 1;
}

static int
is_container(rs_session *s, PyObject *op)
{
    return PyList_Check(op) || PySet_Check(op) || PyByteArray_Check(op) ||
           PyObject_TypeCheck(op, s->st->deque_type);
}

/* Dicts and other containers, whoever has them. 1 if it was one, 0, -1. */
static int
see_container(rs_reach *r, PyObject *value)
{
    int result = PyDict_Check(value) || is_container(r->s, value);
    if (result == 0) {
        return 0;
    }
    result = is_new(r, value);
    if (PyDict_Check(value)) {
        result = result == 1 ? r->visitor->dict(r->arg, value, NULL, 0) : result;
    } else if (result == 1 || (result == 0 && r->thorough)) {
        /* a snippet may change it once more */
        result = r->visitor->container(r->arg, value);
    }
    return result < 0 ? -1 : 1;
}

/* A list of the values under those keys of `dict` that are in `names` (a set or a tuple
 * of str; NULL: all): what is done with them may change the dict. */
static PyObject *
values_of_names(PyObject *dict, PyObject *names)
{
    PyObject *key, *value, *values = PyList_New(0);
    Py_ssize_t pos = 0;
    if (values == NULL) {
        return NULL;
    }
    if (names != NULL && PyTuple_Check(names)) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
            value = PyDict_GetItemWithError(dict, PyTuple_GET_ITEM(names, i));
            if (value != NULL ? PyList_Append(values, value) < 0
                              : PyErr_Occurred() != NULL) {
                goto error;
            }
        }
        return values;
    }
    while (PyDict_Next(dict, &pos, &key, &value)) {
        int found = names == NULL;
        if (!found && PyUnicode_CheckExact(key)) {
            found = PySet_Contains(names, key);
        }
        if (found < 0 || (found && PyList_Append(values, value) < 0)) {
            goto error;
        }
    }
    return values;
error:
    Py_DECREF(values);
    return NULL;
}

/* Containers among the values of a namespace. */
static int
see_containers(rs_reach *r, PyObject *dict, PyObject *names)
{
    int result = 0;
    PyObject *values = values_of_names(dict, names);
    if (values == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; result >= 0 && i < PyList_GET_SIZE(values); i++) {
        result = see_container(r, PyList_GET_ITEM(values, i));
    }
    Py_DECREF(values);
    return result < 0 ? -1 : 0;
}

static int see_instance(rs_reach *r, PyObject *object);

/* For a snippet: what a function that it calls does with the objects that its globals name,
 * modules among them. */
static int
see_globals(rs_reach *r, PyObject *globals, PyObject *names)
{
    int result = 0;
    PyObject *values = values_of_names(globals, names);
    if (values == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; result >= 0 && i < PyList_GET_SIZE(values); i++) {
        PyObject *value = PyList_GET_ITEM(values, i);
        if (PyModule_Check(value)) {
            result = see_containers(r, PyModule_GetDict(value), names);
        } else if (!PyType_Check(value) && !PyFunction_Check(value)) {
            result = see_instance(r, value);
        }
    }
    Py_DECREF(values);
    return result < 0 ? -1 : 0;
}

/* What `@function.register` writes into. */
static int
see_dispatcher(rs_reach *r, PyObject *op)
{
    PyObject *dispatcher, *registry;
    int result = rs_dispatcher_of(r->s->st, op, &dispatcher);
    if (result == 1) {
        registry = rs_singledispatch_part(dispatcher, r->s->st->names.registry);
        result = registry != NULL ? see_container(r, registry) : 0;
        Py_DECREF(dispatcher);
    }
    return result;
}

/* `@method.register` in a class body. */
static int
see_dispatchers(rs_reach *r, PyObject *dict)
{
    Py_ssize_t pos = 0;
    PyObject *value;
    int result = 0;
    while (result >= 0 && PyDict_Next(dict, &pos, NULL, &value)) {
        result = see_dispatcher(r, value);
    }
    return result < 0 ? -1 : 0;
}

/* What a call of `function` can change: globals it names, and what it closed over. */
static int
see_function(rs_reach *r, PyObject *function)
{
    PyObject *globals = PyFunction_GET_GLOBALS(function);
    PyObject *code = PyFunction_GET_CODE(function);
    PyObject *closure = PyFunction_GET_CLOSURE(function);
    int deletes = 0, result = PyDict_Check(globals) ? is_new(r, globals) : 0;
    if (result == 1) {
        result = r->visitor->dict(r->arg, globals, NULL, 0);
    }
    if (result >= 0 && r->thorough) { /* on what it is given */
        result = rs_attrs_stored(&r->opcodes, code, r->stored, &deletes);
    }
    if (result >= 0 && PyDict_Check(globals)) {
        result = see_containers(r, globals, RS_CODE(code)->co_names);
    }
    if (result >= 0 && r->thorough && PyDict_Check(globals)) {
        result = see_globals(r, globals, RS_CODE(code)->co_names);
    }
    for (Py_ssize_t i = 0;
         result >= 0 && closure != NULL && i < PyTuple_GET_SIZE(closure); i++) {
        PyObject *cell = PyTuple_GET_ITEM(closure, i), *inside = PyCell_GET(cell);
        result = inside != NULL ? see_container(r, inside) : 0;
        if (result >= 0 && r->thorough) { /* nonlocal */
            result = r->visitor->attribute(r->arg, cell, r->s->st->names.cell_contents);
        }
    }
    if (result >= 0) {
        result = see_dispatcher(r, function);
    }
    return result < 0 ? -1 : 0;
}

static int
see_class_containers(rs_reach *r, PyTypeObject *type)
{
    PyObject *mro = type->tp_mro;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        int result;
        PyObject *dict;
        PyTypeObject *base = RS_TYPE(PyTuple_GET_ITEM(mro, i));
        if (!PyType_HasFeature(base, Py_TPFLAGS_HEAPTYPE)) {
            continue;
        }
        dict = PyType_GetDict(base);
        result = see_containers(r, dict, NULL);
        if (result >= 0) {
            result = see_dispatchers(r, dict);
        }
        Py_DECREF(dict);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

static int
see_class(rs_reach *r, PyTypeObject *type)
{
    PyObject *dict;
    int result;
    if (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) ||
        PyType_HasFeature(type, Py_TPFLAGS_IMMUTABLETYPE)) {
        return 0;
    }
    dict = PyType_GetDict(type);
    result = is_new(r, dict);
    if (result == 1) {
        result = r->visitor->dict(r->arg, dict, type, 0);
    }
    Py_DECREF(dict);
    if (result < 0 || see_class_containers(r, type) < 0) {
        return -1;
    }
    return see_class_containers(r, Py_TYPE(type));
}

static int
see_attributes(rs_reach *r, PyObject *object, PyObject *names)
{
    int result = 0;
    PyObject *list = PySequence_List(names);
    if (list == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; result >= 0 && i < PyList_GET_SIZE(list); i++) {
        if (r->attributes++ >= RS_REACH_MAX_ATTRIBUTES * (Py_ssize_t)r->scale) {
            r->missed++;
            break;
        }
        result = r->visitor->attribute(r->arg, object, PyList_GET_ITEM(list, i));
    }
    Py_DECREF(list);
    return result < 0 ? -1 : 0;
}

/* Adds to `names` the attributes that methods in a class's dict set which the body may
 * call: those it names, and those that operators call. A snippet is given more care: all.
 * *losing: some of them delete attributes. */
static int
add_stored_by_methods(rs_reach *r, PyObject *dict, PyObject *names, int *losing)
{
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    while (PyDict_Next(dict, &pos, &key, &value)) {
        int found = PyUnicode_CheckExact(key) && PyFunction_Check(value);
        if (found && !r->all_names && !r->thorough &&
            PyUnicode_READ_CHAR(key, 0) != '_') {
            found = PySet_Contains(r->names, key);
        }
        if (found > 0) {
            found = rs_attrs_stored(&r->opcodes, PyFunction_GET_CODE(value), names,
                                    losing);
        }
        if (found < 0) {
            return -1;
        }
    }
    return 0;
}

/* The attributes that may be set on instances of `type`: a set, borrowed. */
static PyObject *
attributes_of(rs_reach *r, PyTypeObject *type)
{
    int result, losing = 0;
    PyObject *mro = type->tp_mro;
    PyObject *names = rs_idmap_get(&r->types, type);
    if (names != NULL) {
        return names;
    }
    names = PySet_New(r->stored);
    if (names == NULL) {
        return NULL;
    }
    result = rs_idmap_set(&r->types, (PyObject *)type, names);
    Py_DECREF(names); /* the map has it */
    for (Py_ssize_t i = 0; result == 0 && mro != NULL && i < PyTuple_GET_SIZE(mro);
         i++) {
        PyTypeObject *base = RS_TYPE(PyTuple_GET_ITEM(mro, i));
        if (PyType_HasFeature(base, Py_TPFLAGS_HEAPTYPE)) {
            PyObject *dict = PyType_GetDict(base);
            result = add_stored_by_methods(r, dict, names, &losing);
            Py_DECREF(dict);
        }
    }
    if (result == 0 && losing && r->thorough) {
        result = rs_idmap_set(&r->losing, (PyObject *)type, (PyObject *)type);
    }
    return result == 0 ? names : NULL;
}

static int
append_referent(PyObject *op, void *list)
{
    return PyList_Append(list, op);
}

/* Is `dict`, to which the instance refers, its own __dict__? Then it has the attributes. */
static int
is_own_dict(PyObject *object, PyObject *dict)
{
    PyObject *key, *value, *attribute;
    Py_ssize_t pos = 0;
    int result;
    if (!PyDict_CheckExact(dict) || !PyDict_Next(dict, &pos, &key, &value) ||
        !PyUnicode_CheckExact(key)) {
        return 0;
    }
    result = rs_attribute_read(object, key, &attribute);
    if (result == 1) {
        result = attribute == value;
        Py_XDECREF(attribute);
    }
    return result;
}

/* Containers in a small container: what a mapping in Python keeps its own in (ChainMap). */
static int
see_inside(rs_reach *r, PyObject *container)
{
    PyObject *items = NULL;
    int result = 0;
    if (PyList_Check(container) && PyList_GET_SIZE(container) <= RS_REACH_SMALL) {
        items = PyList_GetSlice(container, 0, PY_SSIZE_T_MAX);
    } else if (PyTuple_Check(container) &&
               PyTuple_GET_SIZE(container) <= RS_REACH_SMALL) {
        items = PyTuple_GetSlice(container, 0, PY_SSIZE_T_MAX);
        Py_XSETREF(items, items != NULL ? PySequence_List(items) : NULL);
    } else if (PyDict_Check(container) &&
               PyDict_GET_SIZE(container) <= RS_REACH_SMALL) {
        items = values_of_names(container, NULL);
    } else {
        return 0;
    }
    for (Py_ssize_t i = 0; items != NULL && result >= 0 && i < PyList_GET_SIZE(items);
         i++) {
        result = see_container(r, PyList_GET_ITEM(items, i));
    }
    result = items == NULL || result < 0 ? -1 : 0;
    Py_XDECREF(items);
    return result;
}

static int
see_values_inside(rs_reach *r, PyObject *dict)
{
    PyObject *values = values_of_names(dict, NULL);
    int result = values != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(values); i++) {
        result = see_inside(r, PyList_GET_ITEM(values, i));
    }
    Py_XDECREF(values);
    return result;
}

/* The containers that an instance refers to, by whatever name. */
static int
see_referents(rs_reach *r, PyObject *object)
{
    traverseproc traverse = Py_TYPE(object)->tp_traverse;
    PyObject *referents = PyList_New(0);
    int result = referents != NULL ? 0 : -1;
    if (result == 0 && traverse != NULL) {
        result = traverse(object, append_referent, referents);
    }
    for (Py_ssize_t i = 0; result >= 0 && i < PyList_GET_SIZE(referents); i++) {
        PyObject *referent = PyList_GET_ITEM(referents, i);
        int own = PyDict_Check(referent) ? is_own_dict(object, referent) : 0;
        if (own < 0 ||
            (own && r->thorough && r->visitor->whole(r->arg, object, referent) < 0)) {
            result = -1;
            break;
        }
        result = see_container(r, referent);
        if (result == 1 && own) {
            result = see_containers(r, referent, NULL);
        }
        if (result >= 0 && r->thorough) {
            result = own ? see_values_inside(r, referent) : see_inside(r, referent);
        }
    }
    Py_XDECREF(referents);
    return result < 0 ? -1 : 0;
}

static int
count_stored(rs_reach *r, PyObject *object)
{
    PyObject *count = PyLong_FromSsize_t(PySet_GET_SIZE(r->stored));
    int result = count != NULL ? rs_idmap_set(&r->seen, object, count) : -1;
    Py_XDECREF(count);
    return result;
}

static int
see_instance(rs_reach *r, PyObject *object)
{
    PyObject *names;
    if (!PyType_HasFeature(Py_TYPE(object), Py_TPFLAGS_HEAPTYPE)) {
        return PyExceptionInstance_Check(object) ? rs_reach_whole(r, object) : 0;
    }
    names = attributes_of(r, Py_TYPE(object));
    if (names == NULL || see_referents(r, object) < 0 ||
        see_attributes(r, object, names) < 0 ||
        (r->thorough && see_attributes(r, object, r->stored) < 0) ||
        ((r->whole || rs_idmap_has(&r->losing, Py_TYPE(object))) &&
         rs_reach_whole(r, object) < 0)) {
        return -1;
    }
    return see_class_containers(r, Py_TYPE(object));
}

/* An instance that was seen before functions were called that set other attributes. */
static int
see_instance_again(rs_reach *r, PyObject *object)
{
    PyObject *count = rs_idmap_get(&r->seen, object);
    if (!r->thorough || count == NULL || !PyLong_Check(count) ||
        PyLong_AsSsize_t(count) == PySet_GET_SIZE(r->stored)) {
        return 0;
    }
    return count_stored(r, object) < 0 ? -1 : see_attributes(r, object, r->stored);
}

static int
see_namespace(rs_reach *r, PyObject *dict, int depth, int foreign)
{
    int result = 0;
    PyObject *values = values_of_names(dict, r->all_names ? NULL : r->names);
    if (values == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; result >= 0 && i < PyList_GET_SIZE(values); i++) {
        result = see_value(r, PyList_GET_ITEM(values, i), depth, foreign);
    }
    Py_DECREF(values);
    return result < 0 ? -1 : 0;
}

/* 1 if the module may not be updated, 0, -1. */
static int
is_foreign(rs_reach *r, PyObject *module)
{
    rs_session *s = r->s;
    int allowed;
    PyObject *answer, *name;
    name = PyDict_GetItemWithError(PyModule_GetDict(module), s->st->names.__name__);
    if (name == NULL || !PyUnicode_CheckExact(name)) {
        return PyErr_Occurred() ? -1 : 0;
    }
    if (s->allowed == NULL || s->allowed == Py_None) {
        return 0;
    }
    answer = PyObject_CallFunctionObjArgs(s->allowed, name, module, NULL);
    if (answer == NULL) {
        return -1;
    }
    allowed = PyObject_IsTrue(answer);
    Py_DECREF(answer);
    return allowed < 0 ? -1 : !allowed;
}

static int
see_module(rs_reach *r, PyObject *module, int depth)
{
    PyObject *dict = PyModule_GetDict(module);
    int foreign, result = is_new(r, module);
    if (result != 1) {
        return result;
    }
    foreign = is_foreign(r, module);
    result = foreign < 0 ? -1 : is_new(r, dict);
    if (result == 1) {
        result = r->visitor->dict(r->arg, dict, NULL, foreign);
    }
    return result < 0 ? -1 : see_namespace(r, dict, depth, foreign);
}

/* What a name that the body reads may be. */
static int
see_value(rs_reach *r, PyObject *value, int depth, int foreign)
{
    int result = see_container(r, value);
    if (result != 0 || depth > MAX_DEPTH) {
        return result < 0 ? -1 : 0;
    }
    if (PyModule_Check(value)) {
        return see_module(r, value, depth + 1);
    }
    if (foreign) {
        return 0;
    }
    if (PyMethod_Check(value)) {
        PyObject *self = PyMethod_GET_SELF(value);
        if (PyFunction_Check(PyMethod_GET_FUNCTION(value)) &&
            see_function(r, PyMethod_GET_FUNCTION(value)) < 0) {
            return -1;
        }
        return see_value(r, self, depth + 1, foreign);
    }
    result = is_new(r, value);
    if (result != 1) {
        return result < 0 ? -1 : see_instance_again(r, value);
    }
    if (PyFunction_Check(value)) {
        return see_function(r, value);
    }
    if (PyType_Check(value)) {
        return see_class(r, RS_TYPE(value));
    }
    if ((r->thorough && count_stored(r, value) < 0) || see_dispatcher(r, value) < 0) {
        return -1;
    }
    return see_instance(r, value);
}

int
rs_reach_module(rs_reach *r, PyObject *module)
{
    return see_module(r, module, 1);
}

int
rs_reach_namespace(rs_reach *r, PyObject *dict)
{
    return see_namespace(r, dict, 1, 0);
}

/* ---- what a snippet names itself ---- */

/* Does setting the attribute run code of the class: a property, a __setattr__? */
static int
has_own_setter(PyObject *object, PyObject *name)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject *mro = type->tp_mro;
    if (type->tp_setattro != PyObject_GenericSetAttr) {
        return 1;
    }
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *dict = PyType_GetDict(RS_TYPE(PyTuple_GET_ITEM(mro, i)));
        PyObject *found = PyDict_GetItemWithError(dict, name);
        int own = found != NULL && Py_TYPE(found)->tp_descr_set != NULL &&
                  Py_TYPE(found) != &PyMemberDescr_Type;
        Py_DECREF(dict);
        if (found != NULL) {
            return own;
        }
    }
    return 0;
}

int
rs_reach_attribute(rs_reach *r, PyObject *object, PyObject *name)
{
    if (PyModule_Check(object) || PyType_Check(object)) {
        PyObject *dict = PyModule_Check(object) ? Py_NewRef(PyModule_GetDict(object))
                                                : PyType_GetDict(RS_TYPE(object));
        int result = r->visitor->dict(r->arg, dict,
                                      PyType_Check(object) ? RS_TYPE(object) : NULL, 0);
        Py_DECREF(dict);
        if (result == 0 && PyType_Check(object) &&
            Py_TYPE(object)->tp_setattro != PyType_Type.tp_setattro) {
            result = see_class(r, RS_TYPE(object)); /* its metaclass has its own way */
        }
        return result;
    }
    if (r->visitor->attribute(r->arg, object, name) < 0) {
        return -1;
    }
    if (!has_own_setter(object, name)) {
        return 0;
    }
    return see_value(r, object, 1, 0) < 0 ? -1 : rs_reach_whole(r, object);
}

/* Its __dict__, made if it has none yet: new reference. NULL without an exception where there
 * can't be one. */
static PyObject *
own_dict(PyObject *object)
{
    PyObject *dict;
    if (Py_TYPE(object)->tp_dictoffset == 0 &&
        (Py_TYPE(object)->tp_flags & Py_TPFLAGS_MANAGED_DICT) == 0) {
        return NULL;
    }
    dict = PyObject_GenericGetDict(object, NULL);
    if (dict == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
    }
    return dict;
}

/* Slots of its classes, which are in no dict. */
static int
see_slots(rs_reach *r, PyObject *object)
{
    PyObject *key, *value, *mro = Py_TYPE(object)->tp_mro;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *dict = PyType_GetDict(RS_TYPE(PyTuple_GET_ITEM(mro, i)));
        Py_ssize_t pos = 0;
        int result = 0;
        while (result == 0 && PyDict_Next(dict, &pos, &key, &value)) {
            if (Py_TYPE(value) == &PyMemberDescr_Type) {
                result = r->visitor->attribute(r->arg, object, key);
            }
        }
        Py_DECREF(dict);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_reach_whole(rs_reach *r, PyObject *object)
{
    PyObject *dict;
    int result;
    if (PyModule_Check(object)) {
        return r->visitor->dict(r->arg, PyModule_GetDict(object), NULL, 0);
    }
    if (PyType_Check(object)) {
        return see_class(r, RS_TYPE(object));
    }
    dict = own_dict(object);
    if (dict == NULL) {
        return PyErr_Occurred() ? -1 : see_slots(r, object);
    }
    result = r->visitor->whole(r->arg, object, dict);
    Py_DECREF(dict);
    return result < 0 ? -1 : see_slots(r, object);
}

int
rs_reach_item(rs_reach *r, PyObject *object, PyObject *key)
{
    PyObject *value = NULL;
    int result;
    if (PyDict_Check(object)) {
        value = PyDict_GetItemWithError(object,
                                        key); /* the snippet has just done that */
    } else if (PyList_Check(object) && PyLong_CheckExact(key)) {
        Py_ssize_t i = PyLong_AsSsize_t(key);
        i += i < 0 ? PyList_GET_SIZE(object) : 0;
        value = i >= 0 && i < PyList_GET_SIZE(object) ? PyList_GET_ITEM(object, i)
                                                      : NULL;
    }
    if (value == NULL) {
        if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_Exception)) {
            return -1; /* an interrupt in the code of a key */
        }
        PyErr_Clear(); /* a subclass that finds its keys otherwise */
        return 0;
    }
    Py_INCREF(value);
    result = see_container(r, value);
    Py_DECREF(value);
    return result < 0 ? -1 : 0;
}

int
rs_reach_inside(rs_reach *r, PyObject *object, PyObject *name)
{
    PyObject *value;
    int result = 0;
    if (name != NULL) {
        result = rs_attribute_read(object, name, &value);
        if (result == 1 && value != NULL) {
            result = see_container(r, value);
            Py_DECREF(value);
        }
        return result < 0 ? -1 : 0;
    }
    if (PyDict_Check(object)) {
        PyObject *values = values_of_names(object, NULL);
        for (Py_ssize_t i = 0;
             values != NULL && result >= 0 &&
             i < Py_MIN(PyList_GET_SIZE(values), RS_REACH_MAX_ATTRIBUTES);
             i++) {
            result = see_container(r, PyList_GET_ITEM(values, i));
        }
        result = values == NULL ? -1 : result;
        Py_XDECREF(values);
    } else if (PyList_Check(object)) {
        for (Py_ssize_t i = 0; result >= 0 && i < Py_MIN(PyList_GET_SIZE(object),
                                                         RS_REACH_MAX_ATTRIBUTES);
             i++) {
            result = see_container(r, PyList_GET_ITEM(object, i));
        }
    }
    return result < 0 ? -1 : 0;
}

int
rs_reach_value(rs_reach *r, PyObject *value)
{
    return see_value(r, value, 1, 0);
}
