/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_hub.c - hub: the monitor, in the foreground; a service manager or a container keeps it. */
#include <rummage.h>

#include <errno.h>
#include <stdio.h>

#include "cmd/check.h"
#include "cmd/cmd.h"
#include "cmd/hangup.h"
#include "cmd/login.h"
#include "cmd/say.h"
#include "serve/serve.h"

enum { WATCHES = 16, SOURCE_NAME = 200 };

static size_t add(struct node_watch *to, size_t n, size_t max, const char *kind,
		  const struct opt_list *from)
{
	for (size_t i = 0; i < from->n && n < max; i++)
		to[n++] = (struct node_watch){kind, from->v[i]};
	return n;
}

/* Each is a source of its own: names are where these are called so. */
static size_t add_clusters(struct node_watch *to, char (*names)[SOURCE_NAME],
			   const struct options *o)
{
	for (size_t i = 0; i < o->kubernetes.n; i++) {
		snprintf(names[i], SOURCE_NAME, i ? "kubernetes:%s" : "kubernetes",
			 o->kubernetes.v[i]);
		to[i] = (struct node_watch){.kind = "kubernetes",
					    .address = o->kubernetes.v[i],
					    .name = names[i],
					    .kinds = o->kube_kinds.v,
					    .namespaces = o->kube_namespaces.v,
					    .without = o->kube_without.v};
	}
	return o->kubernetes.n;
}

static struct rmg_opts scan_options(const struct options *o)
{
	struct rmg_opts opts = RMG_OPTS;

	opts.cache_dir = o->cache_dir;
	opts.no_sandbox = o->no_sandbox;
	login_put(o, &opts);
	return opts;
}

/* The general advice about networks is for those who ask others. */
static const char *advice_of(const struct rmg_err *err)
{
	bool net = err->rc == RMG_E_NET;

	if (net && err->os_errno == EADDRINUSE)
		return "another hub may run there; --listen HOST:PORT takes another address";
	if (net && (err->os_errno == EADDRNOTAVAIL || err->os_errno == EACCES))
		return "--listen HOST:PORT takes another address: one of this machine's, and a "
		       "port above 1023 where you are not root";
	if (net)
		return "--listen says where the hub answers, --store where it keeps what it knows";
	if (err->rc == RMG_E_DB)
		return "the store is said by --store; --db says the advisory database";
	return NULL;
}

/* One runtime by two of its interfaces would be counted twice. */
static const char *watched_twice(const struct node_watch *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(v[i].address, v[k].address) == 0)
				return v[i].address;
	return NULL;
}

static int check_options(struct options *o)
{
	if (o->feed_seconds > 86400)
		return say_usage("hub", "--feed-seconds is at most a day");
	if (o->all_tags && o->no_tags)
		return say_usage("hub", "--tags and --no-tags exclude each other");
	if (o->bases.n && !o->all_tags)
		return say_usage("hub", "--base is followed with --tags alone");
	if (o->feed_dir && o->db_ref)
		return say_usage("hub", "--feed-dir and --db-ref exclude each other");
	if ((o->admission_cert == NULL) != (o->admission_key == NULL))
		return say_usage("hub", "--admission-cert and --admission-key go together");
	return login_check("hub", o);
}

int cmd_hub(struct options *o)
{
	struct node_watch watches[WATCHES];
	char names[WATCHES][SOURCE_NAME];
	int code = check_options(o);
	struct rmg_opts scan = scan_options(o);
	struct rmg_err err = {0};
	struct serve_opts opts = {
	    .store = o->store,
	    .state_dir = o->state_dir,
	    .listen = o->listen,
	    .cert = o->tls_cert,
	    .key = o->tls_key,
	    .client_ca = o->client_ca,
	    .plain_http = o->plain_http,
	    .config = o->hub_config,
	    .policy = o->policy,
	    .cluster = o->cluster,
	    .node = o->node,
	    .host = o->host,
	    .no_tags = o->no_tags,
	    .all_tags = o->all_tags,
	    .bases = o->bases.v,
	    .crawls = o->crawls.v,
	    .registry_scans = o->registry_scans.v,
	    .drift = o->drift,
	    .profile = o->profile,
	    .execs = o->execs || o->enforce,
	    .enforce = o->enforce,
	    .watches = watches,
	    .admission = o->admission,
	    .admission_cert = o->admission_cert,
	    .admission_key = o->admission_key,
	    .admission_names = o->admission_names.v,
	    .admission_webhooks = o->admission_webhooks,
	    .admission_pull_secrets = o->admission_pull_secrets,
	    .kube_write = o->kube_write.v,
	    .feed_dir = o->feed_dir,
	    .feed_urls = o->urls.v,
	    .db = o->db,
	    .db_ref = o->db_ref,
	    .feed_s = (uint32_t)o->feed_seconds,
	    .scan = &scan,
	    .stop = cmd_stopped,
	    .reload = hangup_asked,
	    .say = say_log,
	    .user = o,
	};

	if (code != EXIT_WHOLE)
		return code;
	opts.n_watches = add(watches, 0, COUNT_OF(watches), "containerd", &o->containerd);
	opts.n_watches = add(watches, opts.n_watches, COUNT_OF(watches), "cri", &o->cri);
	opts.n_watches = add(watches, opts.n_watches, COUNT_OF(watches), "docker", &o->docker);
	opts.n_watches = add(watches, opts.n_watches, COUNT_OF(watches), "podman", &o->podman);
	if (opts.n_watches < o->containerd.n + o->cri.n + o->docker.n + o->podman.n ||
	    opts.n_watches + o->kubernetes.n > COUNT_OF(watches))
		return say_usage("hub", "at most %zu runtimes", COUNT_OF(watches));
	opts.n_watches += add_clusters(&watches[opts.n_watches], names, o);
	if (watched_twice(watches, opts.n_watches))
		return say_usage("hub", "%s is to be watched twice",
				 watched_twice(watches, opts.n_watches));
	if (o->install_check)
		return check_hub(o, &opts);
	hangup_listen();
	if (serve_run(&opts, &err) != RMG_OK)
		return say_failure("hub", &err, advice_of(&err));
	return EXIT_WHOLE;
}
