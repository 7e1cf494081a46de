#include "order.h"

#include "imports.h"
#include "same.h"

/* Which unit's code mentions which other one in a way that may be an import: edge i goes
 * from from[i] to to[i]. */
typedef struct {
    int32_t *from, *to;
    Py_ssize_t used, room;
} edges;

/* The same sorted: those of unit u are to[first[u]] ... to[first[u + 1] - 1]. */
typedef struct {
    Py_ssize_t *first;
    int32_t *to;
} graph;

/* ---- edges ---- */

static int
add_edge(edges *e, Py_ssize_t from, Py_ssize_t to)
{
    if (from == to) {
        return 0;
    }
    if (e->used == e->room) {
        Py_ssize_t room = e->room != 0 ? e->room * 2 : 64;
        int32_t *a = PyMem_Realloc(e->from, (size_t)room * sizeof(int32_t));
        int32_t *b;
        if (a != NULL) {
            e->from = a;
        }
        b = a != NULL ? PyMem_Realloc(e->to, (size_t)room * sizeof(int32_t)) : NULL;
        if (b == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        e->to = b;
        e->room = room;
    }
    e->from[e->used] = (int32_t)from;
    e->to[e->used++] = (int32_t)to;
    return 0;
}

/* `name` and the packages above it, where they are units. 1 if `name` itself is one or
 * contains some, 0 if not, -1. */
static int
add_name(const rs_session *s, edges *e, Py_ssize_t from, PyObject *name)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(name);
    Py_ssize_t dot = -1;
    int package = 0;
    rs_unit *u = NULL;
    do {
        PyObject *part;
        dot = PyUnicode_FindChar(name, '.', dot + 1, length, 1);
        part = PyUnicode_Substring(name, 0, dot < 0 ? length : dot);
        if (part == NULL) {
            return -1;
        }
        u = rs_imports_unit(s, part, &package);
        Py_DECREF(part);
        if (u != NULL && add_edge(e, from, u - s->units) < 0) {
            return -1;
        }
    } while (dot > 0);
    return u != NULL || package;
}

/* `from name import ...`: any name of the code may be one of its submodules. */
static int
add_children(const rs_session *s, edges *e, Py_ssize_t from, PyObject *name,
             PyObject *names)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        rs_unit *u;
        PyObject *full = PyUnicode_FromFormat("%U.%U", name,
                                              PyTuple_GET_ITEM(names, i));
        if (full == NULL) {
            return -1;
        }
        u = rs_imports_unit(s, full, NULL);
        Py_DECREF(full);
        if (u != NULL && add_edge(e, from, u - s->units) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
add_import(const rs_session *s, edges *e, Py_ssize_t from, PyObject *name,
           PyObject *names)
{
    int known = add_name(s, e, from, name);
    return known > 0 ? add_children(s, e, from, name, names) : known;
}

/* Imports relative to `package` and those above it. */
static int
add_relative(const rs_session *s, edges *e, Py_ssize_t from, PyObject *package,
             PyObject *names)
{
    Py_ssize_t end = PyUnicode_GET_LENGTH(package);
    int result = 0;
    while (result == 0 && end > 0) {
        PyObject *base = PyUnicode_Substring(package, 0, end);
        result = base != NULL ? add_import(s, e, from, base, names) : -1;
        for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(names); i++) {
            PyObject *full = PyUnicode_FromFormat("%U.%U", base,
                                                  PyTuple_GET_ITEM(names, i));
            result = full != NULL ? add_import(s, e, from, full, names) : -1;
            Py_XDECREF(full);
        }
        Py_XDECREF(base);
        end = PyUnicode_FindChar(package, '.', 0, end, -1);
    }
    return result;
}

/* The names of the body's code tell what it imports, and some that it does not: a circle
 * too many only lets its last module begin a little earlier. */
static int
add_unit(const rs_session *s, edges *e, Py_ssize_t number)
{
    const rs_unit *u = &s->units[number];
    PyObject *names, *package;
    Py_ssize_t end = PyUnicode_GET_LENGTH(u->name);
    int result = 0;
    if (u->code == NULL) {
        return 0;
    }
    names = RS_CODE(u->code)->co_names;
    for (Py_ssize_t i = 0; result == 0 && i < PyTuple_GET_SIZE(names); i++) {
        result = add_import(s, e, number, PyTuple_GET_ITEM(names, i), names);
    }
    if (PyDict_Contains(u->live, s->st->names.__path__) == 0) {
        end = PyUnicode_FindChar(u->name, '.', 0, end, -1);
    }
    if (result < 0 || end <= 0) {
        return result;
    }
    package = PyUnicode_Substring(u->name, 0, end);
    result = package != NULL ? add_relative(s, e, number, package, names) : -1;
    Py_XDECREF(package);
    return result;
}

/* ---- circles ---- */

static int
sort_edges(graph *g, Py_ssize_t n, const int32_t *from, const int32_t *to,
           Py_ssize_t n_edges)
{
    Py_ssize_t *place = PyMem_Calloc((size_t)n + 1, sizeof(Py_ssize_t));
    g->first = PyMem_Calloc((size_t)n + 1, sizeof(Py_ssize_t));
    g->to = PyMem_Calloc((size_t)n_edges + 1, sizeof(int32_t));
    if (place == NULL || g->first == NULL || g->to == NULL) {
        PyMem_Free(place);
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < n_edges; i++) {
        g->first[from[i] + 1]++;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        g->first[i + 1] += g->first[i];
        place[i] = g->first[i];
    }
    for (Py_ssize_t i = 0; i < n_edges; i++) {
        g->to[place[from[i]]++] = to[i];
    }
    PyMem_Free(place);
    return 0;
}

/* Depth first from `start`, through what has no mark yet. What is left for good goes to
 * done[*n_done ...]; everything met gets `mark`. `stack` and `next` have room for all. */
static void
explore(const graph *g, int32_t start, int32_t mark, int32_t *marks, int32_t *stack,
        Py_ssize_t *next, int32_t *done, Py_ssize_t *n_done)
{
    Py_ssize_t depth = 0;
    stack[0] = start;
    marks[start] = mark;
    next[start] = g->first[start];
    while (depth >= 0) {
        int32_t u = stack[depth];
        if (next[u] == g->first[u + 1]) {
            done[(*n_done)++] = u;
            depth--;
            continue;
        }
        int32_t v = g->to[next[u]++];
        if (marks[v] < 0) {
            marks[v] = mark;
            next[v] = g->first[v];
            stack[++depth] = v;
        }
    }
}

/* The higher, the earlier did the body begin, among those of one circle. The script that
 * runs has not ended, though it is first in sys.modules. */
static int32_t
began(const rs_session *s, int32_t number)
{
    return rs_same_text(s->units[number].name, s->st->names.__main__) ? INT32_MAX
                                                                      : number;
}

/* Kosaraju: whoever is met in the reversed graph, last left first, is of one circle. */
static int
find_circles(rs_session *s, const graph *g, const graph *reversed)
{
    Py_ssize_t n = s->n_units, n_left = 0;
    /* owned */
    int32_t *numbers = PyMem_Calloc((size_t)n * 4, sizeof(int32_t));
    Py_ssize_t *next = PyMem_Calloc((size_t)n, sizeof(Py_ssize_t));
    if (numbers == NULL || next == NULL) {
        PyMem_Free(numbers);
        PyMem_Free(next);
        PyErr_NoMemory();
        return -1;
    }
    int32_t *marks = numbers, *stack = numbers + n, *left = numbers + 2 * n;
    int32_t *circle = numbers + 3 * n;
    for (Py_ssize_t i = 0; i < n; i++) {
        marks[i] = -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        if (marks[i] < 0) {
            explore(g, (int32_t)i, 0, marks, stack, next, left, &n_left);
        }
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        marks[i] = -1;
    }
    for (Py_ssize_t i = n - 1; i >= 0; i--) {
        Py_ssize_t n_circle = 0;
        int32_t last = -1;
        if (marks[left[i]] < 0) {
            explore(reversed, left[i], 0, marks, stack, next, circle, &n_circle);
        }
        for (Py_ssize_t k = 0; k < n_circle; k++) {
            int32_t rank = began(s, circle[k]);
            last = last < 0 || rank > began(s, last) ? circle[k] : last;
        }
        for (Py_ssize_t k = 0; k < n_circle; k++) {
            s->units[circle[k]].entry = last;
        }
    }
    PyMem_Free(numbers);
    PyMem_Free(next);
    return 0;
}

int
rs_order_find(rs_session *s)
{
    int result = 0;
    /* owned */
    edges e = {NULL, NULL, 0, 0};
    graph g = {NULL, NULL}, reversed = {NULL, NULL};

    for (Py_ssize_t i = 0; result == 0 && i < s->n_units; i++) {
        s->units[i].entry = i;
        result = add_unit(s, &e, i);
    }
    if (result == 0 && e.used > 0) {
        if (sort_edges(&g, s->n_units, e.from, e.to, e.used) < 0 ||
            sort_edges(&reversed, s->n_units, e.to, e.from, e.used) < 0 ||
            find_circles(s, &g, &reversed) < 0) {
            result = -1;
        }
    }
    PyMem_Free(e.from);
    PyMem_Free(e.to);
    PyMem_Free(g.first);
    PyMem_Free(g.to);
    PyMem_Free(reversed.first);
    PyMem_Free(reversed.to);
    return result;
}
