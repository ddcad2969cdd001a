// SPDX-License-Identifier: BSD-2-Clause
// links:
// The ABI's layouts (layout.h: that this compiles is the test), and the numbers of hypercalls and
// errors, against Xen's public headers.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/errno.h"
#include "tests/abi/layout.h"

#define XEN_ERRNO(name, value) XEN_##name = (value),
enum xen_errno {
#include <xen/errno.h>
};

static void test_errors_are_xens(void **state)
{
    (void)state;
    assert_int_equal(E_PERM, XEN_EPERM);
    assert_int_equal(E_NOENT, XEN_ENOENT);
    assert_int_equal(E_SRCH, XEN_ESRCH);
    assert_int_equal(E_IO, XEN_EIO);
    assert_int_equal(E_NXIO, XEN_ENXIO);
    assert_int_equal(E_2BIG, XEN_E2BIG);
    assert_int_equal(E_AGAIN, XEN_EAGAIN);
    assert_int_equal(E_NOMEM, XEN_ENOMEM);
    assert_int_equal(E_ACCES, XEN_EACCES);
    assert_int_equal(E_FAULT, XEN_EFAULT);
    assert_int_equal(E_BUSY, XEN_EBUSY);
    assert_int_equal(E_EXIST, XEN_EEXIST);
    assert_int_equal(E_XDEV, XEN_EXDEV);
    assert_int_equal(E_NODEV, XEN_ENODEV);
    assert_int_equal(E_INVAL, XEN_EINVAL);
    assert_int_equal(E_NOSPC, XEN_ENOSPC);
    assert_int_equal(E_ROFS, XEN_EROFS);
    assert_int_equal(E_NOSYS, XEN_ENOSYS);
    assert_int_equal(E_NODATA, XEN_ENODATA);
    assert_int_equal(E_NOBUFS, XEN_ENOBUFS);
    assert_int_equal(E_OPNOTSUPP, XEN_EOPNOTSUPP);
}

static void test_hypercall_numbers(void **state)
{
    (void)state;
    assert_int_equal(__HYPERVISOR_platform_op, 7);
    assert_int_equal(__HYPERVISOR_memory_op, 12);
    assert_int_equal(__HYPERVISOR_multicall, 13);
    assert_int_equal(__HYPERVISOR_xen_version, 17);
    assert_int_equal(__HYPERVISOR_console_io, 18);
    assert_int_equal(__HYPERVISOR_grant_table_op, 20);
    assert_int_equal(__HYPERVISOR_vm_assist, 21);
    assert_int_equal(__HYPERVISOR_vcpu_op, 24);
    assert_int_equal(__HYPERVISOR_sched_op, 29);
    assert_int_equal(__HYPERVISOR_event_channel_op, 32);
    assert_int_equal(__HYPERVISOR_physdev_op, 33);
    assert_int_equal(__HYPERVISOR_hvm_op, 34);
    assert_int_equal(__HYPERVISOR_sysctl, 35);
    assert_int_equal(__HYPERVISOR_domctl, 36);
    assert_int_equal(__HYPERVISOR_hypfs_op, 42);
    assert_int_equal(XEN_DOMCTL_INTERFACE_VERSION, 0x15);
    assert_int_equal(XEN_SYSCTL_INTERFACE_VERSION, 0x15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_are_xens),
        cmocka_unit_test(test_hypercall_numbers),
    };

    return cmocka_run_group_tests_name("abi", tests, NULL, NULL);
}
