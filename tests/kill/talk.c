/* SPDX-License-Identifier: MIT */
/* See talk.h. */
#include "talk.h"

#include <string.h>
#include <unistd.h>

#include "base/socket.h"

bool talk_say(int fd, struct talk *talk)
{
    udxg_status status = udxg_socket_send(fd, talk, sizeof *talk, talk->fds, talk->count, true);

    for (uint32_t i = 0; i < talk->count; i++) close(talk->fds[i]);
    talk->count = 0;
    return !udxg_failed(status);
}

bool talk_hear(int fd, struct talk *ret_talk)
{
    struct udxg_packet packet;

    if (udxg_failed(udxg_socket_receive(fd, ret_talk, sizeof *ret_talk, TALK_PATIENCE_MS, &packet))) return false;
    if (packet.size_bytes != sizeof *ret_talk || packet.count != ret_talk->count || packet.count > TALK_MOST) {
        udxg_packet_close(&packet);
        return false;
    }
    memcpy(ret_talk->fds, packet.descriptors, packet.count * sizeof(int));
    return true;
}

bool talk_ask(int fd, struct talk *talk, enum talk_kind answer)
{
    return talk_say(fd, talk) && talk_hear(fd, talk) && talk->kind == (uint32_t)answer;
}
