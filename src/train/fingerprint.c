/* SPDX-License-Identifier: Apache-2.0 */
#include "fingerprint.h"

static void add_row(bp_hash *hash, const bp_examples *examples, uint64_t row)
{
    size_t element = examples->x_type == BP_TYPE_U8 ? 1 : sizeof(float);

    bp_hash_add(hash, (const unsigned char *)examples->x + row * examples->x_stride, examples->inputs * element);
    if (examples->classes)
        bp_hash_add(hash, &examples->classes[row], sizeof *examples->classes);
    else if (examples->y)
        bp_hash_add(hash, examples->y + row * examples->y_stride, examples->outputs * sizeof(float));
    if (examples->weight)
        bp_hash_add(hash, &examples->weight[row], sizeof *examples->weight);
}

static void add_examples(bp_hash *hash, const bp_examples *examples, bp_rows rows)
{
    uint64_t shape[] = {rows.count,
                        examples->inputs,
                        examples->outputs,
                        (uint64_t)examples->x_type,
                        examples->classes != NULL,
                        examples->weight != NULL};

    bp_hash_add(hash, shape, sizeof shape);
    bp_hash_add(hash, &examples->x_divisor, sizeof examples->x_divisor);
    for (uint64_t i = 0; i < rows.count; i++)
        add_row(hash, examples, rows.index ? rows.index[i] : i);
}

void bp_fingerprint(const bp_examples *training, bp_rows training_rows, const bp_examples *validation, bp_rows validation_rows,
                    char digits[BP_HASH_DIGITS + 1])
{
    bp_hash hash;

    bp_hash_begin(&hash);
    add_examples(&hash, training, training_rows);
    if (validation)
        add_examples(&hash, validation, validation_rows);
    bp_hash_digits(&hash, digits);
}
