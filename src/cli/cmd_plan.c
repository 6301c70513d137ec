/* backprop plan: the machine, and how a network's steps would be computed on it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "cpu.h"
#include "footprint.h"
#include "machine.h"
#include "message.h"
#include "report.h"
#include "settings.h"
#include "shape.h"

typedef struct machine {
    bp_machine found;
    bp_quota quota;
    bool imagined; /* told by --machine: it has no mask and no quota */
} machine;

static const struct {
    bp_isa isa;
    const char *name;
} sets[] = {
    {BP_ISA_SCALAR, "scalar"}, {BP_ISA_AVX2, "avx2"}, {BP_ISA_AVX512, "avx512"}, {BP_ISA_AMX, "amx"}, {BP_ISA_NEON, "neon"}};
#define SETS (sizeof sets / sizeof *sets)

static int look_at(const bp_arguments *arguments, machine *m)
{
    const char *description = arguments->option[BP_OPTION_MACHINE];

    *m = (machine){.imagined = description != NULL};
    if (description)
        return bp_machine_imagine(description, &m->found)
                   ? BP_EXIT_DONE
                   : bp_say_usage(arguments->command, "--machine '%.200s': expected a description such as 'package:2 core:32 pu:1'",
                                  description);
    bp_machine_read(&m->found);
    bp_quota_read("", bp_quota_affinity(), &m->quota);
    return BP_EXIT_DONE;
}

/* -------------------------------------------------------------------------------------------------------- a network */

typedef struct planned {
    bp_layout layout;
    bp_plan plan;
    bp_footprint memory;
    char *text;
} planned;

static bp_status make_layout(const bp_shape *shape, bp_layout *layout, bp_error *error)
{
    uint32_t sizes[BP_HIDDEN_MAX + 2], count = shape->settings.hidden_count;

    sizes[0] = shape->inputs;
    for (uint32_t i = 0; i < count; i++)
        sizes[i + 1] = shape->settings.hidden[i];
    sizes[count + 1] = shape->outputs;
    return bp_layout_make(count + 1, sizes, (bp_activation)shape->settings.activation, layout, error);
}

static int no_memory(void)
{
    bp_say("no memory");
    return BP_EXIT_FAILED;
}

/* On the machine of --machine, or on this one, which is looked at only if there is more than one thread's work. */
static int make_plan(const bp_arguments *arguments, const machine *m, planned *p)
{
    bp_shape shape;
    bp_error error;
    int code = bp_shape_read(arguments, "", &shape);

    if (code != BP_EXIT_DONE)
        return code;
    if (make_layout(&shape, &p->layout, &error) != BP_OK ||
        bp_plan_make(&p->layout, &shape.settings, m->imagined ? &m->found : NULL, &p->plan, &error) != BP_OK)
        return bp_say_error(arguments, &error);
    p->memory = bp_footprint_of(&p->layout, &p->plan);
    size_t length = bp_plan_text(&p->plan, &p->layout, NULL, 0);
    p->text = malloc(length + 1);
    if (!p->text)
        return no_memory();
    bp_plan_text(&p->plan, &p->layout, p->text, length + 1);
    return BP_EXIT_DONE;
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
    if (!m->imagined)
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

static json_t *memory(const bp_footprint *f)
{
    json_t *object = json_object();

    json_object_set_new(object, "example_bytes", bp_json_count(f->example));
    json_object_set_new(object, "parameters_bytes", bp_json_count(f->parameters));
    json_object_set_new(object, "optimizer_bytes", bp_json_count(f->optimizer));
    json_object_set_new(object, "activations_bytes", bp_json_count(f->activations));
    json_object_set_new(object, "gradients_bytes", bp_json_count(f->gradients));
    json_object_set_new(object, "packed_bytes", bp_json_count(f->packed));
    json_object_set_new(object, "state_bytes", bp_json_count(f->state));
    json_object_set_new(object, "total_bytes_without_examples", bp_json_count(bp_footprint_total(f, 0)));
    return object;
}

/* What the model expects, in the units and by the phases of bench. */
static json_t *expected(const bp_plan *plan)
{
    const bp_cost *cost = &plan->cost;
    json_t *object = json_object(), *phases = json_object();

    json_object_set_new(phases, "gather", bp_json_number(1e-6 * cost->gather));
    json_object_set_new(phases, "forward", bp_json_number(1e-6 * cost->forward));
    json_object_set_new(phases, "loss", bp_json_number(1e-6 * cost->loss));
    json_object_set_new(phases, "backward", bp_json_number(1e-6 * cost->backward));
    json_object_set_new(phases, "gradient", bp_json_number(1e-6 * cost->gradient));
    json_object_set_new(phases, "wait", bp_json_number(1e-6 * cost->barriers));
    json_object_set_new(object, "step_seconds", bp_json_number(1e-6 * cost->step));
    json_object_set_new(object, "step_seconds_of_one_thread", bp_json_number(1e-6 * plan->microseconds));
    json_object_set_new(object, "threads", bp_json_count(plan->threads));
    json_object_set_new(object, "gradient", json_string(plan->blocks ? "buffers" : "tiles"));
    json_object_set_new(object, "phase_seconds", phases);
    return object;
}

static int print_json(const machine *m, const planned *p)
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
    json_object_set_new(object, "affinity", m->imagined ? json_null() : bp_json_count(m->quota.affinity));
    json_object_set_new(object, "quota", m->quota.limit > 0 ? bp_json_number(m->quota.limit) : json_null());
    json_object_set_new(object, "isa", names);
    json_object_set_new(object, "threads", bp_json_count(m->found.threads));
    json_object_set_new(object, "reason", json_string(m->found.reason));
    json_object_set_new(object, "plan", p->text ? json_string(p->text) : json_null());
    json_object_set_new(object, "memory", p->text ? memory(&p->memory) : json_null());
    json_object_set_new(object, "expected", p->text ? expected(&p->plan) : json_null());
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

static int print(const bp_arguments *arguments, const machine *m, const planned *p)
{
    if (arguments->option[BP_OPTION_JSON])
        return print_json(m, p);
    print_machine(m);
    if (p->text)
        printf("\n%s", p->text);
    return BP_EXIT_DONE;
}

static int run(bp_arguments *arguments)
{
    planned *p = calloc(1, sizeof *p);
    machine m;
    int code = p ? check(arguments) : no_memory();

    if (code == BP_EXIT_DONE)
        code = look_at(arguments, &m);
    if (code == BP_EXIT_DONE && arguments->option[BP_OPTION_LAYERS])
        code = make_plan(arguments, &m, p);
    if (code == BP_EXIT_DONE)
        code = print(arguments, &m, p);
    free(p ? p->text : NULL);
    free(p);
    return code;
}

static const char *const settings[] = {"activation",    "loss",      "optimizer", "batch-size", "threads",
                                       "exact-threads", "precision", "gradient",  "isa",        NULL};
static const bp_option_id options[] = {BP_OPTION_LAYERS, BP_OPTION_MACHINE, BP_OPTION_JSON,
                                       BP_OPTION_CONFIG, BP_OPTION_HELP,    BP_OPTIONS};

const bp_command bp_command_plan = {
    "plan",  "", "the machine and, with --layers, how a network's steps are computed on it, with reasons", 0, 0, settings,
    options, run};
