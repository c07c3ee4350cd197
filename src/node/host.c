/* SPDX-License-Identifier: Apache-2.0 */
/* host.c - this machine, as one more place with software: its root file system
 * is scanned now and then, and stands as a use that began with us. What it holds has no digest
 * of its own; it is named by the hash of its components, so that an upgrade is another content and
 * the lineage shows it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "format/sha256.h"
#include "lib/lib.h"
#include "node/idle.h"
#include "node/teller.h"
#include "oci/digest.h"

enum { LOOK_MS = 1000, AGAIN_MS = 60 * 1000, EVERY_MS = 3600 * 1000 };

struct host {
	struct node *node;
	pthread_t thread;
	struct teller teller;
	int64_t due_ms;           /* the next look */
	char ref[4200];           /* where its files are */
	char digest[DIGEST_TEXT]; /* of what was read last; "" nothing yet */
	bool said;                /* the hub knows it */
};

static void digest_of(const struct inventory *inv, char out[DIGEST_TEXT])
{
	struct sha256 *h = sha256_new();
	uint8_t hash[32] = {0};

	for (size_t i = 0; h && i < inv->n_components; i++) {
		sha256_put(h, inv->components[i].purl);
		sha256_put(h, S("\n"));
	}
	if (h)
		sha256_end(h, hash);
	sha256_free(h);
	digest_text(hash, out);
}

static struct event event_of(struct host *h, enum event_type type)
{
	return (struct event){
	    .type = type,
	    .at_ms = node_now_ms(h->node),
	    .place = {.cluster = span_cstr(h->node->cluster), .node = span_cstr(h->node->name)},
	};
}

/* All that there is: one use, whose name is that of its content, so that it goes on where nothing
 * changed, and another one begins before it ends where something did. */
static enum rmg_rc say(struct host *h, struct rmg_err *err)
{
	struct event e[3] = {event_of(h, EVENT_SNAPSHOT_BEGAN), event_of(h, EVENT_USE_BEGAN),
			     event_of(h, EVENT_SNAPSHOT_ENDED)};
	char container[32];
	bool resync = false;
	enum rmg_rc rc;

	snprintf(container, sizeof container, "host-%.12s", h->digest + strlen("sha256:"));
	e[1].workload_kind = S("Host");
	e[1].workload_name = span_cstr(h->node->name);
	e[1].container = span_cstr(container);
	e[1].container_name = e[1].runtime = S("host");
	e[1].image.ref = S("rootfs:/");
	e[1].image.digests[0] = span_cstr(h->digest);
	e[1].image.n_digests = 1;
	rc = teller_say(&h->teller, e, COUNT_OF(e), &resync, err);
	h->said = rc == RMG_OK && !resync;
	return rc;
}

static enum rmg_rc hand_over(struct host *h, struct rmg_inventory *inventory, struct rmg_err *err)
{
	struct inventory *inv = inventory->inv;
	struct node_image reading = {.inventory = inv,
				     .notes_of_facts = inventory->notes_of_facts,
				     .notes_of_facts_end = inventory->notes_of_facts_end,
				     .taken_ms = node_now_ms(h->node)};
	char digest[DIGEST_TEXT];
	enum rmg_rc rc;

	digest_of(inv, digest);
	if (strcmp(digest, h->digest) == 0)
		return RMG_OK;
	inv->manifest_digest = span_cstr(digest);
	rc = h->node->to.image(h->node->to.user, &reading, err);
	if (rc != RMG_OK)
		return rc;
	memcpy(h->digest, digest, sizeof digest);
	return say(h, err);
}

static void scan(struct host *h)
{
	struct rmg_opts opts = node_scan_opts(h->node);
	struct rmg_image *image = NULL;
	struct rmg_inventory *inventory = NULL;
	struct rmg_err err = {0};
	enum rmg_rc rc;

	rc = rmg_image_open(h->ref, &opts, &image, &err);
	if (rc == RMG_OK)
		rc = lib_inventory_take(image, h->node->to.facts, h->node->to.user, &inventory,
					&err);
	if (rc == RMG_OK)
		rc = hand_over(h, inventory, &err);
	if (rc == RMG_OK)
		node_say(h->node, "info", "read this machine: %zu components%s",
			 inventory->inv->n_components,
			 inventory->inv->complete ? "" : ", incomplete");
	else if (rc != RMG_E_STOPPED)
		node_say(h->node, "warn", "this machine could not be read: %s", err.msg);
	rmg_inventory_free(inventory);
	rmg_image_free(image);
}

static void *run(void *user)
{
	struct host *h = user;
	struct rmg_err err;

	if (h->node->idle)
		idle_from_now_on();
	do {
		if (clock_tick_ms() >= h->due_ms) {
			scan(h);
			h->due_ms = clock_tick_ms() + (h->digest[0] ? EVERY_MS : AGAIN_MS);
		}
		if (h->digest[0] && (!h->said || teller_beat(&h->teller)))
			say(h, &err);
	} while (clock_rest(LOOK_MS, node_stopping, h->node));
	return NULL;
}

enum rmg_rc host_start(struct node *n, struct host **out, struct rmg_err *err)
{
	struct host *h = calloc(1, sizeof *h);
	char source[SOURCE_BYTES];

	if (h == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for this machine");
	h->node = n;
	snprintf(h->ref, sizeof h->ref, "rootfs:%s", n->host_root ? n->host_root : "/");
	snprintf(source, sizeof source, "%s/host", n->name);
	teller_init(&h->teller, n, span_cstr(source));
	if (pthread_create(&h->thread, NULL, run, h) != 0) {
		free(h);
		return err_set(err, RMG_E_NOMEM, "no thread for this machine");
	}
	*out = h;
	return RMG_OK;
}

void host_stop(struct host *h)
{
	if (h == NULL)
		return;
	pthread_join(h->thread, NULL);
	free(h);
}
