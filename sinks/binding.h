/* SPDX-License-Identifier: Apache-2.0 */
/* CloudEvents on Kafka, binary mode (interop section 5): attributes are headers, `data` is the value, a tombstone has a null value and keeps its
 * headers. Private to sinks, but for message_from_kafka() in sinks.h. */
#ifndef RINGFENCE_SINKS_BINDING_H
#define RINGFENCE_SINKS_BINDING_H

#include "sinks/sinks.h"

/* Returns owned: rd_kafka_producev() takes it over when it succeeds. */
rd_kafka_headers_t *binding_headers(const struct message *m);

#endif
