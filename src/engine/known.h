/* known.h -- the source that is live, as far as it is known.
 * Owns:     the entries of st->known: module name -> (weak reference to the module, code or
 *           None, source or None, pieces or None).
 *             code    what the module body was made by; None: an update took parts of it
 *             source  str: the text of what lives. bytes: what the recorder read beside an
 *                     import; believed when it compiles to `code`
 *             pieces  tuple of the code objects that live; None: the constants of `code`
 * Provides: rs_known_store, rs_known_remember, rs_known_text, rs_known_code,
 *           rs_known_pieces, rs_known_body, rs_known_source,
 *           rs_known_of_module, rs_source_known, rs_source_remember.
 * Depends:  session.h, loader.h, fits.h, graft.h, pyc.h.
 * Threads:  the updating thread; rs_known_store: any, under the GIL.
 * Invariants:
 *   Y1  code from a .pyc is believed only if live functions run it: the file may have been
 *       written by another process from a newer source.
 *   Y2  but for rs_known_guess text is believed only if it compiles to known code; where nothing was recorded, if
 *       functions and literals that live agree with it, and the .pyc does not contradict.
 */
#ifndef RS_KNOWN_H
#define RS_KNOWN_H

#include "session.h"

/* Makes the entry of `module`. Code, source and pieces may be NULL. 0 or -1. */
int rs_known_store(rs_state *st, PyObject *name, PyObject *module, PyObject *code,
                   PyObject *source, PyObject *pieces);

/* After an update that took parts of a source: `text` lives, with `pieces` (tuple of code
 * objects) in it. 0 or -1. */
int rs_known_remember(rs_state *st, const rs_unit *u, PyObject *text, PyObject *pieces);

/* The text that is live. For units that have been read (loader.h). *text is a new
 * reference; NULL: not known. Fills u->known_text. 0 or -1. */
int rs_known_text(rs_session *s, rs_unit *u, PyObject **text);

/* The text that the recorder read beside the import, decoded and not yet compared with the
 * code: whoever uses it does that for the parts that matter (select.c). Fills u->known_text
 * and sets u->guessed, if there is any. 0 or -1. */
int rs_known_guess(rs_session *s, rs_unit *u);

/* Its code as a whole, with the code objects that live. New reference; NULL without an
 * exception: not known. */
PyObject *rs_known_code(rs_session *s, const rs_unit *u);

/* The code objects that live, as far as they are known: a new tuple. */
PyObject *rs_known_pieces(rs_session *s, const rs_unit *u);

/* The code of the unit's body as an import or execute="all" has run it: borrowed, or NULL
 * without an exception. */
PyObject *rs_known_body(const rs_state *st, const rs_unit *u);

/* Bytes or text that `module` came from; nothing says that this is what lives. Borrowed, or
 * NULL without an exception. *recorded: is there an entry at all? */
PyObject *rs_known_source(const rs_state *st, PyObject *name, PyObject *module,
                          int *recorded);

/* (source, code) of a module, as its entry has them: a new tuple; None for what is not
 * known. NULL with an exception. */
PyObject *rs_known_of_module(const rs_state *st, PyObject *module);

/* u->known_code of all units; what s->base says of them is checked (RSL107: look at
 * s->refusals) and believed. 0 or -1. */
int rs_source_known(rs_session *s);

/* Once the update stands: what was compiled is now the source that is live. */
int rs_source_remember(rs_session *s);

/* The tuples of the unit's entry that refer to code objects: of its code, of its pieces;
 * borrowed, NULL: none. */
void rs_known_holders(const rs_state *st, const rs_unit *u, PyObject *lists[2]);

#endif
