/* SPDX-License-Identifier: Apache-2.0 */
/* scanner.c - reads images that are in use here and that nobody has read, from the engine's own
 * store: no registry is asked, nothing is pulled. What could not be read is tried again later, with
 * a growing pause; until then it stands as unread, never as clean. So is what was read and is
 * wanted all the same: the hub that took it may hand it on to the one that leads. */
#include <stdio.h>
#include <stdlib.h>

#include "base/vec.h"
#include "lib/lib.h"
#include "node/idle.h"
#include "node/node.h"

enum { FIRST_PAUSE_S = 10, LONGEST_PAUSE_S = 3600, MOST_TRIED = 10000 };

struct tried {
	char digest[80];
	unsigned times;
	int64_t next_ms;
};

struct scanner {
	struct node *node;
	pthread_t thread;
	VEC(struct tried) tried;
	char digest[80], reference[160], ref[1024]; /* ref: what the workload calls it */
	bool found;
};

static struct tried *tried_of(struct scanner *s, const char *digest)
{
	VEC_EACH (t, &s->tried)
		if (strcmp(t->digest, digest) == 0)
			return t;
	return NULL;
}

static bool engine_known(struct span runtime)
{
	return span_is(runtime, S("docker")) || span_is(runtime, S("podman")) ||
	       span_is(runtime, S("containerd")) || span_is(runtime, S("cri-o"));
}

/* The first that can be read here and is not to wait. */
static bool choose(void *user, const struct node_wanted *w)
{
	struct scanner *s = user;
	const struct tried *t;

	if (!engine_known(w->runtime) || w->digest.n == 0 || w->digest.n >= sizeof s->digest ||
	    !span_is(w->node, span_cstr(s->node->name)))
		return true;
	snprintf(s->digest, sizeof s->digest, SPAN_FMT, SPAN_ARG(w->digest));
	t = tried_of(s, s->digest);
	if (t && t->next_ms > node_now_ms(s->node))
		return true;
	node_reference(w->runtime, w->digest, s->reference, sizeof s->reference);
	snprintf(s->ref, sizeof s->ref, SPAN_FMT, SPAN_ARG(w->ref));
	s->found = true;
	return false;
}

static void not_again_soon(struct scanner *s)
{
	struct tried *t = tried_of(s, s->digest);

	if (t == NULL) {
		if (s->tried.n >= MOST_TRIED)
			s->tried.n = 0;
		t = VEC_ADD(&s->tried);
		if (t == NULL)
			return;
		memcpy(t->digest, s->digest, sizeof t->digest);
	}
	t->next_ms =
	    node_now_ms(s->node) + 1000 * MIN_OF((int64_t)FIRST_PAUSE_S << MIN_OF(t->times, 10u),
						 (int64_t)LONGEST_PAUSE_S);
	t->times++;
}

static enum rmg_rc hand_over(struct scanner *s, struct rmg_inventory *inventory,
			     struct rmg_err *err)
{
	struct node_image reading = {.inventory = inventory->inv,
				     .notes_of_facts = inventory->notes_of_facts,
				     .notes_of_facts_end = inventory->notes_of_facts_end,
				     .asked = span_cstr(s->digest),
				     .taken_ms = node_now_ms(s->node)};
	struct inventory *inv = inventory->inv;

	if (s->ref[0])
		inv->ref = span_cstr(s->ref);
	node_image_says(inv, &reading.created_ms, &reading.revision);
	return s->node->to.image(s->node->to.user, &reading, err);
}

/* What a runtime is watched by: containerd may be, by the CRI, which is on the same socket; CRI-O's
 * socket has no images to give, and its store is read from disk. */
static bool is_of(const char *reference, const char *kind)
{
	size_t n = strlen(kind);

	if (strcmp(kind, "cri") == 0)
		return strncmp(reference, "containerd:", 11) == 0 ||
		       strncmp(reference, "crio:", 5) == 0;
	return strncmp(reference, kind, n) == 0 && reference[n] == ':';
}

/* The image is asked of each engine of its kind that is watched, until one has it. */
static enum rmg_rc open_image(struct scanner *s, struct rmg_opts *opts, struct rmg_image **out,
			      struct rmg_err *err)
{
	const struct node *o = s->node;
	enum rmg_rc rc = err_set(err, RMG_E_NOTFOUND, "no engine of this kind is watched here");

	for (size_t i = 0; rc != RMG_OK && i < o->n_watches; i++) {
		if (!is_of(s->reference, o->watches[i].kind))
			continue;
		opts->engine = o->watches[i].address;
		rc = rmg_image_open(s->reference, opts, out, err);
	}
	return rc;
}

static void scan(struct scanner *s)
{
	struct rmg_opts opts = node_scan_opts(s->node);
	struct rmg_image *image = NULL;
	struct rmg_inventory *inventory = NULL;
	struct rmg_err err = {0};
	enum rmg_rc rc;

	rc = open_image(s, &opts, &image, &err);
	if (rc == RMG_OK)
		rc = lib_inventory_take(image, s->node->to.facts, s->node->to.user, &inventory,
					&err);
	if (rc == RMG_OK)
		rc = hand_over(s, inventory, &err);
	if (rc == RMG_OK) {
		node_say(s->node, "info", "read %s: %zu components%s", s->reference,
			 inventory->inv->n_components,
			 inventory->inv->complete ? "" : ", incomplete");
	} else if (rc != RMG_E_STOPPED && tried_of(s, s->digest) == NULL) {
		node_say(s->node, "warn", "%s could not be read: %s", s->reference, err.msg);
	}
	not_again_soon(s);
	rmg_inventory_free(inventory);
	rmg_image_free(image);
}

static void *run(void *user)
{
	struct scanner *s = user;
	uint64_t heard = 0;

	if (s->node->idle)
		idle_from_now_on();
	while (!node_stopping(s->node)) {
		struct rmg_err err = {0};

		s->found = false;
		if (s->node->to.wanted(s->node->to.user, choose, s, &err) == RMG_OK && s->found)
			scan(s);
		else
			bell_wait(&s->node->wanted, &heard, 1000);
	}
	return NULL;
}

enum rmg_rc scanner_start(struct node *n, struct scanner **out, struct rmg_err *err)
{
	struct scanner *s = calloc(1, sizeof *s);

	if (s == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for the scanner");
	s->node = n;
	if (pthread_create(&s->thread, NULL, run, s) != 0) {
		free(s);
		return err_set(err, RMG_E_NOMEM, "no thread for the scanner");
	}
	*out = s;
	return RMG_OK;
}

void scanner_stop(struct scanner *s)
{
	if (s == NULL)
		return;
	pthread_join(s->thread, NULL);
	VEC_DONE(&s->tried);
	free(s);
}
