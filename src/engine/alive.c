#include "alive.h"

#include "heap.h"

/* ---- can they be found? ---- */

/* The collector lets go of those that hold nothing that could form a cycle, of frames that
 * run, and of classes that C made. */
static int
may_be_untracked(PyTypeObject *type)
{
    return type == &PyDict_Type || type == &PyTuple_Type || type == &PyFrozenSet_Type ||
           type == &PyFrame_Type || type == &PyType_Type;
}

static int
is_findable(PyTypeObject *type)
{
    return PyType_HasFeature(type, Py_TPFLAGS_HAVE_GC) && !may_be_untracked(type);
}

/* A class whose base is tracked is tracked itself: of those that are found, all are. */
int
rs_alive_check(rs_state *st, PyTypeObject *type)
{
    if (is_findable(type)) {
        return 0;
    }
    PyErr_Format(st->UpdateError,
                 "the instances of %.200s can't be found: the garbage collector does "
                 "not track %s",
                 type->tp_name,
                 PyType_HasFeature(type, Py_TPFLAGS_HAVE_GC) ? "all of them" : "them");
    return -1;
}

/* ---- the walk ---- */

typedef struct {
    PyTypeObject *const *types;
    Py_ssize_t n;
    PyObject *list;
    const PyTypeObject *last; /* objects of a type often lie beside each other */
    int last_is;
} search;

static int
is_wanted(search *look, PyTypeObject *type)
{
    if (type != look->last) {
        look->last = type;
        look->last_is = 0;
        for (Py_ssize_t i = 0; !look->last_is && i < look->n; i++) {
            look->last_is = PyType_IsSubtype(type, look->types[i]);
        }
    }
    return look->last_is;
}

static int
append_instance(PyObject *op, void *arg)
{
    search *look = arg;
    if (!is_wanted(look, Py_TYPE(op)) || op == look->list) {
        return 1;
    }
    return PyList_Append(look->list, op) < 0 ? -1 : 1;
}

int
rs_alive_list(PyTypeObject *const *types, Py_ssize_t n, PyObject *out_list)
{
    search look = {types, n, out_list, NULL, 0};
    return rs_heap_walk(append_instance, &look);
}
