# SPDX-License-Identifier: Apache-2.0
"""A blob as a test takes it apart: sections, fields written by hand, and the hash made good again."""
import hashlib
import struct

SECTIONS = ["strings", "positions", "system", "guests", "vcpus", "starts", "regions", "loads", "payloads",
            "devices", "pci", "policies", "cpuid", "cpuid-index", "features", "clears", "msrs", "bytes"]


class Blob:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = bytearray(file.read())
        assert self.data[:8] == b"HVBLOB01"
        self.total = struct.unpack_from("<Q", self.data, 16)[0]
        self.sections = {name: struct.unpack_from("<QII", self.data, 144 + 16 * i)
                         for i, name in enumerate(SECTIONS)}

    def count(self, section):
        return self.sections[section][1]

    def at(self, section, index):
        offset, count, size = self.sections[section]
        assert index < count
        return offset + index * size

    def get(self, section, index, offset, form="<I"):
        return struct.unpack_from(form, self.data, self.at(section, index) + offset)[0]

    def put(self, section, index, offset, value, form="<I"):
        struct.pack_into(form, self.data, self.at(section, index) + offset, value)

    def find(self, section, offset, value, form="<I"):
        return next(i for i in range(self.count(section)) if self.get(section, i, offset, form) == value)

    def write(self, path):
        """With its hash over header and records, as hvcc makes it."""
        self.data[48:144] = bytes(96)
        self.data[48:80] = hashlib.sha256(self.data[:self.total]).digest()
        with open(path, "wb") as file:
            file.write(self.data)
