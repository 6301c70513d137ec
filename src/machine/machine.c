/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

#include <stdio.h>

#include "backprop.h"
#include "float_state.h"

static void say_cores(bp_machine *machine)
{
    uint32_t cores = machine->topology.cores;

    machine->threads = cores;
    snprintf(machine->reason, sizeof machine->reason, "%u physical core%s", cores, cores == 1 ? "" : "s");
}

static BP_OUT_OF_LINE void read_machine(bp_machine *machine)
{
    bp_quota quota;

    bp_quota_read("", bp_quota_affinity(), &quota);
    bp_topology_load(NULL, &machine->topology);
    say_cores(machine);
    if (quota.usable < machine->threads) {
        machine->threads = quota.usable;
        snprintf(machine->reason, sizeof machine->reason, "%s", quota.reason);
    }
}

void bp_machine_read(bp_machine *machine)
{
    bp_float_state host = bp_float_begin(BP_SUBNORMALS_KEPT); /* quotas are fractions */
    read_machine(machine);
    bp_float_end(host);
}

bool bp_machine_imagine(const char *description, bp_machine *machine)
{
    if (!bp_topology_load(description, &machine->topology))
        return false;
    say_cores(machine);
    return true;
}

bp_machine bp_machine_usual(void)
{
    bp_machine machine = {
        .topology = {.packages = 1,
                     .numa_nodes = 1,
                     .cores = 1,
                     .threads = 1,
                     .l1_bytes = (size_t)32 << 10,
                     .l2_bytes = (size_t)1 << 20,
                     .l3_bytes = (size_t)32 << 20,
                     .l1_sharing = 1,
                     .l2_sharing = 1,
                     .l3_sharing = 1},
    };
    say_cores(&machine);
    return machine;
}

uint32_t bp_machine_threads(char *reason, size_t capacity)
{
    bp_machine machine;

    bp_machine_read(&machine);
    if (capacity)
        snprintf(reason, capacity, "%s", machine.reason);
    return machine.threads;
}
