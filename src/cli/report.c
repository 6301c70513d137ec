/* Results, as JSON objects and as lines for people.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* getrusage */
#include "report.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "command.h"
#include "message.h"
#include "shown.h"

json_t *bp_json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *bp_json_count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

json_t *bp_json_numbers(const double *values, uint64_t count)
{
    json_t *array = json_array();
    for (uint64_t i = 0; i < count; i++)
        json_array_append_new(array, bp_json_number(values[i]));
    return array;
}

json_t *bp_json_floats(const float *values, uint64_t count)
{
    json_t *array = json_array();
    for (uint64_t i = 0; i < count; i++)
        json_array_append_new(array, bp_json_number((double)values[i]));
    return array;
}

json_t *bp_json_layers(const bp_network *network)
{
    json_t *array = json_array();
    bp_layer_info info;

    for (uint32_t i = 0; i < bp_network_layers(network); i++) {
        bp_network_layer(network, i, &info, NULL);
        if (i == 0)
            json_array_append_new(array, bp_json_count(info.inputs));
        json_array_append_new(array, bp_json_count(info.outputs));
    }
    return array;
}

json_t *bp_json_metrics(const bp_metrics *metrics, bp_task task)
{
    json_t *object;

    if (metrics->rows == 0)
        return json_null();
    object = json_object();
    json_object_set_new(object, "rows", bp_json_count(metrics->rows));
    json_object_set_new(object, "loss", bp_json_number(metrics->loss));
    if (task == BP_TASK_REGRESSION) {
        json_object_set_new(object, "rmse", bp_json_number(metrics->rmse));
        json_object_set_new(object, "mae", bp_json_number(metrics->mae));
        json_object_set_new(object, "r2", bp_json_number(metrics->r2));
        json_object_set_new(object, "baseline_rmse", bp_json_number(metrics->baseline_rmse));
    } else {
        json_object_set_new(object, "accuracy", bp_json_number(metrics->accuracy));
        json_object_set_new(object, "baseline_accuracy", bp_json_number(metrics->baseline_accuracy));
    }
    return object;
}

static bool memory_was_refused;

static void *watched_malloc(size_t size)
{
    void *memory = malloc(size);

    if (!memory)
        memory_was_refused = true;
    return memory;
}

void bp_json_watch_memory(void)
{
    json_set_alloc_funcs(watched_malloc, free);
}

char *bp_json_text(json_t *object, size_t flags)
{
    char *text = object ? json_dumps(object, JSON_COMPACT | flags) : NULL;

    json_decref(object);
    if (memory_was_refused) {
        free(text);
        text = NULL;
    }
    memory_was_refused = false; /* the next object may be whole */
    return text;
}

int bp_json_print(json_t *object)
{
    size_t escaped = isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0; /* jansson lets DEL and C1 through */
    char *text = bp_json_text(object, escaped);

    if (!text) {
        bp_say("no memory for the JSON object");
        return BP_EXIT_FAILED;
    }
    puts(text);
    free(text);
    return BP_EXIT_DONE;
}

void bp_metrics_print(const char *name, const bp_metrics *metrics, bp_task task)
{
    if (metrics->rows == 0)
        return;
    printf("%-11s loss %.4g, ", name, metrics->loss);
    if (task == BP_TASK_REGRESSION)
        printf("rmse %.4g (of the mean: %.4g), mae %.4g, r2 %.4f", metrics->rmse, metrics->baseline_rmse, metrics->mae,
               metrics->r2);
    else
        printf("accuracy %.4f (of the majority class: %.4f)", metrics->accuracy, metrics->baseline_accuracy);
    printf(", %llu row%s\n", (unsigned long long)metrics->rows, metrics->rows == 1 ? "" : "s");
}

uint64_t bp_peak_memory(void)
{
    struct rusage usage = {.ru_maxrss = 0};
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_maxrss * 1024;
}

void bp_layers_print(const bp_network *network)
{
    bp_layer_info info;

    for (uint32_t i = 0; i < bp_network_layers(network); i++) {
        bp_network_layer(network, i, &info, NULL);
        if (i == 0)
            printf("%lu", (unsigned long)info.inputs);
        printf("-%lu", (unsigned long)info.outputs);
    }
}

const char *bp_task_name(bp_task task)
{
    static const char *const names[] = {"auto", "regression", "binary", "multiclass"};
    return names[task];
}

void bp_setting_print(const bp_settings *settings, const char *key)
{
    char text[BP_TEXT_MAX];

    if (bp_settings_get(settings, key, text, sizeof text, NULL) == BP_OK)
        bp_shown_print(text, 0, SIZE_MAX);
}
