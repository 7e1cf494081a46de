#include "chunks.h"

#include <limits.h>
#include <string.h>

#include "logical.h"
#include "room.h"

typedef struct {
    rs_place at;
    rs_chunks *out;
    Py_ssize_t room;
    int decorated; /* the last logical line at column 0 was a decorator */
} cutter;

/* Moves over blank lines and comments to the first token of a logical line. *column: 0 if
 * it is not indented. *start: where its line begins. 0 at the end of the text. */
static int
next_line(rs_place *at, Py_ssize_t *start, int *column)
{
    *start = at->pos;
    *column = 0;
    while (at->pos < at->size) {
        char c = at->text[at->pos];
        int newline = rs_newline_length(at);
        if (c == '#') {
            while (at->pos < at->size && rs_newline_length(at) == 0) {
                at->pos++;
            }
        } else if (newline != 0) {
            at->pos += newline;
            at->line++;
            *start = at->pos;
            *column = 0;
        } else if (c == ' ' || c == '\t') {
            at->pos++;
            *column = 1;
        } else if (c == '\f') { /* sets the column back */
            at->pos++;
            *column = 0;
        } else {
            return 1;
        }
    }
    return 0;
}

static int
is_word(const rs_place *at, const char *word)
{
    size_t length = strlen(word);
    const char *text = at->text + at->pos;
    unsigned char next;
    if ((size_t)(at->size - at->pos) < length || memcmp(text, word, length) != 0) {
        return 0;
    }
    if ((size_t)(at->size - at->pos) == length) {
        return 1;
    }
    next = (unsigned char)text[length];
    return !(next >= 0x80 || next == '_' || (next >= '0' && next <= '9') ||
             (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z'));
}

/* A clause that goes on with the compound statement before it. All are keywords, so no
 * statement begins with them. */
static int
is_clause(const rs_place *at)
{
    return is_word(at, "else") || is_word(at, "elif") || is_word(at, "except") ||
           is_word(at, "finally");
}

static int
append(cutter *c, Py_ssize_t start)
{
    rs_chunks *out = c->out;
    rs_chunk *chunks = rs_room(out->at, out->count, &c->room, sizeof(rs_chunk));
    if (chunks == NULL) {
        return -1;
    }
    out->at = chunks;
    out->at[out->count++] = (rs_chunk){start, start, c->at.line, c->at.line};
    return 1;
}

/* One logical line: a new chunk, or more of the last one. 1, 0 or -1. */
static int
cut_line(cutter *c, Py_ssize_t start, int column)
{
    rs_chunk *last;
    int more = column != 0 || c->decorated || is_clause(&c->at);
    if (c->at.text[c->at.pos] == '\\') {
        return 0; /* the indentation is spread over lines */
    }
    if (more && c->out->count == 0) {
        return 0;
    }
    if (column == 0) {
        c->decorated = c->at.text[c->at.pos] == '@';
    }
    if (!more && append(c, start) < 0) {
        return -1;
    }
    if (!rs_logical_end(&c->at)) {
        return 0;
    }
    last = &c->out->at[c->out->count - 1];
    last->end = c->at.pos;
    last->last_line = c->at.line;
    if (c->at.text[last->end - 1] == '\n' || c->at.text[last->end - 1] == '\r') {
        last->end += rs_newline_length(&c->at); /* a backslash leads to an empty line */
    }
    return 1;
}

int
rs_chunks_cut(const char *text, Py_ssize_t size, rs_chunks *out)
{
    cutter c = {.at = {text, size, 0, 1}, .out = out};
    Py_ssize_t start;
    int column, result = 1;
    out->at = NULL;
    out->count = 0;
    if (size >= INT_MAX || memchr(text, '\0', (size_t)size) != NULL ||
        (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)) {
        return 0;
    }
    while (result == 1 && next_line(&c.at, &start, &column)) {
        result = cut_line(&c, start, column);
    }
    if (result != 1 || c.decorated) {
        PyMem_Free(out->at);
        out->at = NULL;
        out->count = 0;
        return result < 0 ? -1 : 0;
    }
    return 1;
}
