/* SPDX-License-Identifier: MIT */
/* Client memory, here or elsewhere; the system calls are in base/os.c and base/os_foreign.c. Locks: none. */
#include "base/foreign.h"

#include "base/os.h"

static bool is_here(const struct udxg_foreign *foreign)
{
    return foreign->mem_fd == -1;
}

bool udxg_foreign_is_valid(const struct udxg_foreign *foreign)
{
    return udxg_os_is_proc_file(foreign->mem_fd, "mem") && udxg_os_is_proc_file(foreign->maps_fd, "maps");
}

udxg_status udxg_foreign_dup(const struct udxg_foreign *foreign, struct udxg_foreign *ret)
{
    struct udxg_foreign copy = *foreign;
    udxg_status status;

    if (foreign->mem_fd < 0) {
        *ret = copy;
        return STATUS_SUCCESS;
    }
    copy = UDXG_FOREIGN_HERE;
    status = udxg_os_dup(foreign->mem_fd, &copy.mem_fd);
    if (!udxg_failed(status) && foreign->maps_fd != -1) status = udxg_os_dup(foreign->maps_fd, &copy.maps_fd);
    if (udxg_failed(status))
        udxg_foreign_close(&copy);
    else
        *ret = copy;
    return status;
}

void udxg_foreign_close(struct udxg_foreign *foreign)
{
    udxg_os_close(foreign->mem_fd);
    udxg_os_close(foreign->maps_fd);
    *foreign = UDXG_FOREIGN_HERE;
}

udxg_status udxg_foreign_read(const struct udxg_foreign *foreign, void *destination, const void *client,
                              size_t size_bytes, size_t *ret_copied)
{
    if (is_here(foreign)) return udxg_os_read_foreign(destination, client, size_bytes, ret_copied);
    return udxg_os_read_memory(foreign->mem_fd, destination, (uintptr_t)client, size_bytes, ret_copied);
}

udxg_status udxg_foreign_write(const struct udxg_foreign *foreign, void *client, const void *source, size_t size_bytes,
                               size_t *ret_copied)
{
    if (is_here(foreign)) return udxg_os_write_foreign(client, source, size_bytes, ret_copied);
    return udxg_os_write_memory(foreign->mem_fd, (uintptr_t)client, source, size_bytes, ret_copied);
}

udxg_status udxg_foreign_probe(const struct udxg_foreign *foreign, const void *client, uint64_t size_bytes, bool write)
{
    if (is_here(foreign)) return udxg_os_probe(client, size_bytes, write);
    return udxg_os_probe_memory(foreign->maps_fd, (uintptr_t)client, size_bytes, write);
}
