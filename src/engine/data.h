/* data.h -- what happens to values that are neither functions nor classes.
 * Owns:     nothing; fills s->map.
 * Provides: rs_data_map, rs_data_decide, rs_data_is_new, rs_kind_of.
 * Depends:  session.h, match.h, body.h, importers.h.
 * Threads:  the GIL is held.
 * Invariants:
 *   D1  two values are found equal only if no user code is needed to tell.
 *   D2  an object is mapped to a live one only if everything that refers to it was made
 *       by this update, so that nobody else loses it ("One object").
 */
#ifndef RS_DATA_H
#define RS_DATA_H

#include "match.h"

typedef enum {
    RS_KIND_DEFINITION, /* function, class, or a wrapper of one, made by the new source */
    RS_KIND_BINDING,    /* somebody else's function, class, module or data */
    RS_KIND_DATA
} rs_kind;

typedef enum {
    RS_DATA_SAME,  /* nothing to do */
    RS_DATA_KEEP,  /* the live value stays, by policy */
    RS_DATA_BODY,  /* the live container takes the new contents */
    RS_DATA_REBIND /* the name takes the new value */
} rs_data_action;

/* What the new source binds to `name`. -1 on error. */
int rs_kind_of(rs_session *s, const rs_scope *scope, PyObject *name, PyObject *qualname,
               PyObject *donor);

/* Does a live value stand for code: a function, class, module or a wrapper of such? */
int rs_stands_for_code(const rs_session *s, const rs_scope *scope, PyObject *qualname,
                       PyObject *live);

/* Did the old source define or import the code that is live under the name? Then data that
 * takes the name is a change of kind; a callback that the program stored there is data.
 * 1, 0, -1. */
int rs_came_from_source(rs_session *s, const rs_scope *scope, PyObject *name,
                        PyObject *qualname, PyObject *live);

/* What the policy says of a data name that both sources have. -1 on error. */
int rs_data_decide(rs_session *s, const rs_scope *scope, PyObject *name,
                   PyObject *qualname, PyObject *live, PyObject *donor);

/* Was `op` made by this update, with nobody else referring to it? */
int rs_data_is_new(const rs_session *s, PyObject *op);

/* Maps new objects to the live ones that stay instead of them. After rs_match. */
int rs_data_map(rs_session *s);

/* Plans the containers that take new contents. 0 or -1. */
int rs_data_plan_bodies(rs_session *s);

#endif
