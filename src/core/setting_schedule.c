/* SPDX-License-Identifier: Apache-2.0 */
#include "setting_schedule.h"

#include <stdio.h>
#include <string.h>

#include "error.h"
#include "text.h"

typedef struct parameter {
    const char *key;
    unsigned schedules; /* bit s: schedule s has it */
    size_t offset;      /* of a uint64_t, of the factor's double: 8 bytes each */
    uint64_t least;
    uint64_t initial; /* the factor's 0.0 stands for the schedule's own */
} parameter;

#define OF(schedule) (1u << (schedule))
#define ALL (OF(BP_PLATEAU + 1) - 1)
#define FACTOR 2

static const parameter parameters[] = {
    {"warmup", ALL, offsetof(bp_settings, warmup), 0, 0},
    {"every", OF(BP_STEP), offsetof(bp_settings, schedule_every), 1, 30},
    [FACTOR] = {"factor", OF(BP_STEP) | OF(BP_EXPONENTIAL) | OF(BP_PLATEAU), offsetof(bp_settings, schedule_factor), 0, 0},
    {"patience", OF(BP_PLATEAU), offsetof(bp_settings, schedule_patience), 0, 4},
};

enum { PARAMETERS = sizeof parameters / sizeof *parameters };

static bool has(int32_t schedule, const parameter *p)
{
    return p->schedules & OF((unsigned)schedule);
}

double bp_schedule_factor(const bp_settings *settings)
{
    if (settings->schedule_factor > 0.0)
        return settings->schedule_factor;
    return settings->schedule == BP_EXPONENTIAL ? 0.95 : 0.1;
}

/* The parameter that "KEY=" at `text` names; NULL where the schedule has none such. */
static const parameter *named(int32_t schedule, const char *text)
{
    size_t length = strcspn(text, "=,");

    for (const parameter *p = parameters; text[length] == '=' && p < parameters + PARAMETERS; p++)
        if (strlen(p->key) == length && memcmp(p->key, text, length) == 0)
            return has(schedule, p) ? p : NULL;
    return NULL;
}

static bool read_value(const parameter *p, const char *text, size_t length, uint64_t *value)
{
    double factor;

    if (p == &parameters[FACTOR]) {
        if (!bp_text_parse_f64(text, length, &factor) || !(factor > 0.0 && factor < 1.0))
            return false;
        memcpy(value, &factor, sizeof factor);
        return true;
    }
    return bp_text_parse_u64(text, length, value) && *value >= p->least;
}

static bp_status fail_parameter(const bp_setting_entry *entry, int32_t schedule, const char *text, bp_error *error)
{
    char name[32], keys[100] = "";
    size_t used = 0;

    bp_setting_name(entry, schedule, name, sizeof name);
    for (const parameter *p = parameters; p < parameters + PARAMETERS; p++)
        if (has(schedule, p))
            used += (size_t)snprintf(keys + used, sizeof keys - used, "%s%s=%s", used ? ", " : "", p->key,
                                     p == &parameters[FACTOR] ? "F (above 0, below 1)" : "N");
    return bp_fail(error, BP_INVALID, "%s '%.100s': %s takes %s, as in %s:warmup=100", entry->setting.key, text, name, keys, name);
}

bp_status bp_schedule_read(const bp_setting_entry *entry, bp_settings *settings, const char *text, bp_error *error)
{
    size_t length = strcspn(text, ":");
    int32_t schedule = bp_setting_place(entry, text, length);
    uint64_t values[PARAMETERS];

    if (schedule < 0)
        return bp_fail(error, BP_INVALID, "%s '%.100s': expected %s", entry->setting.key, text, entry->setting.values);
    for (size_t i = 0; i < PARAMETERS; i++)
        values[i] = parameters[i].initial;
    for (const char *at = text + length; *at; at += strcspn(at, ",")) {
        const parameter *p = named(schedule, ++at);
        at += strcspn(at, "=,") + (p ? 1 : 0);
        if (!p || !read_value(p, at, strcspn(at, ","), &values[p - parameters]))
            return fail_parameter(entry, schedule, text, error);
    }
    settings->schedule = schedule;
    for (size_t i = 0; i < PARAMETERS; i++)
        memcpy((char *)settings + parameters[i].offset, &values[i], sizeof values[i]);
    return BP_OK;
}

static void write_value(const parameter *p, const bp_settings *settings, char text[32])
{
    uint64_t count;

    if (p == &parameters[FACTOR]) {
        bp_text_f64(bp_schedule_factor(settings), text);
        return;
    }
    memcpy(&count, (const char *)settings + p->offset, sizeof count);
    snprintf(text, 32, "%llu", (unsigned long long)count);
}

void bp_schedule_write(const bp_setting_entry *entry, const bp_settings *settings, char *text, size_t capacity)
{
    char all[160], value[32];
    size_t used;

    bp_setting_name(entry, settings->schedule, all, 32);
    used = strlen(all);
    for (const parameter *p = parameters; p < parameters + PARAMETERS; p++) {
        if (!has(settings->schedule, p) || (p == parameters && !settings->warmup))
            continue;
        write_value(p, settings, value);
        used += (size_t)snprintf(all + used, sizeof all - used, "%c%s=%s", strchr(all, ':') ? ',' : ':', p->key, value);
    }
    snprintf(text, capacity, "%s", all);
}

bp_status bp_schedule_check(const bp_settings *settings, bp_error *error)
{
    if (settings->schedule == BP_STEP && settings->schedule_every < 1)
        return bp_fail(error, BP_INVALID, "schedule: step's every is 0; 1 epoch at least");
    if (!(settings->schedule_factor >= 0.0 && settings->schedule_factor < 1.0))
        return bp_fail(error, BP_INVALID, "schedule: a factor must lie above 0 and below 1");
    if (settings->schedule == BP_PLATEAU && settings->patience && settings->schedule_patience + 1 >= settings->patience)
        return bp_fail(
            error, BP_INVALID,
            "schedule: plateau's patience of %llu has no effect: training stops after %llu epochs without a better metric; "
            "take a smaller one, or a larger --patience",
            (unsigned long long)settings->schedule_patience, (unsigned long long)settings->patience);
    return BP_OK;
}
