/* SPDX-License-Identifier: Apache-2.0 */
/* serve.c - starts the parts in the order in which they need each other, turns the hub's clockwork,
 * and ends them the other way round. */
#include "serve/serve.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "io/file.h"
#include "io/server_tls.h"
#include "node/containers.h"
#include "node/guard.h"
#include "serve/admission.h"
#include "serve/admission_missed.h"
#include "serve/api.h"
#include "serve/bases.h"
#include "serve/crawl.h"
#include "serve/identity.h"
#include "serve/orders.h"
#include "serve/others.h"
#include "serve/parts.h"
#include "serve/streams.h"
#include "serve/tag_poll.h"
#include "serve/writeback.h"

enum { WATCHES = 16, TAG_THREADS = 8, TURN_MS = 250, TOKENS_MS = 10000 };

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
	struct tags *tags;
	struct host *host;
	struct containers *containers;
	struct drift *drift;
	struct execs *execs;
	struct profiles *profiles;
	struct watcher *watchers[WATCHES];
	struct delivers delivers;
	struct keeper *keeper;
	struct writebacks writebacks;
	struct bases *bases;
	struct crawls *crawls;
	struct tag_poll *_Atomic tag_poll;
	struct others *others;
	struct admission *_Atomic admission;
	const char *hook_secret; /* the config's; under env.ruling */
	char state_dir[4096], store[4200], node[256], listen[64];
	struct identity identity;
	bool told; /* who leads has been said once */
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
		o->cluster = NODE_CLUSTER;
	if (o->node == NULL)
		o->node = node_own_name(r->node, sizeof r->node);
	if (o->feed_s == 0)
		o->feed_s = 300;
	return file_mkdirs(r->state_dir, err);
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
	hows = exec_rules_hows(env->policy->execs, env->policy->n_execs);
	pthread_mutex_unlock(&env->ruling);
	return hows;
}

static uint32_t node_refused(void *user, const struct event *began)
{
	struct env *env = user;
	uint32_t refused;

	pthread_mutex_lock(&env->ruling);
	refused = exec_rules_refused(env->policy->execs, env->policy->n_execs, began);
	pthread_mutex_unlock(&env->ruling);
	return refused;
}

static void saw_pod(void *user, const struct watch_pod *pod)
{
	admission_missed_pod(((struct env *)user)->missed, pod);
}

static unsigned node_tag_rate(void *user, const char *host)
{
	struct env *env = user;
	unsigned rate;

	pthread_mutex_lock(&env->ruling);
	rate = env->tags.per_minute;
	for (size_t i = 0; i < env->tags.n_hosts; i++)
		if (strcmp(env->tags.hosts[i].name, host) == 0)
			rate = env->tags.hosts[i].per_minute;
	pthread_mutex_unlock(&env->ruling);
	return rate;
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
	n->pod = r->env.missed ? saw_pod : NULL;
	n->tag_rate = node_tag_rate;
	n->tag_threads = r->opts.all_tags ? TAG_THREADS : 0;
	n->user = &r->env;
}

static void rules(void *user, struct strbuf *out)
{
	struct running *r = user;

	pthread_mutex_lock(&r->env.ruling);
	strbuf_put(out, r->env.policy->execs_text);
	pthread_mutex_unlock(&r->env.ruling);
}

static void rules_name(void *user, struct strbuf *out)
{
	struct running *r = user;

	pthread_mutex_lock(&r->env.ruling);
	strbuf_printf(out, "%016" PRIx64, hash_span(r->env.policy->execs_text));
	pthread_mutex_unlock(&r->env.ruling);
}

static void more_metrics(void *user, struct strbuf *out)
{
	struct running *r = user;

	admission_metrics(atomic_load(&r->admission), out);
	strbuf_printf(out,
		      "# HELP rummage_watch_memory_bytes Memory of what watchers were told\n"
		      "# TYPE rummage_watch_memory_bytes gauge\nrummage_watch_memory_bytes %zu\n",
		      atomic_load(&r->env.node.watch_bytes));
	writebacks_metrics(&r->writebacks, out);
	tag_poll_metrics(atomic_load(&r->tag_poll), out);
}

static void registries(void *user, uint64_t from, uint64_t most, struct strbuf *out)
{
	struct running *r = user;

	tag_poll_answer(atomic_load(&r->tag_poll), from, most, out);
}

static enum rmg_rc fail_modes(void *user, const struct ask *q, struct strbuf *out,
			      struct rmg_err *err)
{
	struct running *r = user;

	return admission_list(atomic_load(&r->admission), q, out, err);
}

static void tag(void *user, const struct hub_tag_wanted *w)
{
	struct running *r = user;

	tags_want(r->env.node.tags, &(struct node_tag){w->ref, w->known, w->n_known, w->after_ms});
}

static bool hook_secret(void *user, struct strbuf *out)
{
	struct running *r = user;
	bool has;

	pthread_mutex_lock(&r->env.ruling);
	has = r->hook_secret != NULL;
	strbuf_puts(out, has ? r->hook_secret : "");
	pthread_mutex_unlock(&r->env.ruling);
	return has;
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
	r->env.link = c->address;
	r->hook_secret = c->hook_secret;
	r->env.tags = c->tags;
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
	    .bases = r->opts.bases,
	};
	enum rmg_rc rc;

	r->env.store = r->opts.store;
	rc = hub_open(&hub, &r->hub, err);
	if (rc == RMG_OK)
		rc = identity_first_token(&r->env, r->hub, err);
	if (rc != RMG_OK)
		return rc;
	r->env.opened_ms = env_now_ms(&r->env);
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
	enum rmg_rc rc = identity_read(&r->opts, &r->identity, err);

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
	r->api.rules = rules;
	r->api.rules_name = rules_name;
	r->api.poke = poke;
	r->api.more_metrics = more_metrics;
	r->api.admission = fail_modes;
	r->api.registries = registries;
	r->api.node = r->opts.node;
	r->api.tag = r->opts.all_tags ? tag : NULL;
	r->api.own_tag = r->opts.n_watches && !r->opts.no_tags ? tag : NULL;
	r->api.hook_secret = hook_secret;
	o.cert = r->identity.cert;
	o.key = r->identity.key;
	o.client_ca = r->identity.client_ca;
	return server_open(&o, &r->server, err);
}

static void say_address(struct running *r)
{
	struct span host, port;
	char print[128] = "";
	bool tls = r->identity.cert.n != 0;

	if (!span_rcut(span_cstr(r->opts.listen), ':', &host, &port))
		host = span_cstr(r->opts.listen);
	env_say(&r->env, "info", "the hub answers at %s://" SPAN_FMT ":%u%s",
		tls ? "https" : "http", SPAN_ARG(host), server_port(r->server),
		tls || serve_is_local(r->opts.listen) ? "" : ", in the clear as you asked");
	if (r->identity.is_own &&
	    server_tls_fingerprint(r->identity.cert, print, sizeof print, NULL) == RMG_OK)
		env_say(&r->env, "info", "its certificate is its own (%s/hub.crt): %s",
			r->state_dir, print);
}

static enum rmg_rc start_admission(struct running *r, struct rmg_err *err)
{
	struct admission *a;
	enum rmg_rc rc = admission_start(&r->env, &a, err);

	atomic_store(&r->admission, a);
	return rc;
}

static enum rmg_rc start_tag_poll(struct running *r, struct rmg_err *err)
{
	struct tag_poll *p = NULL;
	enum rmg_rc rc = tag_poll_new(&r->env, r->tags, &p, err);

	hub_tags_set(r->hub, &r->orders.config->tags);
	atomic_store(&r->tag_poll, p);
	return rc;
}

const struct serve_words serve_words[] = {
    {"--kubernetes-write", writebacks_check},
    {"--crawl", crawls_check},
    {"--registry-scans", others_check},
};

static enum rmg_rc check_options(const struct serve_opts *o, struct rmg_err *err)
{
	enum rmg_rc rc = o->n_watches > WATCHES
			     ? err_set(err, RMG_E_LIMIT, "at most %d runtimes", WATCHES)
			     : RMG_OK;

	for (size_t i = 0; rc == RMG_OK && i < SERVE_WORDS; i++)
		rc = serve_words[i].check(o, err);
	return rc;
}

static enum rmg_rc start_parts(struct running *r, struct rmg_err *err)
{
	const struct serve_opts *o = &r->opts;
	enum rmg_rc rc = o->admission ? admission_missed_new(&r->env, &r->env.missed, err) : RMG_OK;

	fill_node(r);
	if ((o->drift || o->execs || o->profile) && containers_new(&r->containers) != RMG_OK)
		return err_set(err, RMG_E_NOMEM, "no memory for containers");
	r->env.node.containers = r->containers;
	if (rc == RMG_OK)
		rc = scanner_start(&r->env.node, &r->scanner, err);
	if (rc == RMG_OK && (o->all_tags || (o->n_watches && !o->no_tags)))
		rc = tags_start(&r->env.node, &r->tags, err);
	r->env.node.tags = r->tags;
	if (rc == RMG_OK)
		rc = start_tag_poll(r, err);
	if (rc == RMG_OK && o->host)
		rc = host_start(&r->env.node, &r->host, err);
	if (rc == RMG_OK && o->drift)
		rc = drift_start(&r->env.node, &r->drift, err);
	if (rc == RMG_OK && o->execs)
		rc = execs_start(&r->env.node, &r->execs, err);
	if (rc == RMG_OK && o->profile)
		rc = profiles_start(&r->env.node, &r->profiles, err);
	if (rc == RMG_OK)
		rc = writebacks_start(&r->env, &r->writebacks, err);
	for (size_t i = 0; rc == RMG_OK && i < o->n_watches; i++) {
		struct node_watch watch = o->watches[i];

		watch.eye = writebacks_eye(&r->writebacks, watch.address);
		rc = watcher_start(&r->env.node, &watch, &r->watchers[i], err);
	}
	if (rc == RMG_OK)
		rc = delivers_set(&r->delivers, &r->env, r->orders.config, err);
	if (rc == RMG_OK)
		rc = keeper_start(&r->env, &r->keeper, err);
	if (rc == RMG_OK && o->all_tags)
		rc = bases_start(&r->env, &r->bases, err);
	if (rc == RMG_OK && o->crawls && o->crawls[0])
		rc = crawls_start(&r->env, &r->crawls, err);
	if (rc == RMG_OK && o->registry_scans && o->registry_scans[0])
		rc = others_start(&r->env, &r->others, err);
	return rc == RMG_OK ? start_admission(r, err) : rc;
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
	hub_tags_set(r->hub, &fresh.config->tags);
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
		tag_poll_turn(r->tag_poll);
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
	admission_stop(r->admission);
	writebacks_stop(&r->writebacks);
	for (size_t i = 0; i < WATCHES; i++)
		watcher_stop(r->watchers[i]);
	execs_stop(r->execs);
	profiles_stop(r->profiles);
	drift_stop(r->drift);
	host_stop(r->host);
	scanner_stop(r->scanner);
	tags_stop(r->tags);
	feeder_stop(r->feeder);
	delivers_stop(&r->delivers);
	keeper_stop(r->keeper);
	bases_stop(r->bases);
	crawls_stop(r->crawls);
	others_stop(r->others);
}

static void end(struct running *r)
{
	if (r->server)
		server_quiesce(r->server);
	stop_parts(r);
	server_close(r->server);
	writebacks_free(&r->writebacks);
	tag_poll_free(r->tag_poll);
	tags_free(r->tags);
	streams_close(r->streams);
	auth_close(r->auth);
	hub_close(r->hub);
	orders_free(&r->orders);
	identity_free(&r->identity);
	containers_free(r->containers);
	admission_missed_free(r->env.missed);
	guard_stop(r->env.node.guard);
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
		rc = check_options(&r->opts, err);
	if (rc == RMG_OK)
		rc = read_orders(r, err);
	if (rc == RMG_OK && r->opts.enforce)
		rc = guard_start(&r->env.node.guard, err);
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
	if (rc == RMG_OK) {
		atomic_store(&r->api.started, true);
		turn(r);
	}
	end(r);
	return rc;
}
