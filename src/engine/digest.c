#include "digest.h"

#include <string.h>

static uint32_t
rotated(uint32_t x, int n)
{
    return (x >> n) | (x << (32 - n));
}

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
    0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
    0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
    0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
    0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
    0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
    0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
    0xc67178f2,
};

static uint32_t
next_word(const uint32_t w[16], int i)
{
    uint32_t a = w[(i + 1) & 15], b = w[(i + 14) & 15];
    return w[i & 15] + (rotated(a, 7) ^ rotated(a, 18) ^ (a >> 3)) + w[(i + 9) & 15] +
           (rotated(b, 17) ^ rotated(b, 19) ^ (b >> 10));
}

/* One round; the eight variables change places from one to the next, instead of values. */
#define ROUND(a, b, c, d, e, f, g, h, i)                                     \
    do {                                                                     \
        uint32_t t = h + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) + \
                     (g ^ (e & (f ^ g))) + constants[at + (i)] + w[i];       \
        d += t;                                                              \
        h = t + (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) +          \
            ((a & b) | (c & (a | b)));                                       \
    } while (0)

#define EIGHT_ROUNDS(i)                         \
    do {                                        \
        ROUND(a, b, c, d, e, f, g, h, (i) + 0); \
        ROUND(h, a, b, c, d, e, f, g, (i) + 1); \
        ROUND(g, h, a, b, c, d, e, f, (i) + 2); \
        ROUND(f, g, h, a, b, c, d, e, (i) + 3); \
        ROUND(e, f, g, h, a, b, c, d, (i) + 4); \
        ROUND(d, e, f, g, h, a, b, c, (i) + 5); \
        ROUND(c, d, e, f, g, h, a, b, (i) + 6); \
        ROUND(b, c, d, e, f, g, h, a, (i) + 7); \
    } while (0)

static void
add_block(uint32_t state[8], const unsigned char *block)
{
    uint32_t w[16]; /* of the next sixteen rounds */
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 16; i++) {
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | (uint32_t)block[4 * i + 3];
    }
    for (int at = 0; at < 64; at += 16) {
        for (int i = 0; at > 0 && i < 16; i++) {
            w[i] = next_word(w, i);
        }
        EIGHT_ROUNDS(0);
        EIGHT_ROUNDS(8);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
}

void
rs_digest_start(rs_digest *d)
{
    static const uint32_t first[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };
    memcpy(d->state, first, sizeof(first));
    d->length = 0;
}

void
rs_digest_add(rs_digest *d, const void *bytes, size_t n)
{
    const unsigned char *from = bytes;
    while (n > 0) {
        size_t at = (size_t)(d->length % 64), take = n < 64 - at ? n : 64 - at;
        memcpy(d->block + at, from, take);
        d->length += take;
        from += take;
        n -= take;
        if (at + take == 64) {
            add_block(d->state, d->block);
        }
    }
}

static void
add_number(rs_digest *d, uint64_t number)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(number >> (56 - 8 * i));
    }
    rs_digest_add(d, bytes, sizeof(bytes));
}

int
rs_digest_add_text(rs_digest *d, PyObject *text)
{
    PyObject *bytes = PyBytes_Check(text) ? Py_NewRef(text)
                                          : PyUnicode_AsEncodedString(
                                                text, "utf-8", "backslashreplace");
    if (bytes == NULL) {
        return -1;
    }
    add_number(d, (uint64_t)PyBytes_GET_SIZE(bytes));
    rs_digest_add(d, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    Py_DECREF(bytes);
    return 0;
}

PyObject *
rs_digest_text(rs_digest *d)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char one = 0x80, zero = 0;
    uint64_t bits = d->length * 8;
    char text[65];
    rs_digest_add(d, &one, 1);
    while (d->length % 64 != 56) {
        rs_digest_add(d, &zero, 1);
    }
    add_number(d, bits);
    for (int i = 0; i < 64; i++) {
        text[i] = digits[d->state[i / 8] >> (28 - 4 * (i % 8)) & 15];
    }
    text[64] = 0;
    return PyUnicode_FromString(text);
}
