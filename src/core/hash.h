/* XXH3-128 of bytes that come piece by piece, as text: the checksum of files, and fingerprints.
 *
 * It finds damage, not forgery.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_HASH_H
#define BP_HASH_H

#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define BP_HASH_DIGITS 32

typedef struct bp_hash {
    XXH3_state_t state;
} bp_hash;

static inline void bp_hash_begin(bp_hash *hash)
{
    XXH3_INITSTATE(&hash->state);
    XXH3_128bits_reset(&hash->state);
}

static inline void bp_hash_add(bp_hash *hash, const void *bytes, size_t size)
{
    if (size)
        XXH3_128bits_update(&hash->state, bytes, size);
}

/* Of all bytes so far, lower case, the high half first, as xxhsum prints it; NUL-terminated. */
static inline void bp_hash_digits(const bp_hash *hash, char digits[BP_HASH_DIGITS + 1])
{
    XXH128_hash_t value = XXH3_128bits_digest(&hash->state);

    for (int i = 0; i < BP_HASH_DIGITS; i++) {
        uint64_t half = i < 16 ? value.high64 : value.low64;
        digits[i] = "0123456789abcdef"[half >> (60 - 4 * (i % 16)) & 15];
    }
    digits[BP_HASH_DIGITS] = 0;
}

#endif
