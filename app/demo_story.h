/* SPDX-License-Identifier: Apache-2.0 */
/* What the demo tells a person: reads the event topics, keeps every event as a JSON line, prints the ones that matter, remembers each number's way. */
#ifndef RINGFENCE_APP_DEMO_STORY_H
#define RINGFENCE_APP_DEMO_STORY_H

#include "app/settings.h"

struct story;

/* Reads the topics of `set` from their beginnings and writes them into `folder` (the six files of `replay --out`). `begin_ms`: day 1 of the story. */
enum err story_open(const struct settings *set, const char *folder, int64_t begin_ms, struct story **out, struct err_text *why) MUST_CHECK;
void story_knows(struct story *s, const char *number, const char *kind); /* who a number really is, for the table at the end */
/* What a switch would do that reads the caps on the topics: a number that rests does not call, one in limited or moderate as often a day as it may. */
bool story_lets_call(struct story *s, const char *number, int64_t at_ms);
/* Takes what has come, waiting at most `wait_ms`. Returns how many events. */
uint32_t story_follow(struct story *s, int wait_ms);
void story_end(struct story *s); /* the table: who was caught, why, where each stands now; who was not */
enum err story_close(struct story *s, struct err_text *why) MUST_CHECK;

#endif
