#include "imports.h"

#include "firsts.h"
#include "maker.h"
#include "scratch.h"
#include "sysmodules.h"
#include "view.h"

struct rs_imports {
    PyObject
        *tree; /* dict: name of a unit -> its number; of a package with units: -1 */
    PyObject *real;  /* what sys.modules was */
    PyObject *proxy; /* what it is while preparing */
    int installed;
    rs_idmap shadows; /* private object -> the real one it stands for */
    rs_idmap views;   /* live package -> view */
    rs_firsts firsts;
};

/* ---- which names take part ---- */

/* Every package above each unit, unless it is a unit itself. */
static int
add_packages(PyObject *tree, PyObject *name)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(name);
    Py_ssize_t dot = 0;
    int result = 0;
    /* owned */
    PyObject *none = PyLong_FromLong(-1);
    while (none != NULL && result == 0 &&
           (dot = PyUnicode_FindChar(name, '.', dot + 1, length, 1)) > 0) {
        PyObject *package = PyUnicode_Substring(name, 0, dot);
        if (package == NULL || PyDict_SetDefault(tree, package, none) == NULL) {
            result = -1;
        }
        Py_XDECREF(package);
    }
    Py_XDECREF(none);
    return none != NULL ? result : -1;
}

static PyObject *
make_tree(const rs_session *s)
{
    PyObject *tree = PyDict_New();
    int result = tree != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < s->n_units; i++) {
        PyObject *number = PyLong_FromSsize_t(i);
        result = number != NULL ? PyDict_SetItem(tree, s->units[i].name, number) : -1;
        Py_XDECREF(number);
    }
    for (Py_ssize_t i = 0; result == 0 && i < s->n_units; i++) {
        result = add_packages(tree, s->units[i].name);
    }
    if (result < 0) {
        Py_CLEAR(tree);
    }
    return tree;
}

rs_unit *
rs_imports_unit(const rs_session *s, PyObject *name, int *package)
{
    PyObject *number = NULL;
    Py_ssize_t i;
    if (package != NULL) {
        *package = 0;
    }
    if (s->imports != NULL && s->n_units > 0 && PyUnicode_CheckExact(name)) {
        number = PyDict_GetItemWithError(s->imports->tree, name);
    }
    if (number == NULL) {
        return NULL;
    }
    i = PyLong_AsSsize_t(number);
    if (i < 0 && package != NULL) {
        *package = 1;
    }
    return i < 0 ? NULL : &s->units[i];
}

/* ---- opening and closing ---- */

static int
make_types(rs_state *st)
{
    if (st->SysModules_Type == NULL) {
        st->SysModules_Type = rs_sysmodules_type();
    }
    if (st->View_Type == NULL) {
        st->View_Type = rs_view_type();
    }
    if (st->Maker_Type == NULL) {
        st->Maker_Type = rs_maker_type();
    }
    return st->SysModules_Type == NULL || st->View_Type == NULL ||
                   st->Maker_Type == NULL
               ? -1
               : 0;
}

int
rs_imports_open(rs_session *s)
{
    struct rs_imports *imports;
    if (make_types(s->st) < 0) {
        return -1;
    }
    imports = PyMem_Calloc(1, sizeof(*imports));
    if (imports == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    s->imports = imports;
    imports->tree = make_tree(s);
    return imports->tree == NULL ? -1 : 0;
}

int
rs_imports_begin(rs_session *s)
{
    struct rs_imports *imports = s->imports;
    PyObject *real = PySys_GetObject("modules");
    if (real == NULL || rs_firsts_begin(&imports->firsts) < 0) {
        return -1;
    }
    imports->real = Py_NewRef(real);
    imports->proxy = rs_sysmodules_new(s, real);
    if (imports->proxy == NULL) {
        return -1;
    }
    s->active = 1;
#ifndef RS_WITHOUT_CURE_15
    /* dataclasses, typing and enum look up the module that they work for (hazard 15) */
    imports->installed = 1;
    return PySys_SetObject("modules", imports->proxy);
#else
    return 0;
#endif
}

/* A body that has rebound sys.modules meant it. */
static int
put_back(rs_session *s, const struct rs_imports *imports)
{
    if (PySys_GetObject("modules") == imports->proxy) {
        return PySys_SetObject("modules", imports->real);
    }
    return rs_notice(s, "RSL609", NULL, NULL, 0,
                     "sys.modules was rebound while the update was prepared; it stays");
}

void
rs_imports_end(rs_session *s)
{
    struct rs_imports *imports = s->imports;
    PyObject *error = PyErr_GetRaisedException();
    s->active = 0;
    s->importing = 0;
    if (imports != NULL && imports->proxy != NULL && imports->installed) {
        imports->installed = 0;
        if (put_back(s, imports) < 0) {
            PyErr_WriteUnraisable(imports->real);
        }
    }
    PyErr_SetRaisedException(error);
}

int
rs_imports_settle(rs_session *s)
{
    return rs_firsts_settle(s, &s->imports->firsts);
}

int
rs_imports_take_back(rs_session *s)
{
    PyObject *error;
    int result = 0;
    if (s->imports == NULL || s->imports->firsts.before == NULL) {
        return 0;
    }
    error = PyErr_GetRaisedException();
    result = rs_firsts_take_back(s, &s->imports->firsts);
    if (PySys_GetObject("modules") != s->imports->real) {
        /* a body has rebound it, or leaks.c has put back the proxy that was there */
        result = PySys_SetObject("modules", s->imports->real) < 0 ? -1 : result;
    }
    if (error != NULL) {
        if (result < 0) {
            PyErr_WriteUnraisable(s->first_imports);
        }
        PyErr_SetRaisedException(error);
    }
    return result;
}

int
rs_imports_touch(rs_session *s, PyObject *name)
{
    return rs_firsts_touch(&s->imports->firsts, name);
}

int
rs_imports_put(rs_session *s, PyObject *name, PyObject *module, int importing)
{
    return rs_firsts_put(s, &s->imports->firsts, name, module, importing);
}

int
rs_imports_taken(rs_session *s, PyObject *name, int popped)
{
    return rs_firsts_taken(s, &s->imports->firsts, name, popped);
}

int
rs_imports_shadow(rs_session *s, PyObject *own, PyObject *real)
{
    return rs_idmap_set(&s->imports->shadows, own, real);
}

int
rs_imports_map(rs_session *s)
{
    struct rs_imports *imports = s->imports;
    PyObject *live, *view, *own, *real;
    Py_ssize_t pos = 0;
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        rs_unit *u = &s->units[i];
        if (rs_idmap_set(&s->map, u->scratch_module, u->module) < 0 ||
            rs_idmap_set(&s->map, u->scratch, u->live) < 0) { /* globals() */
            return -1;
        }
    }
    while (rs_idmap_next(&imports->views, &pos, &live, &view)) {
        if (rs_idmap_set(&s->map, view, live) < 0) {
            return -1;
        }
    }
    pos = 0;
    while (rs_idmap_next(&imports->shadows, &pos, &own, &real)) {
        if (rs_idmap_set(&s->map, own, real) < 0) {
            return -1;
        }
    }
    return imports->proxy == NULL
               ? 0
               : rs_idmap_set(&s->map, imports->proxy, imports->real);
}

Py_ssize_t
rs_imports_holds(const rs_session *s, PyObject *op)
{
    const struct rs_imports *imports = s->imports;
    PyObject *live, *view;
    Py_ssize_t pos = 0, n = s->builtins == op;
    if (imports == NULL) {
        return n;
    }
    n += (imports->proxy == op) + rs_idmap_has(&imports->shadows, op);
    while (rs_idmap_next(&imports->views, &pos, &live, &view)) {
        n += (live == op) + (view == op);
    }
    return n;
}

void
rs_imports_close(rs_session *s)
{
    struct rs_imports *imports = s->imports;
    if (imports == NULL) {
        return;
    }
    rs_imports_end(s);
    s->imports = NULL;
    Py_CLEAR(imports->tree);
    Py_CLEAR(imports->real);
    Py_CLEAR(imports->proxy);
    rs_idmap_clear(&imports->shadows);
    rs_idmap_clear(&imports->views);
    rs_firsts_clear(&imports->firsts);
    PyMem_Free(imports);
}

/* ---- what is handed out ---- */

PyObject *
rs_imports_live(const rs_session *s, PyObject *op)
{
    PyObject *live;
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (s->units[i].scratch_module == op) {
            return s->units[i].module;
        }
    }
    live = rs_view_live(s->st, op);
    return live != NULL ? live : op;
}

static PyObject *
get_view(rs_session *s, PyObject *name, PyObject *live)
{
    PyObject *view = rs_idmap_get(&s->imports->views, live);
    if (view != NULL) {
        return Py_NewRef(view);
    }
    view = rs_view_new(s, name, live);
    if (view != NULL && rs_idmap_set(&s->imports->views, live, view) < 0) {
        Py_CLEAR(view);
    }
    return view;
}

PyObject *
rs_imports_present(rs_session *s, PyObject *name, PyObject *live)
{
    int package;
    rs_unit *u = rs_imports_unit(s, name, &package);
    if (u != NULL && live == u->module && u->phase != RS_UNIT_WAITING) {
        return Py_NewRef(u->scratch_module);
    }
    if (package && PyModule_Check(live) && rs_view_live(s->st, live) == NULL) {
        return get_view(s, name, live);
    }
    return Py_NewRef(live);
}

int
rs_imports_bind_child(rs_session *s, PyObject *full, int overwrite)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(full);
    Py_ssize_t dot = PyUnicode_FindChar(full, '.', 0, length, -1);
    PyObject *there;
    rs_unit *parent;
    int result = -1;
    /* owned */
    PyObject *package = NULL, *child = NULL, *live = NULL, *shown = NULL;

    if (dot <= 0) {
        return dot == -2 ? -1 : 0;
    }
    package = PyUnicode_Substring(full, 0, dot);
    child = PyUnicode_Substring(full, dot + 1, length);
    if (package == NULL || child == NULL) {
        goto done;
    }
    parent = rs_imports_unit(s, package, NULL);
    live = parent != NULL ? PyImport_GetModule(full) : NULL;
    if (live == NULL) {
        result = PyErr_Occurred() ? -1 : 0;
        goto done;
    }
    there = PyDict_GetItemWithError(parent->scratch, child);
    if (there == NULL ? PyErr_Occurred() != NULL : there != live && !overwrite) {
        result = there == NULL ? -1 : 0;
        goto done;
    }
    shown = rs_imports_present(s, full, live);
    result = shown != NULL ? PyDict_SetItem(parent->scratch, child, shown) : -1;
done:
    Py_XDECREF(package);
    Py_XDECREF(child);
    Py_XDECREF(live);
    Py_XDECREF(shown);
    return result;
}
