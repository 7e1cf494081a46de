#include "hotfix.h"

#include <string.h>

#include "clock.h"
#include "failure.h"
#include "frames.h"
#include "heap.h"
#include "lock.h"
#include "op.h"
#include "probing.h"
#include "quiet.h"
#include "room.h"
#include "same.h"
#include "update.h"
#include "watchdog.h"

/* ---- s->hot ---- */

static int
open_hot(rs_session *s, const rs_hotfix_options *options)
{
    rs_hotfix_options *o;
    s->hot = PyMem_Calloc(1, sizeof(*s->hot));
    if (s->hot == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    o = &s->hot->o;
    *o = *options;
    Py_INCREF(o->label);
    Py_INCREF(o->digest);
    Py_INCREF(o->filename);
    Py_INCREF(o->text);
    Py_INCREF(o->inside);
    Py_INCREF(o->name);
    s->take = PySet_New(NULL);
    s->del = PySet_New(NULL);
    return s->take == NULL || s->del == NULL ? -1 : 0;
}

static void
clear_field(rs_hot_field *field)
{
    Py_CLEAR(field->op);
    Py_CLEAR(field->bases);
    Py_CLEAR(field->now_bases);
    for (int i = 0; i < RS_FN_FIELDS; i++) {
        Py_CLEAR(field->fields[i]);
        Py_CLEAR(field->now[i]);
    }
}

void
rs_hot_free(rs_session *s)
{
    struct rs_hot *hot = s->hot;
    if (hot == NULL) {
        return;
    }
    s->hot = NULL;
    for (Py_ssize_t i = 0; i < hot->n_writes; i++) {
        rs_hot_write *w = &hot->writes[i];
        Py_DECREF(w->dict);
        Py_XDECREF(w->type);
        Py_DECREF(w->key);
        Py_XDECREF(w->old);
        Py_XDECREF(w->now);
        Py_XDECREF(w->qualname);
    }
    for (Py_ssize_t i = 0; i < hot->n_fields; i++) {
        clear_field(&hot->fields[i]);
    }
    PyMem_Free(hot->writes);
    PyMem_Free(hot->fields);
    rs_idmap_clear(&hot->field_index);
    rs_idmap_clear(&hot->originals);
    rs_instrumented_clear(&hot->code);
    Py_XDECREF(hot->ns);
    Py_XDECREF(hot->modules);
    Py_DECREF(hot->o.label);
    Py_DECREF(hot->o.digest);
    Py_DECREF(hot->o.filename);
    Py_DECREF(hot->o.text);
    Py_DECREF(hot->o.inside);
    Py_DECREF(hot->o.name);
    PyMem_Free(hot);
}

/* ---- questions ---- */

static int
has_code(const struct rs_hot *hot, PyObject *code)
{
    /* not by its file: the same snippet may have been applied before */
    return rs_idmap_has(&hot->code.own, code);
}

int
rs_hot_made(const rs_session *s, PyObject *op)
{
    PyObject *dict, *key, *value;
    Py_ssize_t pos = 0;
    int result = 0;
    if (s->hot == NULL) {
        return 0;
    }
    if (PyFunction_Check(op)) {
        return has_code(s->hot, RS_FUNCTION(op)->func_code);
    }
    if (!PyType_Check(op) || !PyType_HasFeature(RS_TYPE(op), Py_TPFLAGS_HEAPTYPE)) {
        return 0;
    }
    dict = PyType_GetDict(RS_TYPE(op));
    value = PyDict_GetItemWithError(dict, s->st->names.__module__);
    result = rs_text_equals(value, "__hotfix__");
    while (!result && PyDict_Next(dict, &pos, &key, &value)) {
        result = PyFunction_Check(value) &&
                 has_code(s->hot, RS_FUNCTION(value)->func_code);
    }
    Py_DECREF(dict);
    return result;
}

int
rs_hot_made_now(const rs_session *s, PyObject *op)
{
    return rs_hot_made(s, op) || (s->hot != NULL && s->hot->o.name != Py_None &&
                                  rs_class_made_by(s, op, s->hot->o.name));
}

int
rs_hot_is_namespace(const rs_session *s, const PyObject *dict)
{
    return s->hot != NULL && s->hot->o.inside == Py_None && s->hot->ns == dict;
}

PyObject *
rs_hot_code(const rs_session *s)
{
    return s->hot->code.clean;
}

int
rs_hot_visit(const rs_session *s, visitproc visit, void *arg)
{
    const struct rs_hot *hot = s->hot;
    int result = 0;
    Py_ssize_t pos = 0;
    PyObject *key, *value;
    if (hot == NULL) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < hot->n_writes && result == 0; i++) {
        const rs_hot_write *w = &hot->writes[i];
        PyObject *refs[] = {w->dict, (PyObject *)w->type, w->key, w->old,
                            w->now,  w->qualname};
        for (size_t k = 0; k < Py_ARRAY_LENGTH(refs) && result == 0; k++) {
            result = refs[k] != NULL ? visit(refs[k], arg) : 0;
        }
    }
    for (Py_ssize_t i = 0; i < hot->n_fields && result == 0; i++) {
        const rs_hot_field *f = &hot->fields[i];
        PyObject *refs[] = {f->op, f->bases, f->now_bases};
        for (size_t k = 0; k < Py_ARRAY_LENGTH(refs) && result == 0; k++) {
            result = refs[k] != NULL ? visit(refs[k], arg) : 0;
        }
        for (int k = 0; k < RS_FN_FIELDS && result == 0; k++) {
            result = f->fields[k] != NULL ? visit(f->fields[k], arg) : 0;
            if (result == 0 && f->now[k] != NULL) {
                result = visit(f->now[k], arg);
            }
        }
    }
    while (result == 0 && rs_idmap_next(&hot->originals, &pos, &key, &value)) {
        result = visit(key, arg);
        result = result == 0 ? visit(value, arg) : result;
    }
    pos = 0;
    while (result == 0 && rs_idmap_next(&hot->field_index, &pos, &key, &value)) {
        result = visit(key, arg);
        result = result == 0 ? visit(value, arg) : result;
    }
    pos = 0;
    while (result == 0 && rs_idmap_next(&hot->code.twins, &pos, &key, &value)) {
        result = visit(key, arg);
        result = result == 0 ? visit(value, arg) : result;
    }
    pos = 0;
    while (result == 0 && rs_idmap_next(&hot->code.own, &pos, &key, &value)) {
        result = visit(key, arg);
        result = result == 0 ? visit(value, arg) : result;
    }
    if (result == 0 && hot->code.clean != NULL) {
        result = visit(hot->code.clean, arg);
    }
    if (result == 0 && hot->code.probed != NULL) {
        result = visit(hot->code.probed, arg);
    }
    if (result == 0 && hot->o.inside == Py_None && hot->ns != NULL) {
        result = visit(hot->ns, arg);
    }
    return result;
}

int
rs_hot_visit_roots(const rs_session *s, visitproc visit, void *arg)
{
    const struct rs_hot *hot = s->hot;
    Py_VISIT(hot->ns);
    for (Py_ssize_t i = 0; i < hot->n_writes; i++) {
        Py_VISIT(hot->writes[i].now);
    }
    for (Py_ssize_t i = 0; i < hot->n_fields; i++) {
        for (int k = 0; k < RS_FN_FIELDS; k++) {
            Py_VISIT(hot->fields[i].now[k]);
        }
    }
    return 0;
}

/* ---- fields of functions and classes ---- */

static int
is_bases(PyObject *name)
{
    return rs_text_equals(name, "__bases__");
}

static int
is_field_of_class(PyObject *name)
{
    return is_bases(name) || rs_text_equals(name, "__name__") ||
           rs_text_equals(name, "__qualname__");
}

/* Is it set through a descriptor of the function type, and not in the function's dict? */
static int
is_field_of_function(rs_note_kind kind, PyObject *object, PyObject *name)
{
    PyObject *dict, *found;
    if (!PyFunction_Check(object) || name == NULL ||
        (kind != RS_NOTE_ATTRIBUTE && kind != RS_NOTE_DELETE)) {
        return 0;
    }
    dict = PyType_GetDict(&PyFunction_Type);
    found = PyDict_GetItemWithError(dict, name);
    Py_DECREF(dict);
    return found != NULL && Py_TYPE(found)->tp_descr_set != NULL;
}

int
rs_hot_note_fields(rs_session *s, rs_note_kind kind, PyObject *object, PyObject *name)
{
    struct rs_hot *hot = s->hot;
    rs_hot_field *fields;
    int of_class = PyType_Check(object) &&
                   (kind == RS_NOTE_ATTRIBUTE || kind == RS_NOTE_DELETE) &&
                   is_field_of_class(name);
    if ((!PyFunction_Check(object) && !of_class) || kind == RS_NOTE_ITEMS ||
        kind == RS_NOTE_READ) {
        return 0;
    }
    if (of_class &&
        (!is_bases(name) || !PyType_HasFeature(RS_TYPE(object), Py_TPFLAGS_HEAPTYPE))) {
        PyErr_Format(PyExc_TypeError,
                     "a hotfix can't set %U of class %s: name it otherwise in a reload",
                     name, RS_TYPE(object)->tp_name);
        return -1;
    }
    if (rs_idmap_has(&hot->field_index, object) || rs_hot_made(s, object)) {
        return of_class || is_field_of_function(kind, object, name);
    }
    fields = rs_room(hot->fields, hot->n_fields, &hot->fields_room,
                     sizeof(rs_hot_field));
    if (fields == NULL) {
        return -1;
    }
    hot->fields = fields; /* they have moved */
    if (rs_idmap_set(&hot->field_index, object, object) < 0) {
        return -1;
    }
    fields = &fields[hot->n_fields++];
    memset(fields, 0, sizeof(*fields));
    fields->op = Py_NewRef(object);
    if (of_class) {
        fields->bases = Py_NewRef(RS_TYPE(object)->tp_bases);
        return 1;
    }
    for (int i = 0; i < RS_FN_FIELDS; i++) {
        if (i != RS_FN_DICT) { /* attributes are recorded one by one */
            fields->fields[i] = Py_XNewRef(*rs_fn_slot(object, i));
        }
    }
    return is_field_of_function(kind, object, name);
}

static int
take_bases_back(rs_hot_field *f)
{
    PyTypeObject *type = RS_TYPE(f->op);
    if (type->tp_bases == f->bases) {
        return 0;
    }
    Py_XSETREF(f->now_bases, Py_NewRef(type->tp_bases));
    if (rs_set_bases(type, f->bases) < 0) {
        PyErr_Clear(); /* no memory for a moment */
        return rs_set_bases(type, f->bases);
    }
    return 0;
}

static void
take_function_back(rs_hot_field *f)
{
    int changed = 0;
    for (int k = 0; k < RS_FN_FIELDS; k++) {
        PyObject **slot = rs_fn_slot(f->op, k);
        if (k == RS_FN_DICT) {
            continue;
        }
        Py_XSETREF(f->now[k], Py_XNewRef(*slot));
        if (*slot != f->fields[k]) {
            changed = 1;
            Py_XSETREF(*slot, Py_XNewRef(f->fields[k]));
        }
    }
    if (changed) {
        rs_fn_clear_version(f->op);
    }
}

/* Puts what the snippet left into `now`, and back what was there: all that can be. 0, or -1
 * with the first error. */
static int
take_fields_back(struct rs_hot *hot)
{
    PyObject *error = NULL;
    for (Py_ssize_t i = hot->n_fields - 1; i >= 0; i--) {
        if (hot->fields[i].bases == NULL) {
            take_function_back(&hot->fields[i]);
        } else if (take_bases_back(&hot->fields[i]) < 0) {
            PyObject *another = PyErr_GetRaisedException();
            error = error != NULL ? error : Py_NewRef(another);
            Py_DECREF(another);
        }
    }
    PyErr_SetRaisedException(error);
    return error == NULL ? 0 : -1;
}

/* ---- running ---- */

/* Its `__builtins__` are the real ones: what it defines lives on. */
static int
make_namespace(rs_session *s)
{
    struct rs_hot *hot = s->hot;
    PyObject *loader = NULL;
    int result = -1;
    if (hot->o.inside != Py_None) {
        hot->ns = Py_NewRef(PyModule_GetDict(hot->o.inside));
        return 0;
    }
    hot->ns = Py_BuildValue("{s:s,s:O,s:O,s:O}", "__name__", "__hotfix__", "__file__",
                            hot->o.filename, "__hotfix__", hot->o.label, "__doc__",
                            Py_None);
    loader = PyImport_ImportModule("builtins");
    if (hot->ns != NULL && loader != NULL) {
        result = PyDict_SetItem(hot->ns, s->st->names.__builtins__, loader);
    }
    Py_XDECREF(loader);
    return result;
}

static int
watch_classes(rs_session *s, PyObject *name, PyObject *dict)
{
    PyObject *value, *values = PyDict_Values(dict);
    int result = values != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(values); i++) {
        value = PyList_GET_ITEM(values, i);
        if (rs_class_made_by(s, value, name)) {
            result = rs_leaks_watch(s, rs_class_dict(RS_TYPE(value)), RS_TYPE(value));
        }
    }
    Py_XDECREF(values);
    return result;
}

/* Bindings of all modules that may be updated, and of their classes: whoever writes them for
 * the snippet. 0 or -1. */
static int
watch_namespaces(rs_session *s)
{
    PyObject *name, *module, *modules = PyDict_Copy(PyImport_GetModuleDict());
    Py_ssize_t pos = 0;
    int result = modules != NULL ? rs_leaks_watch(s, PyImport_GetModuleDict(), NULL)
                                 : -1;
    while (result == 0 && PyDict_Next(modules, &pos, &name, &module)) {
        PyObject *answer;
        if (!PyModule_Check(module) || !PyUnicode_Check(name)) {
            continue;
        }
        answer = PyObject_CallFunctionObjArgs(s->allowed, name, module, NULL);
        result = answer != NULL ? PyObject_IsTrue(answer) : -1;
        Py_XDECREF(answer);
        if (result > 0) {
            result = rs_leaks_watch(s, PyModule_GetDict(module), NULL);
        }
        if (result == 0) {
            result = watch_classes(s, name, PyModule_GetDict(module));
        }
    }
    Py_XDECREF(modules);
    return result;
}

static int
note_modules(struct rs_hot *hot)
{
    PyObject *name;
    Py_ssize_t pos = 0;
    hot->modules = PySet_New(NULL);
    while (hot->modules != NULL &&
           PyDict_Next(PyImport_GetModuleDict(), &pos, &name, NULL)) {
        if (PyUnicode_CheckExact(name) && PySet_Add(hot->modules, name) < 0) {
            return -1;
        }
    }
    return hot->modules != NULL ? 0 : -1;
}

static PyObject *
call_snippet(rs_session *s)
{
    struct rs_hot *hot = s->hot;
    PyObject *function, *result;
    if (hot->o.inside == Py_None || PyList_GET_SIZE(hot->code.tree) == 0) {
        return PyEval_EvalCode(hot->code.probed, hot->ns, hot->ns);
    }
    function = PyFunction_New(hot->code.probed, hot->ns);
    result = function != NULL ? PyObject_CallNoArgs(function) : NULL;
    Py_XDECREF(function);
    return result;
}

/* What probes kept on the way (probing.h). */
static int
drop_temporaries(const struct rs_hot *hot)
{
    static const char *const names[] = {RS_PROBING_TEMPORARY "object",
                                        RS_PROBING_TEMPORARY "key"};
    for (size_t i = 0; hot->o.inside == Py_None && i < Py_ARRAY_LENGTH(names); i++) {
        PyObject *name = PyUnicode_InternFromString(names[i]);
        int found = name != NULL ? PyDict_Contains(hot->ns, name) : -1;
        if (found > 0) {
            found = PyDict_DelItem(hot->ns, name);
        }
        Py_XDECREF(name);
        if (found < 0) {
            return -1;
        }
    }
    return 0;
}

static int
run(rs_session *s)
{
    PyObject *result = NULL;
    if (rs_leaks_begin(s, RS_LEAKS_SNIPPET) < 0) {
        return -1;
    }
    if (watch_namespaces(s) == 0 && rs_leaks_mark_threads(s) == 0 &&
        rs_watchdog_start(s) == 0) {
        s->effect =
            s->hot->code.probed; /* its imports are not interrupted (watchdog.h) */
        result = call_snippet(s);
        s->effect = NULL;
        rs_watchdog_stop(s);
    }
    rs_leaks_end(s);
    if (result == NULL) {
        return rs_lock_check_fork(s) < 0 ? -1 : rs_prepare_error(s, NULL);
    }
    Py_DECREF(result);
    return rs_lock_check_fork(s) < 0 ? -1 : drop_temporaries(s->hot);
}

/* ---- after it has run ---- */

/* X4. The twins keep both codes alive: nothing is released in the walk. */
static int
drop_probe(PyObject *op, void *arg)
{
    const struct rs_hot *hot = arg;
    PyObject *probed, *clean;
    if (!PyFunction_Check(op)) {
        return 1;
    }
    probed = RS_FUNCTION(op)->func_code;
    clean = rs_without_probes(&hot->code, probed);
    if (clean != NULL) {
        RS_FUNCTION(op)->func_code = Py_NewRef(clean);
        rs_fn_clear_version(op);
        if (RS_CODE(clean)->co_version > 1) {
            rs_fn_set_version(op, RS_CODE(clean)->co_version);
        }
        Py_DECREF(probed);
    }
    return 1;
}

typedef struct {
    rs_session *s;
    rs_idmap *made; /* classes */
} class_arg;

static int
collect_class(PyObject *op, void *arg)
{
    const class_arg *classes = arg;
    return PyType_Check(op) && rs_hot_made_now(classes->s, op) &&
                   rs_idmap_set(classes->made, op, op) < 0
               ? -1
               : 1;
}

/* The classes that the snippet made. 0 or -1. */
static int
find_classes(rs_session *s, rs_idmap *made)
{
    class_arg classes = {s, made};
    return rs_heap_interval(s, collect_class, &classes);
}

/* The namespaces of modules, and of classes whose dicts are watched: dict -> module's name,
 * or the class. */
static int
find_namespaces(rs_session *s, const rs_idmap *made, rs_idmap *spaces)
{
    PyObject *name, *module;
    Py_ssize_t pos = 0;
    PyObject *modules = PyImport_GetModuleDict();
    while (PyDict_Next(modules, &pos, &name, &module)) {
        PyObject *dict = PyModule_Check(module) ? PyModule_GetDict(module) : NULL;
        if (dict != NULL && PyUnicode_CheckExact(name) && !rs_idmap_has(spaces, dict) &&
            rs_idmap_set(spaces, dict, name) < 0) {
            return -1;
        }
    }
    return rs_leaks_visit_classes(s, made, spaces);
}

/* What the snippet does to its own classes is how they are made. */
static int
pass_over_own(rs_session *s, rs_idmap *made)
{
    Py_ssize_t pos = 0;
    PyObject *type;
    if (find_classes(s, made) < 0) {
        return -1;
    }
    while (rs_idmap_next(made, &pos, &type, NULL)) {
        rs_leaks_pass_over(s, rs_class_dict(RS_TYPE(type)));
    }
    return 0;
}

typedef struct {
    rs_session *s;
    const rs_idmap *spaces;
} write_arg;

/* Of the interpreter: which warnings were shown. */
static int
is_housekeeping(PyObject *key)
{
    return rs_text_equals(key, "__warningregistry__");
}

static int
add_write(void *arg, PyObject *dict, PyTypeObject *type, PyObject *key, PyObject *old,
          PyObject *now)
{
    rs_session *s = ((write_arg *)arg)->s;
    struct rs_hot *hot = s->hot;
    rs_hot_write *writes;
    if (!PyUnicode_CheckExact(key)) {
        PyErr_Format(PyExc_TypeError,
                     "a hotfix can't set %R in a namespace: names are str", key);
        return rs_prepare_error(s, NULL);
    }
    if (is_housekeeping(key)) {
        return 0;
    }
    writes = rs_room(hot->writes, hot->n_writes, &hot->writes_room,
                     sizeof(rs_hot_write));
    if (writes == NULL) {
        return -1;
    }
    hot->writes = writes;
    hot->writes[hot->n_writes++] = (rs_hot_write){
        Py_NewRef(dict),
        (PyTypeObject *)Py_XNewRef((PyObject *)type),
        Py_NewRef(key),
        Py_XNewRef(old),
        Py_XNewRef(now),
        NULL,
        -1,
        0,
        0};
    return 0;
}

/* The module that a namespace belongs to: borrowed name, or NULL. */
static PyObject *
home_of(rs_session *s, const rs_idmap *spaces, const rs_hot_write *w)
{
    PyObject *name = w->type == NULL ? rs_idmap_get(spaces, w->dict)
                                     : rs_class_get(w->type, s->st->names.__module__);
    return name != NULL && PyUnicode_CheckExact(name) ? name : NULL;
}

/* The unit of that module, made if there is none: its number, or -1. */
static Py_ssize_t
unit_for(rs_session *s, PyObject *name)
{
    rs_unit *u = rs_session_unit_by_name(s, name), *grown;
    PyObject *module;
    if (u != NULL) {
        return u - s->units;
    }
    grown = PyMem_Realloc(s->units, (size_t)(s->n_units + 1) * sizeof(rs_unit));
    if (grown == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    s->units = grown;
    u = &s->units[s->n_units];
    memset(u, 0, sizeof(*u));
    module = PyDict_GetItemWithError(PyImport_GetModuleDict(), name);
    if (module == NULL || !PyModule_Check(module)) {
        if (PyErr_Occurred()) {
            return -1;
        }
        module = NULL;
    }
    u->name = Py_NewRef(name);
    u->module = Py_NewRef(module != NULL ? module : Py_None);
    u->live = Py_NewRef(module != NULL ? PyModule_GetDict(module) : s->hot->ns);
    u->filename = Py_NewRef(s->hot->o.filename);
    u->code = Py_NewRef(s->hot->code.clean);
    u->scratch = Py_NewRef(s->hot->ns);
    u->policy = RS_POLICY_TAKE;
    u->phase = RS_UNIT_DONE;
    return s->n_units++;
}

static int
make_units(rs_session *s, const rs_idmap *spaces)
{
    struct rs_hot *hot = s->hot;
    for (Py_ssize_t i = 0; i < hot->n_writes; i++) {
        rs_hot_write *w = &hot->writes[i];
        PyObject *name = home_of(s, spaces, w);
        if (name == NULL) { /* a class without a module */
            name = s->st->names.__main__;
        }
        w->unit = unit_for(s, name);
        if (w->unit < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < hot->n_writes; i++) {
        rs_hot_write *w = &hot->writes[i];
        rs_scope scope = {&s->units[w->unit],
                          w->dict,
                          NULL,
                          w->type,
                          NULL,
                          w->type != NULL ? RS_HEAPTYPE(w->type)->ht_qualname : NULL};
        w->qualname = rs_scope_qualname(&scope, w->key);
        if (w->qualname == NULL) {
            return -1;
        }
    }
    return 0;
}

/* RSL102 for modules that may not be updated. 0 or -1. */
static int
check_allowed(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        const rs_unit *u = &s->units[i];
        PyObject *answer;
        int allowed;
        if (!PyModule_Check(u->module)) {
            continue;
        }
        answer = PyObject_CallFunctionObjArgs(s->allowed, u->name, u->module, NULL);
        allowed = answer != NULL ? PyObject_IsTrue(answer) : -1;
        Py_XDECREF(answer);
        if (allowed < 0 ||
            (allowed == 0 &&
             rs_refuse(
                 s, "RSL102", u, NULL, 0,
                 "Allow it with resoul.configure(allow=...), if it is meant.",
                 "the snippet changes names of a module that may not be updated") <
                 0)) {
            return -1;
        }
    }
    if (PyList_GET_SIZE(s->refusals) > 0) {
        rs_raise_refusals(s);
        return -1;
    }
    return 0;
}

/* X1. */
static int
collect(rs_session *s)
{
    rs_idmap spaces = {0}, made = {0};
    write_arg arg = {s, &spaces};
    int result = -1;
    if (pass_over_own(s, &made) == 0 && find_namespaces(s, &made, &spaces) == 0 &&
        rs_leaks_visit_names(s, &spaces, add_write, &arg) == 0) {
        if (rs_leaks_take_names_back(s, &spaces)) {
            result = make_units(s, &spaces);
        } else if (rs_leaks_lost(s)) {
            PyErr_NoMemory();
        } else if (rs_refuse(s, "RSL740", NULL, NULL, 0,
                             "Try again, or when the program is quieter.",
                             "another thread has changed the same names of modules or "
                             "classes as the snippet") == 0) {
            rs_raise_refusals(s);
        }
    }
    rs_idmap_clear(&spaces);
    rs_idmap_clear(&made);
    return result == 0 ? take_fields_back(s->hot) : -1;
}

/* X5: the update lock is held. Its exception stays as it is. */
static int
ask(rs_session *s)
{
    PyObject *answer = PyObject_CallNoArgs(s->hot->o.ask);
    Py_XDECREF(answer);
    return rs_lock_check_fork(s) < 0 || answer == NULL ? -1 : 0;
}

int
rs_hot_prepare(rs_session *s)
{
    struct rs_hot *hot = s->hot;
    int64_t start = rs_clock_ns();
    int result = -1;
    if (ask(s) < 0 || rs_frames_exhume(s->st) < 0) {
        return -1;
    }
    if (rs_instrument(s, hot->o.text, hot->o.filename, hot->o.inside != Py_None,
                      &hot->code) < 0) {
        return rs_prepare_error(s, NULL);
    }
    if (rs_heap_begin(s) == 0 && make_namespace(s) == 0 && note_modules(hot) == 0 &&
        run(s) == 0 && rs_heap_mark(s) == 0 &&
        rs_heap_interval(s, drop_probe, hot) == 0 && collect(s) == 0 &&
        check_allowed(s) == 0) {
        rs_session_breathe(s);
        result = rs_heap_young(s);
        rs_session_breathe(s);
    }
    s->prepare_ns = rs_clock_ns() - start;
    return result;
}

/* ---- taking back ---- */

/* The snippet failed: modules that it imported for the first time go, also as attributes of
 * their packages. (sys.modules itself is watched; leaks.c.) */
static int
forget_child(PyObject *name, PyObject *module)
{
    Py_ssize_t n = PyUnicode_GET_LENGTH(name);
    Py_ssize_t dot = PyUnicode_FindChar(name, '.', 0, n, -1);
    PyObject *parent_name, *child, *parent, *held;
    int result = 0;
    if (dot <= 0) {
        return 0;
    }
    parent_name = PyUnicode_Substring(name, 0, dot);
    child = PyUnicode_Substring(name, dot + 1, n);
    parent = parent_name != NULL
                 ? PyDict_GetItemWithError(PyImport_GetModuleDict(), parent_name)
                 : NULL;
    if (child != NULL && parent != NULL && PyModule_Check(parent)) {
        held = PyDict_GetItemWithError(PyModule_GetDict(parent), child);
        if (held == module && held != NULL) {
            result = PyDict_DelItem(PyModule_GetDict(parent), child);
        }
    }
    Py_XDECREF(parent_name);
    Py_XDECREF(child);
    return result < 0 || PyErr_Occurred() ? -1 : 0;
}

static int
forget_modules(rs_session *s)
{
    PyObject *name, *module, *modules;
    Py_ssize_t pos = 0;
    int result = 0;
    if (s->hot->modules == NULL) {
        return 0;
    }
    modules = PyDict_Copy(PyImport_GetModuleDict());
    while (modules != NULL && result == 0 &&
           PyDict_Next(modules, &pos, &name, &module)) {
        if (PyUnicode_CheckExact(name) && PySet_Contains(s->hot->modules, name) == 0 &&
            rs_leaks_added(s, PyImport_GetModuleDict(), name)) {
            result = forget_child(name, module);
        }
    }
    Py_XDECREF(modules);
    return modules != NULL ? result : -1;
}

/* Classes die with the next collection only; until then their bases would show them. */
static int
hide_classes(rs_session *s)
{
    rs_idmap made = {0};
    Py_ssize_t pos = 0;
    PyObject *type;
    int result = 0;
    if (rs_heap_is_marked(s)) {
        result = rs_heap_mark(s) == 0 ? find_classes(s, &made) : -1;
    }
    while (result == 0 && rs_idmap_next(&made, &pos, &type, NULL)) {
        result = rs_quiet_hide(s, type);
    }
    rs_idmap_clear(&made);
    return result;
}

void
rs_hot_take_back(rs_session *s)
{
    PyObject *pending;
    if (s->hot == NULL) {
        return;
    }
    pending = PyErr_GetRaisedException();
    if (take_fields_back(s->hot) < 0) {
        PyErr_WriteUnraisable(s->update);
    }
    if (forget_modules(s) < 0) {
        PyErr_WriteUnraisable(s->update);
    }
    if (hide_classes(s) < 0) {
        PyErr_WriteUnraisable(s->update);
    }
    PyErr_SetRaisedException(pending);
}

int
rs_hot_settle(rs_session *s)
{
    if (s->hot != NULL) {
        rs_leaks_pass_over(s, PyImport_GetModuleDict()); /* modules stay loaded */
    }
    return 0;
}

/* ---- the whole ---- */

PyObject *
rs_hotfix(PyObject *engine, rs_state *st, const rs_hotfix_options *options)
{
    int result = -1;
    rs_session *s = rs_session_new(engine, st);
    if (s == NULL) {
        return NULL;
    }
    s->update = Py_NewRef(options->update);
    s->allowed = Py_NewRef(options->allowed);
    s->timeout = options->timeout;
    s->strict = options->strict;
    s->kind = RS_UPDATE_HOTFIX;
    s->label = Py_NewRef(options->label);
    s->digest = Py_NewRef(options->digest);
    if (open_hot(s, options) < 0 || rs_lock_acquire(st) < 0) {
        Py_DECREF(s);
        return NULL;
    }
    rs_update_enter(s);
    if (rs_update_prepare(s, NULL) == 0) {
        result = rs_update_finish(s);
    }
    rs_update_leave(s);
    rs_session_finish(s);
    return result == 0 ? Py_NewRef(Py_None) : NULL;
}
