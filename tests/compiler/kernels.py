# SPDX-License-Identifier: Apache-2.0
"""Small kernels of every form, made byte by byte: enough for hvcc to read, place and load them."""
import lzma
import struct


def elf(segments, entry, note=None, bits=64):
    """segments: (address, bytes, memory size). note: the 32-bit PVH entry."""
    size, each = (64, 56) if bits == 64 else (52, 32)
    count = len(segments) + (note is not None)
    notes = struct.pack("<III4sI", 4, 4, 18, b"Xen\0", note) if note is not None else b""
    at = 4096
    headers, body = b"", b""
    for address, data, memory in segments:
        if bits == 64:
            headers += struct.pack("<IIQQQQQQ", 1, 7, at + len(body), address, address, len(data), memory, 4096)
        else:
            headers += struct.pack("<IIIIIIII", 1, at + len(body), address, address, len(data), memory, 7, 4096)
        body += data + bytes(-len(data) % 16)
    where = size + count * each
    if note is not None:
        headers += struct.pack("<IIQQQQQQ", 4, 4, where, 0, 0, len(notes), 0, 4)
    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, 1, 1]) + bytes(9)
    form = "<HHIQQQIHHHHHH" if bits == 64 else "<HHIIIIIHHHHHH"
    head = ident + struct.pack(form, 2, 62 if bits == 64 else 3, 1, entry, size, 0, 0, size, each, count, 0, 0, 0)
    return (head + headers + notes).ljust(at, b"\0") + body + b"symbols and what else nobody loads"


def with_symbols(file, symbols, build_id=None):
    """A 64-bit ELF file with a .symtab, and a build id; symbols: {name: (address, size)}."""
    names = b"\0.symtab\0.strtab\0.shstrtab\0.notes\0"
    table, strings = bytes(24), b"\0"
    for name, (address, size) in symbols.items():
        table += struct.pack("<IBBHQQ", len(strings), 17, 0, 1, address, size)
        strings += name.encode() + b"\0"
    notes = struct.pack("<III4s", 4, len(build_id), 3, b"GNU\0") + build_id if build_id else b""
    sections = [(1, 2, table, 2, 24), (9, 3, strings, 0, 0), (17, 3, names, 0, 0), (27, 7, notes, 0, 0)]
    at = -len(file) % 8 + len(file)
    headers, body = bytes(64), b""
    for name, kind, data, link, each in sections:
        headers += struct.pack("<IIQQQQIIQQ", name, kind, 0, 0, at + 320 + len(body), len(data), link, 1, 1, each)
        body += data
    out = bytearray(file.ljust(at, b"\0") + headers + body)
    struct.pack_into("<Q", out, 40, at)
    struct.pack_into("<HHH", out, 58, 64, 5, 3)
    return bytes(out)


def multiboot1(flags=0, *addresses):
    return struct.pack("<III", 0x1badb002, flags, -(0x1badb002 + flags) & 0xffffffff) + struct.pack(
        f"<{len(addresses)}I", *addresses)


def multiboot2(tags=b""):
    tags += struct.pack("<HHI", 0, 0, 8)
    length = 16 + len(tags)
    return struct.pack("<IIII", 0xe85250d6, 0, length, -(0xe85250d6 + length) & 0xffffffff) + tags


def bzimage(vmlinux=None, size=70000):
    """A header of protocol 2.15, code that is a pattern, and inside it a vmlinux, packed."""
    inside = lzma.compress(vmlinux, lzma.FORMAT_XZ, lzma.CHECK_CRC32) + struct.pack("<I", len(vmlinux)) if vmlinux else b""
    code = bytearray((i * 7) & 0xff for i in range(size))
    code[0x400:0x400 + len(inside)] = inside
    code += bytes(-len(code) % 16)
    setup = bytearray(3 * 512)
    struct.pack_into("<B", setup, 0x1f1, 2)
    struct.pack_into("<I", setup, 0x1f4, len(code) // 16)
    struct.pack_into("<H", setup, 0x1fe, 0xaa55)
    setup[0x200:0x202] = b"\xeb\x6a"
    setup[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", setup, 0x206, 0x20f)
    struct.pack_into("<H", setup, 0x20e, 0x100)
    setup[0x300:0x306] = b"6.1.0\0"
    struct.pack_into("<B", setup, 0x211, 1)
    struct.pack_into("<I", setup, 0x214, 0x100000)
    struct.pack_into("<I", setup, 0x22c, 0x7fffffff)
    struct.pack_into("<I", setup, 0x230, 0x200000)
    struct.pack_into("<BBH", setup, 0x234, 1, 21, 3)
    struct.pack_into("<I", setup, 0x238, 2047)
    struct.pack_into("<II", setup, 0x248, 0x400 if inside else 0, len(inside))
    struct.pack_into("<Q", setup, 0x258, 0x1000000)
    struct.pack_into("<I", setup, 0x260, 0x200000)
    return bytes(setup + code)
