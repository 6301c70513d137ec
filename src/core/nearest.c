/* Which known name a mistyped word was meant to be.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "nearest.h"

#include <string.h>

#define WORD_MAX 32

/* Letters to insert, delete or replace (Levenshtein), row by row; words beyond WORD_MAX are far from everything. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1], m = strlen(a), n = strlen(b);

    if (m > WORD_MAX || n > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; i <= m; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            size_t moved = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < moved ? replaced : moved;
        }
    }
    return row[n];
}

const char *bp_nearest_name(const char *word, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t length = strlen(word), least = length / 3 + 2; /* a slip or two in a short word, more in a long one */

    if (least > length)
        least = length; /* something of it must be left */
    for (size_t i = 0; i < count; i++) {
        size_t far = distance(word, names[i]);
        if (far < least) {
            least = far;
            nearest = names[i];
        }
    }
    return nearest;
}

const char *bp_nearer_name(const char *word, const char *nearest, const char *name)
{
    const char *pair[] = {nearest ? nearest : name, name};
    return bp_nearest_name(word, pair, 2);
}
