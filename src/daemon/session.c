/* SPDX-License-Identifier: MIT */
/*
 * Sessions: who is there, and the threads that serve them; what a session does is in daemon/service.c.
 *
 * A session is on one list: `live` until its thread has closed the socket, then `ended` until it is joined. A live
 * session's descriptor is open, because only its thread closes it, with the lock: so udxg_sessions_stop may shut it
 * down, which is what wakes the thread.
 */
#include "daemon/session.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/os.h"
#include "daemon/log.h"
#include "daemon/server.h"
#include "daemon/service.h"

/* What one user's processes may have at most; more would be refused for want of threads and descriptors anyway. */
#define SESSIONS_MAX 1024u

struct session {
    struct udxg_server *server; /* constant */
    struct udxg_peer peer;      /* constant */
    int fd;                     /* constant; open while the session is live */
    pthread_t thread;           /* set before the session is on a list */
    struct udxg_list link UDXG_GUARDED_BY(SESSIONS);
};

void udxg_sessions_init(struct udxg_sessions *sessions) UDXG_NO_TSA
{
    udxg_mutex_init_SESSIONS(&sessions->lock);
    udxg_list_init(&sessions->live);
    udxg_list_init(&sessions->ended);
    sessions->count = 0;
}

void udxg_sessions_fini(struct udxg_sessions *sessions)
{
    udxg_mutex_fini_SESSIONS(&sessions->lock);
}

static void *session_main(void *argument)
{
    struct session *session = argument;
    struct udxg_server *server = session->server;
    struct udxg_sessions *sessions = &server->sessions;
    const char *why = udxg_service_run(server->kernel, &server->spinners, session->fd, (uint32_t)session->peer.pid,
                                       session->peer.uid);

    udxg_log(UDXG_LOG_INFO, "session of pid %ld, uid %lu ended: %s", (long)session->peer.pid,
             (unsigned long)session->peer.uid, why);
    udxg_lock(SESSIONS, &sessions->lock);
    close(session->fd);
    udxg_list_remove(&session->link);
    udxg_list_append(&sessions->ended, &session->link);
    sessions->count--;
    udxg_unlock(SESSIONS, &sessions->lock);
    udxg_os_event_signal(server->wake_fd);
    return NULL;
}

static void join_ended(struct udxg_sessions *sessions)
{
    for (;;) {
        udxg_lock(SESSIONS, &sessions->lock);
        struct udxg_list *link = udxg_list_pop(&sessions->ended);
        udxg_unlock(SESSIONS, &sessions->lock);
        if (!link) return;
        struct session *session = udxg_container_of(link, struct session, link);
        pthread_join(session->thread, NULL);
        free(session);
    }
}

/* The thread starts behind the lock, so it finds its session on the list. */
static bool start_locked(struct udxg_sessions *sessions, struct session *session) UDXG_REQUIRES(SESSIONS)
{
    if (sessions->count >= SESSIONS_MAX) return false;
    if (!udxg_os_thread_create(&session->thread, "udxgd-session", session_main, session)) return false;
    udxg_list_append(&sessions->live, &session->link);
    sessions->count++;
    return true;
}

udxg_status udxg_session_start(struct udxg_server *server, int socket_fd, const struct udxg_peer *peer)
{
    struct udxg_sessions *sessions = &server->sessions;
    struct session *session = calloc(1, sizeof(*session));
    bool started = false;

    join_ended(sessions);
    if (session) {
        *session = (struct session){.server = server, .peer = *peer, .fd = socket_fd};
        udxg_log(UDXG_LOG_INFO, "session of pid %ld, uid %lu begins", (long)peer->pid, (unsigned long)peer->uid);
        udxg_lock(SESSIONS, &sessions->lock);
        started = start_locked(sessions, session);
        udxg_unlock(SESSIONS, &sessions->lock);
    }
    if (started) return STATUS_SUCCESS;
    free(session);
    close(socket_fd);
    udxg_log(UDXG_LOG_WARNING, "no session for pid %ld, uid %lu: no memory, no thread, or %u sessions already",
             (long)peer->pid, (unsigned long)peer->uid, SESSIONS_MAX);
    return STATUS_NO_MEMORY;
}

void udxg_sessions_stop(struct udxg_server *server)
{
    struct udxg_sessions *sessions = &server->sessions;

    while (udxg_sessions_count(server)) {
        udxg_lock(SESSIONS, &sessions->lock);
        udxg_list_for_each(link, &sessions->live)
            shutdown(udxg_container_of(link, struct session, link)->fd, SHUT_RDWR);
        udxg_unlock(SESSIONS, &sessions->lock);
        udxg_os_nap_ns(1000000);
    }
}

unsigned udxg_sessions_count(struct udxg_server *server)
{
    struct udxg_sessions *sessions = &server->sessions;

    join_ended(sessions);
    udxg_lock(SESSIONS, &sessions->lock);
    unsigned count = sessions->count;
    udxg_unlock(SESSIONS, &sessions->lock);
    return count;
}
