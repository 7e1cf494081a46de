/* codes.h -- which code object of the new source answers to which of the old.
 * Owns:     s->codes: a note on each old code object.
 * Provides: rs_codes_pair, rs_codes_pair_known, rs_codes_alias, rs_codes_lose,
 *           rs_codes_same_defaults,
 *           rs_codes_count, rs_codes_find, rs_codes_at, rs_codes_note, rs_codes_clear. Fills s->old_codes with what was paired.
 * Depends:  session.h, children.h, roles.h, same.h.
 * Threads:  the GIL is held. Pairing may run Python code of the standard library (`dis`).
 * Invariants (rs_codes_check asserts them):
 *   C1  code of one name answers only to code of the same name.
 *   C2  the first pair that is made for an old code stands, and s->old_codes has it.
 */
#ifndef RS_CODES_H
#define RS_CODES_H

#include "roles.h"
#include "session.h"

typedef enum {
    RS_CODE_LOST_GONE,      /* the new source has nothing of that name there */
    RS_CODE_LOST_AMBIGUOUS, /* it has, but nobody can tell which it is */
    RS_CODE_PAIRED
} rs_code_fate;

/* What is known of one old code object. */
typedef struct {
    PyObject *code;     /* borrowed from the index */
    PyObject *new_code; /* borrowed from s->old_codes; NULL unless paired */
    rs_code_fate fate;
    int relation;       /* rs_code_relation to new_code */
    int inner;          /* functions make it: more may run it at any time */
    int matched;        /* rs_codes_pair named it: the journal may refer to it */
    int expanded;       /* what is nested in it has been paired */
    Py_ssize_t refs;    /* references to it when it was first met */
    Py_ssize_t parents; /* of these: from the constants of other old code */
    PyObject
        *old_defaults; /* roles.h; NULL: nobody asked, because the code that makes */
    PyObject *new_defaults; /* these functions is the same or was not looked into */
    PyObject *new_kwdefaults;
    Py_ssize_t updated; /* nested.c: live functions that get new_code */
    Py_ssize_t stay;    /* nested.c: those that don't, and why (the first of them) */
    PyObject *why;
} rs_code_note;

struct rs_codes {
    rs_idmap index; /* old code -> itself; entry n belongs to notes[n] */
    rs_code_note *notes;
    Py_ssize_t room;
    rs_roles_opcodes opcodes;
};

/* Pair `old_code` with `new_code` and what is nested in them, for a live function that
 * will run `new_code` instead of `old_code`. Call it before planning operations on that
 * function: the references to `old_code` are counted now. 0 or -1. */
int rs_codes_pair(rs_session *s, PyObject *old_code, PyObject *new_code);

/* Pair what is nested in u->known_code with what is nested in u->code (nothing if either
 * is NULL). After all rs_codes_pair. 0 or -1. */
int rs_codes_pair_known(rs_session *s, const rs_unit *u);

/* `code` is another copy of the old code that `note_number` is about: the same goes for it
 * and for what is nested in it. Runs no Python code. 0 or -1. */
int rs_codes_alias(rs_session *s, PyObject *code, Py_ssize_t note_number);

/* `code` is old, and nobody can tell what it has become. 0 or -1. */
int rs_codes_lose(rs_session *s, PyObject *code);

/* Are the default values the same, as far as the sources tell? */
int rs_codes_same_defaults(const rs_code_note *note);

/* How many notes there are, the number of one, and one; NULL if none is about `code`. */
Py_ssize_t rs_codes_count(const rs_session *s);
Py_ssize_t rs_codes_find(const rs_session *s, PyObject *code); /* or -1 */
rs_code_note *rs_codes_at(const rs_session *s, Py_ssize_t number);
rs_code_note *rs_codes_note(const rs_session *s, PyObject *code);

void rs_codes_check(const rs_session *s);

/* Drops all notes; rs_session_close calls it. */
void rs_codes_clear(rs_session *s);

#endif
