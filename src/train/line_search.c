/* SPDX-License-Identifier: Apache-2.0 */
#include "line_search.h"

#include <math.h>

#define C1 1e-4
#define C2 0.9
#define TRIES 25     /* as torch.optim.LBFGS has it */
#define LARGEST 1e10 /* step length: f is not bounded from below */
#define MARGIN 0.1   /* of an interval, that interpolation keeps away from its ends */
#define NARROW 1e-9  /* of its larger end: the interval has closed */

void bp_line_begin(bp_line_search *search, bp_line_point start, double first)
{
    *search = (bp_line_search){.alpha = first, .start = start, .low = start, .high = start};
}

/* The minimum of the cubic through both points' values and slopes; NaN where it has none. */
static double cubic_minimum(bp_line_point a, bp_line_point b)
{
    double d1 = a.slope + b.slope - 3.0 * ((a.f - b.f) / (a.alpha - b.alpha)), square = d1 * d1 - a.slope * b.slope;
    double d2 = square >= 0.0 ? sqrt(square) : NAN;

    if (b.alpha < a.alpha)
        d2 = -d2;
    return b.alpha - (b.alpha - a.alpha) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2));
}

static double inside(bp_line_point low, bp_line_point high)
{
    double width = high.alpha - low.alpha, first = low.alpha + MARGIN * width, last = high.alpha - MARGIN * width;
    double alpha = isfinite(high.f) && isfinite(high.slope) ? cubic_minimum(low, high) : NAN;
    bool good = width > 0.0 ? alpha >= first && alpha <= last : alpha <= first && alpha >= last;

    return good ? alpha : low.alpha + 0.5 * width;
}

static bool falls_enough(const bp_line_search *search, double f)
{
    return f <= search->start.f + C1 * search->alpha * search->start.slope;
}

static bool is_flat_enough(const bp_line_search *search, double slope)
{
    return fabs(slope) <= -C2 * search->start.slope;
}

/* The best point is asked for again, so that its gradient is at hand, unless it is this one. */
static bool settle(bp_line_search *search)
{
    bool here = search->low.alpha == search->alpha;

    search->stage = BP_LINE_LAST;
    search->alpha = search->low.alpha;
    return here;
}

static bool go_on(bp_line_search *search)
{
    double width = fabs(search->high.alpha - search->low.alpha),
           end = search->high.alpha > search->low.alpha ? search->high.alpha : search->low.alpha;

    if (search->asked >= TRIES || search->alpha >= LARGEST || (search->stage == BP_LINE_ZOOM && width <= NARROW * end))
        return settle(search);
    search->alpha = search->stage == BP_LINE_BRACKET ? 2.0 * search->alpha : inside(search->low, search->high);
    return false;
}

/* Algorithm 3.5: low is the point before. */
static bool bracket(bp_line_search *search, bp_line_point now)
{
    if (!falls_enough(search, now.f) || (search->asked > 1 && now.f >= search->low.f)) {
        search->high = now;
        search->stage = BP_LINE_ZOOM;
        return go_on(search);
    }
    if (is_flat_enough(search, now.slope))
        return true;
    if (now.slope >= 0.0) {
        search->high = search->low;
        search->stage = BP_LINE_ZOOM;
    }
    search->low = now;
    return go_on(search);
}

/* Algorithm 3.6. */
static bool zoom(bp_line_search *search, bp_line_point now)
{
    if (!falls_enough(search, now.f) || now.f >= search->low.f) {
        search->high = now;
        return go_on(search);
    }
    if (is_flat_enough(search, now.slope))
        return true;
    if (now.slope * (search->high.alpha - search->low.alpha) >= 0.0)
        search->high = search->low;
    search->low = now;
    return go_on(search);
}

bool bp_line_take(bp_line_search *search, double f, double slope)
{
    bp_line_point now = {search->alpha, isnan(f) ? INFINITY : f, slope};

    search->asked++;
    if (search->stage == BP_LINE_LAST)
        return true;
    return search->stage == BP_LINE_BRACKET ? bracket(search, now) : zoom(search, now);
}
