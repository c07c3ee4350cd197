/* SPDX-License-Identifier: Apache-2.0 */
/* source.h - where images come from: a registry, a folder, an archive, an engine, a root file
 * system; each is one struct of functions and one row of the table in source.c.
 *
 * Opening reads manifests and the configuration and checks their digests, no layer. A layer is then
 * a stream of the bytes that the manifest names: nothing is extracted and nothing kept. Who reads
 * hashes the bytes and believes them only if the hash is the digest (sizes are checked here).
 *
 * All spans and arrays die with source_close(). source_read_layer() may be called by several
 * threads at once for different layers; notes are complete when the last of them has returned.
 * Failures of one layer do not touch the others. */
#ifndef LIB_SOURCE_H
#define LIB_SOURCE_H

#include <rummage.h>

#include <pthread.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"
#include "model/note.h"
#include "oci/manifest.h"

/* Takes bytes; what is not RMG_OK ends the reading and is what source_read_layer() returns. */
typedef enum rmg_rc source_sink(void *user, struct span bytes, struct rmg_err *err);

/* Whether a cataloger or the executables' list needs the content of a file: path is normal, head
 * its first bytes (4 KiB do, "" where they are not at hand, as in partial reading).
 * Called from any thread. */
typedef bool source_wanted(void *user, struct span path, uint32_t mode, uint64_t size_bytes,
			   struct span head);

struct deadline;

struct source_env {
	const struct rmg_opts *opts;     /* never NULL; outlives the source */
	const struct deadline *deadline; /* NULL: none */
	source_wanted *wanted;           /* NULL: everything */
	void *user;
};

struct source_layer {
	/* "sha256:..." as the manifest says; "" where it says none (docker-archive: diff_id is what
	 * can be checked; rootfs: nothing is). */
	struct span digest;
	struct span diff_id; /* the configuration's claim; "" where there is none */
	struct span media_type;
	struct span created, created_by, comment; /* the history step that made it; "" unknown */
	uint64_t size_bytes;                      /* 0: not known before it is read */
	const struct span *urls;                  /* a foreign layer's places */
	size_t n_urls;
	const struct oci_pair *annotations; /* the descriptor's */
	size_t n_annotations;
	bool foreign; /* the manifest gives other places for it; reading tries them too */
	/* The bytes are a tar that we made, or parts of the layer in one: its digest cannot vouch
	 * for them (the source has checked the parts), and what it says is not what the whole would
	 * say. */
	bool synthetic;
	/* The bytes are the tar that the blob of that digest unpacks to: it is the diff_id that
	 * they are checked against. */
	bool unpacked;
	/* Of a synthetic layer: what it is made of lies still, and has this name on this machine.
	 * Its facts are then kept for this source alone, which vouches for them. */
	bool has_key;
	uint8_t key[32];
};

struct source_ops;

struct source {
	const struct source_ops *ops;
	struct source_env env;
	struct arena arena;
	/* As it was asked for, with defaults filled in: "registry:HOST/REPO:TAG". */
	struct span ref;
	struct span kind; /* the scheme: "registry", "oci-dir", ... */
	struct span name; /* HOST/REPO:TAG where the image has a name; "" */
	/* "" where there is none: no index was gone through; an old docker-archive; a rootfs. */
	struct span index_digest, manifest_digest, config_digest;
	struct span platform; /* "linux/arm64/v8" */
	struct oci_config config;
	struct oci_pair *annotations; /* the manifest's, after the index's */
	size_t n_annotations;
	struct source_layer *layers;
	size_t n_layers;

	pthread_mutex_t lock; /* guards notes and the arena while layers are read */
	VEC(struct note) notes;
	uint64_t notes_dropped; /* beyond LIMIT_NOTES, or of memory; counts as lost */
};

struct source_ops {
	const char *scheme;
	/* rest: the reference without "scheme:". Fills what it knows; s is zeroed but for ops, env,
	 * arena, lock, kind. On failure close() is called with whatever state it left. */
	enum rmg_rc (*open)(struct source *s, const char *rest, struct rmg_err *err);
	enum rmg_rc (*read_layer)(struct source *s, size_t i, source_sink *sink, void *user,
				  struct rmg_err *err);
	/* NULL, or: layer i could not be read so; true where there is another way, which is gone
	 * from now on. Called by the thread that reads it. */
	bool (*other_way)(struct source *s, size_t i, const struct rmg_err *why);
	void (*close)(struct source *s);
	size_t bytes; /* sizeof the source's own struct, which begins with struct source */
};

/* ref: "SCHEME:REST", a path that exists, or a registry's reference (interface: rummage(1)). What a
 * failure is about the caller knows: messages do not repeat ref. */
MUST enum rmg_rc source_open(const char *ref, const struct source_env *env, struct source **out,
			     struct rmg_err *err);
void source_close(struct source *s);

/* Gives every byte of layer i to sink, in order. Not RMG_OK: the layer is not whole. */
MUST enum rmg_rc source_read_layer(struct source *s, size_t i, source_sink *sink, void *user,
				   struct rmg_err *err);

/* For sources: a note from any thread; its texts are copied. */
void source_note(struct source *s, enum note_level level, const char *code, struct span path,
		 const char *fmt, ...) PRINTF(5, 6);

/* True once the user wants to stop. */
static inline bool source_stopped(const struct source *s)
{
	return s->env.opts->stop && s->env.opts->stop(s->env.opts->user);
}

extern const struct source_ops source_registry, source_oci_dir, source_oci_archive,
    source_docker_archive, source_containerd, source_docker, source_podman, source_crio,
    source_rootfs, source_container, source_container_image,
    source_any_archive; /* the last is for bare paths, and in no table */

#endif
