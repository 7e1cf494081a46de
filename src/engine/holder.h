/* holder.h -- rewriting the references inside one object.
 * Owns:     nothing.
 * Provides: rs_holder_refs, rs_refcounts_*, rs_holder_rewrite, rs_holder_reclass,
 *           rs_holder_hashes_contents; for each other rs_rewrite_* and rs_holder_rebuild_*.
 * Depends:  session.h, journal.h, body.h, op.h.
 * Threads:  the GIL is held. See redirect.h for what may run Python code.
 * Invariants:
 *   R1  what tp_traverse reports is what there is: rewritten is only as many words or
 *       items as it reports, the rest is counted in `left`.
 *   R2  with a journal nothing changes now.
 */
#ifndef RS_HOLDER_H
#define RS_HOLDER_H

#include "session.h"

typedef struct {
    const rs_state *st;
    const rs_idmap *map;   /* from -> to */
    rs_journal *j;         /* NULL: at once */
    rs_idmap *rehash;      /* gets objects on which hashes depend; NULL: not wanted */
    const rs_idmap *moved; /* with a journal: objects that were put where another hash
                              than theirs leads; NULL: none */
    Py_ssize_t done;       /* references that were rewritten or planned */
    Py_ssize_t left;       /* that can't be */
} rs_rewrite;

/* How many references to keys of `map` the holder reports. */
Py_ssize_t rs_holder_refs(PyObject *holder, const rs_idmap *map);

/* How often each key of a map is referred to. */
typedef struct {
    const rs_idmap *targets;
    Py_ssize_t *n; /* for the entry of that number */
} rs_refcounts;

/* Room for all entries of `targets`, which doesn't grow meanwhile. 0 or -1. */
int rs_refcounts_init(rs_refcounts *counts, const rs_idmap *targets);
void rs_refcounts_clear(rs_refcounts *counts);
/* A visitproc: one more reference to `op`. */
int rs_refcounts_one(PyObject *op, void *counts);
/* All references that the holder reports. */
void rs_refcounts_add(rs_refcounts *counts, PyObject *holder);

/* All references in the contents of the holder. Bases of a class go through a setter, at
 * commit: without a journal classes are passed over. 0 or -1. */
int rs_holder_rewrite(rs_rewrite *r, PyObject *holder);

/* The class of the holder, if that is a key of the map. 0 or -1. */
int rs_holder_reclass(rs_rewrite *r, PyObject *holder);

/* Does the hash of `op` depend on what is in it? */
int rs_holder_hashes_contents(PyObject *op);

/* What `*slot` of the holder refers to, if it is a key of the map, is exchanged. The map
 * keeps the old object alive. 0 or -1. */
int rs_rewrite_slot(rs_rewrite *r, PyObject *holder, PyObject **slot);

/* items.c. Tuples, lists, dicts, sets, frozensets, deques and their subclasses: what they
 * contain, not their attributes. 0 or -1. */
int rs_is_container(const rs_state *st, PyObject *op);
int rs_rewrite_items(rs_rewrite *r, PyObject *container);

/* rebuild.c. Rebuilds a set, frozenset or dict that has keys of `map`, or keys that have
 * another hash than before, among its keys. `map` may be empty. At once. 0 or -1. */
int rs_holder_rebuild_set(PyObject *set, const rs_idmap *map);
int rs_holder_rebuild_dict(PyObject *dict, const rs_idmap *map);

static inline PyObject *
rs_mapped(const rs_idmap *map, PyObject *op)
{
    PyObject *to = op != NULL ? rs_idmap_get(map, op) : NULL;
    return to != NULL ? to : op;
}

#endif
