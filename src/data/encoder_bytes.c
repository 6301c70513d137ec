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

static void add_rows(bp_rows rows, uint64_t begin, uint64_t end, bp_byte_sums *sums)
{
    unsigned char bytes[BP_BYTE_COLUMNS] = {0};
    narrow_sums narrow = {0};

    for (uint64_t i = begin; i < end; i++) {
        memcpy(bytes, sums->first + bp_rows_at(rows, i) * sums->stride, sums->count);
        add_row(bytes, &narrow, sums);
    }
    for (size_t i = 0; i < BP_BYTE_COLUMNS; i++) {
        sums->sum[i] += narrow.sum[i];
        sums->squares[i] += narrow.squares[i];
    }
}

static size_t count_beside(const bp_dataset *dataset, const bp_column *column)
{
    size_t left = (size_t)(dataset->columns + dataset->column_count - column), count = 1;

    while (count < bp_size_min(left, BP_BYTE_COLUMNS) && column[count].type == BP_TYPE_U8 && !column[count].categorical &&
           column[count].stride == column->stride && column[count].data == (const unsigned char *)column->data + count)
        count++;
    return count;
}

static void sum_from(const bp_dataset *dataset, const bp_column *column, bp_rows rows, bp_byte_sums *sums)
{
    *sums = (bp_byte_sums){.first = column->data, .stride = column->stride, .count = count_beside(dataset, column)};
    memset(sums->low, UCHAR_MAX, sizeof sums->low);
    for (uint64_t begin = 0; begin < rows.count; begin += ROWS_IN_32_BITS)
        add_rows(rows, begin, begin + bp_size_min(rows.count - begin, ROWS_IN_32_BITS), sums);
}

static bool holds(const bp_byte_sums *sums, const bp_column *column)
{
    uintptr_t first = (uintptr_t)sums->first, at = (uintptr_t)column->data;
    return sums->count && column->stride == sums->stride && at >= first && at - first < sums->count;
}

/* n sum(x^2) - sum(x)^2 has up to 80 bits; each half of a double's error after that. */
static double deviation_of(uint64_t count, uint64_t sum, uint64_t squares)
{
    __extension__ typedef unsigned __int128 wide;
    return sqrt((double)((wide)count * squares - (wide)sum * sum)) / (double)count;
}

bp_moments bp_byte_moments(const bp_dataset *dataset, const bp_column *column, bp_rows rows, bp_byte_sums *sums)
{
    if (!holds(sums, column))
        sum_from(dataset, column, rows, sums);
    size_t place = (size_t)((const unsigned char *)column->data - sums->first);
    return (bp_moments){
        .low = sums->low[place],
        .high = sums->high[place],
        .mean = (double)sums->sum[place] / (double)rows.count,
        .deviation = deviation_of(rows.count, sums->sum[place], sums->squares[place]),
    };
}
