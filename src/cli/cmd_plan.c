/* backprop plan: the machine, and how a network's steps would be computed on it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "cpu.h"
#include "message.h"
#include "plan.h"
#include "quota.h"
#include "report.h"
#include "settings.h"
#include "shape.h"
#include "topology.h"

typedef struct machine {
    bp_machine found;
    bp_quota quota;
} machine;

static const struct {
    bp_isa isa;
    const char *name;
} sets[] = {{BP_ISA_SCALAR, "scalar"}, {BP_ISA_AVX2, "avx2"}, {BP_ISA_AVX512, "avx512"}, {BP_ISA_NEON, "neon"}};
#define SETS (sizeof sets / sizeof *sets)

static void look_at(machine *m)
{
    bp_machine_read(&m->found);
    bp_quota_read("", bp_quota_affinity(), &m->quota);
}

/* -------------------------------------------------------------------------------------------------------- a network */

/* Text of the plan for --layers, to be freed; NULL, with *code set, after an error has been said. */
static char *plan_text(const bp_arguments *arguments, int *code)
{
    bp_shape shape;
    bp_layout layout;
    bp_plan *plan = malloc(sizeof *plan);
    uint32_t sizes[BP_HIDDEN_MAX + 2];
    char *text = NULL;
    bp_error error;

    *code = plan ? bp_shape_read(arguments, "", &shape) : BP_EXIT_FAILED;
    if (*code == BP_EXIT_DONE) {
        sizes[0] = shape.inputs;
        for (uint32_t i = 0; i < shape.settings.hidden_count; i++)
            sizes[i + 1] = shape.settings.hidden[i];
        sizes[shape.settings.hidden_count + 1] = shape.outputs;
        if (bp_layout_make(shape.settings.hidden_count + 1, sizes, (bp_activation)shape.settings.activation, &layout, &error) !=
                BP_OK ||
            bp_plan_make(&layout, &shape.settings, NULL, plan, &error) != BP_OK)
            *code = bp_say_error(arguments, &error);
    }
    if (*code == BP_EXIT_DONE) {
        size_t length = bp_plan_text(plan, &layout, NULL, 0);
        text = malloc(length + 1);
        if (text)
            bp_plan_text(plan, &layout, text, length + 1);
        else
            *code = BP_EXIT_FAILED;
    }
    free(plan);
    return text;
}

/* ---------------------------------------------------------------------------------------------------------- printing */

static void print_cache(const char *name, size_t bytes, uint32_t sharing)
{
    if (bytes)
        printf("%-16s %zu KiB for %lu core%s\n", name, bytes >> 10, (unsigned long)sharing, sharing == 1 ? "" : "s");
}

static void print_machine(const machine *m)
{
    const bp_topology *t = &m->found.topology;

    printf("%-16s %lu, hardware threads %lu, packages %lu, NUMA nodes %lu%s\n", "cores", (unsigned long)t->cores,
           (unsigned long)t->threads, (unsigned long)t->packages, (unsigned long)t->numa_nodes, t->reported ? "" : " (guessed)");
    print_cache("L1", t->l1_bytes, t->l1_sharing);
    print_cache("L2", t->l2_bytes, t->l2_sharing);
    print_cache("L3", t->l3_bytes, t->l3_sharing);
    printf("%-16s %lu CPUs\n", "affinity mask", (unsigned long)m->quota.affinity);
    if (m->quota.limit > 0)
        printf("%-16s %.2f CPUs\n", "quota", m->quota.limit);
    printf("%-16s", "instruction sets");
    for (size_t i = 0; i < SETS; i++)
        if (bp_cpu_has(sets[i].isa))
            printf(" %s", sets[i].name);
    printf("\n%-16s %lu at most: %s\n", "threads", (unsigned long)m->found.threads, m->found.reason);
}

static json_t *caches(const bp_topology *t)
{
    json_t *object = json_object();
    json_object_set_new(object, "l1_bytes", bp_json_count(t->l1_bytes));
    json_object_set_new(object, "l2_bytes", bp_json_count(t->l2_bytes));
    json_object_set_new(object, "l3_bytes", bp_json_count(t->l3_bytes));
    json_object_set_new(object, "l2_sharing", bp_json_count(t->l2_sharing));
    json_object_set_new(object, "l3_sharing", bp_json_count(t->l3_sharing));
    return object;
}

static int print_json(const machine *m, const char *plan)
{
    json_t *object = json_object(), *names = json_array();

    for (size_t i = 0; i < SETS; i++)
        if (bp_cpu_has(sets[i].isa))
            json_array_append_new(names, json_string(sets[i].name));
    json_object_set_new(object, "cores", bp_json_count(m->found.topology.cores));
    json_object_set_new(object, "hardware_threads", bp_json_count(m->found.topology.threads));
    json_object_set_new(object, "packages", bp_json_count(m->found.topology.packages));
    json_object_set_new(object, "numa_nodes", bp_json_count(m->found.topology.numa_nodes));
    json_object_set_new(object, "caches", caches(&m->found.topology));
    json_object_set_new(object, "affinity", bp_json_count(m->quota.affinity));
    json_object_set_new(object, "quota", m->quota.limit > 0 ? bp_json_number(m->quota.limit) : json_null());
    json_object_set_new(object, "isa", names);
    json_object_set_new(object, "threads", bp_json_count(m->found.threads));
    json_object_set_new(object, "reason", json_string(m->found.reason));
    json_object_set_new(object, "plan", plan ? json_string(plan) : json_null());
    return bp_json_print(object);
}

/* Settings of a network that is not there. */
static int check(const bp_arguments *arguments)
{
    if (!arguments->option[BP_OPTION_LAYERS])
        for (const char *const *key = arguments->command->settings; *key; key++)
            if (bp_settings_given(&arguments->settings, *key))
                return bp_say_usage(arguments->command, "--%s has no effect without --layers", *key);
    return BP_EXIT_DONE;
}

static int run(bp_arguments *arguments)
{
    machine m;
    char *plan = NULL;
    int code = check(arguments);

    if (code == BP_EXIT_DONE && arguments->option[BP_OPTION_LAYERS])
        plan = plan_text(arguments, &code);
    if (code != BP_EXIT_DONE)
        return code;
    look_at(&m);
    if (arguments->option[BP_OPTION_JSON]) {
        code = print_json(&m, plan);
    } else {
        print_machine(&m);
        if (plan)
            printf("\n%s", plan);
    }
    free(plan);
    return code;
}

static const char *const settings[] = {"activation",    "loss",      "optimizer", "batch-size", "threads",
                                       "exact-threads", "precision", "gradient",  "isa",        NULL};
static const bp_option_id options[] = {BP_OPTION_LAYERS, BP_OPTION_JSON, BP_OPTION_CONFIG, BP_OPTION_HELP, BP_OPTIONS};

const bp_command bp_command_plan = {
    "plan",  "", "the machine and, with --layers, how a network's steps are computed on it, with reasons", 0, 0, settings,
    options, run};
