#include "session.h"

#include "clock.h"
#include "codes.h"
#include "heap.h"
#include "history.h"
#include "hotfix.h"
#include "imports.h"
#include "leaks.h"
#include "migrate.h"
#include "room.h"
#include "select.h"
#include "still.h"

#include <assert.h>
#include <string.h>

static void
clear_unit(rs_unit *u)
{
    Py_CLEAR(u->name);
    Py_CLEAR(u->module);
    Py_CLEAR(u->live);
    Py_CLEAR(u->loader);
    Py_CLEAR(u->filename);
    Py_CLEAR(u->data);
    Py_CLEAR(u->path);
    Py_CLEAR(u->text);
    Py_CLEAR(u->code);
    Py_CLEAR(u->known_code);
    Py_CLEAR(u->effects);
    Py_CLEAR(u->known_text);
    Py_CLEAR(u->scratch_module);
    Py_CLEAR(u->scratch);
    Py_CLEAR(u->error);
    rs_selection_clear(u);
}

void
rs_session_close(rs_session *s)
{
    rs_unit *units = s->units;
    Py_ssize_t n_units = s->n_units;
    s->active = 0;
    rs_imports_close(s);
    rs_hot_free(s);
    rs_migrate_forget(s);
    rs_pairs_clear(s);
    rs_journal_forget(&s->journal);
    rs_idmap_clear(&s->map);
    rs_idmap_clear(&s->quiet);
    rs_idmap_clear(&s->born);
    rs_idmap_clear(&s->young);
    rs_idmap_clear(&s->old_codes);
    rs_codes_clear(s);
    rs_still_forget(s);
    rs_idmap_clear(&s->claimed);
    rs_idmap_clear(&s->rewraps);
    rs_idmap_clear(&s->lines);
    rs_idmap_clear(&s->combinations);
    rs_idmap_clear(&s->replaced);
    rs_idmap_clear(&s->replaced_names);
    rs_idmap_clear(&s->nested_done);
    rs_idmap_clear(&s->changed);
    rs_idmap_clear(&s->late);
    rs_idmap_clear(&s->bodies);
    rs_idmap_clear(&s->stand_ins);
    s->units = NULL;
    s->n_units = 0;
    for (Py_ssize_t i = 0; i < n_units; i++) {
        clear_unit(&units[i]);
    }
    PyMem_Free(units);
    Py_CLEAR(s->builtins);
    Py_CLEAR(s->first_imports);
    Py_CLEAR(s->take);
    Py_CLEAR(s->del);
    Py_CLEAR(s->allowed);
    Py_CLEAR(s->data);
    Py_CLEAR(s->base);
    Py_CLEAR(s->imports_of);
    Py_CLEAR(s->caches);
    Py_CLEAR(s->abcs);
    Py_CLEAR(s->refusals);
    Py_CLEAR(s->changes);
    Py_CLEAR(s->notices);
    Py_CLEAR(s->lagging);
    Py_CLEAR(s->leftovers);
    Py_CLEAR(s->gc_threshold);
    Py_CLEAR(s->update);
    Py_CLEAR(s->label);
    Py_CLEAR(s->digest);
    Py_CLEAR(s->undoes);
    rs_history_drop(s);
}

void
rs_session_breathe(rs_session *s)
{
    int64_t now = rs_clock_ns();
    if (s->breath != 0 && now - s->breath > s->blocked_ns) {
        s->blocked_ns = now - s->breath;
    }
    Py_BEGIN_ALLOW_THREADS Py_END_ALLOW_THREADS s->breath = rs_clock_ns();
}

void
rs_session_finish(rs_session *s)
{
    PyObject *pending = PyErr_GetRaisedException();
    rs_session_close(s);
    Py_DECREF(s);
    PyErr_SetRaisedException(pending);
}

void
rs_pairs_clear(rs_session *s)
{
    rs_pair *pairs = s->pairs;
    Py_ssize_t n = s->n_pairs;
    s->pairs = NULL;
    s->n_pairs = s->pairs_room = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        Py_DECREF(pairs[i].live);
        Py_DECREF(pairs[i].donor);
        Py_DECREF(pairs[i].qualname);
    }
    PyMem_Free(pairs);
}

static void
session_dealloc(PyObject *op)
{
    rs_session *s = (rs_session *)op;
    PyTypeObject *type = Py_TYPE(op);
    rs_session_close(s);
    Py_XDECREF(s->real_import);
    Py_XDECREF(s->real_lazy_import);
    Py_XDECREF(s->real_build_class);
    Py_XDECREF(s->engine);
    type->tp_free(op);
    Py_DECREF(type);
}

PyObject *
rs_session_make_type(PyObject *engine)
{
    PyType_Slot slots[] = {
        {Py_tp_dealloc, (void *)session_dealloc},
        {Py_tp_doc, (void *)"One update while it is being made; afterwards a plain "
                            "forwarder for the hooks that still refer to it."},
        {0, NULL},
    };
    PyType_Spec spec = {
        .name = "resoul._engine.Session",
        .basicsize = sizeof(rs_session),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = slots,
    };
    return PyType_FromModuleAndSpec(engine, &spec, NULL);
}

rs_session *
rs_session_new(PyObject *engine, rs_state *st)
{
    rs_session *s = PyObject_New(rs_session, RS_TYPE(st->Session_Type));
    if (s == NULL) {
        return NULL;
    }
    memset((char *)s + sizeof(PyObject), 0, sizeof(*s) - sizeof(PyObject));
    s->st = st;
    s->engine = Py_NewRef(engine);
    s->thread = PyThread_get_thread_ident();
    s->journal.fail_after = st->fail_after;
    s->journal.keeps = st->history.limit > 0;
    s->first_imports = PyList_New(0);
    s->caches = PyList_New(0);
    s->abcs = PyList_New(0);
    s->refusals = PyList_New(0);
    s->changes = PyList_New(0);
    s->notices = PyList_New(0);
    s->lagging = PyList_New(0);
    if (s->first_imports == NULL || s->caches == NULL || s->abcs == NULL ||
        s->refusals == NULL || s->changes == NULL || s->notices == NULL ||
        s->lagging == NULL) {
        Py_DECREF(s);
        return NULL;
    }
    return s;
}

int
rs_session_pair(rs_session *s, rs_pair_kind kind, rs_unit *u, PyObject *qualname,
                PyObject *live, PyObject *donor)
{
    rs_pair *pairs = rs_room(s->pairs, s->n_pairs, &s->pairs_room, sizeof(rs_pair));
    if (pairs == NULL) {
        return -1;
    }
    s->pairs = pairs;
    pairs[s->n_pairs++] = (rs_pair){kind, u, Py_NewRef(live), Py_NewRef(donor),
                                    Py_NewRef(qualname)};
    return 0;
}

Py_ssize_t
rs_session_holds_by_index(const rs_session *s, PyObject *op)
{
    Py_ssize_t n = 0;
    PyObject *live = rs_session_live(s, op);
    n += rs_idmap_has(&s->map, op);
    n += 2 * rs_idmap_has(&s->young, op); /* key and value */
    n += rs_idmap_has(&s->quiet, op);
    n += rs_idmap_holds(&s->rewraps, op, live) + rs_idmap_holds(&s->bodies, op, live) +
         rs_idmap_holds(&s->combinations, op, live);
    n += 2 * rs_idmap_has(&s->born, op) + 2 * rs_idmap_has(&s->nested_done, op);
    n += 2 * rs_idmap_has(&s->changed, op) + 2 * rs_idmap_has(&s->late, op);
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        n += s->units[i].scratch == op;
        n += s->units[i].scratch_module == op;
    }
    n += rs_imports_holds(s, op) + rs_heap_holds(s, op) + rs_leaks_holds(s, op);
    return n + rs_migrate_holds(s, op) + rs_history_holds(s->st, op);
}

int
rs_session_visit_lists(const rs_session *s, visitproc visit, void *arg)
{
    int result = 0;
    Py_ssize_t pos = 0;
    PyObject *key, *value;
    for (Py_ssize_t i = 0; result == 0 && i < s->n_pairs; i++) {
        result = visit(s->pairs[i].live, arg);
        if (result == 0) {
            result = visit(s->pairs[i].donor, arg);
        }
    }
    /* a donor may be claimed twice: by a wrapper and by what was inside of it */
    while (result == 0 && rs_idmap_next(&s->claimed, &pos, &key, &value)) {
        result = visit(key, arg);
        if (result == 0) {
            result = visit(value, arg);
        }
    }
    pos = 0;
    while (result == 0 && rs_idmap_next(&s->stand_ins, &pos, &key, &value)) {
        result = visit(key, arg);
        if (result == 0) {
            result = visit(value, arg);
        }
    }
    if (result == 0) {
        result = rs_hot_visit(s, visit, arg);
    }
    if (result == 0) {
        result = rs_leaks_visit_held(s, visit, arg);
    }
    for (Py_ssize_t i = 0; result == 0 && i < s->n_units; i++) {
        result = rs_selection_visit(&s->units[i], visit, arg);
    }
    if (result == 0) {
        result = rs_migrate_visit(s, visit, arg);
    }
    if (result != 0) {
        return result;
    }
    return rs_journal_visit(&s->journal, visit, arg);
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
rs_session_holds(const rs_session *s, PyObject *op)
{
    count_arg count = {op, rs_session_holds_by_index(s, op)};
    rs_session_visit_lists(s, count_visit, &count);
    return count.n;
}

rs_unit *
rs_session_unit_by_live(const rs_session *s, const PyObject *dict)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (s->units[i].live == dict) {
            return &s->units[i];
        }
    }
    return NULL;
}

rs_unit *
rs_session_unit_by_scratch(const rs_session *s, const PyObject *dict)
{
    if (s->hot != NULL) {
        return NULL; /* a snippet's namespace lives on */
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (s->units[i].scratch == dict) {
            return &s->units[i];
        }
    }
    return NULL;
}

rs_unit *
rs_session_unit_by_name(const rs_session *s, PyObject *name)
{
    if (!PyUnicode_Check(name)) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        PyObject *own = s->units[i].name;
        if (own == name || PyUnicode_Compare(own, name) == 0) {
            return &s->units[i];
        }
    }
    return NULL;
}
