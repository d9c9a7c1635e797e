/* SPDX-License-Identifier: Apache-2.0 */
/* Which socket addresses a webhook may not reach unless it is allowed to. Private to sinks. */
#ifndef RINGFENCE_SINKS_ADDRESS_H
#define RINGFENCE_SINKS_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* Loopback, private, link-local, carrier-grade NAT, multicast, reserved; in IPv6 also whatever wraps such an IPv4 address. Of no known family: true. */
bool address_is_private(const struct sockaddr *sa);

/* The same of a literal address ("10.0.0.1", "::1", "[::1]"); a name is false, for nobody has resolved it yet. */
bool address_text_is_private(const char *host);

#endif
