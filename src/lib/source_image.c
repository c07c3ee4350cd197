/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/source_image.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "oci/digest.h"

enum rmg_rc source_platform(const struct source *s, struct platform *out, struct rmg_err *err)
{
	if (s->env.opts->platform)
		return platform_parse(span_cstr(s->env.opts->platform), out, err);
	*out = platform_host();
	return RMG_OK;
}

enum rmg_rc source_annotate(struct source *s, const struct oci_pair *pairs, size_t n,
			    struct rmg_err *err)
{
	struct oci_pair *all;

	if (n == 0)
		return RMG_OK;
	all = ARENA_ARRAY(&s->arena, s->n_annotations + n, struct oci_pair);
	if (all == NULL)
		return err_set(err, arena_rc(&s->arena), "no memory for annotations");
	if (s->n_annotations)
		memcpy(all, s->annotations, s->n_annotations * sizeof *all);
	memcpy(all + s->n_annotations, pairs, n * sizeof *all);
	s->annotations = all;
	s->n_annotations += n;
	return RMG_OK;
}

static enum rmg_rc fetch_checked(struct source *s, const struct descriptor *d, const char *what,
				 source_fetch *fetch, struct span *out, struct rmg_err *err)
{
	bool manifest = strcmp(what, "configuration") != 0;
	struct span bytes;
	enum rmg_rc rc;

	if (d->size_bytes > LIMIT_MANIFEST_BYTES)
		return err_set(err, RMG_E_LIMIT, "%s " SPAN_FMT ": %" PRIu64 " bytes are too many",
			       what, SPAN_ARG(d->digest), d->size_bytes);
	rc = fetch(s, d, manifest, &bytes, err);
	if (rc != RMG_OK) {
		err_add(err, "%s " SPAN_FMT, what, SPAN_ARG(d->digest));
		return rc;
	}
	rc = digest_check(d->digest, bytes, what, err);
	if (rc == RMG_OK && bytes.n != d->size_bytes)
		rc = err_set(err, RMG_E_FORMAT,
			     "%s " SPAN_FMT ": %zu bytes, but %" PRIu64 " were promised", what,
			     SPAN_ARG(d->digest), bytes.n, d->size_bytes);
	if (rc == RMG_OK)
		*out = bytes;
	return rc;
}

/* diff_ids belong to layers by their number; when the numbers differ they tell nothing. */
static void claim_diff_ids(struct source *s)
{
	const struct oci_config *c = &s->config;

	if (c->n_diff_ids != s->n_layers) {
		source_note(s, NOTE_WARN, "config-diff-ids", S(""),
			    "the configuration names %zu diff_ids for %zu layers: none is compared",
			    c->n_diff_ids, s->n_layers);
		return;
	}
	for (size_t i = 0; i < s->n_layers; i++)
		s->layers[i].diff_id = c->diff_ids[i];
}

static enum rmg_rc tell_steps(struct source *s, struct rmg_err *err)
{
	const struct oci_step **steps =
	    ARENA_ARRAY(&s->arena, s->n_layers, const struct oci_step *);

	if (steps == NULL)
		return err_set(err, arena_rc(&s->arena), "no memory for the history");
	oci_config_steps(&s->config, s->n_layers, steps);
	for (size_t i = 0; i < s->n_layers; i++) {
		if (steps[i] == NULL)
			continue;
		s->layers[i].created = steps[i]->created;
		s->layers[i].created_by = steps[i]->created_by;
		s->layers[i].comment = steps[i]->comment;
	}
	return RMG_OK;
}

enum rmg_rc source_finish(struct source *s, struct rmg_err *err)
{
	char have[PLATFORM_TEXT], asked[PLATFORM_TEXT];
	struct platform want;
	enum rmg_rc rc = source_platform(s, &want, err);
	int rank = platform_rank(want, s->config.platform);

	if (rc != RMG_OK)
		return rc;
	platform_text(s->config.platform, have);
	platform_text(want, asked);
	if (s->config.platform.os.n && rank < 0 && s->env.opts->platform)
		return err_set(err, RMG_E_NOTFOUND, "the image is for %s, not for %s", have, asked);
	if (s->config.platform.os.n && rank < 0)
		source_note(s, NOTE_INFO, "image-platform", S(""),
			    "the image is for %s, this machine is %s", have, asked);
	s->platform = arena_dup(&s->arena, span_cstr(have));
	claim_diff_ids(s);
	return tell_steps(s, err);
}

static enum rmg_rc take_image(struct source *s, const struct manifest *m, source_fetch *fetch,
			      struct rmg_err *err)
{
	struct span bytes = {0};
	enum rmg_rc rc = fetch_checked(s, &m->config, "configuration", fetch, &bytes, err);

	if (rc == RMG_OK)
		rc = oci_config_parse(bytes, &s->arena, &s->config, err);
	if (rc != RMG_OK)
		return rc;
	s->config_digest = m->config.digest;
	s->layers = ARENA_ARRAY(&s->arena, m->n_children, struct source_layer);
	if (s->layers == NULL)
		return err_set(err, arena_rc(&s->arena), "no memory for layers");
	s->n_layers = m->n_children;
	for (size_t i = 0; i < m->n_children; i++) {
		const struct descriptor *d = &m->children[i];

		s->layers[i] = (struct source_layer){
		    .digest = d->digest,
		    .media_type = d->media_type,
		    .size_bytes = d->size_bytes,
		    .foreign = layer_type_is_foreign(d->media_type),
		    .urls = d->urls,
		    .n_urls = d->n_urls,
		    .annotations = d->annotations,
		    .n_annotations = d->n_annotations,
		};
	}
	return source_finish(s, err);
}

static enum rmg_rc refuse_artifact(const struct manifest *m, struct rmg_err *err)
{
	struct span type = m->artifact_type.n ? m->artifact_type : m->config.media_type;

	return err_set(err, RMG_E_UNSUPPORTED,
		       "this is no image but an artifact of type " SPAN_FMT
		       ": it has no files to scan",
		       SPAN_ARG(type));
}

/* One document of the chain; *next is where an index leads. */
static enum rmg_rc step(struct source *s, struct span bytes, struct span type, struct span digest,
			const struct descriptor **next, source_fetch *fetch, struct rmg_err *err)
{
	struct manifest *m = ARENA_NEW(&s->arena, struct manifest);
	struct platform want;
	enum rmg_rc rc;

	if (m == NULL)
		return err_set(err, arena_rc(&s->arena), "no memory for a manifest");
	rc = manifest_parse(bytes, type, &s->arena, m, err);
	if (rc == RMG_OK)
		rc = source_annotate(s, m->annotations, m->n_annotations, err);
	if (rc != RMG_OK)
		return rc;
	*next = NULL;
	if (m->kind == MANIFEST_ARTIFACT)
		return refuse_artifact(m, err);
	if (m->kind == MANIFEST_IMAGE) {
		s->manifest_digest = digest;
		return take_image(s, m, fetch, err);
	}
	if (s->index_digest.n == 0)
		s->index_digest = digest;
	rc = source_platform(s, &want, err);
	if (rc != RMG_OK)
		return rc;
	return manifest_select(m, want, s->env.opts->platform == NULL, next, err);
}

/* Digests are checked, so an index cannot name itself; who serves it can still try for ever. */
static enum rmg_rc walk(struct source *s, const struct descriptor *d, source_fetch *fetch,
			struct rmg_err *err)
{
	struct span seen[16], bytes;
	enum rmg_rc rc = RMG_OK;

	for (size_t depth = 0; d && rc == RMG_OK; depth++) {
		if (depth > LIMIT_INDEX_DEPTH || depth >= COUNT_OF(seen))
			return err_set(err, RMG_E_LIMIT,
				       "indexes inside indexes, more than %zu deep", depth - 1);
		for (size_t i = 0; i < depth; i++)
			if (span_is(seen[i], d->digest))
				return err_set(err, RMG_E_FORMAT,
					       "index " SPAN_FMT " leads back to itself",
					       SPAN_ARG(d->digest));
		seen[depth] = d->digest;
		rc = fetch_checked(s, d, "manifest", fetch, &bytes, err);
		if (rc == RMG_OK)
			rc = step(s, bytes, d->media_type, d->digest, &d, fetch, err);
	}
	return rc;
}

enum rmg_rc source_resolve_from(struct source *s, const struct descriptor *d, source_fetch *fetch,
				struct rmg_err *err)
{
	return walk(s, d, fetch, err);
}

enum rmg_rc source_resolve(struct source *s, struct span top, struct span media_type,
			   struct span digest, source_fetch *fetch, struct rmg_err *err)
{
	const struct descriptor *next = NULL;
	enum rmg_rc rc = step(s, top, media_type, digest, &next, fetch, err);

	return rc == RMG_OK && next ? walk(s, next, fetch, err) : rc;
}

enum rmg_rc source_split_path(struct source *s, const char *rest, char **path, struct span *want,
			      struct rmg_err *err)
{
	struct span text = span_cstr(rest);
	struct stat st;

	for (size_t at = text.n; at > 0; at--) {
		char *head;

		if (at < text.n && text.p[at] != ':' && text.p[at] != '@')
			continue;
		head = arena_cstr(&s->arena, span_head(text, at));
		if (head && stat(head, &st) == 0) {
			*path = head;
			*want = span_from(text, at + 1);
			return RMG_OK;
		}
	}
	return err_set(err, RMG_E_NOTFOUND, "%s: no such file or folder", rest);
}
