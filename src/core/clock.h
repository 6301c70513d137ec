/* Seconds of a clock that only goes forward, for differences. Any thread.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef BP_CLOCK_H
#define BP_CLOCK_H

double bp_clock(void);

#endif
