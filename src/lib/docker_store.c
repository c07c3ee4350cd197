/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/docker_store.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"
#include "io/proc.h"
#include "lib/extent.h"
#include "oci/digest.h"

enum { NAME_BYTES = 512, CACHE_ID_BYTES = 256 };

static enum rmg_rc load(int root, const char *name, uint64_t max_bytes, struct arena *a,
			struct span *out, struct rmg_err *err)
{
	struct extent e = {.fd = -1};
	enum rmg_rc rc = extent_below(root, name, &e, err);

	if (rc == RMG_OK)
		rc = extent_load(&e, max_bytes, a, out, err);
	extent_close(&e);
	return rc;
}

static enum rmg_rc take_config(struct source *s, int root, struct span id, struct rmg_err *err)
{
	struct span text = {0};
	char name[NAME_BYTES];
	enum rmg_rc rc;

	if (!span_starts(id, S("sha256:")) || !digest_valid(id))
		return err_set(err, RMG_E_UNSUPPORTED, "its id is no digest");
	snprintf(name, sizeof name, "image/overlay2/imagedb/content/sha256/" SPAN_FMT,
		 SPAN_ARG(span_from(id, 7)));
	rc = load(root, name, LIMIT_MANIFEST_BYTES, &s->arena, &text, err);
	if (rc == RMG_OK)
		rc = digest_check(id, text, "configuration", err);
	if (rc != RMG_OK)
		return rc;
	s->config_digest = arena_dup(&s->arena, id);
	return oci_config_parse(text, &s->arena, &s->config, err);
}

/* What the folder is called that a layer was unpacked into. */
static enum rmg_rc folder_of(struct stored *d, int root, const char *chain, struct span *out,
			     struct rmg_err *err)
{
	char name[NAME_BYTES];
	enum rmg_rc rc;

	snprintf(name, sizeof name, "image/overlay2/layerdb/sha256/%s/cache-id", chain);
	rc = load(root, name, CACHE_ID_BYTES, &d->source.arena, out, err);
	if (rc != RMG_OK)
		return rc;
	*out = span_trim(*out);
	if (out->n == 0 || out->p[0] == '.' || span_chr(*out, '/') != SIZE_MAX ||
	    span_chr(*out, 0) != SIZE_MAX)
		return err_set(err, RMG_E_FORMAT, "%s: no name of a folder", name);
	return RMG_OK;
}

static enum rmg_rc open_layer(struct stored *d, int root, const char *root_path, size_t i,
			      struct rmg_err *err)
{
	struct stored_layer *at = &d->layers[i];
	char chain[DIGEST_TEXT], name[NAME_BYTES];
	struct extent record = {.fd = -1};
	struct span folder;
	enum rmg_rc rc;

	if (!digest_chain(d->source.config.diff_ids, i + 1, chain))
		return err_set(err, RMG_E_FORMAT, "its configuration names no layers");
	rc = folder_of(d, root, chain + 7, &folder, err);
	if (rc != RMG_OK)
		return rc;
	snprintf(name, sizeof name, "image/overlay2/layerdb/sha256/%s/tar-split.json.gz",
		 chain + 7);
	rc = extent_below(root, name, &record, err);
	if (rc != RMG_OK)
		return rc;
	at->record = record.fd;
	snprintf(name, sizeof name, "overlay2/" SPAN_FMT "/diff", SPAN_ARG(folder));
	at->path = ARENA_JOIN(&d->source.arena, span_cstr(root_path), S("/"), span_cstr(name));
	at->dir = extent_open_below(root, name, O_RDONLY | O_DIRECTORY);
	return at->dir >= 0 ? RMG_OK : err_os(err, RMG_E_IO, "%s", name);
}

static enum rmg_rc take_layers(struct stored *d, int root, const char *root_path,
			       struct rmg_err *err)
{
	struct source *s = &d->source;
	size_t n = s->config.n_diff_ids;
	enum rmg_rc rc;

	if (n > LIMIT_LAYERS)
		return err_set(err, RMG_E_LIMIT, "%zu layers are too many", n);
	s->layers = ARENA_ARRAY(&s->arena, n, struct source_layer);
	if (s->layers == NULL)
		return err_set(err, arena_rc(&s->arena), "no memory for layers");
	s->n_layers = n;
	rc = stored_layers(d, err);
	for (size_t i = 0; rc == RMG_OK && i < n; i++) {
		s->layers[i] = (struct source_layer){
		    .media_type = S("application/vnd.docker.image.rootfs.diff.tar"),
		    .unpacked = true};
		rc = open_layer(d, root, root_path, i, err);
	}
	return rc;
}

enum rmg_rc docker_store_open(struct source *s, const char *root, struct span id,
			      struct rmg_err *err)
{
	int dir = proc_open_dir(root);
	enum rmg_rc rc;

	if (dir < 0)
		return err_os(err, RMG_E_IO, "%s", root);
	rc = take_config(s, dir, id, err);
	if (rc == RMG_OK)
		rc = take_layers((struct stored *)s, dir, root, err);
	close(dir);
	return rc == RMG_OK ? source_finish(s, err) : rc;
}
