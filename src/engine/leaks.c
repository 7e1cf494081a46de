#include "leaks.h"

#include <assert.h>

#include "adopt.h"
#include "caches.h"
#include "hotfix.h"
#include "imports.h"
#include "lookup.h"
#include "op.h"
#include "reach.h"
#include "room.h"
#include "same.h"
#include "snapshot.h"
#include "threads.h"
#include "writes.h"

/* Elements that are copied before an update, all containers together. */
#define MAX_COPIED 4000000

struct rs_leaks {
    rs_session *s;
    struct rs_leaks *before; /* the phase before this one, or NULL */
    rs_leaks_phase phase;
    int recording;
    int by_hand; /* the snippet's own code is about to change what is being reached */
    int ran_beside;   /* another thread may have run while the bodies did */
    Py_ssize_t *open; /* numbers of containers that the snippet has touched just now */
    Py_ssize_t n_open, open_room;
    rs_reach reach; /* until the end */
    rs_writes writes;
    rs_snapshot *snapshots;
    Py_ssize_t n_snapshots, room;
    Py_ssize_t copied; /* elements, so far */
    rs_threads *threads;
    rs_idmap constants; /* of the units' code, where others have run */
    rs_idmap
        attributes; /* object -> the name of its attribute that was copied, or a set
                            of them */
    rs_idmap own;   /* the same, of those that the snippet's own code sets or deletes */
    rs_idmap
        whole; /* instances whose __dict__ is watched -> themselves, or None if that
                         tells nothing */
    rs_newest newest; /* object -> the snapshot of an attribute of it, until the end */
    rs_idmap named;   /* effects: what is under the names that they read */
};

/* ---- what bodies made ---------------------------------------------------------------- */

/* Is a constant one of its kind? None, whole numbers, letters are everybody's. */
static int
is_telling(PyObject *constant)
{
    if (PyUnicode_Check(constant)) {
        return PyUnicode_GET_LENGTH(constant) > 1;
    }
    if (PyBytes_Check(constant)) {
        return PyBytes_GET_SIZE(constant) > 1;
    }
    if (PyTuple_Check(constant)) {
        return PyTuple_GET_SIZE(constant) > 0;
    }
    return PyFloat_Check(constant) || PyComplex_Check(constant) ||
           PyAnySet_Check(constant);
}

/* Values for which newer compilers have instructions: they are in no co_consts. */
static int
is_immediate(PyObject *op)
{
    int overflow = 0;
    long value;
    if (op == Py_None || PyBool_Check(op)) {
        return 1;
    }
    if (!PyLong_CheckExact(op)) {
        return 0;
    }
    value = PyLong_AsLongAndOverflow(op, &overflow);
    return overflow == 0 && value >= 0 && value < 256;
}

static int
collect_constants(rs_idmap *map, PyObject *tuple)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        PyObject *constant = PyTuple_GET_ITEM(tuple, i);
        int result = 0;
        if (PyCode_Check(constant)) {
            result = collect_constants(map, RS_CODE(constant)->co_consts);
        } else if (PyTuple_Check(constant)) {
            result = collect_constants(map, constant);
        }
        if (result == 0) {
            result = rs_idmap_set(map, constant, constant);
        }
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

static int
is_made_class(const rs_session *s, PyTypeObject *type)
{
    PyObject *dict, *module;
    const rs_unit *u;
    int result;
    if (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) {
        return 0;
    }
    if (rs_idmap_has(&s->quiet, type)) {
        return 1;
    }
    dict = PyType_GetDict(type);
    module = PyDict_GetItemWithError(dict, s->st->names.__module__);
    u = module != NULL ? rs_session_unit_by_name(s, module) : NULL;
    result = u != NULL && rs_live_class(s, u, RS_HEAPTYPE(type)->ht_qualname) != type;
    Py_DECREF(dict);
    PyErr_Clear();
    return result;
}

static rs_made
is_made(PyObject *op, void *arg)
{
    const struct rs_leaks *leaks = arg;
    const rs_session *s = leaks->s;
    rs_made made = RS_MADE_NOT;
    if (rs_idmap_has(&leaks->constants, op)) {
        made = is_telling(op) ? RS_MADE_PERHAPS : RS_MADE_HARDLY;
    } else if (is_immediate(op)) {
        made = RS_MADE_HARDLY;
    }
    if (leaks->phase == RS_LEAKS_EFFECTS && rs_idmap_has(&s->young, op)) {
        return RS_MADE; /* the update brought it */
    }
    if (rs_idmap_has(&leaks->named, op)) {
        made = RS_MADE_PERHAPS;
    }
    if (rs_hot_made(s, op) || rs_hot_made(s, (PyObject *)Py_TYPE(op))) {
        return RS_MADE;
    }
    if (PyFunction_Check(op)) {
        return RS_FUNCTION(op)->func_builtins == s->builtins ||
                       rs_session_unit_by_scratch(s, PyFunction_GET_GLOBALS(op)) !=
                           NULL ||
                       rs_idmap_has(&leaks->constants, PyFunction_GET_CODE(op))
                   ? RS_MADE
                   : made;
    }
    if (PyMethod_Check(op)) {
        made = is_made(PyMethod_GET_FUNCTION(op), arg);
        return made == RS_MADE ? made : is_made(PyMethod_GET_SELF(op), arg);
    }
    for (Py_ssize_t i = 0;
         PyTuple_Check(op) && made != RS_MADE && i < PyTuple_GET_SIZE(op); i++) {
        made = Py_MAX(made, is_made(PyTuple_GET_ITEM(op, i), arg));
    }
    if (is_made_class(s, PyType_Check(op) ? RS_TYPE(op) : Py_TYPE(op))) {
        made = RS_MADE;
    }
    return made;
}

/* ---- what is within reach ------------------------------------------------------------ */

static int
add_snapshot(struct rs_leaks *leaks, rs_snapshot *snap)
{
    if (leaks->n_snapshots == leaks->room) {
        Py_ssize_t room = leaks->room != 0 ? leaks->room * 2 : 32;
        rs_snapshot *grown = PyMem_Realloc(leaks->snapshots,
                                           (size_t)room * sizeof(rs_snapshot));
        if (grown == NULL) {
            rs_snapshot_clear(snap);
            PyErr_NoMemory();
            return -1;
        }
        leaks->snapshots = grown;
        leaks->room = room;
    }
    leaks->snapshots[leaks->n_snapshots++] = *snap;
    return 0;
}

static int
reach_dict(void *arg, PyObject *dict, PyTypeObject *type, int foreign)
{
    struct rs_leaks *leaks = arg;
    rs_session *s = leaks->s;
    if (dict == s->builtins || rs_session_unit_by_scratch(s, dict) != NULL ||
        rs_hot_is_namespace(s, dict)) {
        return 0;
    }
    return rs_writes_watch(&leaks->writes, dict, type,
                           foreign && !leaks->reach.all_names);
}

static int
is_same_mark(rs_mark a, rs_mark b)
{
    return a.size == b.size && a.filled == b.filled && a.first == b.first &&
           a.last == b.last;
}

/* The snippet is about to change the container; between two such moments nobody should. */
static int
touch(struct rs_leaks *leaks, Py_ssize_t number)
{
    rs_snapshot *snap = &leaks->snapshots[number];
    Py_ssize_t *grown;
    if (snap->touch == RS_TOUCH_NOW) {
        return 0;
    }
    if (snap->touch == RS_TOUCH_BEFORE &&
        !is_same_mark(rs_snapshot_mark(snap), snap->mark)) {
        snap->shared = 1;
    }
    grown = rs_room(leaks->open, leaks->n_open, &leaks->open_room, sizeof(Py_ssize_t));
    if (grown == NULL) {
        return -1;
    }
    leaks->open = grown;
    leaks->open[leaks->n_open++] = number;
    snap->touch = RS_TOUCH_NOW;
    return 0;
}

/* The snippet has done that: what the containers hold now is its work. */
static void
close_touched(struct rs_leaks *leaks)
{
    for (Py_ssize_t i = 0; i < leaks->n_open; i++) {
        rs_snapshot *snap = &leaks->snapshots[leaks->open[i]];
        snap->mark = rs_snapshot_mark(snap);
        snap->touch = RS_TOUCH_BEFORE;
    }
    leaks->n_open = 0;
}

/* Nothing runs any more. */
static void
look_for_shared(struct rs_leaks *leaks)
{
    close_touched(leaks);
    for (Py_ssize_t i = 0; i < leaks->n_snapshots; i++) {
        rs_snapshot *snap = &leaks->snapshots[i];
        if (snap->touch == RS_TOUCH_BEFORE &&
            !is_same_mark(rs_snapshot_mark(snap), snap->mark)) {
            snap->shared = 1;
        }
    }
}

static int
reach_container(void *arg, PyObject *container)
{
    struct rs_leaks *leaks = arg;
    rs_snapshot snap;
    Py_ssize_t size = 0, known = -1;
    int result;
    if (leaks->phase == RS_LEAKS_SNIPPET) {
        known = rs_newest_find(&leaks->newest, 1, container);
    }
    if (known >= 0) {
        return touch(leaks, known);
    }
    if (leaks->copied >= MAX_COPIED) {
        leaks->reach.missed++;
        return 0;
    }
    result = rs_snapshot_take(&snap, leaks->s->st, container, &size);
    if (result != 1) {
        return result;
    }
    leaks->copied += size;
    if (leaks->phase != RS_LEAKS_SNIPPET) {
        return add_snapshot(leaks, &snap);
    }
    if (rs_newest_set(&leaks->newest, 1, container, leaks->n_snapshots) < 0) {
        rs_snapshot_clear(&snap);
        return -1;
    }
    return add_snapshot(leaks, &snap) < 0 ? -1 : touch(leaks, leaks->n_snapshots - 1);
}

/* Is the attribute in `map` (object -> name or set of names)? 1, 0, -1. */
static int
has_attribute(const rs_idmap *map, PyObject *object, PyObject *name)
{
    PyObject *names = rs_idmap_get(map, object);
    if (names == NULL || PyUnicode_Check(names)) {
        return names != NULL && rs_same_text(names, name);
    }
    return PySet_Contains(names, name);
}

/* Puts it there. 1 if it was there before, 0, -1. */
static int
add_attribute(rs_idmap *map, PyObject *object, PyObject *name)
{
    int found;
    PyObject *names = rs_idmap_get(map, object);
    if (names == NULL) {
        return rs_idmap_set(map, object, name);
    }
    if (names == name) {
        return 1;
    }
    if (PyUnicode_Check(names)) {
        PyObject *set = PySet_New(NULL);
        if (set == NULL || PySet_Add(set, names) < 0 ||
            rs_idmap_set(map, object, set) < 0) {
            Py_XDECREF(set);
            return -1;
        }
        names = set;
        Py_DECREF(set); /* the map has it */
    }
    found = PySet_Contains(names, name);
    return found == 0 ? PySet_Add(names, name) : found;
}

/* Not in a slot or another field. 1, 0, -1. */
static int
lives_in_dict(PyObject *object, PyObject *name)
{
    PyObject *mro = Py_TYPE(object)->tp_mro;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *dict = PyType_GetDict(RS_TYPE(PyTuple_GET_ITEM(mro, i)));
        PyObject *found = PyDict_GetItemWithError(dict, name);
        Py_DECREF(dict);
        if (found != NULL) {
            return Py_TYPE(found)->tp_descr_set == NULL;
        }
    }
    return PyErr_Occurred() ? -1 : 1;
}

/* Is its dict watched, and does the attribute live there? 1, 0, -1. */
static int
is_told_by_dict(const struct rs_leaks *leaks, PyObject *object, PyObject *name)
{
    return rs_idmap_get(&leaks->whole, object) == object ? lives_in_dict(object, name)
                                                         : 0;
}

static int
add_to_object(struct rs_leaks *leaks, rs_snapshot *snap)
{
    snap->before = rs_newest_find(&leaks->newest, 0, snap->object);
    if (rs_newest_set(&leaks->newest, 0, snap->object, leaks->n_snapshots) < 0) {
        rs_snapshot_clear(snap);
        return -1;
    }
    return add_snapshot(leaks, snap);
}

static int
reach_attribute(void *arg, PyObject *object, PyObject *name)
{
    struct rs_leaks *leaks = arg;
    rs_snapshot snap;
    int result = is_told_by_dict(leaks, object, name);
    if (result == 0) {
        result = add_attribute(&leaks->attributes, object, name);
    }
    if (result == 0) {
        result = rs_snapshot_take_attribute(&snap, object, name);
        return result == 1 ? add_to_object(leaks, &snap) : result;
    }
    return result < 0 ? -1 : 0;
}

static int
own_dict(struct rs_leaks *leaks, PyObject *dict)
{
    if (leaks->by_hand) {
        rs_writes_own(&leaks->writes, dict);
    }
    return 0;
}

/* From now on the dict tells of the object's attributes. Copies of single ones that were
 * made before go back after it: to what was before. */
static int
reach_whole(void *arg, PyObject *object, PyObject *dict)
{
    struct rs_leaks *leaks = arg;
    Py_ssize_t i = rs_newest_find(&leaks->newest, 0, object);
    if (rs_idmap_has(&leaks->whole, object)) {
        return own_dict(leaks, dict);
    }
    for (; i >= 0; i = leaks->snapshots[i].before) {
        rs_snapshot *snap = &leaks->snapshots[i];
        int in_dict = lives_in_dict(object, snap->name);
        if (in_dict < 0 || (in_dict && rs_snapshot_compare(snap, leaks->s->st) < 0)) {
            return -1;
        }
        snap->settled = in_dict;
    }
    if (rs_idmap_set(&leaks->whole, object,
                     rs_dict_is_silent(dict) ? Py_None : object) < 0 ||
        reach_dict(arg, dict, NULL, 0) < 0) {
        return -1;
    }
    rs_writes_belong(&leaks->writes, dict, object);
    return own_dict(leaks, dict);
}

static const rs_reach_visitor visitor = {reach_dict, reach_container, reach_attribute,
                                         reach_whole};

/* ---- begin, see, end ----------------------------------------------------------------- */

static void
free_leaks(rs_session *s)
{
    struct rs_leaks *leaks = s->leaks;
    if (leaks == NULL) {
        return;
    }
    s->leaks = leaks->before;
    rs_reach_clear(&leaks->reach);
    rs_writes_clear(&leaks->writes);
    for (Py_ssize_t i = 0; i < leaks->n_snapshots; i++) {
        rs_snapshot_clear(&leaks->snapshots[i]);
    }
    PyMem_Free(leaks->snapshots);
    PyMem_Free(leaks->open);
    rs_threads_free(leaks->threads);
    rs_idmap_clear(&leaks->constants);
    rs_idmap_clear(&leaks->attributes);
    rs_idmap_clear(&leaks->own);
    rs_idmap_clear(&leaks->named);
    rs_idmap_clear(&leaks->whole);
    rs_newest_clear(&leaks->newest);
    PyMem_Free(leaks);
}

int
rs_leaks_mark_threads(rs_session *s)
{
    rs_threads *mark = rs_threads_mark();
    if (mark == NULL) {
        return -1;
    }
    rs_threads_free(s->leaks->threads);
    s->leaks->threads = mark;
    return 0;
}

int
rs_leaks_begin(rs_session *s, rs_leaks_phase phase)
{
    struct rs_leaks *leaks = PyMem_Calloc(1, sizeof(struct rs_leaks));
    if (leaks == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    assert(s->leaks == NULL || !s->leaks->recording); /* L6 */
    leaks->s = s;
    leaks->phase = phase;
    leaks->before = s->leaks;
    leaks->writes.watcher = -1;
    s->leaks = leaks;
    if (rs_leaks_mark_threads(s) < 0 ||
        rs_reach_open(&leaks->reach, s, phase == RS_LEAKS_EFFECTS, &visitor, leaks) <
            0 ||
        rs_writes_open(&leaks->writes, s, leaks->reach.names) < 0) {
        free_leaks(s);
        return -1;
    }
    leaks->recording = 1;
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (rs_writes_watch(&leaks->writes, s->units[i].live, NULL, 0) < 0) {
            rs_leaks_end(s);
            free_leaks(s);
            return -1;
        }
    }
    return 0;
}

static int
is_first_import(const rs_session *s, PyObject *module)
{
    PyObject *name;
    if (s->first_imports == NULL || PyList_GET_SIZE(s->first_imports) == 0) {
        return 0;
    }
    name = PyDict_GetItemWithError(PyModule_GetDict(module), s->st->names.__name__);
    if (name == NULL || !PyUnicode_CheckExact(name)) {
        return PyErr_Occurred() ? -1 : 0;
    }
    return PySequence_Contains(s->first_imports, name);
}

int
rs_leaks_see_module(rs_session *s, PyObject *module)
{
    struct rs_leaks *leaks = s->leaks;
    int first;
    if (leaks == NULL || !leaks->recording) {
        return 0;
    }
    module = rs_imports_live(s, module); /* of a view, the package */
    if (!PyModule_Check(module) ||
        rs_session_unit_by_scratch(s, PyModule_GetDict(module)) != NULL ||
        rs_session_unit_by_live(s, PyModule_GetDict(module)) != NULL) {
        return 0;
    }
    first = is_first_import(s, module);
    return first != 0 ? (first < 0 ? -1 : 0) : rs_reach_module(&leaks->reach, module);
}

int
rs_leaks_see_names(rs_session *s, PyObject *dict)
{
    struct rs_leaks *leaks = s->leaks;
    return leaks != NULL && leaks->recording ? rs_reach_namespace(&leaks->reach, dict)
                                             : 0;
}

static int
note_whole(struct rs_leaks *leaks, PyObject *object)
{
    int result;
    leaks->by_hand = 1;
    result = rs_reach_whole(&leaks->reach, object);
    leaks->by_hand = 0;
    return result;
}

int
rs_leaks_note(rs_session *s, rs_note_kind kind, PyObject *object, PyObject *name)
{
    struct rs_leaks *leaks = s->leaks;
    int result;
    if (leaks == NULL || !leaks->recording || leaks->phase != RS_LEAKS_SNIPPET ||
        s->thread != PyThread_get_thread_ident()) {
        return 0;
    }
    close_touched(leaks);
    result = rs_hot_note_fields(s, kind, object, name);
    if (result != 0) {
        return result < 0 ? -1 : 0;
    }
    switch (kind) {
    case RS_NOTE_ATTRIBUTE:
        if (add_attribute(&leaks->own, object, name) < 0) {
            return -1;
        }
        return rs_reach_attribute(&leaks->reach, object, name);
    case RS_NOTE_INSIDE:
        return rs_reach_inside(&leaks->reach, object, name);
    case RS_NOTE_DELETE:
        if (add_attribute(&leaks->own, object, name) < 0) {
            return -1;
        }
        return note_whole(leaks, object) < 0
                   ? -1
                   : rs_reach_attribute(&leaks->reach, object, name);
    case RS_NOTE_WHOLE:
        return note_whole(leaks, object) < 0 ? -1
                                             : rs_reach_value(&leaks->reach, object);
    case RS_NOTE_ITEM:
        return rs_reach_item(&leaks->reach, PyTuple_GET_ITEM(object, 0),
                             PyTuple_GET_ITEM(object, 1));
    case RS_NOTE_READ:
        if (PyDict_CheckExact(object) || !PyDict_Check(object)) {
            return 0;
        }
        break;
    case RS_NOTE_ITEMS:
    case RS_NOTE_REACH:
        break;
    }
    return rs_reach_value(&leaks->reach, object);
}

int
rs_leaks_watch(rs_session *s, PyObject *dict, PyTypeObject *type)
{
    struct rs_leaks *leaks = s->leaks;
    return leaks != NULL && leaks->recording
               ? rs_writes_watch(&leaks->writes, dict, type, 0)
               : 0;
}

int
rs_leaks_visit_names(rs_session *s, const rs_idmap *namespaces, rs_leaks_visit visit,
                     void *arg)
{
    return s->leaks != NULL ? rs_writes_visit(&s->leaks->writes, namespaces, visit, arg)
                            : 0;
}

int
rs_leaks_take_names_back(rs_session *s, const rs_idmap *namespaces)
{
    return s->leaks == NULL || rs_writes_undo_some(&s->leaks->writes, namespaces);
}

int
rs_leaks_lost(const rs_session *s)
{
    return s->leaks != NULL && s->leaks->writes.lost;
}

int
rs_leaks_visit_classes(const rs_session *s, const rs_idmap *but, rs_idmap *namespaces)
{
    const rs_writes *w = s->leaks != NULL ? &s->leaks->writes : NULL;
    for (Py_ssize_t i = 0; w != NULL && i < w->n_dicts; i++) {
        if (w->dicts[i].type != NULL && !rs_idmap_has(but, w->dicts[i].type) &&
            rs_idmap_set(namespaces, w->dicts[i].dict, (PyObject *)w->dicts[i].type) <
                0) {
            return -1;
        }
    }
    return 0;
}

int
rs_leaks_added(const rs_session *s, const PyObject *dict, const PyObject *key)
{
    return s->leaks != NULL && rs_writes_added(&s->leaks->writes, dict, key);
}

void
rs_leaks_pass_over(rs_session *s, PyObject *dict)
{
    if (s->leaks != NULL) {
        rs_writes_pass_over(&s->leaks->writes, dict);
    }
}

/* Without memory once more: what is not compared can't be taken back. */
static int
compare(const struct rs_leaks *leaks, rs_snapshot *snap)
{
    int changed = rs_snapshot_compare(snap, leaks->s->st);
    if (changed < 0) {
        PyErr_Clear();
        changed = rs_snapshot_compare(snap, leaks->s->st);
    }
    return changed;
}

/* Keeps the snapshots whose objects have changed. */
static int
drop_unchanged(struct rs_leaks *leaks)
{
    Py_ssize_t kept = 0;
    int result = 0;
    for (Py_ssize_t i = 0; i < leaks->n_snapshots; i++) {
        rs_snapshot *snap = &leaks->snapshots[i];
        int changed = snap->settled ? snap->after != NULL : compare(leaks, snap);
        if (changed == 1) {
            leaks->snapshots[kept++] = *snap;
            continue;
        }
        if (changed < 0) {
            result = -1;
            PyErr_Clear();
        }
        rs_snapshot_clear(snap);
    }
    leaks->n_snapshots = kept;
    return result;
}

/* What effects put somewhere is often what a name means. */
static int
collect_named(struct rs_leaks *leaks, const rs_unit *u)
{
    PyObject *names = RS_CODE(u->effects)->co_names;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        PyObject *value = PyDict_GetItemWithError(u->live, PyTuple_GET_ITEM(names, i));
        if (value != NULL
                ? !is_immediate(value) && rs_idmap_set(&leaks->named, value, value) < 0
                : PyErr_Occurred() != NULL) {
            return -1;
        }
    }
    return 0;
}

/* Only where other threads have run is it asked who made what. */
static int
look_at_threads(struct rs_leaks *leaks)
{
    rs_session *s = leaks->s;
    int effects = leaks->phase == RS_LEAKS_EFFECTS;
    leaks->ran_beside = rs_threads_ran(leaks->threads);
    if (leaks->ran_beside && leaks->phase == RS_LEAKS_SNIPPET) {
        return collect_constants(&leaks->constants, RS_CODE(rs_hot_code(s))->co_consts);
    }
    for (Py_ssize_t i = 0; leaks->ran_beside && i < s->n_units; i++) {
        PyObject *code = effects ? s->units[i].effects : s->units[i].code;
        if (code != NULL &&
            (collect_constants(&leaks->constants, RS_CODE(code)->co_consts) < 0 ||
             (effects && collect_named(leaks, &s->units[i]) < 0))) {
            return -1;
        }
    }
    return 0;
}

void
rs_leaks_end(rs_session *s)
{
    struct rs_leaks *leaks = s->leaks;
    PyObject *exc;
    if (leaks == NULL || !leaks->recording) {
        return;
    }
    exc = PyErr_GetRaisedException();
    leaks->recording = 0;
    look_for_shared(leaks);
    if (look_at_threads(leaks) < 0) {
        leaks->writes.lost = 1;
        PyErr_Clear();
    }
    rs_writes_stop(&leaks->writes, leaks->ran_beside ? is_made : NULL, leaks);
    if (drop_unchanged(leaks) < 0) {
        leaks->writes.lost = 1;
    }
    rs_reach_clear(&leaks->reach);
    assert(leaks->writes.watcher < 0 && !leaks->writes.recording); /* L5 */
    PyErr_SetRaisedException(exc);
}

int
rs_leaks_is_phase(const rs_session *s, rs_leaks_phase phase)
{
    return s->leaks != NULL && s->leaks->phase == phase;
}

/* What the snippet set itself needs no proof that nobody else did. 1, 0 or -1. */
static int
restore(struct rs_leaks *leaks, rs_snapshot *snap)
{
    int own = 0;
    if (leaks->ran_beside && snap->kind == RS_SNAPSHOT_ATTRIBUTE) {
        own = has_attribute(&leaks->own, snap->object, snap->name);
    } else if (snap->touch != RS_TOUCH_NEVER) {
        own = !snap->shared;
    }
    return own < 0
               ? -1
               : rs_snapshot_restore(snap, leaks->s->st,
                                     leaks->ran_beside && !own ? is_made : NULL, leaks);
}

void
rs_leaks_take_back(rs_session *s)
{
    struct rs_leaks *leaks = s->leaks;
    PyObject *exc;
    int complete;
    if (leaks == NULL) {
        return;
    }
    exc = PyErr_GetRaisedException();
    rs_leaks_end(s);
    complete = rs_writes_undo(&leaks->writes) && leaks->reach.missed == 0;
    for (Py_ssize_t i = leaks->n_snapshots - 1; i >= 0; i--) {
        if (restore(leaks, &leaks->snapshots[i]) != 1) {
            PyErr_Clear();
            complete = 0;
        }
    }
    if (rs_caches_forget_stale(s) < 0) {
        PyErr_WriteUnraisable(s->update);
    }
    if (!complete &&
        rs_notice(s, "RSL608", NULL, NULL, 0,
                  leaks->phase == RS_LEAKS_SNIPPET
                      ? "not everything that the snippet changed could be taken back"
                      : "a module body changed objects outside its module, and not "
                        "everything of that could be taken back") < 0) {
        PyErr_Clear();
    }
    free_leaks(s);
    PyErr_SetRaisedException(exc);
}

/* Is the attribute part of a __dict__ that was watched as well? 1, 0, -1. */
static int
is_adopted_with_dict(const struct rs_leaks *leaks, const rs_snapshot *snap)
{
    return snap->kind == RS_SNAPSHOT_ATTRIBUTE &&
                   rs_idmap_has(&leaks->whole, snap->object)
               ? lives_in_dict(snap->object, snap->name)
               : 0;
}

/* One place, one operation: what the attribute was before is what the key was. */
static int
adopt_into_dict(rs_session *s, const struct rs_leaks *leaks, const rs_snapshot *snap,
                rs_when when)
{
    PyObject *own = snap->name, *follower = NULL, *now, *copy;
    PyObject *dict = PyObject_GenericGetDict(snap->object, NULL);
    int result = -1;
    if (dict == NULL) {
        return -1;
    }
    copy = rs_writes_copy(&leaks->writes, dict);
    if (copy != NULL && snap->held != NULL) {
        follower = rs_dict_follower(copy, snap->name, &own);
    }
    now = PyDict_GetItemWithError(dict, snap->name);
    if (now != NULL || !PyErr_Occurred()) {
        result = rs_journal_adopt_dict(&s->journal, dict, own, snap->held, now,
                                       follower, when);
    }
    Py_DECREF(dict);
    return result;
}

int
rs_leaks_adopt(rs_session *s)
{
    rs_leaks_end(s);
    for (struct rs_leaks *leaks = s->leaks; leaks != NULL; leaks = leaks->before) {
        rs_when when = leaks->phase == RS_LEAKS_EFFECTS ? RS_LATER : RS_EARLIER;
        if (rs_adopt_writes(s, &leaks->writes, when) < 0) {
            return -1;
        }
        for (Py_ssize_t i = 0; i < leaks->n_snapshots; i++) {
            const rs_snapshot *snap = &leaks->snapshots[i];
            int in_dict;
            if (rs_adopt_is_own(s, snap->object)) {
                continue;
            }
            in_dict = is_adopted_with_dict(leaks, snap);
            if (in_dict < 0 || (in_dict ? adopt_into_dict(s, leaks, snap, when)
                                        : rs_adopt_snapshot(s, snap, when)) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

void
rs_leaks_forget(rs_session *s)
{
    PyObject *exc = PyErr_GetRaisedException();
    rs_leaks_end(s);
    while (s->leaks != NULL) {
        free_leaks(s);
    }
    PyErr_SetRaisedException(exc);
}

static Py_ssize_t
held_by(const struct rs_leaks *leaks, const PyObject *op)
{
    Py_ssize_t count = rs_writes_holds(&leaks->writes, op);
    count += rs_idmap_holds(&leaks->reach.seen, op, op);
    count += rs_idmap_has(&leaks->reach.types, op);
    count += 2 * rs_idmap_has(&leaks->constants, op);
    count += rs_idmap_has(&leaks->attributes, op);
    count += rs_idmap_has(&leaks->own, op);
    count += 2 * rs_idmap_has(&leaks->named, op);
    count += rs_idmap_holds(&leaks->whole, op, op);
    return count;
}

static int
visit_held(const struct rs_leaks *leaks, visitproc visit, void *arg)
{
    int result = rs_writes_visit_held(&leaks->writes, visit, arg);
    for (Py_ssize_t i = 0; result == 0 && i < leaks->n_snapshots; i++) {
        const rs_snapshot *snap = &leaks->snapshots[i];
        PyObject *refs[] = {snap->object, snap->name, snap->held};
        for (size_t k = 0; k < Py_ARRAY_LENGTH(refs) && result == 0; k++) {
            result = refs[k] != NULL ? visit(refs[k], arg) : 0;
        }
    }
    return result;
}

int
rs_leaks_visit_held(const rs_session *s, visitproc visit, void *arg)
{
    int result = 0;
    for (const struct rs_leaks *leaks = s->leaks; result == 0 && leaks != NULL;
         leaks = leaks->before) {
        result = visit_held(leaks, visit, arg);
    }
    return result;
}

/* Counts the references of snapshots to their objects: object -> int. */
static int
count_snapshots(const struct rs_leaks *leaks, rs_idmap *counts)
{
    for (Py_ssize_t i = 0; i < leaks->n_snapshots; i++) {
        PyObject *object = leaks->snapshots[i].object;
        PyObject *before = rs_idmap_get(counts, object);
        PyObject *n = PyLong_FromSsize_t(before != NULL ? PyLong_AsSsize_t(before) + 1
                                                        : 1);
        int result = n != NULL ? rs_idmap_set(counts, object, n) : -1;
        Py_XDECREF(n);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_leaks_visit_changed(const rs_session *s,
                       int (*visit)(void *arg, PyObject *op, Py_ssize_t held),
                       void *arg)
{
    const struct rs_leaks *leaks = s->leaks;
    rs_idmap counts = {0};
    Py_ssize_t pos = 0;
    PyObject *op, *n;
    int result = leaks != NULL ? count_snapshots(leaks, &counts) : 0;
    while (result == 0 && rs_idmap_next(&counts, &pos, &op, &n)) {
        result = visit(arg, op, PyLong_AsSsize_t(n) + 1 + rs_leaks_holds(s, op));
    }
    for (Py_ssize_t i = 0; result == 0 && leaks != NULL && i < leaks->writes.n_dicts;
         i++) {
        op = leaks->writes.dicts[i].dict;
        result = visit(arg, op, rs_leaks_holds(s, op));
    }
    rs_idmap_clear(&counts); /* never the last reference: no Python code */
    return result;
}

Py_ssize_t
rs_leaks_stored(const rs_session *s, PyObject *op)
{
    const struct rs_leaks *leaks = s->leaks;
    Py_ssize_t count = leaks != NULL ? rs_writes_stored(&leaks->writes, op) : 0;
    for (Py_ssize_t i = 0; leaks != NULL && i < leaks->n_snapshots; i++) {
        count += rs_snapshot_added(&leaks->snapshots[i], op);
    }
    return count;
}

Py_ssize_t
rs_leaks_holds(const rs_session *s, const PyObject *op)
{
    Py_ssize_t count = 0;
    for (const struct rs_leaks *leaks = s->leaks; leaks != NULL;
         leaks = leaks->before) {
        count += held_by(leaks, op);
    }
    return count;
}
