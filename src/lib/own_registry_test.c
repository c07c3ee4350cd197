/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/own_registry.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/credentials.h"

#define OWN "image-registry.openshift-image-registry.svc:5000"

static char root[64];

static void make(const char *name, const char *text)
{
	static const char *const folders[] = {"",
					      "/var",
					      "/var/run",
					      "/var/run/secrets",
					      "/var/run/secrets/kubernetes.io",
					      "/var/run/secrets/kubernetes.io/serviceaccount"};
	char path[256];
	FILE *f;

	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		(void)snprintf(path, sizeof path, "%s%s", root, folders[i]);
		(void)mkdir(path, 0700);
	}
	(void)snprintf(path, sizeof path, "%s%s/%s", root, folders[5], name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static bool knows(const char *host, struct arena *a)
{
	struct credentials c;
	struct span from = {0};

	assert_int_equal(credentials_find(span_cstr(host), S("shop/web"), a, &c, &from, NULL),
			 RMG_OK);
	if (!credentials_any(&c))
		return false;
	assert_true(span_is(c.username, S("serviceaccount")));
	assert_true(span_is(c.password, S("the-token")));
	assert_true(span_ends(from, S("/serviceaccount/token")));
	return true;
}

static void to_nobody_else(void **state)
{
	struct credentials c;
	struct span from = {0};
	char path[256];
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_false(knows(OWN, &a));
	assert_null(own_registry_ca(S(OWN), &a));
	make("token", "the-token\n");
	make("service-ca.crt", "x");
	assert_true(knows(OWN, &a));
	assert_non_null(own_registry_ca(S(OWN), &a));
	assert_false(knows("image-registry.openshift-image-registry.svc", &a));
	assert_false(knows("image-registry.openshift-image-registry.svc:5001", &a));
	assert_false(knows("image-registry.openshift-image-registry.svc.example.com:5000", &a));
	assert_null(own_registry_ca(S("registry.example.com"), &a));
	/* What somebody logged in with comes first. */
	make("auth.json", "{\"" OWN "\":{\"auth\":\"c2VydmljZWFjY291bnQ6dGhlLXRva2Vu\"}}");
	make("token", "another");
	(void)snprintf(path, sizeof path,
		       "%s/var/run/secrets/kubernetes.io/serviceaccount/auth.json", root);
	assert_int_equal(setenv("REGISTRY_AUTH_FILE", path, 1), 0);
	assert_int_equal(credentials_find(S(OWN), S("shop/web"), &a, &c, &from, NULL), RMG_OK);
	assert_true(span_is(c.password, S("the-token"))); /* a dockercfg's, which has no "auths" */
	assert_true(span_ends(from, S("auth.json")));
	arena_done(&a);
}

static int remove_root(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof command, "rm -r %s", root);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(to_nobody_else)};
	static const char *const unset[] = {"REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR",
					    "XDG_CONFIG_HOME", "DOCKER_CONFIG"};

	(void)snprintf(root, sizeof root, "/tmp/own_registry.XXXXXX");
	if (mkdtemp(root) == NULL || setenv("RUMMAGE_TEST_ROOT", root, 1) != 0 ||
	    setenv("HOME", root, 1) != 0)
		return 1;
	for (size_t i = 0; i < COUNT_OF(unset); i++)
		(void)unsetenv(unset[i]);
	return cmocka_run_group_tests(tests, NULL, remove_root);
}
