/* Stands for reader.c, pack.c and the readers where BP_EMBEDDED leaves them out.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include "error.h"

static bp_status refuse(const char *path, bp_error *error)
{
    return bp_fail(
        error, BP_INVALID,
        "%s: this build of libbackprop has no reader for it (BP_EMBEDDED): .bpd files are read, and arrays are lent with "
        "bp_dataset_borrow",
        path);
}

bp_status bp_reader_read(const char *path, const bp_settings *settings, bp_need need, const bp_allocator *allocator,
                         bp_dataset **result, bp_error *error)
{
    (void)settings;
    (void)need;
    (void)allocator;
    (void)result;
    return refuse(path, error);
}

bp_status bp_pack(const char *data, const bp_settings *settings, const char *path, const bp_allocator *allocator,
                  bp_pack_counts *result, bp_error *error)
{
    (void)settings;
    (void)path;
    (void)allocator;
    (void)result;
    return refuse(data, error);
}
