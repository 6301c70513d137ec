/* A line search for the strong Wolfe conditions along x + alpha d: Nocedal, Wright: Numerical Optimization (2006), algorithms 3.5
 * and 3.6, with cubic interpolation (3.59). It asks for one alpha after the other:
 *
 *      f(alpha) <= f(0) + c1 alpha f'(0)   and   |f'(alpha)| <= c2 |f'(0)|        c1 = 1e-4, c2 = 0.9
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_LINE_SEARCH_H
#define BP_LINE_SEARCH_H

#include <stdbool.h>

/* f and its slope at a step length; f infinite: it is not to be had there. */
typedef struct bp_line_point {
    double alpha, f, slope;
} bp_line_point;

typedef enum bp_line_stage { BP_LINE_BRACKET, BP_LINE_ZOOM, BP_LINE_LAST } bp_line_stage;

typedef struct bp_line_search {
    double alpha; /* where f and its slope are asked for */
    bp_line_stage stage;
    unsigned asked;
    bp_line_point start;     /* alpha 0 */
    bp_line_point low, high; /* the best point so far, low at first the start; once in ZOOM a good one lies between */
} bp_line_search;

/* start: alpha 0, slope < 0. */
void bp_line_begin(bp_line_search *search, bp_line_point start, double first);

/* Takes f and slope at search->alpha. True where that is the end of the search: it meets both conditions, or, after 25 tries, is
 * the best point there was (perhaps 0, where no smaller f was to be found). Else search->alpha is the next one. */
bool bp_line_take(bp_line_search *search, double f, double slope);

#endif
