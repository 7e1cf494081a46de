#include "known.h"

#include "base.h"
#include "fits.h"
#include "graft.h"
#include "loader.h"
#include "pyc.h"
#include "same.h"
#include "select.h"

/* ---- entries ---- */

enum { REF, CODE, SOURCE, PIECES };

/* What was pending in another module of that name is no concern of this one. */
static int
forget_pending(rs_state *st, PyObject *name, PyObject *module)
{
    PyObject *entry = PyDict_GetItemWithError(st->known, name);
    int found = PyErr_Occurred() ? -1 : PyDict_Contains(st->pending, name);
    if (found <= 0 || (entry != NULL &&
                       rs_weakref_referent(PyTuple_GET_ITEM(entry, REF)) == module)) {
        return found < 0 ? -1 : 0;
    }
    return PyDict_DelItem(st->pending, name);
}

int
rs_known_store(rs_state *st, PyObject *name, PyObject *module, PyObject *code,
               PyObject *source, PyObject *pieces)
{
    int result = -1;
    PyObject *ref = PyWeakref_NewRef(module, NULL);
    PyObject *entry = ref != NULL ? PyTuple_Pack(4, ref, code != NULL ? code : Py_None,
                                                 source != NULL ? source : Py_None,
                                                 pieces != NULL ? pieces : Py_None)
                                  : NULL;
    if (entry != NULL && forget_pending(st, name, module) == 0) {
        result = PyDict_SetItem(st->known, name, entry);
    }
    Py_XDECREF(ref);
    Py_XDECREF(entry);
    return result;
}

int
rs_known_remember(rs_state *st, const rs_unit *u, PyObject *text, PyObject *pieces)
{
    return rs_known_store(st, u->name, u->module, NULL, text, pieces);
}

/* The entry of this very module: one that was removed from sys.modules and imported anew
 * came from whatever the file was then. Borrowed, or NULL. */
static PyObject *
entry_of(const rs_state *st, PyObject *name, PyObject *module)
{
    PyObject *entry = PyDict_GetItemWithError(st->known, name);
    if (entry == NULL || rs_weakref_referent(PyTuple_GET_ITEM(entry, REF)) != module) {
        return NULL;
    }
    return entry;
}

/* One part of the entry: borrowed; NULL without an exception if it is not known. */
static PyObject *
known_part(const rs_session *s, const rs_unit *u, int part)
{
    PyObject *value, *entry = entry_of(s->st, u->name, u->module);
    value = entry != NULL ? PyTuple_GET_ITEM(entry, part) : Py_None;
    return value != Py_None ? value : NULL;
}

PyObject *
rs_known_source(const rs_state *st, PyObject *name, PyObject *module, int *recorded)
{
    PyObject *value, *entry = entry_of(st, name, module);
    value = entry != NULL ? PyTuple_GET_ITEM(entry, SOURCE) : Py_None;
    *recorded = entry != NULL;
    return value != Py_None ? value : NULL;
}

PyObject *
rs_known_of_module(const rs_state *st, PyObject *module)
{
    PyObject *name = PyDict_GetItemWithError(PyModule_GetDict(module),
                                             st->names.__name__);
    PyObject *entry = name != NULL && PyUnicode_CheckExact(name)
                          ? entry_of(st, name, module)
                          : NULL;
    if (PyErr_Occurred()) {
        return NULL;
    }
    return PyTuple_Pack(2, entry != NULL ? PyTuple_GET_ITEM(entry, SOURCE) : Py_None,
                        entry != NULL ? PyTuple_GET_ITEM(entry, CODE) : Py_None);
}

void
rs_known_holders(const rs_state *st, const rs_unit *u, PyObject *lists[2])
{
    PyObject *entry = entry_of(st, u->name, u->module);
    PyObject *code = entry != NULL ? PyTuple_GET_ITEM(entry, CODE) : Py_None;
    PyObject *pieces = entry != NULL ? PyTuple_GET_ITEM(entry, PIECES) : Py_None;
    lists[0] = code != Py_None ? RS_CODE(code)->co_consts : NULL;
    lists[1] = pieces != Py_None ? pieces : NULL;
}

/* ---- code ---- */

PyObject *
rs_known_body(const rs_state *st, const rs_unit *u)
{
    PyObject *entry = entry_of(st, u->name, u->module);
    PyObject *code = entry != NULL ? PyTuple_GET_ITEM(entry, CODE) : Py_None;
    return code != Py_None ? code : NULL;
}

/* `code` with the code objects that live, if functions of it do and none is another. NULL
 * without an exception if not. */
static PyObject *
live_code(const rs_unit *u, PyObject *code)
{
    rs_fit fit = {0};
    PyObject *pieces, *result = NULL;
    if (rs_fit_code(u, code, &fit) == 0 && fit.other == NULL &&
        (fit.equal > 0 || fit.functions == 0)) {
        pieces = PyList_AsTuple(fit.codes);
        result = pieces != NULL ? rs_graft(code, pieces) : NULL;
        Py_XDECREF(pieces);
    }
    rs_fit_clear(&fit);
    return result;
}

static PyObject *
code_from_pyc(const rs_unit *u)
{
    PyObject *live, *code = rs_pyc_code(u);
    if (code == NULL) {
        return NULL;
    }
    live = live_code(u, code);
    Py_DECREF(code);
    return live;
}

/* The unit's loader compiles `source`; NULL without an exception if it is not valid. */
static PyObject *
compile_known(const rs_unit *u, PyObject *source)
{
    PyObject *code;
    if (rs_loader_code(u, source, &code) < 0 &&
        PyErr_ExceptionMatches(PyExc_Exception) &&
        !PyErr_ExceptionMatches(PyExc_MemoryError)) {
        PyErr_Clear();
    }
    return code;
}

static PyObject *
code_from_text(rs_session *s, const rs_unit *u, PyObject *text)
{
    PyObject *result = NULL, *code, *pieces = rs_known_pieces(s, u);
    if (pieces == NULL) {
        return NULL;
    }
    code = compile_known(u, text);
    if (code != NULL) {
        result = rs_graft(code, pieces);
        Py_DECREF(code);
    }
    Py_DECREF(pieces);
    return result;
}

PyObject *
rs_known_code(rs_session *s, const rs_unit *u)
{
    PyObject *code = known_part(s, u, CODE), *source = known_part(s, u, SOURCE);
    if (code != NULL) {
        return Py_NewRef(code);
    }
    if (source != NULL && PyUnicode_Check(source)) {
        PyObject *result;
        Py_INCREF(source);
        result = code_from_text(s, u, source);
        Py_DECREF(source);
        return result;
    }
    return code_from_pyc(u);
}

PyObject *
rs_known_pieces(rs_session *s, const rs_unit *u)
{
    PyObject *code = known_part(s, u, CODE), *pieces = known_part(s, u, PIECES);
    if (pieces != NULL) {
        return Py_NewRef(pieces);
    }
    return code != NULL ? rs_graft_pieces(code) : PyTuple_New(0);
}

/* ---- text ---- */

static int
are_equal(PyObject *a, PyObject *b)
{
    return a != NULL && b != NULL ? PyObject_RichCompareBool(a, b, Py_EQ) : 0;
}

/* What the recorder read is the source of `code`: then u->known_text. If not, the entry
 * loses it. 1, 0, -1. */
static int
believe_recorded(rs_session *s, rs_unit *u, PyObject *code, PyObject *data)
{
    int equal;
    PyObject *text = NULL, *pieces = known_part(s, u, PIECES);
    PyObject *compiled = compile_known(u, data);
    if (compiled == NULL && PyErr_Occurred()) {
        return -1;
    }
    equal = are_equal(compiled, code);
    Py_XDECREF(compiled);
    if (equal == 1) {
        text = rs_loader_decode(data);
        equal = text != NULL ? 1 : -1;
    }
    if (equal >= 0 &&
        rs_known_store(s->st, u->name, u->module, code, text, pieces) < 0) {
        equal = -1;
    }
    if (equal == 1) {
        u->known_text = Py_NewRef(text);
    }
    Py_XDECREF(text);
    return equal;
}

/* Nothing was recorded: do functions and literals that live agree with u->text, which
 * compiles to `code`? 1, 0, -1; fit->codes are what the functions run. */
static int
agrees(const rs_unit *u, PyObject *code, rs_fit *fit)
{
    int result;
    PyObject *cached = code_from_pyc(u);
    if (cached == NULL && PyErr_Occurred()) {
        return -1;
    }
    result = cached != NULL ? are_equal(cached, code) : 1;
    Py_XDECREF(cached);
    if (result != 1) {
        return result;
    }
    if (rs_fit_code(u, code, fit) < 0 || rs_fit_literals(u, u->text, fit) < 0) {
        return -1;
    }
    return fit->other == NULL && fit->equal > 0;
}

/* The file as it is now may be what lives, unchanged. 1, 0, -1. */
static int
believe_file(rs_session *s, rs_unit *u)
{
    int result;
    rs_fit fit = {0};
    /* owned */
    PyObject *code, *pieces = NULL, *grafted = NULL;

    if (u->text == NULL) {
        return 0;
    }
    code = compile_known(u, u->data);
    if (code == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    if (known_part(s, u, CODE) != NULL) {
        pieces = Py_XNewRef(known_part(s, u, PIECES));
        grafted = Py_NewRef(known_part(s, u, CODE));
        result = are_equal(code, grafted);
    } else {
        result = agrees(u, code, &fit);
        if (result == 1) {
            pieces = PyList_AsTuple(fit.codes);
            grafted = pieces != NULL ? rs_graft(code, pieces) : NULL;
            result = grafted != NULL ? 1 : -1;
        }
    }
    if (result == 1) {
        result = rs_known_store(s->st, u->name, u->module, grafted, u->text, pieces);
        result = result == 0 ? 1 : -1;
        u->known_text = Py_NewRef(u->text);
    }
    rs_fit_clear(&fit);
    Py_DECREF(code);
    Py_XDECREF(pieces);
    Py_XDECREF(grafted);
    return result;
}

static int
find_text(rs_session *s, rs_unit *u)
{
    PyObject *code = known_part(s, u, CODE), *source = known_part(s, u, SOURCE);
    int found = 0;
    if (source != NULL && PyUnicode_Check(source)) {
        u->known_text = Py_NewRef(source);
        return 0;
    }
    if (code != NULL && source != NULL && u->data != NULL) {
        Py_INCREF(code);
        Py_INCREF(source);
        found = believe_recorded(s, u, code, source);
        Py_DECREF(code);
        Py_DECREF(source);
    }
    if (found == 0) {
        found = believe_file(s, u);
    }
    return found < 0 ? -1 : 0;
}

int
rs_known_guess(rs_session *s, rs_unit *u)
{
    PyObject *source = known_part(s, u, SOURCE);
    if (source == NULL || !PyBytes_Check(source) || u->data == NULL ||
        known_part(s, u, CODE) == NULL) {
        return 0;
    }
    u->known_text = rs_loader_decode(source);
    if (u->known_text == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_SyntaxError) &&
            !PyErr_ExceptionMatches(PyExc_UnicodeError)) {
            return -1;
        }
        PyErr_Clear(); /* not what the import compiled */
    }
    u->guessed = u->known_text != NULL;
    return 0;
}

int
rs_known_text(rs_session *s, rs_unit *u, PyObject **text)
{
    *text = NULL;
    if (u->known_text == NULL && find_text(s, u) < 0) {
        return -1;
    }
    *text = Py_XNewRef(u->known_text);
    return 0;
}

/* ---- of the whole update ---- */

int
rs_source_known(rs_session *s)
{
    if (rs_base_believe(s) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        rs_unit *u = &s->units[i];
        u->known_code = rs_known_code(s, u);
        if (u->known_code == NULL && PyErr_Occurred()) {
            return -1;
        }
    }
    return 0;
}

int
rs_source_remember(rs_session *s)
{
    if (s->hot != NULL) {
        return 0; /* no source of a module has changed */
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        const rs_unit *u = &s->units[i];
        if (u->parts) {
            PyObject *pieces = PyList_AsTuple(u->selection->pieces);
            int result = pieces != NULL ? rs_known_remember(s->st, u, u->text, pieces)
                                        : -1;
            Py_XDECREF(pieces);
            if (result < 0) {
                return -1;
            }
            continue;
        }
        if (u->code != NULL) {
            if (rs_known_store(s->st, u->name, u->module, u->code, u->text, NULL) < 0) {
                return -1;
            }
            continue;
        }
        /* Only the loader knows what it ran. */
        if (PyDict_Contains(s->st->known, u->name) != 0 &&
            PyDict_DelItem(s->st->known, u->name) < 0) {
            return -1;
        }
    }
    return 0;
}
