/* chunks.h -- source text, cut into its top-level statements without parsing it.
 * Owns:     nothing.
 * Provides: rs_chunks_cut.
 * Depends:  logical.h.
 * Threads:  any; calls nothing of Python but PyMem (so: GIL held).
 * Invariants:
 *   C1  a chunk begins at the beginning of a line and, parsed alone, gives what the parser
 *       makes of these lines in the whole text: statements on one line are one chunk,
 *       decorators and the clauses else, elif, except and finally belong to theirs.
 *   C2  chunks don't overlap and are in order; between them are blank lines and comments
 *       only. So a text is valid syntax exactly if each of its chunks is.
 */
#ifndef RS_CHUNKS_H
#define RS_CHUNKS_H

#include "compat.h"

typedef struct {
    Py_ssize_t start,
        end;             /* byte offsets; a line end is left out, as are blank lines and
                              comments that follow the last token's line */
    int line, last_line; /* as the compiler counts them, 1-based */
} rs_chunk;

typedef struct {
    rs_chunk *at; /* PyMem_Free() it */
    Py_ssize_t count;
} rs_chunks;

/* Cuts UTF-8 text without byte order mark. 1: cut. 0: can't tell, or no valid source; then
 * the whole text has to be parsed. -1: MemoryError. `out` owns something only after 1. */
int rs_chunks_cut(const char *text, Py_ssize_t size, rs_chunks *out);

#endif
