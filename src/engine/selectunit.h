/* selectunit.h -- the steps of selecting in one module.
 * Owns:     nothing; a rs_unit_work belongs to select.c.
 * Provides: rs_unit_follow_others, rs_unit_match, rs_unit_collect, rs_unit_find_forced,
 *           rs_unit_look_again, rs_unit_check_order, rs_unit_warn,
 *           rs_unit_tell_imports, rs_unit_compile.
 * Depends:  selecting.h, cut.h.
 * Threads:  the GIL is held.
 */
#ifndef RS_SELECTUNIT_H
#define RS_SELECTUNIT_H

#include "selecting.h"

/* Owned. */
typedef struct {
    rs_cut olds, news;
    PyObject *old_nodes, *new_nodes; /* lists: statements in chunks without a partner */
    PyObject *forced; /* set of names that somebody wants evaluated again, or NULL */
} rs_unit_work;

/* selectlook.c. Adds to `rebound` what other updated modules rebound, and this one has
 * under the same name. 0 or -1. */
int rs_unit_follow_others(rs_session *s, rs_unit *u, PyObject *rebound);
/* selectcode.c. Matches chunks of the same text, unless imports from __future__ differ,
 * and reads the compiler's flags. 0 or -1. */
int rs_unit_match(rs_cut *olds, rs_cut *news, rs_selection *sel);
/* selectlook.c. Fills the lists, and notes what only moves. 0 or -1. */
int rs_unit_collect(rs_unit_work *w, rs_selection *sel);
/* w->forced. 0 or -1. */
int rs_unit_find_forced(rs_selecting *c, rs_unit_work *w);
/* Statements whose text is the same: definitions that read what is rebound, and what is
 * named, run. 0 or -1. */
int rs_unit_look_again(rs_selecting *c, rs_unit_work *w);
/* selectorder.c. RSL108: what runs reads a name that is rebound or deleted later in the body
 * (rule 4). 0 or -1. */
int rs_unit_check_order(rs_selecting *c, rs_unit_work *w);
/* RSL611: do unchanged statements use what changed? 0 or -1. */
int rs_unit_warn(rs_selecting *c, rs_unit_work *w);
/* selectimports.c. Adds to the body, unreached, an import of the names that it uses and
 * the source imports. 0 or -1. */
int rs_unit_tell_imports(rs_cut *cut, PyObject *body);
/* selectcode.c. u->code, u->known_code, u->effects and the pieces. 1: done; 0: u->known_text
 * is not what lives; -1. */
int rs_unit_compile(rs_session *s, rs_unit *u, rs_unit_work *w);

#endif
