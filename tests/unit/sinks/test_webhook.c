/* SPDX-License-Identifier: Apache-2.0 */
/* What can be told of a webhook without connecting: signature, mistakes in its configuration, addresses. */
#include "tests/unit/unit.h"

#include "sinks/address.h"
#include "sinks/http.h"
#include "sinks/sinks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static void signature_is_the_published_one(void **state)
{
	(void)state;
	struct buf out = {0};
	struct err_text why;
	assert_int_equal(webhook_sign(SECRET, SLICE_LIT("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330, SLICE_LIT("{\"test\": 2432232314}"),
				      &out, &why),
			 ERR_OK);
	assert_true(slice_is(buf_slice(&out), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
	buf_release(&out);
}

/* printf '1.2.{}' | openssl dgst -sha256 -hmac 'plain words' -binary | base64 */
static void secret_without_prefix_is_taken_as_its_bytes(void **state)
{
	(void)state;
	struct buf out = {0};
	struct err_text why;
	assert_int_equal(webhook_sign("plain words", SLICE_LIT("1"), 2, SLICE_LIT("{}"), &out, &why), ERR_OK);
	assert_true(slice_is(buf_slice(&out), "v1,/X3AS/W6JTcDa/5j1onzBID6hkaQvakmoFZ2+0AZR0g="));
	buf_release(&out);
}

static void secret_that_is_no_base64_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"whsec_", "whsec_abc", "whsec_ab=c", "whsec_a b=", "whsec_abcd\n", "whsec_MR=="};
	struct buf out = {0};
	struct err_text why;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(webhook_sign(bad[i], SLICE_LIT("1"), 2, SLICE_LIT("{}"), &out, &why), ERR_CONFIG);
		assert_int_equal(out.len, 0);
	}
	buf_release(&out);
}

/* ---- configuration ---- */

static struct webhook_config good(void)
{
	return (struct webhook_config){.name = "oncall",
				       .kind = SINK_WEBHOOK,
				       .preset = PRESET_STANDARD_WEBHOOKS,
				       .url = "https://user:pass@example.org:8443/services/T0K3N?key=s3cret",
				       .secret = SECRET,
				       .timeout_ms = 1000,
				       .retry_first_ms = 1000,
				       .retry_most_ms = 60000};
}

static void refused(struct webhook_config c, const char *blamed, const char *say)
{
	const char *key = "";
	struct err_text why = {""};
	assert_int_equal(webhook_check(&c, &key, &why), ERR_CONFIG);
	assert_string_equal(key, blamed);
	if (!strstr(why.text, say))
		fail_msg("\"%s\" does not say \"%s\"", why.text, say);
	if (strstr(why.text, "MfKQ9r8") || strstr(why.text, "s3cret"))
		fail_msg("\"%s\" tells a secret", why.text);
}

static void good_configuration_passes(void **state)
{
	(void)state;
	const char *key;
	struct err_text why;
	struct webhook_config c = good();
	assert_int_equal(webhook_check(&c, &key, &why), ERR_OK);
	c.topics = (struct config_strings){(const char *const[]){"alerts", "disputes"}, 2};
	assert_int_equal(webhook_check(&c, &key, &why), ERR_OK);
	c.preset = PRESET_CLOUDEVENTS;
	c.secret = "";
	assert_int_equal(webhook_check(&c, &key, &why), ERR_OK);
}

static void bad_url_is_refused(void **state)
{
	(void)state;
	static const char *const bad[][2] = {
		{"", "http:// or https://"},
		{"example.org/hook", "http:// or https://"},
		{"ftp://example.org/", "http:// or "},
		{"file:///etc/passwd", "http:// or https://"},
		{"https://", ""},
		{"https://exa mple.org/?key=s3cret", ""},
		{"https://example.org:99999/", ""},
		{"https:///hook", ""},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct webhook_config c = good();
		c.url = bad[i][0];
		refused(c, "url", bad[i][1]);
	}
}

static void private_literal_in_the_url_is_refused_unless_allowed(void **state)
{
	(void)state;
	static const char *const urls[] = {"http://127.0.0.1:9000/hook",
					   "http://127.1/",
					   "http://2130706433/",
					   "http://0x7f.1/",
					   "https://[::1]/",
					   "https://[fe80::1]/",
					   "http://169.254.169.254/latest"};
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		struct webhook_config c = good();
		const char *key;
		struct err_text why = {""};
		c.url = urls[i];
		refused(c, "url", "allow_private");
		c.allow_private = true;
		assert_int_equal(webhook_check(&c, &key, &why), ERR_OK);
	}
}

static void missing_and_broken_secrets_are_refused(void **state)
{
	(void)state;
	struct webhook_config c = good();
	c.secret = "";
	refused(c, "secret", "secret_file");
	c.secret = NULL;
	refused(c, "secret", "secret_file");
	c.secret = "whsec_MfKQ9r8!";
	refused(c, "secret", "base64");
}

static void unknown_topic_is_refused(void **state)
{
	(void)state;
	struct webhook_config c = good();
	c.topics = (struct config_strings){(const char *const[]){"alerts", "dead-letters"}, 2};
	refused(c, "topics", "dead-letters");
}

static void origin_holds_no_secret(void **state)
{
	(void)state;
	struct webhook_config c = good();
	char *origin = http_url_origin(c.url), *none = http_url_origin("?");
	assert_string_equal(origin, "https://example.org:8443");
	assert_string_equal(none, "its URL");
	free(origin);
	free(none);
}

/* ---- addresses ---- */

static bool private_address(const char *text)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return address_is_private((const struct sockaddr *)&v4);
	assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
	return address_is_private((const struct sockaddr *)&v6);
}

static void private_address_is_told(void **state)
{
	(void)state;
	static const char *const list[] = {
		"0.0.0.0",
		"0.1.2.3",
		"10.0.0.1",
		"10.255.255.255",
		"100.64.0.1",
		"100.127.255.255",
		"127.0.0.1",
		"127.255.255.255",
		"169.254.0.1",
		"172.16.0.1",
		"172.31.255.255",
		"192.0.0.8",
		"192.168.1.1",
		"198.18.0.1",
		"198.19.255.255",
		"192.0.2.1",
		"198.51.100.1",
		"203.0.113.1",
		"224.0.0.1",
		"240.0.0.1",
		"255.255.255.255",
		"::",
		"::1",
		"fc00::1",
		"fdff::1",
		"fe80::1",
		"febf::1",
		"fec0::1",
		"ff02::1",
		"::ffff:10.0.0.1",
		"::ffff:127.0.0.1",
		"64:ff9b::7f00:1",
		"64:ff9b:1::1",
		"2002:7f00:1::1",
		"2002:a00:1::1",
		"2001::1",
		"2001:db8::1",
		"100::1",
		"::7f00:1",
		"3fff::1",
		"5f00::1",
	};
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		if (!private_address(list[i]))
			fail_msg("%s passes", list[i]);
		assert_true(address_text_is_private(list[i]));
	}
}

static void public_address_passes(void **state)
{
	(void)state;
	static const char *const list[] = {
		"1.1.1.1",         "9.255.255.255",        "11.0.0.0",       "100.63.255.255", "100.128.0.0",  "126.255.255.255",
		"128.0.0.1",       "169.253.1.1",          "169.255.0.0",    "172.15.0.1",     "172.32.0.0",   "192.0.1.1",
		"192.167.1.1",     "192.169.0.1",          "198.17.1.1",     "198.20.0.0",     "203.0.112.1",  "203.0.114.0",
		"223.255.1.1",     "2606:4700:4700::1111", "2a00:1450::1",   "2003::1",        "2001:4860::1", "2001:200::1",
		"2002:808:808::1", "64:ff9b::808:808",     "::ffff:8.8.8.8",
	};
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		if (private_address(list[i]))
			fail_msg("%s is refused", list[i]);
		assert_false(address_text_is_private(list[i]));
	}
}

static void names_and_odd_families(void **state)
{
	(void)state;
	const struct sockaddr local = {.sa_family = AF_UNIX};
	assert_true(address_is_private(&local));
	assert_true(address_text_is_private("[::1]"));
	assert_true(address_text_is_private("[fe80::1%25eth0]"));
	assert_false(address_text_is_private("localhost"));
	assert_false(address_text_is_private(""));
	assert_false(address_text_is_private("a-name-that-is-longer-than-any-address-could-ever-be.example.org"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signature_is_the_published_one),
		cmocka_unit_test(secret_without_prefix_is_taken_as_its_bytes),
		cmocka_unit_test(secret_that_is_no_base64_is_refused),
		cmocka_unit_test(good_configuration_passes),
		cmocka_unit_test(bad_url_is_refused),
		cmocka_unit_test(private_literal_in_the_url_is_refused_unless_allowed),
		cmocka_unit_test(missing_and_broken_secrets_are_refused),
		cmocka_unit_test(unknown_topic_is_refused),
		cmocka_unit_test(origin_holds_no_secret),
		cmocka_unit_test(private_address_is_told),
		cmocka_unit_test(public_address_passes),
		cmocka_unit_test(names_and_odd_families),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
