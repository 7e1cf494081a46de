#include "frozen.h"
#include "heap.h"

typedef struct {
    rs_heap_visit visit;
    void *arg;
    int result; /* of the last visit */
} walk_arg;

static int
visit_all(PyObject *op, void *arg)
{
    walk_arg *walk = arg;
    walk->result = walk->visit(op, walk->arg);
    return walk->result > 0;
}

int
rs_heap_walk(rs_heap_visit visit, void *arg)
{
    walk_arg walk = {visit, arg, 1};
    PyUnstable_GC_VisitObjects(visit_all, &walk);
    if (walk.result > 0) {
        walk.result = rs_frozen_visit(visit, arg);
    }
    return walk.result < 0 ? -1 : 0;
}

static int
find_untracked(PyObject *op, void *arg)
{
    rs_idmap *found = arg;
    if ((!PyDict_CheckExact(op) && !PyTuple_CheckExact(op) &&
         !PyFrozenSet_CheckExact(op)) ||
        PyObject_GC_IsTracked(op) || rs_idmap_has(found, op)) {
        return 0;
    }
    if (rs_idmap_set(found, op, op) < 0) {
        return -1;
    }
    return Py_TYPE(op)->tp_traverse(op, find_untracked, found);
}

static int
find_untracked_in(PyObject *op, void *arg)
{
    return Py_TYPE(op)->tp_traverse != NULL &&
                   Py_TYPE(op)->tp_traverse(op, find_untracked, arg) < 0
               ? -1
               : 1;
}

int
rs_heap_walk_untracked(rs_heap_visit visit, void *arg)
{
    rs_idmap found = {0};
    Py_ssize_t pos = 0;
    PyObject *op;
    int result = rs_heap_walk(find_untracked_in, &found) < 0 ? -1 : 1;
    while (result > 0 && rs_idmap_next(&found, &pos, &op, NULL)) {
        result = visit(op, arg);
    }
    rs_idmap_clear(&found);
    return result < 0 ? -1 : 0;
}

typedef struct {
    const rs_idmap *globals;
    PyObject *list;
} functions_arg;

static int
append_function(PyObject *op, void *arg)
{
    functions_arg *wanted = arg;
    if (!PyFunction_Check(op) ||
        !rs_idmap_has(wanted->globals, RS_FUNCTION(op)->func_globals)) {
        return 1;
    }
    return PyList_Append(wanted->list, op) < 0 ? -1 : 1;
}

int
rs_heap_functions(const rs_idmap *globals, PyObject *out_list)
{
    functions_arg wanted = {globals, out_list};
    return rs_heap_walk(append_function, &wanted);
}

typedef struct {
    const PyObject *target;
    Py_ssize_t n;
} count_arg;

static int
count_target(PyObject *op, void *arg)
{
    count_arg *count = arg;
    count->n += op == count->target;
    return 0;
}

Py_ssize_t
rs_heap_count(PyObject *holder, PyObject *target)
{
    count_arg count = {target, 0};
    if (Py_TYPE(holder)->tp_traverse != NULL) {
        Py_TYPE(holder)->tp_traverse(holder, count_target, &count);
    }
    return count.n;
}
