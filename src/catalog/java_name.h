/* SPDX-License-Identifier: Apache-2.0 */
/* java_name.h - which artifact a Java archive is, where no pom.properties says so: from its
 * manifest (JAR File Specification), its file name and what else its directory shows.
 *
 * All spans are borrowed or lie in the arena that was given. Nothing here fails: what is not known
 * is empty. Everything is linear in its input. */
#ifndef CATALOG_JAVA_NAME_H
#define CATALOG_JAVA_NAME_H

#include "base/arena.h"
#include "base/span.h"

/* What the manifest's main section says, of what we use. */
struct manifest {
	struct span implementation_title, implementation_version, implementation_vendor_id;
	struct span implementation_vendor, specification_version;
	struct span bundle_version, bundle_license, plugin_version;
	struct span symbolic_name; /* without its parameters */
	struct span module;        /* Automatic-Module-Name */
	struct span weaves;        /* Weave-Classes: an agent's, describing another library */
};

void manifest_read(struct span bytes, struct arena *a, struct manifest *out);

/* Group, artifact and version. */
struct gav {
	struct span group, artifact, version;
};

/* The lines of a pom.properties. False without an artifact. */
bool gav_read(struct span bytes, struct gav *out);

/* "zstd-jni-1.4.9-1.jar" is zstd-jni, 1.4.9-1. Where several hyphens stand before digits, the one
 * that leaves the manifest's version, else the first. Without such a hyphen all is the artifact. */
struct gav gav_of_file(struct span name, const struct manifest *m);

/* A pom.properties may be the archive's own although the file has another name: one version, and
 * one name begins or ends as the other does ("acme-core" in "acme-core-all-1.0.jar"). */
bool gav_is_alike(const struct gav *pom, const struct gav *file);

/* The group of an archive that says none. packages is the folder that all its classes are in. */
struct span java_group(struct span artifact, const struct manifest *m, struct span packages,
		       struct arena *a);

/* The group of a well-known artifact, "" if it is not one. */
struct span java_known_group(struct span artifact);

#endif
