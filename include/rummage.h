/* SPDX-License-Identifier: Apache-2.0 */
/* rummage.h - know what is inside a container image, and whether to worry.
 *
 *     source --open--> image --take--> inventory --match(db)--> verdict --report--> bytes
 *
 * Ownership  `T **out` gives you a T; end it with T's own _free(), which accepts NULL.
 *            A const pointer is borrowed from the object it was asked of and dies with it.
 * Failure    enum rmg_rc says what kind; *err (yours, or NULL) says where and why.
 *            On failure *out is untouched.
 * Doubt      Bad input is rarely a failure: what could not be read is a note on the
 *            result, and the result then says that it is not complete.
 * Trust      Image bytes are parsed in sandboxed worker processes. Strings handed back
 *            are valid UTF-8, NUL-terminated and free of control bytes.
 * Threads    An object belongs to one thread at a time. There are no globals. */
#ifndef RUMMAGE_H
#define RUMMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What an options struct starts as: its size, and the defaults. */
/* clang-format off */
#ifdef __cplusplus
extern "C++" {
template <class T> inline T rmg_sized()
{
	T opts = T();

	opts.size = sizeof opts;
	return opts;
}
}
#define RMG_SIZED(type) rmg_sized<type>()
#else
#define RMG_SIZED(type) { .size = sizeof(type) }
#endif
/* clang-format on */

#define RMG_API __attribute__((visibility("default")))
#define RMG_MUST RMG_API __attribute__((warn_unused_result))

/* Only ever appended to. */
enum rmg_rc {
	RMG_OK,
	RMG_E_NOMEM,
	RMG_E_ARG,
	RMG_E_NOTFOUND,
	RMG_E_IO,
	RMG_E_NET,
	RMG_E_AUTH,
	RMG_E_FORMAT,
	RMG_E_LIMIT,
	RMG_E_UNSUPPORTED,
	RMG_E_SANDBOX,
	RMG_E_DB,
	RMG_E_STOPPED
};

/* Filled by the library, never allocated. */
struct rmg_err {
	enum rmg_rc rc;
	int os_errno;
	char msg[504];
};

/* What is being done, for a bar a line: bytes done of total (0: not known yet). name is a short
 * digest, a file name or a feed's; id tells lines apart. done == total ends the line. */
struct rmg_progress {
	uint32_t id;
	const char *verb; /* "download", "read", "feed", "build" */
	const char *name;
	uint64_t done, total;
};

/* A zero field means the default; start from RMG_OPTS. */
struct rmg_opts {
	size_t size;          /* sizeof, so that we can grow without breaking you */
	const char *platform; /* "linux/arm64/v8"; NULL: this machine's */
	/* Bounds to lower, not to raise (docs/LIMITS.md); reaching one is a note of lost data. Of
	 * each layer, unpacked; of a file that is read for what is in it; of an image, open and
	 * take together. */
	uint64_t max_bytes, max_file_bytes, max_seconds;
	uint32_t max_files, max_depth; /* entries of each layer; archives inside archives */
	bool no_sandbox;               /* written into every report made from the result */
	bool no_cache;                 /* neither read nor write layer facts */
	bool partial;                  /* eStargz, zstd:chunked: fetch only what catalogers want */
	bool skip_diff_id;             /* do not compute diff_ids of compressed layers */
	const char *cache_dir;         /* NULL: the user's */
	/* path of rummage-parse; NULL: found beside the program, then libexec */
	const char *worker;
	const char *username, *password; /* for the registry; NULL: from the usual files */
	/* HOST[:PORT], NULL-terminated: plain HTTP or unverified TLS */
	const char *const *insecure_registries;
	const char *const *mirrors;                     /* "HOST=MIRROR", NULL-terminated */
	const char *ca_cert, *client_cert, *client_key; /* PEM files */
	/* polled; true ends in RMG_E_STOPPED; from any thread of the call */
	bool (*stop)(void *user);
	/* never from two threads at once */
	void (*progress)(void *user, const struct rmg_progress *p);
	void *user;
	uint32_t stall_seconds; /* no byte of a server for so long is a broken connection; 0: 30 */
	/* socket of docker:, podman:, containerd:, or the folder of the store of podman:, crio:;
	 * NULL: where the environment says */
	const char *engine;
	/* A worker process was started, and has read nothing yet: limits may be put on it. From any
	 * thread of the call. */
	void (*started)(void *user, int pid);
};
#define RMG_OPTS RMG_SIZED(struct rmg_opts)

/* References: docs rummage(1). registry:HOST/REPO[:TAG][@DIGEST], oci-dir:, oci-archive:,
 * docker-archive:, docker:, podman:, containerd:, crio:, container:, rootfs:. Opening reads
 * manifests, no layer. */
struct rmg_image;
RMG_MUST enum rmg_rc rmg_image_open(const char *source, const struct rmg_opts *opts,
				    struct rmg_image **out, struct rmg_err *err);
/* "sha256:..."; "" for rootfs */
RMG_API const char *rmg_image_digest(const struct rmg_image *image);
RMG_API void rmg_image_free(struct rmg_image *image);

/* One installed thing and the evidence for it. Fields are only ever appended. */
struct rmg_pkg {
	const char *purl, *name, *version, *cataloger, *path, *layer;
	const char *type, *arch, *source_name, *source_version, *origin;
};
struct rmg_note {
	enum rmg_rc rc; /* RMG_OK: nothing is lost */
	const char *cataloger, *path, *text;
	const char *code, *severity; /* "lost", "warn", "info" */
};

struct rmg_inventory;
RMG_MUST enum rmg_rc rmg_inventory_take(const struct rmg_image *image, const struct rmg_opts *opts,
					struct rmg_inventory **out, struct rmg_err *err);
RMG_MUST bool rmg_inventory_complete(const struct rmg_inventory *inventory);
RMG_API const struct rmg_pkg *rmg_inventory_pkg(const struct rmg_inventory *inventory,
						size_t i); /* NULL: end */
RMG_API const struct rmg_note *rmg_inventory_note(const struct rmg_inventory *inventory,
						  size_t i); /* NULL: end */
RMG_API void rmg_inventory_free(struct rmg_inventory *inventory);

/* The advisory database. where: a file; NULL: the user's. */
struct rmg_db;
RMG_MUST enum rmg_rc rmg_db_open(const char *where, struct rmg_db **out, struct rmg_err *err);
RMG_API void rmg_db_free(struct rmg_db *db);

struct rmg_db_source {
	const char *name, *fetched;
	uint64_t count;
	bool starter; /* the small set that ships with Rummage: say so */
};
struct rmg_db_info {
	const char *path, *built, *digest;
	int64_t age_s;
	uint64_t advisories, packages, rules, bytes;
	size_t n_sources;
};
RMG_API void rmg_db_about(const struct rmg_db *db, struct rmg_db_info *out);
/* NULL: end */
RMG_API const struct rmg_db_source *rmg_db_source_at(const struct rmg_db *db, size_t i);

/* Where the user's database is, whether it exists or not; NUL-terminated into buf. */
RMG_API void rmg_db_default_path(const char *cache_dir, char *buf, size_t n);

struct rmg_db_opts {
	size_t size;
	const char *out;       /* NULL: the user's database */
	const char *cache_dir; /* where downloads are kept between updates; NULL: the user's */
	/* NULL: all; else names: "osv", "debian", "alpine", "kev", "epss" */
	const char *const *feeds;
	/* "FEED=URL" base addresses, NULL-terminated; NULL: the publishers'. */
	const char *const *urls;
	const char *const *ecosystems; /* OSV ecosystems to take, NULL-terminated; NULL: all */
	const char *ca_cert;
	bool (*stop)(void *user);
	void (*progress)(void *user, const struct rmg_progress *p);
	/* What a user should know: a feed that failed, a record skipped. */
	void (*warn)(void *user, const char *text);
	void *user;
	uint32_t stall_seconds; /* as in struct rmg_opts */
	/* Of a registry, as in struct rmg_opts. */
	const char *username, *password, *client_cert, *client_key;
	const char *const *insecure_registries;
	const char *const *mirrors;
};
#define RMG_DB_OPTS RMG_SIZED(struct rmg_db_opts)

/* From a folder of publishers' files (air gap), written whole or not at all. dir NULL: the starter
 * set that is built in. */
RMG_MUST enum rmg_rc rmg_db_build(const char *dir, const struct rmg_db_opts *opts,
				  struct rmg_err *err);
/* From the publishers, only what changed. changed tells whether there is a new database. One feed's
 * failure does not end the others: it is warned of, and RMG_E_NET is returned after the rest was
 * built. */
RMG_MUST enum rmg_rc rmg_db_update(const struct rmg_db_opts *opts, bool *changed,
				   struct rmg_err *err);
/* From and to a registry: ref is [registry:]HOST/REPO[:TAG][@DIGEST]. What is there already is
 * neither fetched nor sent (changed is false then); a pull fetches only what changed where it can.
 */
RMG_MUST enum rmg_rc rmg_db_pull(const char *ref, const struct rmg_db_opts *opts, bool *changed,
				 struct rmg_err *err);
RMG_MUST enum rmg_rc rmg_db_push(const struct rmg_db *db, const char *ref,
				 const struct rmg_db_opts *opts, bool *changed,
				 struct rmg_err *err);
/* Per package key that differs, in order: "Debian:12", "openssl", "added|removed|changed". */
typedef bool rmg_db_diff_fn(void *user, const char *ecosystem, const char *name, const char *how);
RMG_MUST enum rmg_rc rmg_db_diff(const struct rmg_db *older, const struct rmg_db *newer,
				 rmg_db_diff_fn *fn, void *user, struct rmg_err *err);

/* As VEX has them. */
enum rmg_status {
	RMG_AFFECTED,
	RMG_FIXED, /* affected, and a version that fixes it is known */
	RMG_NOT_AFFECTED,
	RMG_INVESTIGATING,
	RMG_WONT_FIX,
	RMG_END_OF_LIFE
};
enum rmg_severity {
	RMG_SEV_UNKNOWN,
	RMG_SEV_NEGLIGIBLE,
	RMG_SEV_LOW,
	RMG_SEV_MEDIUM,
	RMG_SEV_HIGH,
	RMG_SEV_CRITICAL
};
RMG_MUST bool rmg_severity_of(const char *name, enum rmg_severity *out);

struct rmg_finding {
	const struct rmg_pkg *pkg;
	const char *advisory, *severity, *fixed_in;
	const char *why; /* the range that matched, verbatim */
	enum rmg_status status;
	enum rmg_severity level;
	bool suppressed;
};
struct rmg_verdict;
RMG_MUST enum rmg_rc rmg_match(const struct rmg_inventory *inventory, const struct rmg_db *db,
			       struct rmg_verdict **out, struct rmg_err *err);
/* Suppresses what a YAML file names (rummage-ignore(5)); an expired or unused row is a note. */
RMG_MUST enum rmg_rc rmg_verdict_ignore(struct rmg_verdict *verdict, const char *file,
					struct rmg_err *err);
/* Leaves only findings that have a fix. */
RMG_API void rmg_verdict_only_fixed(struct rmg_verdict *verdict);
/* NULL: end */
RMG_API const struct rmg_finding *rmg_verdict_at(const struct rmg_verdict *verdict, size_t i);
/* Whether no finding that counts is of fail_on or above. RMG_SEV_NEGLIGIBLE takes every finding,
 * those of unknown severity too; RMG_SEV_UNKNOWN is no threshold. */
RMG_MUST bool rmg_verdict_within(const struct rmg_verdict *verdict, enum rmg_severity fail_on);
RMG_MUST bool rmg_verdict_complete(const struct rmg_verdict *verdict);
RMG_API void rmg_verdict_free(struct rmg_verdict *verdict);

struct rmg_report_opts {
	size_t size;
	const char *created;       /* RFC 3339; NULL: now */
	const char *policy_file;   /* shown in the report */
	enum rmg_severity fail_on; /* RMG_SEV_UNKNOWN: no threshold */
	unsigned columns;          /* 0: unlimited */
	bool color;
};
#define RMG_REPORT_OPTS RMG_SIZED(struct rmg_report_opts)

typedef bool rmg_write_fn(void *user, const void *bytes, size_t n); /* false ends in RMG_E_IO */
/* format: "table", "json", "cyclonedx-json", "sarif". */
RMG_MUST enum rmg_rc rmg_report(const struct rmg_verdict *verdict, const char *format,
				const struct rmg_report_opts *opts, rmg_write_fn *write, void *user,
				struct rmg_err *err);
/* The inventory alone. */
RMG_MUST enum rmg_rc rmg_report_inventory(const struct rmg_inventory *inventory, const char *format,
					  const struct rmg_report_opts *opts, rmg_write_fn *write,
					  void *user, struct rmg_err *err);
RMG_API const char *rmg_format_at(size_t i); /* names of formats; NULL: end */

/* Orders two versions as TYPE does: -1, 0, 1 in *order. RMG_E_ARG: no such type. */
RMG_MUST enum rmg_rc rmg_vercmp(const char *type, const char *a, const char *b, int *order,
				struct rmg_err *err);
RMG_API const char *rmg_vercmp_type_at(size_t i); /* NULL: end */

RMG_API const char *rmg_version(void);
RMG_API const char *rmg_build(void);      /* compiler, libraries */
RMG_API const char *rmg_catalogers(void); /* "apk/1 dpkg/1 ..." */
/* The level that the worker reaches on this machine: "seccomp+landlock/4"; asks it. */
RMG_API void rmg_sandbox_level(const struct rmg_opts *opts, char *buf, size_t n);

#ifdef __cplusplus
}
#endif

#endif
