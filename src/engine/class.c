#include "class.h"

#include "abstract.h"
#include "data.h"
#include "enumeration.h"
#include "layout.h"
#include "lines.h"
#include "names.h"
#include "same.h"
#include "wrappers.h"

/* ---- can it be poured? ---- */

static int
line_of_class(const rs_pair *pair)
{
    PyObject *body = rs_body_of(pair->unit->code, pair->qualname);
    return body != NULL ? RS_CODE(body)->co_firstlineno : 0;
}

static int
check_layout(rs_session *s, const rs_pair *pair)
{
    if (rs_layout_fits(s, RS_TYPE(pair->live), RS_TYPE(pair->donor))) {
        return 1;
    }
    return rs_refuse(
               s, "RSL201", pair->unit, pair->qualname, line_of_class(pair),
               "Keep __slots__ and built-in bases as they are, or give the new class "
               "another name.",
               "instances of the class are laid out otherwise by the new source "
               "(__slots__ or a built-in base changed)") < 0
               ? -1
               : 0;
}

/* Positions of a NamedTuple's fields are what old instances were filled by. */
static int
check_fields(rs_session *s, const rs_pair *pair)
{
    PyObject *old_fields = rs_class_get(RS_TYPE(pair->live), s->st->names._fields);
    PyObject *new_fields = rs_class_get(RS_TYPE(pair->donor), s->st->names._fields);
    if (!PyType_IsSubtype(RS_TYPE(pair->live), &PyTuple_Type) || old_fields == NULL ||
        new_fields == NULL || rs_same_literal(old_fields, new_fields)) {
        return 1;
    }
#ifdef RS_WITHOUT_CURE_26
    return 1;
#else
    return rs_refuse(
               s, "RSL204", pair->unit, pair->qualname, line_of_class(pair),
               "Keep the fields and their order, or give the new class another name.",
               "the fields were %R and are %R: tuples that live would be read "
               "wrongly",
               old_fields, new_fields) < 0
               ? -1
               : 0;
#endif
}

static int
check_metaclass(rs_session *s, const rs_pair *pair)
{
    PyTypeObject *old_meta = Py_TYPE(pair->live);
    PyTypeObject *new_meta = RS_TYPE(
        rs_session_live(s, (PyObject *)Py_TYPE(pair->donor)));
    if (new_meta == old_meta || (new_meta->tp_basicsize == old_meta->tp_basicsize &&
                                 new_meta->tp_itemsize == old_meta->tp_itemsize)) {
        return 1;
    }
    return rs_refuse(s, "RSL202", pair->unit, pair->qualname, line_of_class(pair),
                     "Keep the metaclass.",
                     "the metaclass was %s and is %s, which lays out classes otherwise",
                     old_meta->tp_name, new_meta->tp_name) < 0
               ? -1
               : 0;
}

/* The donor's bases as they will be: new reference. */
static PyObject *
live_bases(const rs_session *s, PyObject *donor)
{
    PyObject *bases = RS_TYPE(donor)->tp_bases;
    PyObject *result = PyTuple_New(PyTuple_GET_SIZE(bases));
    for (Py_ssize_t i = 0; result != NULL && i < PyTuple_GET_SIZE(bases); i++) {
        PyObject *base = rs_session_live(s, PyTuple_GET_ITEM(bases, i));
        PyTuple_SET_ITEM(result, i, Py_NewRef(base));
    }
    return result;
}

static int
same_items(PyObject *a, PyObject *b)
{
    if (PyTuple_GET_SIZE(a) != PyTuple_GET_SIZE(b)) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(a); i++) {
        if (PyTuple_GET_ITEM(a, i) != PyTuple_GET_ITEM(b, i)) {
            return 0;
        }
    }
    return 1;
}

/* Does the metaclass compute method resolution orders in Python? */
static int
has_own_mro(const rs_session *s, PyTypeObject *meta)
{
    PyObject *mro = meta->tp_mro;
    for (Py_ssize_t i = 0; mro != NULL && i < PyTuple_GET_SIZE(mro); i++) {
        PyTypeObject *type = RS_TYPE(PyTuple_GET_ITEM(mro, i));
        if (type != &PyType_Type && type != &PyBaseObject_Type &&
            rs_class_get(type, s->st->names.mro) != NULL) {
            return 1;
        }
    }
    return 0;
}

static int
plan_bases(rs_session *s, const rs_pair *pair, int *changed)
{
    int result = 0;
    const char *found = NULL;
    PyTypeObject *live = RS_TYPE(pair->live);
    PyObject *bases = live_bases(s, pair->donor);
    if (bases == NULL) {
        return -1;
    }
    if (same_items(bases, live->tp_bases)) {
        goto done;
    }
    if (has_own_mro(s, Py_TYPE(live))) {
        found = "its metaclass has an mro() method, which would run inside the commit";
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(bases); i++) {
        if (PyType_IsSubtype(RS_TYPE(PyTuple_GET_ITEM(bases, i)), live)) {
            found = "one of its new bases is its own subclass in the live program";
        }
    }
    if (found != NULL) {
        result = rs_refuse(s, "RSL203", pair->unit, pair->qualname, line_of_class(pair),
                           "Keep the bases.", "the bases changed, but %s", found);
        goto done;
    }
    *changed = 1;
    result = rs_plan_bases(&s->journal, live, bases);
done:
    Py_DECREF(bases);
    return result;
}

/* 1: pour it, 0: refused, -1. */
static int
check_class(rs_session *s, const rs_pair *pair)
{
    int layout = check_layout(s, pair);
    int fields = layout < 0 ? -1 : check_fields(s, pair);
    int meta = fields < 0 ? -1 : check_metaclass(s, pair);
    return meta < 0 ? -1 : layout && fields && meta;
}

/* ---- names ---- */

static int
belongs_to_layout(PyObject *value)
{
    return Py_TYPE(value) == &PyMemberDescr_Type ||
           Py_TYPE(value) == &PyGetSetDescr_Type;
}

static int
never_moves(const rs_session *s, PyObject *name, PyObject *donor)
{
    const rs_names *n = &s->st->names;
#ifndef RS_WITHOUT_CURE_10
    if (belongs_to_layout(donor)) {
        return 1;
    }
#endif
    return name == n->__dict__ || name == n->__weakref__ || name == n->__module__ ||
           name == n->__slots__ || name == n->__annotations_cache__ ||
           name == n->__abstractmethods__;
}

/* Machinery of classes follows the source: __doc__, __match_args__, __orig_bases__ ... */
static int
plan_machinery(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *donor)
{
    PyObject *live = PyDict_GetItemWithError(scope->live, name);
    PyObject *value = rs_session_live(s, donor);
    if (value == live || (live != NULL && rs_same_literal(live, value))) {
        return 0;
    }
    if (rs_names_set(s, scope, name, value) < 0) {
        return -1;
    }
    return name == s->st->names.__doc__ || name == s->st->names.__match_args__ ||
           !rs_is_dunder(name);
}

/* The fields of a dataclass: their defaults are class attributes, and definitions. */
static int
is_field(const rs_session *s, PyObject *class_dict, PyObject *name)
{
    PyObject *fields = PyDict_GetItemWithError(class_dict,
                                               s->st->names.__dataclass_fields__);
    return fields != NULL && PyDict_CheckExact(fields) &&
           PyDict_GetItemWithError(fields, name) != NULL;
}

static int
is_access(const rs_session *s, PyObject *name)
{
    return name == s->st->names.__dict__ || name == s->st->names.__weakref__;
}

/* A class that loses the base from which it had __dict__ gets a descriptor of its own,
 * made like the donor's. */
static int
plan_own_access(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *donor)
{
    int result;
    PyObject *own;
    if (PyDict_GetItemWithError(scope->live, name) != NULL ||
        Py_TYPE(donor) != &PyGetSetDescr_Type) {
        return 0;
    }
    own = PyDescr_NewGetSet(scope->live_type, ((PyGetSetDescrObject *)donor)->d_getset);
    if (own == NULL) {
        return -1;
    }
    result = rs_names_set(s, scope, name, own);
    Py_DECREF(own);
    return result;
}

/* The default of a dataclass's field. */
static int
plan_field(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *donor)
{
    int result = plan_machinery(s, scope, name, donor);
    PyObject *qualname, *live = PyDict_GetItemWithError(scope->live, name);
    if (result <= 0) {
        return result;
    }
    qualname = rs_scope_qualname(scope, name);
    if (qualname == NULL) {
        return -1;
    }
    result = rs_change(
        s, scope->unit, qualname, "data", live == NULL ? "added" : "taken",
        rs_line_of_name(s, scope->unit, scope->prefix, name), "default of a field");
    Py_DECREF(qualname);
    return result;
}

static int
plan_donor_names(rs_session *s, const rs_scope *scope, int *changed)
{
    Py_ssize_t pos = 0;
    PyObject *name, *donor;
    while (PyDict_Next(scope->donor, &pos, &name, &donor)) {
        int result = 0;
        if (PyUnicode_CheckExact(name) && is_access(s, name) &&
            plan_own_access(s, scope, name, donor) < 0) {
            return -1;
        }
        if (!PyUnicode_CheckExact(name) || never_moves(s, name, donor) ||
            rs_enum_handles(s, scope, name, donor)) {
            continue;
        }
        if (name ==
            s->st->names._abc_impl) { /* the live one has run-time registrations */
            if (PyDict_GetItemWithError(scope->live, name) == NULL &&
                rs_names_set(s, scope, name, donor) < 0) {
                return -1;
            }
            continue;
        }
        if (is_field(s, scope->donor, name)) {
            result = plan_field(s, scope, name, donor);
        } else if ((rs_scope_is_special(scope, name) && !PyFunction_Check(donor) &&
                    !rs_is_wrapper(s->st, donor))) {
            result = plan_machinery(s, scope, name, donor);
            *changed |= result > 0;
        } else {
            result = rs_names_plan(s, scope, name, donor);
        }
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

/* Methods that dataclass() and its like wrote into the class, not the source. */
static int
is_generated(const rs_session *s, PyObject *live)
{
    PyObject *inner;
    if (!PyFunction_Check(live)) {
        return 0;
    }
    if (rs_text_equals(RS_CODE(RS_FUNCTION(live)->func_code)->co_filename,
                       "<string>") ||
        rs_text_equals(RS_FUNCTION(live)->func_module, "dataclasses")) {
        return 1;
    }
    inner = RS_FUNCTION(live)->func_dict == NULL
                ? NULL
                : PyDict_GetItemWithError(RS_FUNCTION(live)->func_dict,
                                          s->st->names.__wrapped__);
    return inner != NULL && is_generated(s, inner);
}

static int
follows_when_gone(const rs_session *s, const rs_scope *scope, PyObject *name,
                  PyObject *live)
{
    const rs_names *n = &s->st->names;
    PyObject *gone[] = {n->__annotations__,
                        n->__annotate_func__,
                        n->__match_args__,
                        n->__annotations_cache__,
                        n->__orig_bases__,
                        n->__parameters__,
                        n->__type_params__,
                        n->__dataclass_fields__,
                        n->__dataclass_params__,
                        n->_reload_data,
                        n->_reload_all_data,
                        n->_del_func,
                        n->_abc_impl};
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
        if (name == gone[i] || rs_same_text(name, gone[i])) {
            return 1;
        }
    }
    if (is_field(s, scope->live, name)) {
        return 1;
    }
    return PyDict_GetItemWithError(scope->live, n->__dataclass_fields__) != NULL &&
           rs_is_dunder(name) &&
           (is_generated(s, live) ||
            (live == Py_None && rs_same_text(name, n->__hash__)));
}

static int
plan_gone_names(rs_session *s, const rs_scope *scope, int *changed)
{
    Py_ssize_t pos = 0;
    PyObject *name, *live;
    while (PyDict_Next(scope->live, &pos, &name, &live)) {
        int result = 0;
        if (!PyUnicode_CheckExact(name) || belongs_to_layout(live) ||
            rs_enum_handles(s, scope, name, live)) {
            continue;
        }
        if (rs_same_text(name, s->st->names.__annotations_cache__)) {
            result = rs_names_set(s, scope, name, NULL);
        } else if (PyDict_GetItemWithError(scope->donor, name) != NULL ||
                   name == s->st->names.__module__ ||
                   name == s->st->names.__abstractmethods__) {
            continue;
        } else if (follows_when_gone(s, scope, name, live)) {
            result = rs_names_set(s, scope, name, NULL);
            *changed |= name == s->st->names.__match_args__;
        } else if (!rs_scope_is_special(scope, name) || PyFunction_Check(live) ||
                   rs_is_wrapper(s->st, live)) {
            result = rs_names_drop(s, scope, name, live);
        }
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- one class ---- */

static int
touch(rs_session *s, PyTypeObject *live, PyTypeObject *meta)
{
#ifdef RS_WITHOUT_CURE_21
    if (meta != Py_TYPE(live)) {
        return 0;
    }
#endif
    (void)meta;
    return rs_plan_touch(&s->journal, live);
}

static int
plan_class(rs_session *s, const rs_pair *pair)
{
    int changed = 0;
    rs_scope scope = rs_scope_of_class(pair->unit, pair->live, pair->donor);
    PyTypeObject *live = RS_TYPE(pair->live);
    PyTypeObject *meta = RS_TYPE(rs_session_live(s, (PyObject *)Py_TYPE(pair->donor)));
    int fits = check_class(s, pair);
    if (fits <= 0) {
        return fits;
    }
    if (meta != Py_TYPE(live)) {
        changed = 1;
        if (rs_plan_metaclass(&s->journal, live, meta) < 0) {
            return -1;
        }
    }
    if (plan_bases(s, pair, &changed) < 0 || rs_enum_plan(s, &scope, &changed) < 0 ||
        plan_donor_names(s, &scope, &changed) < 0 ||
        plan_gone_names(s, &scope, &changed) < 0 ||
        rs_abstract_plan(s, &scope, &changed) < 0 || touch(s, live, meta) < 0) {
        return -1;
    }
    if (changed) {
        return rs_change(s, pair->unit, pair->qualname, "class", "updated",
                         line_of_class(pair), NULL);
    }
    return 0;
}

/* A class of which parts ran: what these bound, and what is gone. */
static int
plan_shell(rs_session *s, rs_unit *u, const rs_select_shell *shell)
{
    int changed = 0;
    PyObject *cache = s->st->names.__annotations_cache__; /* 3.14: evaluated once */
    rs_scope scope = rs_scope_of_shell(u, shell);
    if (scope.donor == NULL) {
        return 0;
    }
    if (PyDict_GetItemWithError(scope.live, cache) != NULL &&
        rs_names_set(s, &scope, cache, NULL) < 0) {
        return -1;
    }
    if (plan_donor_names(s, &scope, &changed) < 0 ||
        rs_names_plan_gone(s, &scope) < 0 ||
        rs_abstract_plan_parts(s, &scope, &changed) < 0 ||
        rs_plan_touch(&s->journal, scope.live_type) < 0) {
        return -1;
    }
    return changed
               ? rs_change(s, u, shell->qualname, "class", "updated", shell->line, NULL)
               : 0;
}

static int
plan_shells(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        rs_unit *u = &s->units[i];
        for (Py_ssize_t k = 0; u->parts && k < u->selection->n_shells; k++) {
            if (plan_shell(s, u, &u->selection->shells[k]) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

int
rs_class_plan(rs_session *s)
{
    if (plan_shells(s) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < s->n_pairs; i++) {
        if (s->pairs[i].kind == RS_PAIR_CLASS && plan_class(s, &s->pairs[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- after the commit ---- */

/* How many classes are registered with it; -1 with an exception. */
static Py_ssize_t
count_registered(PyObject *dump, PyObject *live)
{
    PyObject *state = PyObject_CallOneArg(dump, live);
    PyObject *registry = state != NULL ? PyTuple_GetItem(state, 0) : NULL;
    Py_ssize_t n = registry != NULL ? PyObject_Size(registry) : -1;
    Py_XDECREF(state);
    return n;
}

/* What is new is added to `list`. */
static PyObject *
register_with(PyObject *dump, PyObject *live, PyObject *cls, PyObject *list)
{
    Py_ssize_t before = count_registered(dump, live), after = -1;
    PyObject *pair = NULL, *done = NULL;
    if (before >= 0) {
        done = PyObject_CallMethod(live, "register", "O", cls);
    }
    if (done != NULL) {
        after = count_registered(dump, live);
        pair = PyTuple_Pack(2, live, cls);
    }
    if (after < 0 || pair == NULL ||
        (after > before && PyList_Append(list, pair) < 0)) {
        Py_CLEAR(done);
    }
    Py_XDECREF(pair);
    return done;
}

/* register() every class that the donor's own body or decorators registered with it. */
static int
join_abc(PyObject *dump, PyObject *live, PyObject *donor, PyObject *list)
{
    int result = -1;
    PyObject *state = PyObject_CallOneArg(dump, donor), *iter = NULL, *ref;
    PyObject *registry = state != NULL ? PyTuple_GetItem(state, 0) : NULL;
    iter = registry != NULL ? PyObject_GetIter(registry) : NULL;
    if (iter == NULL) {
        goto done;
    }
    while ((ref = PyIter_Next(iter)) != NULL) {
        PyObject *cls = PyObject_CallNoArgs(ref);
        PyObject *done = cls == NULL || cls == Py_None
                             ? Py_XNewRef(cls)
                             : register_with(dump, live, cls, list);
        Py_DECREF(ref);
        Py_XDECREF(cls);
        if (done == NULL) {
            goto done;
        }
        Py_DECREF(done);
    }
    result = PyErr_Occurred() ? -1 : 0;
done:
    Py_XDECREF(iter);
    Py_XDECREF(state);
    return result;
}

/* What abstract classes remembered of "is it a subclass?" may be wrong now: the updated
 * one forgets all, and a registration anywhere makes every other one forget its noes. */
static int
forget_answers(PyObject *abc, PyObject *live)
{
    PyObject *done = PyObject_CallMethod(abc, "_reset_caches", "O", live);
    Py_XDECREF(done);
    return done != NULL ? 0 : -1;
}

static int
forget_noes(void)
{
    PyObject *module = PyImport_ImportModule("abc");
    PyObject *meta = module != NULL ? PyObject_GetAttrString(module, "ABCMeta") : NULL;
    PyObject *probe = meta != NULL ? PyObject_CallFunction(meta, "s(){}", "probe")
                                   : NULL;
    PyObject *done = probe != NULL ? PyObject_CallMethod(probe, "register", "O",
                                                         (PyObject *)&PyLong_Type)
                                   : NULL;
    Py_XDECREF(module);
    Py_XDECREF(meta);
    Py_XDECREF(probe);
    Py_XDECREF(done);
    return done != NULL ? 0 : -1;
}

int
rs_class_join_abcs(rs_session *s)
{
    int result = 0, classes = 0;
    PyObject *abc = PyImport_ImportModule("_abc");
    PyObject *dump = abc != NULL ? PyObject_GetAttrString(abc, "_get_dump") : NULL;
    if (dump == NULL) {
        result = -1;
    }
    for (Py_ssize_t i = 0; result == 0 && i < s->n_pairs; i++) {
        const rs_pair *pair = &s->pairs[i];
        if (pair->kind != RS_PAIR_CLASS) {
            continue;
        }
        classes = 1;
        if (rs_class_get(RS_TYPE(pair->donor), s->st->names._abc_impl) != NULL &&
            rs_class_get(RS_TYPE(pair->live), s->st->names._abc_impl) != NULL) {
            result = join_abc(dump, pair->live, pair->donor, s->abcs);
            if (result == 0) {
                result = forget_answers(abc, pair->live);
            }
        }
    }
    Py_XDECREF(abc);
    Py_XDECREF(dump);
    return result == 0 && classes ? forget_noes() : result;
}

void
rs_class_release_donors(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_pairs; i++) {
        PyObject *donor = s->pairs[i].donor;
        if (s->pairs[i].kind == RS_PAIR_CLASS && PyType_Check(donor)) {
            Py_TYPE(donor)->tp_clear(donor);
        }
    }
}
