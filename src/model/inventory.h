/* SPDX-License-Identifier: Apache-2.0 */
/* inventory.h - what one image contains: its layers' facts, merged. Plain data in one arena. */
#ifndef MODEL_INVENTORY_H
#define MODEL_INVENTORY_H

#include "model/facts.h"

#define NO_LAYER UINT32_MAX
#define NO_COMPONENT UINT32_MAX

enum origin { ORIGIN_UNKNOWN, ORIGIN_BASE, ORIGIN_PATCH, ORIGIN_APP, ORIGIN_COMMIT };

const char *origin_name(enum origin o); /* "unknown", "base", "patch", "app", "commit" */

/* The distribution, after merging and reducing. Empty where it is not known. */
struct os {
	struct span id; /* os-release ID: "debian", "alpine", "rhel", ... */
	/* refined: "12.4" for Debian's debian_version, "3.18.5" for Alpine */
	struct span version_id;
	struct span codename, name, id_like, variant_id, cpe;
	struct span eol; /* "YYYY-MM-DD", "" where not known */
};

struct layer {
	struct span digest;  /* "sha256:..." of the blob, verified; "" for synthetic layers */
	struct span diff_id; /* computed where it could be, else as claimed */
	bool diff_id_verified;
	struct span media_type, created, created_by, comment;
	uint64_t size;
	enum origin origin;
	/* "sha256:..." of the bytes that its facts are of, which names them: the blob's digest, of
	 * a synthetic layer the hash of what was made of it; "" where it could not be read. */
	struct span facts;
};

struct component {
	struct pkg pkg;
	struct span purl;
	struct span cataloger;
	const struct span *paths; /* evidence, "!" before what is inside a file; sorted */
	size_t n_paths;
	uint32_t layer; /* where this name and version first appears; NO_LAYER */
	enum origin origin;
	bool is_os; /* of the distribution's package manager */
	/* Language packages that this operating-system package owns: reported here and nowhere
	 * else. */
	const struct span *provides;
	size_t n_provides;
};

struct executable {
	struct span path;
	uint8_t sha256[32];
	uint64_t size;
	uint32_t mode;
	enum exec_format format;
	struct span arch;
	uint32_t owner; /* component, or NO_COMPONENT */
	uint32_t layer;
	enum origin origin;
};

struct layer_note {
	struct note note;
	uint32_t layer; /* NO_LAYER: about the whole */
};

struct base_image {
	bool known;
	struct span name, digest;
	const char *how; /* "chain", "diff-id", "annotation", "label", "none": lib/base_image.h */
	uint32_t layers;
};

struct label {
	struct span key, value;
};

/* A file that who merges wants to know the owner of. */
struct asked_path {
	struct span path; /* normal */
	uint32_t owner;   /* the package that owns it: a component, or NO_COMPONENT */
};

/* A file of the image, and a component that it belongs to: a package's, by its list; the one whose
 * own folder it is in; what is inside it, where it is a program or an archive. */
struct owned_file {
	uint64_t path;      /* path_hash(), after the image's links */
	uint64_t folder;    /* the same of its folder; 0 where a link leads to the file */
	uint64_t bytes;     /* 0 of links and empty files */
	uint32_t component; /* several rows where it is several components' */
	bool counts;        /* whether opening it is using the component: file_owners.h */
};

struct inventory {
	struct arena arena;

	/* The target. */
	struct span ref, source, index_digest, manifest_digest, config_digest, platform;
	uint64_t size; /* compressed bytes of all layers */
	struct span created_by_tool, author;
	struct label *labels;
	size_t n_labels;
	const char *sandbox; /* "seccomp+landlock/4", ... */

	bool complete;
	struct os os;
	struct base_image base;
	struct layer *layers;
	struct component *components;   /* sorted by purl */
	struct executable *executables; /* sorted by path */
	struct layer_note *notes;
	size_t n_layers, n_components, n_executables, n_notes, notes_cap;
	uint64_t unattributed_files, unattributed_bytes;
	struct asked_path *asked; /* of who asks, who outlives this; answered by merging */
	size_t n_asked;
	bool wants_files;         /* who merges asks for these: */
	struct owned_file *files; /* malloc'ed; by path */
	size_t n_files;
};

MUST enum rmg_rc inventory_new(struct inventory **out);
void inventory_free(struct inventory *inv);

/* Appends; a NOTE_LOST makes the inventory incomplete. Spans are copied. */
void inventory_note(struct inventory *inv, const struct note *n, uint32_t layer);

#endif
