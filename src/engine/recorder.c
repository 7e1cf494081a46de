#include "recorder.h"

#include <time.h>

#include "known.h"
#include "readfile.h"
#include "same.h"
#include "stacks.h"

static int
is_excluded(const rs_state *st, PyObject *code)
{
    PyObject *filename = RS_CODE(code)->co_filename;
    Py_ssize_t end = PyUnicode_GET_LENGTH(filename);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(st->excluded); i++) {
        PyObject *folder = PyTuple_GET_ITEM(st->excluded, i);
        if (PyUnicode_Check(folder) &&
            PyUnicode_Tailmatch(filename, folder, 0, end, -1) == 1) {
            return 1;
        }
    }
    return 0;
}

/* exec(code, module.__dict__), the way importlib does it: its frames are taken out of
 * tracebacks by the name of the function that calls. */
static int
run_code(const rs_state *st, PyObject *code, PyObject *module)
{
    PyObject *done = NULL, *dict = PyObject_GetAttr(module, st->names.__dict__);
    if (dict != NULL) {
        PyObject *args[] = {st->exec, code, dict};
        done = PyObject_Vectorcall(st->call_without_frames, args, 3, NULL);
    }
    Py_XDECREF(dict);
    Py_XDECREF(done);
    return done != NULL ? 0 : -1;
}

/* The source that the loader has just compiled, or found compiled: *data, or NULL if there
 * is none to be had, for which no import fails. The file may have changed since; known.c
 * believes nothing that doesn't compile to `code`. 0, or -1 with an interruption. */
static int
read_source(const rs_state *st, PyObject *loader, PyObject *code, PyObject **data)
{
    *data = NULL;
    if ((PyObject *)Py_TYPE(loader) == st->source_loader) {
        *data = rs_read_file(RS_CODE(code)->co_filename);
    }
    if (*data == NULL && !PyErr_Occurred()) {
        *data = PyObject_CallMethod(loader, "get_data", "O",
                                    RS_CODE(code)->co_filename);
    }
    if (*data == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_Exception)) {
            return -1;
        }
        PyErr_Clear();
    } else if (!PyBytes_CheckExact(*data)) {
        Py_CLEAR(*data);
    }
    return 0;
}

/* What importlib's _LoaderBasics.exec_module does, and an entry in st->known. */
static PyObject *
recording_exec_module(PyObject *engine, PyObject *const *args, Py_ssize_t n)
{
    rs_state *st = rs_state_of(engine);
    int wanted;
    PyObject *loader, *module, *result = NULL;
    /* owned */
    PyObject *name, *code = NULL, *data = NULL;

    if (n != 2) {
        PyErr_Format(PyExc_TypeError, "exec_module() takes a module (%zd given)",
                     n - 1);
        return NULL;
    }
    loader = args[0];
    module = args[1];
    name = PyObject_GetAttr(module, st->names.__name__);
    if (name != NULL) {
        PyObject *call[] = {loader, name};
        code = PyObject_VectorcallMethod(st->names.get_code, call,
                                         2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    }
    if (code == NULL) {
        goto done;
    }
    if (code == Py_None) {
        PyErr_Format(PyExc_ImportError,
                     "cannot load module %R when get_code() returns None", name);
        goto done;
    }
    wanted = PyCode_Check(code) && PyUnicode_Check(name) && !is_excluded(st, code);
    if (wanted && read_source(st, loader, code, &data) < 0) {
        goto done;
    }
    if (run_code(st, code, module) < 0) {
        goto done;
    }
    if (wanted && rs_known_store(st, name, module, code, data, NULL) < 0) {
        PyErr_Clear(); /* a module that can't be referred to weakly is not known: allowed */
    }
    result = Py_NewRef(Py_None);
done:
    Py_XDECREF(name);
    Py_XDECREF(code);
    Py_XDECREF(data);
    return result;
}

/* Puts the recorder in the place of `basics`.exec_module. */
static int
wrap(PyObject *engine, PyObject *basics)
{
    static const PyMethodDef method = {
        "exec_module", (PyCFunction)(void (*)(void))recording_exec_module,
        METH_FASTCALL, "Execute the module, and remember its code for resoul."};
    int result = -1;
    PyObject *function = PyCFunction_New((PyMethodDef *)(uintptr_t)&method, engine);
    PyObject *bindable = function != NULL ? PyInstanceMethod_New(function) : NULL;
    if (bindable != NULL) {
        result = PyObject_SetAttrString(basics, "exec_module", bindable);
    }
    Py_XDECREF(function);
    Py_XDECREF(bindable);
    return result;
}

/* What every import needs. 0 or -1. */
static int
find_machinery(rs_state *st)
{
    PyObject *bootstrap = PyImport_ImportModule("importlib._bootstrap");
    PyObject *external = PyImport_ImportModule("importlib._bootstrap_external");
    PyObject *builtins = PyImport_ImportModule("builtins");
    if (bootstrap != NULL && external != NULL && builtins != NULL) {
        Py_XSETREF(st->call_without_frames,
                   PyObject_GetAttrString(bootstrap, "_call_with_frames_removed"));
        Py_XSETREF(st->source_loader,
                   PyObject_GetAttrString(external, "SourceFileLoader"));
        Py_XSETREF(st->exec, PyObject_GetAttrString(builtins, "exec"));
    }
    Py_XDECREF(bootstrap);
    Py_XDECREF(external);
    Py_XDECREF(builtins);
    return st->call_without_frames != NULL && st->source_loader != NULL &&
                   st->exec != NULL
               ? 0
               : -1;
}

/* A module whose body is running: the script, and packages that import resoul. */
static int
record_running(rs_state *st, PyObject *globals, PyObject *code)
{
    int result;
    PyObject *name = PyDict_GetItemWithError(globals, st->names.__name__);
    PyObject *module = name != NULL && PyUnicode_CheckExact(name)
                           ? PyDict_GetItemWithError(PyImport_GetModuleDict(), name)
                           : NULL;
    PyObject *data;
    if (module == NULL || !PyModule_Check(module) ||
        PyModule_GetDict(module) != globals || is_excluded(st, code)) {
        return PyErr_Occurred() ? -1 : 0;
    }
    data = rs_read_file(RS_CODE(code)->co_filename);
    if (data == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    result = rs_known_store(st, name, module, code, data, NULL);
    Py_DECREF(data);
    return result;
}

/* The code of module bodies on the stack is known though the recorder comes late. */
static int
record_frame(PyFrameObject *frame, void *st)
{
    PyObject *code = (PyObject *)PyFrame_GetCode(frame);
    PyObject *globals = PyFrame_GetGlobals(frame);
    int result = PyDict_Check(globals) &&
                         rs_text_equals(RS_CODE(code)->co_name, "<module>")
                     ? record_running(st, globals, code)
                     : 0;
    Py_DECREF(globals);
    Py_DECREF(code);
    return result;
}

int
rs_recorder_install(PyObject *engine, PyObject *excluded)
{
    rs_state *st = rs_state_of(engine);
    int result = -1, first = st->excluded == NULL;
    struct timespec now;
    PyObject *external, *basics;
    Py_XSETREF(st->excluded, Py_NewRef(excluded));
    if (!first) {
        return 0;
    }
    if (timespec_get(&now, TIME_UTC) == TIME_UTC) {
        st->installed = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    }
    if (find_machinery(st) < 0 || rs_stacks_own(record_frame, st) < 0) {
        return -1;
    }
    external = PyImport_ImportModule("importlib._bootstrap_external");
    basics = external != NULL ? PyObject_GetAttrString(external, "_LoaderBasics")
                              : NULL;
    if (basics != NULL) {
        result = wrap(engine, basics);
    }
    Py_XDECREF(external);
    Py_XDECREF(basics);
    return result;
}
