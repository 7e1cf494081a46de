/* probe.h -- the objects that a snippet's code gives to notes before it changes something.
 * Owns:     a probe: a reference to the session (for its whole life) and to a name.
 * Provides: rs_probe_type, rs_probe_mark, rs_probe_for.
 * Depends:  session.h, leaks.h.
 * Threads:  a probe may be reached by any thread at any time, also long after the update:
 *           then it does nothing.
 * Invariants:
 *   O1  `probe @ object` is `object`; it runs no code of the object's class.
 *   O2  no constant that a snippet writes itself is taken for a mark.
 */
#ifndef RS_PROBE_H
#define RS_PROBE_H

#include "leaks.h"
#include "session.h"

/* Type of probes, for st->Probe_Type. New reference. */
PyObject *rs_probe_type(PyObject *engine);

/* A constant that stands for a probe until there is code. `name` (str) may be NULL. New
 * reference. */
PyObject *rs_probe_mark(const rs_session *s, rs_note_kind kind, PyObject *name);

/* The probe that a constant stands for: new reference; NULL without an exception if it
 * stands for itself. */
PyObject *rs_probe_for(rs_session *s, PyObject *constant);

#endif
