/* digest.h -- SHA-256 (FIPS 180-4), the same on every Python and without its modules.
 * Owns:     nothing.
 * Provides: rs_digest_start, rs_digest_add, rs_digest_add_text, rs_digest_text.
 * Depends:  compat.h.
 * Threads:  any.
 * Invariants:
 *   G1  what is added in parts gives what the whole gives.
 */
#ifndef RS_DIGEST_H
#define RS_DIGEST_H

#include "compat.h"

typedef struct {
    uint32_t state[8];
    uint64_t length; /* bytes so far */
    unsigned char block[64];
} rs_digest;

void rs_digest_start(rs_digest *d);
void rs_digest_add(rs_digest *d, const void *bytes, size_t n);

/* A str (in UTF-8; what isn't Unicode escaped) or bytes, with its length in front, so that
 * neighbours can't be mistaken. 0 or -1. */
int rs_digest_add_text(rs_digest *d, PyObject *text);

/* 64 hexadecimal digits; nothing can be added any more. NULL with an exception. */
PyObject *rs_digest_text(rs_digest *d);

#endif
