/* Making a trainer: on memory of the caller's to the last byte, and what it says about itself.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "problem.h"
#include "refusing.h"

/* Pages of which the first and the last must not be touched. */
typedef struct guarded {
    unsigned char *pages;
    size_t size;
} guarded;

static unsigned char *guarded_end(guarded *g, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (bytes + page - 1) / page * page;

    g->size = inner + 2 * page;
    g->pages = mmap(NULL, g->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(g->pages, MAP_FAILED);
    cr_assert_eq(mprotect(g->pages + page, inner, PROT_READ | PROT_WRITE), 0);
    memset(g->pages + page, 0xee, inner); /* what the trainer finds there must not matter: these are large numbers */
    return g->pages + page + inner;
}

static problem subject(bp_optimizer optimizer, bp_gradient gradient, uint32_t threads)
{
    bp_settings settings = problem_settings((uint32_t[]){45, 64}, 2, BP_TANH, BP_SQUARED_ERROR, optimizer);

    settings.gradient = (int32_t)gradient;
    settings.threads = threads;
    settings.exact_threads = 1;
    settings.batch_size = 70;
    return problem_create(settings, 33, 3, 100, 61);
}

/* Every call that writes to the trainer's memory. */
static void use(const problem *p, bp_trainer *trainer)
{
    float *dW = calloc(45 * 64, sizeof *dW), *d_x = malloc(70 * 33 * sizeof *d_x);

    problem_fit(p, trainer);
    cr_assert_eq(bp_trainer_forward(trainer, 70, p->x, NULL, NULL), BP_OK);
    cr_assert_eq(bp_trainer_loss(trainer, p->y, p->weight, NULL, NULL), BP_OK);
    cr_assert_eq(bp_trainer_backward(trainer, NULL, d_x, NULL), BP_OK);
    cr_assert_eq(bp_trainer_gradient_set(trainer, 1, dW, NULL, NULL), BP_OK);
    cr_assert_eq(bp_trainer_update(trainer, 0, NULL), BP_OK);
    free(dW);
    free(d_x);
}

static void check_exact_size(bp_optimizer optimizer, bp_gradient gradient, uint32_t threads)
{
    problem p = subject(optimizer, gradient, threads);
    bp_network *network = problem_network(&p), *usual = problem_network(&p);
    bp_trainer *trainer = NULL, *allocated = problem_trainer(&p, usual);
    size_t bytes = 0;
    bp_error error;
    guarded g;

    cr_assert_eq(bp_trainer_size(network, &p.settings, &bytes, NULL), BP_OK);
    unsigned char *end = guarded_end(&g, (bytes + 63) / 64 * 64), *memory = end - (bytes + 63) / 64 * 64;
    cr_assert_eq(bp_trainer_create(network, &p.settings, memory, bytes, NULL, &trainer, &error), BP_OK, "%s", error.text);
    use(&p, trainer);
    use(&p, allocated);
    float *of_given = problem_parameters(network), *of_allocated = problem_parameters(usual);
    cr_assert_eq(memcmp(of_given, of_allocated, bp_network_parameters(network) * sizeof(float)), 0,
                 "the memory's content mattered");
    bp_trainer_free(trainer); /* gives nothing back: the memory is the caller's */
    memory[0] = 1;
    munmap(g.pages, g.size);
    free(of_given);
    free(of_allocated);
    bp_trainer_free(allocated);
    bp_network_free(network);
    bp_network_free(usual);
    problem_free(&p);
}

Test(handle, lives_in_memory_of_the_callers_of_the_size_it_said)
{
    for (bp_optimizer optimizer = BP_SGD; optimizer <= BP_ADAMW; optimizer++)
        for (bp_gradient gradient = BP_GRADIENT_BUFFERS; gradient <= BP_GRADIENT_TILES; gradient++)
            for (uint32_t threads = 1; threads <= 3; threads += 2)
                check_exact_size(optimizer, gradient, threads);
}

Test(handle, refuses_memory_that_is_too_small_or_not_aligned)
{
    problem p = subject(BP_ADAM, BP_GRADIENT_AUTO, 1);
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = NULL;
    refusing counted = refuse_at(SIZE_MAX);
    bp_allocator allocator = refusing_allocator(&counted);
    size_t bytes;
    bp_error error;

    cr_assert_eq(bp_trainer_size(network, &p.settings, &bytes, NULL), BP_OK);
    unsigned char *memory = aligned_alloc(64, (bytes + 128) / 64 * 64);
    cr_assert_eq(bp_trainer_create(network, &p.settings, memory, bytes - 1, &allocator, &trainer, &error), BP_INVALID);
    cr_assert(strstr(error.text, "needs"), "%s", error.text);
    for (size_t off = 1; off < 64; off *= 2)
        cr_assert_eq(bp_trainer_create(network, &p.settings, memory + off, bytes, &allocator, &trainer, &error), BP_INVALID);
    cr_assert_eq(bp_trainer_create(network, &p.settings, memory, 0, &allocator, &trainer, &error), BP_INVALID);
    cr_assert(trainer == NULL && counted.alive == 0);
    free(memory);
    bp_network_free(network);
    problem_free(&p);
}

Test(handle, of_a_batch_that_no_memory_holds_is_refused)
{
    static const uint64_t sizes[] = {4294967295u, (uint64_t)1 << 60, UINT64_MAX};
    problem p = subject(BP_ADAM, BP_GRADIENT_AUTO, 1);
    bp_network *network = problem_network(&p);
    refusing none = refuse_at(1); /* the draft is given, the trainer itself is not */
    bp_allocator allocator = refusing_allocator(&none);
    bp_trainer *trainer = NULL;

    for (size_t i = 0; i < 3; i++) {
        none.asked = 0;
        p.settings.batch_size = sizes[i];
        bp_status status = bp_trainer_create(network, &p.settings, NULL, 0, &allocator, &trainer, NULL);
        cr_assert(status == BP_INVALID || status == BP_NO_MEMORY, "batch %llu: status %d", (unsigned long long)sizes[i], status);
        cr_assert(trainer == NULL && none.alive == 0);
    }
    bp_network_free(network);
    problem_free(&p);
}

Test(handle, says_how_it_computes)
{
    for (uint32_t threads = 1; threads <= 8; threads++) {
        problem p = subject(BP_SGD, threads % 2 ? BP_GRADIENT_BUFFERS : BP_GRADIENT_TILES, threads);
        p.settings.isa = BP_ISA_SCALAR;
        bp_network *network = problem_network(&p);
        bp_trainer *trainer = problem_trainer(&p, network);
        char text[2000], cut[20], wanted[40];
        size_t length = bp_trainer_plan(trainer, text, sizeof text);

        cr_assert_eq(bp_trainer_threads(trainer), threads);
        cr_assert_str_eq(bp_trainer_isa(trainer), "scalar");
        snprintf(wanted, sizeof wanted, "threads:  %u (", threads);
        cr_assert(strstr(text, wanted) && strstr(text, threads % 2 ? "buffers" : "tiles") && strstr(text, "scalar"), "%s", text);
        cr_assert(length == strlen(text) && bp_trainer_plan(trainer, cut, sizeof cut) == length && strlen(cut) == sizeof cut - 1);
        cr_assert(strncmp(cut, text, sizeof cut - 1) == 0 && bp_trainer_plan(trainer, NULL, 0) == length);
        bp_trainer_free(trainer);
        bp_network_free(network);
        problem_free(&p);
    }
}

Test(handle, uses_no_more_threads_than_a_short_step_is_worth)
{
    problem p = subject(BP_SGD, BP_GRADIENT_AUTO, 8);

    p.settings.exact_threads = 0;
    p.settings.batch_size = 1;
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    cr_assert_eq(bp_trainer_threads(trainer), 1);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

Test(handle, of_nothing_is_freed)
{
    bp_trainer_free(NULL);
    bp_workspace_free(NULL);
    bp_network_free(NULL);
}
