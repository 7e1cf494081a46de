#include "hotfix.h"

#include "enumeration.h"
#include "foreign.h"
#include "match.h"
#include "quiet.h"
#include "rewrap.h"
#include "same.h"
#include "wrappers.h"

/* What one write is matched by. */
typedef struct {
    rs_session *s;
    rs_hot_write *w;
    rs_unit *u;
} pouring;

static int pour_value(pouring *p, PyObject *live, PyObject *donor);

/* A function, class or wrapper that the snippet made. */
static int
is_made(const rs_session *s, PyObject *op)
{
    return rs_idmap_has(&s->young, op);
}

static int
map_donor(rs_session *s, PyObject *donor, PyObject *live)
{
    return rs_idmap_has(&s->map, donor) ? 0 : rs_idmap_set(&s->map, donor, live);
}

/* ---- is it a definition, or a name for somebody else's? ---- */

static int
is_product(PyObject *func)
{
    PyObject *qualname = RS_FUNCTION(func)->func_qualname;
    return PyUnicode_FindChar(qualname, '<', 0, PyUnicode_GET_LENGTH(qualname), 1) >= 0;
}

/* Did the module define `live` in this place? `from m import f` makes a name for m's
 * function, which other names are none of the snippet's business. */
static int
is_own_function(const pouring *p, PyObject *live)
{
    const PyFunctionObject *f = RS_FUNCTION(live);
    if (rs_same_text(f->func_qualname, p->w->qualname) &&
        rs_same_text(f->func_module, p->u->name)) {
        return 1;
    }
    return (rs_runs_in(live, p->u->live) && is_product(live)) ||
           rs_find_definition(live, p->u->live, p->w->qualname) != NULL;
}

static int
is_own_class(const pouring *p, PyObject *live)
{
    return rs_class_made_by(p->s, live, p->u->name) &&
           rs_same_text(RS_HEAPTYPE(live)->ht_qualname, p->w->qualname);
}

/* ---- functions ---- */

/* The same decorator made both: what it closed over is poured as well, so that who holds the
 * function inside follows. 0 or -1. */
static int
pour_insides(pouring *p, PyObject *live, PyObject *donor)
{
    PyCodeObject *code = RS_CODE(RS_FUNCTION(donor)->func_code);
    int first = code->co_nlocalsplus - code->co_nfreevars;
    if (RS_FUNCTION(live)->func_code != (PyObject *)code ||
        RS_FUNCTION(live)->func_globals != RS_FUNCTION(donor)->func_globals) {
        return 0;
    }
    for (int i = 0; i < code->co_nfreevars; i++) {
        PyObject *name = PyTuple_GET_ITEM(code->co_localsplusnames, first + i);
        PyObject *a = rs_closure_get(live, name), *b = rs_closure_get(donor, name);
        if (a != NULL && b != NULL && a != b && PyFunction_Check(a) &&
            PyFunction_Check(b) && pour_value(p, a, b) < 0) {
            return -1;
        }
    }
    return 0;
}

/* 1 if the live one takes the donor's contents, 0, -1. */
static int
pour_function(pouring *p, PyObject *live, PyObject *donor)
{
    rs_session *s = p->s;
    if (rs_idmap_has(&s->claimed, live) || !is_own_function(p, live)) {
        return 0; /* by another name it takes something else */
    }
    if (rs_match_function(s, p->u, p->w->qualname, live, donor,
                          !rs_idmap_has(&s->map, donor)) < 0 ||
        pour_insides(p, live, donor) < 0) {
        return -1;
    }
    return 1;
}

/* The function that a callable, which is none, is given to by those who hold `live`. New
 * reference. */
static PyObject *
forwarder(const pouring *p, PyObject *live, PyObject *target)
{
    static const char text[] =
        "def make(target, get):\n"
        "    def plain(*args, **kwargs):\n"
        "        return target(*args, **kwargs)\n"
        "    def method(self, /, *args, **kwargs):\n"
        "        return target(*args, **kwargs)\n"
        "    def bound(self, /, *args, **kwargs):\n"
        "        return get(target, self, type(self))(*args, **kwargs)\n"
        "    return plain, method, bound\n";
    int which = p->w->type == NULL ? 0 : Py_TYPE(target)->tp_descr_get == NULL ? 1 : 2;
    /* owned */
    PyObject *code = Py_CompileString(text, "<resoul forward>", Py_file_input);
    PyObject *names = PyDict_New(), *made = NULL, *done = NULL, *make, *get = NULL,
             *result = NULL;

    if (code == NULL || names == NULL ||
        PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()) < 0) {
        goto done;
    }
    done = PyEval_EvalCode(code, names, names);
    make = done != NULL ? PyDict_GetItemString(names, "make") : NULL;
    if (make == NULL) {
        goto done;
    }
    get = which == 2 ? PyObject_GetAttrString((PyObject *)Py_TYPE(target), "__get__")
                     : Py_NewRef(Py_None);
    made = get != NULL ? PyObject_CallFunctionObjArgs(make, target, get, NULL) : NULL;
    if (made == NULL) {
        goto done;
    }
    result = Py_NewRef(PyTuple_GET_ITEM(made, which));
    /* signature() and its like see what is called */
    if (PyObject_SetAttrString(result, "__wrapped__", target) < 0) {
        Py_CLEAR(result);
    }
done:
    (void)live;
    Py_XDECREF(code);
    Py_XDECREF(names);
    Py_XDECREF(done);
    Py_XDECREF(get);
    Py_XDECREF(made);
    return result;
}

/* A callable that is no function (rule 14): the name means it, and whoever holds the old
 * function gets to it. Only what the snippet made, whose own references to the old one mean
 * the old code, or C code: anything else may call the old function itself, without end. */
static int
forward(pouring *p, PyObject *live, PyObject *target)
{
    PyObject *donor;
    int result;
    if (Py_TYPE(target)->tp_call == NULL || PyType_Check(target) ||
        rs_idmap_has(&p->s->claimed, live) || !is_own_function(p, live) ||
        !(is_made(p->s, target) || PyCFunction_Check(target))) {
        return 0;
    }
    donor = forwarder(p, live, target);
    result = donor != NULL
                 ? rs_match_function(p->s, p->u, p->w->qualname, live, donor, 0)
                 : -1;
    Py_XDECREF(donor);
    return result < 0 ? -1 : 0; /* the name itself is bound anew */
}

/* ---- wrappers ---- */

/* An attribute of a descriptor whose type has no Python code: 0 and *value (new reference,
 * NULL: it has none), or -1. */
static int
part(PyObject *op, const char *name, PyObject **value)
{
    *value = PyObject_GetAttrString(op, name);
    if (*value == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear(); /* an lru_cache whose __wrapped__ was deleted */
    }
    if (*value == Py_None) {
        Py_CLEAR(*value);
    }
    return 0;
}

/* 1 if what is under `name` in both is the same in the end, 0 if not, -1. */
static int
pour_part(pouring *p, PyObject *live, PyObject *donor, const char *name)
{
    PyObject *a = NULL, *b = NULL;
    int result = part(live, name, &a) < 0 ? -1 : part(donor, name, &b);
    if (result == 0) {
        result = a == b ? 1 : a != NULL && b != NULL ? pour_value(p, a, b) : 0;
    }
    Py_XDECREF(a);
    Py_XDECREF(b);
    return result;
}

static int
pour_property(pouring *p, PyObject *live, PyObject *donor)
{
    static const char *const names[] = {"fget", "fset", "fdel"};
    rs_session *s = p->s;
    int all = 1;
    for (int i = 0; i < 3; i++) {
        int same = pour_part(p, live, donor, names[i]);
        if (same < 0) {
            return -1;
        }
        all &= same;
    }
    if (rs_idmap_has(&s->claimed, live) ||
        (!all && !rs_rewrap_can(s->st, live, donor))) {
        return 0;
    }
    if (rs_idmap_set(&s->rewraps, live, donor) < 0 ||
        rs_idmap_set(&s->claimed, live, donor) < 0 || map_donor(s, donor, live) < 0) {
        return -1;
    }
    p->w->rewrapped |= !all;
    return 1;
}

static int
pour_wrapper(pouring *p, PyObject *live, PyObject *donor)
{
    rs_session *s = p->s;
    int same;
    if (Py_TYPE(live) == &PyProperty_Type) {
        return pour_property(p, live, donor);
    }
    if (Py_TYPE(live) == s->st->lru_cache_type) {
        same = pour_part(p, live, donor, "__wrapped__");
        if (same > 0 && PyList_Append(s->caches, live) < 0) {
            return -1;
        }
        same = same > 0 ? rs_wrapper_same(s, live, donor) : same;
    } else {
        same = pour_part(p, live, donor, "__func__");
    }
    return same <= 0 ? same : map_donor(s, donor, live) < 0 ? -1 : 1;
}

/* ---- classes ---- */

static int
refuse_class(pouring *p, PyObject *donor)
{
    return rs_refuse(
               p->s, "RSL744", p->u, p->w->qualname, 0,
               "Replace single methods, or give the new class another name.",
               "class %s is a subclass of the one that it is to replace: it would be "
               "its own base",
               RS_TYPE(donor)->tp_name) < 0
               ? -1
               : 0;
}

/* What is looked for in the code of a class that replaces another one. */
typedef struct {
    pouring *p;
    PyTypeObject *live, *donor;
} old_search;

/* A function of both classes that the code names, too: borrowed, or NULL. */
static PyObject *
replaced_member(const old_search *o, PyObject *names)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        PyObject *value = rs_class_get(o->donor, name);
        if (value != NULL && Py_TYPE(value)->tp_descr_get != NULL &&
            rs_class_get(o->live, name) != NULL) {
            return name;
        }
    }
    return NULL;
}

/* Code that calls a member of the class it replaces, by a name that the snippet gave this,
 * means what the class was; but it is the class that it is then. */
static int
warn_of_old(const old_search *o, PyObject *code)
{
    const rs_session *s = o->p->s;
    const struct rs_hot *hot = s->hot;
    const rs_unit as_unit = {.name = hot->o.label, .filename = hot->o.filename};
    PyObject *names = RS_CODE(code)->co_names, *consts = RS_CODE(code)->co_consts;
    PyObject *member = replaced_member(o, names);
    int result = 0;
    for (Py_ssize_t i = 0; member != NULL && result == 0 && i < PyTuple_GET_SIZE(names);
         i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        PyObject *value = PyDict_GetItemWithError(hot->ns, name);
        if (value == (PyObject *)o->live) {
            result = rs_notice(
                o->p->s, "RSL622", &as_unit, RS_CODE(code)->co_qualname,
                RS_CODE(code)->co_firstlineno,
                "'%U' is the class that this one replaces, and has the new "
                "'%U' from the commit on; keep the old one in a name of "
                "its own to call it",
                name, member);
        } else if (value == NULL && PyErr_Occurred()) {
            result = -1;
        }
    }
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(consts); i++) {
        PyObject *inner = PyTuple_GET_ITEM(consts, i);
        result = PyCode_Check(inner) ? warn_of_old(o, inner) : 0;
    }
    return result;
}

/* Functions that the class itself has, static and class methods among them. */
static int
warn_of_uses(pouring *p, PyObject *live, PyObject *donor)
{
    old_search o = {p, RS_TYPE(live), RS_TYPE(donor)};
    PyObject *dict, *value;
    Py_ssize_t pos = 0;
    int result = 0;
    if (p->s->hot->o.inside != Py_None) {
        return 0; /* names are those of the module */
    }
    dict = PyType_GetDict(o.donor);
    while (result == 0 && PyDict_Next(dict, &pos, NULL, &value)) {
        PyObject *func = Py_NewRef(value);
        if (Py_TYPE(value) == &PyStaticMethod_Type ||
            Py_TYPE(value) == &PyClassMethod_Type) {
            Py_SETREF(func, PyObject_GetAttrString(value, "__func__"));
        } else if (Py_TYPE(value) == &PyProperty_Type) {
            Py_SETREF(func, PyObject_GetAttrString(value, "fget"));
        }
        if (func == NULL) {
            result = -1;
        } else if (PyFunction_Check(func) &&
                   rs_hot_is_namespace(p->s, RS_FUNCTION(func)->func_globals)) {
            result = warn_of_old(&o, RS_FUNCTION(func)->func_code);
        }
        Py_XDECREF(func);
    }
    Py_DECREF(dict);
    return result;
}

/* Functions of the class are called as they would be in its place. */
static int
rename_functions(rs_session *s, PyTypeObject *donor, PyObject *module, PyObject *from,
                 PyObject *to)
{
    PyObject *dict = PyType_GetDict(donor), *key, *value;
    Py_ssize_t pos = 0, n = PyUnicode_GET_LENGTH(from);
    int result = 0;
    while (result == 0 && PyDict_Next(dict, &pos, &key, &value)) {
        PyFunctionObject *f = RS_FUNCTION(value);
        if (!PyFunction_Check(value) || !rs_hot_made(s, value)) {
            continue;
        }
        Py_XSETREF(f->func_module, Py_NewRef(module));
        if (PyUnicode_Tailmatch(f->func_qualname, from, 0, PY_SSIZE_T_MAX, -1) == 1) {
            PyObject *tail = PyUnicode_Substring(f->func_qualname, n, PY_SSIZE_T_MAX);
            PyObject *name = tail != NULL ? PyUnicode_Concat(to, tail) : NULL;
            Py_XDECREF(tail);
            if (name == NULL) {
                result = -1;
            } else {
                Py_SETREF(f->func_qualname, name);
            }
        }
    }
    Py_DECREF(dict);
    return result;
}

static int
pour_class(pouring *p, PyObject *live, PyObject *donor)
{
    rs_session *s = p->s;
    PyObject *from, *to;
    int result;
    if (!PyType_HasFeature(RS_TYPE(live), Py_TPFLAGS_HEAPTYPE) || !is_made(s, donor) ||
        !rs_same_text(RS_HEAPTYPE(live)->ht_name, RS_HEAPTYPE(donor)->ht_name) ||
        rs_idmap_has(&s->claimed, live) || rs_idmap_has(&s->map, donor) ||
        !is_own_class(p, live)) {
        return 0;
    }
    if (PyType_IsSubtype(RS_TYPE(donor), RS_TYPE(live))) {
        return refuse_class(p, donor);
    }
    if (warn_of_uses(p, live, donor) < 0) {
        return -1;
    }
    from = Py_NewRef(RS_HEAPTYPE(donor)->ht_qualname);
    to = RS_HEAPTYPE(live)->ht_qualname;
    result = rename_functions(s, RS_TYPE(donor), p->u->name, from, to);
    if (result == 0) {
        result = PyType_Type.tp_setattro(donor, s->st->names.__module__, p->u->name);
    }
    if (result == 0) {
        result = PyType_Type.tp_setattro(donor, s->st->names.__qualname__, to);
    }
    Py_DECREF(from);
    return result < 0 ? -1 : rs_match_class(s, p->u, live, donor);
}

/* ---- all ---- */

static int
pour_value(pouring *p, PyObject *live, PyObject *donor)
{
    if (live == donor) {
        return 1;
    }
    if (PyFunction_Check(live) && PyFunction_Check(donor)) {
        return is_made(p->s, donor) ? pour_function(p, live, donor) : 0;
    }
    if (PyType_Check(live) && PyType_Check(donor)) {
        return pour_class(p, live, donor);
    }
    if (Py_TYPE(live) == Py_TYPE(donor) && is_made(p->s, donor) &&
        (Py_TYPE(live) == &PyProperty_Type || Py_TYPE(live) == &PyStaticMethod_Type ||
         Py_TYPE(live) == &PyClassMethod_Type ||
         Py_TYPE(live) == p->s->st->lru_cache_type)) {
        return pour_wrapper(p, live, donor);
    }
    return PyFunction_Check(live) ? forward(p, live, donor) : 0;
}

/* Descriptors around functions of classes that take new contents. */
static int
copy_wrappers_of(rs_session *s, PyObject *type)
{
    PyObject *dict = PyType_GetDict(RS_TYPE(type)), *value;
    Py_ssize_t pos = 0;
    int result = 0;
    while (result == 0 && PyDict_Next(dict, &pos, NULL, &value)) {
        Py_INCREF(value); /* functools runs: other threads may */
        result = rs_hot_copy_wrapper(s, value);
        Py_DECREF(value);
    }
    Py_DECREF(dict);
    return result;
}

int
rs_hot_match(rs_session *s)
{
    struct rs_hot *hot = s->hot;
    if (rs_hot_place_methods(s) < 0 || rs_hot_check_names(s) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < hot->n_writes; i++) {
        rs_hot_write *w = &hot->writes[i];
        pouring p = {s, w, &s->units[w->unit]};
        int poured;
        if (w->old == NULL || w->now == NULL) {
            continue;
        }
        poured = pour_value(&p, w->old, w->now);
        if (poured < 0) {
            return -1;
        }
        w->poured = poured;
    }
    for (Py_ssize_t i = 0; i < s->n_pairs; i++) {
        if (s->pairs[i].kind == RS_PAIR_FUNCTION &&
            rs_hot_copy_original(s, s->pairs[i].live) < 0) {
            return -1;
        }
        if (s->pairs[i].kind == RS_PAIR_CLASS &&
            rs_quiet_hide(s, s->pairs[i].donor) < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < hot->n_writes; i++) {
        const rs_hot_write *w = &hot->writes[i];
        if (w->poured && rs_hot_copy_wrapper(s, w->old) < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < s->n_pairs; i++) {
        if (s->pairs[i].kind == RS_PAIR_CLASS &&
            copy_wrappers_of(s, s->pairs[i].live) < 0) {
            return -1;
        }
    }
    if (rs_hot_copy_insides(s) < 0 || rs_hot_redirect_originals(s) < 0) {
        return -1;
    }
    return rs_enum_map(s);
}
