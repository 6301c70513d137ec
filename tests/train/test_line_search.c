/* The line search: accepted steps meet the strong Wolfe conditions, and where none does it ends all the same.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "line_search.h"

#include <criterion/criterion.h>
#include <math.h>

typedef bp_line_point curve(double alpha);

static bp_line_point parabola(double a)
{
    return (bp_line_point){a, (a - 3) * (a - 3), 2 * (a - 3)};
}

/* Moré, Thuente: Line search algorithms with guaranteed sufficient decrease (1994), functions 1 to 3. */
static bp_line_point shallow(double a)
{
    double b = 2, d = a * a + b;
    return (bp_line_point){a, -a / d, (a * a - b) / (d * d)};
}

static bp_line_point steep(double a)
{
    double b = 0.004, c = a + b;
    return (bp_line_point){a, pow(c, 5) - 2 * pow(c, 4), 5 * pow(c, 4) - 8 * pow(c, 3)};
}

static bp_line_point wavy(double a)
{
    double pi = 3.14159265358979323846, b = 0.01, l = 39,
           outer = a <= 1 - b   ? 1 - a
                   : a >= 1 + b ? a - 1
                                : (a - 1) * (a - 1) / (2 * b) + b / 2;
    double slope = a <= 1 - b ? -1 : a >= 1 + b ? 1 : (a - 1) / b;
    return (bp_line_point){a, outer + 2 * (1 - b) / (l * pi) * sin(l * pi * a / 2), slope + (1 - b) * cos(l * pi * a / 2)};
}

/* Not to be had beyond 0.5. */
static bp_line_point walled(double a)
{
    if (a > 0.5)
        return (bp_line_point){a, a > 1 ? (double)NAN : (double)INFINITY, (double)NAN};
    return (bp_line_point){a, -a + 2 * a * a * a * a, -1 + 8 * a * a * a};
}

static bp_line_point search(curve *f, double first, unsigned *asked)
{
    bp_line_search line;
    bp_line_point at;
    bool over;

    bp_line_begin(&line, f(0), first);
    do {
        at = f(line.alpha);
        over = bp_line_take(&line, at.f, at.slope);
        cr_assert_leq(line.asked, 27);
    } while (!over);
    cr_assert_eq(line.alpha, at.alpha, "the accepted point is the last one");
    *asked = line.asked;
    return at;
}

Test(line_search, accepts_what_meets_the_strong_wolfe_conditions)
{
    static curve *const curves[] = {parabola, shallow, steep, wavy, walled};

    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
        for (double first = 1e-3; first < 20; first *= 10) {
            unsigned asked;
            bp_line_point start = curves[i](0), end = search(curves[i], first, &asked);
            cr_assert(end.alpha > 0 && end.f <= start.f + 1e-4 * end.alpha * start.slope, "curve %zu from %g: f %g at %g", i, first,
                      end.f, end.alpha);
            cr_assert(fabs(end.slope) <= 0.9 * fabs(start.slope), "curve %zu from %g: slope %g at %g", i, first, end.slope,
                      end.alpha);
        }
}

Test(line_search, a_first_step_that_is_good_is_the_only_one)
{
    unsigned asked;

    cr_assert_eq(search(parabola, 3, &asked).alpha, 3);
    cr_assert_eq(asked, 1);
}

/* A slope that lies: no step makes f smaller. */
static bp_line_point rising(double a)
{
    return (bp_line_point){a, 1 + a, a == 0 ? -1 : 1};
}

/* Falls for ever. */
static bp_line_point falling(double a)
{
    return (bp_line_point){a, -a, -1};
}

Test(line_search, ends_where_it_began_if_nothing_is_smaller)
{
    unsigned asked;

    cr_assert_eq(search(rising, 1, &asked).alpha, 0);
    cr_assert_gt(asked, 20);
}

Test(line_search, ends_at_the_best_point_if_nothing_is_flat)
{
    unsigned asked;

    cr_assert_gt(search(falling, 1, &asked).alpha, 1e6);
}
