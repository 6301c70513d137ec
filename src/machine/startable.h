/* How many threads the system starts: limits of users, control groups and memory show only when they are reached.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_STARTABLE_H
#define BP_STARTABLE_H

/* How many threads, the caller's included, there can be at once, up to `wanted`. Starts them, and waits for their end: some 30 us
 * for each. Another process may take a place that was free here. */
unsigned bp_startable_threads(unsigned wanted);

#endif
