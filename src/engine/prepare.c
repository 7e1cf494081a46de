#include "prepare.h"

#include "base.h"
#include "clock.h"
#include "failure.h"
#include "frames.h"
#include "heap.h"
#include "hotfix.h"
#include "imports.h"
#include "leaks.h"
#include "lock.h"
#include "maker.h"
#include "migrate.h"
#include "parts.h"
#include "quiet.h"
#include "scratch.h"
#include "select.h"
#include "selectjudge.h"
#include "source.h"
#include "watchdog.h"

/* 0 if nothing was refused so far, else -1 with the RefusedError. */
static int
check_refusals(rs_session *s)
{
    if (PyList_GET_SIZE(s->refusals) == 0) {
        return 0;
    }
    rs_raise_refusals(s);
    return -1;
}

static int
read_sources(rs_session *s, PyObject *modules)
{
    if (rs_source_resolve(s, modules) < 0 || check_refusals(s) < 0) {
        return -1;
    }
    if (s->only_changed) {
        if (rs_source_read(s) < 0 || check_refusals(s) < 0 || rs_base_believe(s) < 0 ||
            check_refusals(s) < 0 || rs_select(s) < 0) {
            return -1;
        }
    } else if (rs_source_load(s) < 0 || check_refusals(s) < 0 ||
               rs_source_known(s) < 0 || rs_select_judge(s) < 0) {
        return -1;
    }
    return check_refusals(s);
}

/* In the order in which the modules were once imported (see order.h for circles); an
 * import runs what it needs earlier. Each has its turn whatever has run: what ran inside
 * another one's import and failed there, swallowed, fails then. */
static int
run_units(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (rs_scratch_run(s, &s->units[i]) < 0) {
            rs_watchdog_stop(s); /* or it would interrupt telling what went wrong */
            return rs_lock_check_fork(s) < 0 ? -1 : rs_prepare_error(s, &s->units[i]);
        }
    }
    return rs_lock_check_fork(s) < 0 ? -1 : rs_parts_settle(s);
}

/* With everything in place that only this thread sees. */
static int
run_redirected(rs_session *s)
{
    int result = -1;
    s->active = 1;
    if (rs_leaks_begin(s, RS_LEAKS_BODIES) == 0 && rs_imports_begin(s) == 0 &&
        rs_watchdog_start(s) == 0) {
        result = run_units(s);
    }
    rs_watchdog_stop(s);
    s->active = 0;
    rs_imports_end(s);
    rs_leaks_end(s);
    return result;
}

/* typing's caches would hold donors beyond the update (hazard 25). */
static int
empty_typing_caches(void)
{
#ifndef RS_WITHOUT_CURE_25
    PyObject *name = PyUnicode_FromString("typing");
    PyObject *typing = name != NULL ? PyImport_GetModule(name) : NULL;
    PyObject *cleanups;
    Py_XDECREF(name);
    if (typing == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    cleanups = PyObject_GetAttrString(typing, "_cleanups");
    Py_DECREF(typing);
    if (cleanups == NULL || !PyList_Check(cleanups)) {
        PyErr_Clear(); /* a typing without such caches has nothing to empty */
        Py_XDECREF(cleanups);
        return 0;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(cleanups); i++) {
        PyObject *done = PyObject_CallNoArgs(PyList_GET_ITEM(cleanups, i));
        if (done == NULL) {
            Py_DECREF(cleanups);
            return -1;
        }
        Py_DECREF(done);
    }
    Py_DECREF(cleanups);
#endif
    return 0;
}

int
rs_prepare(rs_session *s, PyObject *modules)
{
    int64_t start = rs_clock_ns();
    int result = -1;
    if (rs_frames_exhume(s->st) < 0 || read_sources(s, modules) < 0) {
        goto done;
    }
    if (rs_heap_begin(s) < 0 || rs_scratch_open(s) < 0) {
        goto done;
    }
    if (run_redirected(s) < 0 || rs_maker_unmark(s) < 0 || empty_typing_caches() < 0) {
        goto done;
    }
    rs_session_breathe(s);
    if (rs_heap_young(s) < 0 || rs_imports_settle(s) < 0 || rs_frames_bury(s) < 0) {
        goto done;
    }
    rs_session_breathe(s);
    result = 0;
done:
    s->prepare_ns = rs_clock_ns() - start;
    return result;
}

/* A failed update has no report: what could not be taken back, which is the notices from
 * number `first`, becomes notes of the exception. */
static void
note_rests(rs_session *s, PyObject *exception, Py_ssize_t first)
{
    for (Py_ssize_t i = first; i < PyList_GET_SIZE(s->notices); i++) {
        PyObject *notice = PyList_GET_ITEM(s->notices, i);
        PyObject *done = NULL;
        PyObject *text = PyUnicode_FromFormat("%U: %U",
                                              PyStructSequence_GetItem(notice, 0),
                                              PyStructSequence_GetItem(notice, 5));
        if (text != NULL) {
            done = PyObject_CallMethod(exception, "add_note", "O", text);
        }
        if (done == NULL) {
            PyErr_WriteUnraisable(exception);
        }
        Py_XDECREF(text);
        Py_XDECREF(done);
    }
}

/* Classes die with the next collection only; until then their bases would show them. */
static void
hide_classes(rs_session *s)
{
    PyObject *cls;
    Py_ssize_t pos = 0;
    while (rs_idmap_next(&s->born, &pos, &cls, NULL)) {
        if (rs_quiet_hide(s, cls) < 0) {
            PyErr_WriteUnraisable(cls);
        }
    }
}

void
rs_prepare_take_back(rs_session *s)
{
    Py_ssize_t notices = PyList_GET_SIZE(s->notices);
    PyObject *pending = PyErr_GetRaisedException();
    rs_migrate_take_back(s);
    rs_hot_take_back(s);
    rs_leaks_take_back(s);
    if (s->builtins != NULL && empty_typing_caches() < 0) {
        PyErr_WriteUnraisable(NULL);
    }
    hide_classes(s);
    if (s->imports != NULL && rs_imports_take_back(s) < 0) {
        PyErr_WriteUnraisable(NULL);
    }
    if (s->builtins != NULL && rs_frames_bury(s) < 0) {
        PyErr_WriteUnraisable(NULL);
    }
    if (pending != NULL) {
        note_rests(s, pending, notices);
    }
    PyErr_SetRaisedException(pending);
}
