/* The separator is found so: of tab, ';', '|' and ',' the first that stands equally often, and at least once, in each of the first
 * records, up to 100 of them, as far as they end within the first 64 KiB; places inside quotes do not count. In that order, since
 * commas stand in numbers and sentences, the others hardly ever. Where none fits it is ',', with a decimal comma ';'.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "csv_dialect.h"

#include <math.h>
#include <string.h>

#include "error.h"
#include "float_state.h"
#include "memory.h"
#include "settings.h"
#include "size.h"
#include "text.h"

#define LOOKED_AT ((size_t)65536)
#define RECORDS 100
#define NUMBER_MAX 512 /* bytes of a number, as text.h takes them */

static const char candidates[] = "\t;|,";
#define CANDIDATES (sizeof candidates - 1)

/* --------------------------------------------------------------------------------------------------------- separator */

typedef struct record_counts {
    size_t first[CANDIDATES]; /* in the first record */
    size_t here[CANDIDATES];  /* in this one */
    bool differs[CANDIDATES];
    size_t records;
} record_counts;

static void end_record(record_counts *counts)
{
    for (size_t i = 0; i < CANDIDATES; i++) {
        if (counts->records == 0)
            counts->first[i] = counts->here[i];
        counts->differs[i] |= counts->here[i] != counts->first[i];
        counts->here[i] = 0;
    }
    counts->records++;
}

/* `text` ends where the source ends or the look at it does; in the latter case the last record is cut off and does not count,
 * unless it is the only one. */
static void count_records(record_counts *counts, const char *text, size_t size, bool whole)
{
    bool inside = false, blank = true;

    for (size_t i = 0; i < size && counts->records < RECORDS; i++) {
        inside ^= text[i] == '"';
        if (inside || (text[i] != '\n' && text[i] != '\r')) {
            const char *found = inside || !text[i] ? NULL : strchr(candidates, text[i]);
            if (found)
                counts->here[found - candidates]++;
            blank = false;
        } else if (text[i] == '\n' && !blank) {
            end_record(counts);
            blank = true;
        }
    }
    if (!blank && (counts->records == 0 || whole))
        end_record(counts);
}

static char choose_separator(const record_counts *counts, char point)
{
    for (size_t i = 0; i < CANDIDATES; i++)
        if (candidates[i] != point && counts->first[i] && !counts->differs[i])
            return candidates[i];
    return point == ',' ? ';' : ',';
}

static bp_status find_separator(bp_csv_dialect *dialect, const bp_csv_source *source, bp_error *error)
{
    size_t size = source->size < LOOKED_AT ? (size_t)source->size : LOOKED_AT;
    char *text = bp_allocate(&source->allocator, size);
    record_counts counts = {0};

    if (!text)
        return bp_fail(error, BP_NO_MEMORY, "%s: %zu bytes of memory were refused", source->path, size);
    bp_status status = bp_csv_source_read(source, 0, text, size, error);
    if (status == BP_OK) {
        size_t mark = size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
        count_records(&counts, text + mark, size - mark, size == source->size);
        dialect->separator = choose_separator(&counts, dialect->point);
    }
    bp_release(&source->allocator, text, size);
    return status;
}

/* ------------------------------------------------------------------------------------------------------------ missing */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; /* ASCII alone, whatever the host's locale */
}

static bool is_word(bp_csv_field field, bp_csv_field word)
{
    if (field.length != word.length)
        return false;
    for (size_t i = 0; i < field.length; i++)
        if (lower(field.text[i]) != lower(word.text[i]))
            return false;
    return true;
}

/* Takes the next text off a list TEXT[,TEXT...]; false at its end. */
static bool next_missing(const char **list, bp_csv_field *word)
{
    if (!**list)
        return false;
    *word = (bp_csv_field){*list, strcspn(*list, ",")};
    *list += word->length + ((*list)[word->length] == ',');
    *word = bp_csv_trim(*word);
    return true;
}

static void learn_missing(bp_csv_dialect *dialect)
{
    const char *list = dialect->missing;
    bp_csv_field word;
    double value;

    while (next_missing(&list, &word)) {
        if (!word.length)
            continue;
        for (int c = 0; c < 256; c++)
            dialect->begins_missing[c] |= lower((char)c) == lower(word.text[0]);
        dialect->missing_numbers |= bp_text_parse_f64(word.text, word.length, &value);
    }
}

bool bp_csv_is_missing(const bp_csv_dialect *dialect, bp_csv_field field)
{
    const char *list = dialect->missing;
    bp_csv_field word;

    if (field.length == 0)
        return true;
    if (!dialect->begins_missing[(unsigned char)field.text[0]])
        return false;
    while (next_missing(&list, &word))
        if (is_word(field, word))
            return true;
    return false;
}

bool bp_csv_is_missing_number(const bp_csv_dialect *dialect, double value)
{
    const char *list = dialect->missing;
    bp_csv_field word;
    double one;

    while (next_missing(&list, &word))
        if (bp_text_parse_f64(word.text, word.length, &one) && one == value)
            return true;
    return false;
}

/* ------------------------------------------------------------------------------------------------------------- fields */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bp_csv_field bp_csv_trim(bp_csv_field field)
{
    while (field.length && is_blank(field.text[0]))
        field = (bp_csv_field){field.text + 1, field.length - 1};
    while (field.length && is_blank(field.text[field.length - 1]))
        field.length--;
    return field;
}

/* Of a field that is not empty: that would be missing. */
static bool is_infinite_word(bp_csv_field field)
{
    if (field.text[0] == '+' || field.text[0] == '-')
        field = (bp_csv_field){field.text + 1, field.length - 1};
    return is_word(field, (bp_csv_field){"inf", 3}) || is_word(field, (bp_csv_field){"infinity", 8});
}

/* text.h knows the point alone. */
static bool parse_number(const bp_csv_dialect *dialect, bp_csv_field field, double *value)
{
    char copy[NUMBER_MAX];

    if (dialect->point == '.')
        return bp_text_parse_f64(field.text, field.length, value);
    if (field.length > sizeof copy || memchr(field.text, '.', field.length))
        return false;
    for (size_t i = 0; i < field.length; i++)
        copy[i] = field.text[i] == dialect->point ? '.' : field.text[i];
    return bp_text_parse_f64(copy, field.length, value);
}

bp_csv_kind bp_csv_classify(const bp_csv_dialect *dialect, bp_csv_field field, double *value)
{
    field = bp_csv_trim(field);
    *value = 0;
    if (bp_csv_is_missing(dialect, field))
        return BP_CSV_MISSING;
    if (parse_number(dialect, field, value))
        return dialect->missing_numbers && bp_csv_is_missing_number(dialect, *value) ? BP_CSV_MISSING : BP_CSV_NUMBER;
    return isinf(*value) || is_infinite_word(field) ? BP_CSV_INFINITE : BP_CSV_TEXT;
}

/* -------------------------------------------------------------------------------------------------------------- whole */

/* "auto", "tab", or a character. */
static char told_separator(const char *delimiter)
{
    if (strcmp(delimiter, "auto") == 0)
        return 0;
    return strcmp(delimiter, "tab") == 0 ? '\t' : delimiter[0];
}

static BP_OUT_OF_LINE bp_status make_dialect(bp_csv_dialect *dialect, const bp_csv_source *source, char usual,
                                             const bp_settings *settings, bp_error *error)
{
    char told = told_separator(settings->delimiter);

    BP_TRY(bp_settings_check_delimiter(settings, error));
    *dialect = (bp_csv_dialect){
        .separator = told ? told : usual, .point = settings->decimal == BP_DECIMAL_COMMA ? ',' : '.', .missing = settings->missing};
    learn_missing(dialect);
    return dialect->separator ? BP_OK : find_separator(dialect, source, error);
}

bp_status bp_csv_dialect_make(bp_csv_dialect *dialect, const bp_csv_source *source, char usual, const bp_settings *settings,
                              bp_error *error)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT); /* some texts of `missing` are numbers */
    bp_status status = make_dialect(dialect, source, usual, settings, error);
    bp_float_end(host);
    return status;
}
