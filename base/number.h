/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and other parties packed into 56 bits: what records and contacts keep of a called number. */
#ifndef RINGFENCE_BASE_NUMBER_H
#define RINGFENCE_BASE_NUMBER_H

#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* A number or other party as 56 bits, never 0 for a text that is not empty. Up to 15 digits with or without '+' are kept as they are, so that
 * neighbours in a sequence are seen; any other text becomes 55 bits of hash. */
uint64_t number_pack(struct slice s);
#define NUMBER_TEXT_BYTES 17
uint32_t number_unpack(uint64_t packed,
		       char out[NUMBER_TEXT_BYTES]); /* its text, terminated; returns its length, 0: only a hash was kept */
#define NUMBER_PACK_BITS 56
bool number_follows(uint64_t before, uint64_t after); /* same length, digits + 1 */

#endif
