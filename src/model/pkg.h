/* SPDX-License-Identifier: Apache-2.0 */
/* pkg.h - one installed package, as a cataloger reports it. All spans are borrowed.
 *
 * An empty span means "not said". Nothing here is decoded or trusted beyond UTF-8: facts_*()
 * replaces what is not clean text (utf8.h) and cuts at LIMIT_TEXT_BYTES with a note. */
#ifndef MODEL_PKG_H
#define MODEL_PKG_H

#include "base/span.h"

struct pkg {
	struct span type; /* purl type: "deb", "npm", "golang", ... */
	/* purl namespace, undecoded: "@scope", "org.apache.commons", "github.com/x".
	 * Operating-system packages leave it empty: the distribution's ID goes there. */
	struct span ns;
	struct span name;
	/* as its own tool prints it; rpm: [epoch:]version-release, deb and apk: whole */
	struct span version;
	struct span arch;        /* as its own tool prints it */
	struct span src_name;    /* source package; empty: name */
	struct span src_version; /* version of the source package; empty: version */
	/* one line: an SPDX expression where known, else as found, parts joined by " AND " */
	struct span license;
	struct span vendor; /* deb Maintainer, rpm Vendor */
	struct span module; /* rpm modularity label, "name:stream:version:context" */
	struct span cpe;
	/* folder whose whole content belongs to this package: "opt/app/node_modules/x" */
	struct span claims;
	/* other facts for purl qualifiers, "key=value&key=value", sorted, encoded */
	struct span build;
};

#endif
