/* SPDX-License-Identifier: Apache-2.0 */
/* file_owners.h - which component each file of an image belongs to, and whether opening the file is
 * using the component. A part of merging (merge.h), for who watches what of an image is used.
 *
 * A file counts where it is what the component runs or works with. These do not: documentation
 * (usr/share/doc, man, info, licenses, lintian, bug), and what tells of a package without being it
 * (NAME.dist-info, NAME.egg-info, package.json), which other programs read of all packages at once.
 * A file that says what is in it (a jar, a Go program) is everything that is in it.
 * A symbolic link in a folder of programs (bin, sbin) makes the file that it leads to its owner's
 * too: who takes that package away takes the name of the program away. Links elsewhere do not: what
 * is only built with (libx.so) is not used when what it leads to is. */
#ifndef MODEL_FILE_OWNERS_H
#define MODEL_FILE_OWNERS_H

#include "model/inventory.h"
#include "model/tree.h"

struct file_owners {
	const struct tree *tree;
	const struct facts *const *facts;
	size_t n;
	/* By path: the part that owns it; parts that list it, that it says; by folder: parts. */
	const struct map *packages, *listed, *evidence, *claimers;
	const uint32_t *moved; /* part to component */
};

/* *out: malloc'ed, by path. False: no memory. */
MUST bool file_owners_make(const struct file_owners *x, struct owned_file **out, size_t *n);

#endif
