#include "adopt.h"

#include "attribute.h"
#include "contents.h"
#include "op.h"
#include "ordered.h"
#include "same.h"

/* Is `now` what was written, or what lives instead of that? */
static int
is_written(const rs_session *s, const void *written, PyObject *now)
{
    return now == written ||
           (written != NULL && now != NULL && rs_idmap_get(&s->map, written) == now);
}

int
rs_adopt_is_own(const rs_session *s, const PyObject *target)
{
    return s->hot != NULL && rs_idmap_has(&s->young, target);
}

/* The same of a dict; that of an instance may be seen by nobody else. */
static int
is_own_dict(const rs_session *s, const rs_writes *w, const rs_watched_dict *d)
{
    return rs_adopt_is_own(s, d->dict) ||
           (d->owner != NULL && rs_adopt_is_own(s, d->owner) &&
            Py_REFCNT(d->dict) == rs_writes_holds(w, d->dict) + 1);
}

/* ---- keys of dicts ---- */

/* For each write: is it the last one to its key? PyMem_Free it; NULL with an exception.
 * Keys are of built-in types (writes.c), so that no user code looks for them. */
static char *
find_last(const rs_writes *w)
{
    char *last = PyMem_Calloc((size_t)w->n_writes + 1, 1);
    PyObject **keys = PyMem_Calloc((size_t)w->n_dicts + 1, sizeof(PyObject *));
    int failed = last == NULL || keys == NULL;
    for (Py_ssize_t i = w->n_writes - 1; !failed && i >= 0; i--) {
        PyObject **set = &keys[w->writes[i].dict], *key = w->writes[i].key;
        int found = 0;
        if (*set == NULL) {
            *set = PySet_New(NULL);
        }
        found = *set != NULL ? PySet_Contains(*set, key) : -1;
        if (found == 0) {
            last[i] = 1;
            found = PySet_Add(*set, key);
        }
        failed = found < 0;
    }
    for (Py_ssize_t i = 0; keys != NULL && i < w->n_dicts; i++) {
        Py_XDECREF(keys[i]);
    }
    PyMem_Free(keys);
    if (failed) {
        PyMem_Free(last);
        if (!PyErr_Occurred()) {
            PyErr_NoMemory();
        }
        return NULL;
    }
    return last;
}

static int
adopt_write(rs_session *s, const rs_writes *w, Py_ssize_t i, rs_when when, int is_last)
{
    const rs_write *write = &w->writes[i];
    const rs_watched_dict *d = &w->dicts[write->dict];
    PyObject *own = write->key, *follower = NULL;
    PyObject *now = PyDict_GetItemWithError(d->dict, write->key);
    Py_ssize_t known = s->journal.used;
    int result;
    if (now == NULL && PyErr_Occurred()) {
        return -1;
    }
    if (d->order != NULL && write->old != NULL) {
        follower = rs_ordered_follower(d->order, write->key);
    } else if (d->copy != NULL && write->old != NULL) {
        follower = rs_dict_follower(d->copy, write->key, &own);
    }
    result = d->type != NULL ? rs_journal_adopt_type(&s->journal, d->type, own,
                                                     write->old, now, follower, when)
                             : rs_journal_adopt_dict(&s->journal, d->dict, own,
                                                     write->old, now, follower, when);
    if (result == 0 && (when == RS_LATER || s->journal.used > known) && is_last &&
        !is_written(s, write->now, now)) {
        rs_journal_adopt_lost(&s->journal);
    }
    return result;
}

/* Keys were written that nobody may look for: what the dict held at first. */
static PyObject *
first_contents(const rs_writes *w, const rs_watched_dict *d)
{
    PyObject *held = PyDict_Copy(d->copy);
    for (Py_ssize_t i = d->copied_at - 1; held != NULL && i >= 0; i--) {
        const rs_write *write = &w->writes[i];
        int result = 0;
        if (&w->dicts[write->dict] != d) {
            continue;
        }
        if (write->old != NULL) {
            result = PyDict_SetItem(held, write->key, write->old);
        } else if (PyDict_Contains(held, write->key) == 1) {
            result = PyDict_DelItem(held, write->key);
        }
        if (result < 0) {
            Py_CLEAR(held);
        }
    }
    return held;
}

/* Is it adopted as a whole? A snippet may also have taken keys out and put them back, which
 * no operation on a single key tells. */
static int
is_adopted_whole(const rs_watched_dict *d, int hot)
{
    if (d->copy == NULL || d->type != NULL || d->order != NULL) {
        return 0;
    }
    return d->opaque || (hot && !d->shared && PyDict_CheckExact(d->dict));
}

/* The first write of a key says what it held, the last one what it holds. */
static int
adopt_keys(rs_session *s, const rs_writes *w, rs_when when)
{
    int result = 0;
    char *last = find_last(w);
    if (last == NULL) {
        return -1;
    }
    for (Py_ssize_t n = 0; result == 0 && n < w->n_writes; n++) {
        Py_ssize_t i = when == RS_EARLIER ? w->n_writes - 1 - n : n;
        const rs_watched_dict *d = &w->dicts[w->writes[i].dict];
        if (!is_adopted_whole(d, s->hot != NULL) && !is_own_dict(s, w, d)) {
            result = adopt_write(s, w, i, when, last[i]);
        }
    }
    PyMem_Free(last);
    return result;
}

int
rs_adopt_writes(rs_session *s, const rs_writes *w, rs_when when)
{
    for (Py_ssize_t i = 0; i < w->n_dicts; i++) {
        const rs_watched_dict *d = &w->dicts[i];
        PyObject *held;
        int result;
        if (!is_adopted_whole(d, s->hot != NULL) || is_own_dict(s, w, d)) {
            continue;
        }
        held = first_contents(w, d);
        result = held != NULL ? rs_journal_adopt_body(&s->journal, d->dict, held, when)
                              : -1;
        Py_XDECREF(held);
        if (result < 0) {
            return -1;
        }
    }
    return adopt_keys(s, w, when);
}

/* ---- other containers, attributes ---- */

static int
adopt_attribute(rs_session *s, const rs_snapshot *snap, rs_when when)
{
    Py_ssize_t known = s->journal.used;
    PyObject *now;
    int result = rs_attribute_read(snap->object, snap->name, &now);
    if (result != 1) {
        return result;
    }
    result = rs_journal_adopt_attribute(&s->journal, snap->object, snap->name,
                                        snap->held, now, when);
    if (result == 0 && (when == RS_LATER || s->journal.used > known) &&
        !is_written(s, snap->after[0], now)) {
        rs_journal_adopt_lost(&s->journal);
    }
    Py_XDECREF(now);
    return result;
}

/* 1 if the container still holds what it was left with, 0, -1. */
static int
is_as_left(const rs_session *s, const rs_snapshot *snap)
{
    PyObject *items, *now;
    int result;
    if (snap->kind == RS_SNAPSHOT_BYTES) {
        return 1; /* nobody knows what it was left with */
    }
    now = rs_contents_of(snap->object);
    items = now != NULL ? PySequence_List(now) : NULL; /* exact: no user code */
    Py_XDECREF(now);
    if (items == NULL) {
        return -1;
    }
    result = PyList_GET_SIZE(items) == snap->n_after;
    for (Py_ssize_t i = 0;
         result == 1 && snap->kind != RS_SNAPSHOT_SET && i < snap->n_after; i++) {
        result = is_written(s, snap->after[i], PyList_GET_ITEM(items, i));
    }
    Py_DECREF(items);
    return result;
}

int
rs_adopt_snapshot(rs_session *s, const rs_snapshot *snap, rs_when when)
{
    Py_ssize_t known = s->journal.used;
    int result;
    if (snap->kind == RS_SNAPSHOT_ATTRIBUTE) {
        return adopt_attribute(s, snap, when);
    }
    result = rs_journal_adopt_body(&s->journal, snap->object, snap->held, when);
    if (result == 0 && (when == RS_LATER || s->journal.used > known)) {
        result = is_as_left(s, snap);
        if (result == 0) {
            rs_journal_adopt_lost(&s->journal);
        }
        result = result < 0 ? -1 : 0;
    }
    return result;
}
