/* Settings: defaults, and values from and to text, by the settings table.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <stdio.h>
#include <string.h>

#include "error.h"
#include "float_state.h"
#include "nearest.h"
#include "setting_schedule.h"
#include "settings_table.h"
#include "text.h"

/* ---------------------------------------------------------------------------------------------------------- finding */

static const bp_setting_entry *find(const char *key)
{
    for (size_t i = 0; i < BP_SETTINGS; i++)
        if (key && strcmp(bp_setting_table[i].setting.key, key) == 0)
            return &bp_setting_table[i];
    return NULL;
}

const bp_setting *bp_setting_at(size_t index)
{
    return index < BP_SETTINGS ? &bp_setting_table[index].setting : NULL;
}

const bp_setting *bp_setting_find(const char *key, size_t *index)
{
    const bp_setting_entry *found = find(key);
    if (found && index)
        *index = (size_t)(found - bp_setting_table);
    return found ? &found->setting : NULL;
}

bool bp_settings_given(const bp_settings *settings, const char *key)
{
    const bp_setting_entry *found = find(key);
    return found && (settings->given >> (found - bp_setting_table) & 1);
}

void bp_settings_unset(bp_settings *settings, const char *key)
{
    const bp_setting_entry *found = find(key);

    if (found)
        settings->given &= ~(UINT64_C(1) << (found - bp_setting_table));
}

static void fail_unknown(const char *key, bp_error *error)
{
    const char *names[BP_SETTINGS], *nearest;

    for (size_t i = 0; i < BP_SETTINGS; i++)
        names[i] = bp_setting_table[i].setting.key;
    nearest = key ? bp_nearest_name(key, names, BP_SETTINGS) : NULL;
    bp_fail(error, BP_INVALID, "'%.100s' is not a setting%s%s%s", key ? key : "NULL", nearest ? "; did you mean '" : "",
            nearest ? nearest : "", nearest ? "'?" : "");
}

/* The entry, if the caller's struct is long enough to hold it; else NULL, with BP_INVALID in *error. */
static const bp_setting_entry *find_held(const bp_settings *settings, const char *key, bp_error *error)
{
    const bp_setting_entry *found = find(key);
    if (!found)
        fail_unknown(key, error);
    else if (found->end > settings->size)
        bp_fail(error, BP_INVALID, "setting '%s' is newer than the header that the program was compiled with", key);
    return found && found->end <= settings->size ? found : NULL;
}

/* ---------------------------------------------------------------------------------------------------------- reading */

static void *field(const bp_setting_entry *entry, bp_settings *settings)
{
    return (char *)settings + entry->offset;
}

static const void *field_const(const bp_setting_entry *entry, const bp_settings *settings)
{
    return (const char *)settings + entry->offset;
}

static bp_status refuse(const bp_setting_entry *entry, const char *text, const char *wanted, bp_error *error)
{
    return bp_fail(error, BP_INVALID, "%s '%.100s': %s", entry->setting.key, text, wanted);
}

static bp_status fail_choice(const bp_setting_entry *entry, const char *text, bp_error *error)
{
    return bp_fail(error, BP_INVALID, "%s '%.100s': expected %s", entry->setting.key, text, entry->setting.values);
}

static bp_status read_choice(const bp_setting_entry *entry, bp_settings *settings, const char *text, bp_error *error)
{
    int32_t place = bp_setting_place(entry, text, strlen(text));
    if (place < 0)
        return fail_choice(entry, text, error);
    *(int32_t *)field(entry, settings) = place;
    return BP_OK;
}

static bp_status read_text(const bp_setting_entry *entry, bp_settings *settings, const char *text, bp_error *error)
{
    size_t length = strlen(text);
    if (length >= BP_TEXT_MAX)
        return bp_fail(error, BP_INVALID, "%s: text of %zu bytes, at most %d", entry->setting.key, length, BP_TEXT_MAX - 1);
    if (bp_text_utf8_prefix(text, length) != length)
        return bp_fail(error, BP_INVALID, "%s: text is not UTF-8", entry->setting.key);
    memcpy(field(entry, settings), text, length + 1);
    return BP_OK;
}

static bp_status fail_range(const bp_setting_entry *entry, const char *text, const char *what, bp_error *error)
{
    char low[32], high[32];
    bp_text_f64(entry->min, low);
    if (entry->max < 0x1p64)
        bp_text_f64(entry->max, high);
    else
        snprintf(high, sizeof high, "%llu", (unsigned long long)UINT64_MAX); /* which is no double */
    return bp_fail(error, BP_INVALID, "%s '%.100s': expected %s from %s to %s%s%s%s", entry->setting.key, text, what, low,
                   entry->below_max ? "below " : "", high, entry->zero ? ", or " : "", entry->zero ? entry->zero : "");
}

static bool stands_for_zero(const bp_setting_entry *entry, const char *text)
{
    return entry->zero && strcmp(entry->zero, text) == 0;
}

static bp_status read_real(const bp_setting_entry *entry, bp_settings *settings, const char *text, bp_error *error)
{
    double value = 0;

    if (!stands_for_zero(entry, text) && (!bp_text_parse_f64(text, strlen(text), &value) || !bp_setting_in_range(entry, value)))
        return fail_range(entry, text, "a number", error);
    *(double *)field(entry, settings) = value + 0.0; /* no -0 */
    return BP_OK;
}

static bp_status read_count(const bp_setting_entry *entry, bp_settings *settings, const char *text, bp_error *error)
{
    uint64_t value = 0;

    if (!stands_for_zero(entry, text) &&
        (!bp_text_parse_u64(text, strlen(text), &value) || !bp_setting_in_range(entry, (double)value)))
        return fail_range(entry, text, "a whole number", error);
    if (entry->kind == BP_KIND_COUNT32)
        *(uint32_t *)field(entry, settings) = (uint32_t)value;
    else
        *(uint64_t *)field(entry, settings) = value;
    return BP_OK;
}

/* A number of bytes, with or without a unit. */
static bp_status read_bytes(const bp_setting_entry *entry, bp_settings *settings, const char *text, bp_error *error)
{
    static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};
    size_t digits = strspn(text, "0123456789");
    uint64_t value = 0;

    for (unsigned power = 0; power < sizeof units / sizeof *units; power++)
        if (strcmp(text + digits, units[power]) == 0 && bp_text_parse_u64(text, digits, &value) && value > 0 &&
            value <= UINT64_MAX >> 10 * power) {
            *(uint64_t *)field(entry, settings) = value << 10 * power;
            return BP_OK;
        }
    if (!stands_for_zero(entry, text))
        return refuse(entry, text, "expected bytes such as 500MiB or 8GiB, or auto", error);
    *(uint64_t *)field(entry, settings) = 0;
    return BP_OK;
}

static bp_status read_widths(const bp_setting_entry *entry, bp_settings *settings, const char *text, bp_error *error)
{
    uint32_t widths[BP_HIDDEN_MAX], count = 0;

    for (const char *at = text; strcmp(text, "none") != 0;) {
        size_t length = strcspn(at, ",");
        uint64_t width;
        if (!bp_text_parse_u64(at, length, &width) || width < 1 || width > BP_SETTING_WIDTH_MAX)
            return refuse(entry, text, "expected layer sizes such as 512,256, or none", error);
        if (count == BP_HIDDEN_MAX)
            return refuse(entry, text, "more than 64 layers", error);
        widths[count++] = (uint32_t)width;
        if (!at[length])
            break;
        at += length + 1;
    }
    memset(settings->hidden, 0, sizeof settings->hidden);
    memcpy(settings->hidden, widths, count * sizeof *widths);
    settings->hidden_count = count;
    return BP_OK;
}

static bp_status read_entry(const bp_setting_entry *entry, bp_settings *settings, const char *text, bp_error *error)
{
    switch (entry->kind) {
    case BP_KIND_TEXT:
        return read_text(entry, settings, text, error);
    case BP_KIND_CHOICE:
        return read_choice(entry, settings, text, error);
    case BP_KIND_REAL:
        return read_real(entry, settings, text, error);
    case BP_KIND_WIDTHS:
        return read_widths(entry, settings, text, error);
    case BP_KIND_SCHEDULE:
        return bp_schedule_read(entry, settings, text, error);
    case BP_KIND_BYTES:
        return read_bytes(entry, settings, text, error);
    case BP_KIND_COUNT:
    case BP_KIND_COUNT32:
        break;
    }
    return read_count(entry, settings, text, error);
}

static BP_OUT_OF_LINE void initialise(bp_settings *settings, size_t size)
{
    memset(settings, 0, size);
    settings->size = size;
    for (const bp_setting_entry *entry = bp_setting_table; entry < bp_setting_table + BP_SETTINGS; entry++)
        if (entry->end <= size)
            (void)read_entry(entry, settings, entry->setting.initial, NULL); /* a test reads every default */
}

void bp_settings_init(bp_settings *settings, size_t size)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    initialise(settings, size);
    bp_float_end(host);
}

static BP_OUT_OF_LINE bp_status set_from_text(bp_settings *settings, const char *key, const char *text, bp_error *error)
{
    const bp_setting_entry *entry = find_held(settings, key, error);

    if (!entry)
        return BP_INVALID;
    if (!text)
        return bp_fail(error, BP_INVALID, "%s: a value is needed", key);
    BP_TRY(read_entry(entry, settings, text, error));
    settings->given |= (uint64_t)1 << (entry - bp_setting_table);
    return BP_OK;
}

bp_status bp_settings_set(bp_settings *settings, const char *key, const char *text, bp_error *error)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT);
    bp_status status = set_from_text(settings, key, text, error);
    bp_float_end(host);
    return status;
}

/* ---------------------------------------------------------------------------------------------------------- writing */

static void write_widths(const bp_settings *settings, char *text, size_t capacity)
{
    size_t used = 0;

    snprintf(text, capacity, "none");
    for (uint32_t i = 0; i < settings->hidden_count && i < BP_HIDDEN_MAX && used < capacity; i++)
        used += (size_t)snprintf(text + used, capacity - used, "%s%lu", i ? "," : "", (unsigned long)settings->hidden[i]);
}

static uint64_t count_of(const bp_setting_entry *from, const bp_settings *settings)
{
    const void *value = field_const(from, settings);
    return from->kind == BP_KIND_COUNT32 ? *(const uint32_t *)value : *(const uint64_t *)value;
}

static void write_number(const bp_setting_entry *from, const bp_settings *settings, char *text, size_t capacity)
{
    char number[32];

    if (from->kind == BP_KIND_REAL)
        bp_text_f64(*(const double *)field_const(from, settings), number);
    else
        snprintf(number, sizeof number, "%llu", (unsigned long long)count_of(from, settings));
    snprintf(text, capacity, "%s", from->zero && strcmp(number, "0") == 0 ? from->zero : number);
}

bp_status bp_settings_get(const bp_settings *settings, const char *key, char *text, size_t capacity, bp_error *error)
{
    const bp_setting_entry *from = find_held(settings, key, error);

    if (!from)
        return BP_INVALID;
    if (capacity == 0)
        return bp_fail(error, BP_INVALID, "%s: no room for a value", key);
    switch (from->kind) {
    case BP_KIND_TEXT:
        snprintf(text, capacity, "%s", (const char *)field_const(from, settings));
        break;
    case BP_KIND_CHOICE:
        bp_setting_name(from, *(const int32_t *)field_const(from, settings), text, capacity);
        break;
    case BP_KIND_WIDTHS:
        write_widths(settings, text, capacity);
        break;
    case BP_KIND_SCHEDULE:
        bp_schedule_write(from, settings, text, capacity);
        break;
    case BP_KIND_REAL:
    case BP_KIND_COUNT:
    case BP_KIND_COUNT32:
    case BP_KIND_BYTES:
        write_number(from, settings, text, capacity);
        break;
    }
    return BP_OK;
}

void bp_settings_complete(const bp_settings *settings, bp_settings *full)
{
    bp_settings_init(full, sizeof *full);
    memcpy(full, settings, settings->size < sizeof *full ? (size_t)settings->size : sizeof *full);
    full->size = sizeof *full;
}
