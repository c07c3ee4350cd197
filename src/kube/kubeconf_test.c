/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/kubeconf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"

static const char one[] =
    "apiVersion: v1\n"
    "kind: Config\n"
    "clusters:\n"
    "- name: prod\n"
    "  cluster: {server: 'https://kube.example:6443', certificate-authority-data: QUJD}\n"
    "- cluster:\n"
    "    insecure-skip-tls-verify: true\n"
    "    server: https://test\n"
    "    certificate-authority: ca.crt\n"
    "  name: test\n"
    "users:\n"
    "- name: me\n"
    "  user: {client-certificate: me.crt, client-key: /abs/me.key}\n"
    "- name: plug\n"
    "  user:\n"
    "    exec:\n"
    "      apiVersion: client.authentication.k8s.io/v1\n"
    "      command: ./get-token\n"
    "      args: [--cluster, prod]\n"
    "      env:\n"
    "      - {name: REGION, value: here}\n"
    "contexts:\n"
    "- {name: p, context: {cluster: prod, user: plug, namespace: x}}\n"
    "- {name: t, context: {cluster: test, user: me}}\n"
    "current-context: t\n";

#define IS(what, text)                                                                             \
	do {                                                                                       \
		struct span got_ = (what);                                                         \
		if (!span_is(got_, S(text)))                                                       \
			fail_msg("\"" SPAN_FMT "\" is not \"%s\"", SPAN_ARG(got_), text);          \
	} while (0)

static void one_file(void **state)
{
	struct kubeconf_file f = {span_cstr(one), S("/etc/kube")};
	struct kubeconf c;
	struct arena a;

	(void)state;
	arena_init(&a, MIB(1));
	assert_int_equal(kubeconf_parse(&f, 1, S(""), &a, &c, NULL), RMG_OK);
	IS(c.server, "https://test");
	assert_true(c.unverified);
	IS(c.ca_file, "/etc/kube/ca.crt");
	IS(c.cert_file, "/etc/kube/me.crt");
	IS(c.key_file, "/abs/me.key");
	assert_int_equal(c.exec.command.n, 0);
	assert_int_equal(kubeconf_parse(&f, 1, S("p"), &a, &c, NULL), RMG_OK);
	IS(c.server, "https://kube.example:6443");
	IS(c.ca_data, "ABC");
	IS(c.ns, "x");
	IS(c.exec.command, "/etc/kube/./get-token");
	assert_int_equal(c.exec.n_args, 2);
	IS(c.exec.args[1], "prod");
	IS(c.exec.env[0], "REGION=here");
	assert_false(c.unverified);
	assert_int_equal(kubeconf_parse(&f, 1, S("q"), &a, &c, NULL), RMG_E_NOTFOUND);
	arena_done(&a);
}

/* The first file that names a thing wins, whatever the others say. */
static void several(void **state)
{
	static const char first[] =
	    "{\"current-context\":\"mine\",\"contexts\":[{\"name\":\"mine\","
	    "\"context\":{\"cluster\":\"prod\",\"user\":\"u\"}}],"
	    "\"users\":[{\"name\":\"u\",\"user\":{\"token\":\"abc\"}}]}";
	struct kubeconf_file f[] = {{span_cstr(first), S("/a")}, {span_cstr(one), S("/b")}};
	struct kubeconf c;
	struct arena a;

	(void)state;
	arena_init(&a, MIB(1));
	assert_int_equal(kubeconf_parse(f, 2, S(""), &a, &c, NULL), RMG_OK);
	IS(c.server, "https://kube.example:6443");
	IS(c.token, "abc");
	arena_done(&a);
}

static void refused(void **state)
{
	static const struct {
		const char *text;
		enum rmg_rc rc;
	} rows[] = {
	    {"", RMG_E_NOTFOUND},
	    {"current-context: x", RMG_E_NOTFOUND},
	    {"{current-context: x, contexts: [{name: x, context: {cluster: c, user: u}}]}",
	     RMG_E_NOTFOUND},
	    {"a: [", RMG_E_FORMAT},
	    {"a: &x b\nc: *x", RMG_E_FORMAT},
	    {"{current-context: x, contexts: [{name: x, context: {cluster: c}}], clusters: [{name: "
	     "c, cluster: {server: 's', certificate-authority-data: '?'}}]}",
	     RMG_E_FORMAT},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct kubeconf_file f = {span_cstr(rows[i].text), S("")};
		struct kubeconf c;
		struct arena a;

		arena_init(&a, MIB(1));
		assert_int_equal(kubeconf_parse(&f, 1, S(""), &a, &c, NULL), rows[i].rc);
		arena_done(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_file),
	    cmocka_unit_test(several),
	    cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
