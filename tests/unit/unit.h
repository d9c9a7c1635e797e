/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test begins with: cmocka wants these headers before its own. */
#ifndef RINGFENCE_TESTS_UNIT_H
#define RINGFENCE_TESTS_UNIT_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#endif
