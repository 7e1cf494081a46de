#include "importers.h"

#include <string.h>

#include "fromimports.h"
#include "known.h"
#include "loader.h"
#include "same.h"

static int follow(rs_session *s, PyObject *module, PyObject *name, PyObject *old,
                  PyObject *new_value);

/* ---- what a module imports ---- */

/* The text of a module's source, or None. -1 -> NULL. */
static PyObject *
source_of(PyObject *loader, PyObject *live, PyObject *name)
{
    /* owned */
    PyObject *spec = NULL, *own_name = NULL, *text = NULL;
    PyObject *key = PyUnicode_FromString("__spec__");
    if (key == NULL) {
        return NULL;
    }
    spec = Py_XNewRef(PyDict_GetItemWithError(live, key));
    Py_DECREF(key);
    if (spec != NULL && spec != Py_None) {
        own_name = PyObject_GetAttrString(spec, "name"); /* `python -m` runs another */
    }
    if (own_name == NULL) {
        PyErr_Clear();
        own_name = Py_NewRef(name);
    }
    text = PyObject_CallMethod(loader, "get_source", "O", own_name);
    if (text == NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear(); /* no such method, a file that is gone: not known */
        text = Py_NewRef(Py_None);
    }
    Py_XDECREF(spec);
    Py_DECREF(own_name);
    return text;
}

/* What relative imports in a module start from: borrowed or NULL. */
static PyObject *
package_of(const rs_session *s, PyObject *live)
{
    PyObject *package = PyDict_GetItemWithError(live, s->st->names.__package__);
    return package != NULL && PyUnicode_Check(package) ? package : NULL;
}

/* Compiles a module and reads its from-imports; None if that is not possible. */
static PyObject *
compile_imports(const rs_session *s, PyObject *module, PyObject *name, PyObject *loader)
{
    PyObject *live = PyModule_GetDict(module);
    PyObject *file = PyDict_GetItemWithError(live, s->st->names.__file__);
    rs_unit as_unit = {.name = name, .module = module, .live = live, .loader = loader};
    /* owned */
    PyObject *code = NULL, *table = NULL;

    as_unit.filename = file != NULL && PyUnicode_Check(file) ? file : name;
    if (rs_loader_compile(&as_unit, &code) < 0) {
        if (!PyErr_ExceptionMatches(PyExc_Exception)) {
            return NULL;
        }
        PyErr_Clear(); /* an edit that does not compile yet */
    }
    table = code != NULL ? rs_fromimports_of(code, package_of(s, live))
                         : Py_NewRef(Py_None);
    Py_XDECREF(code);
    return table;
}

/* Is `module` one whose bindings may be written? 1, 0, -1. */
static int
is_allowed(const rs_session *s, PyObject *module, PyObject *name)
{
    int result;
    PyObject *answer;
    if (s->allowed == NULL) {
        return 1;
    }
    answer = PyObject_CallFunctionObjArgs(s->allowed, name, module, NULL);
    result = answer != NULL ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    return result;
}

/* (loader, source text) of a module whose bindings may be written, else None. */
static PyObject *
open_module(const rs_session *s, PyObject *module, PyObject *name)
{
    PyObject *live = PyModule_GetDict(module);
    int kind, allowed = is_allowed(s, module, name);
    /* owned */
    PyObject *loader = NULL, *text = NULL, *result = NULL;

    if (allowed <= 0) {
        return allowed < 0 ? NULL : Py_NewRef(Py_None);
    }
    kind = rs_loader_find(live, name, &loader);
    if (kind < 0) {
        return NULL;
    }
    if (loader == NULL) {
        return Py_NewRef(Py_None);
    }
    text = source_of(loader, live, name);
    if (text != NULL && PyUnicode_Check(text)) {
        result = PyTuple_Pack(2, loader, text);
    } else if (text != NULL) {
        result = Py_NewRef(Py_None);
    }
    Py_DECREF(loader);
    Py_XDECREF(text);
    return result;
}

static int
text_has(PyObject *text, PyObject *part)
{
    Py_ssize_t found = PyUnicode_Find(text, part, 0, PY_SSIZE_T_MAX, 1);
    return found < -1 ? -1 : found >= 0;
}

static int
text_has_ascii(PyObject *text, const char *part)
{
    int result;
    PyObject *ascii = PyUnicode_FromString(part);
    if (ascii == NULL) {
        return -1;
    }
    result = text_has(text, ascii);
    Py_DECREF(ascii);
    return result;
}

/* Could this source import `name`? Reading is quick, compiling is not. 1, 0, -1. */
static int
may_import(PyObject *text, PyObject *name)
{
    int result = text_has_ascii(text, "import");
    if (result == 1) {
        result = text_has(text, name);
    }
    return result != 0 ? result : text_has_ascii(text, "import *");
}

/* The entry of s->imports_of for a module, made by need: None, (loader, text) while it is
 * not compiled, or the table of fromimports.h. Borrowed. */
static PyObject *
entry_of(rs_session *s, PyObject *module, PyObject *name)
{
    PyObject *entry;
    if (s->imports_of == NULL) {
        s->imports_of = PyDict_New();
        if (s->imports_of == NULL) {
            return NULL;
        }
    }
    entry = PyDict_GetItemWithError(s->imports_of, name);
    if (entry != NULL || PyErr_Occurred()) {
        return entry;
    }
    entry = open_module(s, module, name);
    if (entry == NULL || PyDict_SetItem(s->imports_of, name, entry) < 0) {
        Py_XDECREF(entry);
        return NULL;
    }
    Py_DECREF(entry); /* s->imports_of has it */
    return entry;
}

/* The table of a module that may import `wanted`: borrowed; None: it can't. */
static PyObject *
imports_of(rs_session *s, PyObject *module, PyObject *name, PyObject *wanted)
{
    PyObject *entry = entry_of(s, module, name);
    if (entry != NULL && PyTuple_Check(entry)) {
        int may = may_import(PyTuple_GET_ITEM(entry, 1), wanted);
        if (may <= 0) {
            return may < 0 ? NULL : Py_None;
        }
        entry = compile_imports(s, module, name, PyTuple_GET_ITEM(entry, 0));
        if (entry == NULL || PyDict_SetItem(s->imports_of, name, entry) < 0) {
            Py_XDECREF(entry);
            return NULL;
        }
        Py_DECREF(entry);
    }
    return entry;
}

/* The same for a unit, whose new code is at hand. */
static PyObject *
imports_of_unit(rs_session *s, const rs_unit *u)
{
    PyObject *entry;
    if (s->imports_of == NULL) {
        s->imports_of = PyDict_New();
        if (s->imports_of == NULL) {
            return NULL;
        }
    }
    entry = PyDict_GetItemWithError(s->imports_of, u->name);
    if (entry != NULL || PyErr_Occurred()) {
        return entry;
    }
    entry = u->code != NULL ? rs_fromimports_of(u->code, package_of(s, u->live))
                            : compile_imports(s, u->module, u->name, u->loader);
    if (entry == NULL || PyDict_SetItem(s->imports_of, u->name, entry) < 0) {
        Py_XDECREF(entry);
        return NULL;
    }
    Py_DECREF(entry);
    return entry;
}

/* ---- does a binding come from there? ---- */

/* Does the list hold (module, original)? */
static int
holds(PyObject *entries, PyObject *module, PyObject *original)
{
    for (Py_ssize_t i = 0; entries != NULL && i < PyList_GET_SIZE(entries); i++) {
        PyObject *entry = PyList_GET_ITEM(entries, i);
        if (rs_same_text(PyTuple_GET_ITEM(entry, 0), module) &&
            (original == NULL || rs_same_text(PyTuple_GET_ITEM(entry, 1), original))) {
            return 1;
        }
    }
    return 0;
}

static PyObject *
stars_of(PyObject *table)
{
    PyObject *star = PyUnicode_FromString("*");
    PyObject *entries = star != NULL ? PyDict_GetItemWithError(table, star) : NULL;
    Py_XDECREF(star);
    return entries;
}

/* Does `table` bind `local` to `module`'s `original`? 1, 0, -1. */
static int
comes_from(PyObject *table, PyObject *local, PyObject *module, PyObject *original)
{
    PyObject *entries = PyDict_GetItemWithError(table, local);
    if (entries == NULL && PyErr_Occurred()) {
        return -1;
    }
    if (holds(entries, module, original)) {
        return 1;
    }
    if (!rs_same_text(local, original)) {
        return 0;
    }
    entries = stars_of(table);
    return entries == NULL && PyErr_Occurred() ? -1 : holds(entries, module, NULL);
}

/* Is the namespace that of a unit whose body binds the name itself? */
static int
has_own_turn(const rs_session *s, PyObject *live, PyObject *name)
{
    const rs_unit *u = rs_session_unit_by_live(s, live);
    return u != NULL &&
           (!u->parts || PyDict_GetItemWithError(u->scratch, name) != NULL);
}

/* ---- planning ---- */

/* Appends (module name, module, key) for each key whose value is `old`, of all modules
 * but units. No Python code runs. */
static int
collect(const rs_session *s, PyObject *old, PyObject *candidates)
{
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *name, *module, *key, *value;
    Py_ssize_t pos = 0;
    while (PyDict_Next(modules, &pos, &name, &module)) {
        Py_ssize_t at = 0;
        PyObject *live = PyModule_Check(module) ? PyModule_GetDict(module) : NULL;
        if (live == NULL || !PyUnicode_Check(name) || has_own_turn(s, live, key)) {
            continue;
        }
        while (PyDict_Next(live, &at, &key, &value)) {
            PyObject *found;
            if (value != old || !PyUnicode_CheckExact(key)) {
                continue;
            }
            found = PyTuple_Pack(3, name, module, key);
            if (found == NULL || PyList_Append(candidates, found) < 0) {
                Py_XDECREF(found);
                return -1;
            }
            Py_DECREF(found);
        }
    }
    return 0;
}

static int
plan_binding(rs_session *s, PyObject *importer, PyObject *importer_name, PyObject *key,
             PyObject *module, PyObject *name, PyObject *new_value)
{
    PyObject *live = PyModule_GetDict(importer);
    PyObject *file = PyDict_GetItemWithError(live, s->st->names.__file__);
    const rs_unit as_unit = {.name = importer_name, .filename = file};
    Py_ssize_t planned = s->journal.used;
    if (rs_plan_dict(&s->journal, live, key, new_value) < 0) {
        return -1;
    }
    if (s->journal.used == planned) {
        return 0; /* it followed already, by another way */
    }
    if (rs_same_text(key, name)) {
        return rs_change(s, &as_unit, key, "binding", "rebound", 0, "imported from %U",
                         module);
    }
    return rs_change(s, &as_unit, key, "binding", "rebound", 0, "%U imported from %U",
                     name, module);
}

/* One candidate; if it follows, those that import it from there follow as well. */
static int
follow_candidate(rs_session *s, PyObject *candidate, PyObject *module, PyObject *name,
                 PyObject *old, PyObject *new_value)
{
    PyObject *importer_name = PyTuple_GET_ITEM(candidate, 0);
    PyObject *importer = PyTuple_GET_ITEM(candidate, 1);
    PyObject *key = PyTuple_GET_ITEM(candidate, 2);
    PyObject *table = imports_of(s, importer, importer_name, name);
    Py_ssize_t planned = s->journal.used;
    int result;
    if (table == NULL || !PyDict_Check(table)) {
        return table == NULL ? -1 : 0;
    }
    result = comes_from(table, key, module, name);
    if (result <= 0) {
        return result;
    }
    if (PyDict_GetItemWithError(PyModule_GetDict(importer), key) != old) {
        return PyErr_Occurred() ? -1 : 0; /* changed while sources were read */
    }
    if (plan_binding(s, importer, importer_name, key, module, name, new_value) < 0) {
        return -1;
    }
    return s->journal.used != planned ? follow(s, importer_name, key, old, new_value)
                                      : 0;
}

static int
follow(rs_session *s, PyObject *module, PyObject *name, PyObject *old,
       PyObject *new_value)
{
    int result = -1;
    /* owned */
    PyObject *candidates = PyList_New(0);

    if (candidates == NULL || collect(s, old, candidates) < 0) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(candidates); i++) {
        if (follow_candidate(s, PyList_GET_ITEM(candidates, i), module, name, old,
                             new_value) < 0) {
            goto done;
        }
    }
    result = 0;
done:
    Py_XDECREF(candidates);
    return result;
}

int
rs_importers_plan(rs_session *s, const rs_unit *u, PyObject *name, PyObject *old,
                  PyObject *new_value)
{
    return follow(s, u->name, name, old, new_value);
}

/* ---- units that import ---- */

/* The namespace of the live module called `name`, or NULL. */
static PyObject *
live_namespace_named(PyObject *name)
{
    PyObject *module = PyDict_GetItemWithError(PyImport_GetModuleDict(), name);
    return module != NULL && PyModule_Check(module) ? PyModule_GetDict(module) : NULL;
}

/* The module called `name` as bodies of this update see it: its namespace, or NULL. */
static PyObject *
namespace_named(const rs_session *s, PyObject *name)
{
    const rs_unit *u = rs_session_unit_by_name(s, name);
    return u != NULL ? u->scratch : live_namespace_named(name);
}

/* The live namespace of a module of which parts ran: names that these did not bind. */
static PyObject *
live_parts(const rs_session *s, PyObject *name)
{
    const rs_unit *u = rs_session_unit_by_name(s, name);
    return u != NULL && u->parts ? u->live : NULL;
}

/* The entry whose module has `value` under its name there (a star: as `name`): borrowed or
 * NULL. `s`: as the bodies of this update see it; NULL: as it is live. */
static PyObject *
entry_with_value(const rs_session *s, PyObject *entries, PyObject *name,
                 PyObject *value)
{
    for (Py_ssize_t i = entries != NULL ? PyList_GET_SIZE(entries) : 0; i > 0; i--) {
        PyObject *entry = PyList_GET_ITEM(entries, i - 1);
        PyObject *module = PyTuple_GET_ITEM(entry, 0);
        PyObject *there = s != NULL ? namespace_named(s, module)
                                    : live_namespace_named(module);
        PyObject *original = PyTuple_GET_ITEM(entry, 1);
        if (rs_text_equals(original, "*")) {
            original = name;
        }
        if (there != NULL && PyDict_GetItemWithError(there, original) == value) {
            return entry;
        }
        there = s != NULL ? live_parts(s, module) : NULL;
        if (there != NULL && PyDict_GetItemWithError(there, original) == value) {
            return entry;
        }
    }
    return NULL;
}

/* Where u's new source imports `name` from. It may do so and bind it in another way too
 * (`except ImportError: X = None`), so the value decides. Borrowed or NULL. */
static PyObject *
entry_for(rs_session *s, const rs_unit *u, PyObject *name)
{
    PyObject *table = imports_of_unit(s, u);
    PyObject *value = PyDict_GetItemWithError(u->scratch, name);
    PyObject *entry = NULL;
    if (table == NULL || !PyDict_Check(table) || value == NULL) {
        return NULL;
    }
    entry = entry_with_value(s, PyDict_GetItemWithError(table, name), name, value);
    if (entry == NULL && !PyErr_Occurred()) {
        entry = entry_with_value(s, stars_of(table), name, value);
    }
    return entry;
}

int
rs_importers_bound(rs_session *s, const rs_unit *u, PyObject *name, PyObject *value)
{
    PyObject *table, *entry;
    PyObject *code = u->parts ? rs_known_code(s, u) : Py_XNewRef(u->known_code);
    if (code == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    table = rs_fromimports_of(code, package_of(s, u->live));
    Py_DECREF(code);
    if (table == NULL) {
        return -1;
    }
    entry = entry_with_value(NULL, PyDict_GetItemWithError(table, name), name, value);
    if (entry == NULL && !PyErr_Occurred()) {
        entry = entry_with_value(NULL, stars_of(table), name, value);
    }
    Py_DECREF(table); /* that there is an entry is all that counts */
    return entry == NULL && PyErr_Occurred() ? -1 : entry != NULL;
}

int
rs_importers_binds(rs_session *s, const rs_unit *u, PyObject *name)
{
    PyObject *entry = entry_for(s, u, name);
    return entry == NULL && PyErr_Occurred() ? -1 : entry != NULL;
}

rs_unit *
rs_importers_origin(rs_session *s, const rs_unit *u, PyObject *name,
                    PyObject **original)
{
    PyObject *entry = entry_for(s, u, name);
    rs_unit *origin = entry != NULL
                          ? rs_session_unit_by_name(s, PyTuple_GET_ITEM(entry, 0))
                          : NULL;
    *original = NULL;
    if (origin == NULL || origin == u) {
        return NULL;
    }
    *original = Py_NewRef(rs_text_equals(PyTuple_GET_ITEM(entry, 1), "*")
                              ? name
                              : PyTuple_GET_ITEM(entry, 1));
    return origin;
}
