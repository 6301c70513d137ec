/* backprop evaluate: how well a model does on labelled data.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "evaluation_report.h"
#include "message.h"
#include "report.h"
#include "subject.h"

static int print(const bp_arguments *arguments, const bp_subject *subject, const bp_evaluation *evaluation)
{
    if (arguments->option[BP_OPTION_JSON]) {
        json_t *object = bp_json_evaluation(evaluation, subject->encoder);
        json_object_set_new(object, "task", json_string(bp_task_name((bp_task)subject->info.task)));
        json_object_set_new(object, "model", json_string(arguments->operands[0]));
        return bp_json_print(object);
    }
    bp_evaluation_print(evaluation, subject->encoder);
    return BP_EXIT_DONE;
}

static int evaluate(const bp_arguments *arguments, const bp_subject *subject)
{
    bp_evaluation *evaluation = NULL;
    bp_workspace *workspace;
    bp_error error;
    bp_status status;

    status = bp_workspace_create(subject->network, arguments->settings.threads, (bp_isa)arguments->settings.isa, NULL, &workspace,
                                 &error);
    if (status != BP_OK)
        return bp_say_error(arguments, &error);
    status = bp_evaluation_create(subject->network, workspace, subject->encoder, subject->examples,
                                  (bp_rows){NULL, bp_examples_rows(subject->examples)}, NULL, &evaluation, &error);
    bp_workspace_free(workspace);
    int code = status == BP_OK ? print(arguments, subject, evaluation) : bp_say_error(arguments, &error);
    bp_evaluation_free(evaluation);
    return code;
}

static int run(bp_arguments *arguments)
{
    bp_subject subject;
    int code = bp_subject_open(&subject, arguments, true);

    if (code == BP_EXIT_DONE)
        code = evaluate(arguments, &subject);
    bp_subject_close(&subject);
    return code;
}

static const char *const settings[] = {"target-file",     "header",  "delimiter", "decimal", "missing",
                                       "missing-targets", "threads", "isa",       NULL};
static const bp_option_id options[] = {BP_OPTION_JSON, BP_OPTION_CONFIG, BP_OPTION_HELP, BP_OPTIONS};

const bp_command bp_command_evaluate = {
    "evaluate", "MODEL DATA", "every metric on labelled data, beside the best constant answer", 2, 2, settings, options, run};
