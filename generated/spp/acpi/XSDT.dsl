[000h 0000   4]                    Signature : "XSDT"    [Extended System Description Table]
[004h 0004   4]                 Table Length : 00000054
[008h 0008   1]                     Revision : 01
[009h 0009   1]                     Checksum : 2C
[00Ah 0010   6]                       Oem ID : "HVCC  "
[010h 0016   8]                 Oem Table ID : "HVCORE  "
[018h 0024   4]                 Oem Revision : 00000001
[01Ch 0028   4]              Asl Compiler ID : "HVCC"
[020h 0032   4]        Asl Compiler Revision : 00000001

[024h 0036   8]       ACPI Table Address   0 : 000000000FFFE280
[02Ch 0044   8]       ACPI Table Address   1 : 000000000FFFE3C0
[034h 0052   8]       ACPI Table Address   2 : 000000000FFFE440
[03Ch 0060   8]       ACPI Table Address   3 : 000000000FFFE480
[044h 0068   8]       ACPI Table Address   4 : 000000000FFFE540
[04Ch 0076   8]       ACPI Table Address   5 : 000000000FFFE5C0

Raw Table Data: Length 84 (0x54)

    0000: 58 53 44 54 54 00 00 00 01 2C 48 56 43 43 20 20  // XSDTT....,HVCC  
    0010: 48 56 43 4F 52 45 20 20 01 00 00 00 48 56 43 43  // HVCORE  ....HVCC
    0020: 01 00 00 00 80 E2 FF 0F 00 00 00 00 C0 E3 FF 0F  // ................
    0030: 00 00 00 00 40 E4 FF 0F 00 00 00 00 80 E4 FF 0F  // ....@...........
    0040: 00 00 00 00 40 E5 FF 0F 00 00 00 00 C0 E5 FF 0F  // ....@...........
    0050: 00 00 00 00                                      // ....
