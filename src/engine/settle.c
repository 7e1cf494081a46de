#include "settle.h"

#include "caches.h"
#include "class.h"
#include "codes.h"
#include "frames.h"
#include "heap.h"
#include "hotfix.h"
#include "known.h"
#include "leaks.h"
#include "monitoring.h"
#include "pending.h"
#include "redirect.h"
#include "same.h"
#include "still.h"
#include "undo.h"

/* Tracebacks and inspect.getsource() read the new text. linecache's own check goes by size
 * and time, which two saves within a second may share. */
static int
refresh_linecache(rs_session *s)
{
    PyObject *name = PyUnicode_FromString("linecache");
    PyObject *linecache = name != NULL ? PyImport_GetModule(name) : NULL;
    PyObject *cache = linecache != NULL ? PyObject_GetAttrString(linecache, "cache")
                                        : NULL;
    Py_XDECREF(name);
    Py_XDECREF(linecache);
    for (Py_ssize_t i = 0; cache != NULL && s->hot == NULL && i < s->n_units; i++) {
        PyObject *done = PyObject_CallMethod(cache, "pop", "OO", s->units[i].filename,
                                             Py_None);
        if (done == NULL) {
            Py_DECREF(cache);
            return -1;
        }
        Py_DECREF(done);
    }
    Py_XDECREF(cache);
    return PyErr_Occurred() ? -1 : 0;
}

static rs_unit *
unit_of_code(const rs_session *s, PyObject *code)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (rs_same_text(s->units[i].filename, RS_CODE(code)->co_filename)) {
            return &s->units[i];
        }
    }
    return NULL;
}

/* Old code -> (module, qualname), of functions whose code is really other code now. */
static int
find_lagging(rs_session *s)
{
    int result = -1;
    rs_idmap codes = {0};
    Py_ssize_t pos = 0;
    PyObject *old_code, *new_code;
    while (rs_idmap_next(&s->old_codes, &pos, &old_code, &new_code)) {
        rs_unit *u;
        PyObject *label;
        const rs_code_note *note = rs_codes_note(s, old_code);
        int relation;
        if (!PyCode_Check(old_code) || !PyCode_Check(new_code)) {
            continue;
        }
        relation = note != NULL && note->new_code == new_code
                       ? note->relation
                       : rs_same_code(old_code, new_code);
        if (relation < 0) {
            goto done;
        }
        if (relation != RS_CODE_DIFFERS) {
            continue;
        }
        u = unit_of_code(s, new_code);
        label = Py_BuildValue("(OO)",
                              u != NULL ? u->name : RS_CODE(old_code)->co_filename,
                              RS_CODE(old_code)->co_qualname);
        if (label == NULL || rs_idmap_set(&codes, old_code, label) < 0) {
            Py_XDECREF(label);
            goto done;
        }
        Py_DECREF(label);
    }
    result = codes.used != 0 ? rs_frames_lagging(s, &codes) : 0;
done:
    rs_idmap_clear(&codes);
    return result;
}

/* Frames that go on in a scratch namespace see what lives, and hold no donors. */
static int
fill_borrowed(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        Py_ssize_t pos = 0;
        PyObject *name, *value, *scratch = s->units[i].scratch;
        while (s->units[i].borrowed && PyDict_Next(scratch, &pos, &name, &value)) {
            PyObject *live = rs_session_live(s, value);
            if (live != value && PyDict_SetItem(scratch, name, live) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* ---- all of it ---- */

typedef int (*step)(rs_session *);

static void
take_steps(rs_session *s, const step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (steps[i](s) < 0) {
            PyErr_WriteUnraisable(s->update);
        }
    }
}

void
rs_settle(rs_session *s)
{
    static const step of_sources[] = {
        rs_caches_empty, rs_class_join_abcs, rs_monitoring_move,  refresh_linecache,
        find_lagging,    rs_frames_bury,     rs_frames_bury_left, fill_borrowed};
    static const step of_undo[] = {rs_undo_settle, rs_monitoring_move, find_lagging,
                                   rs_frames_bury_left};
    if (s->kind == RS_UPDATE_UNDO) {
        take_steps(s, of_undo, Py_ARRAY_LENGTH(of_undo));
    } else {
        take_steps(s, of_sources, Py_ARRAY_LENGTH(of_sources));
    }
    rs_heap_end(s); /* what follows is the program's own code */
}

/* The history takes over the journal, so it comes last. */
static void
add_to_history(rs_session *s, rs_entry *entry)
{
    if (rs_history_add(s, entry) < 0) {
        PyErr_WriteUnraisable(s->update); /* it can't be undone */
    }
}

void
rs_settle_remember(rs_session *s)
{
    static const step of_sources[] = {rs_hot_settle, rs_leftovers_remember,
                                      rs_source_remember, rs_pending_remember,
                                      rs_still_committed};
    static const step of_undo[] = {rs_undo_remember, rs_undo_show, rs_still_committed};
    rs_entry *entry = rs_history_open(s);
    if (entry == NULL && PyErr_Occurred()) {
        PyErr_WriteUnraisable(s->update);
    }
    if (s->kind == RS_UPDATE_UNDO) {
        take_steps(s, of_undo, Py_ARRAY_LENGTH(of_undo));
    } else {
        take_steps(s, of_sources, Py_ARRAY_LENGTH(of_sources));
    }
    add_to_history(s, entry);
    if (s->kind == RS_UPDATE_UNDO && rs_undo_mark(s) < 0) {
        PyErr_WriteUnraisable(s->update);
    }
    rs_leaks_forget(s);
}
