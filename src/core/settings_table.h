/* The settings table as the functions over it see it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_SETTINGS_TABLE_H
#define BP_SETTINGS_TABLE_H

#include <stdbool.h>

#include "backprop.h"

typedef enum bp_setting_kind {
    BP_KIND_TEXT,     /* char[BP_TEXT_MAX] */
    BP_KIND_CHOICE,   /* int32_t: place in `values`, names separated by '|' */
    BP_KIND_REAL,     /* double */
    BP_KIND_COUNT,    /* uint64_t */
    BP_KIND_COUNT32,  /* uint32_t */
    BP_KIND_BYTES,    /* uint64_t; set by text with KiB, MiB, GiB, TiB behind it, too */
    BP_KIND_WIDTHS,   /* hidden, hidden_count */
    BP_KIND_SCHEDULE, /* schedule and its parameters, see setting_schedule.h */
} bp_setting_kind;

typedef struct bp_setting_entry {
    bp_setting setting;
    size_t offset; /* of the field in bp_settings */
    size_t end;    /* first byte behind the last field it sets */
    double min;    /* numbers: smallest and largest */
    double max;
    bp_setting_kind kind;
    bool below_max;   /* max itself is refused */
    const char *zero; /* the word that stands for 0 */
} bp_setting_entry;

#define BP_SETTINGS 50
_Static_assert(BP_SETTINGS <= 64, "`given` has a bit for each entry");

extern const bp_setting_entry bp_setting_table[BP_SETTINGS];

#define BP_SETTING_WIDTH_MAX 16777216 /* as BP_WIDTH_MAX of the network's layout, which stands in a room below */

/* Whether a number lies in the entry's range, the 0 that a word stands for left out. */
bool bp_setting_in_range(const bp_setting_entry *entry, double value);

/* How many names the `values` of a choice list. */
int32_t bp_setting_choices(const bp_setting_entry *entry);

/* The place of `text` [length] among them; -1 where it is none of them. */
int32_t bp_setting_place(const bp_setting_entry *entry, const char *text, size_t length);

/* The name at that place, "?" where there is none, NUL-terminated, cut at `capacity`. */
void bp_setting_name(const bp_setting_entry *entry, int32_t place, char *text, size_t capacity);

/* A field that holds a number, as a double: exact below 2^53, and near enough to compare with a range above. */
double bp_setting_number(const bp_setting_entry *entry, const bp_settings *settings);

#endif
