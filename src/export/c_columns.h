/* What stands around a network in an exported C file: a struct of one row's columns, what encodes it, and a struct of results.
 *
 *      age 1 number, colour a category, x1 ... x784 numbers        struct { double age; const char *colour; double x[784]; }
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_C_COLUMNS_H
#define BP_C_COLUMNS_H

#include "c_names.h"
#include "c_text.h"
#include "dataset_pool.h"
#include "encoder.h"

/* A column, or numbers whose names are counted. */
typedef struct bp_c_member {
    size_t feature; /* the first one */
    size_t count;   /* above 1: an array */
} bp_c_member;

typedef struct bp_c_columns {
    bp_pool pool; /* the caller's to release */
    const bp_encoder *encoder;
    bp_loss loss;
    bp_c_member *members; /* [count] */
    bp_c_name *names;     /* [count] */
    size_t count;
    bp_c_name *targets; /* [target_count] */
} bp_c_columns;

/* Fills it, once pool.allocator, encoder and loss are there. */
bp_status bp_c_columns_make(bp_c_columns *columns, bp_error *error);

/* Types and functions as the file's reader needs them; their code. */
void bp_c_columns_declare(bp_c_text *c, const bp_c_columns *columns);
void bp_c_columns_define(bp_c_text *c, const bp_c_columns *columns);

#endif
