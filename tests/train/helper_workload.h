/* Networks whose bits are held against each other: small forms of the standard workloads, and random ones.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_TEST_WORKLOAD_H
#define BP_TEST_WORKLOAD_H

#include <stddef.h>

#include "problem.h"

enum { WORKLOADS = 7, RANDOM_PROBLEMS = 50 };

/* Small forms keep what decides how a step is computed: which layers are large, how many shards there are, which widths are
 * no multiple of a panel. Their last minibatch is short. */
problem workload_problem(size_t number);
const char *workload_name(size_t number);

/* 1 to 6 layers of odd widths; every activation with every loss, and every optimizer with each of both. The last minibatch
 * is short wherever a minibatch has more than one row. */
problem random_problem(uint64_t seed);

/* The problem and a way to compute it, in one line. */
void workload_describe(const problem *p, const bp_settings *way, char *text, size_t size);

#endif
