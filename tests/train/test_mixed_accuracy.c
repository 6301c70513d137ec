/* Gradients in mixed precision against the reference in double, before and after updates.
 *
 * The measure is |g - exact| / |exact|, Euclidean norms over one layer's dJ/dW and dJ/db, or over dL/dx: relative errors of single
 * entries have no bound, since sums cancel, while rounding of many entries is independent, so that a norm over hundreds of them
 * hardly moves with the data, and one wrong block of them shows. Activations are smooth: a ReLU that changes sides would count as
 * an error.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "helper_engine.h"
#include "problem.h"
#include "reference.h"

enum { LAYERS = 3, INPUTS = 100, OUTPUTS = 7, ROWS = 101 };
enum { D_X = LAYERS, PARTS }; /* what is measured: layers, and dL/dx behind them */

static problem subject(bp_loss loss, bp_precision precision)
{
    bp_settings settings = problem_settings((uint32_t[]){170, 45}, LAYERS - 1, BP_TANH, loss, BP_ADAM);

    settings.batch_size = ROWS;
    settings.precision = (int32_t)precision;
    return problem_create(settings, INPUTS, OUTPUTS, ROWS, 31);
}

/* ------------------------------------------------------------------------------------------------------------ measure */

static void add_example(bp_reference *reference, const problem *p, size_t row, double *d_x)
{
    bp_reference_take(reference, p->x + row * INPUTS, p->y + row * OUTPUTS);
    bp_reference_forward(reference);
    bp_reference_loss(reference);
    bp_reference_backward(reference);
    memcpy(d_x + row * INPUTS, reference->dL_dx, INPUTS * sizeof *d_x);
}

/* gradient [parameters], and behind it dL/dx [ROWS, INPUTS]. */
static void compute_exactly(const problem *p, const bp_network *network, double *gradient)
{
    bp_reference *reference;

    cr_assert_eq(bp_reference_of_network(network, NULL, &reference, NULL), BP_OK);
    bp_reference_minibatch(reference, ROWS, p->x, p->y, NULL, gradient);
    for (size_t row = 0; row < ROWS; row++)
        add_example(reference, p, row, gradient + bp_network_parameters(network));
    bp_reference_free(reference);
}

static double distance(const float *got, const double *exact, size_t count)
{
    double off = 0, all = 0;

    for (size_t i = 0; i < count; i++) {
        off += ((double)got[i] - exact[i]) * ((double)got[i] - exact[i]);
        all += exact[i] * exact[i];
    }
    return sqrt(off / all);
}

static size_t part_size(const bp_network *network, int part)
{
    bp_layer_info info;

    if (part == D_X)
        return ROWS * INPUTS;
    cr_assert_eq(bp_network_layer(network, (uint32_t)part, &info, NULL), BP_OK);
    return ((size_t)info.inputs + 1) * info.outputs;
}

/* Of a minibatch at the weights that the network has now. */
static void measure(const problem *p, const bp_network *network, bp_trainer *trainer, double error[PARTS])
{
    size_t parameters = bp_network_parameters(network), count = parameters + ROWS * INPUTS, at = 0;
    float *got = malloc(count * sizeof *got);
    double *exact = malloc(count * sizeof *exact);

    run_backward(trainer, ROWS, p->x, p->y, NULL, got + parameters);
    get_gradient(trainer, network, got);
    compute_exactly(p, network, exact);
    for (int part = 0; part < PARTS; part++) {
        error[part] = distance(got + at, exact + at, part_size(network, part));
        at += part_size(network, part);
    }
    free(got);
    free(exact);
}

/* What f32 makes of the same weights. */
static void measure_f32(const problem *p, const bp_network *network, double error[PARTS])
{
    bp_settings settings = p->settings;
    float *weights = problem_parameters(network);

    settings.precision = BP_F32;
    bp_network *same = network_with(&settings, INPUTS, OUTPUTS, weights);
    bp_trainer *trainer = trainer_with(same, &settings);
    measure(p, same, trainer, error);
    bp_trainer_free(trainer);
    bp_network_free(same);
    free(weights);
}

/* ------------------------------------------------------------------------------------------------------------- bounds */

/* Of one operand, a single term lacks 2^-9 at most and 2^-10.8 = 6e-4 in the mean square, two terms 2^-18 and 1.2e-6; layers and
 * sums that cancel make some ten times that of it (4.4e-3 to 1.4e-2, and 5.7e-6 to 3.4e-5, were measured). Less than `least`
 * would be another precision. */
static const struct {
    double least, most;
} expected[] = {[BP_BF16] = {1e-3, 3e-2}, [BP_BF16X2] = {1e-6, 1e-4}};

static void check_range(bp_precision precision, const double error[PARTS], const char *when)
{
    for (int part = 0; part < PARTS; part++)
        cr_assert(error[part] >= expected[precision].least && error[part] <= expected[precision].most,
                  "precision %d, part %d, %s: %g", precision, part, when, error[part]);
}

/* Three terms hold all of f32's 24 bits, and sums of 32 are rounded in two halves: less error than one chain of f32 has. */
static void check_as_good_as_f32(const problem *p, const bp_network *network, const double error[PARTS], const char *when)
{
    double of_f32[PARTS];

    measure_f32(p, network, of_f32);
    for (int part = 0; part < PARTS; part++)
        cr_assert_leq(error[part], of_f32[part], "part %d, %s: %g, and %g in f32", part, when, error[part], of_f32[part]);
}

static void check(const problem *p, const bp_network *network, bp_trainer *trainer, const char *when)
{
    bp_precision precision = (bp_precision)p->settings.precision;
    double error[PARTS];

    measure(p, network, trainer, error);
    if (precision == BP_BF16X3)
        check_as_good_as_f32(p, network, error, when);
    else
        check_range(precision, error, when);
}

/* Copies of the weights have to follow every way in which weights change. */
static void check_whole_life(bp_loss loss, bp_precision precision)
{
    problem p = subject(loss, precision);
    bp_network *network = problem_network(&p);
    bp_trainer *trainer = problem_trainer(&p, network);
    float *weights = problem_parameters(network);

    check(&p, network, trainer, "at first");
    cr_assert_eq(bp_trainer_update(trainer, 0, NULL), BP_OK);
    check(&p, network, trainer, "after an update");
    cr_assert_eq(bp_trainer_step(trainer, ROWS, p.x, p.y, NULL, NULL, NULL), BP_OK);
    check(&p, network, trainer, "after a whole step");
    set_weights(network, weights);
    bp_trainer_sync(trainer);
    check(&p, network, trainer, "after sync");
    problem_fit(&p, trainer);
    check(&p, network, trainer, "after a fit");
    free(weights);
    bp_trainer_free(trainer);
    bp_network_free(network);
    problem_free(&p);
}

Test(mixed_accuracy, of_a_gradient_is_that_of_its_precision_whatever_has_changed_the_weights)
{
    for (bp_loss loss = BP_SQUARED_ERROR; loss <= BP_BINARY_CROSS_ENTROPY; loss++)
        for (bp_precision precision = BP_BF16; precision <= BP_BF16X3; precision++)
            check_whole_life(loss, precision);
}
