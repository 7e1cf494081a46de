#include "history.h"

#include "hotfix.h"

#include "clock.h"
#include "graft.h"
#include "known.h"
#include "leaks.h"
#include "migrate.h"
#include "op.h"
#include "room.h"

#include <assert.h>
#include <string.h>

/* ---- an entry ---- */

static void
clear_module(rs_entry_module *m)
{
    Py_CLEAR(m->name);
    Py_CLEAR(m->module);
    Py_CLEAR(m->filename);
    Py_CLEAR(m->before);
    Py_CLEAR(m->source);
    Py_CLEAR(m->waiting);
    Py_CLEAR(m->waiting_after);
}

static void
drop_contents(rs_entry *entry)
{
    rs_entry_module *modules = entry->modules;
    Py_ssize_t n = entry->n_modules;
    entry->modules = NULL;
    entry->n_modules = 0;
    Py_CLEAR(entry->update);
    rs_journal_forget(&entry->journal);
    for (Py_ssize_t i = 0; i < n; i++) {
        clear_module(&modules[i]);
    }
    PyMem_Free(modules);
    rs_idmap_clear(&entry->codes);
    Py_CLEAR(entry->caches);
    Py_CLEAR(entry->abcs);
    Py_CLEAR(entry->undoes);
}

static void
entry_dealloc(PyObject *op)
{
    rs_entry *entry = (rs_entry *)op;
    PyTypeObject *type = Py_TYPE(op);
    drop_contents(entry);
    Py_XDECREF(entry->label);
    Py_XDECREF(entry->digest);
    Py_XDECREF(entry->id);
    type->tp_free(op);
    Py_DECREF(type);
}

PyObject *
rs_entry_make_type(PyObject *engine)
{
    PyType_Slot slots[] = {
        {Py_tp_dealloc, (void *)entry_dealloc},
        {Py_tp_doc, (void *)"What it takes to undo an update."},
        {0, NULL},
    };
    PyType_Spec spec = {
        .name = "resoul._engine.Entry",
        .basicsize = sizeof(rs_entry),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = slots,
    };
    return PyType_FromModuleAndSpec(engine, &spec, NULL);
}

/* ---- opening ---- */

/* `known` with a tuple of pieces of its own, and those of its code, if its text is known:
 * a body that will never run again needs no code. NULL with an exception. */
static PyObject *
known_apart(PyObject *known, PyObject *text)
{
    PyObject *code = PyTuple_GET_ITEM(known, 1), *source = PyTuple_GET_ITEM(known, 2);
    PyObject *pieces = PyTuple_GET_ITEM(known, 3), *own, *result;
    if (text == NULL && PyUnicode_Check(source)) {
        text = source;
    }
    if (text == NULL && code != Py_None) {
        return Py_NewRef(known);
    }
    if (pieces == Py_None && code != Py_None) {
        own = rs_graft_pieces(code);
    } else if (pieces != Py_None) {
        own = PyTuple_New(PyTuple_GET_SIZE(pieces));
        for (Py_ssize_t i = 0; own != NULL && i < PyTuple_GET_SIZE(pieces); i++) {
            PyTuple_SET_ITEM(own, i, Py_NewRef(PyTuple_GET_ITEM(pieces, i)));
        }
    } else {
        own = Py_NewRef(Py_None);
    }
    if (own == NULL) {
        return NULL;
    }
    result = PyTuple_Pack(4, PyTuple_GET_ITEM(known, 0), Py_None,
                          text != NULL ? text : source, own);
    Py_DECREF(own);
    return result;
}

/* A snippet's units say what the snippet is called. */
static PyObject *
file_of(const rs_state *st, PyObject *module)
{
    PyObject *file = PyDict_GetItemWithError(PyModule_GetDict(module),
                                             st->names.__file__);
    return file != NULL && PyUnicode_Check(file) ? Py_NewRef(file)
                                                 : PyUnicode_FromString("");
}

static int
open_module(const rs_session *s, rs_entry_module *m, const rs_unit *u)
{
    const rs_state *st = s->st;
    PyObject *known = PyDict_GetItemWithError(st->known, u->name);
    m->name = Py_NewRef(u->name);
    m->module = Py_NewRef(u->module);
    m->filename = s->hot != NULL ? file_of(st, u->module) : Py_NewRef(u->filename);
    if (known != NULL) {
        m->before = known_apart(known, u->known_text);
    }
    m->waiting = Py_XNewRef(PyDict_GetItemWithError(st->pending, u->name));
    return PyErr_Occurred() ? -1 : 0;
}

rs_entry *
rs_history_open(rs_session *s)
{
    rs_state *st = s->st;
    rs_entry *entry;
    if (st->history.limit == 0 || !s->journal.keeps) {
        return NULL;
    }
    entry = PyObject_New(rs_entry, RS_TYPE(st->Entry_Type));
    if (entry == NULL) {
        return NULL;
    }
    memset((char *)entry + sizeof(PyObject), 0, sizeof(*entry) - sizeof(PyObject));
    entry->kind = s->kind;
    entry->modules = PyMem_Calloc((size_t)s->n_units + 1, sizeof(rs_entry_module));
    if (entry->modules == NULL) {
        PyErr_NoMemory();
        Py_DECREF(entry);
        return NULL;
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (!PyModule_Check(s->units[i].module)) {
            continue; /* it is gone from sys.modules */
        }
        if (open_module(s, &entry->modules[entry->n_modules++], &s->units[i]) < 0) {
            Py_DECREF(entry);
            return NULL;
        }
    }
    return entry;
}

/* ---- adding ---- */

static int
note_after(rs_state *st, rs_entry *entry)
{
    for (Py_ssize_t i = 0; i < entry->n_modules; i++) {
        rs_entry_module *m = &entry->modules[i];
        PyObject *known = PyDict_GetItemWithError(st->known, m->name);
        m->source = known != NULL ? Py_NewRef(PyTuple_GET_ITEM(known, 2)) : NULL;
        m->waiting_after = Py_XNewRef(PyDict_GetItemWithError(st->pending, m->name));
        if (PyErr_Occurred()) {
            return -1;
        }
    }
    return 0;
}

/* Did the update make it? Donors, and all else that is new. */
static int
is_made(PyObject *op, void *arg)
{
    const rs_session *s = arg;
    PyObject *live = rs_idmap_get(&s->map, op);
    return (live != NULL && live != op) || op == s->builtins ||
           rs_session_unit_by_scratch(s, op) != NULL || rs_idmap_has(&s->stand_ins, op);
}

static int
is_new(PyObject *op, void *arg)
{
    return is_made(op, arg) || rs_idmap_has(&((const rs_session *)arg)->young, op);
}

/* Their memory is the entry's, and no walk shall see it. */
static int
take_tuples(rs_session *s, rs_entry *entry)
{
    PyObject *pair;
    Py_ssize_t n = PyList_GET_SIZE(s->abcs);
    entry->caches = PyList_AsTuple(s->caches);
    entry->abcs = PyTuple_New(2 * n);
    if (entry->caches == NULL || entry->abcs == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        pair = PyList_GET_ITEM(s->abcs, i);
        PyTuple_SET_ITEM(entry->abcs, 2 * i, Py_NewRef(PyTuple_GET_ITEM(pair, 0)));
        PyTuple_SET_ITEM(entry->abcs, 2 * i + 1, Py_NewRef(PyTuple_GET_ITEM(pair, 1)));
    }
    if (PyObject_GC_IsTracked(entry->caches)) {
        PyObject_GC_UnTrack(entry->caches);
    }
    if (PyObject_GC_IsTracked(entry->abcs)) {
        PyObject_GC_UnTrack(entry->abcs);
    }
    return 0;
}

static int
take_codes(const rs_session *s, rs_entry *entry)
{
    Py_ssize_t pos = 0;
    PyObject *old_code, *new_code;
    while (rs_idmap_next(&s->old_codes, &pos, &old_code, &new_code)) {
        if (PyCode_Check(old_code) && PyCode_Check(new_code) && old_code != new_code &&
            rs_idmap_set(&entry->codes, old_code, new_code) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
describe(rs_entry *entry)
{
    PyObject *now, *update = entry->update;
    if (PyObject_SetAttrString(update, "name", entry->label) < 0 ||
        PyObject_SetAttrString(update, "hash", entry->digest) < 0 ||
        PyObject_SetAttrString(update, "id", entry->id) < 0) {
        return -1;
    }
    now = PyLong_FromLongLong(rs_clock_unix_ns());
    if (now == NULL || PyObject_SetAttrString(update, "_time_ns", now) < 0) {
        Py_XDECREF(now);
        return -1;
    }
    Py_DECREF(now);
    return PyObject_SetAttrString(update, "_entry", (PyObject *)entry);
}

/* It is released with the session. */
static void
push_out(rs_session *s, Py_ssize_t i)
{
    rs_history *history = &s->st->history;
    rs_entry *entry = history->entries[i];
    rs_history_uncount(history, entry);
    s->dropped[s->n_dropped++] = entry;
    history->used--;
    memmove(history->entries + i, history->entries + i + 1,
            (size_t)(history->used - i) * sizeof(*history->entries));
}

/* Undos push out undos only: who takes back a stack of updates gets to its end. */
static Py_ssize_t
oldest_of_its_kind(const rs_history *history, int is_undo)
{
    Py_ssize_t oldest = -1, n = 0;
    for (Py_ssize_t i = history->used - 1; i >= 0; i--) {
        if ((history->entries[i]->kind == RS_UPDATE_UNDO) == is_undo) {
            oldest = i;
            n++;
        }
    }
    return n >= history->limit ? oldest : -1;
}

static int
append(rs_session *s, rs_entry *entry)
{
    rs_history *history = &s->st->history;
    Py_ssize_t oldest = oldest_of_its_kind(history, entry->kind == RS_UPDATE_UNDO);
    rs_entry **entries = rs_room(history->entries, history->used, &history->room,
                                 sizeof(*entries));
    if (entries == NULL) {
        return -1;
    }
    history->entries = entries;
    if (oldest >= 0) {
        s->dropped = PyMem_Calloc(1, sizeof(*s->dropped));
        if (s->dropped == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        push_out(s, oldest);
    }
    history->entries[history->used++] = entry;
    return 0;
}

int
rs_history_add(rs_session *s, rs_entry *entry)
{
    int result = -1;
    if (rs_history_name(s) < 0) {
        goto done;
    }
    if (entry == NULL) { /* nothing is kept, but others may want to know what it was */
        result = PyErr_Occurred() ||
                         PyObject_SetAttrString(s->update, "hash", s->digest) < 0
                     ? -1
                     : 0;
        goto done;
    }
    if (rs_migrate_adopt(s) < 0 || rs_leaks_adopt(s) < 0 ||
        note_after(s->st, entry) < 0 || take_tuples(s, entry) < 0 ||
        take_codes(s, entry) < 0 || rs_history_name_entry(s, entry) < 0 ||
        rs_journal_keep(&s->journal, &entry->journal, is_new, is_made, s) < 0) {
        goto done;
    }
    result = rs_hot_report(s, entry);
    if (result < 0 || entry->journal.used == 0) {
        goto done;
    }
    entry->update = Py_NewRef(s->update);
    entry->undoes = (rs_entry *)Py_XNewRef((PyObject *)s->undoes);
    if (append(s, entry) < 0) {
        result = -1;
        goto done;
    }
    return describe(entry); /* the history owns it now */
done:
    Py_XDECREF(entry);
    return result;
}

/* ---- keeping ---- */

static void
release(rs_entry **entries, Py_ssize_t n)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        drop_contents(entries[i]);
        Py_DECREF(entries[i]);
    }
    PyMem_Free(entries);
}

void
rs_history_drop(rs_session *s)
{
    rs_entry **dropped = s->dropped;
    Py_ssize_t n = s->n_dropped;
    s->dropped = NULL;
    s->n_dropped = 0;
    release(dropped, n);
}

int
rs_history_limit(rs_state *st, Py_ssize_t limit)
{
    rs_history *history = &st->history;
    Py_ssize_t n = 0, kept[2] = {0, 0}, first;
    rs_entry **dropped = PyMem_Calloc((size_t)history->used + 1, sizeof(*dropped));
    if (dropped == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    first = history->used;
    for (Py_ssize_t i = history->used - 1; i >= 0; i--) {
        rs_entry *entry = history->entries[i];
        if (kept[entry->kind == RS_UPDATE_UNDO]++ < limit) {
            history->entries[--first] = entry;
        } else {
            dropped[n++] = entry;
            rs_history_uncount(history, entry);
        }
    }
    history->used -= first;
    if (history->used > 0) {
        memmove(history->entries, history->entries + first,
                (size_t)history->used * sizeof(*history->entries));
    }
    history->limit = limit;
    release(dropped, n);
    return 0;
}

PyObject *
rs_history_list(rs_state *st)
{
    const rs_history *history = &st->history;
    PyObject *list = PyList_New(history->used);
    for (Py_ssize_t i = 0; list != NULL && i < history->used; i++) {
        PyList_SET_ITEM(list, i,
                        Py_NewRef(history->entries[history->used - 1 - i]->update));
    }
    return list;
}

void
rs_history_clear(rs_state *st)
{
    rs_history taken = st->history;
    memset(&st->history, 0, sizeof(st->history));
    release(taken.entries, taken.used);
    rs_tally_clear(&taken.tally);
}
