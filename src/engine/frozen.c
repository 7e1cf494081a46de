#include "frozen.h"

#include "stacks.h"

/* All objects so far, in the order in which they were found, and by address. */
typedef struct {
    PyObject **found;
    size_t used, room;
    uint32_t *index; /* open addressing: number in `found` + 1, 0 is empty */
    size_t mask;
    const PyObject *old; /* is certainly frozen, if anything is */
    int is_listed;       /* it was met among what the collector lists */
    int failed;
} search;

/* ---- what was found ---- */

static size_t
find_entry(const search *all, const PyObject *op)
{
    size_t i = ((size_t)(uintptr_t)op >> 4) * (size_t)0x9E3779B97F4A7C15ULL;
    i = (i ^ (i >> 29)) & all->mask;
    while (all->index[i] != 0 && all->found[all->index[i] - 1] != op) {
        i = (i + 1) & all->mask;
    }
    return i;
}

static int
grow(search *all)
{
    size_t room = all->room != 0 ? all->room * 2 : 4096;
    PyObject **found = PyMem_RawRealloc(all->found, room * sizeof(*found));
    if (found == NULL) {
        return -1;
    }
    all->found = found;
    all->room = room;
    PyMem_RawFree(all->index);
    all->index = PyMem_RawCalloc(room * 2, sizeof(*all->index));
    if (all->index == NULL) {
        return -1;
    }
    all->mask = room * 2 - 1;
    for (size_t i = 0; i < all->used; i++) {
        all->index[find_entry(all, found[i])] = (uint32_t)(i + 1);
    }
    return 0;
}

static int
add(search *all, PyObject *op)
{
    size_t i;
    if (all->used == all->room && grow(all) < 0) {
        all->failed = 1;
        return -1;
    }
    i = find_entry(all, op);
    if (all->index[i] == 0) {
        all->found[all->used++] = op;
        all->index[i] = (uint32_t)all->used;
    }
    return 0;
}

static int
visit_listed(PyObject *op, void *arg)
{
    search *all = arg;
    all->is_listed |= op == all->old;
    return !all->is_listed && add(all, op) == 0;
}

/* ---- what that leads to ---- */

/* What the collector tracks, and static classes, which it doesn't. */
static int
visit_reference(PyObject *op, void *arg)
{
    if (PyObject_IS_GC(op) ? PyObject_GC_IsTracked(op) : PyType_Check(op)) {
        return add(arg, op);
    }
    return 0;
}

static int
visit_static_class(search *all, PyTypeObject *type)
{
    PyObject *dict = PyType_GetDict(type);
    PyObject *const parts[] = {dict, type->tp_mro, type->tp_bases};
    int result = 0;
    for (size_t i = 0; result == 0 && i < Py_ARRAY_LENGTH(parts); i++) {
        if (parts[i] != NULL) {
            result = visit_reference(parts[i], all);
        }
        /* one that isn't tracked leads somewhere all the same */
        if (result == 0 && parts[i] != NULL) {
            result = Py_TYPE(parts[i])->tp_traverse(parts[i], visit_reference, all);
        }
    }
    Py_XDECREF(dict);
    return result;
}

static int
visit_references(search *all, PyObject *op)
{
    if (PyType_Check(op) && !PyObject_IS_GC(op)) {
        return visit_static_class(all, RS_TYPE(op));
    }
    return Py_TYPE(op)->tp_traverse != NULL
               ? Py_TYPE(op)->tp_traverse(op, visit_reference, all)
               : 0;
}

/* ---- where it begins ---- */

/* One by one: asked for all of them, a frame of 3.12 makes a copy that it keeps. */
static int
append_variables(PyFrameObject *frame, PyObject *names, PyObject *values)
{
    int result = 0;
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(names); i++) {
        PyObject *value = PyFrame_GetVar(frame, PyTuple_GET_ITEM(names, i));
        if (value != NULL) {
            result = PyList_Append(values, value);
            Py_DECREF(value);
        } else if (PyErr_ExceptionMatches(PyExc_NameError)) {
            PyErr_Clear(); /* it has no value now */
        } else {
            result = -1;
        }
    }
    return result;
}

/* The variables of running code: frames don't show them to the collector. */
static int
append_locals(PyFrameObject *frame, void *roots)
{
    PyCodeObject *code = PyFrame_GetCode(frame);
    PyObject *locals;
    int result;
    if ((code->co_flags & CO_OPTIMIZED) != 0) {
        result = append_variables(frame, code->co_localsplusnames, roots);
    } else {
        locals = PyFrame_GetLocals(frame); /* its own namespace */
        result = locals != NULL ? PyList_Append(roots, locals) : -1;
        Py_XDECREF(locals);
    }
    Py_DECREF(code);
    return result;
}

static PyObject *
find_roots(void)
{
    PyObject *roots = Py_BuildValue("[OOOO]", PyImport_GetModuleDict(),
                                    PyEval_GetBuiltins(), &PyBaseObject_Type,
                                    &PyType_Type);
    if (roots != NULL && rs_stacks_running(append_locals, roots) < 0) {
        Py_CLEAR(roots);
    }
    return roots;
}

Py_ssize_t
rs_frozen_count(void)
{
    PyObject *gc = PyImport_ImportModule("gc");
    PyObject *count = gc != NULL ? PyObject_CallMethod(gc, "get_freeze_count", NULL)
                                 : NULL;
    Py_ssize_t n = count != NULL ? PyLong_AsSsize_t(count) : -1;
    Py_XDECREF(gc);
    Py_XDECREF(count);
    return n;
}

int
rs_frozen_visit(rs_heap_visit visit, void *arg)
{
    search all = {.old = PyImport_GetModuleDict()};
    size_t listed;
    int result = 1;
    Py_ssize_t frozen = rs_frozen_count();
    PyObject *roots;
    if (frozen <= 0) {
        return frozen < 0 ? -1 : 1;
    }
    roots = find_roots();
    if (roots == NULL) {
        return -1;
    }
    PyUnstable_GC_VisitObjects(visit_listed, &all);
    if (all.is_listed || all.failed) {
        goto done;
    }
    listed = all.used;
    for (size_t i = 0; result == 1 && i < all.used; i++) {
        if (visit_references(&all, all.found[i]) < 0) {
            break;
        }
        if (i >= listed && PyObject_IS_GC(all.found[i])) {
            result = visit(all.found[i], arg);
        }
    }
done:
    if (all.failed) {
        PyErr_NoMemory();
        result = -1;
    }
    PyMem_RawFree(all.found);
    PyMem_RawFree(all.index);
    Py_DECREF(roots);
    return result;
}
