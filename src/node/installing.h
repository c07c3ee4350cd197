/* SPDX-License-Identifier: Apache-2.0 */
/* installing.h - whether a package manager is at work in a container: it holds the lock of its
 * database (fcntl(2)) then, and files of packages are there that the database does not list yet. */
#ifndef NODE_INSTALLING_H
#define NODE_INSTALLING_H

#include <stdbool.h>

/* pid: a process of the container. False as well where that cannot be told. */
bool installing_in(unsigned pid);

/* The same of a root file system that is open. */
bool installing_below(int root);

#endif
