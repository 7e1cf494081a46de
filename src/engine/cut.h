/* cut.h -- a source as a list of top-level statements, parsed one by one when needed.
 * Owns:     its texts, trees and index.
 * Provides: rs_cut_*.
 * Depends:  chunks.h, syntax.h.
 * Threads:  the GIL is held; runs Python code of the standard library (the parser).
 * Invariants:
 *   U1  a chunk is parsed at most once.
 */
#ifndef RS_CUT_H
#define RS_CUT_H

#include "compat.h"

typedef struct {
    PyObject *text;     /* str, owned */
    PyObject *nodes;    /* list of statements, owned, or NULL: not parsed */
    Py_ssize_t partner; /* chunk of the same text in the other source, or -1 */
    int line, last_line;
} rs_cut_chunk;

typedef struct {
    PyObject *filename; /* borrowed */
    rs_cut_chunk *at;
    Py_ssize_t count;
    PyObject *binders; /* dict: word -> list of chunks that may bind it, or NULL */
} rs_cut;

/* Cuts `text`; what can't be cut is one chunk. 0 or -1; rs_cut_clear in any case. */
int rs_cut_open(rs_cut *cut, PyObject *text, PyObject *filename);
void rs_cut_clear(rs_cut *cut);

/* Sets the partners: the same texts, first come first served. 0 or -1. */
int rs_cut_match(rs_cut *olds, rs_cut *news);

/* The statements of a chunk: borrowed list; NULL with an exception. */
PyObject *rs_cut_nodes(rs_cut *cut, Py_ssize_t number);

/* Parses what has no partner in one go: a chunk by itself costs a line of blank text for each
 * line before it. 0 or -1. */
int rs_cut_parse_changed(rs_cut *cut);

/* Does the chunk define a function or class? */
int rs_cut_is_definition(const rs_cut *cut, Py_ssize_t number);

/* Appends to `list` the statements that bind `name`, in order, except `but`. 0 or -1. */
int rs_cut_find_binders(rs_cut *cut, PyObject *name, PyObject *but, PyObject *list);

/* Is the chunk a definition that rs_cut_find_changed can find by its name? */
int rs_cut_is_named(const rs_cut *cut, Py_ssize_t number);

/* The same of such definitions that have no partner. 0 or -1. */
int rs_cut_find_changed(rs_cut *cut, PyObject *name, PyObject *list);

/* Is one of the words (a set of str) in the text? Quick; 1 for texts that are not ASCII.
 * 1, 0, -1. */
int rs_cut_mentions(const rs_cut *cut, Py_ssize_t number, PyObject *words);

#endif
