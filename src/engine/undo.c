#include "undo.h"

#include "body.h"
#include "caches.h"
#include "contents.h"
#include "digest.h"
#include "places.h"
#include "redirect.h"
#include "same.h"

#include <string.h>

typedef struct {
    rs_session *s;
    rs_entry *entry;
    PyObject *conflicts; /* list of Conflict */
    PyObject *told;      /* set of (module, qualname): what has a Change */
    rs_idmap left;       /* code that stays as the update made it */
} plan;

/* ---- opening ---- */

static int
check_entry(const rs_session *s, const rs_entry *entry)
{
    if (entry->update == NULL) {
        PyErr_Format(s->st->UpdateError,
                     "%U can't be undone: it is not in the history any more, which "
                     "keeps %zd updates",
                     entry->id, s->st->history.limit);
        return -1;
    }
    if (entry->undone && !entry->partly) {
        PyErr_Format(s->st->UpdateError, "%U is undone already", entry->id);
        return -1;
    }
    return 0;
}

static int
open_units(rs_session *s, const rs_entry *entry)
{
    s->units = PyMem_Calloc((size_t)entry->n_modules + 1, sizeof(rs_unit));
    if (s->units == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < entry->n_modules; i++) {
        const rs_entry_module *m = &entry->modules[i];
        rs_unit *u = &s->units[s->n_units++];
        u->name = Py_NewRef(m->name);
        u->module = Py_NewRef(m->module);
        u->live = Py_NewRef(PyModule_GetDict(m->module));
        u->filename = Py_NewRef(m->filename);
        u->phase = RS_UNIT_DONE;
    }
    return 0;
}

/* What undoes an undo brings the same update about again. */
static PyObject *
label_of(const rs_entry *entry)
{
    const rs_entry *first = entry;
    int again = 0;
    while (first->undoes != NULL) {
        first = first->undoes;
        again = !again;
    }
    return PyUnicode_FromFormat(again ? "redo-%U" : "undo-%U", first->label);
}

static int
open_name(rs_session *s, const rs_entry *entry)
{
    rs_digest d;
    PyObject *kind = PyUnicode_FromString("undo");
    int result = -1;
    rs_digest_start(&d);
    if (kind != NULL && rs_digest_add_text(&d, kind) == 0 &&
        rs_digest_add_text(&d, entry->digest) == 0) {
        s->digest = rs_digest_text(&d);
        s->label = label_of(entry);
        result = s->digest != NULL && s->label != NULL ? 0 : -1;
    }
    Py_XDECREF(kind);
    return result;
}

int
rs_undo_open(rs_session *s, const rs_undo_options *options)
{
    rs_entry *entry = options->entry;
    s->kind = RS_UPDATE_UNDO;
    s->only_code = options->only_code;
    s->keep = options->keep;
    s->undoes = (rs_entry *)Py_NewRef((PyObject *)entry);
    return check_entry(s, entry) < 0 || open_units(s, entry) < 0 ? -1
                                                                 : open_name(s, entry);
}

/* ---- conflicts ---- */

static int
has_op(const rs_entry *entry, const rs_op *op)
{
    return rs_op_find(&entry->journal, op->kind, op->target, op->where) != NULL ||
           ((op->kind == RS_OP_DICT || op->kind == RS_OP_LIST) &&
            rs_op_find(&entry->journal, RS_OP_BODY, op->target, NULL) != NULL);
}

/* The newest update that came later, changed the same place, and was not undone. */
static PyObject *
changed_by(const plan *p, const rs_op *op)
{
    const rs_history *history = &p->s->st->history;
    for (Py_ssize_t i = history->used - 1; i >= 0; i--) {
        const rs_entry *later = history->entries[i];
        if (later == p->entry) {
            break;
        }
        if (!later->undone && has_op(later, op)) {
            return Py_NewRef(later->id);
        }
    }
    return PyUnicode_FromString("");
}

/* Steals `qualname`. */
static int
add_conflict(plan *p, PyObject *module, PyObject *qualname, const char *what,
             PyObject *by)
{
    PyObject *record = PyStructSequence_New(RS_TYPE(p->s->st->Conflict));
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
    result = PyList_Append(p->conflicts, record);
    Py_DECREF(record);
    return result;
}

static int
conflict(plan *p, const rs_op *op)
{
    rs_place place;
    int result = rs_place_of(p->entry, op, &place);
    if (result == 0) {
        result = add_conflict(p, place.module, place.qualname, place.what,
                              changed_by(p, op));
    }
    rs_place_clear(&place);
    return result;
}

/* The keys of a dict that others have changed as well. */
static int
conflict_of_keys(plan *p, const rs_op *op, PyObject *keys)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(keys); i++) {
        rs_op one = *op;
        one.kind = RS_OP_DICT;
        one.key = PyList_GET_ITEM(keys, i);
        one.where = one.key;
        if (conflict(p, &one) < 0) {
            return -1;
        }
    }
    return 0;
}

static PyObject *
conflict_line(PyObject *record)
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

static int
raise_conflicts(const plan *p)
{
    const rs_state *st = p->s->st;
    PyObject *error = NULL, *text;
    text = PyUnicode_FromFormat("%U can't be undone without losing what came after it",
                                p->entry->id);
    for (Py_ssize_t i = 0; text != NULL && i < PyList_GET_SIZE(p->conflicts); i++) {
        PyObject *line = conflict_line(PyList_GET_ITEM(p->conflicts, i));
        Py_SETREF(text,
                  line != NULL ? PyUnicode_FromFormat("%U\n%U", text, line) : NULL);
        Py_XDECREF(line);
    }
    if (text != NULL) {
        error = PyObject_CallOneArg(st->ConflictError, text);
    }
    if (error != NULL &&
        PyObject_SetAttrString(error, "conflicts", p->conflicts) == 0) {
        PyErr_SetObject(st->ConflictError, error);
    }
    Py_XDECREF(text);
    Py_XDECREF(error);
    return -1;
}

/* keep: each is a warning. */
static int
tell_conflicts(const plan *p)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(p->conflicts); i++) {
        PyObject *record = PyList_GET_ITEM(p->conflicts, i);
        PyObject *by = PyStructSequence_GetItem(record, 3);
        rs_unit unit = {.name = PyStructSequence_GetItem(record, 0)};
        if (rs_notice(p->s, "RSL701", &unit, PyStructSequence_GetItem(record, 1), 0,
                      "%U was changed by %U%s, and stays",
                      PyStructSequence_GetItem(record, 2), by,
                      PyUnicode_GET_LENGTH(by) == 0 ? "the program since" : "") < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- what it did ---- */

/* One Change for each name. */
static int
tell(plan *p, const rs_op *op, const char *action)
{
    rs_place place;
    PyObject *pair = NULL;
    int result = rs_place_of(p->entry, op, &place);
    if (result < 0 || place.kind == NULL) {
        goto done;
    }
    pair = PyTuple_Pack(2, place.module, place.qualname);
    result = pair != NULL ? PySet_Contains(p->told, pair) : -1;
    if (result == 0) {
        rs_unit unit = {.name = place.module};
        const rs_unit *own = rs_session_unit_by_name(p->s, place.module);
        result = PySet_Add(p->told, pair) < 0
                     ? -1
                     : rs_change(p->s, own != NULL ? own : &unit, place.qualname,
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
static int
is_known_from(const rs_state *st, const rs_entry_module *m)
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
plan_value(plan *p, const rs_op *op)
{
    rs_journal *j = &p->s->journal;
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

/* 1: planned, 0: nothing to do, -1. */
static int
plan_place(plan *p, const rs_op *op)
{
    rs_op moved = *op;
    PyObject *now;
    if (op->kind == RS_OP_LIST && rs_op_now(op) != op->value) {
        moved.index = find_item(op);
        if (moved.index < 0) {
            return conflict(p, op);
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
        return conflict(p, op);
    }
    return plan_value(p, &moved) < 0 ? -1 : 1;
}

static int
plan_function(plan *p, const rs_op *op)
{
    const rs_op_fields *own = op->fields;
    PyObject *fields[RS_FN_FIELDS] = {NULL};
    unsigned mask = 0;
    for (int i = 0; i < RS_FN_FIELDS; i++) {
        PyObject *now = *rs_fn_slot(op->target, i);
        if ((own->mask & (1U << i)) == 0 || rs_same_value(now, own->seen[i])) {
            continue;
        }
        if (!rs_same_value(now, own->fields[i])) {
            if (own->fields[RS_FN_CODE] != NULL &&
                PyCode_Check(own->fields[RS_FN_CODE]) &&
                rs_idmap_set(&p->left, own->fields[RS_FN_CODE], op->target) < 0) {
                return -1;
            }
            return conflict(p, op);
        }
        fields[i] = own->seen[i];
        mask |= 1U << i;
    }
    if (mask == 0) {
        return 0;
    }
    return rs_plan_function(&p->s->journal, op->target, fields, mask,
                            rs_state_new_version(p->s->st)) < 0
               ? -1
               : 1;
}

static int
plan_body(plan *p, const rs_op *op)
{
    PyObject *donor = NULL, *keys = NULL;
    rs_journal *j = &p->s->journal;
    int result;
    if (op->lost) {
        return conflict(p, op);
    }
    result = rs_contents_back(p->s->st, op->value, op->wrote, op->target, &donor,
                              &keys);
    if (result < 0 || (result == 0 && (keys != NULL ? conflict_of_keys(p, op, keys)
                                                    : conflict(p, op)) < 0)) {
        result = -1;
        goto done;
    }
    if (donor != NULL &&
        (!rs_body_ready(op->target, donor) ||
         !(PyByteArray_Check(op->target) || rs_body_can_rebuild(op->target, donor)))) {
        /* sorted just now, or its memory is looked at; or a subclass of deque, whose own
         * methods would run */
        result = conflict(p, op);
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
plan_lines(plan *p, const rs_op *op)
{
    const rs_entry *entry = p->entry;
    PyObject *filename = RS_CODE(op->target)->co_filename;
    if (RS_CODE(op->target)->co_firstlineno != op->line + op->delta || op->delta == 0) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < entry->n_modules; i++) {
        if (rs_same_text(entry->modules[i].filename, filename) &&
            !is_known_from(p->s->st, &entry->modules[i])) {
            return 0;
        }
    }
    return rs_plan_own_lines(&p->s->journal, op->target, -op->delta);
}

static int
plan_op(plan *p, const rs_op *op)
{
    int result;
    if (p->s->only_code && !rs_place_is_code(p->entry, op)) {
        p->s->partly = 1;
        return 0;
    }
    switch (op->kind) {
    case RS_OP_FUNCTION:
        result = plan_function(p, op);
        break;
    case RS_OP_BODY:
        result = plan_body(p, op);
        break;
    case RS_OP_LINES:
        result = plan_lines(p, op);
        break;
    default:
        result = plan_place(p, op);
        break;
    }
    return result == 1 ? tell(p, op, action_of(op)) : result;
}

static int
plan_touched(plan *p)
{
    Py_ssize_t pos = 0;
    PyObject *type;
    while (rs_idmap_next(&p->entry->journal.touched, &pos, &type, NULL)) {
        if (rs_plan_touch(&p->s->journal, RS_TYPE(type)) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Which code is old now, for frames and for those who watch code. */
static int
note_codes(plan *p)
{
    rs_session *s = p->s;
    Py_ssize_t pos = 0;
    PyObject *before, *after;
    rs_idmap_clear(&s->old_codes);
    while (rs_idmap_next(&p->entry->codes, &pos, &before, &after)) {
        if (!rs_idmap_has(&p->left, after) &&
            rs_idmap_set(&s->old_codes, after, before) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
clear_report(rs_session *s)
{
    s->partly = 0;
    return PyList_SetSlice(s->changes, 0, PY_SSIZE_T_MAX, NULL) < 0 ||
                   PyList_SetSlice(s->notices, 0, PY_SSIZE_T_MAX, NULL) < 0
               ? -1
               : 0;
}

static int
plan_all(plan *p)
{
    rs_session *s = p->s;
    const rs_journal *done = &p->entry->journal;
    rs_journal_forget(&s->journal);
    if (clear_report(s) < 0 || plan_touched(p) < 0) {
        return -1;
    }
    /* what was carried out last comes first (J2) */
    for (int phase = RS_PHASES - 1; phase >= 0; phase--) {
        for (Py_ssize_t i = done->used - 1; i >= 0; i--) {
            if (done->ops[i].phase == (rs_phase)phase &&
                plan_op(p, &done->ops[i]) < 0) {
                return -1;
            }
        }
    }
    if (PyList_GET_SIZE(p->conflicts) != 0) {
        s->partly = 1;
        if (!s->keep) {
            return raise_conflicts(p);
        }
    }
    return tell_conflicts(p) < 0 || rs_leftovers_plan(s) < 0 ? -1 : note_codes(p);
}

int
rs_undo_plan(rs_session *s)
{
    plan p = {s, s->undoes, PyList_New(0), PySet_New(NULL), {0}};
    int result = p.conflicts != NULL && p.told != NULL ? plan_all(&p) : -1;
    Py_XDECREF(p.conflicts);
    Py_XDECREF(p.told);
    rs_idmap_clear(&p.left);
    return result;
}

/* ---- after the commit ---- */

static int
empty_caches(rs_session *s)
{
    PyObject *caches = s->undoes->caches;
    for (Py_ssize_t i = 0; caches != NULL && i < PyTuple_GET_SIZE(caches); i++) {
        if (PyList_Append(s->caches, PyTuple_GET_ITEM(caches, i)) < 0) {
            return -1;
        }
    }
    return rs_caches_empty(s);
}

/* Of a registration there is only "forget all": the others are made again. */
static int
unregister(PyObject *abc, PyObject *cls, PyObject *registered)
{
    PyObject *dump = PyObject_CallMethod(abc, "_get_dump", "O", cls), *ref;
    PyObject *registry = dump != NULL ? PyTuple_GetItem(dump, 0) : NULL;
    PyObject *iterator = registry != NULL ? PyObject_GetIter(registry) : NULL;
    PyObject *done = iterator != NULL
                         ? PyObject_CallMethod(abc, "_reset_registry", "O", cls)
                         : NULL;
    while (done != NULL && (ref = PyIter_Next(iterator)) != NULL) {
        PyObject *other = PyObject_CallNoArgs(ref);
        Py_DECREF(ref);
        if (other == NULL) {
            Py_CLEAR(done);
        } else if (other != Py_None && other != registered) {
            Py_SETREF(done, PyObject_CallMethod(cls, "register", "O", other));
        }
        Py_XDECREF(other);
    }
    if (done != NULL && PyErr_Occurred()) {
        Py_CLEAR(done);
    }
    if (done != NULL) {
        Py_SETREF(done, PyObject_CallMethod(abc, "_reset_caches", "O", cls));
    }
    Py_XDECREF(dump);
    Py_XDECREF(iterator);
    Py_XDECREF(done);
    return done != NULL ? 0 : -1;
}

static int
leave_abcs(const rs_session *s)
{
    PyObject *abcs = s->undoes->abcs;
    Py_ssize_t n = abcs != NULL ? PyTuple_GET_SIZE(abcs) : 0;
    PyObject *abc = n > 0 ? PyImport_ImportModule("_abc") : NULL;
    int result = n > 0 && abc == NULL ? -1 : 0;
    for (Py_ssize_t i = 0; result == 0 && i < n; i += 2) {
        result = unregister(abc, PyTuple_GET_ITEM(abcs, i),
                            PyTuple_GET_ITEM(abcs, i + 1));
    }
    Py_XDECREF(abc);
    return result;
}

int
rs_undo_settle(rs_session *s)
{
    return empty_caches(s) < 0 ? -1 : leave_abcs(s);
}

static int
put_back(PyObject *dict, PyObject *name, PyObject *value)
{
    if (value != NULL) {
        return PyDict_SetItem(dict, name, value);
    }
    return PyDict_Contains(dict, name) == 1 ? PyDict_DelItem(dict, name) : 0;
}

/* A tuple of pieces of its own: the entry's is counted as the history's. */
static PyObject *
known_again(PyObject *before)
{
    PyObject *pieces = PyTuple_GET_ITEM(before, 3), *own, *known;
    if (pieces == Py_None) {
        return Py_NewRef(before);
    }
    own = PyTuple_New(PyTuple_GET_SIZE(pieces));
    if (own == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(pieces); i++) {
        PyTuple_SET_ITEM(own, i, Py_NewRef(PyTuple_GET_ITEM(pieces, i)));
    }
    known = PyTuple_Pack(4, PyTuple_GET_ITEM(before, 0), PyTuple_GET_ITEM(before, 1),
                         PyTuple_GET_ITEM(before, 2), own);
    Py_DECREF(own);
    return known;
}

static int
forget_module(rs_state *st, const rs_entry_module *m)
{
    PyObject *known = NULL;
    int result;
    if (!is_known_from(st, m)) {
        return 0;
    }
    if (m->before != NULL) {
        known = known_again(m->before);
        if (known == NULL) {
            return -1;
        }
    }
    result = put_back(st->known, m->name, known);
    Py_XDECREF(known);
    return result == 0 ? put_back(st->pending, m->name, m->waiting) : -1;
}

static int
set_text(PyObject *update, const char *name, PyObject *value)
{
    return PyObject_SetAttrString(update, name, value != NULL ? value : Py_None);
}

static int
set_state(PyObject *update, const char *state)
{
    PyObject *text = PyUnicode_FromString(state);
    int result = text != NULL ? PyObject_SetAttrString(update, "state", text) : -1;
    Py_XDECREF(text);
    return result;
}

/* The entry is undone; what it had undone itself is in force again. */
int
rs_undo_mark(rs_session *s)
{
    rs_entry *entry = s->undoes, *again = entry->undoes;
    PyObject *id = PyObject_GetAttrString(s->update, "id");
    int result = id != NULL ? 0 : -1;
    entry->undone = 1;
    entry->partly = s->partly;
    if (result == 0 && entry->update != NULL &&
        (set_state(entry->update, "undone") < 0 ||
         set_text(entry->update, "undone_by", id) < 0)) {
        result = -1;
    }
    if (again != NULL && !s->partly) {
        again->undone = again->partly = 0;
        if (result == 0 && again->update != NULL &&
            (set_state(again->update, "committed") < 0 ||
             set_text(again->update, "undone_by", NULL) < 0)) {
            result = -1;
        }
    }
    Py_XDECREF(id);
    return result == 0 ? set_text(s->update, "undoes", entry->id) : -1;
}

int
rs_undo_remember(rs_session *s)
{
    const rs_entry *entry = s->undoes;
    for (Py_ssize_t i = 0; i < entry->n_modules; i++) {
        if (forget_module(s->st, &entry->modules[i]) < 0) {
            return -1;
        }
    }
    return 0;
}
