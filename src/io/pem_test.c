/* SPDX-License-Identifier: Apache-2.0 */
/* Files as people mix them up. */
#include "io/pem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "io/file.h"
#include "io/server_tls.h"

struct fixture {
	char folder[64];
	struct strbuf cert, key, other_key;
};

static int begin(void **state)
{
	static const char *const names[] = {"localhost", NULL};
	struct fixture *f = calloc(1, sizeof *f);
	struct strbuf other = strbuf_of(1 << 16);

	assert_non_null(f);
	snprintf(f->folder, sizeof f->folder, "/tmp/pem_test.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->cert = strbuf_of(1 << 16);
	f->key = strbuf_of(1 << 16);
	f->other_key = strbuf_of(1 << 16);
	assert_int_equal(server_tls_make(names, &f->cert, &f->key, NULL), RMG_OK);
	assert_int_equal(server_tls_make(names, &other, &f->other_key, NULL), RMG_OK);
	strbuf_done(&other);
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	strbuf_done(&f->cert);
	strbuf_done(&f->key);
	strbuf_done(&f->other_key);
	assert_int_equal(rmdir(f->folder), 0);
	free(f);
	return 0;
}

static void put(const struct fixture *f, const char *name, struct span text, char path[128])
{
	snprintf(path, 128, "%s/%s", f->folder, name);
	assert_int_equal(file_write(path, text, NULL), RMG_OK);
}

/* What is said of a file with this text; NULL: that it is good. */
static void certificates(const struct fixture *f, struct span text, const char *said)
{
	struct rmg_err err = {0};
	char path[128];
	enum rmg_rc rc;

	put(f, "cert", text, path);
	rc = pem_certificates(path, &err);
	unlink(path);
	if (said == NULL && rc != RMG_OK)
		fail_msg("%s", err.msg);
	if (said &&
	    (rc == RMG_OK || strstr(err.msg, said) == NULL || strstr(err.msg, path) == NULL))
		fail_msg("\"%s\" does not say \"%s\"", err.msg, said);
}

static void certificates_are_told_from_others(void **state)
{
	struct fixture *f = *state;
	struct span cert = strbuf_span(&f->cert);
	struct strbuf text = strbuf_of(1 << 17);

	certificates(f, cert, NULL);
	strbuf_puts(&text, "subject=CN\n");
	strbuf_put(&text, cert);
	strbuf_put(&text, cert);
	strbuf_puts(&text, "\nsome words\n");
	certificates(f, strbuf_span(&text), NULL);
	certificates(f, S(""), "no certificate");
	certificates(f, S("https://example.com\n"), "no certificate");
	certificates(f, strbuf_span(&f->key), "no certificate");
	certificates(f, span_head(cert, cert.n / 2), "damaged");
	strbuf_clear(&text);
	strbuf_put(&text, cert);
	strbuf_put(&text, span_head(cert, 100));
	strbuf_puts(&text, "\n-----END CERTIFICATE-----\n");
	certificates(f, strbuf_span(&text), "certificate 2 is damaged");
	strbuf_done(&text);
	assert_int_equal(pem_certificates("/nowhere/ca.pem", NULL), RMG_E_NOTFOUND);
}

static void pair(const struct fixture *f, struct span cert, struct span key, const char *said)
{
	struct rmg_err err = {0};
	char cert_path[128], key_path[128];
	enum rmg_rc rc;

	put(f, "cert", cert, cert_path);
	put(f, "key", key, key_path);
	rc = pem_pair(cert_path, key_path, &err);
	unlink(cert_path);
	unlink(key_path);
	if (said == NULL && rc != RMG_OK)
		fail_msg("%s", err.msg);
	if (said && (rc == RMG_OK || strstr(err.msg, said) == NULL))
		fail_msg("\"%s\" does not say \"%s\"", err.msg, said);
}

/* PKCS #8 that wants the password "secret". */
static const char locked[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
			     "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhhoCDF0uvBqgICCAAw\n"
			     "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEED4pylQH1DLTcwhwvL87h60EQKuw\n"
			     "48KUYF2Kyv9Lb8qqpPoGqsoGd0eXqw9yh3mVKlNpgWOs09WhWLlnvhSl8cxDImIp\n"
			     "0Qgla+Ti1Vyrlpw6G4c=\n"
			     "-----END ENCRYPTED PRIVATE KEY-----\n";

static void a_pair_belongs_together(void **state)
{
	struct fixture *f = *state;
	struct span cert = strbuf_span(&f->cert), key = strbuf_span(&f->key);

	pair(f, cert, key, NULL);
	pair(f, cert, strbuf_span(&f->other_key), "is not the key of");
	pair(f, key, cert, "no certificate");
	pair(f, cert, cert, "no key");
	pair(f, cert, S(""), "no key");
	pair(f, cert, span_cstr(locked), "no key");
}

static void a_certificate_says_whose_and_how_long(void **state)
{
	struct fixture *f = *state;
	const int64_t year_s = 365 * 86400;
	int64_t ends = 0, now = time(NULL);
	struct rmg_err err = {0};
	bool is = false;
	char path[128];

	put(f, "cert", strbuf_span(&f->cert), path);
	assert_int_equal(pem_ends(path, &ends, &err), RMG_OK);
	assert_true(ends > now + 9 * year_s && ends < now + 11 * year_s);
	assert_int_equal(pem_is_for(path, "localhost", &is, &err), RMG_OK);
	assert_true(is);
	assert_int_equal(pem_is_for(path, "example.com", &is, &err), RMG_OK);
	assert_false(is);
	unlink(path);
	assert_int_equal(pem_ends(path, &ends, &err), RMG_E_NOTFOUND);
	assert_int_equal(pem_is_for(path, "localhost", &is, &err), RMG_E_NOTFOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(certificates_are_told_from_others, begin, end),
	    cmocka_unit_test_setup_teardown(a_pair_belongs_together, begin, end),
	    cmocka_unit_test_setup_teardown(a_certificate_says_whose_and_how_long, begin, end),
	};

	return cmocka_run_group_tests_name("pem", tests, NULL, NULL);
}
