/* SPDX-License-Identifier: MIT */
/*
 * Who may connect is decided three times: by the folder, which is 0700, by the socket, which is 0600, and by the
 * system's word on who connected (SO_PEERCRED); the last holds for sockets of a service manager too.
 *
 * Whether a socket's daemon lives is asked by connecting to it. Between that question and our bind() another udxgd
 * could ask the same: so it is done under a lock of the folder, which a start-up holds for a few system calls.
 *
 * The socket is removed by its name in the folder that was opened at the start, and only while the name still leads
 * to it. So what is done at the end needs no right but that one.
 */
#include "daemon/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/os.h"
#include "daemon/log.h"

#define BACKLOG 128
#define FIRST_GIVEN_FD 3 /* SD_LISTEN_FDS_START */
#define LOCK_TRIES 200u  /* of 10 ms */

bool udxg_listener_default_path(char path[static PATH_MAX])
{
    const char *folder = getenv("XDG_RUNTIME_DIR");
    return folder && *folder == '/' && snprintf(path, PATH_MAX, "%s/udxg/udxgd.sock", folder) < PATH_MAX;
}

bool udxg_peer_allowed(const struct udxg_peer *peer, uid_t owner, bool other_users)
{
    return peer->uid == owner || other_users;
}

/* ---- the folder ---- */

/* The folder's name becomes absolute, since our path is handed to others. */
static enum udxg_listen_result open_folder(struct udxg_listener *listener, const char *folder)
{
    struct stat status;
    mode_t forbidden = listener->other_users ? S_IWGRP | S_IWOTH : S_IRWXG | S_IRWXO;
    bool made = !mkdir(folder, listener->other_users ? 0755 : 0700);

    if (!made && errno != EEXIST) {
        udxg_log(UDXG_LOG_ERROR, "cannot make the folder %s: %s", folder, strerror(errno));
        return UDXG_LISTEN_FAILED;
    }
    listener->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (listener->folder_fd < 0 || fstat(listener->folder_fd, &status) || !realpath(folder, listener->folder)) {
        udxg_log(UDXG_LOG_ERROR, "cannot open the folder %s: %s", folder, strerror(errno));
        return UDXG_LISTEN_FAILED;
    }
    if (made) listener->parent_fd = openat(listener->folder_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (status.st_uid == geteuid() && !(status.st_mode & forbidden)) return UDXG_LISTEN_OK;
    udxg_log(UDXG_LOG_ERROR,
             "the folder %s is not ours alone (uid %lu, mode %04o): make it yours with chmod %s, or name "
             "a folder that is not there yet",
             folder, (unsigned long)status.st_uid, status.st_mode & 07777u, listener->other_users ? "go-w" : "go-rwx");
    return UDXG_LISTEN_DENIED;
}

static bool lock_folder(struct udxg_listener *listener)
{
    for (unsigned i = 0; i < LOCK_TRIES; i++) {
        if (!flock(listener->folder_fd, LOCK_EX | LOCK_NB)) return true;
        if (errno != EWOULDBLOCK) break;
        udxg_os_nap_ns(10000000);
    }
    udxg_log(UDXG_LOG_ERROR, "cannot lock the folder %s: %s", listener->folder, strerror(errno));
    return false;
}

/* ---- the socket ---- */

static bool fill_address(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) < sizeof(address->sun_path)) {
        strcpy(address->sun_path, path);
        return true;
    }
    udxg_log(UDXG_LOG_ERROR, "the path of the socket is longer than %zu bytes: %s", sizeof(address->sun_path) - 1,
             path);
    return false;
}

/* Takes away what a dead daemon has left, and nothing else. False when the place is not free then. */
static bool clear_place(const struct udxg_listener *listener, const char *name, const struct sockaddr_un *address)
{
    struct stat status;
    bool there = !fstatat(listener->folder_fd, name, &status, AT_SYMLINK_NOFOLLOW);
    UDXG_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) udxg_log(UDXG_LOG_ERROR, "cannot make a socket: %s", strerror(errno));
    if (!there || fd < 0) return fd >= 0; /* what else is wrong with the place, bind() will say */
    if (!S_ISSOCK(status.st_mode)) {
        udxg_log(UDXG_LOG_ERROR, "%s is there and is no socket", listener->path);
        return false;
    }
    if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)) || errno != ECONNREFUSED) {
        udxg_log(UDXG_LOG_ERROR, "%s is in use: a daemon listens there", listener->path);
        return false;
    }
    udxg_log(UDXG_LOG_INFO, "replacing %s, whose daemon is gone", listener->path);
    return !unlinkat(listener->folder_fd, name, 0) || errno == ENOENT;
}

static bool bind_and_listen(struct udxg_listener *listener, const char *name, const struct sockaddr_un *address)
{
    struct stat status;

    listener->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t old = umask(listener->other_users ? 0111 : 0177);
    bool bound = listener->fd >= 0 && !bind(listener->fd, (const struct sockaddr *)address, sizeof(*address));
    umask(old);
    if (bound && !listen(listener->fd, BACKLOG) && !fstatat(listener->folder_fd, name, &status, AT_SYMLINK_NOFOLLOW)) {
        listener->device = status.st_dev;
        listener->inode = status.st_ino;
        return true;
    }
    udxg_log(UDXG_LOG_ERROR, "cannot listen at %s: %s", listener->path, strerror(errno));
    if (bound) unlinkat(listener->folder_fd, name, 0);
    return false;
}

/* False when it is too long, which is said by who looks at the path. */
static bool join(char path[static PATH_MAX], const char *folder, const char *name)
{
    const char *slash = strcmp(folder, "/") == 0 ? "" : "/";
    return snprintf(path, PATH_MAX, "%s%s%s", folder, slash, name) < PATH_MAX;
}

static bool listen_in_folder(struct udxg_listener *listener, const char *name)
{
    struct sockaddr_un address;

    if (!join(listener->path, listener->folder, name) || !fill_address(listener->path, &address) ||
        !lock_folder(listener))
        return false;
    bool listening = clear_place(listener, name, &address) && bind_and_listen(listener, name, &address);
    flock(listener->folder_fd, LOCK_UN);
    return listening;
}

enum udxg_listen_result udxg_listener_open(struct udxg_listener *listener, const char *path, bool other_users)
{
    char folder[PATH_MAX], name[PATH_MAX];

    *listener = (struct udxg_listener){.fd = -1, .folder_fd = -1, .parent_fd = -1, .other_users = other_users};
    if (!*path || strlen(path) >= PATH_MAX || path[strlen(path) - 1] == '/') {
        udxg_log(UDXG_LOG_ERROR, "'%s' is no name for a socket", path);
        return UDXG_LISTEN_FAILED;
    }
    strcpy(folder, path);
    strcpy(name, path);
    enum udxg_listen_result result = open_folder(listener, dirname(folder));
    if (result == UDXG_LISTEN_OK && !listen_in_folder(listener, basename(name))) result = UDXG_LISTEN_FAILED;
    if (result != UDXG_LISTEN_OK) udxg_listener_close(listener);
    return result;
}

/* ---- a socket that is given ---- */

static bool number_in(const char *name, long *ret_value)
{
    const char *text = getenv(name);
    char *end;
    if (!text || !*text) return false;
    errno = 0;
    *ret_value = strtol(text, &end, 10);
    return !errno && !*end;
}

static bool listens_for_packets(int fd)
{
    int domain = 0, type = 0, listening = 0;
    socklen_t size = sizeof(int);
    return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) && domain == AF_UNIX &&
           !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) && type == SOCK_SEQPACKET &&
           !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) && listening;
}

enum udxg_listen_result udxg_listener_adopt(struct udxg_listener *listener, bool other_users, bool *ret_given)
{
    long pid = 0, count = 0;
    struct sockaddr_un address = {0};
    socklen_t size = sizeof(address);

    *listener = (struct udxg_listener){.fd = -1, .folder_fd = -1, .parent_fd = -1, .other_users = other_users};
    *ret_given = number_in("LISTEN_PID", &pid) && pid == getpid() && number_in("LISTEN_FDS", &count) && count != 0;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (!*ret_given) return UDXG_LISTEN_OK;
    if (count != 1 || !listens_for_packets(FIRST_GIVEN_FD)) {
        udxg_log(UDXG_LOG_ERROR, "LISTEN_FDS is %ld: it has to be 1, a SOCK_SEQPACKET unix socket that listens", count);
        return UDXG_LISTEN_FAILED;
    }
    listener->fd = FIRST_GIVEN_FD;
    fcntl(listener->fd, F_SETFD, FD_CLOEXEC);
    fcntl(listener->fd, F_SETFL, O_NONBLOCK);
    if (!getsockname(listener->fd, (struct sockaddr *)&address, &size) && address.sun_path[0])
        snprintf(listener->path, PATH_MAX, "%.*s", (int)sizeof(address.sun_path), address.sun_path);
    return UDXG_LISTEN_OK;
}

/* ---- the end ---- */

void udxg_listener_close(struct udxg_listener *listener)
{
    struct stat status;

    if (listener->inode) {
        const char *name = strrchr(listener->path, '/') + 1;
        bool there = !fstatat(listener->folder_fd, name, &status, AT_SYMLINK_NOFOLLOW);
        if (there && status.st_dev == listener->device && status.st_ino == listener->inode)
            unlinkat(listener->folder_fd, name, 0);
        listener->inode = 0;
    }
    udxg_os_close(listener->fd);
    if (listener->parent_fd >= 0) /* not when others have something there */
        unlinkat(listener->parent_fd, strrchr(listener->folder, '/') + 1, AT_REMOVEDIR);
    udxg_os_close(listener->folder_fd);
    udxg_os_close(listener->parent_fd);
    listener->fd = listener->folder_fd = listener->parent_fd = -1;
}

/* ---- clients ---- */

static bool identify(int fd, struct udxg_peer *ret_peer)
{
    struct ucred credentials;
    socklen_t size = sizeof(credentials);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size)) return false;
    *ret_peer = (struct udxg_peer){.pid = credentials.pid, .uid = credentials.uid};
    return true;
}

int udxg_listener_accept(struct udxg_listener *listener, struct udxg_peer *ret_peer)
{
    for (;;) {
        UDXG_AUTO_CLOSE int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
        struct udxg_peer peer;

        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
        if (fd < 0 && errno != EAGAIN) {
            /* No descriptor, no memory: it comes back when a session ends. Whoever connects waits in the queue. */
            udxg_log(UDXG_LOG_DEBUG, "cannot accept: %s", strerror(errno));
            udxg_os_nap_ns(10000000);
        }
        if (fd < 0) return -1;
        if (!identify(fd, &peer)) continue;
        if (udxg_peer_allowed(&peer, geteuid(), listener->other_users)) {
            *ret_peer = peer;
            return udxg_steal_fd(&fd);
        }
        udxg_log(UDXG_LOG_WARNING, "refused pid %ld of uid %lu: only uid %lu is served", (long)peer.pid,
                 (unsigned long)peer.uid, (unsigned long)geteuid());
    }
}
