/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/layers.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/limits.h"
#include "box/box.h"
#include "box/facts_wire.h"
#include "format/sha256.h"
#include "lib/deadline.h"
#include "oci/digest.h"

enum { MOST_JOBS = 4 };

struct reading {
	struct source *source;
	struct cache *cache;
	struct layer_result *out;
	atomic_size_t next;
	atomic_bool ended;    /* a failure that ends the scan */
	pthread_mutex_t lock; /* of progress */
};

/* One layer on its way through. */
struct passage {
	struct reading *all;
	struct box_job *job; /* NULL: only hashed */
	struct sha256 *sha;
	size_t index;
	uint64_t bytes, told;
};

static bool stopped(void *user)
{
	struct reading *r = user;

	return atomic_load(&r->ended) || source_stopped(r->source);
}

/* Every MiB, and at the end. */
static void tell(struct passage *p, bool end)
{
	const struct rmg_opts *opts = p->all->source->env.opts;
	const struct source_layer *l = &p->all->source->layers[p->index];
	struct span hex = l->digest.n ? l->digest : l->diff_id;
	char name[16];

	if (opts->progress == NULL || (!end && p->bytes - p->told < MIB(1)))
		return;
	p->told = p->bytes;
	snprintf(name, sizeof name, "%.*s", 12, hex.n > 19 ? (const char *)hex.p + 7 : "files");
	pthread_mutex_lock(&p->all->lock);
	opts->progress(opts->user,
		       &(struct rmg_progress){
			   .id = (uint32_t)p->index,
			   .verb = "read",
			   .name = name,
			   .done = p->bytes,
			   .total = end ? p->bytes : MAX_OF(l->size_bytes, p->bytes + 1),
		       });
	pthread_mutex_unlock(&p->all->lock);
}

static enum rmg_rc pass(void *user, struct span bytes, struct rmg_err *err)
{
	struct passage *p = user;

	sha256_put(p->sha, bytes);
	p->bytes += bytes.n;
	tell(p, false);
	if (stopped(p->all))
		return err_set(err, RMG_E_STOPPED, "stopped");
	return p->job ? box_put(p->job, bytes, err) : RMG_OK;
}

/* Failures that say nothing about the layer's bytes end the scan; others are the layer's own. */
static bool ends_scan(enum rmg_rc rc)
{
	return rc == RMG_E_STOPPED || rc == RMG_E_NET || rc == RMG_E_AUTH || rc == RMG_E_IO ||
	       rc == RMG_E_NOTFOUND || rc == RMG_E_NOMEM;
}

/* Compares the diff_id that the facts have with the configuration's claim. */
static void check_diff_id(const struct source_layer *l, const struct facts *f,
			  struct layer_result *out)
{
	uint8_t claimed[SHA256_BYTES];

	if (l->diff_id.n && f->has_diff)
		out->diff_wrong = !digest_sha256(l->diff_id, claimed) ||
				  memcmp(claimed, f->diff_sha256, sizeof claimed) != 0;
}

/* The facts are the layer's where the bytes have the digest that names it. */
static enum rmg_rc accept(struct passage *p, struct layer_result *out, struct span packed)
{
	const struct source_layer *l = &p->all->source->layers[p->index];
	uint8_t want[SHA256_BYTES];
	struct facts *f = NULL;
	enum rmg_rc rc = facts_unpack(packed, &out->arena, &f, &out->why);

	if (rc != RMG_OK)
		return rc;
	sha256_end(p->sha, f->blob_sha256);
	f->blob_bytes = p->bytes;
	f->synthetic = l->synthetic;
	if (span_is(f->compression, S("none")) && !l->synthetic) {
		memcpy(f->diff_sha256, f->blob_sha256, sizeof f->diff_sha256);
		f->has_diff = true;
	}
	/* Of a layer that was read in parts the source has checked the parts. */
	if (l->digest.n && !l->synthetic && !l->unpacked &&
	    (!digest_sha256(l->digest, want) || memcmp(want, f->blob_sha256, sizeof want) != 0)) {
		out->digest_wrong = true;
		return err_set(
		    &out->why, RMG_E_FORMAT,
		    "its bytes do not have the digest that names it: wrong or incomplete");
	}
	check_diff_id(l, f, out);
	out->facts = f;
	return RMG_OK;
}

/* The cache keeps what we computed: packed again with the digests in it. Of a layer that was made
 * of few files reading again costs less than another file in the cache. */
static void keep(struct passage *p, const struct facts *f)
{
	const struct source_layer *l = &p->all->source->layers[p->index];
	struct span packed;

	if (p->all->cache->facts_dir == NULL ||
	    (f->synthetic && (!l->has_key || f->tar_bytes < KIB(256))) ||
	    facts_pack(f, &packed, NULL) != RMG_OK)
		return;
	cache_put(p->all->cache, f->synthetic ? l->key : f->blob_sha256, f, packed);
	free((void *)(uintptr_t)packed.p);
}

static enum rmg_rc read_one(struct passage *p, struct layer_result *out)
{
	const struct rmg_opts *opts = p->all->source->env.opts;
	const struct source_layer *l = &p->all->source->layers[p->index];
	struct box_opts box = {.limits = {.layer_bytes = opts->max_bytes,
					  .file_bytes = opts->max_file_bytes,
					  .entries = opts->max_files,
					  .depth = opts->max_depth},
			       .worker = opts->worker,
			       .no_sandbox = opts->no_sandbox,
			       .diff_id = !opts->skip_diff_id && !l->synthetic,
			       .stop = stopped,
			       .user = p->all,
			       .started = opts->started,
			       .started_user = opts->user};
	struct span packed = {0};
	enum rmg_rc rc = box_start(JOB_LAYER, &box, &p->job, &out->why);

	if (rc != RMG_OK)
		return rc == RMG_E_SANDBOX ? RMG_E_IO : rc; /* no worker, no scan */
	rc = source_read_layer(p->all->source, p->index, pass, p, &out->why);
	if (rc == RMG_OK)
		rc = box_finish(p->job, &packed, out->level, &out->why);
	box_free(p->job);
	p->job = NULL;
	if (rc == RMG_OK)
		rc = accept(p, out, packed);
	free((void *)(uintptr_t)packed.p);
	if (rc == RMG_OK)
		keep(p, out->facts);
	return rc;
}

/* An archive names its layers by diff_id alone, a claim: known facts are taken once the bytes were
 * hashed, which is far cheaper than reading them. */
static bool hashes_to(struct passage *p, const uint8_t want[32], struct layer_result *out)
{
	uint8_t got[SHA256_BYTES];
	bool good = source_read_layer(p->all->source, p->index, pass, p, &out->why) == RMG_OK;

	sha256_end(p->sha, got);
	sha256_begin(p->sha);
	p->bytes = p->told = 0;
	return good && memcmp(got, want, sizeof got) == 0;
}

static bool known(struct passage *p, struct layer_result *out)
{
	const struct rmg_opts *opts = p->all->source->env.opts;
	const struct source_layer *l = &p->all->source->layers[p->index];
	uint8_t key[SHA256_BYTES];
	bool named = l->digest.n != 0 && !l->unpacked;

	if (l->has_key && cache_get(p->all->cache, l->key, false, &out->arena, &out->facts)) {
		out->facts->synthetic = true;
		out->from_cache = true;
		return true;
	}
	if ((l->synthetic && !named) || !digest_sha256(named ? l->digest : l->diff_id, key) ||
	    !cache_get(p->all->cache, key, named && !opts->skip_diff_id, &out->arena, &out->facts))
		return false;
	if (!named && !hashes_to(p, key, out)) {
		out->facts = NULL;
		return false;
	}
	check_diff_id(l, out->facts, out);
	out->from_cache = true;
	return true;
}

static enum rmg_rc read_somehow(struct passage *p, struct layer_result *out)
{
	struct source *s = p->all->source;
	enum rmg_rc rc = read_one(p, out);

	if (rc != RMG_E_FORMAT || s->ops->other_way == NULL ||
	    !s->ops->other_way(s, p->index, &out->why))
		return rc;
	sha256_begin(p->sha);
	p->bytes = p->told = 0;
	out->digest_wrong = false;
	return read_one(p, out);
}

static void do_layer(struct reading *r, size_t i)
{
	struct layer_result *out = &r->out[i];
	struct passage p = {.all = r, .index = i, .sha = sha256_new()};

	arena_init(&out->arena, 2 * LIMIT_FACTS_BYTES);
	if (p.sha == NULL)
		out->rc = err_set(&out->why, RMG_E_NOMEM, "no memory for a hash");
	else if (!known(&p, out))
		out->rc = read_somehow(&p, out);
	tell(&p, true);
	sha256_free(p.sha);
	if (ends_scan(out->rc))
		atomic_store(&r->ended, true);
}

static void *work(void *user)
{
	struct reading *r = user;
	size_t i;

	while (!atomic_load(&r->ended) && (i = atomic_fetch_add(&r->next, 1)) < r->source->n_layers)
		do_layer(r, i);
	return NULL;
}

static size_t jobs_for(size_t n_layers)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t most = cpus < 1 ? 1 : MIN_OF((size_t)cpus, (size_t)MOST_JOBS);

	return MIN_OF(most, n_layers);
}

/* Stopped in the middle, or never begun. */
static bool was_cut(const struct layer_result *l)
{
	return l->facts == NULL && (l->rc == RMG_E_STOPPED || l->rc == RMG_OK);
}

enum rmg_rc layers_read(struct source *s, struct cache *cache, struct layer_result *out,
			struct rmg_err *err)
{
	struct reading r = {.source = s, .cache = cache, .out = out};
	pthread_t threads[MOST_JOBS];
	size_t want = jobs_for(s->n_layers), started = 0;
	bool late;

	pthread_mutex_init(&r.lock, NULL);
	while (started + 1 < want && pthread_create(&threads[started], NULL, work, &r) == 0)
		started++;
	work(&r);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_destroy(&r.lock);
	late = s->env.deadline && deadline_passed(s->env.deadline);
	for (size_t i = 0; i < s->n_layers; i++) {
		if (late && was_cut(&out[i])) {
			out[i].late = true;
			out[i].rc = deadline_err(s->env.deadline, "the layer could not be read",
						 &out[i].why);
		}
		if (!ends_scan(out[i].rc) || out[i].rc == RMG_E_STOPPED)
			continue;
		if (err)
			*err = out[i].why;
		err_add(err, "layer %zu", i);
		return out[i].rc;
	}
	if (atomic_load(&r.ended) && !late)
		return err_set(err, RMG_E_STOPPED, "stopped");
	return RMG_OK;
}
