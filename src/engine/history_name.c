#include "history.h"

#include "digest.h"
#include "same.h"

#include <string.h>

/* Digits of a hash that an id has at least. */
#define SHORT 4

/* The units' names, sorted: other processes may have imported them in another order. */
static PyObject *
sorted_names(const rs_session *s)
{
    PyObject *names = PyList_New(s->n_units);
    for (Py_ssize_t i = 0; names != NULL && i < s->n_units; i++) {
        PyList_SET_ITEM(names, i, Py_NewRef(s->units[i].name));
    }
    if (names != NULL && PyList_Sort(names) < 0) {
        Py_CLEAR(names);
    }
    return names;
}

static PyObject *
label_of_names(PyObject *names)
{
    Py_ssize_t n = PyList_GET_SIZE(names), shown = n > 3 ? 2 : n;
    PyObject *plus = PyUnicode_FromString("+");
    PyObject *first = PyList_GetSlice(names, 0, shown);
    PyObject *label = plus != NULL && first != NULL ? PyUnicode_Join(plus, first)
                                                    : NULL;
    if (label != NULL && shown < n) {
        Py_SETREF(label, PyUnicode_FromFormat("%U+%zd", label, n - shown));
    }
    Py_XDECREF(plus);
    Py_XDECREF(first);
    return label;
}

/* Names and new sources of the units. */
static PyObject *
digest_of_units(rs_session *s, PyObject *names)
{
    rs_digest d;
    rs_digest_start(&d);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(names); i++) {
        const rs_unit *u = rs_session_unit_by_name(s, PyList_GET_ITEM(names, i));
        PyObject *source = u->text != NULL ? u->text : u->data;
        if (rs_digest_add_text(&d, u->name) < 0 ||
            (source != NULL && (PyUnicode_Check(source) || PyBytes_Check(source)) &&
             rs_digest_add_text(&d, source) < 0)) {
            return NULL;
        }
    }
    return rs_digest_text(&d);
}

int
rs_history_name(rs_session *s)
{
    PyObject *names = s->label == NULL || s->digest == NULL ? sorted_names(s) : NULL;
    if (names != NULL && s->label == NULL) {
        s->label = label_of_names(names);
    }
    if (names != NULL && s->digest == NULL) {
        s->digest = digest_of_units(s, names);
    }
    Py_XDECREF(names);
    return s->label != NULL && s->digest != NULL ? 0 : -1;
}

/* How many digits tell it from the others of its name? */
static Py_ssize_t
digits_needed(const rs_history *history, const rs_entry *entry)
{
    const char *own = PyUnicode_AsUTF8(entry->digest);
    Py_ssize_t digits = SHORT;
    for (Py_ssize_t i = 0; own != NULL && i < history->used; i++) {
        const rs_entry *other = history->entries[i];
        const char *theirs = PyUnicode_AsUTF8(other->digest);
        if (theirs == NULL || strcmp(own, theirs) == 0 ||
            !rs_same_text(other->label, entry->label)) {
            continue;
        }
        while (strncmp(own, theirs, (size_t)digits) == 0) {
            digits++;
        }
    }
    return digits;
}

int
rs_history_name_entry(const rs_session *s, rs_entry *entry)
{
    PyObject *digits;
    entry->label = Py_NewRef(s->label);
    entry->digest = Py_NewRef(s->digest);
    digits = PyUnicode_Substring(s->digest, 0, digits_needed(&s->st->history, entry));
    if (digits != NULL) {
        entry->id = PyUnicode_FromFormat("%U@%U", s->label, digits);
        Py_DECREF(digits);
    }
    return entry->id != NULL ? 0 : -1;
}
