/* SPDX-License-Identifier: Apache-2.0 */
#include "encoder_bytes.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "size.h"

#define ROWS_IN_32_BITS 65536 /* times 255 squared is below 2^32 */

typedef struct narrow_sums {
    uint32_t sum[BP_BYTE_COLUMNS];
    uint32_t squares[BP_BYTE_COLUMNS];
} narrow_sums;

void bp_byte_sums_start(bp_byte_sums *sums, size_t first, size_t count)
{
    *sums = (bp_byte_sums){.first = first, .count = count};
    memset(sums->low, UCHAR_MAX, sizeof sums->low);
}

/* Always 64 columns, those behind the last being 0: loops of known length are vectorised. */
static void add_row(const unsigned char *bytes, narrow_sums *narrow, bp_byte_sums *sums)
{
    for (size_t i = 0; i < BP_BYTE_COLUMNS; i++) {
        uint32_t value = bytes[i];
        narrow->sum[i] += value;
        narrow->squares[i] += value * value;
    }
    for (size_t i = 0; i < BP_BYTE_COLUMNS; i++) {
        sums->low[i] = bytes[i] < sums->low[i] ? bytes[i] : sums->low[i];
        sums->high[i] = bytes[i] > sums->high[i] ? bytes[i] : sums->high[i];
    }
}

static bool is_side_by_side(const bp_column *column, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (column[i].stride != column->stride || column[i].data != (const unsigned char *)column->data + i)
            return false;
    return true;
}

static void gather(const bp_column *column, size_t count, bool together, uint64_t row, unsigned char *bytes)
{
    if (together)
        memcpy(bytes, (const unsigned char *)column->data + row * column->stride, count);
    else
        for (size_t i = 0; i < count; i++)
            bytes[i] = ((const unsigned char *)column[i].data)[row * column[i].stride];
}

static void add_rows(const bp_column *column, bp_rows rows, uint64_t begin, uint64_t end, bp_byte_sums *sums)
{
    unsigned char bytes[BP_BYTE_COLUMNS] = {0};
    narrow_sums narrow = {0};
    bool together = is_side_by_side(column, sums->count);

    for (uint64_t i = begin; i < end; i++) {
        gather(column, sums->count, together, bp_rows_at(rows, i), bytes);
        add_row(bytes, &narrow, sums);
    }
    for (size_t i = 0; i < BP_BYTE_COLUMNS; i++) {
        sums->sum[i] += narrow.sum[i];
        sums->squares[i] += narrow.squares[i];
    }
}

void bp_byte_sums_add(bp_byte_sums *sums, const bp_dataset *dataset, bp_rows rows)
{
    for (uint64_t begin = 0; begin < rows.count; begin += ROWS_IN_32_BITS)
        add_rows(&dataset->columns[sums->first], rows, begin, begin + bp_size_min(rows.count - begin, ROWS_IN_32_BITS), sums);
}

/* n sum(x^2) - sum(x)^2 has up to 80 bits; each half of a double's error after that. */
double bp_byte_deviation(const bp_byte_sums *sums, size_t place, uint64_t rows)
{
    __extension__ typedef unsigned __int128 wide;
    wide squares = (wide)rows * sums->squares[place], square = (wide)sums->sum[place] * sums->sum[place];

    return sqrt((double)(squares - square)) / (double)rows;
}
