/* SPDX-License-Identifier: Apache-2.0 */
/* The IANA special-purpose registries, less what is globally reachable. What embeds an IPv4 address (mapped, NAT64, 6to4, compatible) is judged by
 * that one; Teredo, whose embedded address is only a relay's word, is refused as a whole. */
#include "sinks/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static bool private_v4(uint32_t a)
{
	static const struct {
		uint32_t net, bits;
	} nets[] = {
		{0x00000000, 8},                                      /* this network */
		{0x0a000000, 8},  {0xac100000, 12}, {0xc0a80000, 16}, /* private */
		{0x64400000, 10},                                     /* carrier-grade NAT */
		{0x7f000000, 8},                                      /* loopback */
		{0xa9fe0000, 16},                                     /* link-local, cloud metadata */
		{0xc0000000, 24},                                     /* protocol assignments */
		{0xc0000200, 24}, {0xc6336400, 24}, {0xcb007100, 24}, /* documentation */
		{0xc6120000, 15},                                     /* benchmarks */
		{0xe0000000, 3},                                      /* multicast and above */
	};
	for (size_t i = 0; i < sizeof nets / sizeof nets[0]; i++)
		if ((a ^ nets[i].net) >> (32 - nets[i].bits) == 0)
			return true;
	return false;
}

static uint32_t v4_at(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static bool private_v6(const uint8_t b[16])
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, nat64[12] = {0, 0x64, 0xff, 0x9b}, none[12];
	if (memcmp(b, mapped, 12) == 0 || memcmp(b, nat64, 12) == 0 || memcmp(b, none, 12) == 0)
		return private_v4(v4_at(b + 12));
	if (b[0] == 0x20 && b[1] == 0x02) /* 6to4 */
		return private_v4(v4_at(b + 2));
	return (b[0] & 0xe0) != 0x20 ||                      /* not global unicast: unique local, link-local, multicast, ... */
	       (b[0] == 0x20 && b[1] == 0x01 && b[2] < 2) || /* protocol assignments, Teredo among them */
	       (b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8) || /* documentation */
	       (b[0] == 0x3f && b[1] == 0xff && (b[2] & 0xf0) == 0);             /* documentation */
}

bool address_is_private(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return private_v4(ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr));
	if (sa->sa_family == AF_INET6)
		return private_v6(((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr.s6_addr);
	return true;
}

bool address_text_is_private(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;
	char text[INET6_ADDRSTRLEN + 2];
	int n = snprintf(text, sizeof text, "%s", host[0] == '[' ? host + 1 : host);
	if (n < 1 || (size_t)n >= sizeof text)
		return false;
	if (host[0] == '[')
		text[strcspn(text, "]%")] = 0;
	if (inet_pton(AF_INET, text, &v4) == 1)
		return private_v4(ntohl(v4.s_addr));
	return inet_pton(AF_INET6, text, &v6) == 1 && private_v6(v6.s6_addr);
}
