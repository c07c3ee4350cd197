/* SPDX-License-Identifier: Apache-2.0 */
#include "node/agent.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "box/rights.h"
#include "io/file.h"
#include "node/containers.h"
#include "node/guard.h"
#include "node/teller.h"
#include "node/uplink.h"

enum { LOOK_MS = 1000, FIND_EVERY = 2, LOST_MS = 60000, SCAN_CPU_PERCENT = 50 };

struct agent {
	struct agent_opts opts;
	struct node node;
	struct node_watch watches[AGENT_WATCHES];
	struct watcher *watchers[AGENT_WATCHES];
	struct uplink *uplink;
	struct scanner *scanner;
	struct tags *tags;
	struct host *host;
	struct ruling *ruling; /* where programs are seen to start */
	struct containers *containers;
	struct drift *drift;
	struct execs *execs;
	struct profiles *profiles;
	struct cage *cage;
	struct teller teller; /* of the agent itself */
	bool said;            /* that it is there */
	atomic_bool ending;   /* it could not start, or it is over */
	int64_t lost_ms;      /* when it was told last that detail was left out; 0 not, or over */
	struct arena arena;   /* names of what is watched */
	char state_dir[4096], name[256];
	int lock;
};

static int64_t now_ms(void *user)
{
	(void)user;
	return clock_ms();
}

static bool stop(void *user)
{
	struct agent *a = user;

	return atomic_load(&a->ending) || (a->opts.stop && a->opts.stop(a->opts.user));
}

static void say(void *user, const char *level, const char *text)
{
	const struct agent *a = user;

	if (a->opts.say)
		a->opts.say(a->opts.user, level, text);
}

static uint32_t hows(void *user)
{
	const struct agent *a = user;

	return ruling_hows(a->ruling);
}

static uint32_t refused(void *user, const struct event *began)
{
	const struct agent *a = user;

	return ruling_refused(a->ruling, began);
}

static enum rmg_rc fill_defaults(struct agent *a, struct rmg_err *err)
{
	struct agent_opts *o = &a->opts;

	if (o->state_dir)
		snprintf(a->state_dir, sizeof a->state_dir, "%s", o->state_dir);
	else if (!file_state_dir(a->state_dir, sizeof a->state_dir))
		return err_set(err, RMG_E_ARG, "no folder for the agent's state: HOME is not set");
	if (o->node == NULL)
		o->node = node_own_name(a->name, sizeof a->name);
	a->node.cluster = o->cluster ? o->cluster : NODE_CLUSTER;
	a->node.name = o->node;
	a->node.scan = o->scan;
	a->node.idle = !o->eager;
	a->node.watches = a->watches;
	a->node.state_dir = a->state_dir;
	a->node.host_root = o->host_root;
	a->node.now_ms = now_ms;
	a->node.stop = stop;
	a->node.say = say;
	a->node.user = a;
	o->hub.stop = node_stopping;
	o->hub.user = &a->node;
	return file_mkdirs(a->state_dir, err);
}

/* Two agents would use up each other's numbers. */
static enum rmg_rc lock(struct agent *a, struct rmg_err *err)
{
	char *path = file_join(a->state_dir, "node.lock");
	enum rmg_rc rc;

	if (path == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a path");
	rc = file_lock(path, false, &a->lock, err);
	if (rc == RMG_E_NOTFOUND)
		rc = err_set(err, RMG_E_ARG, "another agent has its state in %s", a->state_dir);
	free(path);
	return rc;
}

static bool is_watched(const struct agent *a, const struct node_watch *w)
{
	for (size_t i = 0; i < a->node.n_watches; i++)
		if ((strcmp(a->watches[i].kind, w->kind) == 0 &&
		     strcmp(a->watches[i].address, w->address) == 0) ||
		    agent_same_store(a->watches[i].address, w->address))
			return true;
	return false;
}

/* The first of a kind is called as its kind; others have their address in their names too. */
static const char *name_of(struct agent *a, const struct node_watch *w)
{
	for (size_t i = 0; i < a->node.n_watches; i++)
		if (strcmp(a->watches[i].kind, w->kind) == 0) {
			struct span name = ARENA_JOIN(&a->arena, span_cstr(w->kind), S(":"),
						      span_cstr(w->address));

			return arena_cstr(&a->arena, name);
		}
	return w->kind;
}

static enum rmg_rc watch(struct agent *a, const struct node_watch *w, struct rmg_err *err)
{
	size_t n = a->node.n_watches;
	struct node_watch *mine = &a->watches[n];
	enum rmg_rc rc;

	if (n == AGENT_WATCHES || is_watched(a, w))
		return RMG_OK;
	*mine = (struct node_watch){.kind = arena_cstr(&a->arena, span_cstr(w->kind)),
				    .address = arena_cstr(&a->arena, span_cstr(w->address)),
				    .name = name_of(a, w),
				    .kinds = w->kinds,
				    .namespaces = w->namespaces,
				    .without = w->without};
	if (mine->kind == NULL || mine->address == NULL || mine->name == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a runtime's name");
	rc = watcher_start(&a->node, mine, &a->watchers[n], err);
	if (rc == RMG_OK) {
		a->node.n_watches = n + 1;
		node_say(&a->node, "info", "watches %s at %s", mine->kind, mine->address);
	}
	return rc;
}

static enum rmg_rc find(struct agent *a, struct rmg_err *err)
{
	struct node_watch found[AGENT_WATCHES];
	struct arena texts;
	enum rmg_rc rc = RMG_OK;
	size_t n;

	arena_init(&texts, MIB(1));
	n = agent_find(found, COUNT_OF(found), &texts);
	for (size_t i = 0; rc == RMG_OK && i < n; i++)
		rc = watch(a, &found[i], err);
	arena_done(&texts);
	return rc;
}

/* After it is known what is watched: they say what they see once all of that has been heard. */
static enum rmg_rc look_inside(struct agent *a, struct rmg_err *err)
{
	const struct agent_opts *o = &a->opts;
	const struct ruling_opts ruling = {.node = &a->node,
					   .uplink = a->uplink,
					   .state_dir = a->state_dir,
					   .own = o->rules,
					   .user = o->user};
	enum rmg_rc rc = RMG_OK;

	if (o->drift)
		rc = drift_start(&a->node, &a->drift, err);
	if (rc == RMG_OK && o->profile)
		rc = profiles_start(&a->node, &a->profiles, err);
	if (rc != RMG_OK || !o->execs)
		return rc;
	rc = ruling_open(&ruling, &a->ruling, err);
	if (rc != RMG_OK)
		return rc;
	a->node.hows = hows;
	a->node.refused = o->enforce ? refused : NULL;
	return execs_start(&a->node, &a->execs, err);
}

static enum rmg_rc start(struct agent *a, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	if (a->opts.drift || a->opts.execs || a->opts.profile) {
		if (containers_new(&a->containers) != RMG_OK)
			return err_set(err, RMG_E_NOMEM, "no memory for containers");
		a->node.containers = a->containers;
	}
	if (!a->opts.no_images)
		rc = scanner_start(&a->node, &a->scanner, err);
	if (rc == RMG_OK && !a->opts.no_images && !a->opts.no_tags)
		rc = tags_start(&a->node, &a->tags, err);
	a->node.tags = a->tags;
	for (size_t i = 0; rc == RMG_OK && i < a->opts.n_watches; i++)
		rc = watch(a, &a->opts.watches[i], err);
	if (rc == RMG_OK && a->opts.n_watches == 0)
		rc = find(a, err);
	if (rc == RMG_OK)
		rc = look_inside(a, err);
	if (rc == RMG_OK && a->opts.host)
		rc = host_start(&a->node, &a->host, err);
	teller_init(&a->teller, &a->node, span_cstr(a->node.name));
	return rc;
}

/* The agent is a source of its own: that the hub hears of it when there is nothing else to say. */
static void be_there(struct agent *a)
{
	struct place place = {.cluster = span_cstr(a->node.cluster),
			      .node = span_cstr(a->node.name)};
	const struct event e[] = {
	    {.type = EVENT_SNAPSHOT_BEGAN, .at_ms = clock_ms(), .place = place},
	    {.type = EVENT_SNAPSHOT_ENDED, .at_ms = clock_ms(), .place = place}};
	struct rmg_err err;
	bool resync = false;

	if (a->said && !teller_beat(&a->teller))
		return;
	a->said = teller_say(&a->teller, e, COUNT_OF(e), &resync, &err) == RMG_OK && !resync;
}

/* That detail was left out is told to the hub once it can be, and a while later that it is over. */
static void tell_lost(struct agent *a)
{
	struct event e = {
	    .type = EVENT_HEARTBEAT,
	    .at_ms = clock_ms(),
	    .place = {.cluster = span_cstr(a->node.cluster), .node = span_cstr(a->node.name)},
	    .change.kind = S("lost")};
	uint64_t lost = uplink_lost(a->uplink);
	struct rmg_err err;
	char text[160] = "";
	bool resync;

	if (lost == 0 && (a->lost_ms == 0 || clock_tick_ms() - a->lost_ms < LOST_MS))
		return;
	if (lost)
		snprintf(text, sizeof text,
			 "%" PRIu64
			 " details were more than its spool holds while the hub was away",
			 lost);
	e.change.text = span_cstr(text);
	if (teller_say(&a->teller, &e, 1, &resync, &err) == RMG_OK)
		a->lost_ms = lost ? clock_tick_ms() : 0;
	if (lost)
		node_say(&a->node, "warn", "%s", text);
	a->said = a->said && !resync;
}

static enum rmg_rc turn(struct agent *a, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	for (unsigned i = 0; rc == RMG_OK; i++) {
		if (a->opts.n_watches == 0 && i % FIND_EVERY == 0)
			rc = find(a, err);
		if (a->opts.reload && a->opts.reload(a->opts.user))
			ruling_again(a->ruling);
		be_there(a);
		tell_lost(a);
		if (!clock_rest(LOOK_MS, node_stopping, &a->node))
			break;
	}
	return rc;
}

static void end(struct agent *a)
{
	atomic_store(&a->ending, true);
	bell_ring(&a->node.wanted);
	for (size_t i = 0; i < AGENT_WATCHES; i++)
		watcher_stop(a->watchers[i]);
	execs_stop(a->execs);
	profiles_stop(a->profiles);
	drift_stop(a->drift);
	host_stop(a->host);
	scanner_stop(a->scanner);
	tags_stop(a->tags);
	ruling_close(a->ruling);
	uplink_close(a->uplink);
	cage_close(a->cage);
	tags_free(a->tags);
	if (a->lock >= 0)
		file_unlock(&a->lock);
	containers_free(a->containers);
	guard_stop(a->node.guard);
	bell_done(&a->node.wanted);
	arena_done(&a->arena);
	free(a);
}

/* Where there is none, reading comes last all the same (idle.h), and workers have their limits. */
static void build_cage(struct agent *a, struct rmg_err *why)
{
	struct cage_limits limits = a->opts.cage;

	if (!a->node.idle)
		return;
	if (limits.cpu_percent == 0)
		limits.cpu_percent = SCAN_CPU_PERCENT;
	if (limits.memory_bytes == 0)
		limits.memory_bytes = LIMIT_SCAN_MEMORY_BYTES;
	if (cage_open(&limits, &a->cage, why) == RMG_OK)
		a->node.cage = a->cage;
}

static void tell_of_cage(struct agent *a, const struct rmg_err *why)
{
	if (a->cage)
		node_say(&a->node, "info", "workers have a control group for %s",
			 cage_limits_what(a->cage));
	else if (a->node.idle)
		node_say(&a->node, "info", "workers have no control group: %s", why->msg);
}

/* To become nobody, which the worker does, to end it then, and to read what root alone may: the
 * machine's own files and those of containers, where they are looked at. Of containers also to
 * reach them through their processes, and to be told by the kernel (fanotify); of programs that
 * start, to hear of processes (the connector), and to be there before they have ended. Sockets are
 * opened as their owner. */
static enum rmg_rc give_up_rights(const struct agent_opts *o, struct rmg_err *err)
{
	uint64_t keep = RIGHT(CAP_SETUID) | RIGHT(CAP_SETGID) | RIGHT(CAP_KILL);

	if (o->host || o->drift || o->execs || o->profile)
		keep |= RIGHT(CAP_DAC_READ_SEARCH);
	if (o->drift || o->execs || o->profile)
		keep |= RIGHT(CAP_SYS_ADMIN) | RIGHT(CAP_SYS_PTRACE);
	if (o->execs || o->profile)
		keep |= RIGHT(CAP_SYS_NICE);
	if (o->execs)
		keep |= RIGHT(CAP_NET_ADMIN);
	return rights_keep(keep, err);
}

enum rmg_rc agent_run(const struct agent_opts *opts, struct rmg_err *err)
{
	struct agent *a = calloc(1, sizeof *a);
	struct rmg_err no_cage = {0};
	enum rmg_rc rc;

	if (a == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for an agent");
	a->opts = *opts;
	a->lock = -1;
	arena_init(&a->arena, MIB(1));
	bell_init(&a->node.wanted);
	rc = fill_defaults(a, err);
	if (rc == RMG_OK)
		build_cage(a, &no_cage);
	if (rc == RMG_OK)
		rc = give_up_rights(&a->opts, err);
	if (rc == RMG_OK)
		rc = lock(a, err);
	if (rc == RMG_OK && a->opts.enforce)
		rc = guard_start(&a->node.guard, err);
	if (rc == RMG_OK)
		rc = uplink_open(&a->node, &a->opts.hub, a->state_dir, a->opts.spool_bytes,
				 &a->uplink, err);
	if (rc == RMG_OK) {
		node_say(&a->node, "info", "this is %s in %s; its hub is %s", a->node.name,
			 a->node.cluster, a->opts.hub.hub);
		tell_of_cage(a, &no_cage);
		rc = start(a, err);
	}
	if (rc == RMG_OK)
		rc = turn(a, err);
	end(a);
	return rc;
}
