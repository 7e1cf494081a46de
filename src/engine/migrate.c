#include "migrate.h"

#include "alive.h"
#include "attribute.h"
#include "attributes.h"
#include "failure.h"
#include "future.h"
#include "hotfix.h"
#include "renew.h"
#include "room.h"
#include "same.h"

typedef struct rs_migrating {
    PyObject *classes;      /* list: those that change and have a hook */
    rs_idmap done;          /* instances that had their turn -> themselves */
    rs_attributes *changed; /* of those that it changed, in order */
    Py_ssize_t n, room;
    PyObject *born; /* list, or NULL */
    int failed;     /* it could not be made */
} rs_migrating;

/* ---- which classes? ---- */

enum { MODULE, QUALNAME, KIND, ACTION };

/* Does this record of the report say that something is another now? */
static int
is_change(PyObject *change)
{
    static const char *const quiet[] = {"kept", "stays", "moved", "pending"};
    PyObject *action = PyStructSequence_GetItem(change, ACTION);
    for (size_t i = 0; i < Py_ARRAY_LENGTH(quiet); i++) {
        if (rs_text_equals(action, quiet[i])) {
            return 0;
        }
    }
    return 1;
}

/* Is `name` the class's, or that of one of its members, or of what lies in a method? */
static int
is_part_of(PyObject *name, PyObject *qualname)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(qualname), end, dot;
    if (PyUnicode_Tailmatch(name, qualname, 0, PY_SSIZE_T_MAX, -1) != 1) {
        return 0;
    }
    if (PyUnicode_GET_LENGTH(name) == length) {
        return 1;
    }
    if (PyUnicode_READ_CHAR(name, length) != '.') {
        return 0;
    }
    end = PyUnicode_GET_LENGTH(name);
    dot = PyUnicode_FindChar(name, '.', length + 1, end, 1);
    /* "K.method.<locals>.f" is the method's business; "K.Inner.f" is none of K's */
    return dot < 0 ||
           (dot + 1 < end && PyUnicode_READ_CHAR(name, dot + 1) == (Py_UCS4)'<');
}

static int
has_changed(const rs_session *s, const rs_unit *u, PyObject *qualname)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(s->changes); i++) {
        PyObject *change = PyList_GET_ITEM(s->changes, i);
        if (is_change(change) &&
            (u == NULL ||
             rs_same_text(PyStructSequence_GetItem(change, MODULE), u->name)) &&
            is_part_of(PyStructSequence_GetItem(change, QUALNAME), qualname)) {
            return 1;
        }
    }
    return 0;
}

/* The hook that instances of `type` will have before the swap, and have after it: borrowed,
 * or NULL. */
static PyObject *
hook_of(const rs_session *s, PyTypeObject *type)
{
    PyObject *name = s->st->names.__migrate_instance__, *value;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(type->tp_mro); i++) {
        PyTypeObject *base = RS_TYPE(PyTuple_GET_ITEM(type->tp_mro, i));
        value = s->journal.committed ? rs_class_get(base, name)
                                     : rs_future_value(s, base, name);
        if (value != NULL) {
            return value != Py_None ? value : NULL;
        }
    }
    return NULL;
}

/* Appends it if it has a hook. 0 or -1. */
static int
add_class(rs_session *s, PyObject *live)
{
    return hook_of(s, RS_TYPE(live)) != NULL
               ? PyList_Append(s->migrating->classes, live)
               : 0;
}

/* Few classes have a hook: the report is read for those only. */
static int
add_if_changed(rs_session *s, const rs_unit *u, PyObject *live, PyObject *qualname)
{
    return PyType_Check(live) && hook_of(s, RS_TYPE(live)) != NULL &&
                   has_changed(s, u, qualname)
               ? PyList_Append(s->migrating->classes, live)
               : 0;
}

static int
is_listed(PyObject *list, const PyObject *op)
{
    Py_ssize_t i = 0;
    while (i < PyList_GET_SIZE(list) && PyList_GET_ITEM(list, i) != op) {
        i++;
    }
    return i < PyList_GET_SIZE(list);
}

/* A snippet that assigns single names of a class makes no pair. */
static int
find_assigned(rs_session *s)
{
    for (Py_ssize_t i = 0; s->hot != NULL && i < s->hot->n_writes; i++) {
        PyObject *type = (PyObject *)s->hot->writes[i].type;
        if (type != NULL && !is_listed(s->migrating->classes, type) &&
            add_class(s, type) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
find_classes(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_pairs; i++) {
        const rs_pair *pair = &s->pairs[i];
        if (pair->kind == RS_PAIR_CLASS &&
            add_if_changed(s, pair->unit, pair->live, pair->qualname) < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        const rs_unit *u = &s->units[i];
        for (Py_ssize_t k = 0; u->parts && k < u->selection->n_shells; k++) {
            const rs_select_shell *shell = &u->selection->shells[k];
            if (add_if_changed(s, u, shell->live, shell->qualname) < 0) {
                return -1;
            }
        }
    }
    return find_assigned(s);
}

/* ---- whose turn is it? ---- */

/* An instance that new bodies made of a class that they define: new code made it. */
static int
is_new(const rs_session *s, PyObject *op)
{
    return rs_idmap_has(&s->young, op) && rs_idmap_has(&s->claimed, Py_TYPE(op));
}

/* A new list of those that had no turn yet, or NULL. */
static PyObject *
find_instances(const rs_session *s)
{
    const rs_migrating *m = s->migrating;
    PyObject *waiting = NULL, *all = PyList_New(0);
    PyTypeObject **types = (PyTypeObject **)&PyList_GET_ITEM(m->classes, 0);
    if (all != NULL && rs_alive_list(types, PyList_GET_SIZE(m->classes), all) == 0) {
        waiting = PyList_New(0);
    }
    for (Py_ssize_t i = 0; waiting != NULL && i < PyList_GET_SIZE(all); i++) {
        PyObject *op = PyList_GET_ITEM(all, i);
        if (!rs_idmap_has(&m->done, op) && !is_new(s, op) &&
            PyList_Append(waiting, op) < 0) {
            Py_CLEAR(waiting);
        }
    }
    Py_XDECREF(all);
    return waiting;
}

/* ---- one turn ---- */

static int
call_hook(rs_session *s, rs_renew *r, PyObject *hook, PyObject *op)
{
    descrgetfunc get = Py_TYPE(hook)->tp_descr_get;
    PyObject *bound, *result = NULL;
    if (r != NULL) {
        bound = rs_renew_bind(r, hook, op);
    } else {
        bound = get != NULL ? get(hook, op, (PyObject *)Py_TYPE(op)) : Py_NewRef(hook);
    }
    if (bound != NULL) {
        result = PyObject_CallOneArg(bound, s->update);
        Py_DECREF(bound);
    }
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

/* The hook's exception becomes a PrepareError that names the instance's class. */
static int
describe(rs_session *s, PyTypeObject *type)
{
    PyObject *qualname = PyType_GetQualName(type);
    PyObject *module = qualname != NULL ? rs_class_get(type, s->st->names.__module__)
                                        : NULL;
    if (qualname == NULL) {
        return -1;
    }
    rs_migrate_error(s, module != NULL && PyUnicode_Check(module) ? module : NULL,
                     qualname);
    Py_DECREF(qualname);
    return -1;
}

/* What the hook has done, whether it raised or not. Keeps its exception, if any. */
static int
settle(rs_attributes *before, const rs_slots *slots)
{
    PyObject *pending = PyErr_GetRaisedException();
    int differs = rs_attributes_settle(before, slots);
    if (pending != NULL) {
        PyErr_Clear();
        PyErr_SetRaisedException(pending);
    }
    return differs;
}

static int
migrate(rs_session *s, rs_renew *r, rs_slots *slots, PyObject *op)
{
    rs_migrating *m = s->migrating;
    rs_attributes before, *more;
    PyObject *hook = hook_of(s, Py_TYPE(op));
    PyTypeObject *type = Py_TYPE(op);
    int called, differs;
    more = rs_room(m->changed, m->n, &m->room, sizeof(rs_attributes));
    if (more == NULL) {
        return -1;
    }
    m->changed = more;
    if (hook == NULL || rs_idmap_set(&m->done, op, op) < 0 ||
        rs_slots_of(slots, type) < 0 || rs_attributes_take(&before, slots, op) < 0) {
        return hook != NULL ? -1 : 0;
    }
    called = call_hook(s, r, hook, op);
    if (called < 0) {
        describe(s, type);
    }
    differs = settle(&before, slots);
    if (differs > 0) {
        m->changed[m->n++] = before;
    } else {
        rs_attributes_clear(&before);
    }
    return differs < 0 ? -1 : called;
}

static int
migrate_all(rs_session *s, rs_renew *r, PyObject *list)
{
    int result = 0;
    rs_slots slots = {0};
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(list); i++) {
        result = migrate(s, r, &slots, PyList_GET_ITEM(list, i));
    }
    rs_slots_clear(&slots);
    return result;
}

/* ---- the turns ---- */

static int
begin(rs_session *s)
{
    rs_migrating *m = PyMem_Calloc(1, sizeof(rs_migrating));
    if (m == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    s->migrating = m;
    m->classes = PyList_New(0);
    return m->classes == NULL || find_classes(s) < 0 ? -1 : 0;
}

int
rs_migrate_alive(rs_session *s)
{
    rs_renew renew;
    PyObject *list;
    int result;
    if (begin(s) < 0) {
        return -1;
    }
    if (PyList_GET_SIZE(s->migrating->classes) == 0) {
        return 0;
    }
    list = find_instances(s);
    if (list == NULL) {
        return -1;
    }
    if (PyList_GET_SIZE(list) == 0) {
        Py_DECREF(list);
        return 0;
    }
    s->hooks_ran = 1;
    result = rs_renew_begin(&renew, s);
    if (result == 0) {
        result = migrate_all(s, &renew, list);
    }
    if (rs_renew_end(&renew) < 0) {
        result = -1;
    }
    Py_DECREF(list);
    return result;
}

void
rs_migrate_collect(rs_session *s)
{
    rs_migrating *m = s->migrating;
    if (m != NULL && PyList_GET_SIZE(m->classes) > 0) {
        m->born = find_instances(s);
        m->failed = m->born == NULL;
        PyErr_Clear(); /* of memory: rs_migrate_born tells */
    }
}

int
rs_migrate_born(rs_session *s)
{
    const rs_migrating *m = s->migrating;
    if (m != NULL && m->failed) {
        PyErr_NoMemory();
        return -1;
    }
    return m != NULL && m->born != NULL ? migrate_all(s, NULL, m->born) : 0;
}

/* ---- taking back ---- */

static int
tell_changed(rs_session *s, PyTypeObject *type)
{
    PyObject *qualname = PyType_GetQualName(type);
    int result = -1;
    if (qualname != NULL) {
        result = rs_notice(s, "RSL723", NULL, qualname, 0,
                           "attributes of an instance that __migrate_instance__ had "
                           "changed were changed again meanwhile: they stay");
        Py_DECREF(qualname);
    }
    return result;
}

void
rs_migrate_take_back(rs_session *s)
{
    rs_migrating *m = s->migrating;
    PyObject *pending = PyErr_GetRaisedException();
    while (m != NULL && m->n > 0) {
        rs_attributes *last = &m->changed[--m->n];
        int done = rs_attributes_put_back(last);
        if (done < 0 || (done == 0 && tell_changed(s, Py_TYPE(last->object)) < 0)) {
            PyErr_WriteUnraisable(last->object);
        }
        rs_attributes_clear(last);
    }
    PyErr_SetRaisedException(pending);
}

/* ---- undo ---- */

/* So many instances, and not more, are kept for it. */
#define MAX_KEPT 10000

/* The name by which object's own __setattr__ gets to the place: a key of the dict, or that
 * of a slot. NULL: none does. Borrowed. */
static PyObject *
name_of(const rs_attributes *a, const rs_attribute *one)
{
    PyObject *mro = Py_TYPE(a->object)->tp_mro, *name = one->key;
    if (!Py_IS_TYPE(name, &PyMemberDescr_Type)) {
        return PyUnicode_CheckExact(name) ? name : NULL;
    }
    name = ((PyDescrObject *)name)->d_name;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++) {
        PyObject *value = rs_class_get(RS_TYPE(PyTuple_GET_ITEM(mro, i)), name);
        if (value != NULL) {
            return value == one->key ? name : NULL;
        }
    }
    return NULL;
}

static int
adopt(rs_session *s, const rs_attributes *a)
{
    for (Py_ssize_t i = 0; i < a->n; i++) {
        const rs_attribute *one = &a->list[i];
        PyObject *name = one->was != NULL ? name_of(a, one) : NULL;
        PyObject *became = one->became != NULL ? rs_session_live(s, one->became) : NULL;
        PyObject *now = NULL;
        int readable = name != NULL ? rs_attribute_read(a->object, name, &now) : 0;
        Py_XDECREF(now); /* the instance has it */
        if (readable < 0) {
            return -1;
        }
        if (readable == 1 &&
            rs_journal_adopt_attribute(&s->journal, a->object, name, one->was, became,
                                       RS_LATER) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
tell_unkept(rs_session *s)
{
    return rs_notice(
        s, "RSL725", NULL, s->st->names.__migrate_instance__, 0,
        "it has changed %zd instances: undoing the update will leave their "
        "attributes as they are",
        s->migrating->n);
}

int
rs_migrate_adopt(rs_session *s)
{
    const rs_migrating *m = s->migrating;
    if (m != NULL && m->n > MAX_KEPT) {
        return tell_unkept(s);
    }
    for (Py_ssize_t i = 0; m != NULL && i < m->n; i++) {
        if (adopt(s, &m->changed[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- references ---- */

Py_ssize_t
rs_migrate_holds(const rs_session *s, const PyObject *op)
{
    return s->migrating != NULL ? 2 * rs_idmap_has(&s->migrating->done, op) : 0;
}

int
rs_migrate_visit(const rs_session *s, visitproc visit, void *arg)
{
    const rs_migrating *m = s->migrating;
    for (Py_ssize_t i = 0; m != NULL && i < m->n; i++) {
        int result = rs_attributes_visit(&m->changed[i], visit, arg);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

void
rs_migrate_forget(rs_session *s)
{
    rs_migrating *m = s->migrating;
    s->migrating = NULL;
    if (m == NULL) {
        return;
    }
    while (m->n > 0) {
        rs_attributes_clear(&m->changed[--m->n]);
    }
    PyMem_Free(m->changed);
    rs_idmap_clear(&m->done);
    Py_XDECREF(m->classes);
    Py_XDECREF(m->born);
    PyMem_Free(m);
}
