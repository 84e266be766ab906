/* SPDX-License-Identifier: MIT */
/* Names of NT handles: what is one, who finds it, in which case, and when it is gone. */
#include "opening.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static struct opening opening;
static struct creation creation;

struct name {
    USHORT units[512];
    UNICODE_STRING string;
    OBJECT_ATTRIBUTES attributes;
};

/* TEXT with the number of the case for each #: a case runs in the process of those before it. */
static int case_number;

static OBJECT_ATTRIBUTES *name_of(struct name *name, const char *text)
{
    memset(name, 0, sizeof(*name));
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++)
        name->units[i] = (USHORT)(text[i] == '#' ? 'A' + case_number : (unsigned char)text[i]);
    name->string.Length = (USHORT)(length * sizeof(USHORT));
    name->string.MaximumLength = name->string.Length;
    name->string.Buffer = name->units;
    name->attributes.Length = sizeof(name->attributes);
    name->attributes.ObjectName = &name->string;
    return &name->attributes;
}

static NTSTATUS share_as(OBJECT_ATTRIBUTES *attributes, HANDLE *ret_handle)
{
    return D3DKMTShareObjects(1, &creation.args.hResource, attributes, ACCESS_ALL, ret_handle);
}

static NTSTATUS open_as(OBJECT_ATTRIBUTES *attributes, UINT access, HANDLE *ret_handle)
{
    D3DKMT_OPENNTHANDLEFROMNAME args;
    memset(&args, 0, sizeof(args));
    args.dwDesiredAccess = access;
    args.pObjAttrib = attributes;
    args.hNtHandle = (HANDLE)(intptr_t)SENTINEL;
    NTSTATUS status = D3DKMTOpenNtHandleFromName(&args);
    if (status != STATUS_SUCCESS) check_true(args.hNtHandle == (HANDLE)(intptr_t)SENTINEL);
    *ret_handle = args.hNtHandle;
    return status;
}

static NTSTATUS open_sync_as(OBJECT_ATTRIBUTES *attributes, UINT access)
{
    D3DKMT_OPENSYNCOBJECTNTHANDLEFROMNAME args;
    memset(&args, 0, sizeof(args));
    args.dwDesiredAccess = access;
    args.pObjAttrib = attributes;
    return D3DKMTOpenSyncObjectNtHandleFromName(&args);
}

#define FOLDER "\\BaseNamedObjects\\"

static void finding(void)
{
    static struct name name, other;
    D3DKMT_HANDLE device = create_device(open_adapter());
    HANDLE first, found;
    create_shared(&creation, device, 1, SHARE_NT);
    udxg_case("by its name") {
        case_number++;
        require_success(share_as(name_of(&name, FOLDER "udxg#"), &first));
        check_status(STATUS_SUCCESS, open_as(&name.attributes, ACCESS_ALL, &found));
        check_true((intptr_t)found > 2 && found != first);
        open_prepare(&opening, OPEN_NT, device, 0, found);
        open_succeeds(&opening, &creation);
    }
    udxg_case("in another case") {
        case_number++;
        require_success(share_as(name_of(&name, FOLDER "Udxg# \xe9\xc0"), &first));
        check_status(STATUS_SUCCESS,
                     open_as(name_of(&other, "\\BASEnamedOBJECTS\\uDXG# \xc9\xe0"), ACCESS_READ, &found));
    }
    udxg_case("in a session's folder") {
        case_number++;
        require_success(share_as(name_of(&name, "\\Sessions\\1" FOLDER "udxg#"), &first));
        check_status(STATUS_SUCCESS, open_as(name_of(&other, "\\sessions\\1" FOLDER "UDXG#"), ACCESS_READ, &found));
        check_status(STATUS_OBJECT_NAME_NOT_FOUND,
                     open_as(name_of(&other, "\\Sessions\\2" FOLDER "udxg#"), ACCESS_READ, &found));
        check_status(STATUS_OBJECT_NAME_NOT_FOUND, open_as(name_of(&other, FOLDER "udxg#"), ACCESS_READ, &found));
    }
    udxg_case("not by a longer or a shorter one") {
        case_number++;
        require_success(share_as(name_of(&name, FOLDER "udxg#"), &first));
        check_status(STATUS_OBJECT_NAME_NOT_FOUND, open_as(name_of(&other, FOLDER "udx#"), ACCESS_ALL, &found));
        check_status(STATUS_OBJECT_NAME_NOT_FOUND, open_as(name_of(&other, FOLDER "udxg#g"), ACCESS_ALL, &found));
    }
    udxg_case("not without access, and unknown before denied") {
        case_number++;
        require_success(share_as(name_of(&name, FOLDER "udxg#"), &first));
        check_status(STATUS_ACCESS_DENIED, open_as(&name.attributes, 0, &found));
        check_status(STATUS_OBJECT_NAME_NOT_FOUND, open_as(name_of(&other, FOLDER "nobody"), 0, &found));
    }
    udxg_case("not as a sync object") {
        case_number++;
        require_success(share_as(name_of(&name, FOLDER "udxg#"), &first));
        check_status(STATUS_OBJECT_TYPE_MISMATCH, open_sync_as(&name.attributes, ACCESS_ALL));
        check_status(STATUS_OBJECT_NAME_NOT_FOUND, open_sync_as(name_of(&other, FOLDER "nobody"), 0));
        check_status(STATUS_INVALID_PARAMETER, open_sync_as(NULL, ACCESS_ALL));
    }
    udxg_case("who may read only, by name too") {
        case_number++;
        require_success(share_as(NULL, &first));
        require_success(D3DKMTShareObjects(1, &creation.args.hResource, NULL, ACCESS_READ, &first));
        open_prepare(&opening, OPEN_NT, device, 0, first);
        open_succeeds(&opening, &creation);
        HANDLE again;
        require_success(
            D3DKMTShareObjects(1, &opening.nt.hResource, name_of(&name, FOLDER "udxg#"), ACCESS_ALL, &again));
        check_status(STATUS_ACCESS_DENIED, open_as(&name.attributes, ACCESS_WRITE, &found));
        check_status(STATUS_SUCCESS, open_as(&name.attributes, ACCESS_WRITE | ACCESS_READ, &found));
        check_status(STATUS_SUCCESS, open_as(&name.attributes, ACCESS_ALL, &found));
    }
}

/* A fence that is opened for waits alone, and shared again under a name. */
static void weakened(void)
{
    static struct name name;
    D3DKMT_HANDLE device = create_device(open_adapter());
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create;
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 open;
    HANDLE strong = NULL, again = NULL;
    memset(&create, 0, sizeof(create));
    create.hDevice = device;
    create.Info.Type = D3DDDI_MONITORED_FENCE;
    create.Info.Flags.Shared = create.Info.Flags.NtSecuritySharing = 1;
    require_success(D3DKMTCreateSynchronizationObject2(&create));
    require_success(D3DKMTShareObjects(1, &create.hSyncObject, NULL, D3DDDI_SYNC_OBJECT_WAIT, &strong));
    memset(&open, 0, sizeof(open));
    open.hNtHandle = strong;
    open.hDevice = device;
    require_success(D3DKMTOpenSyncObjectFromNtHandle2(&open));
    require_success(D3DKMTShareObjects(1, &open.hSyncObject, name_of(&name, FOLDER "weak"), ACCESS_ALL, &again));
    udxg_case("all there is, of a name that has not all") {
        check_status(STATUS_SUCCESS, open_sync_as(&name.attributes, ACCESS_ALL));
    }
    udxg_case("what it has") {
        check_status(STATUS_SUCCESS, open_sync_as(&name.attributes, D3DDDI_SYNC_OBJECT_WAIT));
    }
    udxg_case("what it has not") {
        check_status(STATUS_ACCESS_DENIED, open_sync_as(&name.attributes, D3DDDI_SYNC_OBJECT_SIGNAL));
    }
}

static void living(void)
{
    static struct name name;
    D3DKMT_HANDLE device = create_device(open_adapter());
    HANDLE first, second, third;
    create_shared(&creation, device, 1, SHARE_NT);
    udxg_case("once") {
        case_number++;
        require_success(share_as(name_of(&name, FOLDER "udxg#"), &first));
        check_status(STATUS_OBJECT_NAME_COLLISION, share_as(&name.attributes, &second));
        check_true(second == NULL);
        check_status(STATUS_OBJECT_NAME_COLLISION, share_as(name_of(&name, FOLDER "UDXG#"), &second));
    }
    udxg_case("as long as one handle is open") {
        case_number++;
        require_success(share_as(name_of(&name, FOLDER "udxg#"), &first));
        require_success(open_as(&name.attributes, ACCESS_ALL, &second));
        close_handle(first);
        check_status(STATUS_SUCCESS, open_as(&name.attributes, ACCESS_ALL, &third));
        close_handle(second);
        close_handle(third);
        check_status(STATUS_OBJECT_NAME_NOT_FOUND, open_as(&name.attributes, ACCESS_ALL, &first));
    }
    udxg_case("a copy of the handle keeps it") {
        case_number++;
        require_success(share_as(name_of(&name, FOLDER "udxg#"), &first));
        int copy = dup((int)(intptr_t)first);
        close_handle(first);
        check_status(STATUS_SUCCESS, open_as(&name.attributes, ACCESS_ALL, &second));
        close(copy);
        close_handle(second);
        check_status(STATUS_OBJECT_NAME_NOT_FOUND, open_as(&name.attributes, ACCESS_ALL, &first));
    }
    udxg_case("gone though the object is not, and given again") {
        case_number++;
        for (int i = 0; i < 100; i++) {
            require_success(share_as(name_of(&name, FOLDER "udxg#"), &first));
            close_handle(first);
            require_status(STATUS_OBJECT_NAME_NOT_FOUND, open_as(&name.attributes, ACCESS_ALL, &second));
        }
        check_true(true);
    }
    udxg_case("the name alone keeps the object") {
        case_number++;
        create_shared(&creation, device, 1, SHARE_NT);
        require_success(share_as(name_of(&name, FOLDER "udxg#"), &first));
        require_success(destroy_resource(device, creation.args.hResource));
        check_status(STATUS_SUCCESS, open_as(&name.attributes, ACCESS_ALL, &second));
        close_handle(first);
        open_prepare(&opening, OPEN_NT, device, 0, second);
        open_succeeds(&opening, &creation);
    }
    udxg_case("many at once") {
        case_number++;
        static char text[64];
        create_shared(&creation, device, 1, SHARE_NT);
        for (int i = 0; i < 200; i++) {
            snprintf(text, sizeof(text), FOLDER "number %d", i);
            require_success(share_as(name_of(&name, text), &first));
        }
        for (int i = 0; i < 200; i += 7) {
            snprintf(text, sizeof(text), FOLDER "NUMBER %d", i);
            require_success(open_as(name_of(&name, text), ACCESS_READ, &first));
            close_handle(first);
        }
        check_true(true);
    }
}

static void spelling(void)
{
    static const struct {
        const char *what, *text;
        NTSTATUS want;
    } rows[] = {
        {"no folder", "udxg#", STATUS_OBJECT_NAME_INVALID},
        {"another folder", "\\Device\\udxg#", STATUS_OBJECT_NAME_INVALID},
        {"the folder", FOLDER, STATUS_OBJECT_NAME_INVALID},
        {"the folder without its end", "\\BaseNamedObjects", STATUS_OBJECT_NAME_INVALID},
        {"a folder in the folder", FOLDER "a\\b", STATUS_OBJECT_NAME_INVALID},
        {"a session without a number", "\\Sessions\\" FOLDER "a", STATUS_OBJECT_NAME_INVALID},
        {"one letter", FOLDER "a", STATUS_SUCCESS},
        {"a slash and a blank", FOLDER "a/b c", STATUS_SUCCESS},
    };
    static struct name name;
    D3DKMT_HANDLE device = create_device(open_adapter());
    HANDLE handle;
    create_shared(&creation, device, 1, SHARE_NT);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].what) {
            check_status(rows[i].want, share_as(name_of(&name, rows[i].text), &handle));
            check_status(rows[i].want, open_as(&name.attributes, ACCESS_ALL, &handle));
        }
    }
    udxg_case("half a letter") {
        case_number++;
        name_of(&name, FOLDER "udxg#")->ObjectName->Length--;
        check_status(STATUS_OBJECT_NAME_INVALID, share_as(&name.attributes, &handle));
    }
    udxg_case("too long") {
        case_number++;
        name_of(&name, FOLDER)->ObjectName->Length = 261 * 2;
        for (int i = 18; i < 261; i++) name.units[i] = 'x';
        check_status(STATUS_OBJECT_NAME_INVALID, share_as(&name.attributes, &handle));
        name.string.Length = 260 * 2;
        check_status(STATUS_SUCCESS, share_as(&name.attributes, &handle));
    }
    udxg_case("a buffer that is not there") {
        case_number++;
        name_of(&name, FOLDER "udxg#")->ObjectName->Buffer = NULL;
        check_status(STATUS_INVALID_PARAMETER, share_as(&name.attributes, &handle));
        name.string.Buffer = (USHORT *)8;
        check_status(STATUS_INVALID_PARAMETER, share_as(&name.attributes, &handle));
    }
    udxg_case("attributes of another size") {
        case_number++;
        name_of(&name, FOLDER "udxg#")->Length--;
        check_status(STATUS_INVALID_PARAMETER, share_as(&name.attributes, &handle));
        check_status(STATUS_INVALID_PARAMETER, open_as(&name.attributes, ACCESS_ALL, &handle));
    }
    udxg_case("attributes that mean nothing") {
        case_number++;
        name_of(&name, FOLDER "udxg#")->Attributes = 0x8000;
        check_status(STATUS_INVALID_PARAMETER, share_as(&name.attributes, &handle));
    }
    udxg_case("a folder to start from") {
        case_number++;
        name_of(&name, FOLDER "udxg#")->RootDirectory = fd_handle(create_event());
        check_status(STATUS_INVALID_HANDLE, share_as(&name.attributes, &handle));
    }
    udxg_case("attributes without a name") {
        case_number++;
        name_of(&name, FOLDER)->ObjectName = NULL;
        check_status(STATUS_SUCCESS, share_as(&name.attributes, &handle));
        check_status(STATUS_SUCCESS, share_as(&name.attributes, &handle));
        check_status(STATUS_INVALID_PARAMETER, open_as(&name.attributes, ACCESS_ALL, &handle));
    }
    udxg_case("an empty name is none") {
        case_number++;
        check_status(STATUS_SUCCESS, share_as(name_of(&name, ""), &handle));
        check_status(STATUS_SUCCESS, share_as(&name.attributes, &handle));
        name.string.Buffer = NULL;
        check_status(STATUS_SUCCESS, share_as(&name.attributes, &handle));
        check_status(STATUS_INVALID_PARAMETER, open_as(&name.attributes, ACCESS_ALL, &handle));
    }
    udxg_case("no attributes") {
        case_number++;
        check_status(STATUS_SUCCESS, share_as(NULL, &handle));
        check_status(STATUS_INVALID_PARAMETER, open_as(NULL, ACCESS_ALL, &handle));
    }
    udxg_case("a handle that programs inherit") {
        case_number++;
        name_of(&name, FOLDER "udxg#")->Attributes = OBJ_INHERIT;
        require_success(share_as(&name.attributes, &handle));
        check_u64(0, (unsigned)fcntl((int)(intptr_t)handle, F_GETFD));
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"finding", ON_DISCRETE, finding},
        {"weakened", ON_DISCRETE, weakened},
        {"living", ON_DISCRETE, living},
        {"spelling", ON_DISCRETE, spelling},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
