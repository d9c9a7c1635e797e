/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 and HMAC. A file of its own, for OpenSSL's headers and base/err.h both claim ERR_ names. Private to sinks. */
#ifndef RINGFENCE_SINKS_CRYPTO_H
#define RINGFENCE_SINKS_CRYPTO_H

#include "base/buf.h"

#define SHA256_BYTES 32

void base64_put(struct buf *out, struct slice bytes); /* standard alphabet, padded */
/* Strict: standard alphabet, padded, no blanks, no stray bits. */
bool base64_read(struct slice text, struct buf *out) __attribute__((warn_unused_result));

/* HMAC-SHA256; false only if the library refuses (out of memory). */
bool hmac_sha256(struct slice key, struct slice text, uint8_t out[SHA256_BYTES]) __attribute__((warn_unused_result));
/* Overwrites what was secret, then releases. */
void secret_release(struct buf *b);

#endif
