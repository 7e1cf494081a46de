#include "cut.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "chunks.h"
#include "same.h"
#include "syntax.h"

/* ---- opening ---- */

static int
cut_whole(rs_cut *cut, PyObject *text)
{
    cut->at = PyMem_Calloc(1, sizeof(rs_cut_chunk));
    if (cut->at == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    cut->at[0] = (rs_cut_chunk){Py_NewRef(text), NULL, -1, 1, INT_MAX};
    cut->count = 1;
    return 0;
}

int
rs_cut_open(rs_cut *cut, PyObject *text, PyObject *filename)
{
    rs_chunks chunks = {NULL, 0};
    Py_ssize_t size;
    int result;
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, &size);
    *cut = (rs_cut){.filename = filename};
#ifdef RS_CHECKS
    if (getenv("RESOUL_WHOLE_CUT") != NULL) { /* tests compare with what that finds */
        return cut_whole(cut, text);
    }
#endif
    if (utf8 == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeError)) {
            return -1;
        }
        PyErr_Clear(); /* lone surrogates: the parser will say so */
        return cut_whole(cut, text);
    }
    result = rs_chunks_cut(utf8, size, &chunks);
    if (result <= 0) {
        return result < 0 ? -1 : cut_whole(cut, text);
    }
    cut->at = PyMem_Calloc((size_t)chunks.count + 1, sizeof(rs_cut_chunk));
    if (cut->at == NULL) {
        PyErr_NoMemory();
        result = -1;
    }
    for (Py_ssize_t i = 0; result > 0 && i < chunks.count; i++) {
        const rs_chunk *chunk = &chunks.at[i];
        PyObject *part = PyUnicode_DecodeUTF8(utf8 + chunk->start,
                                              chunk->end - chunk->start, NULL);
        if (part == NULL) {
            result = -1;
            break;
        }
        cut->at[i] = (rs_cut_chunk){part, NULL, -1, chunk->line, chunk->last_line};
        cut->count++;
    }
    PyMem_Free(chunks.at);
    return result < 0 ? -1 : 0;
}

void
rs_cut_clear(rs_cut *cut)
{
    for (Py_ssize_t i = 0; i < cut->count; i++) {
        Py_CLEAR(cut->at[i].text);
        Py_CLEAR(cut->at[i].nodes);
    }
    PyMem_Free(cut->at);
    cut->at = NULL;
    cut->count = 0;
    Py_CLEAR(cut->binders);
}

PyObject *
rs_cut_nodes(rs_cut *cut, Py_ssize_t number)
{
    rs_cut_chunk *chunk = &cut->at[number];
    if (chunk->nodes == NULL) {
        chunk->nodes = rs_ast_parse(chunk->text, chunk->line, cut->filename);
    }
    return chunk->nodes;
}

/* ---- many chunks at once ---- */

/* It is read by itself: known already, or matched, or its end is not on its last line, or
 * not known, as of a text that could not be cut. */
static int
is_apart(const rs_cut_chunk *chunk)
{
    Py_ssize_t n = PyUnicode_GET_LENGTH(chunk->text);
    Py_UCS4 last = n > 0 ? PyUnicode_READ_CHAR(chunk->text, n - 1) : '\n';
    return chunk->partner >= 0 || chunk->nodes != NULL || last == '\n' ||
           last == '\r' || chunk->last_line == INT_MAX;
}

/* The chunks that have no partner, each where it is in the file, and nothing between them: a
 * new str, or NULL. */
static PyObject *
join_changed(const rs_cut *cut)
{
    int line = 1, failed;
    /* owned */
    PyObject *result = NULL, *parts = PyList_New(0);
    PyObject *newline = PyUnicode_FromString("\n"), *nothing = PyUnicode_New(0, 0);
    failed = parts == NULL || newline == NULL || nothing == NULL;
    for (Py_ssize_t i = 0; !failed && i < cut->count; i++) {
        const rs_cut_chunk *chunk = &cut->at[i];
        PyObject *lines;
        if (is_apart(chunk)) {
            continue;
        }
        lines = PySequence_Repeat(newline, chunk->line - line);
        failed = lines == NULL || PyList_Append(parts, lines) < 0 ||
                 PyList_Append(parts, chunk->text) < 0 ||
                 PyList_Append(parts, newline) < 0;
        Py_XDECREF(lines);
        line = chunk->last_line + 1;
    }
    if (!failed) {
        result = PyUnicode_Join(nothing, parts);
    }
    Py_XDECREF(parts);
    Py_XDECREF(newline);
    Py_XDECREF(nothing);
    return result;
}

/* Gives each chunk that took part its statements: they go by lines. */
static int
deal_out(rs_cut *cut, PyObject *statements)
{
    Py_ssize_t next = 0, n = PyList_GET_SIZE(statements);
    for (Py_ssize_t i = 0; i < cut->count; i++) {
        rs_cut_chunk *chunk = &cut->at[i];
        Py_ssize_t first = next;
        if (is_apart(chunk)) {
            continue;
        }
        while (next < n) {
            int line = rs_ast_line(PyList_GET_ITEM(statements, next));
            if (line == 0) { /* no memory to ask for it */
                PyErr_NoMemory();
                return -1;
            }
            if (line > chunk->last_line) {
                break;
            }
            next++;
        }
        chunk->nodes = PyList_GetSlice(statements, first, next);
        if (chunk->nodes == NULL) {
            return -1;
        }
    }
    return 0;
}

int
rs_cut_parse_changed(rs_cut *cut)
{
    Py_ssize_t n = 0;
    PyObject *statements, *text;
    int result;
    for (Py_ssize_t i = 0; i < cut->count; i++) {
        n += !is_apart(&cut->at[i]);
    }
    if (n < 2) {
        return 0;
    }
    text = join_changed(cut);
    if (text == NULL) {
        return -1;
    }
    statements = rs_ast_parse(text, 1, cut->filename);
    Py_DECREF(text);
    if (statements == NULL) {
        return -1;
    }
    result = deal_out(cut, statements);
    Py_DECREF(statements);
    return result;
}

/* ---- matching ---- */

/* Text -> list of numbers of the old chunks, the last one first. */
static PyObject *
index_texts(const rs_cut *cut)
{
    PyObject *index = PyDict_New();
    for (Py_ssize_t i = cut->count - 1; index != NULL && i >= 0; i--) {
        PyObject *number = PyLong_FromSsize_t(i);
        PyObject *list = PyDict_GetItemWithError(index, cut->at[i].text);
        int result = number == NULL || PyErr_Occurred() ? -1 : 0;
        if (result == 0 && list == NULL) {
            PyObject *fresh = PyList_New(0);
            result = fresh != NULL ? PyDict_SetItem(index, cut->at[i].text, fresh) : -1;
            Py_XDECREF(fresh);
            list = fresh;
        }
        if (result == 0) {
            result = PyList_Append(list, number);
        }
        Py_XDECREF(number);
        if (result < 0) {
            Py_CLEAR(index);
        }
    }
    return index;
}

int
rs_cut_match(rs_cut *olds, rs_cut *news)
{
    PyObject *index = index_texts(olds);
    if (index == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < news->count; i++) {
        Py_ssize_t number, n;
        PyObject *list = PyDict_GetItemWithError(index, news->at[i].text);
        n = list != NULL ? PyList_GET_SIZE(list) : 0;
        if (n == 0) {
            continue;
        }
        number = PyLong_AsSsize_t(PyList_GET_ITEM(list, n - 1));
        if (PyList_SetSlice(list, n - 1, n, NULL) < 0) {
            break;
        }
        news->at[i].partner = number;
        olds->at[number].partner = i;
    }
    Py_DECREF(index);
    return PyErr_Occurred() ? -1 : 0;
}

/* ---- words ---- */

static int
is_word_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c >= 0x80;
}

/* Calls visit for each word of text[0:size] until it returns other than 0. */
static int
for_each_word(const char *text, Py_ssize_t size,
              int (*visit)(const char *word, Py_ssize_t length, void *arg), void *arg)
{
    int result = 0;
    for (Py_ssize_t i = 0; result == 0 && i < size; i++) {
        Py_ssize_t start = i;
        while (i < size && is_word_char((unsigned char)text[i])) {
            i++;
        }
        if (i > start) {
            result = visit(text + start, i - start, arg);
        }
    }
    return result;
}

static int
is_in_set(const char *word, Py_ssize_t length, void *arg)
{
    int result;
    PyObject *text = PyUnicode_DecodeUTF8(word, length, "replace");
    if (text == NULL) {
        return -1;
    }
    result = PySet_Contains(arg, text);
    Py_DECREF(text);
    return result;
}

int
rs_cut_mentions(const rs_cut *cut, Py_ssize_t number, PyObject *words)
{
    Py_ssize_t size;
    PyObject *text = cut->at[number].text;
    const char *utf8;
    if (PySet_GET_SIZE(words) == 0) {
        return 0;
    }
    if (!PyUnicode_IS_ASCII(text)) {
        return 1; /* identifiers may be written in several ways */
    }
    utf8 = PyUnicode_AsUTF8AndSize(text, &size);
    return utf8 == NULL ? -1 : for_each_word(utf8, size, is_in_set, words);
}

static int
starts_with(PyObject *text, const char *word)
{
    size_t n = strlen(word);
    const char *utf8 = PyUnicode_AsUTF8(text);
    if (utf8 == NULL) {
        PyErr_Clear(); /* texts that can't be encoded are one chunk */
        return 0;
    }
    return strncmp(utf8, word, n) == 0 && !is_word_char((unsigned char)utf8[n]);
}

int
rs_cut_is_definition(const rs_cut *cut, Py_ssize_t number)
{
    PyObject *text = cut->at[number].text;
    return starts_with(text, "def") || starts_with(text, "class") ||
           starts_with(text, "async def") || PyUnicode_READ_CHAR(text, 0) == '@';
}

/* How much of the chunk can bind names of the module: of a definition its head, of an
 * assignment what stands before the last "=" outside of brackets is in the first line. */
static Py_ssize_t
head_length(const rs_cut *cut, Py_ssize_t number, const char *text, Py_ssize_t size)
{
    static const char *const blocks[] = {"if",    "try",  "for",    "while",  "with",
                                         "match", "del",  "global", "import", "from",
                                         "async", "type", NULL};
    const char *end;
    if (rs_cut_is_definition(cut, number) && text[0] != '@') {
        end = memchr(text, '\n', (size_t)size);
        return end != NULL ? end - text : size;
    }
    if (text[0] == '@') {
        return size;
    }
    for (int i = 0; blocks[i] != NULL; i++) {
        if (starts_with(cut->at[number].text, blocks[i])) {
            return size;
        }
    }
    end = memchr(text, '=', (size_t)size);
    if (end == NULL || memchr(text, ';', (size_t)size) != NULL ||
        memchr(end + 1, '=', (size_t)(text + size - end - 1)) != NULL) {
        return size;
    }
    return end - text;
}

typedef struct {
    PyObject *index, *number;
} indexing;

static int
index_word(const char *word, Py_ssize_t length, void *arg)
{
    indexing *to = arg;
    int result = -1;
    PyObject *list, *key = PyUnicode_DecodeUTF8(word, length, "replace");
    if (key == NULL) {
        return -1;
    }
    list = PyDict_GetItemWithError(to->index, key);
    if (list == NULL && !PyErr_Occurred()) {
        list = PyList_New(0);
        if (list != NULL && PyDict_SetItem(to->index, key, list) == 0) {
            result = PyList_Append(list, to->number);
        }
        Py_XDECREF(list);
    } else if (list != NULL) {
        Py_ssize_t n = PyList_GET_SIZE(list);
        result = n > 0 && PyList_GET_ITEM(list, n - 1) == to->number
                     ? 0
                     : PyList_Append(list, to->number);
    }
    Py_DECREF(key);
    return result;
}

static int
make_index(rs_cut *cut)
{
    indexing to = {PyDict_New(), NULL};
    int result = to.index != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < cut->count; i++) {
        Py_ssize_t size;
        const char *utf8 = PyUnicode_AsUTF8AndSize(cut->at[i].text, &size);
        to.number = utf8 != NULL ? PyLong_FromSsize_t(i) : NULL;
        if (to.number == NULL) {
            result = -1;
            break;
        }
        result = for_each_word(utf8, head_length(cut, i, utf8, size), index_word, &to);
        Py_DECREF(to.number);
    }
    if (result < 0) {
        Py_CLEAR(to.index);
    }
    cut->binders = to.index;
    return result;
}

static int
add_binders(PyObject *nodes, PyObject *name, PyObject *but, PyObject *list)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(nodes); i++) {
        PyObject *node = PyList_GET_ITEM(nodes, i), *set;
        int found;
        if (node == but) {
            continue;
        }
        set = PySet_New(NULL);
        found = set != NULL && rs_syntax_binds(node, set) == 0
                    ? PySet_Contains(set, name)
                    : -1;
        Py_XDECREF(set);
        if (found < 0 || (found && PyList_Append(list, node) < 0)) {
            return -1;
        }
    }
    return 0;
}

static int
find_binders(rs_cut *cut, PyObject *name, PyObject *but, int only_changed,
             PyObject *list)
{
    PyObject *numbers;
    if (cut->binders == NULL && make_index(cut) < 0) {
        return -1;
    }
    numbers = PyDict_GetItemWithError(cut->binders, name);
    for (Py_ssize_t i = 0; numbers != NULL && i < PyList_GET_SIZE(numbers); i++) {
        Py_ssize_t number = PyLong_AsSsize_t(PyList_GET_ITEM(numbers, i));
        PyObject *nodes;
        if (only_changed &&
            (cut->at[number].partner >= 0 || !rs_cut_is_named(cut, number))) {
            continue;
        }
        nodes = rs_cut_nodes(cut, number);
        if (nodes == NULL || add_binders(nodes, name, but, list) < 0) {
            return -1;
        }
    }
    return PyErr_Occurred() ? -1 : 0;
}

int
rs_cut_find_binders(rs_cut *cut, PyObject *name, PyObject *but, PyObject *list)
{
    return find_binders(cut, name, but, 0, list);
}

/* A text that could not be cut is no single statement, and identifiers that are not ASCII
 * may be written in several ways. */
int
rs_cut_is_named(const rs_cut *cut, Py_ssize_t number)
{
    Py_ssize_t size, head;
    const char *text;
    if (cut->count < 2 || !rs_cut_is_definition(cut, number)) {
        return 0;
    }
    text = PyUnicode_AsUTF8AndSize(cut->at[number].text, &size);
    if (text == NULL) {
        PyErr_Clear(); /* texts that can't be encoded are one chunk */
        return 0;
    }
    head = head_length(cut, number, text, size);
    for (Py_ssize_t i = 0; i < head; i++) {
        if ((unsigned char)text[i] >= 0x80) {
            return 0;
        }
    }
    return 1;
}

int
rs_cut_find_changed(rs_cut *cut, PyObject *name, PyObject *list)
{
    return find_binders(cut, name, NULL, 1, list);
}
