#include "update.h"

#include "class.h"
#include "clock.h"
#include "effects.h"
#include "heap.h"
#include "hooks.h"
#include "hotfix.h"
#include "lock.h"
#include "migrate.h"
#include "plan.h"
#include "prepare.h"
#include "settle.h"
#include "still.h"

/* How often a plan is made anew because the program changed what it was made on. */
#define MAX_PLANS 5

/* ---- may this interpreter be updated at all? ---- */

/* Says so, for ever, with the first cause: nothing is guessed on. Steals `cause`. */
static void
raise_broken(rs_state *st, PyObject *cause)
{
    PyObject *error;
    PyErr_Format(
        st->UpdateError,
        "an update failed and could not be taken back (%s: %S): what lives is "
        "neither the old program nor the new one, and no update is possible any "
        "more; restart the process",
        Py_TYPE(cause)->tp_name, cause);
    error = PyErr_GetRaisedException();
    PyException_SetCause(error, cause); /* steals */
    PyErr_SetRaisedException(error);
}

/* If taking back failed, the exception that is set becomes the lasting one. */
static void
note_broken(rs_session *s)
{
    PyObject *cause;
    if (!s->journal.broken) {
        return;
    }
    cause = PyErr_GetRaisedException();
    Py_XSETREF(s->st->broken, Py_NewRef(cause));
    raise_broken(s->st, cause);
}

static int
check_interpreter(rs_session *s)
{
    if (s->st->broken != NULL) {
        raise_broken(s->st, Py_NewRef(s->st->broken));
        return -1;
    }
    if (!RS_PYVERSION_KNOWN) {
        if (rs_refuse(
                s, "RSL501", NULL, NULL, 0, "Use a resoul that knows this CPython.",
                "CPython %s is newer than this build of resoul", PY_VERSION) == 0) {
            rs_raise_refusals(s);
        }
        return -1;
    }
    if (RS_FREE_THREADED) {
        if (rs_refuse(s, "RSL502", NULL, NULL, 0, "Use a CPython with the GIL.",
                      "no instant at which other threads stand still is known without "
                      "the GIL") == 0) {
            rs_raise_refusals(s);
        }
        return -1;
    }
    return 0;
}

/* ---- report ---- */

static int
set_number(PyObject *update, const char *name, int64_t value)
{
    int result;
    PyObject *number = PyLong_FromLongLong(value);
    if (number == NULL) {
        return -1;
    }
    result = PyObject_SetAttrString(update, name, number);
    Py_DECREF(number);
    return result;
}

static int
set_stage(const rs_session *s)
{
    static const char *const words[] = {
        [RS_STAGE_RUNNING] = "preparing",   [RS_STAGE_PREPARED] = "prepared",
        [RS_STAGE_COMMITTED] = "committed", [RS_STAGE_ABANDONED] = "abandoned",
        [RS_STAGE_FAILED] = "failed",
    };
    int result = -1;
    PyObject *word = PyUnicode_FromString(words[s->stage]);
    if (word != NULL) {
        result = PyObject_SetAttrString(s->update, "state", word);
        Py_DECREF(word);
    }
    return result;
}

static PyObject *
unit_names(const rs_session *s)
{
    PyObject *names = PyTuple_New(s->n_units);
    for (Py_ssize_t i = 0; names != NULL && i < s->n_units; i++) {
        PyTuple_SET_ITEM(names, i, Py_NewRef(s->units[i].name));
    }
    return names;
}

static int
fill_update(rs_session *s)
{
    int result = -1;
    PyObject *names = unit_names(s);
    if (names != NULL && set_stage(s) == 0 &&
        PyObject_SetAttrString(s->update, "modules", names) == 0 &&
        PyObject_SetAttrString(s->update, "changes", s->changes) == 0 &&
        PyObject_SetAttrString(s->update, "warnings", s->notices) == 0 &&
        PyObject_SetAttrString(s->update, "lagging", s->lagging) == 0 &&
        set_number(s->update, "prepare_ns", s->prepare_ns) == 0 &&
        set_number(s->update, "plan_ns", s->plan_ns) == 0 &&
        set_number(s->update, "pause_ns", s->pause_ns) == 0) {
        result = set_number(s->update, "blocked_ns", s->blocked_ns);
    }
    Py_XDECREF(names);
    return result;
}

/* An update that failed has warnings, but has changed nothing. Keeps the exception. */
static void
report_failure(rs_session *s)
{
    PyObject *pending = PyErr_GetRaisedException();
    if (PyList_SetSlice(s->changes, 0, PY_SSIZE_T_MAX, NULL) < 0 ||
        fill_update(s) < 0) {
        PyErr_WriteUnraisable(s->update);
    }
    PyErr_SetRaisedException(pending);
}

/* ---- plan and commit ---- */

static int
refuse_restless(rs_session *s)
{
    if (rs_refuse(s, "RSL402", NULL, NULL, 0,
                  "Try again, or when the program is quieter.",
                  "the program went on changing what the update was planned on "
                  "(%d plans were made)",
                  MAX_PLANS) == 0) {
        rs_raise_refusals(s);
    }
    return -1;
}

/* CPython found that new bases don't go with a subclass somewhere: no consistent method
 * resolution order, or another layout. All was undone. */
static int
refuse_bases(rs_session *s)
{
    PyObject *error, *cause = PyErr_GetRaisedException();
    if (rs_refuse(s, "RSL203", NULL, NULL, 0,
                  "Keep the bases, or change the subclass in the same update.",
                  "CPython would not take the new bases of a class: %S", cause) < 0 ||
        rs_raise_refusals(s) < 0) {
        Py_DECREF(cause);
        return -1;
    }
    error = PyErr_GetRaisedException();
    PyException_SetCause(error, cause); /* steals */
    PyErr_SetRaisedException(error);
    return -1;
}

static int
plan_again(rs_session *s)
{
    return s->kind == RS_UPDATE_UNDO ? rs_undo_plan(s) : rs_plan_make(s);
}

/* The commit follows on the plan without a break; where hooks ran in between, or the
 * program changed what was planned on, on another plan. */
static int
commit(rs_session *s)
{
    for (int i = 0; i < MAX_PLANS; i++) {
        int again = i > 0 || s->hooks_ran;
        s->overtaken |= again;
        if (again && plan_again(s) < 0) {
            return -1;
        }
        if (!rs_journal_validate(&s->journal)) {
            continue;
        }
        if (rs_journal_commit(&s->journal, s->st->clear_caches, &s->pause_ns) < 0) {
            note_broken(s);
            return s->journal.broken || PyErr_ExceptionMatches(PyExc_MemoryError)
                       ? -1
                       : refuse_bases(s);
        }
        rs_migrate_collect(s);
        rs_session_breathe(s);
        return 0;
    }
    return refuse_restless(s);
}

static int
plan(rs_session *s)
{
    int64_t start = rs_clock_ns();
    int result = rs_plan_match(s) < 0 ? -1 : rs_plan_make(s);
    s->plan_ns = rs_clock_ns() - start;
    return result;
}

/* ---- after the commit ---- */

static void
describe_hook_error(rs_session *s)
{
    PyObject *error, *cause = PyErr_GetRaisedException();
    PyErr_Format(s->st->UpdateError,
                 "an __after_reload__ hook raised %s: the update was undone",
                 Py_TYPE(cause)->tp_name);
    error = PyErr_GetRaisedException();
    PyException_SetCause(error, cause); /* steals */
    PyErr_SetRaisedException(error);
}

/* An effect or a hook raised: everything is put back, newest first. Keeps the exception,
 * unless putting back fails. */
static void
undo(rs_session *s)
{
    PyObject *cause = PyErr_GetRaisedException();
    rs_effects_take_back(s);
    if (rs_journal_undo(&s->journal, s->st->clear_caches) < 0) {
        PyException_SetContext(cause, PyErr_GetRaisedException()); /* steals */
        PyErr_SetRaisedException(cause);
        note_broken(s);
        return;
    }
    rs_heap_undo(s);
    PyErr_SetRaisedException(cause);
    rs_prepare_take_back(s);
}

/* ---- the whole ---- */

static int
fail(rs_session *s)
{
    s->stage = RS_STAGE_FAILED;
    report_failure(s);
    rs_hooks_failed(s);
    return -1;
}

int
rs_update_prepare(rs_session *s, PyObject *modules)
{
    if (check_interpreter(s) < 0 ||
        (s->hot != NULL ? rs_hot_prepare(s) : rs_prepare(s, modules)) < 0 ||
        plan(s) < 0 || fill_update(s) < 0) {
        rs_prepare_take_back(s);
        return fail(s);
    }
    return 0;
}

int
rs_update_plan_again(rs_session *s)
{
    int64_t start = rs_clock_ns();
    s->overtaken = 1;
    Py_CLEAR(s->imports_of); /* sources of other modules may be new */
    if (check_interpreter(s) < 0 || rs_heap_resume(s) < 0 || rs_still_check(s) < 0 ||
        rs_plan_make(s) < 0 || fill_update(s) < 0) {
        rs_prepare_take_back(s);
        return fail(s);
    }
    s->plan_ns += rs_clock_ns() - start;
    return 0;
}

int
rs_update_finish(rs_session *s)
{
    if (rs_hooks_before(s) < 0 || rs_migrate_alive(s) < 0 || commit(s) < 0) {
        rs_prepare_take_back(s);
        return fail(s);
    }
    s->stage = RS_STAGE_COMMITTED;
    rs_settle(s);
    if (rs_migrate_born(s) < 0 || rs_effects_run(s) < 0 || fill_update(s) < 0) {
        undo(s);
        return fail(s);
    }
    if (rs_hooks_after(s) < 0) {
        describe_hook_error(s);
        undo(s);
        return fail(s);
    }
    rs_settle_remember(s);
    return 0;
}

rs_session *
rs_update_new(PyObject *engine, rs_state *st, const rs_update_options *options)
{
    rs_session *s = rs_session_new(engine, st);
    if (s != NULL) {
        s->update = Py_NewRef(options->update);
        s->allowed = Py_NewRef(options->allowed);
        s->data = Py_NewRef(options->data);
        s->base = options->base != Py_None ? Py_NewRef(options->base) : NULL;
        s->take = Py_NewRef(options->take);
        s->del = Py_NewRef(options->del);
        s->timeout = options->timeout;
        s->only_changed = options->only_changed;
        s->strict = options->strict;
    }
    return s;
}

void
rs_update_enter(rs_session *s)
{
    s->st->running = s;
    s->thread = PyThread_get_thread_ident();
    s->breath = rs_clock_ns();
}

void
rs_update_leave(rs_session *s)
{
    PyObject *pending = PyErr_GetRaisedException();
    if (s->stage == RS_STAGE_PREPARED) {
        rs_lock_release(s->st);
        PyErr_SetRaisedException(pending);
        return;
    }
    rs_heap_end(s);
    if (s->stage == RS_STAGE_COMMITTED) {
        rs_class_release_donors(s);
    }
    rs_lock_release(s->st);
    rs_session_close(s);
    PyErr_SetRaisedException(pending);
}

/* ---- undo ---- */

/* What the program does about new code is no reason against the old one. */
static int
tell_hook_error(rs_session *s)
{
    PyObject *error = PyErr_GetRaisedException();
    int result = rs_notice(s, "RSL702", NULL, s->st->names.__after_reload__, 0,
                           "an __after_reload__ hook raised %s: %S",
                           Py_TYPE(error)->tp_name, error);
    Py_DECREF(error);
    return result;
}

static int
undo_update(rs_session *s, const rs_undo_options *options)
{
    int64_t start = rs_clock_ns();
    if (check_interpreter(s) < 0 || rs_undo_open(s, options) < 0 ||
        rs_undo_plan(s) < 0 || commit(s) < 0) {
        return fail(s);
    }
    s->plan_ns = rs_clock_ns() - start - s->pause_ns;
    s->stage = RS_STAGE_COMMITTED;
    rs_settle(s);
    if (rs_hooks_after(s) < 0 && tell_hook_error(s) < 0) {
        PyErr_WriteUnraisable(s->update);
    }
    if (fill_update(s) < 0) {
        PyErr_WriteUnraisable(s->update);
    }
    rs_settle_remember(s);
    return 0;
}

PyObject *
rs_update_undo(PyObject *engine, rs_state *st, const rs_undo_options *options)
{
    int result;
    rs_session *s = rs_session_new(engine, st);
    if (s == NULL || rs_lock_acquire(st) < 0) {
        Py_XDECREF(s);
        return NULL;
    }
    s->update = Py_NewRef(options->update);
    rs_update_enter(s);
    result = undo_update(s, options);
    rs_update_leave(s);
    rs_session_finish(s);
    return result == 0 ? Py_NewRef(Py_None) : NULL;
}

PyObject *
rs_update_reload(PyObject *engine, rs_state *st, const rs_update_options *options)
{
    int result;
    rs_session *s = rs_update_new(engine, st, options);
    if (s == NULL || rs_lock_acquire(st) < 0) {
        Py_XDECREF(s);
        return NULL;
    }
    rs_update_enter(s);
    result = rs_update_prepare(s, options->modules);
    if (result == 0) {
        result = rs_update_finish(s);
    }
    rs_update_leave(s);
    rs_session_finish(s);
    return result == 0 ? Py_NewRef(Py_None) : NULL;
}
