/* SPDX-License-Identifier: Apache-2.0 */
#include "sort.h"

#include <stdbool.h>

typedef size_t histogram[256];

static bool one_digit(const histogram counts, size_t count)
{
    for (size_t digit = 0; digit < 256; digit++)
        if (counts[digit])
            return counts[digit] == count;
    return true;
}

static void distribute(const uint64_t *from, uint64_t *to, size_t count, unsigned shift, const histogram counts)
{
    histogram place;

    for (size_t digit = 0, sum = 0; digit < 256; sum += counts[digit++])
        place[digit] = sum;
    for (size_t i = 0; i < count; i++)
        to[place[from[i] >> shift & 255]++] = from[i];
}

void bp_sort_keys(uint64_t *keys, uint64_t *room, size_t count)
{
    histogram counts[8] = {{0}};
    uint64_t *from = keys, *to = room;

    for (size_t i = 0; i < count; i++)
        for (unsigned byte = 0; byte < 8; byte++)
            counts[byte][keys[i] >> 8 * byte & 255]++;
    for (unsigned byte = 0; byte < 8; byte++)
        if (!one_digit(counts[byte], count)) {
            uint64_t *last = from;
            distribute(from, to, count, 8 * byte, counts[byte]);
            from = to;
            to = last;
        }
    if (from != keys && count)
        memcpy(keys, from, count * sizeof *keys);
}

double bp_sorted_quantile(const uint64_t *sorted, size_t count, double share)
{
    double place = share * (double)(count - 1);
    size_t below = (size_t)place;
    double low = bp_sort_number(sorted[below]);

    if (below + 1 >= count)
        return low;
    return low + (bp_sort_number(sorted[below + 1]) - low) * (place - (double)below);
}
