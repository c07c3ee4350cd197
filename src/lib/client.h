/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - one repository of a registry over HTTP: manifests and blobs, fetched and put, with
 * authentication, mirrors, retries and resumption. What to ask and what answers mean is
 * oci/registry.h's.
 *
 * Places are tried in order: the mirrors of opts->mirrors, then the registry; what worked for the
 * manifest is tried first for blobs. A host is spoken to by https; plain http only where it is
 * listed as insecure or is this machine, and after https did not answer. Credentials go to the
 * registry, and to the token server that it names, over https or to hosts that are listed or this
 * machine; never to a mirror or to where a redirect leads.
 *
 * Calls may come from several threads: each borrows a connection of its own. */
#ifndef LIB_CLIENT_H
#define LIB_CLIENT_H

#include "lib/source.h"
#include "oci/ratelimit.h"
#include "oci/reference.h"

struct client;

/* opts and the reference's spans are borrowed. */
MUST enum rmg_rc client_new(const struct rmg_opts *opts, const struct reference *ref,
			    struct client **out, struct rmg_err *err);
void client_free(struct client *c);

struct client_document {
	struct span bytes, media_type, digest; /* the arena's; digest is computed */
};

/* name: a tag or a digest. The bytes have the digest that was asked for, and the one that the
 * registry says they have. */
MUST enum rmg_rc client_manifest(struct client *c, struct span name, struct arena *arena,
				 struct client_document *out, struct rmg_err *err);

/* The digest of what a name means now, by HEAD; "" where the registry does not say it. */
MUST enum rmg_rc client_digest(struct client *c, struct span name, struct arena *arena,
			       struct span *out, struct rmg_err *err);

/* The same, asked once: who asks for many references looks when to ask again himself. */
struct client_tag {
	struct span digest;
	struct ratelimit limit;
	unsigned status, retry_s; /* of a failure: what was answered (0 nothing), and when it may be
				     asked again (0 not said) */
	bool gone; /* of a failure: the registry says that it has no such tag, or no such repository
		    */
};
MUST enum rmg_rc client_tag(struct client *c, struct span name, struct arena *arena,
			    struct client_tag *out, struct rmg_err *err);

/* One page of what the registry itself lists (oci/listing.h), asked once like a tag. */
struct client_page {
	struct span bytes, link;  /* the arena's */
	unsigned status, retry_s; /* of a failure, as of a tag's */
	bool gone;                /* the registry says that it has no such repository */
};
MUST enum rmg_rc client_page(struct client *c, const char *path, struct arena *arena,
			     struct client_page *out, struct rmg_err *err);

/* A blob, in order, to sink; taken up again where it broke off. The digest is the sink's to check.
 */
MUST enum rmg_rc client_blob(struct client *c, const struct source_layer *blob, source_sink *sink,
			     void *user, struct rmg_err *err);

/* Bytes first to last of a blob; RMG_E_UNSUPPORTED where the registry gives no ranges. */
MUST enum rmg_rc client_range(struct client *c, struct span digest, uint64_t first, uint64_t last,
			      source_sink *sink, void *user, struct rmg_err *err);

/* From here on it is the registry itself that is asked, no mirror, as one who will put things. */
void client_pushes(struct client *c);

/* Puts a blob there, in one piece, unless it is there; *sent (may be NULL) says which. An upload
 * that broke off is begun anew. */
MUST enum rmg_rc client_put_blob(struct client *c, struct span digest, struct span bytes,
				 bool *sent, struct rmg_err *err);
/* What it refers to is there. The registry must say the digest that the bytes have. */
MUST enum rmg_rc client_put_manifest(struct client *c, struct span name, struct span media_type,
				     struct span bytes, struct rmg_err *err);

#endif
