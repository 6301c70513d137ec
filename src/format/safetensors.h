/* safetensors: named tensors and pairs of strings in one file. Knows nothing of networks.
 *
 *      | N, u64 little-endian | N bytes of JSON, padded with spaces | tensors, one after the other |
 *      0                      8                               8 + N                    end of file
 *
 * The JSON maps a name to {"dtype", "shape", "data_offsets": [begin, end]}, counted from byte 8 + N, and "__metadata__" to
 * strings. What is written here carries a checksum as its first string, so at a fixed place:
 *
 *      {"__metadata__":{"checksum":"<32 hexadecimal digits>",...
 *
 * XXH3-128 over the whole file with these digits as ASCII '0'.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_SAFETENSORS_H
#define BP_SAFETENSORS_H

#include "backprop.h"

#define BP_RANK_MAX 8                       /* dimensions; none of ours has more than 2 */
#define BP_SAFETENSORS_HEADER_MAX 0x4000000 /* of JSON: its tree takes some 50 times as much memory while it is read */
#define BP_SAFETENSORS_ALIGNMENT 64         /* of the first tensor's byte in a file written here */

typedef enum bp_dtype {
    BP_DTYPE_F64,
    BP_DTYPE_I64,
    BP_DTYPE_U64,
    BP_DTYPE_F32,
    BP_DTYPE_I32,
    BP_DTYPE_U32,
    BP_DTYPE_F16,
    BP_DTYPE_BF16,
    BP_DTYPE_I16,
    BP_DTYPE_U16,
    BP_DTYPE_I8,
    BP_DTYPE_U8,
    BP_DTYPE_BOOL
} bp_dtype;

typedef struct bp_tensor {
    const char *name;
    bp_dtype dtype;
    uint32_t rank;
    uint64_t shape[BP_RANK_MAX]; /* row-major; rank 0: one element */
    const void *data;            /* read: any alignment, for a foreign file may have any */
    size_t size;                 /* bytes; the writer takes it from dtype and shape */
} bp_tensor;

typedef struct bp_pair {
    const char *key;
    const char *value; /* UTF-8, no NUL inside */
} bp_pair;

/* A file that has been read: tensors in the order of their bytes, pairs in the order of the text. */
typedef struct bp_safetensors {
    bp_allocator allocator;
    const char *path;           /* for messages */
    const unsigned char *bytes; /* [size], the whole file */
    size_t size;
    size_t data_begin;  /* 8 + N */
    bp_tensor *tensors; /* [tensor_count] */
    size_t tensor_count;
    bp_pair *metadata; /* [pair_count] */
    size_t pair_count;
    void *json;  /* holds the names and strings */
    void *owned; /* the bytes, where they were read here */
} bp_safetensors;

/* "F32" and its bytes. */
const char *bp_dtype_name(bp_dtype dtype);
size_t bp_dtype_size(bp_dtype dtype);

/* Takes bytes apart, borrowed, as untrusted: every count, offset and string is checked before it is used, holes and overlaps
 * between tensors are refused, and so are keys that stand twice. `path` is for messages, borrowed; NULL: they are in memory. */
bp_status bp_safetensors_parse(const void *bytes, size_t size, const char *path, const bp_allocator *allocator,
                               bp_safetensors **result, bp_error *error);

/* The same for a file. */
bp_status bp_safetensors_read(const char *path, const bp_allocator *allocator, bp_safetensors **result, bp_error *error);
void bp_safetensors_free(bp_safetensors *file);

/* BP_BAD_FILE where the checksum is not at its place, or not that of the bytes. */
bp_status bp_safetensors_verify(const bp_safetensors *file, bp_error *error);

/* NULL where there is none of that name. */
const bp_tensor *bp_safetensors_tensor(const bp_safetensors *file, const char *name);
const char *bp_safetensors_text(const bp_safetensors *file, const char *key);

/* The tensor of that name, refused with BP_BAD_FILE unless it is there with this dtype and shape. */
bp_status bp_safetensors_expect(const bp_safetensors *file, const char *name, bp_dtype dtype, uint32_t rank, const uint64_t *shape,
                                const bp_tensor **result, bp_error *error);

/* The file's offset of a tensor's first byte, for messages. */
uint64_t bp_safetensors_offset(const bp_safetensors *file, const bp_tensor *tensor);

/* Writes a file by bp_file_replace. Pairs keep their order behind "checksum", which is added; tensors keep theirs among those
 * of one element size, and larger elements stand first, so that every tensor lies at a multiple of its element. Equal
 * arguments give equal files. BP_INVALID for a name that stands twice and for text that is not UTF-8. */
bp_status bp_safetensors_write(const char *path, const bp_tensor *tensors, size_t tensor_count, const bp_pair *metadata,
                               size_t pair_count, const bp_allocator *allocator, bp_error *error);

/* ------------------------------------------------------------------------------------ shared by its two source files */

#define BP_SAFETENSORS_OPENING "{\"__metadata__\":{\"checksum\":\""
#define BP_SAFETENSORS_DIGITS (8 + sizeof BP_SAFETENSORS_OPENING - 1) /* where the checksum's digits stand */

/* Bytes of a tensor; false where they overflow. */
int bp_tensor_bytes(const bp_tensor *tensor, size_t *bytes);

#endif
