/* SPDX-License-Identifier: Apache-2.0 */
#include "helper_data.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "scratch.h"

const bp_settings *with(const char *key, ...)
{
    static bp_settings settings;
    bp_error error = {0};
    va_list arguments;

    bp_settings_init(&settings, sizeof settings);
    va_start(arguments, key);
    for (; key; key = va_arg(arguments, const char *))
        cr_assert_eq(bp_settings_set(&settings, key, va_arg(arguments, const char *), &error), BP_OK, "%s", error.text);
    va_end(arguments);
    return &settings;
}

void write_text(const char *name, const char *text)
{
    scratch_write(name, text, strlen(text));
}

void append_gzip(const char *name, const void *bytes, size_t size)
{
    gzFile file = gzopen(name, "ab");

    cr_assert(file);
    if (size)
        cr_assert_eq(gzwrite(file, bytes, (unsigned)size), (int)size);
    cr_assert_eq(gzclose(file), Z_OK);
}

void write_idx(const char *name, unsigned char type, size_t dimensions, const uint32_t *sizes, const void *bytes, size_t size)
{
    size_t header = 4 + 4 * dimensions;
    unsigned char *file = malloc(header + size);

    cr_assert(file);
    memcpy(file, (unsigned char[]){0, 0, type, (unsigned char)dimensions}, 4);
    for (size_t i = 0; i < dimensions; i++)
        for (size_t byte = 0; byte < 4; byte++)
            file[4 + 4 * i + byte] = (unsigned char)(sizes[i] >> (24 - 8 * byte));
    if (size)
        memcpy(file + header, bytes, size);
    scratch_write(name, file, header + size);
    free(file);
}

bp_dataset *must_read(const char *name, const bp_settings *settings)
{
    bp_dataset *dataset = NULL;
    bp_error error = {0};

    cr_assert_eq(bp_dataset_read(name, settings, 0, NULL, &dataset, &error), BP_OK, "%s", error.text);
    return dataset;
}

bp_encoder *must_fit(const bp_dataset *dataset, const bp_settings *settings)
{
    bp_encoder *encoder = NULL;
    bp_error error = {0};

    cr_assert_eq(bp_encoder_fit(dataset, (bp_rows){0}, settings, NULL, &encoder, &error), BP_OK, "%s", error.text);
    return encoder;
}

bp_examples *must_apply(const bp_encoder *encoder, const bp_dataset *dataset)
{
    bp_examples *examples = NULL;
    bp_error error = {0};

    cr_assert_eq(bp_encoder_apply(encoder, dataset, 1, NULL, &examples, &error), BP_OK, "%s", error.text);
    return examples;
}

bp_error must_refuse(const char *name, const bp_settings *settings, bp_status status, const char *part)
{
    bp_dataset *dataset = NULL;
    bp_error error = {0};

    bp_status got = bp_dataset_read(name, settings, 0, NULL, &dataset, &error);
    cr_assert_eq(got, status, "%s: %s instead of %s: %s", name, bp_status_text(got), bp_status_text(status), error.text);
    cr_assert_eq(error.status, (int32_t)status);
    cr_assert(strstr(error.text, name), "\"%s\" does not name %s", error.text, name);
    cr_assert(strstr(error.text, part), "\"%s\" does not say \"%s\"", error.text, part);
    cr_assert_null(dataset);
    return error;
}

const char *field(const bp_dataset *dataset, uint64_t row, uint64_t column)
{
    static char text[256];
    bp_error error = {0};

    cr_assert_eq(bp_dataset_text(dataset, row, column, text, sizeof text, &error), BP_OK, "%s", error.text);
    return text;
}
