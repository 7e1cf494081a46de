#include "journal.h"

#include "attribute.h"
#include "body.h"
#include "clock.h"
#include "contents.h"
#include "op.h"

#include <assert.h>
#include <string.h>

/* ---- places (J5) ---- */

static size_t
hash_place(rs_op_kind kind, const void *target, const void *where)
{
    uintptr_t x = ((uintptr_t)target >> 4) * (uintptr_t)0x9E3779B97F4A7C15ULL;
    x ^= ((uintptr_t)where >> 3) + (uintptr_t)kind;
    x *= (uintptr_t)0xC2B2AE3D27D4EB4FULL;
    return (size_t)(x ^ (x >> 29));
}

/* The entry of the index for that place, or the empty one where it would go. */
static size_t
find_entry(const rs_journal *j, rs_op_kind kind, const void *target, const void *where)
{
    size_t entry = hash_place(kind, target, where) & j->mask;
    while (j->index[entry] != 0) {
        const rs_op *op = &j->ops[j->index[entry] - 1];
        if (op->kind == kind && op->target == target && op->where == where) {
            break;
        }
        entry = (entry + 1) & j->mask;
    }
    return entry;
}

rs_op *
rs_op_find(const rs_journal *j, rs_op_kind kind, const void *target, const void *where)
{
    size_t entry;
    if (j->used == 0) {
        return NULL;
    }
    entry = find_entry(j, kind, target, where);
    return j->index[entry] != 0 ? &j->ops[j->index[entry] - 1] : NULL;
}

static int
grow(rs_journal *j)
{
    Py_ssize_t room = j->room != 0 ? j->room * 2 : 64;
    size_t index_size = (size_t)room * 2;
    rs_op *ops;
    uint32_t *index = PyMem_Calloc(index_size, sizeof(uint32_t));
    if (index == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    ops = PyMem_Realloc(j->ops, (size_t)room * sizeof(rs_op));
    if (ops == NULL) {
        PyMem_Free(index);
        PyErr_NoMemory();
        return -1;
    }
    PyMem_Free(j->index);
    j->ops = ops;
    j->room = room;
    j->index = index;
    j->mask = index_size - 1;
    rs_journal_index(j);
    return 0;
}

void
rs_journal_index(rs_journal *j)
{
    memset(j->index, 0, (j->mask + 1) * sizeof(uint32_t));
    for (Py_ssize_t i = 0; i < j->used; i++) {
        const rs_op *op = &j->ops[i];
        j->index[find_entry(j, op->kind, op->target, op->where)] = (uint32_t)(i + 1);
    }
}

rs_op *
rs_op_append(rs_journal *j, rs_op_kind kind, PyObject *target, const void *where)
{
    rs_op *op;
    if (j->used == j->room && grow(j) < 0) {
        return NULL;
    }
    op = &j->ops[j->used++];
    memset(op, 0, sizeof(*op));
    op->kind = kind;
    op->phase = RS_PHASE_CERTAIN;
    op->target = Py_NewRef(target);
    op->where = where;
    j->index[find_entry(j, kind, target, where)] = (uint32_t)j->used;
    return op;
}

static void
clear_op(rs_op *op)
{
    Py_CLEAR(op->target);
    Py_CLEAR(op->key);
    Py_CLEAR(op->value);
    Py_CLEAR(op->seen);
    Py_CLEAR(op->displaced);
    Py_CLEAR(op->wrote);
    Py_CLEAR(op->own_key);
    Py_CLEAR(op->follower);
    if (op->fields != NULL) {
        for (int i = 0; i < RS_FN_FIELDS; i++) {
            Py_CLEAR(op->fields->fields[i]);
            Py_CLEAR(op->fields->seen[i]);
            Py_CLEAR(op->fields->displaced[i]);
        }
        PyMem_Free(op->fields);
        op->fields = NULL;
    }
    if (op->followers != NULL) {
        for (Py_ssize_t i = 0; i < op->index; i++) {
            Py_CLEAR(op->followers[i]);
        }
        PyMem_Free(op->followers);
        op->followers = NULL;
    }
}

/* ---- what is in it ---- */

int
rs_journal_replaces(const rs_journal *j, PyObject *container)
{
    return rs_op_find(j, RS_OP_BODY, container, NULL) != NULL;
}

static int
visit_array(PyObject *const *refs, Py_ssize_t n, visitproc visit, void *arg)
{
    int result = 0;
    for (Py_ssize_t i = 0; i < n && result == 0; i++) {
        if (refs[i] != NULL) {
            result = visit(refs[i], arg);
        }
    }
    return result;
}

static int
visit_op(const rs_op *op, visitproc visit, void *arg)
{
    PyObject *const refs[] = {op->target,    op->key,   op->value,   op->seen,
                              op->displaced, op->wrote, op->own_key, op->follower};
    int result = visit_array(refs, (Py_ssize_t)Py_ARRAY_LENGTH(refs), visit, arg);
    if (result == 0 && op->fields != NULL) {
        result = visit_array(op->fields->fields, RS_FN_FIELDS, visit, arg);
    }
    if (result == 0 && op->fields != NULL) {
        result = visit_array(op->fields->seen, RS_FN_FIELDS, visit, arg);
    }
    if (result == 0 && op->fields != NULL) {
        result = visit_array(op->fields->displaced, RS_FN_FIELDS, visit, arg);
    }
    if (result == 0 && op->followers != NULL) {
        result = visit_array(op->followers, op->index, visit, arg);
    }
    return result;
}

int
rs_journal_visit(const rs_journal *j, visitproc visit, void *arg)
{
    Py_ssize_t pos = 0;
    PyObject *pair[2];
    int result = 0;
    for (Py_ssize_t i = 0; i < j->used && result == 0; i++) {
        result = visit_op(&j->ops[i], visit, arg);
    }
    while (result == 0 && rs_idmap_next(&j->touched, &pos, &pair[0], &pair[1])) {
        result = visit_array(pair, 2, visit, arg);
    }
    return result;
}

typedef struct {
    const PyObject *op;
    Py_ssize_t n;
} count_arg;

static int
count_visit(PyObject *op, void *arg)
{
    ((count_arg *)arg)->n += op == ((count_arg *)arg)->op;
    return 0;
}

Py_ssize_t
rs_journal_holds(const rs_journal *j, const PyObject *op)
{
    count_arg count = {op, 0};
    rs_journal_visit(j, count_visit, &count);
    return count.n;
}

void
rs_journal_forget(rs_journal *j)
{
    rs_journal taken = *j;
    memset(j, 0, sizeof(*j));
    j->fail_after = taken.fail_after;
    j->keeps = taken.keeps;
    for (Py_ssize_t i = 0; i < taken.used; i++) {
        clear_op(&taken.ops[i]);
    }
    rs_idmap_clear(&taken.touched);
    PyMem_Free(taken.ops);
    PyMem_Free(taken.index);
}

/* ---- is all still so? ---- */

/* Borrowed: the instance keeps it. One that can't be read is none. */
static PyObject *
attribute_now(PyObject *object, PyObject *name)
{
    PyObject *value = NULL;
    if (rs_attribute_read(object, name, &value) < 0) {
        PyErr_Clear();
    }
    Py_XDECREF(value);
    return value;
}

PyObject *
rs_op_now(const rs_op *op)
{
    switch (op->kind) {
    case RS_OP_DICT:
        return PyDict_GetItemWithError(op->target, op->key);
    case RS_OP_TYPE:
        return rs_type_own(RS_TYPE(op->target), op->key);
    case RS_OP_CELL:
    case RS_OP_WORD:
        return *op->word;
    case RS_OP_LIST:
        return op->index < PyList_GET_SIZE(op->target)
                   ? PyList_GET_ITEM(op->target, op->index)
                   : NULL;
    case RS_OP_ATTRIBUTE:
        return attribute_now(op->target, op->key);
    case RS_OP_WEAKREF:
        return rs_weakref_referent(op->target);
    case RS_OP_BASES:
        return RS_TYPE(op->target)->tp_bases;
    case RS_OP_METACLASS:
    case RS_OP_CLASS:
        return (PyObject *)Py_TYPE(op->target);
    default:
        Py_UNREACHABLE();
    }
}

static int
unchanged(const rs_op *op)
{
    if (op->kind == RS_OP_FUNCTION) {
        return rs_op_fields_unchanged(op);
    }
    if (op->kind == RS_OP_BODY) {
        return rs_body_ready(op->target, op->value) &&
               (op->fold == 0 || rs_body_fold(op->target) == op->fold);
    }
    if (op->kind == RS_OP_LINES) {
        return RS_CODE(op->target)->co_firstlineno == op->line;
    }
    return rs_op_now(op) == op->seen;
}

int
rs_journal_validate(const rs_journal *j)
{
    for (Py_ssize_t i = 0; i < j->used; i++) {
        if (!unchanged(&j->ops[i])) {
            return 0;
        }
    }
    return 1;
}

/* ---- doing ---- */

static int
is_of_type(const rs_op *op)
{
    return op->kind >= RS_OP_BASES || op->kind == RS_OP_TYPE;
}

static int
do_op(rs_op *op)
{
    if (!unchanged(op)) {
        PyErr_Format(
            PyExc_RuntimeError,
            "a %s that the update is to change has changed since it was planned",
            Py_TYPE(op->target)->tp_name);
        return -1;
    }
    if ((is_of_type(op) ? rs_op_type_do(op) : rs_op_value_do(op)) < 0) {
        return -1;
    }
    op->done = 1;
    return 0;
}

static int
undo_op(rs_op *op)
{
    if (!op->done) {
        return 0;
    }
    op->done = 0;
    return is_of_type(op) ? rs_op_type_undo(op) : rs_op_value_undo(op);
}

/* Hazard 20: 3.13+ gives a class a thousand version tags in its life. */
static void
renew_versions(PyTypeObject *type)
{
    PyObject *subclasses, *ref;
    Py_ssize_t pos = 0;
    rs_type_renew_versions(type);
    subclasses = rs_type_subclasses(type);
    while (subclasses != NULL && PyDict_Next(subclasses, &pos, NULL, &ref)) {
        PyObject *sub = rs_weakref_referent(ref);
        if (sub != NULL) {
            renew_versions(RS_TYPE(sub));
        }
    }
}

/* The interpreter's caches know nothing of direct writes: those of classes (hazards 7, 13,
 * 21; on 3.15 also 5, a constructor that the JIT inlined), and those of the JIT (5, 6). */
static int
tell_caches(const rs_journal *j, PyObject *clear_caches)
{
    PyObject *type, *result;
    Py_ssize_t pos = 0;
    while (rs_idmap_next(&j->touched, &pos, &type, NULL)) {
#if !defined(RS_WITHOUT_CURE_7) && !defined(RS_WITHOUT_CURE_5)
        PyType_Modified(RS_TYPE(type));
#endif
#ifndef RS_WITHOUT_CURE_20
        renew_versions(RS_TYPE(type));
#endif
    }
#if defined(RS_WITHOUT_CURE_5) || defined(RS_WITHOUT_CURE_6)
    clear_caches = NULL;
#endif
    if (clear_caches != NULL) {
        result = PyObject_CallNoArgs(clear_caches);
        if (result == NULL) {
            return -1;
        }
        Py_DECREF(result);
    }
    return 0;
}

/* Undoes what is done, newest first; goes on after a failure, of which the first one is
 * raised. */
static int
take_back(rs_journal *j, PyObject *clear_caches)
{
    PyObject *first = NULL;
    for (int phase = RS_PHASES - 1; phase >= 0; phase--) {
        for (Py_ssize_t i = j->used - 1; i >= 0; i--) {
            if (j->ops[i].phase == (rs_phase)phase && undo_op(&j->ops[i]) < 0) {
                PyObject *error = PyErr_GetRaisedException();
                if (first == NULL) {
                    first = error;
                } else {
                    Py_DECREF(error);
                }
            }
        }
    }
    if (tell_caches(j, clear_caches) < 0 && first == NULL) {
        first = PyErr_GetRaisedException();
    }
    PyErr_Clear();
    j->committed = 0;
    if (first == NULL && j->fail_after < -1) {
        PyErr_SetString(PyExc_MemoryError, "injected failure of taking back");
        first = PyErr_GetRaisedException();
    }
    if (first != NULL) {
        j->broken = 1;
        PyErr_SetRaisedException(first);
        return -1;
    }
    return 0;
}

static int
do_all(rs_journal *j, PyObject *clear_caches)
{
    Py_ssize_t n = 0;
    for (int phase = 0; phase < RS_PHASES; phase++) {
        for (Py_ssize_t i = 0; i < j->used; i++) {
            if (j->ops[i].phase != (rs_phase)phase) {
                continue;
            }
            if (n++ == (j->fail_after < -1 ? -2 - j->fail_after : j->fail_after)) {
                PyErr_SetString(PyExc_MemoryError, "injected failure");
                return -1;
            }
            if (do_op(&j->ops[i]) < 0) {
                return -1;
            }
        }
    }
    return tell_caches(j, clear_caches);
}

/* What bodies are about to take, before anything is written (J2). */
static int
note_bodies(rs_journal *j)
{
    for (Py_ssize_t i = 0; j->keeps && i < j->used; i++) {
        rs_op *op = &j->ops[i];
        if (op->kind == RS_OP_BODY) {
            op->wrote = rs_contents_of(op->value);
            if (op->wrote == NULL) {
                return -1;
            }
        }
    }
    return 0;
}

int
rs_journal_commit(rs_journal *j, PyObject *clear_caches, int64_t *pause)
{
    int64_t start;
    PyObject *error, *second;
    assert(!j->committed);
    rs_journal_check(j);
    if (note_bodies(j) < 0) {
        return -1;
    }
    start = rs_clock_ns();
    if (do_all(j, clear_caches) < 0) {
        error = PyErr_GetRaisedException();
        if (take_back(j, clear_caches) < 0) {
            second = PyErr_GetRaisedException();
            PyException_SetContext(second, error);
            PyErr_SetRaisedException(second);
            return -1;
        }
        PyErr_SetRaisedException(error);
        return -1;
    }
    j->committed = 1;
    if (pause != NULL) {
        *pause = rs_clock_ns() - start;
    }
    rs_journal_check(j);
    return 0;
}

int
rs_journal_undo(rs_journal *j, PyObject *clear_caches)
{
    assert(j->committed);
    return take_back(j, clear_caches);
}

/* ---- invariants ---- */

void
rs_journal_check(const rs_journal *j)
{
#ifdef RS_CHECKS
    assert(j->used <= j->room);
    for (Py_ssize_t i = 0; i < j->used; i++) {
        const rs_op *op = &j->ops[i];
        assert(rs_op_find(j, op->kind, op->target, op->where) == op); /* J5 */
        assert(op->done == j->committed);
        assert(op->phase != RS_PHASE_REMOVAL || op->value == NULL);
        if (op->kind == RS_OP_FUNCTION) { /* hazard 2 */
            PyObject *code = j->committed ? RS_FUNCTION(op->target)->func_code : NULL;
            PyObject *closure = RS_FUNCTION(op->target)->func_closure;
            assert(code == NULL ||
                   PyCode_GetNumFree(RS_CODE(code)) ==
                       (closure != NULL ? PyTuple_GET_SIZE(closure) : 0));
        }
    }
    rs_idmap_check(&j->touched);
#else
    (void)j;
#endif
}
