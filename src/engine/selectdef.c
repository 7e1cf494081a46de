#include "selecting.h"

#include "foreign.h"
#include "lookup.h"
#include "same.h"
#include "selectwarn.h"
#include "wrappers.h"

/* ---- the live function ---- */

typedef struct {
    PyObject *globals, *qualname;
    int line;
    int depth;
    PyObject *found; /* borrowed */
} function_search;

static int
search_function(PyObject *op, void *arg)
{
    function_search *search = arg;
    if (search->depth > RS_MAX_WRAPPERS) {
        return 0;
    }
    if (PyFunction_Check(op) && rs_runs_in(op, search->globals)) {
        PyCodeObject *code = RS_CODE(RS_FUNCTION(op)->func_code);
        if (rs_is_hotfix_code((PyObject *)code)
                ? rs_same_text(RS_FUNCTION(op)->func_qualname, search->qualname)
                : rs_same_text(code->co_qualname, search->qualname) &&
                      code->co_firstlineno == search->line) {
            search->found = op;
            return 1;
        }
    }
    if (PyType_Check(op) || PyModule_Check(op)) {
        return 0;
    }
    search->depth++;
    rs_wrapper_visit(op, search_function, search);
    search->depth--;
    return search->found != NULL;
}

/* The live function that the old definition made: itself or in its wrappers. The source
 * that is known is the one that lives, so that its line tells it from others of its name.
 * Borrowed or NULL. */
static PyObject *
live_function(const rs_selecting *c, PyObject *qualname, PyObject *old_node)
{
    PyObject *value = rs_live_definition(c->u, qualname);
    function_search search = {c->u->live, qualname, rs_ast_line(old_node), 0, NULL};
    if (value != NULL) {
        search_function(value, &search);
    }
    return search.found;
}

/* ---- default values ---- */

/* Does the live function have a default value for the parameter? */
static int
has_default(PyObject *func, PyObject *name)
{
    const PyCodeObject *code = RS_CODE(RS_FUNCTION(func)->func_code);
    PyObject *defaults = RS_FUNCTION(func)->func_defaults;
    PyObject *kwdefaults = RS_FUNCTION(func)->func_kwdefaults;
    Py_ssize_t n = defaults != NULL && PyTuple_Check(defaults)
                       ? PyTuple_GET_SIZE(defaults)
                       : 0;
    for (Py_ssize_t i = 0; i < n && i < code->co_argcount; i++) {
        if (rs_same_text(
                PyTuple_GET_ITEM(code->co_localsplusnames, code->co_argcount - 1 - i),
                name)) {
            return 1;
        }
    }
    return kwdefaults != NULL && PyDict_Check(kwdefaults) &&
           PyDict_GetItemWithError(kwdefaults, name) != NULL;
}

/* The parameters of a definition that have a default: dict name -> (list, index). */
static int
add_parameters(PyObject *dict, PyObject *names, Py_ssize_t first, PyObject *defaults)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(defaults); i++) {
        PyObject *name, *place;
        int result;
        if (PyList_GET_ITEM(defaults, i) == Py_None) {
            continue; /* keyword-only without a default */
        }
        name = rs_ast_get(PyList_GET_ITEM(names, first + i), "arg");
        place = name != NULL ? Py_BuildValue("(On)", defaults, i) : NULL;
        result = place != NULL ? PyDict_SetItem(dict, name, place) : -1;
        Py_XDECREF(place);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

static PyObject *
parameters_of(PyObject *node)
{
    PyObject *args = rs_ast_get(node, "args");
    PyObject *positional = NULL, *dict = PyDict_New();
    PyObject *before = args != NULL ? rs_ast_list(args, "posonlyargs") : NULL;
    PyObject *plain = before != NULL ? rs_ast_list(args, "args") : NULL;
    PyObject *defaults = plain != NULL ? rs_ast_list(args, "defaults") : NULL;
    PyObject *only = defaults != NULL ? rs_ast_list(args, "kwonlyargs") : NULL;
    PyObject *kw = only != NULL ? rs_ast_list(args, "kw_defaults") : NULL;
    if (kw != NULL) {
        positional = PySequence_Concat(before, plain);
    }
    if (dict == NULL || positional == NULL ||
        add_parameters(dict, positional,
                       PyList_GET_SIZE(positional) - PyList_GET_SIZE(defaults),
                       defaults) < 0 ||
        add_parameters(dict, only, 0, kw) < 0) {
        Py_CLEAR(dict);
    }
    Py_XDECREF(positional);
    return dict;
}

static PyObject *
default_at(PyObject *place)
{
    return PyList_GET_ITEM(PyTuple_GET_ITEM(place, 0),
                           PyLong_AsSsize_t(PyTuple_GET_ITEM(place, 1)));
}

/* Is an expression that did not change evaluated again all the same? 1, 0, -1. */
static int
has_to_run(rs_selecting *c, PyObject *expression)
{
    return rs_select_reads(c, expression, c->rebound);
}

/* Parameters whose default expression did not change: the live value stays, in its place
 * stands None until the function is made (shell.c). New set, or NULL. */
static PyObject *
keep_defaults(rs_selecting *c, PyObject *old_node, PyObject *new_node, PyObject *live)
{
    Py_ssize_t pos = 0;
    PyObject *name, *place, *result = NULL;
    /* owned */
    PyObject *keeps = PySet_New(NULL);
    PyObject *olds = parameters_of(old_node), *news = parameters_of(new_node);

    if (keeps == NULL || olds == NULL || news == NULL) {
        goto done;
    }
    while (PyDict_Next(news, &pos, &name, &place)) {
        PyObject *expression = default_at(place), *none, *old_place;
        int same, runs;
        old_place = PyDict_GetItemWithError(olds, name);
        same = old_place != NULL ? rs_syntax_same(default_at(old_place), expression)
                                 : 0;
        runs = same == 1 ? has_to_run(c, expression) : 0;
        if (same < 0 || runs < 0) {
            goto done;
        }
        if (!same || runs || !has_default(live, name)) {
            continue;
        }
        none = rs_ast_new("Constant", expression,
                          Py_BuildValue("{s:O}", "value", Py_None));
        if (none == NULL || PySet_Add(keeps, name) < 0 ||
            PyList_SetItem(PyTuple_GET_ITEM(place, 0),
                           PyLong_AsSsize_t(PyTuple_GET_ITEM(place, 1)), none) < 0) {
            goto done;
        }
    }
    result = Py_NewRef(keeps);
done:
    Py_XDECREF(keeps);
    Py_XDECREF(olds);
    Py_XDECREF(news);
    return result;
}

/* ---- annotations, where the definition evaluates them ---- */

static int
collect_arg(PyObject *node, void *arg)
{
    if (rs_ast_is(node, "arg")) {
        return PyList_Append(arg, node) < 0 ? -1 : 1;
    }
    return rs_ast_is(node, "arguments") ? 0 : 1;
}

/* Removes the annotations if those of the live function stay: 1; 0, -1. */
static int
keep_annotations(rs_selecting *c, PyObject *old_node, PyObject *new_node)
{
    int result = -1;
    PyObject *x = rs_ast_get(old_node, "returns"), *y = rs_ast_get(new_node, "returns");
    PyObject *old_args = rs_ast_get(old_node, "args");
    PyObject *new_args = rs_ast_get(new_node, "args");
    /* owned */
    PyObject *olds = PyList_New(0), *news = PyList_New(0);

    if (x == NULL || y == NULL || old_args == NULL || new_args == NULL ||
        olds == NULL || news == NULL || rs_ast_walk(old_args, collect_arg, olds) < 0 ||
        rs_ast_walk(new_args, collect_arg, news) < 0) {
        goto done;
    }
    result = rs_syntax_same(x, y) == 1 && rs_syntax_same(olds, news) == 1;
    if (PyErr_Occurred()) {
        result = -1;
    }
    if (result == 1) {
        int runs = rs_select_reads(c, new_args, c->rebound);
        if (runs == 0 && y != Py_None) {
            runs = rs_select_reads(c, y, c->rebound);
        }
        result = runs < 0 ? -1 : !runs;
    }
    for (Py_ssize_t i = 0; result == 1 && i < PyList_GET_SIZE(news); i++) {
        if (PyObject_SetAttrString(PyList_GET_ITEM(news, i), "annotation", Py_None) <
            0) {
            result = -1;
        }
    }
    if (result == 1 && PyObject_SetAttrString(new_node, "returns", Py_None) < 0) {
        result = -1;
    }
done:
    Py_XDECREF(olds);
    Py_XDECREF(news);
    return result;
}

/* ---- the reduced definition ---- */

static rs_select_def *
new_def(rs_selection *sel)
{
    rs_select_def *defs = rs_room(sel->defs, sel->n_defs, &sel->defs_room,
                                  sizeof(rs_select_def));
    if (defs == NULL) {
        return NULL;
    }
    sel->defs = defs;
    defs[sel->n_defs] = (rs_select_def){0};
    return &defs[sel->n_defs++];
}

/* `__resoul_def__(number)`, placed where the first decorator of `node` was, so that the
 * code has the same first line. */
static PyObject *
mark_of(PyObject *node, PyObject *decorators, Py_ssize_t number)
{
    PyObject *at = PyList_GET_SIZE(decorators) > 0 ? PyList_GET_ITEM(decorators, 0)
                                                   : node;
    PyObject *load, *name, *constant, *arguments, *call = NULL;
    load = rs_ast_new("Load", NULL, PyDict_New());
    if (load == NULL) {
        return NULL;
    }
    name = rs_ast_new("Name", at,
                      Py_BuildValue("{s:s,s:N}", "id", "__resoul_def__", "ctx", load));
    constant = rs_ast_new("Constant", at, Py_BuildValue("{s:n}", "value", number));
    arguments = name != NULL && constant != NULL ? Py_BuildValue("[O]", constant)
                                                 : NULL;
    if (arguments != NULL) {
        call = rs_ast_new("Call", at,
                          Py_BuildValue("{s:O,s:N,s:[]}", "func", name, "args",
                                        arguments, "keywords"));
    }
    Py_XDECREF(name);
    Py_XDECREF(constant);
    return call;
}

static int
mark(PyObject *node, Py_ssize_t number, int alone, int outermost)
{
    int result;
    PyObject *decorators = rs_ast_list(node, "decorator_list");
    PyObject *call = decorators != NULL ? mark_of(node, decorators, number) : NULL;
    if (call == NULL) {
        return -1;
    }
    if (alone && PyList_SetSlice(decorators, 0, PY_SSIZE_T_MAX, NULL) < 0) {
        Py_DECREF(call);
        return -1;
    }
    result = outermost ? PyList_Insert(decorators, 0, call)
                       : PyList_Append(decorators, call);
    Py_DECREF(call);
    return result;
}

/* `@f.register def _` and overloads: one more function of a name that others have. */
static int
is_apart(rs_selecting *c, PyObject *old_node, PyObject *new_node)
{
    PyObject *name, *decorators;
    if (old_node != NULL) {
        return 0;
    }
    name = rs_ast_get(new_node, "name");
    decorators = name != NULL ? rs_ast_list(new_node, "decorator_list") : NULL;
    if (decorators == NULL) {
        return -1;
    }
    return PyList_GET_SIZE(decorators) > 0
               ? rs_select_bound_elsewhere(c, name, new_node)
               : 0;
}

/* Does a later statement of the module bind the name as well, so that it means that in the
 * end? 1, 0, -1. */
static int
is_shadowed(rs_selecting *c, PyObject *new_node)
{
    int result = 0, line = rs_ast_line(new_node);
    PyObject *name = rs_ast_get(new_node, "name"), *list;
    if (name == NULL || c->siblings != NULL || c->nested) {
        return name == NULL ? -1 : 0;
    }
    list = PyList_New(0);
    if (list == NULL || rs_cut_find_binders(c->cut, name, new_node, list) < 0) {
        Py_XDECREF(list);
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        PyObject *node = PyList_GET_ITEM(list, i);
        result |= rs_is_function_node(node) && rs_ast_line(node) > line;
    }
    Py_DECREF(list);
    return result;
}

/* Appends the definition to the reduced bodies. */
static int
append_function(rs_selecting *c, PyObject *qualname, PyObject *old_node,
                PyObject *new_node, PyObject *live, int inner)
{
    int shadowed, annotations = 0, apart = is_apart(c, old_node, new_node);
    PyObject *keeps = NULL;
    rs_select_def *def;
    if (old_node != NULL && PyList_Append(c->old_body, old_node) < 0) {
        return -1;
    }
    if (inner && live == NULL) { /* who runs it is found by its code (nested.c) */
        PyObject *unreached = rs_select_unreached(new_node);
        int result = unreached != NULL ? PyList_Append(c->new_body, unreached) : -1;
        Py_XDECREF(unreached);
        return result;
    }
    shadowed = inner ? 0 : is_shadowed(c, new_node);
    if (shadowed < 0) {
        return -1;
    }
    if (live != NULL && !shadowed) {
        keeps = keep_defaults(c, old_node, new_node, live);
        if (keeps == NULL) {
            return -1;
        }
        if (PySet_GET_SIZE(keeps) == 0) {
            Py_CLEAR(keeps);
        }
        if (!rs_select_lazy_annotations(c) && !c->sel->other_futures) {
            annotations = keep_annotations(c, old_node, new_node);
        }
    }
    if (annotations < 0 || apart < 0 ||
        (!inner && keeps == NULL && !annotations && !apart && !shadowed)) {
        Py_XDECREF(keeps);
        return annotations < 0 || apart < 0 ? -1 : PyList_Append(c->new_body, new_node);
    }
    def = new_def(c->sel);
    if (def == NULL) {
        Py_XDECREF(keeps);
        return -1;
    }
    def->qualname = Py_NewRef(qualname);
    def->live = Py_XNewRef(live);
    def->keeps = keeps;
    def->annotations = annotations;
    def->inner = inner;
    def->apart = apart;
    c->sel->apart |= apart;
    def->shadowed = shadowed;
    def->line = rs_ast_line(new_node);
    return mark(new_node, c->sel->n_defs - 1, inner, shadowed) < 0
               ? -1
               : PyList_Append(c->new_body, new_node);
}

/* ---- the verdict ---- */

/* The class makes a static or class method of it by its name. */
static int
is_implicit(const rs_selecting *c, PyObject *name)
{
    return c->prefix != NULL && (rs_text_equals(name, "__new__") ||
                                 rs_text_equals(name, "__init_subclass__") ||
                                 rs_text_equals(name, "__class_getitem__"));
}

static int
note_changed(rs_selecting *c, PyObject *name)
{
    return c->prefix == NULL ? PySet_Add(c->sel->changed, name) : 0;
}

int
rs_select_function(rs_selecting *c, PyObject *old_node, PyObject *new_node, int same,
                   int hoist)
{
    int inner = 0, runs = 0, result = -1;
    PyObject *name = rs_ast_get(new_node, "name");
    PyObject *live = NULL; /* owned: the parser lets other threads run */
    PyObject *decorators = rs_ast_list(new_node, "decorator_list");
    PyObject *qualname = name != NULL && decorators != NULL
                             ? rs_select_qualname(c, name)
                             : NULL;
    if (qualname == NULL) {
        return -1;
    }
    if (old_node != NULL && !hoist) {
        runs = rs_select_reads(c, new_node, c->rebound);
        if (runs < 0) {
            goto done;
        }
    }
    if (same && !runs && !c->sel->other_futures) {
        int moves = rs_select_shift(c->sel, old_node, new_node);
        if (moves != 0) {
            result = moves < 0 ? -1 : 0;
            goto done;
        }
    }
    if (!same &&
        (note_changed(c, name) < 0 || rs_warn_init(c, old_node, new_node) < 0)) {
        goto done;
    }
    if (old_node != NULL) {
        int alike = rs_pairing_same_decorators(old_node, new_node);
        if (alike < 0) {
            goto done;
        }
        live = Py_XNewRef(live_function(c, qualname, old_node));
        if (!alike && c->s->only_changed &&
            rs_warn_redecorated(c, qualname, live, old_node, new_node) < 0) {
            goto done;
        }
        inner = alike && (hoist || (!runs && (PyList_GET_SIZE(decorators) > 0 ||
                                              is_implicit(c, name))));
        if (live == NULL && c->maker != NULL && !runs) {
            inner |= alike; /* the class has what its maker made of the function */
        }
        if (alike && !inner && !runs) { /* `def f`, and `f = wrap(f)` after it */
            inner = rs_select_bound_elsewhere(c, name, new_node);
        }
        if (inner < 0 || (inner && !same &&
                          (rs_warn_decorated(c, qualname, old_node, new_node) < 0 ||
                           rs_warn_wrapped(c, qualname, live, new_node) < 0))) {
            goto done;
        }
    }
    c->sel->runs |= !inner && PyList_GET_SIZE(decorators) > 0;
    result = append_function(c, qualname, old_node, new_node, live, inner);
done:
    Py_XDECREF(live);
    Py_DECREF(qualname);
    return result;
}
