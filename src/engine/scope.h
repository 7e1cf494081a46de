/* scope.h -- a namespace in which names are matched and planned: a module or a class.
 * Owns:     nothing.
 * Provides: rs_scope, rs_scope_qualname, rs_scope_is_special, rs_class_*.
 * Depends:  session.h, same.h.
 * Threads:  the GIL is held; runs no Python code.
 */
#ifndef RS_SCOPE_H
#define RS_SCOPE_H

#include "select.h"

/* All borrowed. */
typedef struct {
    rs_unit *unit;
    PyObject *live;           /* dict */
    PyObject *donor;          /* dict */
    PyTypeObject *live_type;  /* NULL: a module */
    PyTypeObject *donor_type; /* NULL: a module */
    PyObject *prefix;         /* qualified name of the class; NULL: a module */
} rs_scope;

rs_scope rs_scope_of_unit(rs_unit *u);
rs_scope rs_scope_of_class(rs_unit *u, PyObject *live, PyObject *donor);
/* A class of which parts ran (parts.h). It has no donor: donor_type is NULL. */
rs_scope rs_scope_of_shell(rs_unit *u, const rs_select_shell *shell);

/* "prefix.name" or name, as the source has it: a private name without the "_Class" that the
 * compiler put before it. New reference. */
PyObject *rs_scope_qualname(const rs_scope *scope, PyObject *name);

/* Names that follow rules of their own: the machinery of modules and classes, and the
 * settings of resoul. */
int rs_scope_is_special(const rs_scope *scope, PyObject *name);

int rs_is_dunder(PyObject *name);

/* Own namespace of a class (borrowed), and values in it. */
PyObject *rs_class_dict(const PyTypeObject *type);
PyObject *rs_class_get(const PyTypeObject *type, PyObject *name);
/* Is `type` a class that code of a module called `module` made? */
int rs_class_made_by(const rs_session *s, PyObject *type, PyObject *module);

#endif
