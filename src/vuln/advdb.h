/* SPDX-License-Identifier: Apache-2.0 */
/* advdb.h - the advisory database: one immutable file, read in place.
 *
 *     key (ecosystem, package name) --hash--> rules --> card (the advisory itself)
 *
 * The caller maps the file and keeps the bytes; all spans point into them. Opening checks the
 * header, the section bounds and the format version; every reference is checked again when it is
 * followed, so a damaged file gives an error or fewer results and the flag bad, never a bad read.
 * advdb_verify() compares the whole content with its hash: after a download, not at each opening.
 * Layout: advdb_layout.h and docs/advdb-format.md. */
#ifndef VULN_ADVDB_H
#define VULN_ADVDB_H

#include <rummage.h>

#include "base/arena.h"
#include "base/span.h"

#define ADVDB_VERSION 1

enum adv_severity { SEV_UNKNOWN, SEV_NEGLIGIBLE, SEV_LOW, SEV_MEDIUM, SEV_HIGH, SEV_CRITICAL };

/* What a rule says of the versions that it covers. */
enum adv_status {
	ADV_AFFECTED,
	ADV_FIXED,        /* never stored: a finding's */
	ADV_NOT_AFFECTED, /* the publisher says so for this package */
	ADV_UNDER_INVESTIGATION,
	ADV_WONT_FIX,    /* affected; no-dsa, postponed, ignored, "will not fix" */
	ADV_END_OF_LIFE, /* affected; no longer supported */
};

enum adv_event_kind { EV_INTRODUCED, EV_FIXED, EV_LAST_AFFECTED, EV_LIMIT };

struct adv_event {
	enum adv_event_kind kind;
	struct span version; /* "0" introduces from the beginning, whatever the order */
};

/* Where records came from. */
struct adv_source {
	struct span name;    /* "osv", "debian", "alpine", "kev", "epss", "starter" */
	struct span fetched; /* RFC 3339, or "" */
	uint64_t count;      /* records read */
	bool starter;        /* the small set from the tree: every output says so */
};

struct adv_cvss {
	struct span version, vector, source; /* "3.1" */
	double score;
};

/* An advisory. Fields that are not said are empty. */
struct adv_card {
	struct span id; /* as its publisher writes it: "CVE-2024-3094", "GHSA-...", "DSA-..." */
	struct span
	    canonical; /* the one CVE that it stands for, else id: what duplicates join on */
	struct span summary, url, published, modified, withdrawn; /* RFC 3339 */
	enum adv_severity severity;
	struct span severity_from; /* "debian", "ghsa", "cvss", ... */
	bool has_epss, has_kev;
	double epss, epss_percentile;
	struct span kev_added, kev_due;
	uint32_t n_aliases, n_cvss, n_symbols;
	uint32_t source;                 /* index of its source */
	uint32_t aliases, cvss, symbols; /* internal: where the lists are */
};

/* What an advisory says about one package. */
struct adv_rule {
	uint32_t card, source;
	enum adv_status status;
	enum adv_severity severity; /* this package's own, where its publisher gives one */
	struct span status_text;    /* "no-dsa: Minor issue" */
	struct span module;         /* rpm: "name:stream" that it holds for, or "" */
	uint32_t n_events;   /* OSV ranges one after the other, each begun by EV_INTRODUCED; 0: see
				n_versions */
	uint32_t n_versions; /* versions named one by one */
	uint32_t events, versions; /* internal: where the lists are */
};

struct advdb {
	struct span bytes;
	struct span built; /* RFC 3339 */
	uint32_t n_sources, n_keys, n_rules, n_cards;
	uint8_t sha256[32]; /* of the content: names this database in reports and caches */
	struct {
		uint64_t off, n;
	} at[8];  /* internal: sections */
	bool bad; /* a reference led outside: the file is damaged */
};

/* RMG_E_DB: not a database, or one of another version. */
MUST enum rmg_rc advdb_of(struct span bytes, struct advdb *out, struct rmg_err *err);

/* Whether the content is what its hash says. sha256 is sha256_of() of format/sha256.h, which this
 * folder does not know. */
typedef void advdb_hash_fn(struct span bytes, uint8_t out[32]);
MUST enum rmg_rc advdb_verify(const struct advdb *db, advdb_hash_fn *sha256, struct rmg_err *err);

/* Whether every reference leads somewhere and keys are in order; reads all of it. */
MUST enum rmg_rc advdb_check(const struct advdb *db, struct rmg_err *err);

/* The rules of a key: first index and count; count 0 where there is none. ecosystem is OSV's, with
 * its release after a colon: "Debian:12", "Alpine:v3.18", "PyPI". Names are normalised as match.h
 * says. */
struct adv_range {
	uint32_t first, n;
};
struct adv_range advdb_find(struct advdb *db, struct span ecosystem, struct span name);

/* Whether any key has this ecosystem: tells "no advisory" from "no feed". */
bool advdb_covers(struct advdb *db, struct span ecosystem);

MUST bool advdb_source(struct advdb *db, uint32_t i, struct adv_source *out);
MUST bool advdb_rule(struct advdb *db, uint32_t i, struct adv_rule *out);
MUST bool advdb_event(struct advdb *db, const struct adv_rule *r, uint32_t i,
		      struct adv_event *out);
MUST bool advdb_version(struct advdb *db, const struct adv_rule *r, uint32_t i, struct span *out);
MUST bool advdb_card(struct advdb *db, uint32_t i, struct adv_card *out);
MUST bool advdb_alias(struct advdb *db, const struct adv_card *c, uint32_t i, struct span *out);
MUST bool advdb_cvss(struct advdb *db, const struct adv_card *c, uint32_t i, struct adv_cvss *out);
MUST bool advdb_symbol(struct advdb *db, const struct adv_card *c, uint32_t i, struct span *out);

/* Keys in order of (ecosystem, name), for diffs and statistics. content is a hash of the key's
 * rules and their cards, equal in two databases exactly where nothing about the key changed but
 * EPSS, which moves every day and has the hash scores. */
struct adv_key {
	struct span ecosystem, name;
	struct adv_range rules;
	uint64_t content, scores;
};
MUST bool advdb_key(struct advdb *db, uint32_t i, struct adv_key *out);

/* Calls back for each key whose content or scores differ (one side NULL: it came or went), in
 * order; false stops. */
typedef bool advdb_diff_fn(void *user, const struct adv_key *was, const struct adv_key *is);
void advdb_diff(struct advdb *older, struct advdb *newer, advdb_diff_fn *fn, void *user);

#endif
