#include "moves.h"

#include "moved.h"
#include "same.h"
#include "scope.h"

/* ---- classes ---- */

static int
move_class(rs_session *s, rs_unit *u, PyTypeObject *type, int depth)
{
    Py_ssize_t pos = 0;
    PyObject *name, *value, *dict = rs_class_dict(type);
    PyObject *line = PyDict_GetItemWithError(dict, s->st->names.__firstlineno__);
    const rs_select_move *move = NULL;
    if (line != NULL && PyLong_CheckExact(line) && !rs_idmap_has(&s->claimed, type)) {
        move = rs_select_move_of(u, (int)PyLong_AsLong(line));
    }
    if (move != NULL && move->delta != 0 &&
        rs_plan_class_line(s, type, move->delta) < 0) {
        return -1;
    }
    while (depth < 8 && PyDict_Next(dict, &pos, &name, &value)) {
        if (PyType_Check(value) && rs_class_made_by(s, value, u->name) &&
            value != (PyObject *)type &&
            move_class(s, u, RS_TYPE(value), depth + 1) < 0) {
            return -1;
        }
    }
    return PyErr_Occurred() ? -1 : 0;
}

static int
move_classes(rs_session *s, rs_unit *u)
{
    Py_ssize_t pos = 0;
    PyObject *name, *value;
    while (PyDict_Next(u->live, &pos, &name, &value)) {
        if (PyType_Check(value) && rs_class_made_by(s, value, u->name) &&
            move_class(s, u, RS_TYPE(value), 0) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- functions ---- */

static int
move_unit(rs_session *s, rs_unit *u)
{
    const rs_selection *sel = u->selection;
    int any = 0;
    for (Py_ssize_t i = 0; i < sel->n_moves; i++) {
        any |= sel->moves[i].delta != 0;
    }
    for (Py_ssize_t i = 0; i < sel->kept_pieces; i++) {
        PyObject *code = PyList_GET_ITEM(sel->pieces, i);
        const rs_select_move *move = rs_select_move_of(u,
                                                       RS_CODE(code)->co_firstlineno);
        if (move == NULL || move->delta == 0) {
            continue;
        }
        if (rs_plan_lines(&s->journal, code, move->delta) < 0 ||
            rs_change(s, u, RS_CODE(code)->co_qualname, "function", "moved",
                      RS_CODE(code)->co_firstlineno + move->delta, NULL) < 0) {
            return -1;
        }
    }
    return any ? move_classes(s, u) : 0;
}

int
rs_moves_plan(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (s->units[i].parts && move_unit(s, &s->units[i]) < 0) {
            return -1;
        }
    }
    return 0;
}
