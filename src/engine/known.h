/* known.h -- the code of the source that is live, as far as it is known.
 * Owns:     st->known: module name -> (weak reference to the module, code object).
 * Provides: rs_source_known, rs_source_remember.
 * Depends:  session.h, lookup.h.
 * Threads:  the updating thread. Runs Python code of importlib only.
 * Invariants:
 *   Y1  code from a .pyc is believed only if live functions run it: the file may have been
 *       written by another process from a newer source.
 */
#ifndef RS_KNOWN_H
#define RS_KNOWN_H

#include "session.h"

/* u->known_code: code of the source that is live, from an earlier update or from the
 * .pyc; NULL: not known. 0, or -1 with an exception. */
int rs_source_known(rs_session *s);

/* After the commit: what was compiled is now the source that is live. */
int rs_source_remember(rs_session *s);

#endif
