#include "instances.h"

#include "history.h"
#include "scope.h"
#include "wrappers.h"

typedef struct {
    rs_session *s;
    const rs_unit *u;
    PyObject *target;
    PyObject *holder; /* what is being looked into */
    PyObject *live;   /* the module's namespace */
    rs_idmap seen;    /* also the list of what has to be looked into */
    Py_ssize_t found;
} search;

/* A descriptor that belongs to a class, and refers to it. */
static int
is_member(PyObject *op)
{
    return Py_TYPE(op) == &PyGetSetDescr_Type || Py_TYPE(op) == &PyMemberDescr_Type;
}

/* Data is not looked into: who keeps the class there may keep instances, too. */
static int
leads_on(const search *look, PyObject *op)
{
    PyObject *holder = look->holder;
    if (PyFunction_Check(holder)) {
        return PyTuple_CheckExact(op);
    }
    if (PyType_Check(holder)) {
        return PyTuple_CheckExact(op) || PyDict_CheckExact(op);
    }
    if (PyTuple_CheckExact(holder)) {
        return PyCell_Check(op);
    }
    if (PyDict_CheckExact(holder)) {
        return PyFunction_Check(op) || is_member(op) ||
               rs_is_wrapper(look->s->st, op) ||
               (PyType_Check(op) && rs_class_made_by(look->s, op, look->u->name));
    }
    return !PyCell_Check(holder) && PyFunction_Check(op);
}

static int
visit(PyObject *op, void *arg)
{
    search *look = arg;
    look->found += op == look->target;
    if (leads_on(look, op) && !rs_idmap_has(&look->seen, op)) {
        return rs_idmap_set(&look->seen, op, op);
    }
    return 0;
}

/* What selection itself refers to. */
static Py_ssize_t
held_by_selection(const rs_session *s, const PyObject *type)
{
    Py_ssize_t n = 0;
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        const rs_selection *sel = s->units[i].selection;
        for (Py_ssize_t k = 0; sel != NULL && k < sel->n_shells; k++) {
            n += sel->shells[k].live == type;
        }
    }
    return n;
}

/* Fills look->seen and counts. 0 or -1. */
static int
explore(search *look)
{
    int result = rs_idmap_set(&look->seen, look->live, look->live);
    for (Py_ssize_t i = 0; result == 0 && i < look->seen.used; i++) {
        look->holder = look->seen.entries[i].key;
        if (Py_TYPE(look->holder)->tp_traverse != NULL) {
            result = Py_TYPE(look->holder)->tp_traverse(look->holder, visit, look);
        }
    }
    return result;
}

int
rs_instances_possible(rs_session *s, const rs_unit *u, PyTypeObject *type,
                      Py_ssize_t own)
{
    search look = {s, u, (PyObject *)type, NULL, u->live, {0}, 0};
    int result = explore(&look);
    for (Py_ssize_t i = 0; result == 0 && i < look.seen.used; i++) {
        PyObject *op = look.seen.entries[i].key;
        if (op != look.target && PyType_Check(op) &&
            PyType_IsSubtype(RS_TYPE(op), type)) {
            result = rs_instances_possible(s, u, RS_TYPE(op), 0);
        }
    }
    rs_idmap_clear(&look.seen);
    if (result != 0) {
        return result;
    }
    own += rs_history_holds(s->st, type);
    return Py_REFCNT(type) > look.found + held_by_selection(s, (PyObject *)type) + own;
}
