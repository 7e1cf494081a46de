/* module.c -- the extension module resoul._engine: its method table only. */
#include <string.h>

#include "alive.h"
#include "builtins.h"
#include "changed.h"
#include "check.h"
#include "descriptors.h"
#include "forking.h"
#include "history.h"
#include "hotfix.h"
#include "known.h"
#include "lock.h"
#include "maker.h"
#include "pending.h"
#include "prepared.h"
#include "probation.h"
#include "probe.h"
#include "probes.h"
#include "recorder.h"
#include "session.h"
#include "space.h"
#include "sysmodules.h"
#include "update.h"
#include "view.h"

rs_state *
rs_state_of(PyObject *engine_module)
{
    return PyModule_GetState(engine_module);
}

PyDoc_STRVAR(
    reload_doc,
    "reload(modules, *, update, allowed, data, execute, take, delete, timeout,\n"
    "       base, strict)\n"
    "--\n\n"
    "Update live modules from their new source, as one transaction.\n\n"
    "modules: iterable of names and module objects.\n"
    "update: object whose attributes are filled with the report.\n"
    "allowed: callable (name, module) -> bool.\n"
    "data: callable (name) -> 'keep', 'take' or 'merge', the data policy of a module.\n"
    "execute: 'all' or 'changed'.\n"
    "take, delete: sets of qualified names. timeout: seconds, <= 0 for none.\n"
    "base: dict, name of a module -> the source that lives (str, or bytes of a file).\n"
    "strict: what would be a warning refuses.\n"
    "Raises UpdateError, PrepareError, RefusedError.");

/* reload() and prepare() take the same arguments. 0 or -1. */
static int
parse_options(PyObject *args, PyObject *kwargs, const char *format,
              rs_update_options *options)
{
    static const char *const keywords[] = {"modules", "update", "allowed", "data",
                                           "execute", "take",   "delete",  "timeout",
                                           "base",    "strict", NULL};
    const char *execute;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, format, (char **)(uintptr_t)keywords,
                                     &options->modules, &options->update,
                                     &options->allowed, &options->data, &execute,
                                     &options->take, &options->del, &options->timeout,
                                     &options->base, &options->strict)) {
        return -1;
    }
    if (options->base != Py_None && !PyDict_Check(options->base)) {
        PyErr_Format(PyExc_TypeError, "base must be a dict, not %.100s",
                     Py_TYPE(options->base)->tp_name);
        return -1;
    }
    if (strcmp(execute, "all") != 0 && strcmp(execute, "changed") != 0) {
        PyErr_Format(PyExc_ValueError, "execute=%s: \"all\" and \"changed\" are known",
                     execute);
        return -1;
    }
    options->only_changed = strcmp(execute, "changed") == 0;
    return 0;
}

static PyObject *
engine_reload(PyObject *engine, PyObject *args, PyObject *kwargs)
{
    rs_update_options options = {0};
    if (parse_options(args, kwargs, "O$OOOsOOdOp:reload", &options) < 0) {
        return NULL;
    }
    return rs_update_reload(engine, rs_state_of(engine), &options);
}

PyDoc_STRVAR(
    prepare_doc,
    "prepare(modules, *, update, allowed, data, execute, take, delete, timeout,\n"
    "        base, strict)\n"
    "--\n\n"
    "Execute, match and plan what reload() would; nothing live changes before "
    "commit().\n"
    "\nReturns an object with commit() and abandon(). Without references it abandons.");

static PyObject *
engine_prepare(PyObject *engine, PyObject *args, PyObject *kwargs)
{
    rs_update_options options = {0};
    if (parse_options(args, kwargs, "O$OOOsOOdOp:prepare", &options) < 0) {
        return NULL;
    }
    return rs_prepared_new(engine, rs_state_of(engine), &options);
}

PyDoc_STRVAR(
    hotfix_doc,
    "hotfix(text, *, update, allowed, label, digest, filename, inside, name, ask,\n"
    "       timeout, strict)\n"
    "--\n\n"
    "Run a snippet in the live process, as one transaction.\n\n"
    "text: its source. label, digest: what it is called, and the hash of the source.\n"
    "filename: what tracebacks call it. inside, name: a loaded module whose names it\n"
    "reads, and its name, or None. ask: callable() that raises if the snippet must "
    "not\n"
    "be applied to what lives. The rest as for reload().\n"
    "Raises UpdateError, PrepareError, RefusedError, and what ask() raises.");

static PyObject *
engine_hotfix(PyObject *engine, PyObject *args, PyObject *kwargs)
{
    static const char *const keywords[] = {"text",   "update",   "allowed", "label",
                                           "digest", "filename", "inside",  "name",
                                           "ask",    "timeout",  "strict",  NULL};
    rs_hotfix_options o = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "U$OOUUUOOOdp:hotfix", (char **)(uintptr_t)keywords, &o.text,
            &o.update, &o.allowed, &o.label, &o.digest, &o.filename, &o.inside, &o.name,
            &o.ask, &o.timeout, &o.strict)) {
        return NULL;
    }
    if (o.inside != Py_None && !PyModule_Check(o.inside)) {
        PyErr_Format(PyExc_TypeError, "inside must be a module or None, not %.100s",
                     Py_TYPE(o.inside)->tp_name);
        return NULL;
    }
    return rs_hotfix(engine, rs_state_of(engine), &o);
}

PyDoc_STRVAR(
    fork_doc,
    "fork()\n--\n\n"
    "os.fork(), but without a warning where other threads run: for a child that "
    "ends soon,\nby os._exit(), and that somebody watches over. Updates that the "
    "parent has prepared\nare abandoned in it. Raises UpdateError inside of an "
    "update, OSError.");

static PyObject *
engine_fork(PyObject *engine, PyObject *Py_UNUSED(ignored))
{
    long pid = rs_fork(rs_state_of(engine));
    return pid < 0 ? NULL : PyLong_FromLong(pid);
}

PyDoc_STRVAR(record_doc,
             "record_imports(excluded, /)\n--\n\n"
             "Remember the code of modules that are imported from now on.\n\n"
             "excluded: tuple of folders; modules below them are not remembered.");

static PyObject *
engine_record_imports(PyObject *engine, PyObject *excluded)
{
    if (!PyTuple_Check(excluded)) {
        PyErr_Format(PyExc_TypeError,
                     "record_imports() takes a tuple of folders, not %s",
                     Py_TYPE(excluded)->tp_name);
        return NULL;
    }
    return rs_recorder_install(engine, excluded) < 0 ? NULL : Py_NewRef(Py_None);
}

PyDoc_STRVAR(
    changed_doc,
    "changed_sources(allowed, /)\n--\n\n"
    "Which loaded modules have another source than the one that lives?\n\n"
    "allowed: callable (name, module) -> bool.\n\n"
    "Returns (changed, gone), two lists of names. Contents are compared, not time\n"
    "stamps, with the source that was recorded when the module was imported or "
    "updated.\n"
    "A module that was imported before the recorder was installed counts as changed "
    "if\n"
    "its file was touched since then; what is older than that is not noticed. Modules\n"
    "whose loader gives no source are in neither list. What can't be read counts as\n"
    "changed: the update tells why.");

static PyObject *
engine_changed_sources(PyObject *engine, PyObject *allowed)
{
    return rs_changed_sources(rs_state_of(engine), allowed);
}

PyDoc_STRVAR(pending_doc,
             "pending()\n--\n\n"
             "Changes of sources that updates left out: a list of Change.");

static PyObject *
engine_pending(PyObject *engine, PyObject *ignored)
{
    (void)ignored;
    return rs_pending_list(rs_state_of(engine));
}

PyDoc_STRVAR(
    check_doc,
    "check(modules, *, update, allowed, data, take, delete, base, strict)\n--\n\n"
    "What reload() with execute='changed' would do, without executing anything.");

static PyObject *
engine_check(PyObject *engine, PyObject *args, PyObject *kwargs)
{
    static const char *const keywords[] = {"modules", "update", "allowed",
                                           "data",    "take",   "delete",
                                           "base",    "strict", NULL};
    rs_update_options options = {.only_changed = 1};
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "O$OOOOOOp:check", (char **)(uintptr_t)keywords,
            &options.modules, &options.update, &options.allowed, &options.data,
            &options.take, &options.del, &options.base, &options.strict)) {
        return NULL;
    }
    return rs_check(engine, rs_state_of(engine), &options);
}

PyDoc_STRVAR(
    instances_doc,
    "instances(cls, /)\n--\n\n"
    "The instances of a class and of its subclasses that are alive: a list.\n\n"
    "Raises UpdateError if the garbage collector doesn't track all of them.");

static PyObject *
engine_instances(PyObject *engine, PyObject *cls)
{
    PyTypeObject *type = RS_TYPE(cls);
    PyObject *found;
    if (!PyType_Check(cls)) {
        PyErr_Format(PyExc_TypeError, "instances() takes a class, not %.100s",
                     Py_TYPE(cls)->tp_name);
        return NULL;
    }
    if (rs_alive_check(rs_state_of(engine), type) < 0) {
        return NULL;
    }
    found = PyList_New(0);
    if (found != NULL && rs_alive_list(&type, 1, found) < 0) {
        Py_CLEAR(found);
    }
    return found;
}

PyDoc_STRVAR(
    codes_doc,
    "codes_of(filename, /)\n--\n\n"
    "The code objects of that file which live functions run, and nested ones.");

PyDoc_STRVAR(
    known_doc,
    "known_source(module, /)\n--\n\n"
    "What is known of the source of a module: (source, code), either may be None.\n\n"
    "A str is the text of what lives. Bytes were read beside the import, and are\n"
    "what lives if they compile to the code.");

static PyObject *
engine_codes_of(PyObject *engine, PyObject *filename)
{
    (void)engine;
    if (!PyUnicode_Check(filename)) {
        PyErr_Format(PyExc_TypeError, "codes_of() takes a str, not %.100s",
                     Py_TYPE(filename)->tp_name);
        return NULL;
    }
    return rs_probation_codes(filename);
}

static PyObject *
engine_known_source(PyObject *engine, PyObject *module)
{
    if (!PyModule_Check(module)) {
        PyErr_Format(PyExc_TypeError, "known_source() takes a module, not %.100s",
                     Py_TYPE(module)->tp_name);
        return NULL;
    }
    return rs_known_of_module(rs_state_of(engine), module);
}

PyDoc_STRVAR(undo_doc,
             "undo(entry, /, *, update, only_code, keep)\n--\n\n"
             "Take an update of the history back, as an update of its own.\n\n"
             "update: object whose attributes are filled with the report.\n"
             "only_code: functions and classes, data stays. keep: what came later "
             "stays.\n"
             "Raises ConflictError, UpdateError.");

static PyObject *
engine_undo(PyObject *engine, PyObject *args, PyObject *kwargs)
{
    static const char *const keywords[] = {"", "update", "only_code", "keep", NULL};
    rs_state *st = rs_state_of(engine);
    rs_undo_options options = {NULL, NULL, 0, 0};
    PyObject *entry;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!$Opp:undo",
                                     (char **)(uintptr_t)keywords,
                                     RS_TYPE(st->Entry_Type), &entry, &options.update,
                                     &options.only_code, &options.keep)) {
        return NULL;
    }
    options.entry = (rs_entry *)entry;
    return rs_update_undo(engine, st, &options);
}

PyDoc_STRVAR(history_doc, "history()\n--\n\n"
                          "The updates that can be undone, newest first.");

static PyObject *
engine_history(PyObject *engine, PyObject *Py_UNUSED(ignored))
{
    return rs_history_list(rs_state_of(engine));
}

PyDoc_STRVAR(keep_history_doc,
             "keep_history(limit, /)\n--\n\n"
             "How many updates can be undone; what is more than that is forgotten.");

static PyObject *
engine_keep_history(PyObject *engine, PyObject *limit)
{
    Py_ssize_t n = PyNumber_AsSsize_t(limit, PyExc_OverflowError);
    if (n < 0) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_ValueError, "the limit must not be negative");
        }
        return NULL;
    }
    return rs_history_limit(rs_state_of(engine), n) < 0 ? NULL : Py_NewRef(Py_None);
}

PyDoc_STRVAR(descriptors_doc,
             "descriptors()\n--\n\n"
             "What each open file descriptor is open on, and its number, as texts.\n\n"
             "Empty where the platform has no /proc.");

static PyObject *
engine_descriptors(PyObject *Py_UNUSED(engine), PyObject *Py_UNUSED(ignored))
{
    return rs_descriptors();
}

static PyMethodDef engine_methods[] = {
    {"codes_of", engine_codes_of, METH_O, codes_doc},
    {"descriptors", engine_descriptors, METH_NOARGS, descriptors_doc},
    {"history", engine_history, METH_NOARGS, history_doc},
    {"keep_history", engine_keep_history, METH_O, keep_history_doc},
    {"undo", (PyCFunction)(void (*)(void))engine_undo, METH_VARARGS | METH_KEYWORDS,
     undo_doc},
    {"changed_sources", engine_changed_sources, METH_O, changed_doc},
    {"fork", engine_fork, METH_NOARGS, fork_doc},
    {"prepare", (PyCFunction)(void (*)(void))engine_prepare,
     METH_VARARGS | METH_KEYWORDS, prepare_doc},
    {"check", (PyCFunction)(void (*)(void))engine_check, METH_VARARGS | METH_KEYWORDS,
     check_doc},
    {"instances", engine_instances, METH_O, instances_doc},
    {"known_source", engine_known_source, METH_O, known_doc},
    {"hotfix", (PyCFunction)(void (*)(void))engine_hotfix, METH_VARARGS | METH_KEYWORDS,
     hotfix_doc},
    {"pending", engine_pending, METH_NOARGS, pending_doc},
    {"record_imports", engine_record_imports, METH_O, record_doc},
    {"reload", (PyCFunction)(void (*)(void))engine_reload, METH_VARARGS | METH_KEYWORDS,
     reload_doc},
    {NULL, NULL, 0, NULL},
};

static int
add_names(PyObject *engine, rs_state *st)
{
    const struct {
        const char *name;
        PyObject *value;
    } names[] = {
        {"UpdateError", st->UpdateError},
        {"PrepareError", st->PrepareError},
        {"RefusedError", st->RefusedError},
        {"ConflictError", st->ConflictError},
        {"Conflict", st->Conflict},
        {"Entry", st->Entry_Type},
        {"Reason", st->Reason},
        {"Change", st->Change},
        {"Notice", st->Notice},
        {"Lagging", st->Lagging},
        {"Prepared", st->Prepared_Type},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (PyModule_AddObjectRef(engine, names[i].name, names[i].value) < 0) {
            return -1;
        }
    }
    return PyModule_AddStringConstant(engine, "__version__", RS_VERSION);
}

static int
make_types(PyObject *engine, rs_state *st)
{
    st->Session_Type = rs_session_make_type(engine);
    st->Prepared_Type = rs_prepared_make_type(engine);
    st->Entry_Type = rs_entry_make_type(engine);
    st->SysModules_Type = rs_sysmodules_type();
    st->View_Type = rs_view_type();
    st->Maker_Type = rs_maker_type();
    st->Builtins_Type = rs_builtins_type();
    st->Space_Type = rs_space_type();
    st->Probe_Type = rs_probe_type(engine);
    return st->Entry_Type == NULL || st->Session_Type == NULL ||
                   st->Prepared_Type == NULL || st->SysModules_Type == NULL ||
                   st->View_Type == NULL || st->Maker_Type == NULL ||
                   st->Builtins_Type == NULL || st->Space_Type == NULL ||
                   st->Probe_Type == NULL
               ? -1
               : 0;
}

static int
engine_exec(PyObject *engine)
{
    rs_state *st = rs_state_of(engine);
    if (rs_state_init(st) < 0 || make_types(engine, st) < 0 ||
        add_names(engine, st) < 0 || rs_probes_add(engine) < 0 ||
        rs_probation_add(engine) < 0) {
        return -1;
    }
    return rs_lock_init(engine);
}

static int
engine_traverse(PyObject *engine, visitproc visit, void *arg)
{
    return rs_state_traverse(rs_state_of(engine), visit, arg);
}

static int
engine_clear(PyObject *engine)
{
    rs_state_clear(rs_state_of(engine));
    return 0;
}

static void
engine_free(void *engine)
{
    rs_state_clear(rs_state_of(engine));
}

/* No Py_MOD_GIL_NOT_USED: a free-threaded build turns the GIL on for us. */
static PyModuleDef_Slot engine_slots[] = {
    {Py_mod_exec, (void *)engine_exec},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {0, NULL},
};

static struct PyModuleDef engine_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "resoul._engine",
    .m_doc = "The engine of resoul. Use the package resoul.",
    .m_size = sizeof(rs_state),
    .m_methods = engine_methods,
    .m_slots = engine_slots,
    .m_traverse = engine_traverse,
    .m_clear = engine_clear,
    .m_free = engine_free,
};

PyMODINIT_FUNC PyInit__engine(void);

PyMODINIT_FUNC
PyInit__engine(void)
{
    return PyModuleDef_Init(&engine_def);
}
