/* SPDX-License-Identifier: Apache-2.0 */
/* partial.h - of a layer in a registry only the parts that somebody wants, by its table of
 * contents.
 *
 * The table is fetched by range, decompressed by the worker and checked against the manifest's
 * annotation; of the contents, the chunks of wanted files are fetched, decompressed by the worker
 * and checked against the digests of the table. What goes to the sink is a tar of our own; other
 * files are holes in it. The digest of the layer itself stays unverified, which a note says.
 *
 * Without contents at hand an executable is what has an executable's mode, or a name of one (.so,
 * .exe, .sh, .pm, ...). Others, scripts in .py and .js files above all, are not seen, which the
 * same note says. */
#ifndef LIB_PARTIAL_H
#define LIB_PARTIAL_H

#include "lib/client.h"
#include "oci/toc.h"

/* RMG_E_UNSUPPORTED, and nothing sent: this layer has to be read whole. */
MUST enum rmg_rc partial_read(struct source *s, struct client *client, size_t layer,
			      source_sink *sink, void *user, struct rmg_err *err);

#endif
