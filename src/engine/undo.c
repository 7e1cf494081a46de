#include "undo.h"

#include "backwards.h"
#include "digest.h"
#include "redirect.h"

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

static int
plan_touched(rs_backwards *b)
{
    Py_ssize_t pos = 0;
    PyObject *type;
    while (rs_idmap_next(&b->entry->journal.touched, &pos, &type, NULL)) {
        if (rs_plan_touch(&b->s->journal, RS_TYPE(type)) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Which code is old now, for frames and for those who watch code. */
static int
note_codes(rs_backwards *b)
{
    rs_session *s = b->s;
    Py_ssize_t pos = 0;
    PyObject *before, *after;
    rs_idmap_clear(&s->old_codes);
    while (rs_idmap_next(&b->entry->codes, &pos, &before, &after)) {
        if (!rs_idmap_has(&b->left, after) &&
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
plan_all(rs_backwards *b)
{
    rs_session *s = b->s;
    const rs_journal *done = &b->entry->journal;
    rs_journal_forget(&s->journal);
    if (clear_report(s) < 0 || plan_touched(b) < 0) {
        return -1;
    }
    /* what was carried out last comes first (J2) */
    for (int phase = RS_PHASES - 1; phase >= 0; phase--) {
        for (Py_ssize_t i = done->used - 1; i >= 0; i--) {
            if (done->ops[i].phase == (rs_phase)phase &&
                rs_backwards_op(b, &done->ops[i]) < 0) {
                return -1;
            }
        }
    }
    if (PyList_GET_SIZE(b->conflicts) != 0) {
        s->partly = 1;
        if (!s->keep) {
            return rs_conflict_raise(b);
        }
    }
    return rs_conflict_tell(b) < 0 || rs_leftovers_plan(s) < 0 ? -1 : note_codes(b);
}

int
rs_undo_plan(rs_session *s)
{
    rs_backwards b = {.s = s, .entry = s->undoes};
    int result = -1;
    b.conflicts = PyList_New(0);
    b.told = PySet_New(NULL);
    if (b.conflicts != NULL && b.told != NULL &&
        rs_places_open(&b.places, s->undoes, s->only_code) == 0) {
        result = plan_all(&b);
    }
    rs_places_close(&b.places);
    Py_XDECREF(b.conflicts);
    Py_XDECREF(b.told);
    rs_idmap_clear(&b.left);
    return result;
}

/* ---- when it stands ---- */

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
