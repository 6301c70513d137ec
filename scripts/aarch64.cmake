# Toolchain: Debian's cross compiler for aarch64, the libraries in BP_SYSROOT, programs run by QEMU.
#
# SPDX-License-Identifier: Apache-2.0
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)

list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES BP_SYSROOT)
set(CMAKE_SYSROOT ${BP_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${BP_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${BP_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${BP_SYSROOT}/usr/share/pkgconfig)

set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L ${BP_SYSROOT})
