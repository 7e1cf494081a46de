#include "backwards.h"

static int
has_op(const rs_entry *entry, const rs_op *op)
{
    return rs_op_find(&entry->journal, op->kind, op->target, op->where) != NULL ||
           ((op->kind == RS_OP_DICT || op->kind == RS_OP_LIST) &&
            rs_op_find(&entry->journal, RS_OP_BODY, op->target, NULL) != NULL);
}

/* An undo of what came after `entry` brings back what was there before that. */
static int
is_of_later(const rs_history *history, const rs_entry *undo, const rs_entry *entry)
{
    for (Py_ssize_t i = history->used - 1;
         undo->undoes != NULL && i >= 0 && history->entries[i] != entry; i--) {
        if (history->entries[i] == undo->undoes) {
            return 1;
        }
    }
    return 0;
}

PyObject *
rs_conflict_by(const rs_backwards *b, const rs_op *op)
{
    const rs_history *history = &b->s->st->history;
    for (Py_ssize_t i = history->used - 1; i >= 0; i--) {
        const rs_entry *later = history->entries[i];
        if (later == b->entry) {
            break;
        }
        if (!later->undone && !is_of_later(history, later, b->entry) &&
            has_op(later, op)) {
            return Py_NewRef(later->id);
        }
    }
    return PyUnicode_FromString("");
}

/* Steals `by`. */
static int
add(rs_backwards *b, PyObject *module, PyObject *qualname, const char *what,
    PyObject *by)
{
    PyObject *record = PyStructSequence_New(RS_TYPE(b->s->st->Conflict));
    PyObject *text = PyUnicode_FromString(what);
    int result = -1;
    if (record == NULL || text == NULL || by == NULL) {
        Py_XDECREF(record);
        Py_XDECREF(text);
        Py_XDECREF(by);
        return -1;
    }
    PyStructSequence_SetItem(record, 0, Py_NewRef(module));
    PyStructSequence_SetItem(record, 1, Py_NewRef(qualname));
    PyStructSequence_SetItem(record, 2, text);
    PyStructSequence_SetItem(record, 3, by);
    result = PyList_Append(b->conflicts, record);
    Py_DECREF(record);
    return result;
}

int
rs_conflict_add(rs_backwards *b, const rs_op *op)
{
    rs_place place;
    int result = rs_place_of(&b->places, op, &place);
    if (result == 0) {
        result = add(b, place.module, place.qualname, place.what,
                     rs_conflict_by(b, op));
    }
    rs_place_clear(&place);
    return result;
}

int
rs_conflict_add_keys(rs_backwards *b, const rs_op *op, PyObject *keys)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(keys); i++) {
        rs_op one = *op;
        one.kind = RS_OP_DICT;
        one.key = PyList_GET_ITEM(keys, i);
        one.where = one.key;
        if (rs_conflict_add(b, &one) < 0) {
            return -1;
        }
    }
    return 0;
}

static PyObject *
line_of(PyObject *record)
{
    PyObject *module = PyStructSequence_GetItem(record, 0);
    PyObject *qualname = PyStructSequence_GetItem(record, 1);
    PyObject *by = PyStructSequence_GetItem(record, 3);
    int named = PyUnicode_GET_LENGTH(module) != 0 &&
                PyUnicode_GET_LENGTH(qualname) != 0;
    return PyUnicode_FromFormat(
        "%U%s%U: %U was changed by %U%s", module, named ? "." : "", qualname,
        PyStructSequence_GetItem(record, 2), by,
        PyUnicode_GET_LENGTH(by) == 0 ? "the program since" : "");
}

int
rs_conflict_raise(const rs_backwards *b)
{
    const rs_state *st = b->s->st;
    PyObject *error = NULL, *text;
    text = PyUnicode_FromFormat("%U can't be undone without losing what came after it",
                                b->entry->id);
    for (Py_ssize_t i = 0; text != NULL && i < PyList_GET_SIZE(b->conflicts); i++) {
        PyObject *line = line_of(PyList_GET_ITEM(b->conflicts, i));
        Py_SETREF(text,
                  line != NULL ? PyUnicode_FromFormat("%U\n%U", text, line) : NULL);
        Py_XDECREF(line);
    }
    if (text != NULL) {
        error = PyObject_CallOneArg(st->ConflictError, text);
    }
    if (error != NULL &&
        PyObject_SetAttrString(error, "conflicts", b->conflicts) == 0) {
        PyErr_SetObject(st->ConflictError, error);
    }
    Py_XDECREF(text);
    Py_XDECREF(error);
    return -1;
}

int
rs_conflict_tell(const rs_backwards *b)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(b->conflicts); i++) {
        PyObject *record = PyList_GET_ITEM(b->conflicts, i);
        PyObject *by = PyStructSequence_GetItem(record, 3);
        rs_unit unit = {.name = PyStructSequence_GetItem(record, 0)};
        if (rs_notice(b->s, "RSL701", &unit, PyStructSequence_GetItem(record, 1), 0,
                      "%U was changed by %U%s, and stays",
                      PyStructSequence_GetItem(record, 2), by,
                      PyUnicode_GET_LENGTH(by) == 0 ? "the program since" : "") < 0) {
            return -1;
        }
    }
    return 0;
}
