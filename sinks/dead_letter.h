/* SPDX-License-Identifier: Apache-2.0 */
/* The Kafka form of a dead letter. Private to sinks. */
#ifndef RINGFENCE_SINKS_DEAD_LETTER_H
#define RINGFENCE_SINKS_DEAD_LETTER_H

#include "sinks/sinks.h"

/* The original headers and, behind them, Kafka Connect's names and ringfence.error.code (interop section 4.1). Returns owned. */
rd_kafka_headers_t *dead_letter_headers(const struct dead_letter *d, const char *group);

#endif
