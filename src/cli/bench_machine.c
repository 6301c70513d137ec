/* The machine's fingerprint, which goes with every figure.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "bench.h"
#include "cpu.h"
#include "machine.h"
#include "report.h"

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* The first line "KEY : VALUE" of /proc/cpuinfo; false where there is none. */
static bool cpuinfo(const char *key, char *value, size_t capacity)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[512];
    bool found = false;

    while (file && !found && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (!colon || strncmp(line, key, strlen(key)) != 0)
            continue;
        snprintf(value, capacity, "%s", colon + 1 + strspn(colon + 1, " \t"));
        value[strcspn(value, "\n")] = '\0';
        found = true;
    }
    if (file)
        fclose(file);
    return found;
}

/* x86 tells a name, arm only the number of the part. */
static void cpu_name(char *name, size_t capacity)
{
    if (!cpuinfo("model name", name, capacity) && !cpuinfo("CPU part", name, capacity))
        snprintf(name, capacity, "unknown");
}

json_t *bp_bench_machine(void)
{
    json_t *object = json_object();
    const bp_kernels *kernels;
    bp_machine machine;
    struct utsname system;
    char cpu[256];

    cpu_name(cpu, sizeof cpu);
    bp_machine_read(&machine);
    json_object_set_new(object, "cpu", json_string(cpu));
    json_object_set_new(object, "cores", bp_json_count(machine.topology.cores));
    json_object_set_new(object, "hardware_threads", bp_json_count(machine.topology.threads));
    json_object_set_new(object, "numa_nodes", bp_json_count(machine.topology.numa_nodes));
    json_object_set_new(object, "team", bp_json_count(machine.threads));
    json_object_set_new(object, "l1_bytes", bp_json_count(machine.topology.l1_bytes));
    json_object_set_new(object, "l2_bytes", bp_json_count(machine.topology.l2_bytes));
    json_object_set_new(object, "l3_bytes", bp_json_count(machine.topology.l3_bytes));
    json_object_set_new(object, "isa", json_string(bp_cpu_kernels(BP_ISA_AUTO, &kernels, NULL) == BP_OK ? kernels->name : ""));
    json_object_set_new(object, "kernel", json_string(uname(&system) == 0 ? system.release : ""));
    json_object_set_new(object, "compiler", json_string(COMPILER));
    json_object_set_new(object, "version", json_string(bp_version()));
    return object;
}
