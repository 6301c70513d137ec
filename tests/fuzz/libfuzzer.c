/* Behind libFuzzer: BP_FUZZ_TARGET names the target; scripts/fuzz runs them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t room, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t room);

static const fuzz_target *target;

int LLVMFuzzerInitialize(int *count, char ***words)
{
    const char *name = getenv("BP_FUZZ_TARGET");
    (void)count;
    (void)words;

    target = fuzz_find(name ? name : "");
    if (!target)
        fuzz_die("BP_FUZZ_TARGET does not name a target");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fuzz_run(target, bytes, size);
    return 0;
}

/* Most of the damage gets behind the checksums, the rest shows that they are looked at. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t room, unsigned seed)
{
    size = LLVMFuzzerMutate(bytes, size, room);
    return target->repair && seed % 8 ? target->repair(bytes, size, room) : size;
}
