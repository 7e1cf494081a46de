#include "stacks.h"

#include "heap.h"
#include "same.h"

/* More than the object of a frame takes. */
#define FRAME_ROOM 4096

/* New reference; NULL: the thread runs nothing, or there is an exception. CPython keeps quiet
 * where memory for the object is lacking, so it is asked again when there is some. */
static PyFrameObject *
newest_frame(PyThreadState *ts)
{
    PyFrameObject *frame = PyThreadState_GetFrame(ts);
    PyObject *room;
    if (frame != NULL) {
        return frame;
    }
    room = PyBytes_FromStringAndSize(NULL, FRAME_ROOM);
    if (room == NULL) {
        return NULL;
    }
    Py_DECREF(room);
    return PyThreadState_GetFrame(ts);
}

static int
visit_thread(PyThreadState *ts, rs_frame_visit visit, void *arg)
{
    int result = 0;
    PyFrameObject *frame = newest_frame(ts);
    while (frame != NULL && result == 0) {
        PyFrameObject *back;
        result = visit(frame, arg);
        back = result == 0 ? PyFrame_GetBack(frame) : NULL;
        Py_DECREF(frame);
        frame = back;
    }
    return result == 0 && PyErr_Occurred() ? -1 : result;
}

int
rs_stacks_running(rs_frame_visit visit, void *arg)
{
    int result = 0;
    PyInterpreterState *interp = PyInterpreterState_Get();
    for (PyThreadState *ts = PyInterpreterState_ThreadHead(interp);
         ts != NULL && result == 0; ts = PyThreadState_Next(ts)) {
        result = visit_thread(ts, visit, arg);
    }
    return result;
}

int
rs_stacks_own(rs_frame_visit visit, void *arg)
{
    return visit_thread(PyThreadState_Get(), visit, arg);
}

/* 1: importing, 2: `code` came first. */
static int
is_import_frame(PyFrameObject *frame, void *until)
{
    PyCodeObject *code = PyFrame_GetCode(frame);
    int result = 0;
    if ((void *)code == until) {
        result = 2;
    } else if (rs_text_equals(code->co_filename, "<frozen importlib._bootstrap>")) {
        result = 1;
    }
    Py_DECREF(code);
    return result;
}

int
rs_stacks_importing(unsigned long thread, PyObject *code)
{
    PyInterpreterState *interp = PyInterpreterState_Get();
    for (PyThreadState *ts = PyInterpreterState_ThreadHead(interp); ts != NULL;
         ts = PyThreadState_Next(ts)) {
        if (ts->thread_id == thread) {
            int result = visit_thread(ts, is_import_frame, code);
            return result != 2 ? result : 0;
        }
    }
    return 0;
}

static int
is_generator(PyObject *op)
{
    return PyGen_CheckExact(op) || PyCoro_CheckExact(op) || PyAsyncGen_CheckExact(op);
}

/* A walk must not change what it walks over: no list grows in it. */
typedef struct {
    PyObject **found;
    Py_ssize_t count, room;
} collection;

static int
collect_generator(PyObject *op, void *arg)
{
    collection *all = arg;
    if (!is_generator(op)) {
        return 1;
    }
    if (all->count == all->room) {
        Py_ssize_t room = all->room != 0 ? all->room * 2 : 64;
        PyObject **grown = PyMem_RawRealloc(all->found,
                                            (size_t)room * sizeof(PyObject *));
        if (grown == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        all->found = grown;
        all->room = room;
    }
    all->found[all->count++] = Py_NewRef(op);
    return 1;
}

PyObject *
rs_stacks_generators(rs_session *s)
{
    collection all = {NULL, 0, 0};
    PyObject *list = NULL;
    int result = s != NULL && rs_heap_is_marked(s)
                     ? rs_heap_interval(s, collect_generator, &all)
                     : rs_heap_walk(collect_generator, &all);
    if (result == 0) {
        list = PyList_New(0);
    }
    for (Py_ssize_t i = 0; i < all.count; i++) {
        if (list != NULL && PyList_Append(list, all.found[i]) < 0) {
            Py_CLEAR(list);
        }
    }
    for (Py_ssize_t i = 0; i < all.count; i++) {
        Py_DECREF(all.found[i]);
    }
    PyMem_RawFree(all.found);
    return list;
}

int
rs_generator_frame(PyObject *generator, PyFrameObject **frame)
{
    const char *name = PyGen_CheckExact(generator)    ? "gi_frame"
                       : PyCoro_CheckExact(generator) ? "cr_frame"
                                                      : "ag_frame";
    PyObject *value = PyObject_GetAttrString(generator, name);
    *frame = NULL;
    if (value == NULL) {
        return -1;
    }
    if (!PyFrame_Check(value)) {
        Py_DECREF(value);
        return 0;
    }
    *frame = (PyFrameObject *)value;
    return 1;
}
