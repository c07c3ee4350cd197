/* SPDX-License-Identifier: Apache-2.0 */
#include "io/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Of the socket, or of the innermost folder above it that can be looked at from here. */
static uid_t owner_of(const char *socket)
{
	char path[sizeof(struct sockaddr_un)];
	struct stat st;
	char *slash;

	if (strlen(socket) >= sizeof path)
		return 0;
	memcpy(path, socket, strlen(socket) + 1);
	while (stat(path, &st) != 0) {
		slash = strrchr(path, '/');
		if (errno != EACCES || slash == NULL || slash == path)
			return 0;
		*slash = '\0';
	}
	return st.st_uid;
}

bool socket_as_owner(const char *path)
{
	uid_t owner = geteuid() == 0 ? owner_of(path) : 0;

	if (owner)
		(void)setfsuid(owner);
	return owner != 0;
}

void socket_as_ourselves(void)
{
	(void)setfsuid(geteuid());
}

static int connect_as_owner(int fd, const struct sockaddr_un *at, const char *path)
{
	bool other = socket_as_owner(path);
	int rc = connect(fd, (const struct sockaddr *)at, sizeof *at), why = errno;

	if (other)
		socket_as_ourselves();
	errno = why;
	return rc;
}

int socket_connect(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t n = strlen(path);
	int fd, why;

	if (n >= sizeof at.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(at.sun_path, path, n);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect_as_owner(fd, &at, path) == 0)
		return fd;
	why = errno;
	close(fd);
	errno = why;
	return -1;
}

bool socket_answers(const char *path)
{
	int fd = socket_connect(path);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}
