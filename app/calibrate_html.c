/* SPDX-License-Identifier: Apache-2.0 */
#include "app/calibrate.h"
void calibrate_html(const struct calibrate *x, struct buf *out)
{
	(void)x;
	(void)out;
}
