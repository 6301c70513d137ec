/* Results, as JSON objects and as lines for people.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_REPORT_H
#define BP_REPORT_H

#include <jansson.h>

#include "backprop.h"

/* null where the number is not finite, which JSON has no word for. */
json_t *bp_json_number(double value);
json_t *bp_json_count(uint64_t value);

/* values [count]; the float form is exact in double. */
json_t *bp_json_numbers(const double *values, uint64_t count);
json_t *bp_json_floats(const float *values, uint64_t count);

/* Units of each layer, inputs first. */
json_t *bp_json_layers(const bp_network *network);

/* loss, and accuracy or rmse, mae, r2, each with its baseline; null where no rows were looked at. */
json_t *bp_json_metrics(const bp_metrics *metrics, bp_task task);

/* The object as one line, from malloc; NULL where memory for any part of it was refused: jansson leaves out what it has no memory
 * for. The reference is taken. */
char *bp_json_text(json_t *object, size_t flags);

/* To be called before the first object is made. */
void bp_json_watch_memory(void);

/* One line on standard output; the reference is taken. The exit code. */
int bp_json_print(json_t *object);

/* "test loss 0.31, accuracy 0.89 (majority class: 0.1)"; nothing where no rows were looked at. */
void bp_metrics_print(const char *name, const bp_metrics *metrics, bp_task task);

/* Bytes of memory that the process has had at once, so far. */
uint64_t bp_peak_memory(void);

/* "784-512-10" */
void bp_layers_print(const bp_network *network);

/* The word for a value of a setting that is a choice. */
const char *bp_task_name(bp_task task);
void bp_setting_print(const bp_settings *settings, const char *key);

#endif
