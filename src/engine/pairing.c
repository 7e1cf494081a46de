#include "pairing.h"

#include "same.h"
#include "syntax.h"

int
rs_is_function_node(PyObject *node)
{
    return rs_ast_is(node, "FunctionDef") || rs_ast_is(node, "AsyncFunctionDef");
}

int
rs_is_block_node(PyObject *node)
{
    static const char *const blocks[] = {"If",    "Try",   "TryStar",  "With",
                                         "For",   "While", "AsyncFor", "AsyncWith",
                                         "Match", NULL};
    for (int i = 0; blocks[i] != NULL; i++) {
        if (rs_ast_is(node, blocks[i])) {
            return 1;
        }
    }
    return 0;
}

int
rs_pairing_same_decorators(PyObject *a, PyObject *b)
{
    PyObject *x = rs_ast_get(a, "decorator_list");
    PyObject *y = x != NULL ? rs_ast_get(b, "decorator_list") : NULL;
    return y == NULL ? -1 : rs_syntax_same(x, y);
}

static int
same_attribute(PyObject *a, PyObject *b, const char *name)
{
    PyObject *x = rs_ast_get(a, name);
    PyObject *y = x != NULL ? rs_ast_get(b, name) : NULL;
    return y == NULL ? -1 : rs_syntax_same(x, y);
}

/* The targets of an assignment: borrowed. */
static PyObject *
target_of(PyObject *node)
{
    PyObject *targets;
    if (rs_ast_is(node, "AnnAssign") || rs_ast_is(node, "AugAssign")) {
        return rs_ast_get(node, "target");
    }
    if (rs_ast_is(node, "TypeAlias")) {
        return rs_ast_get(node, "name");
    }
    targets = rs_ast_list(node, "targets");
    return targets != NULL && PyList_GET_SIZE(targets) == 1
               ? PyList_GET_ITEM(targets, 0)
               : targets;
}

static int
is_assignment(PyObject *node)
{
    return rs_ast_is(node, "Assign") || rs_ast_is(node, "AnnAssign") ||
           rs_ast_is(node, "TypeAlias");
}

/* How strict a pass is: 0 wants a block to begin alike and definitions to have the same
 * decorators, 1 only the name or the kind. */
static int
answers(PyObject *a, PyObject *b, int pass)
{
    int result;
    if (rs_is_function_node(a) && rs_is_function_node(b)) {
        result = same_attribute(a, b, "name");
        return result == 1 && pass == 0 ? rs_pairing_same_decorators(a, b) : result;
    }
    if (rs_ast_is(a, "ClassDef") && rs_ast_is(b, "ClassDef")) {
        return same_attribute(a, b, "name");
    }
    if (is_assignment(a) && is_assignment(b)) {
        PyObject *x = target_of(a), *y = x != NULL ? target_of(b) : NULL;
        return y == NULL ? -1 : rs_syntax_same(x, y);
    }
    if (Py_TYPE(a) != Py_TYPE(b)) {
        return 0;
    }
    if (rs_ast_is(a, "ImportFrom")) {
        result = same_attribute(a, b, "module");
        return result == 1 ? same_attribute(a, b, "level") : result;
    }
    if (rs_ast_is(a, "If") || rs_ast_is(a, "While")) {
        return pass == 0 ? same_attribute(a, b, "test") : 1;
    }
    return rs_is_block_node(a);
}

static Py_hash_t *
hashes_of(PyObject *nodes)
{
    Py_ssize_t n = PyList_GET_SIZE(nodes);
    Py_hash_t *hashes = PyMem_Calloc((size_t)n + 1, sizeof(Py_hash_t));
    if (hashes == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        hashes[i] = rs_syntax_hash(PyList_GET_ITEM(nodes, i));
        if (hashes[i] == -1) {
            PyMem_Free(hashes);
            return NULL;
        }
    }
    return hashes;
}

typedef struct {
    PyObject *olds;
    Py_hash_t *old_hashes, *new_hashes;
    char *taken;      /* per old statement */
    Py_ssize_t first; /* those before it are taken: most are in the order of before */
} matching;

/* The first old statement that is free and fits `pair`: taken. 0 or -1. */
static int
find_old(matching *m, rs_statement_pair *pair, Py_ssize_t number, int pass)
{
    while (m->first < PyList_GET_SIZE(m->olds) && m->taken[m->first]) {
        m->first++;
    }
    for (Py_ssize_t i = m->first; i < PyList_GET_SIZE(m->olds); i++) {
        PyObject *old_node = PyList_GET_ITEM(m->olds, i);
        int fits;
        if (m->taken[i] || (pass < 0 && m->old_hashes[i] != m->new_hashes[number])) {
            continue;
        }
        fits = pass < 0 ? rs_syntax_same(old_node, pair->new_node)
                        : answers(old_node, pair->new_node, pass);
        if (fits < 0) {
            return -1;
        }
        if (fits) {
            m->taken[i] = 1;
            pair->old_node = old_node;
            pair->same = pass < 0;
            return 0;
        }
    }
    return 0;
}

static int
match_all(matching *m, rs_pairing *pairing, PyObject *news)
{
    Py_ssize_t n = PyList_GET_SIZE(news);
    for (Py_ssize_t i = 0; i < n; i++) {
        pairing->at[i].new_node = PyList_GET_ITEM(news, i);
    }
    for (int pass = -1; pass < 2; pass++) {
        for (Py_ssize_t i = 0; i < n; i++) {
            if (pairing->at[i].old_node == NULL &&
                find_old(m, &pairing->at[i], i, pass) < 0) {
                return -1;
            }
        }
    }
    pairing->count = n;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(m->olds); i++) {
        if (!m->taken[i]) {
            pairing->at[pairing->count++].old_node = PyList_GET_ITEM(m->olds, i);
        }
    }
    return 0;
}

int
rs_pairing_make(rs_pairing *pairing, PyObject *olds, PyObject *news)
{
    int result = -1;
    size_t n = (size_t)(PyList_GET_SIZE(olds) + PyList_GET_SIZE(news)) + 1;
    matching m = {olds, NULL, NULL, NULL, 0};
    pairing->count = 0;
    pairing->at = PyMem_Calloc(n, sizeof(rs_statement_pair));
    m.taken = PyMem_Calloc(n, 1);
    if (pairing->at == NULL || m.taken == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    m.old_hashes = hashes_of(olds);
    m.new_hashes = m.old_hashes != NULL ? hashes_of(news) : NULL;
    if (m.new_hashes != NULL) {
        result = match_all(&m, pairing, news);
    }
done:
    PyMem_Free(m.old_hashes);
    PyMem_Free(m.new_hashes);
    PyMem_Free(m.taken);
    return result;
}

void
rs_pairing_clear(rs_pairing *pairing)
{
    PyMem_Free(pairing->at);
    pairing->at = NULL;
    pairing->count = 0;
}
