/* young.h -- what redirect.c and leftovers.c have in common: which young objects are
 * holders, and which are the donors' own parts.
 * Owns:     nothing that outlives the structure.
 * Provides: rs_young_open, rs_young_close, rs_weakrefs_collect,
 *           rs_weakref_registrations, rs_retarget_weakrefs, rs_rehash.
 * Depends:  session.h, heap.h, holder.h.
 * Threads:  the GIL is held.
 * Invariants:
 *   Y1  a donor's own parts (namespace, bases, mro, descriptors of its layout) and scratch
 *       namespaces are never rewritten: they go with the donor.
 */
#ifndef RS_YOUNG_H
#define RS_YOUNG_H

#include "heap.h"
#include "holder.h"

typedef struct {
    rs_session *s;
    rs_idmap map;   /* s->map; namespaces of donors, scratch namespaces, builtins */
    rs_idmap parts; /* not to be rewritten -> itself */
} rs_young;

/* 0 or -1; close it in any case. */
int rs_young_open(rs_young *young, rs_session *s);
void rs_young_close(rs_young *young);

/* 1 if `op` is one of the donors' own parts. */
int rs_young_is_part(const rs_young *young, PyObject *op);

/* weakrefs.c. Adds the weak references to donors that have to mean the live objects. 0 or
 * -1. */
int rs_weakrefs_collect(const rs_young *young, rs_idmap *refs);

/* How many bases that are not in `interval` know the class that `ref` means as a subclass:
 * by the plain reference that everybody shares. 0 for any other object. */
Py_ssize_t rs_weakref_registrations(PyObject *ref, const rs_idmap *interval);

/* Those of them that are not late.h's mean the live objects from now on. They are added to
 * `changed`: their hash is another now. 0 or -1. */
int rs_retarget_weakrefs(rs_young *young, rs_idmap *changed);

/* rehash.c. Sets and dicts that find the `changed` objects by hash are rebuilt. What has
 * a hash that depends on them is added. 0 or -1. */
int rs_rehash(rs_young *young, rs_idmap *changed);

#endif
