/* base.h -- base=: the caller says what the old source was.
 * Owns:     nothing.
 * Provides: rs_base_believe.
 * Depends:  session.h, known.h, fits.h, graft.h, loader.h.
 * Threads:  the updating thread.
 * Invariants:
 *   O1  a source is believed only if nothing that lives contradicts: known code, or a
 *       function that runs other code.
 */
#ifndef RS_BASE_H
#define RS_BASE_H

#include "session.h"

/* Enters what s->base says into st->known, where it fits what lives; RSL107 in s->refusals
 * where it doesn't. For units that have been read. 0 or -1. */
int rs_base_believe(rs_session *s);

#endif
