// SPDX-License-Identifier: BSD-2-Clause
// Error numbers of the Xen ABI (Linux's numbers, Xen public header xen/errno.h), returned negated.
#ifndef LIB_ERRNO_H
#define LIB_ERRNO_H

#define E_PERM 1
#define E_NOENT 2
#define E_SRCH 3
#define E_IO 5
#define E_NXIO 6
#define E_2BIG 7
#define E_AGAIN 11
#define E_NOMEM 12
#define E_ACCES 13
#define E_FAULT 14
#define E_BUSY 16
#define E_EXIST 17
#define E_XDEV 18
#define E_NODEV 19
#define E_INVAL 22
#define E_NOSPC 28
#define E_ROFS 30
#define E_RANGE 34
#define E_NOSYS 38
#define E_NODATA 61
#define E_NOBUFS 105
#define E_OPNOTSUPP 95
#define E_RESTART 85 // internal: the leg is done, the call is to be made again; no caller sees it

#endif
