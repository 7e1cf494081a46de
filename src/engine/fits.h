/* fits.h -- is this the source of what lives?
 * Owns:     an rs_fit owns what it found until rs_fit_clear.
 * Provides: rs_fit_code, rs_fit_literals, rs_fit_clear.
 * Depends:  session.h, lookup.h, foreign.h, same.h, the module `ast`.
 * Threads:  the updating thread. Runs no Python code of the user.
 * Invariants:
 *   Q1  a function that was replaced, or that nothing leads to, says nothing.
 */
#ifndef RS_FITS_H
#define RS_FITS_H

#include "session.h"

typedef struct {
    Py_ssize_t functions; /* definitions in the source */
    Py_ssize_t equal; /* of these: live functions run them; and literals that live */
    PyObject *codes;  /* list: the live code objects that are equal */
    PyObject *other;  /* name of the first that lives and is different, or NULL */
    int line;         /* of that, in the source */
} rs_fit;

/* Compares the functions of module code with those that live, through decorators; line
 * numbers count. Where one name is defined several times, one of them has to live. 0 or
 * -1; to be called once for each `found`, which begins as zeros. */
int rs_fit_code(const rs_unit *u, PyObject *code, rs_fit *found);

/* Compares literals that the source binds to names of the module and of plain classes with
 * what these are. 0; -1 also if the source does not parse. */
int rs_fit_literals(const rs_unit *u, PyObject *text, rs_fit *found);

void rs_fit_clear(rs_fit *found);

#endif
