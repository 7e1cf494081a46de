#include "importhook.h"

#include "imports.h"
#include "leaks.h"
#include "scratch.h"

/* One call of the hook. Borrowed, but for `full`. */
typedef struct {
    rs_session *session;
    PyObject *name, *globals, *locals, *fromlist;
    int level;
    PyObject *full; /* owned: the absolute name */
} import_call;

/* The part of `name` before its first or last dot (direction 1 or -1), or all of it. */
static PyObject *
cut_name(PyObject *name, int direction)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(name);
    Py_ssize_t dot = PyUnicode_FindChar(name, '.', 0, length, direction);
    return PyUnicode_Substring(name, 0, dot < 0 ? length : dot);
}

static int
takes_part(const rs_session *s, PyObject *full)
{
    int package;
    PyObject *top = cut_name(full, 1);
    rs_unit *u;
    if (top == NULL) {
        return -1;
    }
    u = rs_imports_unit(s, top, &package);
    Py_DECREF(top);
    return u != NULL || package;
}

/* The import that was in charge when the update began: a body that wraps it would send the
 * call round in circles. The timeout waits for it: interrupting one does harm. */
static PyObject *
call_real(rs_session *s, PyObject *args, PyObject *kwargs)
{
    PyObject *func = Py_NewRef(s->real_import);
    PyObject *result;
    s->importing++;
    result = PyObject_Call(func, args, kwargs);
    if (s->importing > 0) {
        s->importing--;
    }
    Py_DECREF(func);
    return result;
}

static PyObject *
import_real(const import_call *call, PyObject *name, PyObject *fromlist, int level)
{
    PyObject *result = NULL;
    PyObject *args = Py_BuildValue("(OOOOi)", name, call->globals, call->locals,
                                   fromlist, level);
    if (args != NULL) {
        result = call_real(call->session, args, NULL);
        Py_DECREF(args);
    }
    return result;
}

static PyObject *
import_as_asked(const import_call *call)
{
    return import_real(call, call->name, call->fromlist, call->level);
}

/* The package that `globals` belong to, as the import system finds it. New reference; NULL
 * without an exception: the import system has to explain what is wrong. */
static PyObject *
find_package(const rs_session *s, PyObject *globals)
{
    const rs_names *names = &s->st->names;
    PyObject *package, *spec, *name;
    if (!PyDict_Check(globals)) {
        return NULL;
    }
    package = PyDict_GetItemWithError(globals, names->__package__);
    if (package != NULL && package != Py_None) {
        return PyUnicode_CheckExact(package) ? Py_NewRef(package) : NULL;
    }
    spec = PyDict_GetItemWithError(globals, names->__spec__);
    if (spec != NULL && spec != Py_None) {
        Py_INCREF(spec);
        package = PyObject_GetAttrString(spec, "parent");
        Py_DECREF(spec);
        if (package != NULL && !PyUnicode_CheckExact(package)) {
            Py_CLEAR(package);
        }
        PyErr_Clear();
        return package;
    }
    name = PyDict_GetItemWithError(globals, names->__name__);
    if (name == NULL || !PyUnicode_CheckExact(name)) {
        return NULL;
    }
    if (PyDict_Contains(globals, names->__path__) == 1) {
        return Py_NewRef(name);
    }
    return cut_name(name, -1);
}

/* The same convention. */
static PyObject *
absolute_name(const rs_session *s, PyObject *name, PyObject *globals, int level)
{
    Py_ssize_t end;
    PyObject *package, *base, *full;
    if (level == 0) {
        return Py_NewRef(name);
    }
    package = find_package(s, globals);
    if (package == NULL) {
        return NULL;
    }
    end = PyUnicode_GET_LENGTH(package);
    for (; level > 1 && end > 0; level--) {
        end = PyUnicode_FindChar(package, '.', 0, end, -1);
    }
    if (end <= 0) {
        Py_DECREF(package);
        return NULL;
    }
    base = PyUnicode_Substring(package, 0, end);
    Py_DECREF(package);
    if (base == NULL || PyUnicode_GET_LENGTH(name) == 0) {
        return base;
    }
    full = PyUnicode_FromFormat("%U.%U", base, name);
    Py_DECREF(base);
    return full;
}

/* What a running body can reach through `module` from now on. */
static int
show_to_leaks(const import_call *call, PyObject *module)
{
    rs_session *s = call->session;
    if (rs_session_unit_by_scratch(s, call->globals) == NULL) {
        return 0;
    }
    return rs_leaks_see_module(s, rs_imports_live(s, module));
}

/* Units among the packages of the name, and the module itself, outermost first. */
static int
run_waiting(rs_session *s, PyObject *full)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(full);
    Py_ssize_t dot = -1;
    do {
        PyObject *name;
        rs_unit *u;
        dot = PyUnicode_FindChar(full, '.', dot + 1, length, 1);
        name = PyUnicode_Substring(full, 0, dot < 0 ? length : dot);
        if (name == NULL) {
            return -1;
        }
        u = rs_imports_unit(s, name, NULL);
        Py_DECREF(name);
        if (u != NULL && rs_scratch_run(s, u) < 0) {
            return -1;
        }
    } while (dot > 0);
    return 0;
}

/* First-time imports of submodules show in scratch packages. */
static int
bind_children(rs_session *s, PyObject *full)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(full);
    Py_ssize_t dot = PyUnicode_FindChar(full, '.', 0, length, 1);
    while (dot > 0) {
        PyObject *name;
        int result;
        dot = PyUnicode_FindChar(full, '.', dot + 1, length, 1);
        name = PyUnicode_Substring(full, 0, dot < 0 ? length : dot);
        result = name != NULL ? rs_imports_bind_child(s, name, 0) : -1;
        Py_XDECREF(name);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

/* 1 if it has, 0 if not, -1 with another exception than AttributeError. */
static int
has_attribute(PyObject *op, PyObject *name)
{
    PyObject *value = PyObject_GetAttr(op, name);
    if (value != NULL) {
        Py_DECREF(value);
        return 1;
    }
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return -1;
    }
    PyErr_Clear();
    return 0;
}

/* `from package import item`, the package being a unit: a submodule is imported where the
 * package has no such attribute. Reading one from a view runs it anyway. */
static int
import_item(const import_call *call, PyObject *package, PyObject *item)
{
    rs_session *s = call->session;
    rs_unit *parent = rs_imports_unit(s, call->full, NULL);
    rs_unit *u;
    int result = -1;
    /* owned */
    PyObject *full = NULL, *items = NULL, *module = NULL;

    if (parent == NULL) {
        return has_attribute(package, item) < 0 ? -1 : 0;
    }
    full = PyUnicode_FromFormat("%U.%U", call->full, item);
    if (full == NULL) {
        return -1;
    }
    u = rs_imports_unit(s, full, NULL);
    if (u != NULL) {
        PyObject *there = PyDict_GetItemWithError(parent->scratch, item);
        if (there == NULL || there == u->module) {
            result = rs_scratch_run(s, u) < 0 ? -1 : rs_imports_bind_child(s, full, 0);
        } else {
            result = 0;
        }
        goto done;
    }
    result = has_attribute(package, item);
    if (result == 0) {
        items = PyTuple_Pack(1, item);
        module = items != NULL ? import_real(call, call->full, items, 0) : NULL;
        result = module != NULL ? rs_imports_bind_child(s, full, 0) : -1;
    }
done:
    Py_DECREF(full);
    Py_XDECREF(items);
    Py_XDECREF(module);
    return result < 0 ? -1 : 0;
}

/* `*` without __all__: submodules that the package shows already. */
static int
run_shown(rs_session *s, PyObject *package)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        rs_unit *u = &s->units[i];
        PyObject *parent = cut_name(u->name, -1);
        rs_unit *owner = parent != NULL ? rs_imports_unit(s, parent, NULL) : NULL;
        int shows = 0;
        if (parent == NULL) {
            return -1;
        }
        Py_DECREF(parent);
        if (owner != NULL && owner != u && owner->scratch_module == package) {
            Py_ssize_t start = PyUnicode_GET_LENGTH(owner->name) + 1;
            PyObject *child = PyUnicode_Substring(u->name, start,
                                                  PyUnicode_GET_LENGTH(u->name));
            if (child == NULL) {
                return -1;
            }
            shows = PyDict_GetItemWithError(owner->scratch, child) == u->module;
            Py_DECREF(child);
        }
        if (shows && rs_scratch_run(s, u) < 0) {
            return -1;
        }
    }
    return 0;
}

static int import_items(const import_call *call, PyObject *package, PyObject *items,
                        int star);

static int
import_star(const import_call *call, PyObject *package)
{
    rs_session *s = call->session;
    int result;
    PyObject *all = PyObject_GetAttr(package, s->st->names.__all__);
    if (all == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear();
        return run_shown(s, package);
    }
    result = import_items(call, package, all, 0);
    Py_DECREF(all);
    return result;
}

static int
import_items(const import_call *call, PyObject *package, PyObject *items, int star)
{
    PyObject *names = PySequence_Fast(items, "the list of names must be iterable");
    int result = names != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PySequence_Fast_GET_SIZE(names); i++) {
        PyObject *item = Py_NewRef(PySequence_Fast_GET_ITEM(names, i));
        if (!PyUnicode_Check(item)) {
            PyErr_Format(PyExc_TypeError,
                         "Item in ``from list'' must be str, not %.200s",
                         Py_TYPE(item)->tp_name);
            result = -1;
        } else if (PyUnicode_CompareWithASCIIString(item, "*") == 0) {
            result = star ? import_star(call, package) : 0;
        } else {
            result = import_item(call, package, item);
        }
        Py_DECREF(item);
    }
    Py_XDECREF(names);
    return result;
}

/* With names: the module `full` is handed out. Takes over `module`, the live one. What is
 * live, also if a view shows it, is the import system's own business first. */
static PyObject *
import_from(const import_call *call, PyObject *module)
{
    rs_session *s = call->session;
    int result = 0;
    /* owned */
    PyObject *real = NULL, *shown = NULL;

    if (rs_imports_unit(s, call->full, NULL) == NULL) {
        real = import_as_asked(call);
        if (real == NULL) {
            goto done;
        }
    }
    shown = rs_imports_present(s, call->full, real != NULL ? real : module);
    if (shown != NULL && shown != real) {
        result = has_attribute(shown, s->st->names.__path__);
        if (result > 0) {
            result = import_items(call, shown, call->fromlist, 1);
        }
    }
    if (result < 0) {
        Py_CLEAR(shown);
    }
done:
    Py_XDECREF(real);
    Py_DECREF(module);
    return shown;
}

/* Without names: the first package of `name` is handed out. Takes over `module`. */
static PyObject *
import_top(const import_call *call, PyObject *module)
{
    PyObject *front = cut_name(call->name, 1);
    PyObject *shown = NULL;
    if (front != NULL) {
        /* `full` ends with `name`; cut off as much as of `name` */
        Py_ssize_t length = PyUnicode_GET_LENGTH(call->full) -
                            PyUnicode_GET_LENGTH(call->name) +
                            PyUnicode_GET_LENGTH(front);
        PyObject *top = PyUnicode_Substring(call->full, 0, length);
        if (top != NULL) {
            shown = rs_imports_present(call->session, top, module);
            Py_DECREF(top);
        }
        Py_DECREF(front);
    }
    Py_DECREF(module);
    return shown;
}

/* The name leads into or through what is updated. */
static PyObject *
import_updated(const import_call *call)
{
    rs_session *s = call->session;
    int names = call->fromlist != Py_None ? PyObject_IsTrue(call->fromlist) : 0;
    /* owned */
    PyObject *module = NULL, *leaf = NULL, *nothing = NULL;

    if (names < 0 || run_waiting(s, call->full) < 0) {
        return NULL;
    }
    nothing = PyTuple_New(0);
    module = nothing != NULL ? import_real(call, call->name, nothing, call->level)
                             : NULL;
    Py_XDECREF(nothing);
    if (module == NULL || bind_children(s, call->full) < 0 ||
        show_to_leaks(call, module) < 0) {
        Py_XDECREF(module);
        return NULL;
    }
    if (!names) {
        return import_top(call, module);
    }
    Py_DECREF(module);
    leaf = PyImport_GetModule(call->full);
    if (leaf == NULL) {
        return PyErr_Occurred() ? NULL : import_as_asked(call);
    }
    if (show_to_leaks(call, leaf) < 0) {
        Py_DECREF(leaf);
        return NULL;
    }
    return import_from(call, leaf);
}

/* Fills `call` (call->full is owned). 1 if the name leads into or through what is updated,
 * 0 if the real import has to see to it, -1. */
static int
read_call(import_call *call, PyObject *args, PyObject *kwargs)
{
    static const char *const keywords[] = {"name",     "globals", "locals",
                                           "fromlist", "level",   NULL};
    call->globals = call->locals = call->fromlist = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OOOi:__import__",
                                     (char **)keywords, &call->name, &call->globals,
                                     &call->locals, &call->fromlist, &call->level) ||
        !PyUnicode_CheckExact(call->name) || call->level < 0) {
        PyErr_Clear();
        return 0;
    }
    call->full = absolute_name(call->session, call->name, call->globals, call->level);
    if (call->full == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    return takes_part(call->session, call->full);
}

static PyObject *
import_mine(rs_session *s, PyObject *args, PyObject *kwargs)
{
    import_call call = {.session = s};
    PyObject *result = NULL;
    int part = read_call(&call, args, kwargs);
    if (part > 0) {
        result = import_updated(&call);
    } else if (part == 0) {
        result = call_real(s, args, kwargs);
        if (result != NULL && show_to_leaks(&call, result) < 0) {
            Py_CLEAR(result);
        }
    }
    Py_XDECREF(call.full);
    return result;
}

static PyObject *
import_hook(PyObject *self, PyObject *args, PyObject *kwargs)
{
    rs_session *s = (rs_session *)self;
    if (!rs_imports_mine(s)) {
        return rs_scratch_forward("__import__", args, kwargs);
    }
    return import_mine(s, args, kwargs);
}

/* A lazy object for the module `full`. Asked for `pkg.sub` without names, the real lazy
 * import makes one for `pkg`; only the statement makes one of a lazy object's attribute. */
static PyObject *
make_lazy(const import_call *call, PyObject *full)
{
    rs_session *s = call->session;
    Py_ssize_t length = PyUnicode_GET_LENGTH(full);
    Py_ssize_t dot = PyUnicode_FindChar(full, '.', 0, length, -1);
    PyObject *result = NULL;
    /* owned */
    PyObject *package = NULL, *child = NULL, *text = NULL, *scope = NULL, *done = NULL;

    if (dot < 0) {
        package = Py_BuildValue("(OOOOi)", full, call->globals, call->locals, Py_None,
                                0);
        if (package != NULL) {
            result = rs_scratch_forward("__lazy_import__", package, NULL);
        }
        goto done;
    }
    package = PyUnicode_Substring(full, 0, dot);
    child = PyUnicode_Substring(full, dot + 1, length);
    if (package == NULL || child == NULL) {
        goto done;
    }
    text = PyUnicode_FromFormat("lazy from %U import %U", package, child);
    scope = Py_BuildValue("{OO}", s->st->names.__builtins__, s->builtins);
    if (text != NULL && scope != NULL && PyUnicode_AsUTF8(text) != NULL) {
        done = PyRun_String(PyUnicode_AsUTF8(text), Py_file_input, scope, scope);
    }
    if (done != NULL) {
        result = Py_XNewRef(PyDict_GetItemWithError(scope, child));
    }
done:
    Py_XDECREF(package);
    Py_XDECREF(child);
    Py_XDECREF(text);
    Py_XDECREF(scope);
    Py_XDECREF(done);
    return result;
}

/* `lazy from module import ...` of a loaded module is not lazy: the real one hands out the
 * live module. Of a lazy object the interpreter makes one for each name. */
static PyObject *
lazy_mine(rs_session *s, PyObject *args, PyObject *kwargs)
{
    import_call call = {.session = s};
    PyObject *result = NULL;
    int part = read_call(&call, args, kwargs);
    if (part > 0) {
        int names = PyObject_IsTrue(call.fromlist);
        part = names < 0 ? -1 : names;
    }
    if (part > 0) {
        result = make_lazy(&call, call.full);
    } else if (part == 0) {
        result = rs_scratch_forward("__lazy_import__", args, kwargs);
    }
    Py_XDECREF(call.full);
    return result;
}

/* The lazy object keeps the private builtins, and resolves through their __import__: the
 * hook above. In C since only the caller of the real one may be a module (hazard 23). */
static PyObject *
lazy_hook(PyObject *self, PyObject *args, PyObject *kwargs)
{
    rs_session *s = (rs_session *)self;
    if (!rs_imports_mine(s)) {
        return rs_scratch_forward("__lazy_import__", args, kwargs);
    }
    return lazy_mine(s, args, kwargs);
}

static PyMethodDef hooks[] = {
    {"__import__", (PyCFunction)(void (*)(void))import_hook,
     METH_VARARGS | METH_KEYWORDS, NULL},
    {"__lazy_import__", (PyCFunction)(void (*)(void))lazy_hook,
     METH_VARARGS | METH_KEYWORDS, NULL},
};

PyObject *
rs_importhook_new(rs_session *s)
{
    return PyCFunction_New(&hooks[0], (PyObject *)s);
}

PyObject *
rs_importhook_new_lazy(rs_session *s)
{
#ifndef RS_WITHOUT_CURE_23
    return PyCFunction_New(&hooks[1], (PyObject *)s);
#else
    (void)s;
    return PyRun_String("lambda *args, **kwargs: __lazy_import__(*args, **kwargs)",
                        Py_eval_input, PyEval_GetBuiltins(), PyEval_GetBuiltins());
#endif
}
