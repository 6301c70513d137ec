/* SPDX-License-Identifier: Apache-2.0 */
#include "npy_elements.h"

#include <math.h>
#include <string.h>

#include "error.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "numbers are converted as on a little-endian machine"
#endif

#define EXACT ((int64_t)1 << 53) /* whole numbers up to here are doubles */

static bp_status fail_element(const bp_npy_block *b, size_t i, const char *what, bp_error *error)
{
    const bp_elements *e = &b->header->elements;
    size_t index = b->first + i;
    unsigned long long slow = b->header->fortran ? e->rows : e->columns, row = index / slow, column = index % slow;

    return bp_fail_offset(error, b->path, e->begin + index * bp_npy_size(b->header->kind), "row %llu, column %llu: %s",
                          (b->header->fortran ? column : row) + 1, (b->header->fortran ? row : column) + 1, what);
}

static void swap_bytes(const bp_npy_block *b)
{
    size_t size = bp_npy_size(b->header->kind);

    for (unsigned char *at = b->elements, *end = at + b->count * size; at < end; at += size)
        for (size_t i = 0; i < size / 2; i++) {
            unsigned char byte = at[i];
            at[i] = at[size - 1 - i];
            at[size - 1 - i] = byte;
        }
}

static bp_status check_f4(const bp_npy_block *b, bp_error *error)
{
    for (size_t i = 0; i < b->count; i++) {
        float value;
        memcpy(&value, b->elements + i * sizeof value, sizeof value);
        if (isinf(value))
            return fail_element(b, i, "an infinite number", error);
    }
    return BP_OK;
}

static bp_status check_f8(const bp_npy_block *b, bp_error *error)
{
    for (size_t i = 0; i < b->count; i++) {
        double value;
        memcpy(&value, b->elements + i * sizeof value, sizeof value);
        if (isinf(value))
            return fail_element(b, i, "an infinite number", error);
    }
    return BP_OK;
}

static int64_t whole_at(const bp_npy_block *b, size_t i)
{
    int64_t value;

    memcpy(&value, b->elements + i * sizeof value, sizeof value);
    return value;
}

static bp_status check_i8(const bp_npy_block *b, bool *narrow, bp_error *error)
{
    for (size_t i = 0; i < b->count; i++) {
        int64_t value = whole_at(b, i);
        *narrow = *narrow && value >= INT32_MIN && value <= INT32_MAX;
        if (value < -EXACT || value > EXACT)
            return fail_element(b, i, "a whole number beyond 2^53, which is not exact as f64; numpy's astype(float) rounds", error);
    }
    return BP_OK;
}

bp_status bp_npy_check(const bp_npy_block *block, bool *narrow, bp_error *error)
{
    if (block->header->swapped)
        swap_bytes(block);
    switch (block->header->kind) {
    case BP_NPY_F4:
        return check_f4(block, error);
    case BP_NPY_F8:
        return check_f8(block, error);
    case BP_NPY_I8:
        return check_i8(block, narrow, error);
    default:
        return BP_OK;
    }
}

bp_type bp_npy_type(bp_npy_kind kind, bool narrow)
{
    switch (kind) {
    case BP_NPY_U1:
        return BP_TYPE_U8;
    case BP_NPY_I4:
        return BP_TYPE_I32;
    case BP_NPY_F4:
        return BP_TYPE_F32;
    case BP_NPY_F8:
        return BP_TYPE_F64;
    default:
        return narrow ? BP_TYPE_I32 : BP_TYPE_F64;
    }
}

void bp_npy_convert(const bp_npy_block *block, bp_type type)
{
    for (size_t i = 0; block->header->kind == BP_NPY_I8 && i < block->count; i++) {
        int64_t value = whole_at(block, i);
        int32_t small = (int32_t)value;
        double real = (double)value;
        if (type == BP_TYPE_I32)
            memcpy(block->elements + i * sizeof small, &small, sizeof small);
        else
            memcpy(block->elements + i * sizeof real, &real, sizeof real);
    }
}
