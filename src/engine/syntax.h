/* syntax.h -- statements as syntax trees: comparing them, and which names they use.
 * Owns:     nothing.
 * Provides: rs_ast_*, rs_syntax_same, rs_syntax_reads, rs_syntax_binds, rs_syntax_literal.
 * Depends:  compat.h, the modules `ast` and `builtins`.
 * Threads:  the GIL is held; runs Python code of the standard library only.
 * Invariants:
 *   S1  nodes are of the classes of `ast`, made by the parser: their attributes are owned
 *       by them, so that borrowed references are good as long as nobody sets them.
 *   S2  positions never count.
 */
#ifndef RS_SYNTAX_H
#define RS_SYNTAX_H

#include "compat.h"

/* Is it a node of that class? */
int rs_ast_is(PyObject *node, const char *type);
/* An attribute: borrowed; NULL with an exception. */
PyObject *rs_ast_get(PyObject *node, const char *name);
/* A list of nodes: borrowed. NULL with an exception. */
PyObject *rs_ast_list(PyObject *node, const char *name);
/* 1-based line of the node (of a definition: that of its first decorator), and its last
 * line; 0 if it has none. Never an exception. */
int rs_ast_line(PyObject *node);
int rs_ast_last_line(PyObject *node);

/* The statements of `text` (list, new reference) that begins on `line` of the file. NULL
 * with the exception of the parser. */
PyObject *rs_ast_parse(PyObject *text, int line, PyObject *filename);

/* Code of a module body made of `statements` (list). `flags`: compiler flags of
 * __future__ imports. New reference. */
PyObject *rs_ast_compile(PyObject *statements, PyObject *filename, int flags);

/* A new node: fields as for Py_BuildValue's "{s:O,...}" (stolen), at the place of `at`. */
PyObject *rs_ast_new(const char *type, PyObject *at, PyObject *fields);

/* The same syntax? 1, 0, -1. NULL equals only NULL. */
int rs_syntax_same(PyObject *a, PyObject *b);

/* The same, with bodies of functions left out (and `what`'s other parts that a function
 * is given by its code). 1, 0, -1. */
int rs_syntax_same_but_functions(PyObject *a, PyObject *b);

/* 1 and *delta if `b` is `a` (the same syntax) with all lines moved by *delta; 0 if its
 * inner lines moved otherwise; -1. */
int rs_syntax_shift(PyObject *a, PyObject *b, int *delta);

/* A hash that equal syntax shares. -1 with an exception. */
Py_hash_t rs_syntax_hash(PyObject *node);

/* reads.c. Adds the names that are read when the statement (or expression) is executed: not those
 * in bodies of functions, and in annotations only where they are evaluated. 0 or -1. */
int rs_syntax_reads(PyObject *node, int annotations, PyObject *set);

/* Adds the names that it binds or deletes in its own scope. 0 or -1. */
int rs_syntax_binds(PyObject *node, PyObject *set);

/* literals.c. The value of an expression that is a constant or a display of such (rule 8): 1 and
 * *value (new reference); 0: it is none; -1. */
int rs_syntax_literal(PyObject *expression, PyObject **value);

/* Calls visit(node, arg) for each node below `node`, itself included, until it returns a
 * value other than 0 (returned): 1 keeps out of the node's children and is not returned. */
typedef int (*rs_ast_visit)(PyObject *node, void *arg);
int rs_ast_walk(PyObject *node, rs_ast_visit visit, void *arg);
/* The same for what a field holds: a node, a list of nodes, or a value, which has none. */
int rs_ast_walk_value(PyObject *value, rs_ast_visit visit, void *arg);

#endif
