#include "backwards.h"

#include "body.h"
#include "contents.h"
#include "same.h"

/* ---- what it did ---- */

/* One Change for each name. */
static int
tell(rs_backwards *b, const rs_op *op, const char *action)
{
    rs_place place;
    PyObject *pair = NULL;
    int result = rs_place_of(&b->places, op, &place);
    if (result < 0 || place.kind == NULL) {
        goto done;
    }
    pair = PyTuple_Pack(2, place.module, place.qualname);
    result = pair != NULL ? PySet_Contains(b->told, pair) : -1;
    if (result == 0) {
        rs_unit unit = {.name = place.module};
        const rs_unit *own = rs_session_unit_by_name(b->s, place.module);
        result = PySet_Add(b->told, pair) < 0
                     ? -1
                     : rs_change(b->s, own != NULL ? own : &unit, place.qualname,
                                 place.kind, action, 0, NULL);
    }
done:
    Py_XDECREF(pair);
    rs_place_clear(&place);
    return result < 0 ? -1 : 0;
}

static const char *
action_of(const rs_op *op)
{
    return (op->kind == RS_OP_DICT || op->kind == RS_OP_TYPE ||
            op->kind == RS_OP_ATTRIBUTE) &&
                   op->seen == NULL
               ? "deleted"
               : "restored";
}

/* ---- one operation backwards ---- */

/* Does the source that is known of the module still come from the update? */
int
rs_backwards_known(const rs_state *st, const rs_entry_module *m)
{
    PyObject *known = PyDict_GetItemWithError(st->known, m->name);
    PyObject *source = known != NULL ? PyTuple_GET_ITEM(known, 2) : NULL;
    return source == m->source || rs_same_text(source, m->source);
}

/* The item that was written, wherever it is by now; -1: nowhere, or nobody can tell. */
static Py_ssize_t
find_item(const rs_op *op)
{
    Py_ssize_t found = -1;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(op->target); i++) {
        if (PyList_GET_ITEM(op->target, i) == op->value) {
            if (found >= 0) {
                return -1;
            }
            found = i;
        }
    }
    return found;
}

static int
plan_key(rs_journal *j, const rs_op *op)
{
    int is_type = op->kind == RS_OP_TYPE;
    int result = is_type ? rs_plan_type(j, RS_TYPE(op->target), op->key, op->seen)
                         : rs_plan_dict(j, op->target,
                                        op->own_key != NULL && op->value == NULL
                                            ? op->own_key
                                            : op->key,
                                        op->seen);
    if (result == 0 && op->value == NULL && op->own_key != NULL) {
        rs_plan_key_order(j, op->target, op->key, op->own_key, op->follower);
    }
    return result;
}

static int
plan_value(rs_backwards *b, const rs_op *op)
{
    rs_journal *j = &b->s->journal;
    switch (op->kind) {
    case RS_OP_DICT:
    case RS_OP_TYPE:
        return plan_key(j, op);
    case RS_OP_ATTRIBUTE:
        return rs_plan_attribute(j, op->target, op->key, op->seen);
    case RS_OP_CELL:
        return rs_plan_cell(j, op->target, op->seen);
    case RS_OP_WORD:
        return rs_plan_word(j, op->target, op->word, op->seen);
    case RS_OP_LIST:
        return rs_plan_list(j, op->target, op->index, op->seen);
    case RS_OP_WEAKREF:
        return rs_plan_weakref(j, op->target, op->seen);
    case RS_OP_BASES:
        return rs_plan_bases(j, RS_TYPE(op->target), op->seen);
    case RS_OP_METACLASS:
        return rs_plan_metaclass(j, RS_TYPE(op->target), RS_TYPE(op->seen));
    case RS_OP_CLASS:
        return rs_plan_class(j, op->target, RS_TYPE(op->seen));
    default:
        Py_UNREACHABLE();
    }
}

static int
is_written_later(const rs_backwards *b, const rs_op *op)
{
    PyObject *by = rs_conflict_by(b, op);
    int result = by != NULL ? PyUnicode_GET_LENGTH(by) != 0 : -1;
    Py_XDECREF(by);
    return result;
}

/* 1: planned, 0: nothing to do, -1. */
static int
plan_place(rs_backwards *b, const rs_op *op)
{
    rs_op moved = *op;
    PyObject *now;
    if (op->kind == RS_OP_LIST && rs_op_now(op) != op->value) {
        moved.index = find_item(op);
        if (moved.index < 0) {
            return rs_conflict_add(b, op);
        }
    }
    now = rs_op_now(&moved);
    if (!op->lost && rs_same_value(now, op->seen)) {
        return 0;
    }
    if (op->kind == RS_OP_WEAKREF && (now == NULL || op->seen == NULL)) {
        return 0; /* what it meant is gone */
    }
    if (op->lost || !rs_same_value(now, op->value)) {
        int later = rs_place_is_derived(&b->places, op) ? is_written_later(b, op) : 0;
        return later < 0 ? -1 : later ? 0 : rs_conflict_add(b, op);
    }
    return plan_value(b, &moved) < 0 ? -1 : 1;
}

/* Do the cells hold the same? */
static int
same_closures(PyObject *a, PyObject *b)
{
    if (a == NULL || b == NULL || PyTuple_GET_SIZE(a) != PyTuple_GET_SIZE(b)) {
        return a == b;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(a); i++) {
        if (!rs_same_value(PyCell_GET(PyTuple_GET_ITEM(a, i)),
                           PyCell_GET(PyTuple_GET_ITEM(b, i)))) {
            return 0;
        }
    }
    return 1;
}

/* Do two values of a field mean the same, though a later update may have made the second
 * one anew (its lines moved, or whole bodies ran)? 1, 0, -1. */
static int
same_field(int field, PyObject *a, PyObject *b)
{
    if (rs_same_value(a, b)) {
        return 1;
    }
    if (a == NULL || b == NULL) {
        return 0;
    }
    if (PyCode_Check(a) && PyCode_Check(b)) {
        int relation = rs_same_code(a, b);
        return relation < 0 ? -1 : relation != RS_CODE_DIFFERS;
    }
    if (PyFunction_Check(a) && PyFunction_Check(b)) { /* that makes annotations */
        return same_field(field, PyFunction_GET_CODE(a), PyFunction_GET_CODE(b));
    }
    return field == RS_FN_CLOSURE ? same_closures(a, b) : rs_same_literal(a, b);
}

/* 1 if a field holds neither what was written nor what was before; 0; -1. */
static int
is_foreign(const rs_op *op)
{
    int same = 1;
    for (int i = 0; same == 1 && i < RS_FN_FIELDS; i++) {
        PyObject *now = *rs_fn_slot(op->target, i);
        if ((op->fields->mask & (1U << i)) != 0 &&
            !rs_same_value(now, op->fields->seen[i])) {
            same = same_field(i, op->fields->fields[i], now);
        }
    }
    return same < 0 ? -1 : !same;
}

/* 1 if all that the update did is that a later one did again: it only moved its lines. */
static int
is_only_moved(const rs_op *op)
{
    int same = 1;
    for (int i = 0; same == 1 && i < RS_FN_FIELDS; i++) {
        if ((op->fields->mask & (1U << i)) != 0) {
            same = same_field(i, op->fields->seen[i], op->fields->fields[i]);
        }
    }
    return same;
}

static int
plan_function(rs_backwards *b, const rs_op *op)
{
    const rs_op_fields *own = op->fields;
    PyObject *fields[RS_FN_FIELDS] = {NULL};
    unsigned mask = 0;
    int foreign = is_foreign(op);
    if (foreign < 0) {
        return -1;
    }
    if (foreign) {
        int moved = is_only_moved(op);
        if (moved != 0) {
            return moved < 0 ? -1 : 0;
        }
    }
    for (int i = 0; i < RS_FN_FIELDS; i++) {
        PyObject *now = *rs_fn_slot(op->target, i);
        if ((own->mask & (1U << i)) == 0 || rs_same_value(now, own->seen[i])) {
            continue;
        }
        if (foreign) {
            if (own->fields[RS_FN_CODE] != NULL &&
                PyCode_Check(own->fields[RS_FN_CODE]) &&
                rs_idmap_set(&b->left, own->fields[RS_FN_CODE], op->target) < 0) {
                return -1;
            }
            return rs_conflict_add(b, op);
        }
        fields[i] = own->seen[i];
        mask |= 1U << i;
    }
    if (mask == 0) {
        return 0;
    }
    return rs_plan_function(&b->s->journal, op->target, fields, mask,
                            rs_state_new_version(b->s->st)) < 0
               ? -1
               : 1;
}

/* What a cache has found meanwhile may be wrong. */
static int
plan_cache(rs_backwards *b, const rs_op *op)
{
    PyObject *empty = PyDict_New();
    int result = empty != NULL ? rs_plan_body_cache(&b->s->journal, op->target, empty)
                               : -1;
    Py_XDECREF(empty);
    return result;
}

static int
plan_body(rs_backwards *b, const rs_op *op)
{
    PyObject *donor = NULL, *keys = NULL;
    rs_journal *j = &b->s->journal;
    int result;
    if (op->cache) {
        return plan_cache(b, op);
    }
    if (op->lost) {
        return rs_conflict_add(b, op);
    }
    result = rs_contents_back(b->s->st, op->value, op->wrote, op->target, &donor,
                              &keys);
    if (result < 0 || (result == 0 && (keys != NULL ? rs_conflict_add_keys(b, op, keys)
                                                    : rs_conflict_add(b, op)) < 0)) {
        result = -1;
        goto done;
    }
    if (donor != NULL &&
        (!rs_body_ready(op->target, donor) ||
         !(PyByteArray_Check(op->target) || rs_body_can_rebuild(op->target, donor)))) {
        /* sorted just now, or its memory is looked at; or a subclass of deque, whose own
         * methods would run */
        result = rs_conflict_add(b, op);
    } else if (donor != NULL) {
        result = PyByteArray_Check(op->target)
                     ? rs_plan_body(j, op->target, donor)
                     : rs_plan_body_derived(j, op->target, donor);
        result = result < 0 ? -1 : 1;
    } else {
        result = 0;
    }
done:
    Py_XDECREF(donor);
    Py_XDECREF(keys);
    return result;
}

/* Lines follow the source that is known: they go back only where that does. */
static int
plan_lines(rs_backwards *b, const rs_op *op)
{
    const rs_entry *entry = b->entry;
    PyObject *filename = RS_CODE(op->target)->co_filename;
    if (RS_CODE(op->target)->co_firstlineno != op->line + op->delta || op->delta == 0) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < entry->n_modules; i++) {
        if (rs_same_text(entry->modules[i].filename, filename) &&
            !rs_backwards_known(b->s->st, &entry->modules[i])) {
            return 0;
        }
    }
    return rs_plan_own_lines(&b->s->journal, op->target, -op->delta);
}

int
rs_backwards_op(rs_backwards *b, const rs_op *op)
{
    int result;
    if (b->s->only_code && !rs_place_is_code(&b->places, op)) {
        b->s->partly = 1;
        return 0;
    }
    switch (op->kind) {
    case RS_OP_FUNCTION:
        result = plan_function(b, op);
        break;
    case RS_OP_BODY:
        result = plan_body(b, op);
        break;
    case RS_OP_LINES:
        result = plan_lines(b, op);
        break;
    default:
        result = plan_place(b, op);
        break;
    }
    return result == 1 ? tell(b, op, action_of(op)) : result;
}
