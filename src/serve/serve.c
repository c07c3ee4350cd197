/* SPDX-License-Identifier: Apache-2.0 */
/* serve.c - starts the parts in the order in which they need each other, turns the hub's clockwork,
 * and ends them the other way round. */
#include "serve/serve.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "io/file.h"
#include "io/server_tls.h"
#include "node/containers.h"
#include "serve/api.h"
#include "serve/orders.h"
#include "serve/parts.h"
#include "serve/streams.h"

enum { WATCHES = 16, TURN_MS = 250, TOKENS_MS = 10000 };

struct running {
	struct serve_opts opts; /* with defaults filled in */
	struct env env;
	struct orders orders;
	struct hub *hub;
	struct auth *auth;
	struct streams *streams;
	struct api api;
	struct server *server;
	struct feeder *feeder;
	struct scanner *scanner;
	struct host *host;
	struct containers *containers;
	struct drift *drift;
	struct execs *execs;
	struct watcher *watchers[WATCHES];
	struct delivers delivers;
	struct keeper *keeper;
	char state_dir[4096], store[4200], node[256], listen[64];
	struct span cert, key, client_ca;
	bool generated_cert, told; /* told: who leads has been said once */
};

void env_say(const struct env *env, const char *level, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	if (env->opts->say == NULL)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	env->opts->say(env->opts->user, level, text);
}

bool env_stopping(void *user)
{
	const struct env *env = user;

	return atomic_load(&env->stopping);
}

/* The system's clock; tests move it by a file of milliseconds that $RUMMAGE_TEST_CLOCK names. */
static int64_t now_ms(void *user)
{
	const char *moved = user;
	int64_t ms = clock_ms();

	if (moved && *moved) {
		struct span text, digits;
		uint64_t by = 0;

		if (file_read(moved, 64, &text, NULL) == RMG_OK) {
			bool back = span_starts(text, S("-"));

			digits = span_trim(span_from(text, back));
			if (span_u64(digits, 10, INT64_MAX / 2, &by))
				ms += back ? -(int64_t)by : (int64_t)by;
			file_free(&text);
		}
	}
	return ms;
}

int64_t env_now_ms(const struct env *env)
{
	return env->now_ms(env->clock_user);
}

static enum rmg_rc fill_defaults(struct running *r, struct rmg_err *err)
{
	struct serve_opts *o = &r->opts;

	if (o->state_dir)
		snprintf(r->state_dir, sizeof r->state_dir, "%s", o->state_dir);
	else if (!file_state_dir(r->state_dir, sizeof r->state_dir))
		return err_set(err, RMG_E_ARG, "no folder for the hub's state: HOME is not set");
	o->state_dir = r->state_dir;
	if (o->store == NULL) {
		snprintf(r->store, sizeof r->store, "sqlite:%s/hub.db", r->state_dir);
		o->store = r->store;
	}
	if (o->listen == NULL)
		o->listen = "127.0.0.1:7381";
	if (o->cluster == NULL)
		o->cluster = "default";
	if (o->node == NULL) {
		if (gethostname(r->node, sizeof r->node - 1) != 0)
			snprintf(r->node, sizeof r->node, "localhost");
		o->node = r->node;
	}
	if (o->feed_s == 0)
		o->feed_s = 300;
	return file_mkdirs(r->state_dir, err);
}

static bool is_loopback(const char *listen)
{
	return strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]:", 6) == 0 ||
	       strncmp(listen, "localhost:", 10) == 0;
}

/* A secret appears with its final mode, whole. */
static enum rmg_rc write_secret(const char *path, struct span text, struct rmg_err *err)
{
	mode_t old = umask(0077);
	enum rmg_rc rc = file_write(path, text, err);

	umask(old);
	return rc;
}

/* The one that was made before, or a new one: a certificate of our own beats plain HTTP. */
static enum rmg_rc own_certificate(struct running *r, struct rmg_err *err)
{
	const char *const names[] = {r->opts.node, "localhost", "127.0.0.1", "::1", NULL};
	struct strbuf cert = strbuf_of(KIB(64)), key = strbuf_of(KIB(64));
	char cert_path[4200], key_path[4200];
	enum rmg_rc rc = RMG_OK;

	snprintf(cert_path, sizeof cert_path, "%s/hub.crt", r->state_dir);
	snprintf(key_path, sizeof key_path, "%s/hub.key", r->state_dir);
	if (!file_exists(cert_path) || !file_exists(key_path)) {
		rc = server_tls_make(names, &cert, &key, err);
		if (rc == RMG_OK)
			rc = write_secret(key_path, strbuf_span(&key), err);
		if (rc == RMG_OK)
			rc = file_write(cert_path, strbuf_span(&cert), err);
	}
	strbuf_done(&cert);
	strbuf_done(&key);
	if (rc == RMG_OK)
		rc = file_read(cert_path, KIB(64), &r->cert, err);
	if (rc == RMG_OK)
		rc = file_read(key_path, KIB(64), &r->key, err);
	r->generated_cert = true;
	return rc;
}

static enum rmg_rc read_certificates(struct running *r, struct rmg_err *err)
{
	const struct serve_opts *o = &r->opts;
	enum rmg_rc rc = RMG_OK;

	if (o->client_ca)
		rc = file_read(o->client_ca, MIB(1), &r->client_ca, err);
	if (rc != RMG_OK)
		return rc;
	if (o->cert == NULL && o->plain_http)
		return RMG_OK;
	if (o->cert == NULL && is_loopback(o->listen) && o->client_ca == NULL)
		return RMG_OK;
	if (o->cert == NULL)
		return own_certificate(r, err);
	if (o->key == NULL)
		return err_set(err, RMG_E_ARG, "a certificate needs its key");
	rc = file_read(o->cert, MIB(1), &r->cert, err);
	return rc == RMG_OK ? file_read(o->key, MIB(1), &r->key, err) : rc;
}

static enum rmg_rc count_token(void *user, const struct token_row *row)
{
	(void)row;
	++*(size_t *)user;
	return RMG_OK;
}

static enum rmg_rc put_first_token(struct store *st, const char *path, struct rmg_err *err)
{
	struct token_row row = {
	    .name = S("first-admin"), .role = S("admin"), .created_ms = now_ms(NULL)};
	char text[TOKEN_TEXT + 1] = "";
	enum rmg_rc rc = auth_make_token(&row, text, err);

	if (rc == RMG_OK)
		rc = store_begin(st, err);
	if (rc != RMG_OK)
		return rc;
	rc = store_token_put(st, &row, err);
	if (rc == RMG_OK) {
		size_t n = strlen(text);

		text[n] = '\n';
		rc = write_secret(path, span_of(text, n + 1), err);
	}
	rc = store_end(st, rc, err);
	explicit_bzero(text, sizeof text);
	return rc;
}

/* Whoever starts the first hub on a store is its admin: a token in a file that only he can read. */
static enum rmg_rc first_token(struct running *r, struct rmg_err *err)
{
	struct store *st = hub_store_lock(r->hub, err);
	char path[4200];
	size_t n = 0;
	enum rmg_rc rc;

	if (st == NULL)
		return RMG_E_IO;
	snprintf(path, sizeof path, "%s/admin.token", r->state_dir);
	rc = store_token_each(st, count_token, &n, err);
	if (rc == RMG_OK && n == 0)
		rc = put_first_token(st, path, err);
	hub_store_unlock(r->hub);
	if (rc == RMG_OK && file_exists(path))
		env_say(&r->env, "info", "the admin's token is in %s", path);
	return rc;
}

static void node_says(void *user, const char *level, const char *text)
{
	env_say(user, level, "%s", text);
}

static int64_t node_now(void *user)
{
	return env_now_ms(user);
}

static uint32_t node_hows(void *user)
{
	struct env *env = user;
	uint32_t hows;

	pthread_mutex_lock(&env->ruling);
	hows = policy_hows(env->policy);
	pthread_mutex_unlock(&env->ruling);
	return hows;
}

static uint32_t node_refused(void *user, const struct event *began)
{
	struct env *env = user;
	uint32_t refused;

	pthread_mutex_lock(&env->ruling);
	refused = policy_refused(env->policy, began);
	pthread_mutex_unlock(&env->ruling);
	return refused;
}

static void fill_node(struct running *r)
{
	struct node *n = &r->env.node;

	n->cluster = r->opts.cluster;
	n->name = r->opts.node;
	n->watches = r->opts.watches;
	n->n_watches = r->opts.n_watches;
	n->scan = r->opts.scan;
	n->to = local_to(&r->env);
	n->now_ms = node_now;
	n->stop = env_stopping;
	n->say = node_says;
	n->hows = node_hows;
	n->refused = r->opts.enforce ? node_refused : NULL;
	n->user = &r->env;
}

static void poke(void *user)
{
	struct running *r = user;

	bell_ring(&r->env.node.wanted);
	bell_ring(&r->env.sent);
}

/* What other threads read of the hub's file, and the policy. */
static void tell_threads(struct running *r)
{
	const struct config *c = r->orders.config;

	pthread_mutex_lock(&r->env.ruling);
	r->env.policy = r->orders.policy;
	pthread_mutex_unlock(&r->env.ruling);
	atomic_store(&r->api.open_metrics, c->open_metrics);
	atomic_store(&r->env.ended_uses_days, c->ended_uses_days);
	atomic_store(&r->env.changes_days, c->changes_days);
	atomic_store(&r->env.sent_messages_days, c->sent_messages_days);
}

static enum rmg_rc read_orders(struct running *r, struct rmg_err *err)
{
	enum rmg_rc rc = orders_read(&r->opts, NULL, &r->orders, err);

	if (rc == RMG_OK)
		tell_threads(r);
	return rc;
}

static enum rmg_rc open_hub(struct running *r, struct rmg_err *err)
{
	struct hub_opts hub = {
	    .store = r->opts.store,
	    .now_ms = now_ms,
	    .user = r->env.clock_user,
	    .policy = r->orders.policy,
	    .sinks = r->orders.config->sink_names,
	    .sinks_each = r->orders.config->sinks_each,
	    .link = r->orders.config->address,
	};
	enum rmg_rc rc;

	r->env.store = r->opts.store;
	rc = hub_open(&hub, &r->hub, err);
	if (rc == RMG_OK)
		rc = first_token(r, err);
	if (rc != RMG_OK)
		return rc;
	r->env.hub = r->hub;
	bell_ring(&r->env.opened);
	return RMG_OK;
}

static enum rmg_rc open_server(struct running *r, struct rmg_err *err)
{
	struct server_opts o = {.listen = r->opts.listen,
				.admit = api_admit,
				.handle = api_handle,
				.note_bytes = API_NOTE_BYTES,
				.user = &r->api};
	struct oidc *provider = r->orders.provider;
	enum rmg_rc rc = read_certificates(r, err);

	if (rc == RMG_OK) {
		r->orders.provider = NULL;
		rc = auth_open(r->hub, provider, &r->auth, err);
	}
	if (rc == RMG_OK)
		rc = streams_open(r->hub, &r->streams, err);
	if (rc != RMG_OK)
		return rc;
	r->api.hub = r->hub;
	r->api.auth = r->auth;
	r->api.streams = r->streams;
	r->api.user = r;
	r->api.poke = poke;
	o.cert = r->cert;
	o.key = r->key;
	o.client_ca = r->client_ca;
	return server_open(&o, &r->server, err);
}

static void say_address(struct running *r)
{
	struct span host, port;
	char print[128] = "";
	bool tls = r->cert.n != 0;

	if (!span_rcut(span_cstr(r->opts.listen), ':', &host, &port))
		host = span_cstr(r->opts.listen);
	env_say(&r->env, "info", "the hub answers at %s://" SPAN_FMT ":%u%s",
		tls ? "https" : "http", SPAN_ARG(host), server_port(r->server),
		tls || is_loopback(r->opts.listen) ? "" : ", in the clear as you asked");
	if (r->generated_cert &&
	    server_tls_fingerprint(r->cert, print, sizeof print, NULL) == RMG_OK)
		env_say(&r->env, "info", "its certificate is its own (%s/hub.crt): %s",
			r->state_dir, print);
}

static enum rmg_rc start_parts(struct running *r, struct rmg_err *err)
{
	const struct serve_opts *o = &r->opts;
	enum rmg_rc rc = RMG_OK;

	fill_node(r);
	if (o->n_watches > WATCHES)
		return err_set(err, RMG_E_LIMIT, "at most %d runtimes", WATCHES);
	if ((o->drift || o->execs) && containers_new(&r->containers) != RMG_OK)
		return err_set(err, RMG_E_NOMEM, "no memory for containers");
	r->env.node.containers = r->containers;
	if (rc == RMG_OK)
		rc = scanner_start(&r->env.node, &r->scanner, err);
	if (rc == RMG_OK && o->host)
		rc = host_start(&r->env.node, &r->host, err);
	if (rc == RMG_OK && o->drift)
		rc = drift_start(&r->env.node, &r->drift, err);
	if (rc == RMG_OK && o->execs)
		rc = execs_start(&r->env.node, &r->execs, err);
	for (size_t i = 0; rc == RMG_OK && i < o->n_watches; i++)
		rc = watcher_start(&r->env.node, &o->watches[i], &r->watchers[i], err);
	if (rc == RMG_OK)
		rc = delivers_set(&r->delivers, &r->env, r->orders.config, err);
	return rc == RMG_OK ? keeper_start(&r->env, &r->keeper, err) : rc;
}

/* All of it, or nothing. */
static enum rmg_rc take_orders(struct running *r, struct rmg_err *err)
{
	struct orders fresh = {0}, old = r->orders;
	struct oidc *provider;
	enum rmg_rc rc = orders_read(&r->opts, &r->orders, &fresh, err);

	if (rc == RMG_OK)
		rc = hub_policy_set(r->hub, fresh.policy, err);
	if (rc != RMG_OK) {
		orders_free(&fresh);
		return rc;
	}
	hub_sinks_set(r->hub, &(struct hub_opts){.sinks = fresh.config->sink_names,
						 .sinks_each = fresh.config->sinks_each,
						 .link = fresh.config->address});
	provider = fresh.provider;
	fresh.provider = NULL;
	r->orders = fresh;
	tell_threads(r);
	if (fresh.new_provider)
		rc = auth_provider(r->auth, provider, err);
	if (rc == RMG_OK)
		rc = delivers_set(&r->delivers, &r->env, fresh.config, err);
	orders_free(&old);
	return rc;
}

static void reload(struct running *r)
{
	struct rmg_err err = {0};

	if (take_orders(r, &err) == RMG_OK)
		env_say(&r->env, "info", "the policy and the hub's file were read again");
	else
		env_say(&r->env, "error", "what the hub was told stays as it is: %s", err.msg);
}

static void lead_or_follow(struct running *r, bool leads)
{
	if (!r->told || leads != atomic_load(&r->env.leads))
		env_say(&r->env, "info", leads ? "this hub leads now" : "another hub leads");
	r->told = true;
	atomic_store(&r->env.leads, leads);
	if (leads)
		bell_ring(&r->env.sent);
}

/* The main thread's. Times here are of a clock that only goes forward. */
static void turn(struct running *r)
{
	int64_t tokens_at = 0;
	bool troubled = false;

	while (!(r->opts.stop && r->opts.stop(r->opts.user))) {
		struct rmg_err err = {0};
		int64_t tick = clock_tick_ms();
		bool leads = false;

		if (r->opts.reload && r->opts.reload(r->opts.user))
			reload(r);
		if (hub_turn(r->hub, &leads, &err) != RMG_OK) {
			if (!troubled)
				env_say(&r->env, "error", "%s", err.msg);
			troubled = true;
		} else {
			troubled = false;
		}
		lead_or_follow(r, leads);
		server_wake(r->server);
		if (tick - tokens_at >= TOKENS_MS && auth_reload(r->auth, NULL) == RMG_OK)
			tokens_at = tick;
		clock_sleep_ms(TURN_MS);
	}
}

static void stop_parts(struct running *r)
{
	atomic_store(&r->env.stopping, true);
	bell_ring(&r->env.opened);
	bell_ring(&r->env.sent);
	bell_ring(&r->env.node.wanted);
	for (size_t i = 0; i < WATCHES; i++)
		watcher_stop(r->watchers[i]);
	execs_stop(r->execs);
	drift_stop(r->drift);
	host_stop(r->host);
	scanner_stop(r->scanner);
	feeder_stop(r->feeder);
	delivers_stop(&r->delivers);
	keeper_stop(r->keeper);
}

static void end(struct running *r)
{
	if (r->server)
		server_quiesce(r->server);
	stop_parts(r);
	server_close(r->server);
	streams_close(r->streams);
	auth_close(r->auth);
	hub_close(r->hub);
	orders_free(&r->orders);
	file_free(&r->cert);
	if (r->key.n)
		explicit_bzero((void *)(uintptr_t)r->key.p, r->key.n);
	file_free(&r->key);
	file_free(&r->client_ca);
	containers_free(r->containers);
	pthread_mutex_destroy(&r->env.ruling);
	bell_done(&r->env.opened);
	bell_done(&r->env.sent);
	bell_done(&r->env.node.wanted);
	free(r);
}

enum rmg_rc serve_run(const struct serve_opts *opts, struct rmg_err *err)
{
	struct running *r = calloc(1, sizeof *r);
	enum rmg_rc rc;

	if (r == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a hub");
	r->opts = *opts;
	r->env.opts = &r->opts;
	r->env.now_ms = now_ms;
	r->env.clock_user = getenv("RUMMAGE_TEST_CLOCK");
	bell_init(&r->env.opened);
	bell_init(&r->env.sent);
	pthread_mutex_init(&r->env.ruling, NULL);
	bell_init(&r->env.node.wanted);
	rc = fill_defaults(r, err);
	if (rc == RMG_OK)
		rc = read_orders(r, err);
	if (rc == RMG_OK)
		rc = feeder_start(&r->env, &r->feeder, err);
	if (rc == RMG_OK)
		rc = open_hub(r, err);
	if (rc == RMG_OK)
		rc = open_server(r, err);
	if (rc == RMG_OK) {
		say_address(r);
		rc = start_parts(r, err);
	}
	if (rc == RMG_OK)
		turn(r);
	end(r);
	return rc;
}
