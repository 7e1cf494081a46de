#include "firsts.h"

#include "heap.h"
#include "room.h"

/* sys.modules[name], borrowed; NULL without an exception. */
static PyObject *
get_module(PyObject *name)
{
    PyObject *module = PyDict_GetItemWithError(PyImport_GetModuleDict(), name);
    if (module == NULL) {
        PyErr_Clear();
    }
    return module;
}

/* Module dict (borrowed) in which an import of `name` sets an attribute, and that
 * attribute (new); NULL if `name` is no submodule. Never sets an exception. */
static PyObject *
get_parent(PyObject *name, PyObject **child)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(name);
    Py_ssize_t dot = PyUnicode_FindChar(name, '.', 0, length, -1);
    PyObject *parent_name, *parent;
    if (dot <= 0) {
        return NULL;
    }
    parent_name = PyUnicode_Substring(name, 0, dot);
    *child = PyUnicode_Substring(name, dot + 1, length);
    parent = parent_name != NULL ? get_module(parent_name) : NULL;
    Py_XDECREF(parent_name);
    if (parent == NULL || *child == NULL || !PyModule_Check(parent)) {
        Py_CLEAR(*child);
        PyErr_Clear();
        return NULL;
    }
    return PyModule_GetDict(parent);
}

int
rs_firsts_begin(rs_firsts *f)
{
    f->current = -1;
    f->before = PySet_New(PyImport_GetModuleDict());
    f->touched = PyDict_New();
    f->index = PyDict_New();
    f->seeded = PyList_New(0);
    if (f->before == NULL || f->touched == NULL || f->index == NULL) {
        return -1;
    }
    return f->seeded == NULL ? -1 : 0;
}

/* ---- the record ---- */

static rs_first *
find_entry(const rs_firsts *f, PyObject *name)
{
    PyObject *number = PyDict_GetItemWithError(f->index, name);
    if (number == NULL) {
        PyErr_Clear();
        return NULL;
    }
    return &f->entries[PyLong_AsSsize_t(number)];
}

static int
reserve(rs_firsts *f)
{
    rs_first *entries = rs_room(f->entries, f->used, &f->room, sizeof(rs_first));
    if (entries == NULL) {
        return -1;
    }
    f->entries = entries;
    return 0;
}

/* The entry of `name`, made where needed. NULL with an exception. */
static rs_first *
get_entry(rs_session *s, rs_firsts *f, PyObject *name)
{
    rs_first *entry = find_entry(f, name);
    int known, result = -1;
    /* owned */
    PyObject *number = NULL;

    if (entry != NULL) {
        return entry;
    }
    known = PySet_Contains(f->before, name);
    if (known < 0 || reserve(f) < 0) {
        return NULL;
    }
    number = PyLong_FromSsize_t(f->used);
    if (number == NULL || (!known && PyList_Append(s->first_imports, name) < 0)) {
        goto done;
    }
    result = PyDict_SetItem(f->index, name, number);
done:
    Py_XDECREF(number);
    if (result < 0) {
        return NULL;
    }
    entry = &f->entries[f->used++];
    *entry = (rs_first){.name = Py_NewRef(name), .within = -1, .is_first = !known};
    return entry;
}

int
rs_firsts_touch(rs_firsts *f, PyObject *name)
{
    PyObject *module;
    int known;
    if (!PyUnicode_CheckExact(name)) {
        return 0;
    }
    known = PySet_Contains(f->before, name);
    if (known <= 0) {
        return known; /* a first-time import has an entry, nothing to restore */
    }
    module = get_module(name);
    return module == NULL || PyDict_SetDefault(f->touched, name, module) ? 0 : -1;
}

/* C code keeps pointers to what it made at the first import: such a module can't be taken
 * away and imported again. */
static int
is_extension(PyObject *module)
{
    return PyModule_Check(module) && PyModule_GetDef(module) != NULL;
}

/* Its own imports shall see the scratch modules as well: exec() leaves a __builtins__ that
 * is there alone. */
static int
seed_builtins(rs_session *s, rs_firsts *f, PyObject *module)
{
    PyObject *key = s->st->names.__builtins__;
    PyObject *dict;
    if (!PyModule_Check(module) || is_extension(module)) {
        return 0;
    }
    dict = PyModule_GetDict(module);
    if (PyDict_Contains(dict, key) != 0) {
        return PyErr_Occurred() ? -1 : 0;
    }
    if (PyList_Append(f->seeded, dict) < 0) {
        return -1;
    }
    return PyDict_SetItem(dict, key, s->builtins);
}

static void
begin_loading(rs_session *s, rs_firsts *f, rs_first *entry)
{
    PyObject *child = NULL;
    PyObject *parent = get_parent(entry->name, &child);
    if (parent != NULL) {
        PyObject *value = PyDict_GetItemWithError(parent, child);
        Py_XSETREF(entry->replaced, Py_XNewRef(value));
        Py_DECREF(child);
        PyErr_Clear();
    }
    entry->within = f->current;
    entry->phase = RS_FIRST_LOADING;
    f->current = entry - f->entries;
    s->importing++;
}

int
rs_firsts_put(rs_session *s, rs_firsts *f, PyObject *name, PyObject *module,
              int importing)
{
    rs_first *entry;
    if (!PyUnicode_CheckExact(name)) {
        return 0;
    }
    if (rs_firsts_touch(f, name) < 0) {
        return -1;
    }
    entry = get_entry(s, f, name);
    if (entry == NULL) {
        return -1;
    }
    Py_XSETREF(entry->module, Py_NewRef(module));
    if (!importing || entry->phase == RS_FIRST_LOADING) {
        return 0;
    }
    if (entry->phase == RS_FIRST_POPPED) {
        entry->phase = RS_FIRST_LOADED;
        return 0;
    }
    begin_loading(s, f, entry);
    return seed_builtins(s, f, module);
}

int
rs_firsts_taken(rs_session *s, rs_firsts *f, PyObject *name, int popped)
{
    rs_first *entry;
    if (!PyUnicode_CheckExact(name)) {
        return 0;
    }
    entry = popped ? get_entry(s, f, name) : find_entry(f, name);
    if (entry == NULL) {
        return popped ? -1 : 0;
    }
    if (entry->phase == RS_FIRST_LOADING) {
        f->current = entry->within;
        s->importing--;
    }
    entry->phase = popped ? RS_FIRST_POPPED : RS_FIRST_SET;
    return 0;
}

/* ---- settling and taking back ---- */

static int
restore_builtins(rs_session *s, rs_firsts *f)
{
    PyObject *key = s->st->names.__builtins__;
    PyObject *real = PyModule_GetDict(PyImport_AddModule("builtins"));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(f->seeded); i++) {
        PyObject *dict = PyList_GET_ITEM(f->seeded, i);
        PyObject *value = PyDict_GetItemWithError(dict, key);
        if (value == s->builtins && PyDict_SetItem(dict, key, real) < 0) {
            return -1;
        }
    }
    return PyList_SetSlice(f->seeded, 0, PyList_GET_SIZE(f->seeded), NULL);
}

/* After a failed update the modules that stay look like any other: their functions, too,
 * get the real builtins. (After a successful one function.c does that.) */
static int
restore_functions(rs_session *s, const rs_firsts *f)
{
    PyObject *real = PyModule_GetDict(PyImport_AddModule("builtins"));
    PyObject *functions = PyList_New(0);
    rs_idmap dicts = {0};
    int result = functions != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(f->seeded); i++) {
        PyObject *dict = PyList_GET_ITEM(f->seeded, i);
        result = rs_idmap_set(&dicts, dict, dict);
    }
    if (result == 0 && dicts.used > 0) {
        result = rs_heap_functions(&dicts, functions);
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(functions); i++) {
        PyObject *func = PyList_GET_ITEM(functions, i);
        PyObject **builtins = rs_fn_slot(func, RS_FN_BUILTINS);
        if (*builtins == s->builtins) {
            *builtins = Py_NewRef(real);
            rs_fn_clear_version(func);
            Py_DECREF(s->builtins); /* not the last: the session has one */
        }
    }
    Py_XDECREF(functions);
    rs_idmap_clear(&dicts);
    return result;
}

int
rs_firsts_settle(rs_session *s, rs_firsts *f)
{
    PyObject *names = s->first_imports;
    for (Py_ssize_t i = PyList_GET_SIZE(names) - 1; i >= 0; i--) {
        if (get_module(PyList_GET_ITEM(names, i)) == NULL &&
            PyList_SetSlice(names, i, i + 1, NULL) < 0) {
            return -1;
        }
    }
    return restore_builtins(s, f);
}

static PyObject *
top_name(PyObject *name)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(name);
    Py_ssize_t dot = PyUnicode_FindChar(name, '.', 0, length, 1);
    return PyUnicode_Substring(name, 0, dot < 0 ? length : dot);
}

/* 1 if the first-time import stays: its package (of the same top name) has an extension
 * module, or it was made by the import of something that stays. 0, or -1. */
static int
stays(const rs_firsts *f, const rs_first *entry, PyObject *staying)
{
    while (1) {
        PyObject *top = top_name(entry->name);
        int found = top != NULL ? PySet_Contains(staying, top) : -1;
        Py_XDECREF(top);
        if (found != 0 || entry->within < 0) {
            return found;
        }
        entry = &f->entries[entry->within];
    }
}

/* Set of the top names of first-time imports that have extension modules. */
static PyObject *
find_staying(rs_session *s, const rs_firsts *f)
{
    PyObject *staying = PySet_New(NULL);
    for (Py_ssize_t i = 0; staying != NULL && i < f->used; i++) {
        const rs_first *entry = &f->entries[i];
        PyObject *top;
        int failed;
        if (!entry->is_first || !is_extension(entry->module) ||
            get_module(entry->name) == NULL) {
            continue;
        }
        top = top_name(entry->name);
        if (top == NULL) {
            Py_CLEAR(staying);
            break;
        }
        failed = PySet_Contains(staying, top);
        if (failed == 0) {
            failed = rs_notice(s, "RSL606", NULL, NULL, 0,
                               "%U was imported for the first time and stays imported "
                               "though the update failed: it has an extension module",
                               top);
            failed = failed < 0 || PySet_Add(staying, top) < 0 ? -1 : 0;
        }
        Py_DECREF(top);
        if (failed < 0) {
            Py_CLEAR(staying);
        }
    }
    return staying;
}

/* As before the import: not in sys.modules, no attribute of the parent package. */
static int
remove_entry(rs_first *entry)
{
    PyObject *child = NULL;
    PyObject *parent = get_parent(entry->name, &child);
    PyObject *there = get_module(entry->name);
    int result = 0;
    if (parent != NULL && there != NULL &&
        PyDict_GetItemWithError(parent, child) == there) {
        result = entry->replaced != NULL
                     ? PyDict_SetItem(parent, child, entry->replaced)
                     : PyDict_DelItem(parent, child);
    }
    Py_XDECREF(child);
    if (result == 0 && there != NULL) {
        result = PyDict_DelItem(PyImport_GetModuleDict(), entry->name);
    }
    return result;
}

static int
restore_touched(rs_firsts *f)
{
    PyObject *name, *module;
    Py_ssize_t pos = 0;
    while (PyDict_Next(f->touched, &pos, &name, &module)) {
        if (get_module(name) != module &&
            PyDict_SetItem(PyImport_GetModuleDict(), name, module) < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_firsts_take_back(rs_session *s, rs_firsts *f)
{
    PyObject *staying;
    int result = -1;
    staying = find_staying(s, f);
    if (staying == NULL) {
        return -1;
    }
    if ((PySet_GET_SIZE(staying) > 0 && restore_functions(s, f) < 0) ||
        restore_builtins(s, f) < 0) {
        goto done;
    }
    for (Py_ssize_t i = f->used - 1; i >= 0; i--) {
        rs_first *entry = &f->entries[i];
        int stay = entry->is_first ? stays(f, entry, staying) : 1;
        if (stay < 0 || (!stay && remove_entry(entry) < 0)) {
            goto done;
        }
    }
    result = rs_firsts_settle(s, f) < 0 || restore_touched(f) < 0 ? -1 : 0;
done:
    Py_DECREF(staying);
    return result;
}

void
rs_firsts_clear(rs_firsts *f)
{
    rs_first *entries = f->entries;
    Py_ssize_t used = f->used;
    f->entries = NULL;
    f->used = f->room = 0;
    for (Py_ssize_t i = 0; i < used; i++) {
        Py_CLEAR(entries[i].name);
        Py_CLEAR(entries[i].module);
        Py_CLEAR(entries[i].replaced);
    }
    PyMem_Free(entries);
    Py_CLEAR(f->before);
    Py_CLEAR(f->touched);
    Py_CLEAR(f->index);
    Py_CLEAR(f->seeded);
}
