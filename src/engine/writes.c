#include "writes.h"

#include "room.h"
#include <assert.h>
#include <string.h>

#include "body.h"
#include "heap.h"
#include "ordered.h"
#include "same.h"

#define CAPSULE "resoul._engine.writes"

/* ---- recording ---------------------------------------------------------------------- */

static rs_watched_dict *
find_dict(const rs_writes *w, PyObject *dict)
{
    PyObject *place = rs_idmap_get(&w->index, dict);
    return place != NULL ? &w->dicts[PyLong_AsSsize_t(place)] : NULL;
}

/* Room for one more record. A watcher's callback can't stop the write that it hears of: memory
 * is taken ahead, so that no single failure loses one. */
static int
reserve(rs_writes *w)
{
    rs_write *grown = rs_room(w->writes, w->n_writes, &w->writes_room,
                              sizeof(rs_write));
    if (grown == NULL) {
        return -1;
    }
    w->writes = grown;
    return rs_newest_reserve(&w->newest);
}

static int
add_write(rs_writes *w, const rs_watched_dict *d, PyObject *key, PyObject *old,
          const void *now)
{
    Py_ssize_t number = d - w->dicts;
    Py_ssize_t before = rs_newest_find(&w->newest, number, key);
    if (before >= 0 && w->writes[before].now == old &&
        (d->copy == NULL || before >= d->copied_at)) {
        w->writes[before].now = now; /* B4 */
        return 0;
    }
    if (reserve(w) < 0 || rs_newest_set(&w->newest, number, key, w->n_writes) < 0) {
        return -1;
    }
    if (before >= 0) {
        w->writes[before].last = 0;
    }
    w->writes[w->n_writes++] = (rs_write){number, Py_NewRef(key), Py_XNewRef(old),
                                          now,    before < 0,     1};
    return 0;
}

/* A removal loses the place in the order, and a key with code of its own can't be looked
 * up here: then the contents are copied, once. */
static int
copy_contents(const rs_writes *w, rs_watched_dict *d)
{
    if (d->copy != NULL || d->order != NULL) {
        return 0;
    }
    d->copied_at = w->n_writes;
    d->shared = 0;
    d->copy = PyDict_Copy(d->dict);
    return d->copy != NULL ? 0 : -1;
}

static int
record_key(rs_writes *w, rs_watched_dict *d, PyObject *key, PyObject *now)
{
    PyObject *old;
    if (d->named_only &&
        !(PyUnicode_CheckExact(key) && PySet_Contains(w->names, key) == 1)) {
        return 0;
    }
    if (!rs_is_plain_key(key)) {
        d->opaque = 1;
        return copy_contents(w, d);
    }
    if (now == NULL && copy_contents(w, d) < 0) {
        PyErr_Clear(); /* the value can go back all the same, if not to its place */
        w->unordered = 1;
    }
    /* 3.12.1 reports some additions as modifications: only the dict knows. */
    old = PyDict_GetItemWithError(d->dict, key);
    if (old == NULL && PyErr_Occurred()) {
        return -1;
    }
    return add_write(w, d, key, old, now);
}

/* All of `contents` is removed from the dict (gone) or put into it. */
static int
record_all(rs_writes *w, rs_watched_dict *d, PyObject *contents, int gone)
{
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    if (copy_contents(w, d) < 0) {
        return -1;
    }
    while (PyDict_Next(contents, &pos, &key, &value)) {
        if (!rs_is_plain_key(key)) {
            d->opaque = 1;
        } else if (add_write(w, d, key, gone ? value : NULL, gone ? NULL : value) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
record_event(rs_writes *w, PyDict_WatchEvent event, PyObject *dict, PyObject *key,
             PyObject *value)
{
    rs_watched_dict *d = find_dict(w, dict);
    if (d == NULL || !w->recording) {
        return 0;
    }
    if (w->s->thread != PyThread_get_thread_ident()) {
        d->shared = 1;
        return 0;
    }
    if (value != NULL && (PyObject *)Py_TYPE(value) == w->s->st->SysModules_Type) {
        return 0; /* the engine's own proxy comes and goes with imports.c */
    }
    switch (event) {
    case PyDict_EVENT_ADDED:
    case PyDict_EVENT_MODIFIED:
    case PyDict_EVENT_DELETED:
        return record_key(w, d, key, event == PyDict_EVENT_DELETED ? NULL : value);
    case PyDict_EVENT_CLONED: /* an empty dict becomes a copy of `key` */
        return record_all(w, d, key, 0);
    case PyDict_EVENT_CLEARED:
        return record_all(w, d, dict, 1);
    case PyDict_EVENT_DEALLOCATED:
    default:
        return 0;
    }
}

/* Looking for it takes memory for its name, and an event that is not heard is lost: try
 * twice. */
static PyObject *
find_capsule(PyObject *store)
{
    PyObject *capsule = NULL;
    for (int i = 0; store != NULL && capsule == NULL && i < 2; i++) {
        PyObject *name = PyUnicode_FromString(CAPSULE);
        capsule = name != NULL ? PyDict_GetItemWithError(store, name) : NULL;
        Py_XDECREF(name);
        if (capsule == NULL && !PyErr_Occurred()) {
            break;
        }
        PyErr_Clear();
    }
    return capsule;
}

/* CPython gives no argument to watchers; the interpreter's dict leads to the session. */
static int
on_dict_event(PyDict_WatchEvent event, PyObject *dict, PyObject *key, PyObject *value)
{
    PyObject *exc = PyErr_GetRaisedException();
    PyObject *store = PyInterpreterState_GetDict(PyInterpreterState_Get());
    PyObject *capsule = find_capsule(store);
    if (capsule != NULL) {
        rs_writes *w = PyCapsule_GetPointer(capsule, CAPSULE);
        if (w != NULL && record_event(w, event, dict, key, value) < 0) {
            w->lost = 1;
        }
    }
    PyErr_Clear();
    PyErr_SetRaisedException(exc);
    return 0;
}

static int
take_watcher(rs_writes *w)
{
    int result = -1;
    PyObject *capsule, *store = PyInterpreterState_GetDict(PyInterpreterState_Get());
    if (store == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    w->watcher = PyDict_AddWatcher(on_dict_event);
    if (w->watcher < 0) {
        PyErr_Clear(); /* no id left */
        return 0;
    }
    capsule = PyCapsule_New(w, CAPSULE, NULL);
    if (capsule != NULL) {
        result = PyDict_SetItemString(store, CAPSULE, capsule);
        Py_DECREF(capsule);
    }
    if (result < 0) {
        PyDict_ClearWatcher(w->watcher);
        w->watcher = -1;
    }
    return result;
}

int
rs_writes_open(rs_writes *w, rs_session *s, PyObject *names)
{
    memset(w, 0, sizeof(*w));
    w->s = s;
    w->names = names;
    w->watcher = -1;
    w->recording = 1;
    return reserve(w) < 0 ? -1 : take_watcher(w);
}

int
rs_writes_watch(rs_writes *w, PyObject *dict, PyTypeObject *type, int named_only)
{
    PyObject *place;
    rs_watched_dict *d, *grown;
    if (!w->recording || rs_idmap_has(&w->index, dict)) {
        return 0;
    }
    grown = rs_room(w->dicts, w->n_dicts, &w->dicts_room, sizeof(rs_watched_dict));
    if (grown == NULL) {
        return -1;
    }
    w->dicts = grown;
    place = PyLong_FromSsize_t(w->n_dicts);
    if (place == NULL || rs_idmap_set(&w->index, dict, place) < 0) {
        Py_XDECREF(place);
        return -1;
    }
    Py_DECREF(place);
    d = &w->dicts[w->n_dicts++];
    memset(d, 0, sizeof(*d));
    d->dict = Py_NewRef(dict);
    d->type = (PyTypeObject *)Py_XNewRef((PyObject *)type);
    d->named_only = named_only;
    if (PyODict_Check(dict)) {
        /* its watcher sees it half changed */
        d->order = rs_ordered_keys(dict);
        if (d->order == NULL) {
            return -1;
        }
    }
    d->compared = w->watcher < 0 || rs_dict_is_silent(dict);
    if (!d->compared) {
        return PyDict_Watch(w->watcher, dict);
    }
    d->copy = PyDict_Copy(dict);
    return d->copy != NULL ? 0 : -1;
}

void
rs_writes_belong(rs_writes *w, PyObject *dict, const PyObject *owner)
{
    rs_watched_dict *d = find_dict(w, dict);
    if (d != NULL) {
        d->owner = owner;
    }
}

void
rs_writes_own(rs_writes *w, PyObject *dict)
{
    rs_watched_dict *d = find_dict(w, dict);
    if (d != NULL) {
        d->own = 1;
    }
}

/* ---- the end of recording ----------------------------------------------------------- */

static uint64_t
fingerprint(PyObject *dict)
{
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    uint64_t print = (uint64_t)PyDict_GET_SIZE(dict);
    while (PyDict_Next(dict, &pos, &key, &value)) {
        print = (print ^ (uintptr_t)key) * 0x9E3779B97F4A7C15ULL;
        print = (print ^ (uintptr_t)value ^ (print >> 29)) * 0x9E3779B97F4A7C15ULL;
    }
    return print;
}

/* Is the key's value another one than in the copy? 1 and *old (borrowed, NULL: there was
 * none), 0, or -1. */
static int
is_changed(rs_writes *w, const rs_watched_dict *d, PyObject *copy, PyObject *key,
           PyObject *value, PyObject **old)
{
    if (!rs_is_plain_key(key) ||
        (d->named_only &&
         !(PyUnicode_CheckExact(key) && PySet_Contains(w->names, key) == 1))) {
        return 0;
    }
    *old = PyDict_GetItemWithError(copy, key);
    return *old == NULL && PyErr_Occurred() ? -1 : *old != value;
}

static int
compare_contents(rs_writes *w, rs_watched_dict *d, PyObject *copy, rs_made_test made,
                 void *arg)
{
    PyObject *key, *value, *old;
    Py_ssize_t pos = 0;
    while (PyDict_Next(d->dict, &pos, &key, &value)) {
        int changed = is_changed(w, d, copy, key, value, &old);
        if (changed > 0 && made != NULL && made(value, arg) == RS_MADE_NOT) {
            w->unsure = 1; /* whoever did it */
            continue;
        }
        if (changed < 0 || (changed && add_write(w, d, key, old, value) < 0)) {
            return -1;
        }
    }
    pos = 0;
    while (PyDict_Next(copy, &pos, &key, &value)) {
        int changed = is_changed(w, d, d->dict, key, value, &old);
        if (changed > 0 && old == NULL && made != NULL) {
            w->unsure = 1;
            continue;
        }
        if (changed < 0 ||
            (changed && old == NULL && add_write(w, d, key, value, NULL) < 0)) {
            return -1;
        }
    }
    return 0;
}

/* Without a watcher: the writes are what differs between copy and dict. Where no other
 * thread has run, all contents can be put back, in their order. */
static int
compare_with_copy(rs_writes *w, rs_watched_dict *d, rs_made_test made, void *arg)
{
    PyObject *copy = d->copy;
    int result;
    d->copy = NULL; /* writes are recorded as if there were none */
    result = compare_contents(w, d, copy, made, arg);
    if (made == NULL && !d->named_only && d->order == NULL) {
        d->copy = copy;
        d->copied_at = 0; /* no write to it was before */
    } else {
        Py_DECREF(copy);
    }
    return result;
}

void
rs_writes_stop(rs_writes *w, rs_made_test made, void *arg)
{
    PyObject *exc = PyErr_GetRaisedException();
    if (!w->recording) {
        PyErr_SetRaisedException(exc);
        return;
    }
    w->recording = 0;
    for (Py_ssize_t i = 0; i < w->n_dicts; i++) {
        rs_watched_dict *d = &w->dicts[i];
        if (!d->compared) {
            PyDict_Unwatch(w->watcher, d->dict);
        } else if (d->copy != NULL &&
                   compare_with_copy(w, d, d->own ? NULL : made, arg) < 0) {
            w->lost = 1;
        }
        if (d->copy != NULL) {
            d->print = fingerprint(d->dict);
        }
    }
    if (w->watcher >= 0) {
        PyObject *store = PyInterpreterState_GetDict(PyInterpreterState_Get());
        PyDict_ClearWatcher(w->watcher);
        w->watcher = -1;
        if (find_capsule(store) != NULL) {
            PyDict_DelItemString(store, CAPSULE);
        }
    }
    w->names = NULL;
    rs_newest_clear(&w->newest);
    PyErr_Clear();
    PyErr_SetRaisedException(exc);
}

/* ---- undoing ------------------------------------------------------------------------ */

static int
put_back(const rs_watched_dict *d, PyObject *key, PyObject *old)
{
    if (d->type != NULL) {
        /* Not into the dict: slots and caches of the class must follow (hazard 13). */
        return PyType_Type.tp_setattro((PyObject *)d->type, key, old);
    }
    if (PyODict_Check(d->dict)) {
        return old != NULL ? PyODict_SetItem(d->dict, key, old)
                           : PyODict_DelItem(d->dict, key);
    }
    return old != NULL ? PyDict_SetItem(d->dict, key, old)
                       : PyDict_DelItem(d->dict, key);
}

/* 1 if put back, 0 if somebody else has written there since, -1. */
static int
undo_write(const rs_writes *w, const rs_write *write)
{
    const rs_watched_dict *d = &w->dicts[write->dict];
    PyObject *current = PyDict_GetItemWithError(d->dict, write->key);
    if (current == NULL && PyErr_Occurred()) {
        return -1;
    }
    if (current == write->old) {
        return 1;
    }
    if (current != write->now) {
        return 0;
    }
    return put_back(d, write->key, write->old) < 0 ? -1 : 1;
}

/* Can all contents be restored at once, in the old order? Only where no other thread has
 * written; and not those of a class, whose slots must follow each name. */
static int
is_whole(const rs_watched_dict *d)
{
    return d->copy != NULL && !d->shared && d->type == NULL;
}

/* The dict of a class has its old contents again; now their order. */
static int
restore_class_order(const rs_watched_dict *d)
{
    int result = -1;
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    PyObject *ordered = PyDict_New();
    while (ordered != NULL && PyDict_Next(d->copy, &pos, &key, NULL)) {
        value = PyDict_GetItemWithError(d->dict, key);
        if (value != NULL ? PyDict_SetItem(ordered, key, value) < 0
                          : PyErr_Occurred() != NULL) {
            Py_CLEAR(ordered);
        }
    }
    if (ordered != NULL && PyDict_GET_SIZE(ordered) == PyDict_GET_SIZE(d->dict)) {
        result = fingerprint(ordered) != fingerprint(d->dict)
                     ? rs_body_swap(d->dict, ordered)
                     : 0;
        PyType_Modified(d->type);
    }
    Py_XDECREF(ordered);
    return result;
}

/* Puts the keys of an OrderedDict, which are all there again, into their old order. */
static int
restore_order(const rs_watched_dict *d)
{
    int same = 1;
    PyObject *keys = rs_ordered_keys(d->dict);
    if (keys == NULL || PyList_GET_SIZE(keys) != PyList_GET_SIZE(d->order)) {
        Py_XDECREF(keys);
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(keys); i++) {
        same &= PyList_GET_ITEM(keys, i) == PyList_GET_ITEM(d->order, i);
    }
    Py_DECREF(keys);
    for (Py_ssize_t i = 0; !same && i < PyList_GET_SIZE(d->order); i++) {
        PyObject *nothing = PyObject_CallMethod((PyObject *)&PyODict_Type,
                                                "move_to_end", "OO", d->dict,
                                                PyList_GET_ITEM(d->order, i));
        if (nothing == NULL) {
            return -1;
        }
        Py_DECREF(nothing);
    }
    return 0;
}

/* `only`: nothing else is undone; NULL: all. */
static int
is_meant(const rs_idmap *only, const rs_watched_dict *d)
{
    return only == NULL || rs_idmap_has(only, d->dict);
}

static int
undo(rs_writes *w, const rs_idmap *only)
{
    int complete = !w->lost && (only != NULL || !(w->unsure || w->unordered));
    for (Py_ssize_t i = 0; i < w->n_dicts; i++) {
        rs_watched_dict *d = &w->dicts[i];
        if (d->copy == NULL || !is_meant(only, d)) {
            continue;
        }
        d->shared |= d->print != fingerprint(d->dict);
        if (d->type != NULL) {
            continue;
        }
        if (!is_whole(d) || rs_body_swap(d->dict, d->copy) < 0) {
            d->shared = 1; /* key by key, then, as far as keys can be looked up */
            complete = complete && !d->opaque;
        }
    }
    assert(!w->recording); /* or undoing would be recorded */
    for (Py_ssize_t i = w->n_writes - 1; i >= 0; i--) {
        const rs_write *write = &w->writes[i];
        const rs_watched_dict *d = &w->dicts[write->dict];
        if (!is_meant(only, d) || (is_whole(d) && i >= d->copied_at)) {
            continue;
        }
        if (undo_write(w, write) != 1) {
            complete = 0;
        }
    }
    for (Py_ssize_t i = 0; i < w->n_dicts; i++) {
        const rs_watched_dict *d = &w->dicts[i];
        int result = 0;
        if (!is_meant(only, d) || d->shared ||
            (d->order == NULL && (d->type == NULL || d->copy == NULL))) {
            continue;
        }
        if (d->type != NULL) {
            result = restore_class_order(d);
        } else {
            result = d->opaque ? -1 : restore_order(d);
        }
        complete = complete && result == 0;
    }
    PyErr_Clear();
    return complete;
}

int
rs_writes_undo(rs_writes *w)
{
    return undo(w, NULL);
}

/* The number of what was recorded before a copy, without those to `dict`. */
static void
renumber_copies(rs_writes *w, Py_ssize_t dict)
{
    for (Py_ssize_t k = 0; k < w->n_dicts; k++) {
        Py_ssize_t before = 0;
        for (Py_ssize_t i = 0; w->dicts[k].copy != NULL && i < w->dicts[k].copied_at;
             i++) {
            before += w->writes[i].dict == dict;
        }
        w->dicts[k].copied_at -= before;
    }
}

/* Drops what is known of the dict: releasing may run Python code. */
static void
drop_writes(rs_writes *w, Py_ssize_t dict)
{
    Py_ssize_t kept = 0, n = w->n_writes;
    PyObject *copy = w->dicts[dict].copy;
    w->dicts[dict].copy = NULL;
    renumber_copies(w, dict);
    for (Py_ssize_t i = 0; i < n; i++) {
        rs_write write = w->writes[i];
        if (write.dict != dict) {
            w->writes[kept++] = write;
            continue;
        }
        Py_DECREF(write.key);
        Py_XDECREF(write.old);
    }
    w->n_writes = kept;
    Py_XDECREF(copy);
}

int
rs_writes_undo_some(rs_writes *w, const rs_idmap *dicts)
{
    int complete = undo(w, dicts);
    for (Py_ssize_t i = 0; i < w->n_dicts; i++) {
        if (is_meant(dicts, &w->dicts[i])) {
            drop_writes(w, i);
        }
    }
    return complete;
}

void
rs_writes_pass_over(rs_writes *w, const PyObject *dict)
{
    for (Py_ssize_t i = 0; i < w->n_dicts; i++) {
        if (w->dicts[i].dict == dict) {
            drop_writes(w, i);
        }
    }
}

int
rs_writes_visit(const rs_writes *w, const rs_idmap *dicts,
                int (*visit)(void *arg, PyObject *dict, PyTypeObject *type,
                             PyObject *key, PyObject *old, PyObject *now),
                void *arg)
{
    int result = 0;
    for (Py_ssize_t i = 0; result == 0 && i < w->n_writes; i++) {
        const rs_write *write = &w->writes[i];
        const rs_watched_dict *d = &w->dicts[write->dict];
        PyObject *now;
        /* the first one has told what the key meant */
        if (!is_meant(dicts, d) || !write->first) {
            continue;
        }
        now = PyDict_GetItemWithError(d->dict, write->key);
        if (now == NULL && PyErr_Occurred()) {
            return -1;
        }
        if (now != write->old) {
            result = visit(arg, d->dict, d->type, write->key, write->old, now);
        }
    }
    return result;
}

void
rs_writes_clear(rs_writes *w)
{
    rs_writes taken = *w; /* releasing may run Python code */
    memset(w, 0, sizeof(*w));
    w->watcher = -1;
    for (Py_ssize_t i = 0; i < taken.n_writes; i++) {
        Py_DECREF(taken.writes[i].key);
        Py_XDECREF(taken.writes[i].old);
    }
    for (Py_ssize_t i = 0; i < taken.n_dicts; i++) {
        Py_DECREF(taken.dicts[i].dict);
        Py_XDECREF(taken.dicts[i].type);
        Py_XDECREF(taken.dicts[i].copy);
        Py_XDECREF(taken.dicts[i].order);
    }
    PyMem_Free(taken.writes);
    PyMem_Free(taken.dicts);
    rs_idmap_clear(&taken.index);
    rs_newest_clear(&taken.newest);
}

/* Where there is a copy that tells, the writes before it count. */
static int
is_told_by_copy(const rs_watched_dict *d)
{
    return d->copy != NULL && !d->shared;
}

Py_ssize_t
rs_writes_stored(const rs_writes *w, PyObject *op)
{
    Py_ssize_t count = 0;
    for (Py_ssize_t i = 0; i < w->n_writes; i++) {
        const rs_write *write = &w->writes[i];
        const rs_watched_dict *d = &w->dicts[write->dict];
        if (!is_told_by_copy(d) || i < d->copied_at) {
            count += write->now == op && write->last;
            count += write->key == op && write->old == NULL && write->now != NULL;
        }
    }
    for (Py_ssize_t i = 0; i < w->n_dicts; i++) {
        const rs_watched_dict *d = &w->dicts[i];
        if (is_told_by_copy(d)) {
            count += rs_heap_count(d->dict, op) - rs_heap_count(d->copy, op);
        }
    }
    return count;
}

PyObject *
rs_writes_copy(const rs_writes *w, PyObject *dict)
{
    const rs_watched_dict *d = find_dict(w, dict);
    return d != NULL ? d->copy : NULL;
}

int
rs_writes_added(const rs_writes *w, const PyObject *dict, const PyObject *key)
{
    for (Py_ssize_t i = 0; i < w->n_writes; i++) {
        const rs_write *write = &w->writes[i];
        if (write->key == key && write->old == NULL &&
            w->dicts[write->dict].dict == dict) {
            return 1;
        }
    }
    return 0;
}

Py_ssize_t
rs_writes_holds(const rs_writes *w, const PyObject *op)
{
    return 2 * rs_idmap_has(&w->index, op); /* and its place in dicts */
}

int
rs_writes_visit_held(const rs_writes *w, visitproc visit, void *arg)
{
    for (Py_ssize_t i = 0; i < w->n_writes; i++) {
        const rs_write *write = &w->writes[i];
        int result = visit(write->key, arg);
        if (result == 0 && write->old != NULL) {
            result = visit(write->old, arg);
        }
        if (result != 0) {
            return result;
        }
    }
    for (Py_ssize_t i = 0; i < w->n_dicts; i++) {
        const rs_watched_dict *d = &w->dicts[i];
        PyObject *refs[] = {(PyObject *)d->type, d->copy, d->order};
        for (size_t k = 0; k < Py_ARRAY_LENGTH(refs); k++) {
            int result = refs[k] != NULL ? visit(refs[k], arg) : 0;
            if (result != 0) {
                return result;
            }
        }
    }
    return 0;
}
