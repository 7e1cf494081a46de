#include "op.h"

#include "contents.h"

#include <string.h>

typedef struct {
    rs_journal_test is_new, is_gone;
    void *arg;
} tests;

/* ---- what is worth keeping ---- */

static int
is_gone(const tests *test, PyObject *op)
{
    return op != NULL && test->is_gone(op, test->arg);
}

static int
any_gone(const tests *test, PyObject *tuple)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        if (is_gone(test, PyTuple_GET_ITEM(tuple, i))) {
            return 1;
        }
    }
    return 0;
}

/* The whole contents of its list are known. */
static int
is_in_body(const rs_journal *j, const rs_op *op)
{
    return op->kind == RS_OP_LIST &&
           rs_op_find(j, RS_OP_BODY, op->target, NULL) != NULL;
}

/* What the update made has no past, and of what it redirected only references to what it
 * made (donors) are gone for good. */
static int
is_worth_keeping(const rs_journal *j, const rs_op *op, const tests *test)
{
    if (test->is_new(op->target, test->arg) || is_in_body(j, op)) {
        return 0;
    }
    switch (op->kind) {
    case RS_OP_FUNCTION:
    case RS_OP_LINES:
    case RS_OP_BODY:
        return 1;
    case RS_OP_BASES:
        return !any_gone(test, op->seen);
    default:
        return !is_gone(test, op->seen) && op->seen != op->value;
    }
}

/* ---- preparing for a long life ---- */

/* Contents are nobody's: neither the collector nor a walk shall take them for holders. */
static int
settle_contents(PyObject **contents)
{
    PyObject *plain = rs_contents_of(*contents);
    if (plain == NULL) {
        return -1;
    }
    if (PyObject_IS_GC(plain) && PyObject_GC_IsTracked(plain)) {
        PyObject_GC_UnTrack(plain);
    }
    Py_SETREF(*contents, plain); /* `plain` has all that was in it */
    return 0;
}

static int
settle(rs_op *op)
{
    if (op->kind != RS_OP_BODY) {
        return 0;
    }
    op->fold = 0;
    return settle_contents(&op->value) < 0 ? -1 : settle_contents(&op->wrote);
}

/* ---- moving ---- */

static int
reserve(rs_journal *kept, Py_ssize_t n)
{
    size_t size = 4;
    while (size < (size_t)n * 2) {
        size *= 2;
    }
    kept->ops = PyMem_Calloc((size_t)n + 1, sizeof(rs_op));
    kept->index = PyMem_Calloc(size, sizeof(uint32_t));
    if (kept->ops == NULL || kept->index == NULL) {
        PyMem_Free(kept->ops);
        PyMem_Free(kept->index);
        kept->ops = NULL;
        kept->index = NULL;
        PyErr_NoMemory();
        return -1;
    }
    kept->room = n;
    kept->mask = size - 1;
    return 0;
}

static int
keep_touched(const rs_journal *j, rs_journal *kept, const tests *test)
{
    Py_ssize_t pos = 0;
    PyObject *type;
    while (rs_idmap_next(&j->touched, &pos, &type, NULL)) {
        if (!test->is_new(type, test->arg) &&
            rs_idmap_set(&kept->touched, type, type) < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_journal_keep(rs_journal *j, rs_journal *kept, rs_journal_test is_new,
                rs_journal_test is_gone_test, void *arg)
{
    const tests test = {is_new, is_gone_test, arg};
    Py_ssize_t left = 0, n = 0;
    if (j->used == 0) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < j->used; i++) {
        if (settle(&j->ops[i]) < 0) {
            return -1;
        }
        n += is_worth_keeping(j, &j->ops[i], &test);
    }
    if (keep_touched(j, kept, &test) < 0 || reserve(kept, n) < 0) {
        rs_idmap_clear(&kept->touched);
        return -1;
    }
    /* nothing below can fail; `j` is only good for rs_journal_forget then */
    for (Py_ssize_t i = 0; i < j->used; i++) {
        j->ops[i].kept = is_worth_keeping(j, &j->ops[i], &test);
    }
    for (Py_ssize_t i = 0; i < j->used; i++) {
        if (j->ops[i].kept) {
            kept->ops[kept->used++] = j->ops[i];
        } else {
            j->ops[left++] = j->ops[i];
        }
    }
    j->used = left;
    rs_journal_index(kept);
    rs_journal_index(j);
    kept->committed = 1;
    return 0;
}
