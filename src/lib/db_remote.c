/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "lib/db_remote_inside.h"

enum { ARENA_CAP = 1 << 20 };

const char *db_digest(const struct advdb *db, char buf[DIGEST_TEXT])
{
	return digest_text(db->sha256, buf);
}

void db_remote_warn(const struct db_remote *r, const char *what, const struct rmg_err *why)
{
	char text[640];

	snprintf(text, sizeof text, "%s: %s", what, why->msg);
	if (r->opts.warn)
		r->opts.warn(r->opts.user, text);
}

static struct rmg_opts registry_opts(const struct rmg_db_opts *o)
{
	struct rmg_opts opts = RMG_OPTS;

	opts.username = o->username;
	opts.password = o->password;
	opts.insecure_registries = o->insecure_registries;
	opts.mirrors = o->mirrors;
	opts.ca_cert = o->ca_cert;
	opts.client_cert = o->client_cert;
	opts.client_key = o->client_key;
	opts.stall_seconds = o->stall_seconds;
	opts.stop = o->stop;
	opts.user = o->user;
	return opts;
}

enum rmg_rc db_remote_open(const char *ref, const struct rmg_db_opts *opts, struct db_remote **out,
			   struct rmg_err *err)
{
	struct db_remote *r = calloc(1, sizeof *r);
	struct span text = span_cstr(ref);
	enum rmg_rc rc;

	if (r == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a registry");
	r->opts = *opts;
	r->registry = registry_opts(opts);
	arena_init(&r->arena, ARENA_CAP);
	if (span_starts(text, S("registry:")))
		text = span_from(text, 9);
	rc = reference_parse(arena_dup(&r->arena, text), &r->arena, &r->ref, err);
	if (rc != RMG_OK) {
		db_remote_close(r);
		return rc;
	}
	*out = r;
	return RMG_OK;
}

void db_remote_close(struct db_remote *r)
{
	if (r == NULL)
		return;
	arena_done(&r->arena);
	free(r);
}
