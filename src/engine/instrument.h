/* instrument.h -- the code of a hotfix snippet, twice: as it is, and with probes in it.
 * Owns:     nothing.
 * Provides: rs_instrument, rs_instrument_compile, rs_instrumented_clear,
 *           rs_without_probes.
 * Depends:  session.h, syntax.h, probing.h (where probes are), probe.h (what they do).
 * Threads:  the updating thread.
 * Invariants:
 *   N2  both codes have the same code objects nested in them, at the same places: each with
 *       probes answers to one without.
 *   N3  what lives after the update runs the code without probes; but for generators,
 *       coroutines and threads of the snippet that have not ended: their probes do nothing.
 */
#ifndef RS_INSTRUMENT_H
#define RS_INSTRUMENT_H

#include "session.h"

typedef struct {
    PyObject *tree;   /* list of statements, as parsed; not changed */
    PyObject *clean;  /* code */
    PyObject *probed; /* the same with probes */
    rs_idmap twins;   /* code with probes -> code without, all nested ones too */
    rs_idmap own; /* code of the snippet: all of these, and what is compiled later */
} rs_instrumented;

/* Parses and compiles `text`. `inside`: as the body of a function, so that names which it
 * doesn't bind are those of the namespace that the function is given. 0, or -1 with
 * SyntaxError or another exception. */
int rs_instrument(rs_session *s, PyObject *text, PyObject *filename, int inside,
                  rs_instrumented *result);

/* `statements`, compiled like the snippet. New reference. */
PyObject *rs_instrument_compile(rs_session *s, PyObject *statements, PyObject *filename,
                                int inside);

void rs_instrumented_clear(rs_instrumented *code);

/* Code that `code` is with probes in it: borrowed; NULL if it has none. */
static inline PyObject *
rs_without_probes(const rs_instrumented *in, PyObject *code)
{
    return rs_idmap_get(&in->twins, code);
}

#endif
