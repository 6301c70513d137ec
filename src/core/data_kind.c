/* SPDX-License-Identifier: Apache-2.0 */
#include "data_kind.h"

#include <string.h>

#include "text.h"

static const struct {
    const char *suffix;
    bp_data_kind kind;
} suffixes[] = {{".csv", BP_DATA_CSV},    {".tsv", BP_DATA_CSV}, {".npy", BP_DATA_NPY},   {".libsvm", BP_DATA_LIBSVM},
                {".svm", BP_DATA_LIBSVM}, {".idx", BP_DATA_IDX}, {"-ubyte", BP_DATA_IDX}, {".bpd", BP_DATA_BPD}};

size_t bp_plain_length(const char *path)
{
    size_t length = strlen(path);
    return length > 3 && strcmp(path + length - 3, ".gz") == 0 ? length - 3 : length;
}

bp_data_kind bp_data_kind_of(const char *path)
{
    size_t length = bp_plain_length(path);

    if (strcmp(path, "-") == 0)
        return BP_DATA_CSV;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (bp_text_ends_with(path, length, suffixes[i].suffix))
            return suffixes[i].kind;
    return BP_DATA_UNKNOWN;
}
