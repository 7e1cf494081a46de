#include "history.h"

#include "op.h"
#include "same.h"

/* ---- who refers to what? (E1) ---- */

typedef struct {
    rs_tally *tally;
    Py_ssize_t sign;
} count_arg;

static int
count_one(PyObject *op, void *arg)
{
    count_arg *count = arg;
    return rs_tally_add(count->tally, op, count->sign);
}

static int
count_contents(PyObject *contents, count_arg *count)
{
    traverseproc traverse = Py_TYPE(contents)->tp_traverse;
    return traverse != NULL ? traverse(contents, count_one, count) : 0;
}

static int
count_module(const rs_entry_module *m, count_arg *count)
{
    int result = count_one(m->module, count);
    if (result == 0 && m->before != NULL) {
        result = count_one(PyTuple_GET_ITEM(m->before, 1), count);
    }
    return result;
}

/* All references of an entry, and those of contents that are its own. */
static int
count_entry(rs_tally *tally, const rs_entry *entry, Py_ssize_t sign)
{
    count_arg count = {tally, sign};
    Py_ssize_t pos = 0;
    PyObject *old_code, *new_code;
    int result = rs_journal_visit(&entry->journal, count_one, &count);
    for (Py_ssize_t i = 0; result == 0 && i < entry->journal.used; i++) {
        const rs_op *op = &entry->journal.ops[i];
        if (op->kind == RS_OP_BODY) {
            result = count_contents(op->value, &count);
            result = result == 0 ? count_contents(op->wrote, &count) : result;
        }
    }
    while (result == 0 && rs_idmap_next(&entry->codes, &pos, &old_code, &new_code)) {
        result = count_one(old_code, &count);
        result = result == 0 ? count_one(new_code, &count) : result;
    }
    for (Py_ssize_t i = 0; result == 0 && i < entry->n_modules; i++) {
        result = count_module(&entry->modules[i], &count);
    }
    if (result == 0 && entry->caches != NULL) {
        result = count_contents(entry->caches, &count);
    }
    if (result == 0 && entry->abcs != NULL) {
        result = count_contents(entry->abcs, &count);
    }
    return result;
}

static int
count_all(rs_history *history)
{
    for (Py_ssize_t i = 0; i < history->used; i++) {
        rs_entry *entry = history->entries[i];
        if (!entry->counted) {
            entry->counted = 1;
            if (count_entry(&history->tally, entry, 1) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* Without memory for a table nothing is explained: then updates look further, or refuse. */
static void
count_none(rs_history *history)
{
    PyErr_Clear();
    rs_tally_clear(&history->tally);
    for (Py_ssize_t i = 0; i < history->used; i++) {
        history->entries[i]->counted = 0;
    }
}

Py_ssize_t
rs_history_holds(rs_state *st, const void *op)
{
    rs_history *history = &st->history;
    if (history->used == 0) {
        return 0;
    }
    if (count_all(history) < 0) {
        count_none(history);
        return 0;
    }
    return rs_tally_get(&history->tally, op);
}

/* ---- what was known of a source ---- */

/* The constants of class bodies in `codes`; each body once. */
static int
visit_bodies(PyObject *codes, rs_idmap *seen, visitproc visit, void *arg)
{
    int result = visit(codes, arg);
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(codes); i++) {
        PyObject *code = PyTuple_GET_ITEM(codes, i);
        if (PyCode_Check(code) && (RS_CODE(code)->co_flags & CO_OPTIMIZED) == 0 &&
            !rs_idmap_has(seen, code)) {
            result = rs_idmap_set(seen, code, code);
            result = result == 0
                         ? visit_bodies(RS_CODE(code)->co_consts, seen, visit, arg)
                         : result;
        }
    }
    return result;
}

int
rs_history_known(const rs_state *st, PyObject *name, rs_idmap *seen, visitproc visit,
                 void *arg)
{
    int result = 0;
    for (Py_ssize_t i = 0; i < st->history.used; i++) {
        const rs_entry *entry = st->history.entries[i];
        for (Py_ssize_t k = 0; result == 0 && k < entry->n_modules; k++) {
            const rs_entry_module *m = &entry->modules[k];
            PyObject *pieces = m->before != NULL ? PyTuple_GET_ITEM(m->before, 3)
                                                 : Py_None;
            if (pieces != Py_None && rs_same_text(m->name, name)) {
                result = visit_bodies(pieces, seen, visit, arg);
            }
        }
    }
    return result;
}

/* ---- keeping count ---- */

void
rs_history_uncount(rs_history *history, rs_entry *entry)
{
    if (entry->counted && count_entry(&history->tally, entry, -1) < 0) {
        count_none(history);
    }
    entry->counted = 0;
}
