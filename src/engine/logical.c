#include "logical.h"

/* CPython's tokenizer has room for 200 brackets. */
#define MAX_DEPTH 200

/* What is open around a place. Text is read as an f-string in FSTRING and SPEC, as code
 * everywhere else. */
typedef enum {
    BRACKET, /* ( [ {, see `close` */
    FSTRING, /* the text of an f-string or t-string */
    FIELD,   /* its {expression} */
    SPEC     /* what follows the colon in that: text again, to the same `}` */
} open_kind;

typedef struct {
    open_kind kind;
    char close; /* the bracket that closes it */
    char quote; /* FSTRING, FIELD, SPEC: of the string around */
    int triple, raw;
} open_thing;

typedef struct {
    rs_place *at;
    int depth;
    open_thing open[MAX_DEPTH];
} scanner;

static int
push(scanner *s, open_thing thing)
{
    if (s->depth == MAX_DEPTH) {
        return 0;
    }
    s->open[s->depth++] = thing;
    return 1;
}

static int
take_newline(rs_place *at)
{
    int length = rs_newline_length(at);
    at->pos += length;
    at->line += length != 0;
    return length != 0;
}

/* The byte `ahead` of the place; 0 behind the end. */
static char
peek(const rs_place *at, Py_ssize_t ahead)
{
    return at->pos + ahead < at->size ? at->text[at->pos + ahead] : '\0';
}

/* What a backslash in a string escapes; a line end counts as one character. */
static void
skip_escaped(rs_place *at)
{
    if (!take_newline(at)) {
        at->pos++;
    }
}

/* From the quote on to behind the string. */
static int
skip_string(rs_place *at)
{
    char quote = peek(at, 0);
    int triple = peek(at, 1) == quote && peek(at, 2) == quote;
    int found = 0, wanted = triple ? 3 : 1;
    at->pos += wanted;
    while (at->pos < at->size) {
        char c = at->text[at->pos];
        if (c == quote) {
            at->pos++;
            if (++found == wanted) {
                return 1;
            }
            continue;
        }
        found = 0;
        if (c == '\\') {
            at->pos++;
            skip_escaped(at);
        } else if (!take_newline(at)) {
            at->pos++;
        } else if (!triple) {
            return 0;
        }
    }
    return 0;
}

static int
open_fstring(scanner *s, int raw)
{
    char quote = peek(s->at, 0);
    int triple = peek(s->at, 1) == quote && peek(s->at, 2) == quote;
    open_thing string = {FSTRING, '\0', quote, triple, raw};
    s->at->pos += triple ? 3 : 1;
    return push(s, string);
}

/* Behind `\N` in the text of an f-string: `{NAME}`, if it is one. */
static int
skip_character_name(rs_place *at)
{
    if (peek(at, 0) != '{') {
        return 1;
    }
    at->pos++;
    for (; at->pos < at->size; at->pos++) {
        switch (at->text[at->pos]) {
        case '}':
            at->pos++;
            return 1;
        case '\'':
        case '"':
        case '{':
        case '\\':
        case '\r':
        case '\n':
            return 0;
        default:
            break;
        }
    }
    return 0;
}

/* A backslash in the text of an f-string never escapes a brace. */
static int
skip_escape(rs_place *at, int raw)
{
    char c;
    at->pos++;
    c = peek(at, 0);
    if (c == '{' || c == '}') {
        return 1;
    }
    skip_escaped(at);
    return raw || c != 'N' ? 1 : skip_character_name(at);
}

/* `{` in the text of an f-string. CPython 3.12 and later differ on `{{` in a format
 * specification. */
static int
open_brace(scanner *s, const open_thing *string)
{
    open_thing field = {FIELD, '}', string->quote, string->triple, string->raw};
    if (peek(s->at, 1) != '{') {
        s->at->pos++;
        return push(s, field);
    }
    s->at->pos += 2;
    return string->kind == FSTRING;
}

static int
close_brace(scanner *s, const open_thing *string)
{
    if (string->kind == SPEC) {
        s->at->pos++;
        s->depth--;
        return 1;
    }
    s->at->pos += 2;
    return peek(s->at, -1) == '}';
}

/* The text of an f-string or of a format specification, up to code or to its end. */
static int
skip_text(scanner *s)
{
    rs_place *at = s->at;
    const open_thing *string = &s->open[s->depth - 1];
    int found = 0, wanted = string->triple ? 3 : 1;
    while (at->pos < at->size) {
        char c = at->text[at->pos];
        if (c == string->quote) {
            at->pos++;
            if (++found == wanted) {
                s->depth--;
                return string->kind == FSTRING;
            }
            continue;
        }
        found = 0;
        if (c == '{') {
            return open_brace(s, string);
        }
        if (c == '}') {
            return close_brace(s, string);
        }
        if (c == '\\') {
            if (!skip_escape(at, string->raw)) {
                return 0;
            }
        } else if (!take_newline(at)) {
            at->pos++;
        } else if (!string->triple) {
            return 0;
        }
    }
    return 0;
}

static int
is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || (unsigned char)c >= 0x80;
}

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* What stands before a quote: 'b', 'u', 'r', 'f' (t-strings are built alike), or 0 if it
 * is no prefix, but a keyword or a name. */
static char
prefix_kind(const char *word, Py_ssize_t length, int *raw)
{
    char first = lower(word[0]), second = length > 1 ? lower(word[1]) : '\0';
    *raw = first == 'r' || second == 'r';
    if (length > 2 || (length == 2 && (*raw == 0 || first == second))) {
        return '\0';
    }
    if (first == 'r' && length == 2) {
        first = second;
    }
    switch (first) {
    case 'b':
    case 'r':
        return first;
    case 'u':
        return length == 1 ? 'u' : '\0';
    case 'f':
    case 't':
        return 'f';
    default:
        return '\0';
    }
}

/* A name, keyword or number, and the string whose prefix it is. */
static int
skip_word(scanner *s)
{
    rs_place *at = s->at;
    Py_ssize_t start = at->pos;
    int raw;
    while (at->pos < at->size && is_name_byte(at->text[at->pos])) {
        at->pos++;
    }
    if (peek(at, 0) != '"' && peek(at, 0) != '\'') {
        return 1;
    }
    if (prefix_kind(at->text + start, at->pos - start, &raw) == 'f') {
        return open_fstring(s, raw);
    }
    return skip_string(at);
}

static int
open_bracket(scanner *s, char c)
{
    open_thing bracket = {BRACKET, c == '(' ? ')' : c == '[' ? ']' : '}', '\0', 0, 0};
    s->at->pos++;
    return push(s, bracket);
}

static int
close_bracket(scanner *s, char c)
{
    if (s->depth == 0 || s->open[s->depth - 1].close != c) {
        return 0;
    }
    s->depth--;
    s->at->pos++;
    return 1;
}

static void
skip_comment(rs_place *at)
{
    while (at->pos < at->size && rs_newline_length(at) == 0) {
        at->pos++;
    }
}

static int
skip_continuation(rs_place *at)
{
    at->pos++;
    return take_newline(at) && at->pos < at->size;
}

/* One token of code, or white space. */
static int
skip_code(scanner *s, char c)
{
    switch (c) {
    case '#':
        skip_comment(s->at);
        return 1;
    case '\\':
        return skip_continuation(s->at);
    case '"':
    case '\'':
        return skip_string(s->at);
    case '(':
    case '[':
    case '{':
        return open_bracket(s, c);
    case ')':
    case ']':
    case '}':
        return close_bracket(s, c);
    case ':':
        if (s->depth > 0 && s->open[s->depth - 1].kind == FIELD) {
            s->open[s->depth - 1].kind = SPEC;
        }
        break;
    case '\0':
        return 0;
    default:
        if (is_name_byte(c)) {
            return skip_word(s);
        }
        break;
    }
    s->at->pos++;
    return 1;
}

int
rs_logical_end(rs_place *at)
{
    scanner s;
    s.at = at;
    s.depth = 0;
    while (at->pos < at->size) {
        if (s.depth > 0 &&
            (s.open[s.depth - 1].kind == FSTRING || s.open[s.depth - 1].kind == SPEC)) {
            if (!skip_text(&s)) {
                return 0;
            }
        } else if (rs_newline_length(at) != 0) {
            if (s.depth == 0) {
                return 1;
            }
            take_newline(at);
        } else if (!skip_code(&s, at->text[at->pos])) {
            return 0;
        }
    }
    return s.depth == 0;
}
