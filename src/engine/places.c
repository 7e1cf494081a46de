#include "places.h"

#include "same.h"

/* ---- who has that dict? ---- */

static int
collect_class(rs_places *places, PyObject *type)
{
    PyObject *dict = PyType_GetDict(RS_TYPE(type));
    int result = rs_idmap_set(&places->classes, dict, type);
    Py_DECREF(dict);
    return result;
}

/* Members of an Enum, and the maps that it keeps of them, belong to the class. */
static int
collect_enum(rs_places *places, PyObject *type)
{
    static const char *const names[] = {
        "_member_map_",      "_value2member_map_",  "_member_names_",
        "_hashable_values_", "_unhashable_values_", "_unhashable_values_map_"};
    PyObject *dict = PyType_GetDict(RS_TYPE(type)), *member, *members;
    Py_ssize_t pos = 0;
    int result = 0;
    members = PyDict_GetItemString(dict, names[0]);
    if (members != NULL && !PyDict_Check(members)) {
        members = NULL;
    }
    for (size_t i = 0; members != NULL && result == 0 && i < Py_ARRAY_LENGTH(names);
         i++) {
        PyObject *map = PyDict_GetItemString(dict, names[i]);
        result = map != NULL ? rs_idmap_set(&places->enums, map, type) : 0;
    }
    while (members != NULL && result == 0 &&
           PyDict_Next(members, &pos, NULL, &member)) {
        PyObject *own = PyObject_GenericGetDict(member, NULL);
        PyErr_Clear(); /* it may have none */
        result = rs_idmap_set(&places->enums, member, type);
        if (result == 0 && own != NULL) {
            result = rs_idmap_set(&places->enums, own, type);
        }
        Py_XDECREF(own);
    }
    Py_DECREF(dict);
    return result;
}

int
rs_places_open(rs_places *places, const rs_entry *entry, int judge)
{
    Py_ssize_t pos = 0;
    PyObject *type;
    *places = (rs_places){.entry = entry};
    while (rs_idmap_next(&entry->journal.touched, &pos, &type, NULL)) {
        if (collect_class(places, type) < 0 ||
            (judge && collect_enum(places, type) < 0)) {
            return -1;
        }
    }
    return 0;
}

void
rs_places_close(rs_places *places)
{
    rs_idmap_clear(&places->classes);
    rs_idmap_clear(&places->enums);
}

static int
is_module_dict(const rs_entry *entry, PyObject *dict)
{
    for (Py_ssize_t i = 0; i < entry->n_modules; i++) {
        if (PyModule_GetDict(entry->modules[i].module) == dict) {
            return 1;
        }
    }
    return PyDict_GetItemString(dict, "__spec__") != NULL &&
           PyDict_GetItemString(dict, "__name__") != NULL;
}

static PyObject *
text_of(PyObject *value)
{
    return value != NULL && PyUnicode_Check(value) ? Py_NewRef(value)
                                                   : PyUnicode_FromString("");
}

/* The name under which `dict` has `value`, or NULL. */
static PyObject *
name_in(PyObject *dict, const PyObject *value)
{
    PyObject *name, *found;
    Py_ssize_t pos = 0;
    while (PyDict_Next(dict, &pos, &name, &found)) {
        if (found == value && PyUnicode_Check(name)) {
            return name;
        }
    }
    return NULL;
}

/* ---- names ---- */

static int
set_names(rs_place *place, PyObject *module, PyObject *qualname)
{
    place->module = module;
    place->qualname = qualname;
    return module != NULL && qualname != NULL ? 0 : -1;
}

static PyObject *
module_of_type(PyObject *type)
{
    PyObject *dict = PyType_GetDict(RS_TYPE(type)), *module;
    module = text_of(PyDict_GetItemString(dict, "__module__"));
    Py_DECREF(dict);
    return module;
}

static PyObject *
qualname_of_type(PyObject *type)
{
    return (RS_TYPE(type)->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0
               ? Py_NewRef(RS_HEAPTYPE(type)->ht_qualname)
               : PyUnicode_FromString(RS_TYPE(type)->tp_name);
}

/* "Gun", or "Gun.fire". */
static int
name_in_type(rs_place *place, PyObject *type, PyObject *key)
{
    PyObject *qualname = qualname_of_type(type);
    if (qualname != NULL && key != NULL) {
        Py_SETREF(qualname, PyUnicode_FromFormat("%U.%U", qualname, key));
    }
    return set_names(place, module_of_type(type), qualname);
}

/* A container that data is in: by the first name that leads to it, else by its type. */
static int
name_container(const rs_entry *entry, rs_place *place, PyObject *container,
               PyObject *key)
{
    PyObject *module = NULL, *name = NULL, *qualname;
    for (Py_ssize_t i = 0; name == NULL && i < entry->n_modules; i++) {
        module = entry->modules[i].name;
        name = name_in(PyModule_GetDict(entry->modules[i].module), container);
    }
    qualname = name != NULL
                   ? Py_NewRef(name)
                   : PyUnicode_FromFormat("(a %s)", Py_TYPE(container)->tp_name);
    if (qualname != NULL && key != NULL && rs_is_atom(key)) {
        Py_SETREF(qualname, PyUnicode_FromFormat("%U[%R]", qualname, key));
    }
    return set_names(place, text_of(name != NULL ? module : NULL), qualname);
}

static const char *
kind_of_value(const rs_op *op)
{
    PyObject *value = op->seen != NULL ? op->seen : op->value;
    if (value == NULL) {
        return "data";
    }
    if (PyFunction_Check(value)) {
        return "function";
    }
    if (PyModule_Check(value)) {
        return "module";
    }
    return PyType_Check(value) ? "class" : "data";
}

static int
is_dunder(PyObject *key)
{
    Py_ssize_t n = PyUnicode_GET_LENGTH(key);
    return n > 4 && PyUnicode_READ_CHAR(key, 0) == '_' &&
           PyUnicode_READ_CHAR(key, 1) == '_' &&
           PyUnicode_READ_CHAR(key, n - 1) == '_' &&
           PyUnicode_READ_CHAR(key, n - 2) == '_';
}

/* What CPython, or a decorator, writes beside a definition is that definition's. */
static int
is_about_definition(const rs_op *op)
{
    return PyUnicode_Check(op->key) && is_dunder(op->key) &&
           !(op->seen != NULL && PyFunction_Check(op->seen)) &&
           !(op->value != NULL && PyFunction_Check(op->value));
}

static int
place_of_key(const rs_places *places, const rs_op *op, rs_place *place)
{
    PyObject *type = op->kind == RS_OP_TYPE
                         ? op->target
                         : rs_idmap_get(&places->classes, op->target);
    place->kind = kind_of_value(op);
    place->what = "what the name means";
    if (type != NULL) {
        int about = is_about_definition(op);
        place->kind = about ? "class" : place->kind;
        place->what = about ? "what belongs to the class" : "a name of the class";
        return name_in_type(place, type, about ? NULL : op->key);
    }
    if (is_module_dict(places->entry, op->target)) {
        if (is_about_definition(op)) {
            place->kind = NULL;
        }
        return set_names(place, text_of(PyDict_GetItemString(op->target, "__name__")),
                         text_of(op->key));
    }
    place->kind = "data";
    place->what = "what a dict has under a key";
    return name_container(places->entry, place, op->target, op->key);
}

static int
place_of_function(const rs_op *op, rs_place *place)
{
    place->kind = "function";
    place->what = "the function";
    return set_names(place, text_of(RS_FUNCTION(op->target)->func_module),
                     text_of(RS_FUNCTION(op->target)->func_qualname));
}

static int
place_inside(const rs_op *op, rs_place *place, const char *what)
{
    place->what = what;
    return set_names(place, module_of_type((PyObject *)Py_TYPE(op->target)),
                     qualname_of_type((PyObject *)Py_TYPE(op->target)));
}

int
rs_place_of(const rs_places *places, const rs_op *op, rs_place *place)
{
    *place = (rs_place){NULL, NULL, NULL, NULL};
    switch (op->kind) {
    case RS_OP_FUNCTION:
        return place_of_function(op, place);
    case RS_OP_DICT:
    case RS_OP_TYPE:
        return place_of_key(places, op, place);
    case RS_OP_ATTRIBUTE:
        place->kind = "data";
        place->what = "an attribute of an instance";
        return name_in_type(place, (PyObject *)Py_TYPE(op->target), op->key);
    case RS_OP_BODY:
        place->kind = "data";
        place->what = "the contents";
        return name_container(places->entry, place, op->target, NULL);
    case RS_OP_BASES:
    case RS_OP_METACLASS:
        place->kind = "class";
        place->what = op->kind == RS_OP_BASES ? "the bases" : "the metaclass";
        return name_in_type(place, op->target, NULL);
    case RS_OP_LINES:
        place->what = "the lines";
        return set_names(place, text_of(NULL),
                         text_of(RS_CODE(op->target)->co_qualname));
    case RS_OP_CLASS:
        return place_inside(op, place, "the class of an object");
    case RS_OP_CELL:
        return place_inside(op, place, "a captured variable");
    default:
        return place_inside(op, place, "a reference inside of it");
    }
}

void
rs_place_clear(rs_place *place)
{
    Py_CLEAR(place->module);
    Py_CLEAR(place->qualname);
}

/* ---- code or data? ---- */

static int
is_definition(PyObject *value)
{
    return value != NULL && (PyFunction_Check(value) || PyType_Check(value) ||
                             Py_TYPE(value)->tp_descr_get != NULL ||
                             Py_TYPE(value)->tp_descr_set != NULL);
}

/* A register of functions or classes, as that of singledispatch. */
static int
holds_definitions(const rs_op *op)
{
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    if (!PyDict_Check(op->wrote)) {
        return 0;
    }
    while (PyDict_Next(op->wrote, &pos, &key, &value)) {
        if (!PyFunction_Check(value) && !PyType_Check(value)) {
            return 0;
        }
    }
    return pos > 0;
}

/* A member that is put into its class. */
static int
is_member(const rs_places *places, const PyObject *op)
{
    return op != NULL && rs_idmap_has(&places->enums, op);
}

int
rs_place_is_code(const rs_places *places, const rs_op *op)
{
    switch (op->kind) {
    case RS_OP_FUNCTION:
    case RS_OP_BASES:
    case RS_OP_METACLASS:
    case RS_OP_CLASS:
    case RS_OP_LINES:
    case RS_OP_WEAKREF:
        return 1;
    case RS_OP_DICT:
    case RS_OP_TYPE:
        return is_definition(op->seen) || is_definition(op->value) ||
               ((op->kind == RS_OP_TYPE ||
                 rs_idmap_get(&places->classes, op->target) != NULL) &&
                (is_member(places, op->seen) || is_member(places, op->value))) ||
               ((op->kind == RS_OP_TYPE ||
                 rs_idmap_get(&places->classes, op->target) != NULL ||
                 is_module_dict(places->entry, op->target)) &&
                is_about_definition(op)) ||
               rs_idmap_has(&places->enums, op->target);
    case RS_OP_BODY:
        return op->cache || holds_definitions(op) ||
               rs_idmap_has(&places->enums, op->target);
    case RS_OP_ATTRIBUTE:
        return is_definition(op->seen) || is_definition(op->value) ||
               rs_idmap_has(&places->enums, op->target);
    default:
        return is_definition(op->seen) || is_definition(op->value);
    }
}

int
rs_place_is_derived(const rs_places *places, const rs_op *op)
{
    static const char *const names[] = {
        "__annotations__",   "__annotate__",
        "__annotate_func__", "__annotations_cache__",
        "__doc__",           "__conditional_annotations__",
        "__firstlineno__",   "__static_attributes__"};
    if ((op->kind != RS_OP_DICT && op->kind != RS_OP_TYPE) ||
        (op->kind == RS_OP_DICT && !rs_idmap_has(&places->classes, op->target) &&
         !is_module_dict(places->entry, op->target))) {
        return 0;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++) {
        if (rs_text_equals(op->key, names[i])) {
            return 1;
        }
    }
    return 0;
}
