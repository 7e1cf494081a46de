/* logical.h -- where a logical line of Python source ends, without parsing it.
 * Owns:     nothing.
 * Provides: rs_logical_end, rs_newline_length.
 * Depends:  compat.h.
 * Threads:  any; calls nothing of Python.
 * Invariants:
 *   G1  strings, replacement fields of f-strings and t-strings, brackets, comments and
 *       continuations end where CPython's tokenizer ends them.
 *   G2  what that tokenizer would refuse is refused here, or stays inside of the line:
 *       parsing the line alone finds it.
 */
#ifndef RS_LOGICAL_H
#define RS_LOGICAL_H

#include "compat.h"

/* A place in source text. */
typedef struct {
    const char *text;
    Py_ssize_t size;
    Py_ssize_t pos;
    int line; /* 1-based; CR, LF and CRLF end a line, nothing else does */
} rs_place;

/* The bytes of the line end at `pos`: 0 (none is there), 1 or 2. */
static inline int
rs_newline_length(const rs_place *at)
{
    const char *text = at->text + at->pos;
    if (at->pos >= at->size || (*text != '\n' && *text != '\r')) {
        return 0;
    }
    return 1 + (*text == '\r' && at->pos + 1 < at->size && text[1] == '\n');
}

/* Moves `at` from the first token of a logical line to the line end behind its last one,
 * or to the end of the text. 1; 0: no valid source, or can't tell. */
int rs_logical_end(rs_place *at);

#endif
