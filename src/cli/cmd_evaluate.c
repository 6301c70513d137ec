/* backprop evaluate: how well a model does on labelled data.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "evaluation_report.h"
#include "message.h"
#include "options.h"
#include "report.h"
#include "settings.h"
#include "shown.h"
#include "subject.h"

typedef struct judgement {
    const bp_arguments *arguments;
    bp_subject subject;
    bp_workspace *workspace;
    bp_evaluation *evaluation;
    uint32_t repeats;
    bp_importance *importance; /* [columns], or NULL: not asked for */
} judgement;

/* ---------------------------------------------------------------------------------------------------------- importance */

static json_t *json_importance(const judgement *j)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < bp_encoder_columns(j->subject.encoder); i++) {
        json_t *object = json_object();
        json_object_set_new(object, "column", json_string(j->importance[i].column));
        json_object_set_new(object, "mean", bp_json_number(j->importance[i].mean));
        json_object_set_new(object, "deviation", bp_json_number(j->importance[i].deviation));
        json_array_append_new(array, object);
    }
    return array;
}

static const char *lost_metric(const judgement *j)
{
    int32_t metric = j->arguments->settings.metric;
    bool classes = j->subject.info.classes > 0;

    return bp_metric_name(metric != BP_METRIC_AUTO ? metric : classes ? BP_METRIC_ACCURACY : BP_METRIC_R2);
}

static void print_importance(const judgement *j)
{
    printf("\n%-20s%12s%12s\n", "column", "importance", "deviation");
    for (uint32_t i = 0; i < bp_encoder_columns(j->subject.encoder); i++) {
        bp_shown_print(j->importance[i].column, 20, 19);
        printf("%12.5g", j->importance[i].mean);
        if (j->repeats > 1)
            printf("%12.2g", j->importance[i].deviation);
        putchar('\n');
    }
    printf("by how much %s is worse when the column's values are shuffled\n", lost_metric(j));
}

static bp_status weigh_columns(judgement *j, bp_error *error)
{
    const bp_subject *subject = &j->subject;
    const bp_settings *settings = &j->arguments->settings;

    if (!j->importance)
        return BP_OK;
    return bp_network_importance(subject->network, j->workspace, subject->encoder, subject->examples, (bp_rows){0},
                                 settings->metric, j->repeats, settings->seed, NULL, j->importance, NULL, error);
}

/* ---------------------------------------------------------------------------------------------------------------- whole */

static int print(const judgement *j)
{
    const bp_arguments *arguments = j->arguments;

    if (arguments->option[BP_OPTION_JSON]) {
        json_t *object = bp_json_evaluation(j->evaluation, j->subject.encoder);
        json_object_set_new(object, "task", json_string(bp_task_name((bp_task)j->subject.info.task)));
        json_object_set_new(object, "model", json_string(arguments->operands[0]));
        if (j->importance) {
            json_object_set_new(object, "importance_of", json_string(lost_metric(j)));
            json_object_set_new(object, "importance", json_importance(j));
        }
        return bp_json_print(object);
    }
    bp_evaluation_print(j->evaluation, j->subject.encoder);
    if (j->importance)
        print_importance(j);
    return BP_EXIT_DONE;
}

static int evaluate(judgement *j)
{
    const bp_arguments *arguments = j->arguments;
    const bp_subject *subject = &j->subject;
    bp_error error;
    bp_status status;

    if (arguments->option[BP_OPTION_IMPORTANCE]) {
        j->importance = calloc(bp_encoder_columns(subject->encoder), sizeof *j->importance);
        if (!j->importance) {
            bp_say("no memory for %lu columns", (unsigned long)bp_encoder_columns(subject->encoder));
            return BP_EXIT_FAILED;
        }
    }
    status = bp_workspace_create(subject->network, arguments->settings.threads, (bp_isa)arguments->settings.isa, NULL,
                                 &j->workspace, &error);
    if (status == BP_OK)
        status = bp_evaluation_create(subject->network, j->workspace, subject->encoder, subject->examples, (bp_rows){0}, NULL,
                                      &j->evaluation, &error);
    if (status == BP_OK)
        status = weigh_columns(j, &error);
    return status == BP_OK ? print(j) : bp_say_error(arguments, &error);
}

/* What only importance looks at. */
static int check(judgement *j)
{
    const bp_arguments *arguments = j->arguments;
    const char *repeats = bp_option_text(arguments, BP_OPTION_REPEATS);
    uint64_t count;

    if (!bp_option_list(repeats, 1, UINT32_MAX, &count, 1))
        return bp_say_usage(arguments->command, "--repeats '%.100s': expected a number from 1 on", repeats);
    j->repeats = (uint32_t)count;
    if (arguments->option[BP_OPTION_IMPORTANCE])
        return BP_EXIT_DONE;
    if (arguments->option[BP_OPTION_REPEATS])
        return bp_say_usage(arguments->command, "--repeats needs --importance");
    if (bp_settings_given(&arguments->settings, "metric"))
        return bp_say_usage(arguments->command, "--metric needs --importance");
    if (bp_settings_given(&arguments->settings, "seed"))
        return bp_say_usage(arguments->command, "--seed needs --importance");
    return BP_EXIT_DONE;
}

static int run(bp_arguments *arguments)
{
    judgement j = {.arguments = arguments};
    int code = check(&j);

    if (code == BP_EXIT_DONE)
        code = bp_subject_open(&j.subject, arguments, true);
    if (code == BP_EXIT_DONE)
        code = evaluate(&j);
    free(j.importance);
    bp_evaluation_free(j.evaluation);
    bp_workspace_free(j.workspace);
    bp_subject_close(&j.subject);
    return code;
}

static const char *const settings[] = {"target-file", "header", "delimiter", "decimal", "missing", "max-index", "missing-targets",
                                       "metric",      "seed",   "threads",   "isa",     "memory",  NULL};
static const bp_option_id options[] = {BP_OPTION_IMPORTANCE, BP_OPTION_REPEATS, BP_OPTION_JSON,
                                       BP_OPTION_CONFIG,     BP_OPTION_HELP,    BP_OPTIONS};

const bp_command bp_command_evaluate = {
    "evaluate", "MODEL DATA", "every metric on labelled data, beside the best constant answer", 2, 2, settings, options, run};
