/* SPDX-License-Identifier: Apache-2.0 */
#include "c_columns.h"

#include <stdio.h>
#include <string.h>

#include "error.h"
#include "text.h"

#define RUN_LEAST 8 /* columns with counted names that become an array */

/* ----------------------------------------------------------------------------------------------------------- members */

/* The length of what stands before a name's number, which has no leading zero; the name's own where it has none. */
static size_t stem_of(const char *name, uint64_t *number)
{
    size_t length = strlen(name), stem = length;

    while (stem && name[stem - 1] >= '0' && name[stem - 1] <= '9')
        stem--;
    while (stem + 1 < length && name[stem] == '0')
        stem++;
    return bp_text_parse_u64(name + stem, length - stem, number) ? stem : length;
}

static bool follows(const bp_feature *feature, const bp_feature *next)
{
    uint64_t number, after;
    size_t stem = stem_of(feature->name, &number), length = stem_of(next->name, &after);

    return !feature->categories && !next->categories && !feature->has_missing && !next->has_missing && stem == length &&
           feature->name[stem] && next->name[length] && memcmp(feature->name, next->name, stem) == 0 && number + 1 == after;
}

/* Features from `first` on that are one member. */
static size_t run_of(const bp_encoder *encoder, size_t first)
{
    size_t end = first + 1;

    while (end < encoder->feature_count && follows(&encoder->features[end - 1], &encoder->features[end]))
        end++;
    return end - first < RUN_LEAST ? 1 : end - first;
}

static void name_member(const bp_encoder *encoder, const bp_c_member *member, bp_c_name name)
{
    const char *text = encoder->features[member->feature].name;
    char stem[BP_C_NAME_MAX], otherwise[BP_C_NAME_MAX];
    uint64_t number;

    snprintf(otherwise, sizeof otherwise, "column_%zu", member->feature + 1);
    if (member->count > 1) {
        snprintf(stem, sizeof stem, "%.*s", (int)stem_of(text, &number), text);
        text = stem;
    }
    bp_c_name_make(name, text, otherwise);
}

bp_status bp_c_columns_make(bp_c_columns *columns, bp_error *error)
{
    const bp_encoder *encoder = columns->encoder;
    char otherwise[BP_C_NAME_MAX];

    columns->members = bp_pool_take_array(&columns->pool, encoder->feature_count, sizeof *columns->members, error);
    columns->names =
        columns->members ? bp_pool_take_array(&columns->pool, encoder->feature_count, sizeof *columns->names, error) : NULL;
    columns->targets =
        columns->names ? bp_pool_take_array(&columns->pool, encoder->target_count, sizeof *columns->targets, error) : NULL;
    if (!columns->targets)
        return BP_NO_MEMORY;
    for (size_t i = 0; i < encoder->feature_count; i += columns->members[columns->count++].count) {
        columns->members[columns->count] = (bp_c_member){i, run_of(encoder, i)};
        name_member(encoder, &columns->members[columns->count], columns->names[columns->count]);
    }
    for (size_t i = 0; i < encoder->target_count; i++) {
        snprintf(otherwise, sizeof otherwise, "target_%zu", i + 1);
        bp_c_name_make(columns->targets[i], encoder->targets[i].name, otherwise);
    }
    bp_c_names_separate(columns->names, columns->count);
    bp_c_names_separate(columns->targets, encoder->target_count);
    return BP_OK;
}

/* ------------------------------------------------------------------------------------------------------ declarations */

static void declare_member(bp_c_text *c, const bp_c_columns *columns, size_t i)
{
    const bp_c_member *member = &columns->members[i];
    const bp_feature *feature = &columns->encoder->features[member->feature];

    if (feature->categories)
        bp_c_print(c, "    const char *%s; /* ", columns->names[i]);
    else if (member->count > 1)
        bp_c_print(c, "    double %s[%zu]; /* ", columns->names[i], member->count);
    else
        bp_c_print(c, "    double %s; /* ", columns->names[i]);
    bp_c_comment(c, feature->name);
    if (member->count > 1) {
        bp_c_code(c, " ... ");
        bp_c_comment(c, feature[member->count - 1].name);
    }
    if (feature->categories)
        bp_c_print(c, "; %zu categories", feature->category_count);
    bp_c_code(c, " */\n");
}

static void declare_row(bp_c_text *c, const bp_c_columns *columns)
{
    bp_c_code(c, "/* One row, as it stands in the table: numbers in their own units, NaN where one is missing; categories as text, "
                 "empty or a\n"
                 " * null pointer where one is missing. */\n"
                 "typedef struct {\n");
    for (size_t i = 0; i < columns->count; i++)
        declare_member(c, columns, i);
    bp_c_code(c, "} @_row;\n\n");
}

/* Numbers that a network without cross-entropy gives to classes are no probabilities. */
static const char *share_of(const bp_c_columns *columns)
{
    return columns->loss == BP_CROSS_ENTROPY || columns->loss == BP_BINARY_CROSS_ENTROPY ? "probability" : "score";
}

static void declare_classes(bp_c_text *c, const bp_c_columns *columns)
{
    const bp_encoder *encoder = columns->encoder;

    bp_c_print(c, "/* The classes of column ");
    bp_c_comment(c, encoder->targets[0].name);
    bp_c_print(c,
               ", by their number. */\n"
               "extern const char *const @_class[%zu];\n\n"
               "typedef struct {\n"
               "    int best; /* the number of the likeliest class */\n"
               "    float %s[%zu];\n"
               "} @_result;\n\n",
               encoder->class_count, share_of(columns), encoder->class_count);
}

static void declare_values(bp_c_text *c, const bp_c_columns *columns)
{
    bp_c_code(c, "/* Predicted columns in their own units. */\n"
                 "typedef struct {\n");
    for (size_t i = 0; i < columns->encoder->target_count; i++) {
        bp_c_print(c, "    float %s; /* ", columns->targets[i]);
        bp_c_comment(c, columns->encoder->targets[i].name);
        bp_c_code(c, " */\n");
    }
    bp_c_code(c, "} @_result;\n\n");
}

void bp_c_columns_declare(bp_c_text *c, const bp_c_columns *columns)
{
    declare_row(c, columns);
    (columns->encoder->class_count ? declare_classes : declare_values)(c, columns);
    bp_c_print(
        c,
        "/* Scales and encodes one row: x [%lu] is what the network takes. Returns 0; or the number, from 1, of the first column\n"
        " * that is infinite or too large, and x is then of no use. */\n"
        "int @_encode(const @_row *row, float *x);\n\n"
        "/* Encodes, predicts, and gives results as they are to be read. Returns what @_encode does; where that is not 0, no\n"
        " * result is written. */\n"
        "int @_predict_row(const @_row *row, @_result *result);\n\n",
        (unsigned long)columns->encoder->inputs);
}

/* ---------------------------------------------------------------------------------------------------------- encoding */

static const char number_code[] =
    "/* (value - mean) / scale in double, rounded once, of a missing value that of fill; 0 where that is no number. */\n"
    "static int @_number(double value, double mean, double scale, double fill, float *x)\n"
    "{\n"
    "    *x = (float)(((value != value ? fill : value) - mean) / scale);\n"
    "    return *x - *x == 0.0f;\n"
    "}\n\n";

static const char category_code[] =
    "/* x [width]: 1 in the place of the category, of a missing one, or of any other; -1 is no place. */\n"
    "static void @_category(const char *text, const char *const *names, int count, int width, int missing, int other, float *x)\n"
    "{\n"
    "    int i, at, place = text && *text ? other : missing;\n"
    "\n"
    "    for (i = 0; i < count && text; i++) {\n"
    "        for (at = 0; text[at] && text[at] == names[i][at]; at++)\n"
    "            continue;\n"
    "        if (text[at] == names[i][at])\n"
    "            place = i;\n"
    "    }\n"
    "    for (i = 0; i < width; i++)\n"
    "        x[i] = i == place ? 1.0f : 0.0f;\n"
    "}\n\n";

static void define_strings(bp_c_text *c, char *const *texts, size_t count)
{
    bp_c_code(c, " = {\n");
    for (size_t i = 0; i < count; i++) {
        bp_c_code(c, "    ");
        bp_c_string(c, texts[i]);
        bp_c_code(c, i + 1 < count ? ",\n" : "};\n\n");
    }
}

static void scaling(bp_c_text *c, const bp_feature *feature)
{
    bp_c_f64(c, feature->mean);
    bp_c_code(c, ", ");
    bp_c_f64(c, feature->scale);
    bp_c_code(c, ", ");
    bp_c_f64(c, feature->fill);
}

/* Of an array's columns. */
static void define_scales(bp_c_text *c, const bp_c_columns *columns, size_t i)
{
    const bp_feature *feature = &columns->encoder->features[columns->members[i].feature];

    bp_c_print(c, "static const double @_scales_%s[%zu][3] = { /* mean, scale, fill */\n", columns->names[i],
               columns->members[i].count);
    for (size_t n = 0; n < columns->members[i].count; n++) {
        bp_c_code(c, "    {");
        scaling(c, &feature[n]);
        bp_c_code(c, n + 1 < columns->members[i].count ? "},\n" : "}};\n\n");
    }
}

static void define_tables(bp_c_text *c, const bp_c_columns *columns)
{
    for (size_t i = 0; i < columns->count; i++) {
        const bp_feature *feature = &columns->encoder->features[columns->members[i].feature];
        if (feature->categories && feature->category_count) {
            bp_c_print(c, "static const char *const @_names_%s[%zu]", columns->names[i], feature->category_count);
            define_strings(c, feature->categories, feature->category_count);
        } else if (columns->members[i].count > 1) {
            define_scales(c, columns, i);
        }
    }
}

static void encode_number(bp_c_text *c, const bp_feature *feature, size_t column, const char *name)
{
    unsigned long first = feature->first;

    bp_c_print(c, "    if (!@_number(row->%s, ", name);
    scaling(c, feature);
    bp_c_print(c, ", &x[%lu]))\n        return %zu;\n", first, column + 1);
    if (feature->has_missing)
        bp_c_print(c, "    x[%lu] = row->%s != row->%s ? 1.0f : 0.0f;\n", first + 1, name, name);
}

/* All categories may be others. */
static void encode_category(bp_c_text *c, const bp_feature *feature, const char *name)
{
    bool some = feature->category_count > 0;

    bp_c_print(c, "    @_category(row->%s, %s%s%s, %zu, %zu, %d, %d, &x[%lu]);\n", name, some ? c->prefix : "",
               some ? "_names_" : "0", some ? name : "", feature->category_count, bp_feature_width(feature),
               (int)bp_feature_missing(feature), (int)bp_feature_other(feature), (unsigned long)feature->first);
}

static void encode_member(bp_c_text *c, const bp_c_columns *columns, size_t i)
{
    const bp_c_member *member = &columns->members[i];
    const bp_feature *feature = &columns->encoder->features[member->feature];
    const char *name = columns->names[i];

    if (feature->categories)
        encode_category(c, feature, name);
    else if (member->count == 1)
        encode_number(c, feature, member->feature, name);
    else
        bp_c_print(c,
                   "    for (i = 0; i < %zu; i++)\n"
                   "        if (!@_number(row->%s[i], @_scales_%s[i][0], @_scales_%s[i][1], @_scales_%s[i][2], &x[%lu + i]))\n"
                   "            return %zu + i;\n",
                   member->count, name, name, name, name, (unsigned long)feature->first, member->feature + 1);
}

static void define_encode(bp_c_text *c, const bp_c_columns *columns)
{
    bool numbers = false, categories = false, arrays = false;

    for (size_t i = 0; i < columns->count; i++) {
        bool categorical = columns->encoder->features[columns->members[i].feature].categories != NULL;
        numbers = numbers || !categorical;
        categories = categories || categorical;
        arrays = arrays || columns->members[i].count > 1;
    }
    if (numbers)
        bp_c_code(c, number_code);
    if (categories)
        bp_c_code(c, category_code);
    define_tables(c, columns);
    bp_c_code(c, "int @_encode(const @_row *row, float *x)\n{\n");
    bp_c_code(c, arrays ? "    int i;\n\n" : "");
    for (size_t i = 0; i < columns->count; i++)
        encode_member(c, columns, i);
    bp_c_code(c, "    return 0;\n}\n\n");
}

/* ----------------------------------------------------------------------------------------------------------- results */

/* One output says how likely the second of two classes is. */
static void define_best(bp_c_text *c, const bp_c_columns *columns)
{
    const char *share = share_of(columns);

    if (columns->encoder->outputs == 1)
        bp_c_print(c, "    result->%s[0] = 1.0f - y[0];\n    result->%s[1] = y[0];\n", share, share);
    else
        bp_c_print(c, "    for (i = 0; i < %lu; i++)\n        result->%s[i] = y[i];\n", (unsigned long)columns->encoder->outputs,
                   share);
    bp_c_print(c,
               "    result->best = 0;\n"
               "    for (i = 1; i < %zu; i++)\n"
               "        if (result->%s[i] > result->%s[result->best])\n"
               "            result->best = i;\n",
               columns->encoder->class_count, share, share);
}

static void define_values(bp_c_text *c, const bp_c_columns *columns)
{
    for (size_t i = 0; i < columns->encoder->target_count; i++) {
        bp_c_print(c, "    result->%s = (float)((double)y[%zu] * ", columns->targets[i], i);
        bp_c_f64(c, columns->encoder->targets[i].scale);
        bp_c_code(c, " + ");
        bp_c_f64(c, columns->encoder->targets[i].mean);
        bp_c_code(c, ");\n");
    }
}

void bp_c_columns_define(bp_c_text *c, const bp_c_columns *columns)
{
    const bp_encoder *encoder = columns->encoder;

    define_encode(c, columns);
    if (encoder->class_count) {
        bp_c_print(c, "const char *const @_class[%zu]", encoder->class_count);
        define_strings(c, encoder->classes, encoder->class_count);
    }
    bp_c_print(c,
               "int @_predict_row(const @_row *row, @_result *result)\n"
               "{\n"
               "    float x[%lu], y[%lu];\n"
               "    int i = @_encode(row, x);\n"
               "\n"
               "    if (i != 0)\n"
               "        return i;\n"
               "    @_predict(x, y);\n",
               (unsigned long)encoder->inputs, (unsigned long)encoder->outputs);
    (encoder->class_count ? define_best : define_values)(c, columns);
    bp_c_code(c, "    return 0;\n}\n\n");
}
