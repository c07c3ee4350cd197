/* SPDX-License-Identifier: Apache-2.0 */
/* oidc_print - for people who debug and for tests: oidc_print ISSUER AUDIENCE CLAIM KEYS
 * VALUE=ROLE... takes lines "SECONDS TOKEN" and says of each whom it speaks for at that time. KEYS
 * is a file or a URL, or "" for discovery. */
#include <stdio.h>

#include "base/limits.h"
#include "serve/oidc.h"

enum { ROLES_MAX = 16 };

static void answer(struct oidc *o, struct span line)
{
	struct span when, token;
	struct rmg_err err = {0};
	const char *role = NULL;
	char subject[128];
	uint64_t now_s = 0;
	enum rmg_rc rc;

	if (!span_cut(line, ' ', &when, &token) || !span_u64(when, 10, INT64_MAX, &now_s)) {
		puts("SECONDS TOKEN");
		return;
	}
	rc = oidc_check(o, token, (int64_t)now_s, subject, sizeof subject, &role, &err);
	if (rc == RMG_OK)
		printf("%s: %s\n", role, subject);
	else
		printf("%s %s\n",
		       rc == RMG_E_AUTH || rc == RMG_E_NOTFOUND ? "refused:" : "failed:", err.msg);
}

static void answer_all(struct oidc *o)
{
	static char line[64 * 1024];

	while (fgets(line, sizeof line, stdin)) {
		answer(o, span_rtrim_chr(span_cstr(line), '\n'));
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	struct oidc_role roles[ROLES_MAX];
	struct oidc_opts opts = {.roles = roles};
	struct rmg_err err = {0};
	struct oidc *o;

	if (argc < 5 || argc - 5 > ROLES_MAX) {
		fprintf(stderr, "oidc_print ISSUER AUDIENCE CLAIM KEYS VALUE=ROLE...\n");
		return 1;
	}
	opts.issuer = argv[1];
	opts.audience = argv[2];
	opts.claim = argv[3][0] ? argv[3] : NULL;
	opts.jwks = argv[4][0] ? argv[4] : NULL;
	opts.ca_file = getenv("OIDC_CA");
	for (int i = 5; i < argc; i++) {
		char *equals = strrchr(argv[i], '=');

		if (equals == NULL)
			return 1;
		*equals = '\0';
		roles[opts.n_roles++] = (struct oidc_role){argv[i], equals + 1};
	}
	if (oidc_open(&opts, &o, &err) != RMG_OK) {
		fprintf(stderr, "oidc_print: %s\n", err.msg);
		return 1;
	}
	answer_all(o);
	oidc_close(o);
	return 0;
}
