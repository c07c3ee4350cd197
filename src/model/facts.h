/* SPDX-License-Identifier: Apache-2.0 */
/* facts.h - what one layer says, a function of its bytes alone; and the builder that gathers it.
 *
 * Facts are plain data: spans and arrays in one arena. The worker builds them, the wire carries
 * them (box/facts_wire.h), the cache keeps them, merge.h makes an inventory of several layers.
 *
 * Paths are relative to the root ("usr/bin/x"), normal (hash.h), and raw bytes: any byte but NUL.
 * Names of files that are neither evidence nor executable are kept as hashes only, so that a
 * hundred thousand files stay small. */
#ifndef MODEL_FACTS_H
#define MODEL_FACTS_H

#include <rummage.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "model/note.h"
#include "model/pkg.h"

/* Raise when the meaning of any field changes: old caches are then unread. */
#define FACTS_VERSION 1

/* A folder that the layer mentions: as an entry of its own, or as the parent of one. */
struct fact_dir {
	struct span path;      /* "" is the root */
	bool entry;            /* has a tar entry of its own */
	bool opaque;           /* ".wh..wh..opq": hides all that lower layers have in it */
	const uint64_t *names; /* hash_span() of each child that is not a folder, ascending */
	const uint64_t *sizes; /* beside names: bytes of a regular file, 0 for other kinds */
	size_t n_names;
	/* hash_span() of each name that lower layers lose, ascending */
	const uint64_t *whiteouts;
	size_t n_whiteouts;
};

struct fact_link {
	struct span path;
	/* the folder that path is in: index into facts.dirs; as in all that follow */
	uint32_t dir;
	struct span target; /* symbolic: as written; hard: a normal path */
	bool hard;
};

struct fact_pkg {
	struct pkg pkg;
	struct span cataloger;
	struct span path; /* the evidence: the file that said so */
	uint32_t dir;
	struct span inner; /* path inside that file: "BOOT-INF/lib/a.jar!META-INF/..." ; "" */
};

enum exec_format { EXEC_ELF, EXEC_SCRIPT, EXEC_JAR, EXEC_ZIPAPP, EXEC_WASM, EXEC_PE, EXEC_MACHO };

struct fact_exec {
	struct span path;
	uint32_t dir;
	uint8_t sha256[32];
	uint64_t size;
	uint32_t mode; /* permission bits with setuid, setgid, sticky: 07777 */
	enum exec_format format;
	struct span arch; /* of ELF, PE, Mach-O: "amd64", "arm64", ... as OCI names them; "" */
};

/* Files that an operating-system package owns, by folder. */
struct fact_owned {
	struct span type, name, version, arch; /* which package; version and arch may be "" */
	struct span path;                      /* evidence: the list, or the database */
	uint32_t dir;
	const uint32_t *dirs;   /* index into facts.paths, one per group */
	const uint32_t *counts; /* names in that group */
	size_t n_dirs;
	const uint64_t *names; /* hash_span() of the names, group after group */
	size_t n_names;
};

/* A file that tells the distribution. Merging takes the best visible one. */
struct fact_os {
	struct span path;
	uint32_t dir;
	/* lower is better: 0 etc/os-release, 10 usr/lib/os-release, 20 and up older files */
	uint32_t rank;
	/* only adds its version to another (debian_version, alpine-release) */
	bool refines;
	struct span id, id_like, version_id, version, codename, name, variant_id, cpe, build_id;
};

struct facts {
	/* of the bytes that were read; set and verified by the parent */
	uint8_t blob_sha256[32];
	/* of the decompressed bytes; all zero where it was not computed */
	uint8_t diff_sha256[32];
	bool has_diff;
	uint64_t blob_bytes, tar_bytes, n_entries;
	struct span compression; /* "gzip", "zstd", "xz", "bzip2", "none" */
	bool synthetic; /* made from files or ranges, not from a tar that somebody published */

	struct fact_dir *dirs;
	struct fact_link *links;
	struct fact_pkg *pkgs;
	struct fact_exec *execs;
	struct fact_owned *owned;
	struct fact_os *oses;
	struct note *notes;
	/* folders that owned refers to, as the lists write them, normalised */
	struct span *paths;
	size_t n_dirs, n_links, n_pkgs, n_execs, n_owned, n_oses, n_notes, n_paths;
	uint64_t notes_dropped; /* beyond LIMIT_NOTES; counts as lost */
};

/* Gathers facts. All that is given is copied. Running out of memory or of LIMIT_FACTS_BYTES is
 * sticky: ask facts_done(). A path that is given twice means what it meant last: tar's rule. */
struct facts_builder;

MUST enum rmg_rc facts_builder_new(struct facts_builder **out);
void facts_builder_free(struct facts_builder *b);

/* The tree. Paths must be normal. */
void facts_folder(struct facts_builder *b, struct span path);
void facts_file(struct facts_builder *b, struct span path, uint64_t size_bytes);
void facts_link(struct facts_builder *b, struct span path, struct span target, bool hard);
void facts_whiteout(struct facts_builder *b, struct span path);
void facts_opaque(struct facts_builder *b, struct span folder);

/* Of the file that was given last with facts_file(); its path is p->path. dir is set here. */
void facts_pkg(struct facts_builder *b, const struct fact_pkg *p);
void facts_exec(struct facts_builder *b, const struct fact_exec *e);
void facts_os(struct facts_builder *b, const struct fact_os *o);
void facts_note(struct facts_builder *b, const struct note *n);

/* Begins the files of one package (only type, name, version, arch and path are read); the paths
 * that follow belong to it. Leading "/" and "./" are cut, other paths that are not normal noted. */
void facts_own(struct facts_builder *b, const struct fact_owned *o);
void facts_own_path(struct facts_builder *b, struct span path);

/* Gives the gathered facts; they live as long as b does. Layer-wide fields the caller fills. */
MUST enum rmg_rc facts_done(struct facts_builder *b, struct facts **out);

/* A normal path made of a tar's or a list's name: leading and trailing slashes, doubled slashes and
 * "." components go ("./" is the root, ""); false for ".." components, NULs, more than
 * LIMIT_PATH_BYTES or LIMIT_PATH_DEPTH. buf (LIMIT_PATH_BYTES) is where a changed path is put; out
 * borrows raw where nothing changes. */
MUST bool path_normal(struct span raw, uint8_t *buf, struct span *out);

#endif
