/* SPDX-License-Identifier: Apache-2.0 */
/* The rule files that are shipped (rules/packs), as they are, in the program itself: made from the files when it is built. Which: RINGFENCE_PACKS in
 * CMakeLists.txt. */
#ifndef RINGFENCE_RULES_PACKS_H
#define RINGFENCE_RULES_PACKS_H

#include "base/slice.h"

struct rule_pack {
	const char *name;  /* of its file, without .yaml */
	struct slice text; /* all of it; terminated */
};
extern const struct rule_pack rule_packs[];
extern const size_t rule_pack_cnt;

#endif
