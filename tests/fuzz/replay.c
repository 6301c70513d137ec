/* The corpora without a fuzzer, and damage that a generator does to them:
 *
 *      replay CORPUS [TARGET]             all files of CORPUS/TARGET, each as it is and damaged in ROUNDS ways
 *      replay --seed DIRECTORY TARGET     writes the target's own good file there, for the fuzzer to begin with
 *
 * A file whose name begins with "good" has to be accepted, with "bad" refused.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "fuzz.h"
#include "memory_files.h"

/* Sanitizers take 30 times as long. */
enum { ROOM = 1 << 17, ROUNDS = BP_SANITIZED ? 8 : 60, FLIP_EVERY = BP_SANITIZED ? 61 : 1 };

typedef struct input {
    unsigned char *bytes; /* exactly as long as it is, so that a sanitizer sees its end */
    size_t size;
} input;

static uint64_t state;
static size_t inputs, flips; /* of the running target: given to its reader, and those of them in which a bit was flipped */

/* Marsaglia's xorshift: the same damage everywhere. */
static size_t draw(size_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state % below);
}

static input copy_of(const unsigned char *bytes, size_t size)
{
    input copy = {malloc(size ? size : 1), size};

    if (!copy.bytes)
        fuzz_die("no memory for %zu bytes", size);
    memcpy(copy.bytes, bytes, size);
    return copy;
}

static bool run_copy(const fuzz_target *target, const unsigned char *bytes, size_t size)
{
    input copy = copy_of(bytes, size);
    inputs++;
    bool accepted = fuzz_run(target, copy.bytes, copy.size);

    free(copy.bytes);
    return accepted;
}

/* -------------------------------------------------------------------------------------------------------------- damage */

static size_t damage_once(unsigned char *bytes, size_t size)
{
    static const unsigned char nasty[] = {0, 1, 0x7F, 0x80, 0xFF, '"', '\n', '0', '9', '-', ',', '{', ']', '\\'};
    size_t at = draw(size), length = 1 + draw(8);

    switch (draw(6)) {
    case 0:
        bytes[at] ^= (unsigned char)(1u << draw(8));
        return size;
    case 1:
        bytes[at] = nasty[draw(sizeof nasty)];
        return size;
    case 2: /* cut off */
        return at ? at : size;
    case 3: /* left out */
        length = length < size - at ? length : size - at;
        memmove(bytes + at, bytes + at + length, size - at - length);
        return size - length ? size - length : size;
    case 4: /* put in */
        memmove(bytes + at + length, bytes + at, size - at);
        return size + length;
    default: /* a count that is far too large, or nearly so */
        memset(bytes + at, (int)draw(2) * 0xFF, length < size - at ? length : size - at);
        return size;
    }
}

static void damage(const fuzz_target *target, const unsigned char *good, size_t size)
{
    static unsigned char bytes[ROOM];

    state = 1 + size; /* whatever the order in which a directory is listed */
    for (int round = 0; round < ROUNDS && size > 0; round++) {
        size_t length = size;
        memcpy(bytes, good, size);
        for (size_t i = 0; i <= draw(3) && length + 8 < ROOM; i++)
            length = damage_once(bytes, length);
        if (target->repair && round % 8)
            length = target->repair(bytes, length, ROOM);
        run_copy(target, bytes, length);
    }
}

static void flip_every_bit(const fuzz_target *target, unsigned char *bytes, size_t size)
{
    for (size_t bit = 0; bit < 8 * size; bit += FLIP_EVERY) {
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        flips++;
        if (run_copy(target, bytes, size))
            fuzz_die("%s: bit %zu of byte %zu can be flipped unseen", target->name, bit % 8, bit / 8);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
}

/* ------------------------------------------------------------------------------------------------------------- corpora */

static size_t make_seed(const fuzz_target *target, unsigned char bytes[ROOM])
{
    memory_files_begin();
    budget_begin(SIZE_MAX);
    size_t size = target->seed(bytes, ROOM);
    budget_end();
    return size;
}

static void replay_seed(const fuzz_target *target)
{
    static unsigned char bytes[ROOM];
    size_t size = make_seed(target, bytes);

    if (!run_copy(target, bytes, size))
        fuzz_die("%s: its own seed is refused", target->name);
    damage(target, bytes, size);
    if (target->checked)
        flip_every_bit(target, bytes, size);
}

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static void replay_file(const fuzz_target *target, const char *directory, const char *name)
{
    static unsigned char bytes[ROOM];
    char path[4300];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        fuzz_die("%s: cannot be read", path);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    bool accepted = run_copy(target, bytes, size);
    if (begins(name, accepted ? "bad" : "good"))
        fuzz_die("%s: is %s", path, accepted ? "accepted" : "refused");
    if (size + 1024 > sizeof bytes)
        return;
    damage(target, bytes, size);
    if (target->repair)
        run_copy(target, bytes, target->repair(bytes, size, sizeof bytes));
}

static void replay(const fuzz_target *target, const char *corpus)
{
    char directory[4000];
    size_t files = 0;
    const struct dirent *entry;

    inputs = flips = 0;
    snprintf(directory, sizeof directory, "%s/%s", corpus, target->name);
    DIR *list = opendir(directory);
    while (list && (entry = readdir(list)))
        if (entry->d_name[0] != '.') {
            replay_file(target, directory, entry->d_name);
            files++;
        }
    if (list)
        closedir(list);
    if (target->seed)
        replay_seed(target);
    printf("%s: %zu files%s, %zu inputs made of them", target->name, files, target->seed ? " and the seed" : "", inputs);
    if (flips)
        printf(", %zu flipped bits each refused", flips);
    putchar('\n');
    if (!files && !target->seed)
        fuzz_die("%s: nothing to replay", directory);
}

static void write_seed(const char *directory, const fuzz_target *target)
{
    static unsigned char bytes[ROOM];
    char path[4096];
    size_t size = target->seed ? make_seed(target, bytes) : 0;

    snprintf(path, sizeof path, "%s/seed", directory);
    FILE *file = size ? fopen(path, "wb") : NULL;
    if (size && (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0))
        fuzz_die("%s: cannot be written", path);
}

int main(int count, char **words)
{
    const fuzz_target *only = count > 2 ? fuzz_find(words[count - 1]) : NULL;

    if (count < 2 || (count > 2 && !only))
        fuzz_die("usage: replay CORPUS [TARGET], or replay --seed DIRECTORY TARGET");
    if (strcmp(words[1], "--seed") == 0) {
        if (count != 4)
            fuzz_die("usage: replay --seed DIRECTORY TARGET");
        write_seed(words[2], only);
        return 0;
    }
    for (const fuzz_target *const *target = fuzz_targets; *target; target++)
        if (!only || only == *target)
            replay(*target, words[1]);
    return 0;
}
