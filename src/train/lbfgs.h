/* L-BFGS: a direction from the last ten steps by the two-loop recursion, and along it a step that meets the strong Wolfe
 * conditions. Nocedal, Wright: Numerical Optimization (2006), algorithms 7.4 and 7.5.
 *
 * One iteration is one epoch of the fit: as many passes over all rows as its line search asks for, each of which leaves the
 * gradient in trainer->gradient. Vectors are flat blocks as in network/layout.h, in f32; products of two are summed in double, in
 * chains over blocks of 4,096 and then by the tree of core/sum.h.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_LBFGS_H
#define BP_LBFGS_H

#include <stdint.h>

#include "line_search.h"
#include "memory.h"

#define BP_LBFGS_HISTORY 10

/* What an iteration hands to the next one, besides the vectors. */
typedef struct bp_lbfgs_state {
    bool known;                   /* f and gradient are those of the parameters */
    bool converged;               /* there is no smaller f to be found */
    uint64_t count;               /* steps that are remembered */
    uint64_t next;                /* place of the next one */
    double f;                     /* J and weight decay's part */
    double scale;                 /* of the first guess of the inverse Hessian */
    double rho[BP_LBFGS_HISTORY]; /* 1 / (s y) */
} bp_lbfgs_state;

typedef struct bp_lbfgs {
    bp_lbfgs_state state;
    bp_line_search line;
    float *start;               /* [floats], where the line begins: parameters */
    float *gradient;            /* [floats], there */
    float *direction;           /* [floats] */
    float *s[BP_LBFGS_HISTORY]; /* [floats], steps */
    float *y[BP_LBFGS_HISTORY]; /* [floats], changes of the gradient */
    double *sums;               /* [2, blocks] */
} bp_lbfgs;

/* The state as numbers, and back; false where it cannot be one. */
#define BP_LBFGS_VALUES (5 + BP_LBFGS_HISTORY)
void bp_lbfgs_write(const bp_lbfgs_state *state, double values[BP_LBFGS_VALUES]);
bool bp_lbfgs_read(const double values[BP_LBFGS_VALUES], bp_lbfgs_state *state);

struct bp_trainer;

void bp_lbfgs_carve(bp_lbfgs *lbfgs, size_t floats, bp_arena *arena);

/* The vectors that a checkpoint holds become 0. */
void bp_lbfgs_clear(bp_lbfgs *lbfgs, size_t floats);

/* Forgets all steps: somebody else has changed the parameters. */
void bp_lbfgs_forget(bp_lbfgs *lbfgs);

/* An iteration begins: parameters move to the first point of a new line, if the gradient where they stand is known. */
void bp_lbfgs_begin(struct bp_trainer *trainer);

/* A pass has ended, and the fit knows its J; `finite`: that and the gradient are. True where another one is wanted, parameters
 * having moved; else the iteration is over. */
bool bp_lbfgs_take(struct bp_trainer *trainer, bool finite);

#endif
