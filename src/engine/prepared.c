#include "prepared.h"

#include <assert.h>

#include "heap.h"
#include "lock.h"
#include "prepare.h"
#include "still.h"

typedef struct {
    PyObject_HEAD
    rs_session *s;
} prepared;

/* ---- st->prepared (R2) ---- */

static void
begin_waiting(rs_session *s)
{
    s->stage = RS_STAGE_PREPARED;
    s->next = s->st->prepared;
    s->st->prepared = s;
}

static void
end_waiting(rs_session *s, rs_stage stage)
{
    rs_session **link = &s->st->prepared;
    while (*link != s) {
        link = &(*link)->next;
    }
    *link = s->next;
    s->next = NULL;
    s->stage = stage;
}

/* ---- preparing ---- */

/* The report is the face's; a reference to it would be a cycle that nobody finds. */
static int
stand_by(rs_session *s)
{
    if (rs_still_note(s) < 0 || rs_heap_release(s) < 0) {
        rs_prepare_take_back(s);
        s->stage = RS_STAGE_FAILED;
        return -1;
    }
    rs_journal_forget(&s->journal);
    Py_CLEAR(s->update);
    begin_waiting(s);
    return 0;
}

PyObject *
rs_prepared_new(PyObject *engine, rs_state *st, const rs_update_options *options)
{
    prepared *self;
    rs_session *s = rs_update_new(engine, st, options);
    if (s == NULL) {
        return NULL;
    }
    self = PyObject_New(prepared, RS_TYPE(st->Prepared_Type));
    if (self == NULL) {
        Py_DECREF(s);
        return NULL;
    }
    self->s = s;
    if (rs_lock_acquire(st) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    rs_update_enter(s);
    if (rs_update_prepare(s, options->modules) == 0) {
        stand_by(s);
    }
    rs_update_leave(s);
    if (s->stage != RS_STAGE_PREPARED) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

/* ---- committing ---- */

/* 0 if the update waits, else -1 with an UpdateError. */
static int
check_waiting(const rs_session *s, const char *wish)
{
    const char *what;
    switch (s->stage) {
    case RS_STAGE_PREPARED:
        return 0;
    case RS_STAGE_COMMITTED:
        what = "it was committed";
        break;
    case RS_STAGE_ABANDONED:
        what = s->abandoned
                   ? "this process was forked off after it was prepared, and the "
                     "parent has it"
                   : "it was abandoned";
        break;
    case RS_STAGE_FAILED:
        what = "committing it has failed";
        break;
    default:
        what = "it is being committed";
        break;
    }
    PyErr_Format(s->st->UpdateError, "the update can't be %s: %s", wish, what);
    return -1;
}

/* The lock, and `s` still waits. 0 or -1. */
static int
take_hold(rs_session *s, const char *wish)
{
    if (check_waiting(s, wish) < 0 || rs_lock_acquire(s->st) < 0) {
        return -1;
    }
    if (check_waiting(s, wish) < 0) { /* another thread was faster */
        rs_lock_release(s->st);
        return -1;
    }
    return 0;
}

static PyObject *
prepared_commit(PyObject *op, PyObject *update)
{
    rs_session *s = ((prepared *)op)->s;
    int result;
    if (take_hold(s, "committed") < 0) {
        return NULL;
    }
    end_waiting(s, RS_STAGE_RUNNING);
    s->update = Py_NewRef(update);
    rs_update_enter(s);
    result = rs_update_plan_again(s);
    if (result == 0) {
        result = rs_update_finish(s);
    }
    rs_update_leave(s);
    return result == 0 ? Py_NewRef(Py_None) : NULL;
}

/* ---- abandoning ---- */

/* The lock is held where that is possible. */
static void
abandon(rs_session *s)
{
    end_waiting(s, RS_STAGE_ABANDONED);
    rs_prepare_take_back(s);
}

static PyObject *
prepared_abandon(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    rs_session *s = ((prepared *)op)->s;
    PyObject *notices;
    Py_ssize_t first;
    if (s->stage == RS_STAGE_ABANDONED) {
        return PyList_New(0);
    }
    if (take_hold(s, "abandoned") < 0) {
        return NULL;
    }
    first = PyList_GET_SIZE(s->notices);
    abandon(s);
    notices = PyList_GetSlice(s->notices, first, PY_SSIZE_T_MAX);
    rs_update_leave(s);
    return notices;
}

void
rs_prepared_after_fork(rs_state *st)
{
    while (st->prepared != NULL) {
        st->prepared->abandoned = 1;
        abandon(st->prepared);
    }
}

/* ---- the object ---- */

/* Nobody can wait for the lock here. An update that runs meanwhile notices what changes, as
 * it notices what any thread does. */
static void
prepared_dealloc(PyObject *op)
{
    rs_session *s = ((prepared *)op)->s;
    PyTypeObject *type = Py_TYPE(op);
    PyObject *pending = PyErr_GetRaisedException();
    if (s->stage == RS_STAGE_PREPARED && rs_is_finalizing()) {
        end_waiting(s, RS_STAGE_ABANDONED);
    } else if (s->stage == RS_STAGE_PREPARED) {
        int locked = rs_lock_try(s->st);
        abandon(s);
        if (locked) {
            rs_lock_release(s->st);
        }
    }
    rs_heap_end(s);
    rs_session_finish(s);
    type->tp_free(op);
    Py_DECREF(type);
    PyErr_SetRaisedException(pending);
}

PyDoc_STRVAR(
    commit_doc,
    "commit($self, update, /)\n--\n\n"
    "Commit it, once, in any thread. update: object whose attributes are filled "
    "with the\nreport. Raises UpdateError, RefusedError (RSL403: what it was "
    "prepared on has changed);\nthen all is as it was before it was prepared.");

PyDoc_STRVAR(abandon_doc,
             "abandon($self)\n--\n\n"
             "Take back what executing the new source has changed. Harmless the second "
             "time.\nReturns a list of Notice: what could not be taken back.");

PyObject *
rs_prepared_make_type(PyObject *engine)
{
    /* CPython never writes to it. */
    static PyMethodDef methods[] = {
        {"commit", prepared_commit, METH_O, commit_doc},
        {"abandon", prepared_abandon, METH_NOARGS, abandon_doc},
        {NULL, NULL, 0, NULL},
    };
    PyType_Slot slots[] = {
        {Py_tp_dealloc, (void *)prepared_dealloc},
        {Py_tp_methods, methods},
        {Py_tp_doc, (void *)"An update that was prepared and can be committed."},
        {0, NULL},
    };
    PyType_Spec spec = {
        .name = "resoul._engine.Prepared",
        .basicsize = sizeof(prepared),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION |
                 Py_TPFLAGS_IMMUTABLETYPE,
        .slots = slots,
    };
    return PyType_FromModuleAndSpec(engine, &spec, NULL);
}
