/* builtins.h -- the builtins of scratch namespaces, and what they read instead of theirs.
 * Owns:     an instance has a strong reference to its session and to the real builtins.
 * Provides: rs_builtins_type, rs_builtins_new.
 * Depends:  session.h.
 * Threads:  any thread may look names up, GIL held.
 * Invariants:
 *   U1  a name that a scratch namespace does not bind reads as the live one, then as a
 *       builtin: `try: CACHE` / `except NameError: CACHE = {}` keeps what lives.
 *   U2  after the session it is a plain copy of the builtins with forwarding hooks.
 */
#ifndef RS_BUILTINS_H
#define RS_BUILTINS_H

#include "session.h"

/* The type, for st->Builtins_Type. New reference. */
PyObject *rs_builtins_type(void);

/* A dict with the contents of `real`. New reference. */
PyObject *rs_builtins_new(rs_session *s, PyObject *real);

#endif
