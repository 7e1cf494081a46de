#include "selectunit.h"

#include <stdlib.h>
#include <string.h>

#include "graft.h"
#include "known.h"
#include "roles.h"
#include "same.h"

/* ---- imports from __future__ ---- */

/* Adds the texts of `from __future__ import ...` to `set`. */
static int
find_futures(const rs_cut *cut, PyObject *set)
{
    for (Py_ssize_t i = 0; i < cut->count; i++) {
        const char *text = PyUnicode_AsUTF8(cut->at[i].text);
        if (text == NULL) {
            return -1;
        }
        if (strncmp(text, "from", 4) == 0 && strstr(text, "__future__") != NULL &&
            PySet_Add(set, cut->at[i].text) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
add_flag(int *flags, PyObject *feature)
{
    long flag;
    PyObject *value, *number, *module = PyImport_ImportModule("__future__");
    value = module != NULL ? PyObject_GetAttr(module, feature) : NULL;
    number = value != NULL ? PyObject_GetAttrString(value, "compiler_flag") : NULL;
    flag = number != NULL ? PyLong_AsLong(number) : 0;
    Py_XDECREF(module);
    Py_XDECREF(value);
    Py_XDECREF(number);
    if (PyErr_Occurred()) {
        return -1;
    }
    *flags |= (int)flag;
    return 0;
}

static int
read_flags(rs_cut *cut, int *flags)
{
    for (Py_ssize_t i = 0; i < cut->count; i++) {
        PyObject *nodes, *names;
        const char *text = PyUnicode_AsUTF8(cut->at[i].text);
        if (text == NULL) {
            return -1;
        }
        if (strncmp(text, "from", 4) != 0 || strstr(text, "__future__") == NULL) {
            continue;
        }
        nodes = rs_cut_nodes(cut, i);
        for (Py_ssize_t k = 0; nodes != NULL && k < PyList_GET_SIZE(nodes); k++) {
            PyObject *node = PyList_GET_ITEM(nodes, k);
            names = rs_ast_is(node, "ImportFrom") ? rs_ast_list(node, "names") : NULL;
            if (names == NULL ||
                !rs_text_equals(rs_ast_get(node, "module"), "__future__")) {
                continue;
            }
            for (Py_ssize_t n = 0; n < PyList_GET_SIZE(names); n++) {
                if (add_flag(flags, rs_ast_get(PyList_GET_ITEM(names, n), "name")) <
                    0) {
                    return -1;
                }
            }
        }
        if (nodes == NULL || PyErr_Occurred()) {
            return -1;
        }
    }
    return 0;
}

/* Other imports from __future__ give every statement another meaning: none is the same. */
static int
match_futures(rs_cut *olds, rs_cut *news, rs_selection *sel)
{
    PyObject *a = PySet_New(NULL), *b = PySet_New(NULL);
    int result = -1;
    if (a != NULL && b != NULL && find_futures(olds, a) == 0 &&
        find_futures(news, b) == 0) {
        result = PyObject_RichCompareBool(a, b, Py_EQ);
    }
    Py_XDECREF(a);
    Py_XDECREF(b);
    if (result < 0 || read_flags(news, &sel->flags) < 0) {
        return -1;
    }
    sel->other_futures = !result;
    return result == 1 ? rs_cut_match(olds, news) : 0;
}

int
rs_unit_match(rs_cut *olds, rs_cut *news, rs_selection *sel)
{
    return match_futures(olds, news, sel);
}

/* ---- code ---- */

static int
sort_by_line(PyObject *list)
{
    /* stable insertion sort: the list is nearly sorted, and short */
    for (Py_ssize_t i = 1; i < PyList_GET_SIZE(list); i++) {
        PyObject *node = PyList_GET_ITEM(list, i);
        int line = rs_ast_line(node);
        Py_ssize_t k = i;
        while (k > 0 && rs_ast_line(PyList_GET_ITEM(list, k - 1)) > line) {
            k--;
        }
        if (k < i) {
            Py_INCREF(node);
            if (PyList_SetSlice(list, i, i + 1, NULL) < 0 ||
                PyList_Insert(list, k, node) < 0) {
                Py_DECREF(node);
                return -1;
            }
            Py_DECREF(node);
        }
    }
    return 0;
}

/* A function's code, not that of a class body or of a scope of type parameters. */
static int
is_piece(PyObject *code)
{
    return (RS_CODE(code)->co_flags & CO_OPTIMIZED) != 0 && !rs_is_type_scope(code);
}

/* Code objects of functions at any place outside of functions: what can live. */
static int
collect_pieces(PyObject *code, PyObject *list)
{
    PyObject *constants = RS_CODE(code)->co_consts;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); i++) {
        PyObject *inner = PyTuple_GET_ITEM(constants, i);
        if (!PyCode_Check(inner)) {
            continue;
        }
        if (is_piece(inner) ? PyList_Append(list, inner) < 0
                            : collect_pieces(inner, list) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
is_between(const rs_selection *sel, int line)
{
    Py_ssize_t low = 0, high = sel->n_moves;
    while (low < high) {
        Py_ssize_t middle = (low + high) / 2;
        if (sel->moves[middle].last < line) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < sel->n_moves && sel->moves[low].first <= line ? (int)low : -1;
}

static int
by_first(const void *a, const void *b)
{
    return ((const rs_select_move *)a)->first - ((const rs_select_move *)b)->first;
}

const rs_select_move *
rs_select_move_of(const rs_unit *u, int line)
{
    int found = u->selection != NULL ? is_between(u->selection, line) : -1;
    return found >= 0 ? &u->selection->moves[found] : NULL;
}

/* The code objects of functions that live, as far as they are known: a new list. */
static PyObject *
live_pieces(rs_session *s, rs_unit *u)
{
    int result = 0;
    PyObject *flat = PyList_New(0), *olds = rs_known_pieces(s, u);
    for (Py_ssize_t i = 0;
         result == 0 && olds != NULL && flat != NULL && i < PyTuple_GET_SIZE(olds);
         i++) {
        PyObject *piece = PyTuple_GET_ITEM(olds, i);
        result = is_piece(piece) ? PyList_Append(flat, piece)
                                 : collect_pieces(piece, flat);
    }
    if (olds == NULL || result < 0) {
        Py_CLEAR(flat);
    }
    Py_XDECREF(olds);
    return flat;
}

/* Old pieces in statements that did not change live on. */
static int
keep_pieces(rs_unit *u, PyObject *flat)
{
    rs_selection *sel = u->selection;
    int result = 0;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(flat); i++) {
        PyObject *piece = PyList_GET_ITEM(flat, i);
        if (is_between(sel, RS_CODE(piece)->co_firstlineno) >= 0) {
            result = PyList_Append(sel->pieces, piece);
        }
    }
    sel->kept_pieces = PyList_GET_SIZE(sel->pieces);
    return result;
}

/* ---- is the recorded text what lives? ---- */

static int
is_lambda(PyObject *code)
{
    return PyUnicode_READ_CHAR(RS_CODE(code)->co_name, 0) == '<';
}

/* The chunk of the old source that has the line, or NULL. */
static const rs_cut_chunk *
chunk_at(const rs_cut *cut, int line)
{
    Py_ssize_t low = 0, high = cut->count;
    while (low < high) {
        Py_ssize_t middle = (low + high) / 2;
        if (cut->at[middle].last_line < line) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < cut->count && cut->at[low].line <= line ? &cut->at[low] : NULL;
}

/* Functions that live stand where the text has their names, and those that changed are in
 * the text as they live. A text of another time would have to be the same but for data. 1,
 * 0, -1. */
static int
text_fits(const rs_cut *olds, PyObject *old_code, PyObject *flat)
{
    int result = 1;
    PyObject *real = PySet_New(flat), *changed = PyList_New(0);
    if (real == NULL || changed == NULL || collect_pieces(old_code, changed) < 0) {
        result = -1;
    }
    for (Py_ssize_t i = 0; result == 1 && i < PyList_GET_SIZE(changed); i++) {
        result = PySet_Contains(real, PyList_GET_ITEM(changed, i));
    }
    for (Py_ssize_t i = 0; result == 1 && i < PyList_GET_SIZE(flat); i++) {
        PyObject *code = PyList_GET_ITEM(flat, i);
        const rs_cut_chunk *chunk = chunk_at(olds, RS_CODE(code)->co_firstlineno);
        if (chunk == NULL) {
            result = 0;
        } else if (!is_lambda(code)) {
            Py_ssize_t found = PyUnicode_Find(chunk->text, RS_CODE(code)->co_name, 0,
                                              PY_SSIZE_T_MAX, 1);
            result = found == -2 ? -1 : found >= 0;
        }
    }
    Py_XDECREF(real);
    Py_XDECREF(changed);
    return result;
}

int
rs_unit_compile(rs_session *s, rs_unit *u, rs_unit_work *w)
{
    rs_selection *sel = u->selection;
    int result = -1;
    /* owned */
    PyObject *old_code = NULL, *pieces = NULL, *flat = live_pieces(s, u);

    if (sel->n_moves != 0) { /* else there is no array */
        qsort(sel->moves, (size_t)sel->n_moves, sizeof(sel->moves[0]), by_first);
    }
    if (flat == NULL || sort_by_line(sel->old_body) < 0 ||
        sort_by_line(sel->new_body) < 0 || sort_by_line(sel->effects) < 0 ||
        keep_pieces(u, flat) < 0 || rs_unit_tell_imports(&w->olds, sel->old_body) < 0 ||
        rs_unit_tell_imports(&w->news, sel->new_body) < 0 ||
        rs_unit_tell_imports(&w->news, sel->effects) < 0) {
        goto done;
    }
    old_code = rs_ast_compile(sel->old_body, u->path, sel->flags);
    pieces = old_code != NULL ? PyList_AsTuple(flat) : NULL;
    result = pieces != NULL && u->guessed ? text_fits(&w->olds, old_code, flat) : 1;
    if (pieces == NULL || result <= 0) {
        result = pieces == NULL ? -1 : result;
        goto done;
    }
    result = -1;
    u->known_code = rs_graft(old_code, pieces);
    u->code = u->known_code != NULL ? rs_ast_compile(sel->new_body, u->path, sel->flags)
                                    : NULL;
    if (u->code == NULL || collect_pieces(u->code, sel->pieces) < 0) {
        goto done;
    }
    if (PyList_GET_SIZE(sel->effects) > 0) {
        u->effects = rs_ast_compile(sel->effects, u->path, sel->flags);
        if (u->effects == NULL || collect_pieces(u->effects, sel->pieces) < 0) {
            goto done;
        }
    }
    result = 1;
done:
    Py_XDECREF(flat);
    Py_XDECREF(old_code);
    Py_XDECREF(pieces);
    return result;
}
