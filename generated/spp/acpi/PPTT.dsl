[000h 0000   4]                    Signature : "PPTT"    [Processor Properties Topology Table]
[004h 0004   4]                 Table Length : 000000BC
[008h 0008   1]                     Revision : 02
[009h 0009   1]                     Checksum : 3D
[00Ah 0010   6]                       Oem ID : "HVCC  "
[010h 0016   8]                 Oem Table ID : "HVCORE  "
[018h 0024   4]                 Oem Revision : 00000001
[01Ch 0028   4]              Asl Compiler ID : "HVCC"
[020h 0032   4]        Asl Compiler Revision : 00000001


[024h 0036   1]                Subtable Type : 00 [Processor Hierarchy Node]
[025h 0037   1]                       Length : 14
[026h 0038   2]                     Reserved : 0000
[028h 0040   4]        Flags (decoded below) : 00000001
                            Physical package : 1
                     ACPI Processor ID valid : 0
                       Processor is a thread : 0
                              Node is a leaf : 0
                    Identical Implementation : 0
[02Ch 0044   4]                       Parent : 00000000
[030h 0048   4]            ACPI Processor ID : 00000000
[034h 0052   4]      Private Resource Number : 00000000

[038h 0056   1]                Subtable Type : 01 [Cache Type]
[039h 0057   1]                       Length : 18
[03Ah 0058   2]                     Reserved : 0000
[03Ch 0060   4]        Flags (decoded below) : 0000007F
                                  Size valid : 1
                        Number of Sets valid : 1
                         Associativity valid : 1
                       Allocation Type valid : 1
                            Cache Type valid : 1
                          Write Policy valid : 1
                             Line Size valid : 1
[040h 0064   4]          Next Level of Cache : 00000000
[044h 0068   4]                         Size : 01000000
[048h 0072   4]               Number of Sets : 00004000
[04Ch 0076   1]                Associativity : 10
[04Dh 0077   1]                   Attributes : 0E
                             Allocation Type : 2
                                  Cache Type : 3
                                Write Policy : 0
[04Eh 0078   2]                    Line Size : 0040

[050h 0080   1]                Subtable Type : 01 [Cache Type]
[051h 0081   1]                       Length : 18
[052h 0082   2]                     Reserved : 0000
[054h 0084   4]        Flags (decoded below) : 0000007F
                                  Size valid : 1
                        Number of Sets valid : 1
                         Associativity valid : 1
                       Allocation Type valid : 1
                            Cache Type valid : 1
                          Write Policy valid : 1
                             Line Size valid : 1
[058h 0088   4]          Next Level of Cache : 00000038
[05Ch 0092   4]                         Size : 00080000
[060h 0096   4]               Number of Sets : 00000400
[064h 0100   1]                Associativity : 08
[065h 0101   1]                   Attributes : 0E
                             Allocation Type : 2
                                  Cache Type : 3
                                Write Policy : 0
[066h 0102   2]                    Line Size : 0040

[068h 0104   1]                Subtable Type : 01 [Cache Type]
[069h 0105   1]                       Length : 18
[06Ah 0106   2]                     Reserved : 0000
[06Ch 0108   4]        Flags (decoded below) : 0000007F
                                  Size valid : 1
                        Number of Sets valid : 1
                         Associativity valid : 1
                       Allocation Type valid : 1
                            Cache Type valid : 1
                          Write Policy valid : 1
                             Line Size valid : 1
[070h 0112   4]          Next Level of Cache : 00000050
[074h 0116   4]                         Size : 00008000
[078h 0120   4]               Number of Sets : 00000040
[07Ch 0124   1]                Associativity : 08
[07Dh 0125   1]                   Attributes : 06
                             Allocation Type : 2
                                  Cache Type : 1
                                Write Policy : 0
[07Eh 0126   2]                    Line Size : 0040

[080h 0128   1]                Subtable Type : 01 [Cache Type]
[081h 0129   1]                       Length : 18
[082h 0130   2]                     Reserved : 0000
[084h 0132   4]        Flags (decoded below) : 0000007F
                                  Size valid : 1
                        Number of Sets valid : 1
                         Associativity valid : 1
                       Allocation Type valid : 1
                            Cache Type valid : 1
                          Write Policy valid : 1
                             Line Size valid : 1
[088h 0136   4]          Next Level of Cache : 00000050
[08Ch 0140   4]                         Size : 00008000
[090h 0144   4]               Number of Sets : 00000040
[094h 0148   1]                Associativity : 08
[095h 0149   1]                   Attributes : 02
                             Allocation Type : 2
                                  Cache Type : 0
                                Write Policy : 0
[096h 0150   2]                    Line Size : 0040

[098h 0152   1]                Subtable Type : 00 [Processor Hierarchy Node]
[099h 0153   1]                       Length : 24
[09Ah 0154   2]                     Reserved : 0000
[09Ch 0156   4]        Flags (decoded below) : 0000000A
                            Physical package : 0
                     ACPI Processor ID valid : 1
                       Processor is a thread : 0
                              Node is a leaf : 1
                    Identical Implementation : 0
[0A0h 0160   4]                       Parent : 00000024
[0A4h 0164   4]            ACPI Processor ID : 00000000
[0A8h 0168   4]      Private Resource Number : 00000004
[0ACh 0172   4]             Private Resource : 00000038
[0B0h 0176   4]             Private Resource : 00000050
[0B4h 0180   4]             Private Resource : 00000068
[0B8h 0184   4]             Private Resource : 00000080

Raw Table Data: Length 188 (0xBC)

    0000: 50 50 54 54 BC 00 00 00 02 3D 48 56 43 43 20 20  // PPTT.....=HVCC  
    0010: 48 56 43 4F 52 45 20 20 01 00 00 00 48 56 43 43  // HVCORE  ....HVCC
    0020: 01 00 00 00 00 14 00 00 01 00 00 00 00 00 00 00  // ................
    0030: 00 00 00 00 00 00 00 00 01 18 00 00 7F 00 00 00  // ................
    0040: 00 00 00 00 00 00 00 01 00 40 00 00 10 0E 40 00  // .........@....@.
    0050: 01 18 00 00 7F 00 00 00 38 00 00 00 00 00 08 00  // ........8.......
    0060: 00 04 00 00 08 0E 40 00 01 18 00 00 7F 00 00 00  // ......@.........
    0070: 50 00 00 00 00 80 00 00 40 00 00 00 08 06 40 00  // P.......@.....@.
    0080: 01 18 00 00 7F 00 00 00 50 00 00 00 00 80 00 00  // ........P.......
    0090: 40 00 00 00 08 02 40 00 00 24 00 00 0A 00 00 00  // @.....@..$......
    00A0: 24 00 00 00 00 00 00 00 04 00 00 00 38 00 00 00  // $...........8...
    00B0: 50 00 00 00 68 00 00 00 80 00 00 00              // P...h.......
