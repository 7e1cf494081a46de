#include "state.h"

#include "history.h"
#include "session.h"
#include "sysmodules.h"

typedef struct {
    PyObject **slot;
    const char *text;
} name_entry;

static int
make_names(rs_names *names)
{
    const name_entry table[] = {
#define RS_NAME_ENTRY(name) {&names->name, #name},
        RS_NAMES(RS_NAME_ENTRY)
#undef RS_NAME_ENTRY
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        *table[i].slot = PyUnicode_InternFromString(table[i].text);
        if (*table[i].slot == NULL) {
            return -1;
        }
    }
    return 0;
}

static int
make_errors(rs_state *st)
{
    st->UpdateError = PyErr_NewExceptionWithDoc(
        "resoul.UpdateError", "An update was not made; the program is as it was.",
        PyExc_Exception, NULL);
    if (st->UpdateError == NULL) {
        return -1;
    }
    st->PrepareError = PyErr_NewExceptionWithDoc(
        "resoul.PrepareError",
        "The new source could not be read, compiled or executed.\n\n"
        "__cause__ is the original exception. The program is as it was.",
        st->UpdateError, NULL);
    st->RefusedError = PyErr_NewExceptionWithDoc(
        "resoul.RefusedError",
        "The update can't be applied rightly, so nothing was changed.\n\n"
        "reasons: list of Reason, all that was found.",
        st->UpdateError, NULL);
    st->PrepareTimeout = PyErr_NewExceptionWithDoc(
        "resoul._engine.PrepareTimeout",
        "Interrupts a module body whose time is over; no Exception, so that a body's "
        "'except Exception' does not stop it.",
        PyExc_BaseException, NULL);
    st->ConflictError = PyErr_NewExceptionWithDoc(
        "resoul.ConflictError",
        "An update can't be undone without losing what came after it.\n\n"
        "conflicts: list of Conflict, all that was found. Nothing was undone.",
        st->UpdateError, NULL);
    if (st->PrepareError == NULL || st->RefusedError == NULL ||
        st->ConflictError == NULL) {
        return -1;
    }
    return st->PrepareTimeout == NULL ? -1 : 0;
}

/* The fields are no statics: the API takes them writable, and copies what it needs. */
static PyObject *
make_record(const char *name, const char *doc, PyStructSequence_Field *fields,
            int count)
{
    PyStructSequence_Desc desc = {name, doc, fields, count};
    return (PyObject *)PyStructSequence_NewType(&desc);
}

static PyObject *
make_reason(void)
{
    PyStructSequence_Field fields[] = {
        {"code", "stable code RSLnnn; docs/limits.md has a section for each"},
        {"module", "name of the module, or ''"},
        {"qualname", "qualified name of the object inside the module, or ''"},
        {"filename", "source file, or ''"},
        {"lineno", "line in that file, or 0"},
        {"found", "what was found, and what it was expected to be"},
        {"todo", "what to do about it"},
        {NULL, NULL},
    };
    return make_record("resoul.Reason", "Why an update was refused.", fields, 7);
}

static PyObject *
make_change(void)
{
    PyStructSequence_Field fields[] = {
        {"module", "name of the module"},
        {"qualname", "qualified name of the object inside the module"},
        {"kind", "function, class, data, binding or module"},
        {"action", "updated, added, rebound, taken, kept, deleted, stays or moved"},
        {"reason", "why, or ''"},
        {"filename", "source file, or ''"},
        {"lineno", "line in the new source, or 0"},
        {NULL, NULL},
    };
    return make_record("resoul.Change",
                       "One thing that an update did, or knowingly did not do.", fields,
                       7);
}

static PyObject *
make_notice(void)
{
    PyStructSequence_Field fields[] = {
        {"code", "stable code RSL6nn"},
        {"module", "name of the module, or ''"},
        {"qualname", "qualified name of the object inside the module, or ''"},
        {"filename", "source file, or ''"},
        {"lineno", "line in that file, or 0"},
        {"message", "what the update could not do, or what deserves a look"},
        {NULL, NULL},
    };
    return make_record("resoul.Notice", "A warning of an update that was applied.",
                       fields, 6);
}

static PyObject *
make_lagging(void)
{
    PyStructSequence_Field fields[] = {
        {"module", "name of the module"},
        {"qualname", "the function whose old code still runs"},
        {"count", "number of frames"},
        {"places", "tuple of 'file:line' where they are"},
        {NULL, NULL},
    };
    return make_record("resoul.Lagging",
                       "Frames that still run the old code of one function.", fields,
                       4);
}

static PyObject *
make_conflict(void)
{
    PyStructSequence_Field fields[] = {
        {"module", "name of the module, or ''"},
        {"qualname", "qualified name of the object inside the module, or ''"},
        {"what", "what of it is not as the update left it"},
        {"by", "id of the later update that changed it; '': the program did"},
        {NULL, NULL},
    };
    return make_record("resoul.Conflict",
                       "A place that doesn't hold any more what an update put there.",
                       fields, 4);
}

static int
make_records(rs_state *st)
{
    st->Reason = make_reason();
    st->Change = make_change();
    st->Notice = make_notice();
    st->Lagging = make_lagging();
    st->Conflict = make_conflict();
    if (st->Conflict == NULL) {
        return -1;
    }
    if (st->Reason == NULL || st->Change == NULL || st->Notice == NULL) {
        return -1;
    }
    return st->Lagging == NULL ? -1 : 0;
}

/* `module`.`name`, which has to be a class. */
static PyTypeObject *
import_type(const char *module, const char *name)
{
    PyObject *mod = PyImport_ImportModule(module);
    PyObject *type;
    if (mod == NULL) {
        return NULL;
    }
    type = PyObject_GetAttrString(mod, name);
    Py_DECREF(mod);
    if (type != NULL && !PyType_Check(type)) {
        PyErr_Format(PyExc_TypeError, "%s.%s is no class", module, name);
        Py_CLEAR(type);
    }
    return (PyTypeObject *)type;
}

/* The destructor of classes that Python code makes, read off one that is made here. */
static int
find_subtype_dealloc(rs_state *st)
{
    PyObject *type = PyObject_CallFunction((PyObject *)&PyType_Type, "s(){}",
                                           "resoul_probe");
    if (type == NULL) {
        return -1;
    }
    st->subtype_dealloc = RS_TYPE(type)->tp_dealloc;
    Py_DECREF(type);
    return 0;
}

/* What the engine itself uses of the standard library is loaded with it: an update that
 * fails leaves sys.modules as it was, and one whose body rebinds sys.modules still works. */
static int
load_helpers(void)
{
    const char *const names[] = {"ast", "dis", "gc", "linecache", "opcode"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        PyObject *module = PyImport_ImportModule(names[i]);
        if (module == NULL) {
            return -1;
        }
        Py_DECREF(module);
    }
    return 0;
}

static int
find_foreign(rs_state *st)
{
    if (load_helpers() < 0) {
        return -1;
    }
    st->lru_cache_type = import_type("functools", "_lru_cache_wrapper");
    st->partial_type = import_type("functools", "partial");
    st->cached_property_type = import_type("functools", "cached_property");
    st->deque_type = import_type("collections", "deque");
    st->weak_method_type = import_type("weakref", "WeakMethod");
    if (st->lru_cache_type == NULL || st->partial_type == NULL ||
        st->cached_property_type == NULL || st->deque_type == NULL ||
        st->weak_method_type == NULL) {
        return -1;
    }
    st->clear_caches = Py_XNewRef(rs_clear_caches());
    return find_subtype_dealloc(st);
}

int
rs_state_init(rs_state *st)
{
    st->own_version = UINT32_MAX;
    st->fail_after = -1;
    st->history.limit = 10;
    st->lock = PyThread_allocate_lock();
    if (st->lock == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (make_names(&st->names) < 0 || make_errors(st) < 0 || make_records(st) < 0 ||
        find_foreign(st) < 0) {
        return -1;
    }
    st->graveyard = PyList_New(0);
    st->updated = PyDict_New();
    st->known = PyDict_New();
    st->pending = PyDict_New();
    st->leftovers = PyList_New(0);
    if (st->graveyard == NULL || st->known == NULL || st->pending == NULL ||
        st->leftovers == NULL || st->updated == NULL) {
        return -1;
    }
    return 0;
}

int
rs_state_traverse(rs_state *st, visitproc visit, void *arg)
{
    Py_VISIT(st->UpdateError);
    Py_VISIT(st->PrepareError);
    Py_VISIT(st->RefusedError);
    Py_VISIT(st->PrepareTimeout);
    Py_VISIT(st->Reason);
    Py_VISIT(st->Change);
    Py_VISIT(st->Notice);
    Py_VISIT(st->Lagging);
    Py_VISIT(st->Conflict);
    Py_VISIT(st->ConflictError);
    Py_VISIT(st->Entry_Type);
    Py_VISIT(st->Session_Type);
    Py_VISIT(st->Prepared_Type);
    Py_VISIT(st->SysModules_Type);
    Py_VISIT(st->View_Type);
    Py_VISIT(st->Maker_Type);
    Py_VISIT(st->Builtins_Type);
    Py_VISIT(st->Space_Type);
    Py_VISIT(st->Probe_Type);
    Py_VISIT(st->lru_cache_type);
    Py_VISIT(st->partial_type);
    Py_VISIT(st->cached_property_type);
    Py_VISIT(st->deque_type);
    Py_VISIT(st->weak_method_type);
    Py_VISIT(st->clear_caches);
    Py_VISIT(st->graveyard);
    Py_VISIT(st->updated);
    Py_VISIT(st->known);
    Py_VISIT(st->pending);
    Py_VISIT(st->exec);
    Py_VISIT(st->call_without_frames);
    Py_VISIT(st->source_loader);
    Py_VISIT(st->broken);
    Py_VISIT(st->excluded);
    Py_VISIT(st->leftovers);
    return 0;
}

void
rs_state_clear(rs_state *st)
{
#define RS_NAME_CLEAR(name) Py_CLEAR(st->names.name);
    RS_NAMES(RS_NAME_CLEAR)
#undef RS_NAME_CLEAR
    rs_history_clear(st);
    Py_CLEAR(st->UpdateError);
    Py_CLEAR(st->PrepareError);
    Py_CLEAR(st->RefusedError);
    Py_CLEAR(st->PrepareTimeout);
    Py_CLEAR(st->Reason);
    Py_CLEAR(st->Change);
    Py_CLEAR(st->Notice);
    Py_CLEAR(st->Lagging);
    Py_CLEAR(st->Conflict);
    Py_CLEAR(st->ConflictError);
    Py_CLEAR(st->Entry_Type);
    Py_CLEAR(st->Session_Type);
    Py_CLEAR(st->Prepared_Type);
    Py_CLEAR(st->SysModules_Type);
    Py_CLEAR(st->View_Type);
    Py_CLEAR(st->Maker_Type);
    Py_CLEAR(st->Builtins_Type);
    Py_CLEAR(st->Space_Type);
    Py_CLEAR(st->Probe_Type);
    Py_CLEAR(st->lru_cache_type);
    Py_CLEAR(st->partial_type);
    Py_CLEAR(st->cached_property_type);
    Py_CLEAR(st->deque_type);
    Py_CLEAR(st->weak_method_type);
    Py_CLEAR(st->clear_caches);
    Py_CLEAR(st->graveyard);
    Py_CLEAR(st->updated);
    Py_CLEAR(st->known);
    Py_CLEAR(st->pending);
    Py_CLEAR(st->exec);
    Py_CLEAR(st->call_without_frames);
    Py_CLEAR(st->source_loader);
    Py_CLEAR(st->broken);
    Py_CLEAR(st->excluded);
    Py_CLEAR(st->leftovers);
    if (st->lock != NULL) {
        PyThread_free_lock(st->lock);
        st->lock = NULL;
    }
}
