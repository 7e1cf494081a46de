#include "source.h"

#include <string.h>

#include "loader.h"

/* A refusal of something that is no unit (yet). */
static int
refuse(rs_session *s, const char *code, PyObject *name, const char *todo,
       const char *found)
{
    rs_unit nothing = {.name = name};
    return rs_refuse(s, code, &nothing, NULL, 0, todo, "%s", found);
}

/* What the caller wants, on the way from names to units. All owned. */
typedef struct {
    PyObject *modules; /* dict: name of the unit -> (module, name that was asked for) */
    PyObject *named;   /* dict: names that were dealt with -> None */
} wanted;

/* The name under which `module` is in sys.modules: its own if that is so, else `given`.
 * Borrowed; NULL with or without an exception. */
static PyObject *
canonical_name(rs_session *s, PyObject *module, PyObject *given)
{
    PyObject *sys_modules = PyImport_GetModuleDict();
    PyObject *name = PyDict_GetItemWithError(PyModule_GetDict(module),
                                             s->st->names.__name__);
    if (name != NULL && PyUnicode_CheckExact(name) &&
        PyDict_GetItemWithError(sys_modules, name) == module) {
        return name;
    }
    return given;
}

/* The key of sys.modules that has `module`; borrowed, NULL without an exception. */
static PyObject *
find_by_identity(PyObject *module)
{
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    while (PyDict_Next(PyImport_GetModuleDict(), &pos, &key, &value)) {
        if (value == module && PyUnicode_CheckExact(key)) {
            return key;
        }
    }
    return NULL;
}

/* 1: may be updated. 0: refused. -1. */
static int
is_allowed(rs_session *s, PyObject *name, PyObject *module)
{
    PyObject *answer;
    int allowed;
    if (s->allowed == NULL || s->allowed == Py_None) {
        return 1;
    }
    answer = PyObject_CallFunctionObjArgs(s->allowed, name, module, NULL);
    if (answer == NULL) {
        return -1;
    }
    allowed = PyObject_IsTrue(answer);
    Py_DECREF(answer);
    if (allowed == 0 &&
        refuse(
            s, "RSL102", name, "allow it with resoul.configure(allow=[...])",
            "this module may not be updated: it belongs to the standard library or to "
            "site-packages, or resoul.configure() denies it") < 0) {
        return -1;
    }
    return allowed;
}

static int
want_module(rs_session *s, wanted *w, PyObject *name, PyObject *module)
{
    int allowed;
    PyObject *entry, *key = Py_XNewRef(canonical_name(s, module, name));
    if (key == NULL) {
        return -1;
    }
    allowed = PyDict_Contains(w->modules, key);
    if (allowed == 0) {
        allowed = is_allowed(s, name, module);
        if (allowed == 1) {
            entry = PyTuple_Pack(2, module, name);
            allowed = entry != NULL ? PyDict_SetItem(w->modules, key, entry) : -1;
            Py_XDECREF(entry);
        }
    }
    Py_DECREF(key);
    return allowed < 0 ? -1 : 0;
}

static int
want_name(rs_session *s, wanted *w, PyObject *name)
{
    PyObject *module;
    int result = PyDict_Contains(w->named, name);
    if (result != 0) {
        return result < 0 ? -1 : 0;
    }
    if (PyDict_SetItem(w->named, name, Py_None) < 0) {
        return -1;
    }
    module = PyDict_GetItemWithError(PyImport_GetModuleDict(), name);
    if (module == NULL || module == Py_None) {
        if (PyErr_Occurred()) {
            return -1;
        }
        return refuse(s, "RSL101", name,
                      "import it; a module is named as it is in sys.modules",
                      "no module of this name is loaded");
    }
    if (!PyModule_Check(module)) {
        return refuse(s, "RSL103", name, "leave it out",
                      "what sys.modules has under this name is not a module");
    }
    Py_INCREF(module);
    result = want_module(s, w, name, module);
    Py_DECREF(module);
    return result;
}

static int
want_object(rs_session *s, wanted *w, PyObject *module)
{
    PyObject *name = find_by_identity(module);
    if (name == NULL) {
        name = PyDict_GetItemWithError(PyModule_GetDict(module), s->st->names.__name__);
        if (name == NULL && PyErr_Occurred()) {
            return -1;
        }
        return refuse(s, "RSL101", name, "name the module as it is in sys.modules",
                      "this module object is not, or no longer, in sys.modules");
    }
    return want_module(s, w, name, module);
}

/* 1 if `item` was a name or a module, 0 if not, -1. */
static int
want_item(rs_session *s, wanted *w, PyObject *item)
{
    int result = -1;
    if (PyUnicode_Check(item)) {
        /* Of a subclass of str only the text counts: no hash or comparison of its own. */
        PyObject *name = PyUnicode_FromObject(item);
        if (name != NULL) {
            result = want_name(s, w, name);
            Py_DECREF(name);
        }
    } else if (PyModule_Check(item)) {
        result = want_object(s, w, item);
    } else {
        return 0;
    }
    return result < 0 ? -1 : 1;
}

static int
want_all(rs_session *s, wanted *w, PyObject *modules)
{
    PyObject *iterator, *item;
    int result = want_item(s, w, modules);
    if (result != 0) {
        return result < 0 ? -1 : 0;
    }
    iterator = PyObject_GetIter(modules);
    if (iterator == NULL) {
        PyErr_Format(
            PyExc_TypeError,
            "modules must be a name, a module or an iterable of these, not %.100s",
            Py_TYPE(modules)->tp_name);
        return -1;
    }
    while ((item = PyIter_Next(iterator)) != NULL) {
        result = want_item(s, w, item);
        if (result == 0) {
            PyErr_Format(PyExc_TypeError,
                         "modules: expected a name or a module, not %.100s",
                         Py_TYPE(item)->tp_name);
        }
        Py_DECREF(item);
        if (result <= 0) {
            Py_DECREF(iterator);
            return -1;
        }
    }
    Py_DECREF(iterator);
    return PyErr_Occurred() ? -1 : 0;
}

/* __file__, else the origin of the spec, else "<unknown>". New reference. */
static PyObject *
filename_of(rs_session *s, PyObject *live)
{
    PyObject *origin;
    PyObject *value = PyDict_GetItemWithError(live, s->st->names.__file__);
    if (value != NULL && PyUnicode_Check(value)) {
        return PyUnicode_FromObject(value);
    }
    if (value == NULL && PyErr_Occurred()) {
        return NULL;
    }
    value = PyDict_GetItemWithError(live, s->st->names.__spec__);
    if (value != NULL && value != Py_None) {
        Py_INCREF(value);
        origin = PyObject_GetAttrString(value, "origin");
        Py_DECREF(value);
        if (origin != NULL && PyUnicode_Check(origin)) {
            return origin;
        }
        Py_XDECREF(origin);
        PyErr_Clear();
    }
    return PyErr_Occurred() ? NULL : PyUnicode_FromString("<unknown>");
}

/* What s->data says of the module. 0 or -1. */
static int
ask_policy(rs_session *s, PyObject *name, rs_policy *policy)
{
    int result = 0;
    PyObject *answer = PyObject_CallOneArg(s->data, name);
    if (answer == NULL) {
        return -1;
    }
    if (PyUnicode_Check(answer) &&
        PyUnicode_CompareWithASCIIString(answer, "keep") == 0) {
        *policy = RS_POLICY_KEEP;
    } else if (PyUnicode_Check(answer) &&
               PyUnicode_CompareWithASCIIString(answer, "take") == 0) {
        *policy = RS_POLICY_TAKE;
    } else if (PyUnicode_Check(answer) &&
               PyUnicode_CompareWithASCIIString(answer, "merge") == 0) {
        *policy = RS_POLICY_MERGE;
    } else {
        PyErr_Format(
            PyExc_ValueError,
            "data policy of %U: \"keep\", \"take\" and \"merge\" are known, not %R",
            name, answer);
        result = -1;
    }
    Py_DECREF(answer);
    return result;
}

static int
add_unit(rs_session *s, PyObject *name, PyObject *module, PyObject *asked)
{
    PyObject *loader, *live = PyModule_GetDict(module);
    rs_unit *u = &s->units[s->n_units];
    int kind = rs_loader_find(live, name, &loader);
    if (kind < 0) {
        return -1;
    }
    if (kind == RS_LOADER_BINARY) {
        return refuse(s, "RSL103", asked,
                      "leave it out; only Python source can be updated",
                      "this is a built-in, frozen or extension module");
    }
    if (kind == RS_LOADER_NONE) {
        return refuse(
            s, "RSL104", asked, "leave it out, or load it from a file",
            "nothing says where the source of this module is: it has no loader "
            "and no file");
    }
    u->filename = filename_of(s, live);
    if (u->filename == NULL || ask_policy(s, name, &u->policy) < 0) {
        Py_CLEAR(u->filename);
        Py_DECREF(loader);
        return -1;
    }
    u->name = Py_NewRef(name);
    u->module = Py_NewRef(module);
    u->live = Py_NewRef(live);
    u->loader = loader;
    s->n_units++;
    return 0;
}

/* Units for what is wanted, in the order of sys.modules: what is imported comes before what
 * imports it, because a module moves to the end when its body has run. */
static int
add_units(rs_session *s, PyObject *modules)
{
    int result = 0;
    PyObject *names = PyDict_Keys(PyImport_GetModuleDict());
    if (names == NULL) {
        return -1;
    }
    s->units = PyMem_Calloc((size_t)PyDict_GET_SIZE(modules) + 1, sizeof(rs_unit));
    if (s->units == NULL) {
        PyErr_NoMemory();
        result = -1;
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(names); i++) {
        PyObject *entry, *name = PyList_GET_ITEM(names, i);
        if (!PyUnicode_CheckExact(name)) {
            continue;
        }
        entry = PyDict_GetItemWithError(modules, name);
        if (entry != NULL) {
            result = add_unit(s, name, PyTuple_GET_ITEM(entry, 0),
                              PyTuple_GET_ITEM(entry, 1));
        } else if (PyErr_Occurred()) {
            result = -1;
        }
    }
    Py_DECREF(names);
    return result;
}

int
rs_source_resolve(rs_session *s, PyObject *modules)
{
    int result = -1;
    wanted w = {PyDict_New(), PyDict_New()};
    if (w.modules != NULL && w.named != NULL && want_all(s, &w, modules) == 0) {
        result = add_units(s, w.modules);
    }
    Py_XDECREF(w.modules);
    Py_XDECREF(w.named);
    return result;
}

static int
refuse_gone(rs_session *s, const rs_unit *u)
{
    return rs_refuse(s, "RSL104", u, NULL, 0,
                     "put the file back, or leave the module out",
                     "the source of this module can't be found any more");
}

/* u->text. What can't be decoded is left to the compiler, which tells it better. */
static int
decode(rs_unit *u)
{
    if (u->data == NULL) {
        return 0;
    }
    u->text = rs_loader_decode(u->data);
    if (u->text == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_SyntaxError) &&
            !PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
            return -1;
        }
        PyErr_Clear();
    }
    return 0;
}

int
rs_source_read(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        rs_unit *u = &s->units[i];
        int kind = rs_loader_read(u);
        if (kind < 0 || decode(u) < 0) {
            return rs_prepare_error(s, u);
        }
        u->read_kind = kind;
        if (kind == RS_SOURCE_GONE && refuse_gone(s, u) < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_source_compile(rs_session *s, rs_unit *u)
{
    int kind = u->read_kind;
    if (kind != RS_SOURCE_CODE) {
        return 0;
    }
    kind = rs_loader_code(u, u->data, &u->code);
    if (kind < 0) {
        return rs_prepare_error(s, u);
    }
    rs_session_breathe(s); /* compiling gives nobody else a turn */
    return kind == RS_SOURCE_GONE ? refuse_gone(s, u) : 0;
}

int
rs_source_load(rs_session *s)
{
    if (rs_source_read(s) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (rs_source_compile(s, &s->units[i]) < 0) {
            return -1;
        }
    }
    return 0;
}
