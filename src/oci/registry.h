/* SPDX-License-Identifier: Apache-2.0 */
/* registry.h - the distribution API (OCI distribution-spec 1.1) without sockets: what to ask, and
 * what an answer means. Who has a connection asks (lib/source_registry.c); tests need none.
 *
 * Texts are made in the arena that is given and are NUL-terminated; NULL once it has failed. */
#ifndef OCI_REGISTRY_H
#define OCI_REGISTRY_H

#include <rummage.h>

#include "base/arena.h"
#include "base/err.h"
#include "oci/challenge.h"

/* docker.io's API answers under another name than its images have. */
struct span registry_api_host(struct span host);

/* scheme://host/v2/REPOSITORY/manifests/REFERENCE and .../blobs/DIGEST */
char *registry_manifest_url(struct span base, struct span repository, struct span reference,
			    struct arena *arena);
char *registry_blob_url(struct span base, struct span repository, struct span digest,
			struct arena *arena);

/* scheme://host/v2/REPOSITORY/blobs/uploads/, where the upload of a blob begins. */
char *registry_upload_url(struct span base, struct span repository, struct arena *arena);

/* Where it goes on: path and query of the answer's Location, with the digest put to them. host: of
 * the registry's API. RMG_E_UNSUPPORTED: it leads to another host, where nothing of ours goes. */
MUST enum rmg_rc registry_upload_path(struct span host, struct span location, struct span digest,
				      struct arena *arena, char **out, struct rmg_err *err);

/* Cuts "SCHEME://HOST" off a place that the registry names, if there is one; false where it is
 * another host. What is left may be asked for where it is a path. */
bool registry_cut_host(struct span *location, struct span host);
bool registry_is_path(struct span s);

/* What is asked for where a challenge does not say. */
#define REGISTRY_PULL "pull"
#define REGISTRY_PUSH "pull,push"

/* Where to get a token for a repository: realm with service and scope added. scope: what the
 * challenge asks for, else repository:NAME:ACTIONS. */
char *registry_token_url(const struct challenge *c, struct span repository, const char *actions,
			 struct arena *arena);

/* The form to post where a refresh token stands for a password (grant_type=refresh_token). */
char *registry_token_form(const struct challenge *c, struct span repository, const char *actions,
			  struct span refresh_token, struct arena *arena);

struct registry_token {
	struct span token; /* "" is an error of the server */
	uint64_t expires_s;
};
MUST enum rmg_rc registry_token_parse(struct span bytes, struct arena *arena,
				      struct registry_token *out, struct rmg_err *err);

/* The first message of an error body ({"errors":[{"code","message"}]}) into buf; false where it is
 * none. */
bool registry_error_text(struct span body, char *buf, size_t n);

/* Whether such a body says that the registry has no such tag, manifest or repository: its own word,
 * not that of whatever stands before it. */
bool registry_says_unknown(struct span body);

/* Percent-encodes everything but unreserved characters (RFC 3986). */
struct span registry_escape(struct span s, struct arena *arena);

/* The pause before attempt n (1, 2, ...) in seconds: what the server asks for, bounded, else
 * doubling. */
unsigned registry_pause_s(unsigned attempt, unsigned retry_after_s);
/* Who answers "later" is asked more often than who stalls or breaks off. Attempts that bring bytes
 * are not counted, up to REGISTRY_RESUMES. */
enum {
	REGISTRY_ATTEMPTS = 5,
	REGISTRY_BROKEN_ATTEMPTS = 3, /* in a row, at the same byte */
	REGISTRY_RESUMES = 100,
	REGISTRY_PAUSE_MAX_S = 30
};

#endif
