/* The version as text, out of the header's three numbers.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "backprop.h"

#define QUOTE(x) #x
#define TEXT(x) QUOTE(x)

const char *bp_version(void)
{
    return TEXT(BP_VERSION_MAJOR) "." TEXT(BP_VERSION_MINOR) "." TEXT(BP_VERSION_PATCH);
}
