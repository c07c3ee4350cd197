/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads at one issuer whose keys are read anew meanwhile; tests/test_oidc.py has the rest.
 */
#include "serve/oidc.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../tests/sample.h"

enum { THREADS = 4, CHECKS = 200, NOW_S = 1900000000 };

struct shared {
	struct oidc *o;
	struct span token;
	unsigned good[THREADS];
};

struct one {
	struct shared *all;
	unsigned i;
};

static void *many_checks(void *user)
{
	const struct one *one = user;
	char subject[16];
	const char *role;

	/* Half a minute a check: the keys grow old again and again. */
	for (int i = 0; i < CHECKS; i++)
		if (oidc_check(one->all->o, one->all->token, NOW_S + 30 * i, subject,
			       sizeof subject, &role, NULL) == RMG_OK &&
		    strcmp(subject, "alice") == 0 && strcmp(role, "admin") == 0)
			one->all->good[one->i]++;
	return NULL;
}

static void run_threads(struct shared *all)
{
	struct one ones[THREADS];
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		ones[i] = (struct one){all, i};
		assert_int_equal(pthread_create(&threads[i], NULL, many_checks, &ones[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(all->good[i], CHECKS);
}

static void threads_share_the_keys(void **state)
{
	static const struct oidc_role roles[] = {{"staff", "reader"}, {"ops", "admin"}};
	char path[] = "/tmp/oidc_test.XXXXXX";
	struct oidc_opts opts = {.issuer = "https://id.example.org",
				 .audience = "rummage",
				 .jwks = path,
				 .roles = roles,
				 .n_roles = COUNT_OF(roles)};
	struct span keys, bytes = sample_read("format/jwt", "ok-es256");
	struct rmg_err err = {0};
	struct shared all = {0};
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0 && span_cut(bytes, '\n', &all.token, &keys));
	assert_int_equal(write(fd, keys.p, keys.n), keys.n);
	close(fd);
	assert_int_equal(oidc_open(&opts, &all.o, &err), RMG_OK);
	run_threads(&all);
	oidc_close(all.o);
	unlink(path);
	sample_free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(threads_share_the_keys)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
