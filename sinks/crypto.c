/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/crypto.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_put(struct buf *out, struct slice bytes)
{
	const uint8_t *p = (const uint8_t *)bytes.p;
	uint8_t *at = buf_reserve(out, 4 * ((size_t)bytes.len / 3 + 1));
	for (size_t left = bytes.len; left > 0; p += 3) {
		size_t n = left < 3 ? left : 3;
		uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);
		*at++ = (uint8_t)alphabet[v >> 18];
		*at++ = (uint8_t)alphabet[v >> 12 & 63];
		*at++ = n > 1 ? (uint8_t)alphabet[v >> 6 & 63] : '=';
		*at++ = n > 2 ? (uint8_t)alphabet[v & 63] : '=';
		out->len += 4;
		left -= n;
	}
}

bool base64_read(struct slice text, struct buf *out)
{
	if (text.len % 4)
		return false;
	for (uint32_t i = 0; i < text.len; i += 4) {
		const char *q = text.p + i;
		size_t n = i + 4 < text.len || q[3] != '=' ? 3 : q[2] != '=' ? 2 : 1;
		uint32_t v = 0;
		for (size_t k = 0; k < 4; k++) {
			const char *at = k <= n && q[k] ? strchr(alphabet, q[k]) : NULL;
			if (k <= n && !at)
				return false;
			v = v << 6 | (at ? (uint32_t)(at - alphabet) : 0);
		}
		if ((n == 1 && v & 0xffff) || (n == 2 && v & 0xff))
			return false;
		uint8_t t[3] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
		buf_put(out, t, n);
	}
	return true;
}

bool hmac_sha256(struct slice key, struct slice text, uint8_t out[SHA256_BYTES])
{
	unsigned int len = 0;
	if (key.len > INT_MAX)
		return false;
	return HMAC(EVP_sha256(), key.p, (int)key.len, (const unsigned char *)text.p, text.len, out, &len) && len == SHA256_BYTES;
}

void secret_release(struct buf *b)
{
	if (b->data)
		OPENSSL_cleanse(b->data, b->cap);
	buf_release(b);
}
