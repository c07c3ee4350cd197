/* SPDX-License-Identifier: Apache-2.0 */
/* check_hub.c - what a hub needs: what it is told, its store, advisories, certificates, addresses,
 * registries, and the places that it watches. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/limits.h"
#include "cmd/check.h"
#include "feed/feed.h"
#include "io/file.h"
#include "io/http.h"
#include "io/pem.h"
#include "lib/credentials.h"
#include "lib/tag.h"
#include "serve/orders.h"
#include "serve/serve.h"
#include "store/store.h"

enum {
	OLD_DATABASE_S = 2 * 86400,
	ENDING_S = 21 * 86400,
	STATE_BYTES = 1 << 30,
	CACHE_BYTES = 1 << 30,
	TMP_BYTES = 256 << 20,
	ASK_S = 10,
};

/* What it is told. */

static void check_sinks(struct checks *c, const struct config *config)
{
	for (size_t i = 0; i < config->n_sinks; i++)
		check_put(c, CHECK_OK, "sink", config->sinks[i].name, NULL,
			  "%s; its settings are whole (rummage alerts test sends to it)",
			  config->sinks[i].kind->name);
	if (config->n_sinks == 0)
		check_put(c, CHECK_WARN, "sink", "none", "sinks of --hub-config, rummage-sinks(5)",
			  "nobody is told of alerts");
}

static void check_provider(struct checks *c, const struct config *config)
{
	struct http_opts how = {.ca_file = config->oidc.ca_file, .connect_s = 5, .stall_s = ASK_S};
	char url[4200];
	struct http_request req = {.url = url, .no_redirect = true};
	struct http_response resp = {0};
	struct http *http = NULL;
	struct rmg_err err = {0};
	enum rmg_rc rc;

	snprintf(url, sizeof url, "%s/.well-known/openid-configuration", config->oidc.issuer);
	rc = http_new(&how, &http, &err);
	if (rc == RMG_OK)
		rc = http_do(http, &req, &resp, &err);
	if (rc == RMG_OK && resp.status != 200)
		rc = http_status_err(&req, &resp, &err);
	check_put(c, rc == RMG_OK ? CHECK_OK : CHECK_MISSING, "oidc", config->oidc.issuer,
		  "oidc.issuer of --hub-config, and the way there", "%s",
		  rc == RMG_OK ? "answers" : err.msg);
	http_free(http);
}

static void check_orders(struct checks *c, const struct serve_opts *o)
{
	const char *file = o->config ? o->config : "none";
	struct orders orders = {0};
	struct rmg_err err = {0};

	if (orders_read(o, NULL, &orders, &err) != RMG_OK) {
		check_put(c, CHECK_MISSING, "config", file,
			  "see SETTINGS OF THE HUB in rummage-hub(1), and rummage-policy(5)", "%s",
			  err.msg);
		return;
	}
	check_put(c, CHECK_OK, "config", file, NULL, "is whole");
	check_put(c, CHECK_OK, "policy", o->policy ? o->policy : "built in", NULL, "%zu rules",
		  orders.policy->n_rules);
	check_sinks(c, orders.config);
	if (orders.config->oidc.issuer && orders.config->oidc.jwks == NULL)
		check_provider(c, orders.config);
	orders_free(&orders);
}

/* Words that the hub reads when it starts. */
static void check_options(struct checks *c, const struct serve_opts *o)
{
	for (size_t i = 0; i < SERVE_WORDS; i++) {
		struct rmg_err err = {0};

		if (serve_words[i].check(o, &err) != RMG_OK)
			check_put(c, CHECK_MISSING, "option", serve_words[i].option,
				  "see it in rummage-hub(1): the hub does not start", "%s",
				  err.msg);
	}
}

/* The store. A URL's password is not shown. */

static void store_name(const char *url, char *out, size_t size)
{
	const char *at = strrchr(url, '@'), *slashes = strstr(url, "://");

	if (at && slashes)
		snprintf(out, size, "postgresql://%s", at + 1);
	else
		snprintf(out, size, "%s", url);
	out[strcspn(out, "?")] = '\0';
}

static void say_store(struct checks *c, const char *name, const struct store_state *s)
{
	if (s->schema > s->newest)
		check_put(c, CHECK_MISSING, "store", name, "upgrade Rummage, or restore a backup",
			  "has schema %lld of a newer Rummage; this one knows %lld",
			  (long long)s->schema, (long long)s->newest);
	else if (!s->may_write)
		check_put(
		    c, CHECK_MISSING, "store", name,
		    "the owner of the file, or in PostgreSQL of its tables, and of a schema in "
		    "which it may CREATE",
		    "may not be written to");
	else if (s->schema == 0)
		check_put(c, CHECK_OK, "store", name, NULL, "is empty, and made at the start");
	else if (s->schema < s->newest)
		check_put(c, CHECK_WARN, "store", name, "back it up first",
			  "schema %lld becomes %lld at the start", (long long)s->schema,
			  (long long)s->newest);
	else
		check_put(c, CHECK_OK, "store", name, NULL, "schema %lld", (long long)s->schema);
	if (s->now_ms)
		check_clocks(c, "the store's server", s->now_ms);
}

static void check_store(struct checks *c, const struct serve_opts *o)
{
	struct store_state s = {0};
	struct rmg_err err = {0};
	const char *file = o->store + strlen("sqlite:");
	enum rmg_rc rc = store_look(o->store, &s, &err);
	char name[4200];

	store_name(o->store, name, sizeof name);
	if (rc == RMG_OK)
		say_store(c, name, &s);
	else if (rc == RMG_E_NOTFOUND && strncmp(file, o->state_dir, strlen(o->state_dir)) == 0)
		check_put(c, CHECK_OK, "store", name, NULL,
			  "is made at the start, with its folder");
	else
		check_put(c, CHECK_MISSING, "store", name,
			  "--store, its folder or server, and who may log in there", "%s", err.msg);
}

/* Advisories. */

static void check_database(struct checks *c, const struct options *o)
{
	struct rmg_db *db = NULL;
	struct rmg_db_info info;
	struct rmg_err err = {0};
	char path[4200];

	rmg_db_default_path(o->cache_dir, path, sizeof path);
	if (o->db)
		snprintf(path, sizeof path, "%s", o->db);
	if (access(path, F_OK) != 0) {
		check_put(c, CHECK_WARN, "database", path,
			  o->db ? "put it there" : "it is fetched at the start",
			  "there is none yet");
		return;
	}
	if (rmg_db_open(path, &db, &err) != RMG_OK) {
		check_put(c, CHECK_MISSING, "database", path, "rummage db update", "%s", err.msg);
		return;
	}
	rmg_db_about(db, &info);
	check_put(c, info.age_s > OLD_DATABASE_S ? CHECK_WARN : CHECK_OK, "database", path,
		  "see that its feeds can be reached", "%llu advisories, %lld h old",
		  (unsigned long long)info.advisories, (long long)info.age_s / 3600);
	if (info.age_s < -300)
		check_put(c, CHECK_WARN, "clock", "the database", "set this machine's clock",
			  "was built in the future");
	rmg_db_free(db);
}

static void reached(void *user, const char *feed, const char *url, unsigned status,
		    const struct rmg_err *why)
{
	if (status == 0)
		check_put(user, CHECK_MISSING, "feed", feed,
			  "let this machine reach it (HTTPS_PROXY), or take --db-ref or --feed-dir",
			  "%s", why->msg);
	else
		check_put(user, status < 400 || status == 405 ? CHECK_OK : CHECK_WARN, "feed", feed,
			  "see that this is the publisher's address, or --url", "%u from %s",
			  status, url);
}

static void check_reference(struct checks *c, const struct options *o, const struct rmg_opts *scan)
{
	struct tag_answer answer = {0};
	struct rmg_err err = {0};
	struct arena a;
	enum rmg_rc rc;

	arena_init(&a, MIB(64));
	rc = tag_resolve(scan, span_cstr(o->db_ref), NULL, 0, &a, &answer, &err);
	/* What is there is no image; that it is there is enough. */
	if (rc == RMG_OK || rc == RMG_E_UNSUPPORTED || rc == RMG_E_FORMAT)
		check_put(c, CHECK_OK, "db-ref", o->db_ref, NULL, "is there");
	else if (rc == RMG_E_ARG)
		check_put(c, CHECK_UNKNOWN, "db-ref", o->db_ref, NULL, "%s", err.msg);
	else
		check_put(c, CHECK_MISSING, "db-ref", o->db_ref,
			  "rummage db push puts it there; and log in", "%s", err.msg);
	arena_done(&a);
}

static void check_advisories(struct checks *c, const struct options *o, const struct rmg_opts *scan)
{
	struct rmg_db_opts opts = RMG_DB_OPTS;
	struct rmg_err err = {0};

	if (o->feed_dir) {
		check_put(c, access(o->feed_dir, R_OK | X_OK) == 0 ? CHECK_OK : CHECK_MISSING,
			  "feed-dir", o->feed_dir, "a folder of the publishers' files",
			  access(o->feed_dir, R_OK | X_OK) == 0 ? "can be read" : "cannot be read");
		return;
	}
	check_database(c, o);
	if (o->db_ref) {
		check_reference(c, o, scan);
		return;
	}
	opts.urls = o->urls.v;
	opts.stop = NULL;
	if (o->db == NULL && feed_reach(&opts, reached, c, &err) != RMG_OK)
		check_put(c, CHECK_MISSING, "feed", "all", "see --url in rummage-hub(1)", "%s",
			  err.msg);
}

/* Certificates. */

static void check_pair(struct checks *c, const char *check, const char *cert, const char *key)
{
	struct rmg_err err = {0};
	int64_t ends = 0, left;
	enum rmg_rc rc = pem_pair(cert, key, &err);

	if (rc == RMG_OK)
		rc = pem_ends(cert, &ends, &err);
	left = ends - clock_ms() / 1000;
	if (rc != RMG_OK)
		check_put(c, CHECK_MISSING, check, cert, "a certificate and its key, as PEM", "%s",
			  err.msg);
	else if (left <= 0)
		check_put(c, CHECK_MISSING, check, cert, "a new one", "is good no more");
	else
		check_put(c, left < ENDING_S ? CHECK_WARN : CHECK_OK, check, cert, "a new one",
			  "is good for %lld days", (long long)left / 86400);
}

static void check_certificates(struct checks *c, const struct serve_opts *o)
{
	struct rmg_err err = {0};

	if (o->cert && o->key)
		check_pair(c, "tls", o->cert, o->key);
	else if (o->cert)
		check_put(c, CHECK_MISSING, "tls", o->cert, "--tls-key", "has no key");
	if (o->client_ca && pem_certificates(o->client_ca, &err) != RMG_OK)
		check_put(c, CHECK_MISSING, "client-ca", o->client_ca, "authorities, as PEM", "%s",
			  err.msg);
	if (o->admission_cert && o->admission_key)
		check_pair(c, "admission-cert", o->admission_cert, o->admission_key);
	if (o->admission && o->admission_cert == NULL && o->admission_names == NULL)
		check_put(c, CHECK_MISSING, "admission-cert", "of the hub's own",
			  "--admission-name NAME.NAMESPACE.svc",
			  "is for this machine alone: no API server would trust it");
}

/* Registries: who we are there. */

static void check_registry(struct checks *c, struct span host)
{
	struct credentials who = {0};
	struct rmg_err err = {0};
	struct span from = {0};
	char name[300];
	struct arena a;

	arena_init(&a, MIB(4));
	snprintf(name, sizeof name, SPAN_FMT, SPAN_ARG(host));
	if (credentials_find(host, S(""), &a, &who, &from, &err) != RMG_OK)
		check_put(c, CHECK_MISSING, "registry", name,
			  "mend the file, or install the helper that it names", "%s", err.msg);
	else if (credentials_any(&who))
		check_put(c, CHECK_OK, "registry", name, NULL, "we are somebody, by " SPAN_FMT,
			  SPAN_ARG(from));
	else
		check_put(c, CHECK_OK, "registry", name, NULL,
			  "we are nobody there: what is not public cannot be asked for");
	arena_done(&a);
}

static void check_registries(struct checks *c, const struct options *o)
{
	struct span name, host;
	struct arena a;

	if (o->username) {
		check_put(c, CHECK_OK, "registry", "all", NULL, "we are %s", o->username);
		return;
	}
	arena_init(&a, MIB(1));
	check_registry(c, S("docker.io"));
	if (o->db_ref)
		check_registry(c, tag_host(span_cstr(o->db_ref), &a));
	for (size_t i = 0; i < o->mirror.n; i++)
		if (span_cut(span_cstr(o->mirror.v[i]), '=', &name, &host))
			check_registry(c, host);
	arena_done(&a);
}

/* Places that are watched. */

static void check_watched(struct checks *c, const struct serve_opts *o)
{
	bool admission = o->admission && o->admission_webhooks;

	check_runtimes(c, o->watches, o->n_watches, false);
	for (size_t i = 0; i < o->n_watches; i++) {
		const struct node_watch *w = &o->watches[i];

		if (strcmp(w->kind, "kubernetes") != 0)
			continue;
		check_kube(c, w->address, w->kinds, o, admission);
		admission = false; /* the first one's alone are written to */
	}
	if (admission)
		check_put(c, CHECK_MISSING, "webhook", o->admission_webhooks, "--kubernetes",
			  "no cluster is watched that could have it");
	if (o->n_watches == 0)
		check_put(c, CHECK_OK, "runtime", "none", NULL,
			  "nothing is watched here: agents tell what runs");
}

static const char *state_dir(struct checks *c, const struct serve_opts *o)
{
	char dir[4096];

	if (o->state_dir)
		return o->state_dir;
	return file_state_dir(dir, sizeof dir) ? check_text(c, "%s", dir) : ".";
}

static const char *cache_dir(struct checks *c, const struct options *o)
{
	char dir[4096];

	if (o->cache_dir)
		return o->cache_dir;
	return file_cache_dir(dir, sizeof dir) ? check_text(c, "%s", dir) : ".";
}

static void put_all(struct checks *c, const struct options *o, const struct serve_opts *opts)
{
	struct check_parts inside = {opts->host, opts->drift, opts->profile, opts->execs,
				     opts->enforce};
	const char *tmp = env_get("TMPDIR");
	struct serve_opts full = *opts;

	full.state_dir = state_dir(c, opts);
	if (full.store == NULL)
		full.store = check_text(c, "sqlite:%s/hub.db", full.state_dir);
	check_options(c, &full);
	check_orders(c, &full);
	check_folder(c, "state-dir", full.state_dir, STATE_BYTES, "--state-dir");
	check_folder(c, "cache-dir", cache_dir(c, o), CACHE_BYTES, "--cache-dir");
	check_folder(c, "tmp", tmp ? tmp : "/tmp", TMP_BYTES, "a volume there, or TMPDIR");
	check_store(c, &full);
	check_certificates(c, &full);
	check_listen(c, "listen", opts->listen ? opts->listen : "127.0.0.1:7381");
	if (opts->admission)
		check_listen(c, "admission", opts->admission);
	check_advisories(c, o, opts->scan);
	check_registries(c, o);
	check_watched(c, &full);
	check_inside(c, &inside);
	check_sandbox(c, opts->scan);
	check_clock(c);
}

int check_hub(struct options *o, const struct serve_opts *opts)
{
	struct checks *c = checks_new("hub");

	if (c)
		put_all(c, o, opts);
	return checks_end(c, o);
}
