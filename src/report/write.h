/* SPDX-License-Identifier: Apache-2.0 */
/* write.h - what the writers share: names, counts and formats of single values. */
#ifndef REPORT_WRITE_H
#define REPORT_WRITE_H

#include "format/jsonw.h"
#include "report/report.h"

#define SEVERITIES (SEV_CRITICAL + 1)

/* X(writer) -> void report_write_<writer>() */
#define X(writer, name, verdict)                                                                   \
	void report_write_##writer(const struct report_input *in, struct strbuf *out);
#include "report/report.def"
#undef X

struct report_counts {
	size_t severity[SEVERITIES];                      /* of findings that are not suppressed */
	size_t findings, fixable, suppressed, components; /* components that have any */
	size_t unowned_executables;
};

void report_count(const struct report_input *in, struct report_counts *out);

/* As the package's own tool writes it: "@scope/name", "group:artifact", "github.com/x/y". */
void report_name(struct strbuf *out, const struct pkg *p);

/* The package that the distribution built it of. False for packages that are not a distribution's.
 */
bool report_source(const struct component *c, struct span *name, struct span *version);

const char *report_exec_format(enum exec_format f); /* "elf", "script", ... */
const char *report_note_level(enum note_level l);   /* "lost", "warn", "info" */

/* Was it read without a sandbox? Which level, and whether the cache knew all, is not a bill's
 * matter. */
bool report_is_unprotected(const struct inventory *inv);

/* A verdict of the starter set only? */
bool report_is_starter(const struct verdict *v);

/* The next part of a licence line, whose parts are joined by " AND " at its top level. */
bool report_license_next(struct span *rest, struct span *part);

/* A date or a time of a feed as RFC 3339 time; false where it is neither. */
bool report_time(struct span s, char out[32]);

/* A path or any text as the path of a URI (RFC 3986): '/' stays, what is not unreserved is encoded.
 */
void report_uri_path(struct strbuf *out, struct span path);
bool report_is_url(struct span s); /* http(s), and only characters of URIs */

/* 32 hexadecimal digits that depend on all bytes; not cryptographic. */
void report_fingerprint(const struct span *parts, size_t n, char out[33]);

#endif
